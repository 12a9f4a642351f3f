//! `upstream.require_challenge`, under a hostile eye: a main registrar that asks nobody for proof, and
//! what a stranger makes of that.

use engine::policy::{ChallengePolicy, Mode, Policy};
use midreg_sim::{Challenges, Phone, Temper, World, policy};

const ALICE: &str = "alice@example.org";
const GARBAGE: &str = "Authorization: Digest username=\"alice\", realm=\"x\", nonce=\"y\", \
                       uri=\"sip:example.org\", response=\"z\"";

fn strict(mode: Mode) -> Policy {
    let mut policy = policy::with(mode, 1);
    policy.domain.challenge = ChallengePolicy::Require;
    policy
}

fn alice() -> Phone {
    Phone::new("alice", "198.51.100.7:5062").with_instance("urn:uuid:1")
}

/// Alice was challenged; nobody is any more.
fn open(mode: Mode) -> (World, Phone) {
    let mut world = World::new(strict(mode));
    let mut alice = alice();
    world.registered(&mut alice);
    world.main().personality.challenges = Challenges::Never;
    (world, alice)
}

fn thief() -> Phone {
    Phone::new("alice", "203.0.113.66:5062")
}

#[test]
fn r1_credentials_that_nobody_asked_for_are_no_challenge() {
    for mode in [Mode::Contact, Mode::Aor] {
        let mut world = World::new(strict(mode));
        world.main().personality.challenges = Challenges::Never;
        let mut thief = thief().with_header(GARBAGE);
        let bytes = thief.register();
        assert_eq!(world.exchange(&thief, &bytes).status(), 403, "{mode:?}");
        assert!(world.bound(ALICE).is_empty());
    }
}

#[test]
fn r1_nobody_takes_over_a_device_without_a_challenge() {
    for mode in [Mode::Contact, Mode::Aor] {
        let (mut world, alice) = open(mode);
        let mut thief = thief().with_instance("urn:uuid:1");
        let bytes = thief.register();
        assert_eq!(world.exchange(&thief, &bytes).status(), 403, "{mode:?}");
        assert_eq!(world.rig.bindings(ALICE)[0].remote, alice.address);
    }
}

#[test]
fn r1_nobody_ends_a_registration_without_a_challenge() {
    for mode in [Mode::Contact, Mode::Aor] {
        let (mut world, alice) = open(mode);
        let mut thief = thief();
        thief.contacts.clone_from(&alice.contacts);
        thief.contact_params.clone_from(&alice.contact_params);
        for bytes in [thief.unregister(), thief.unregister_all()] {
            assert_ne!(world.exchange(&thief, &bytes).status(), 200, "{mode:?}");
            assert_eq!(world.bound(ALICE), alice.contacts);
        }
    }
}

#[test]
fn r1_nobody_learns_who_is_registered_without_a_challenge() {
    for mode in [Mode::Contact, Mode::Aor] {
        let (mut world, _) = open(mode);
        let mut thief = thief();
        let bytes = thief.query();
        let answer = world.exchange(&thief, &bytes);
        assert!(
            answer.all("Contact").is_empty(),
            "{mode:?} {}",
            answer.text()
        );
    }
}

#[test]
fn a_stranger_with_worthless_credentials_is_not_told_of_for_hours_either() {
    for mode in [Mode::Contact, Mode::Aor] {
        let mut world = World::new(policy::with(mode, 1));
        world.main().personality.temper = Temper::Silent;
        let mut stranger = Phone::new("nobody", "203.0.113.66:5062").with_header(GARBAGE);
        let bytes = stranger.register();
        world.send(stranger.address, &bytes);
        world.wait(120);
        assert_eq!(world.rig.totals().conversations, 0, "{mode:?}");
    }
}

#[test]
fn r11_credentials_that_were_overheard_bring_nobody_in_from_elsewhere() {
    for later in [0, 3] {
        let mut world = World::contact();
        let mut alice = alice();
        world.registered(&mut alice);
        let overheard = alice.again();
        for _ in 0..later {
            let bytes = alice.register();
            world.exchange(&alice, &bytes);
        }
        world.wait(60);
        let thief = thief();
        world.send(thief.address, &overheard);
        let remote = world.rig.bindings(ALICE)[0].remote;
        assert_eq!(remote, alice.address, "{later} refreshes later");
    }
}

// A proxy in front of us: one flow, many phones

const EDGE: &str = "198.51.100.200:5060";

/// Alice and mallory behind one proxy; what they send has its Via and their own.
fn behind_one_proxy(mode: Mode, transport: &'static str) -> (World, Phone, Phone) {
    let mut world = World::new(policy::with(mode, 1));
    if transport == "TCP" {
        world.rig.connect(policy::address(EDGE));
    }
    let phone = |user: &str, host: &str| {
        let mut phone = Phone::new(user, EDGE);
        phone.transport = transport;
        phone.contacts = vec![format!("sip:{user}@{host}:5062")];
        let branch = format!("z9hG4bK{user}");
        phone.with_header(&format!("Via: SIP/2.0/UDP {host}:5062;branch={branch}"))
    };
    let mut alice = phone("alice", "198.51.100.7");
    world.registered(&mut alice);
    let mut mallory = phone("alice", "203.0.113.66");
    mallory.reboot();
    mallory.call_id = "mallory".to_owned();
    mallory.from_tag = "guess".to_owned();
    mallory.password = "guess".to_owned();
    (world, alice, mallory)
}

#[test]
fn whoever_shares_a_proxy_with_a_device_learns_nothing_of_it() {
    for transport in ["UDP", "TCP"] {
        let (mut world, _, mut mallory) = behind_one_proxy(Mode::Contact, transport);
        let bytes = mallory.query();
        let answer = world.converse(&mut mallory, &bytes);
        assert_eq!(answer.status(), 401, "{transport}");
    }
}

#[test]
fn whoever_shares_a_proxy_with_a_device_does_not_end_its_registration() {
    for mode in [Mode::Contact, Mode::Aor] {
        for transport in ["UDP", "TCP"] {
            let (mut world, alice, mut mallory) = behind_one_proxy(mode, transport);
            mallory.contacts.clone_from(&alice.contacts);
            let bytes = mallory.unregister();
            world.converse(&mut mallory, &bytes);
            assert_eq!(world.bound(ALICE), alice.contacts, "{mode:?} {transport}");
        }
    }
}

#[test]
fn whoever_shares_a_proxy_with_a_device_does_not_keep_it_alive() {
    for transport in ["UDP", "TCP"] {
        let (mut world, alice, mut mallory) = behind_one_proxy(Mode::Contact, transport);
        mallory.contacts.clone_from(&alice.contacts);
        for _ in 0..8 {
            world.wait(50);
            let bytes = mallory.register();
            world.converse(&mut mallory, &bytes);
        }
        assert!(world.bound(ALICE).is_empty(), "{transport}");
    }
}
