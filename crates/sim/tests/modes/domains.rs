//! Domains of different modes side by side in one engine, each under its own settings.

use engine::policy::{ChallengePolicy, DomainPolicy, Insertion, Mode, Policy};
use engine::{Event, Row};
use midreg_sim::expect::locally;
use midreg_sim::{Challenges, Packet, Phone, World};

use crate::{main_registers, mode, unwatched, unwatched_open};

/// One domain of each kind.
const NAMES: [&str; 6] = ["aor", "contact", "mirror", "path", "standalone", "user"];

fn domain(of: Mode, change: impl FnOnce(&mut DomainPolicy)) -> DomainPolicy {
    let mut domain = DomainPolicy {
        mode: of,
        ..DomainPolicy::default()
    };
    change(&mut domain);
    domain
}

/// All of them; what is not named is `contact`.
fn house() -> Policy {
    let mut policy = mode(Mode::Contact);
    let named = |name: &str, domain| (format!("{name}.example").into_boxed_str(), domain);
    policy.domains = vec![
        named("aor", domain(Mode::Aor, |domain| domain.expires = 5000)),
        named(
            "contact",
            domain(Mode::Contact, |domain| domain.expires = 6000),
        ),
        named("mirror", domain(Mode::Mirror, |_| {})),
        named(
            "path",
            domain(Mode::Contact, |domain| domain.insertion = Insertion::Path),
        ),
        named("standalone", domain(Mode::Standalone, |_| {})),
        named(
            "user",
            domain(Mode::Contact, |domain| domain.insertion = Insertion::User),
        ),
    ];
    policy
}

/// A request as it is said in a domain.
fn at(name: &str, bytes: &[u8]) -> Vec<u8> {
    let domain = format!("{name}.example");
    let text = String::from_utf8_lossy(bytes).into_owned();
    let text = text.replace(
        "REGISTER sip:example.org ",
        &format!("REGISTER sip:{domain} "),
    );
    text.replace("@example.org>", &format!("@{domain}>"))
        .into_bytes()
}

fn aor(name: &str) -> String {
    format!("alice@{name}.example")
}

fn phone(number: u16) -> Phone {
    Phone::new("alice", &format!("198.51.100.{number}:5062"))
}

fn register(world: &mut World, name: &str, phone: &mut Phone) -> Packet {
    let bytes = at(name, &phone.register());
    world.exchange(phone, &bytes)
}

/// A world in which a phone is registered in every domain.
fn settled() -> (World, Vec<Phone>) {
    let mut world = unwatched_open(house());
    let mut phones: Vec<Phone> = (1..=NAMES.len() as u16).map(phone).collect();
    for (name, phone) in NAMES.iter().zip(&mut phones) {
        let answer = register(&mut world, name, phone);
        assert_eq!(answer.status(), 200, "{name}: {}", answer.text());
    }
    (world, phones)
}

#[test]
fn r19_each_domain_is_registered_in_its_own_way() {
    let (mut world, phones) = settled();
    let held = |name: &str| world.held(&aor(name));
    assert_eq!(held("aor")[0].uri, "sip:alice%40aor.example@192.0.2.1:5060");
    assert!(
        held("contact")[0]
            .uri
            .starts_with("sip:alice@192.0.2.1:5060;mr=")
    );
    assert!(
        held("mirror")[0]
            .uri
            .starts_with("sip:alice@192.0.2.1:5060;mr=")
    );
    assert_eq!(held("path")[0].uri, phones[3].contact());
    assert_eq!(held("standalone"), []);
    let user = held("user")[0].clone();
    assert_eq!(user.uri, format!("sip:{}@192.0.2.1:5060", user.handle));
    let seen = world.main().seen();
    let of = |name: &str| {
        let to = format!("alice@{name}.example");
        let mut own = seen.iter().filter(|seen| seen.request.text().contains(&to));
        own.next().map(|seen| seen.request.clone())
    };
    assert!(of("standalone").is_none());
    assert!(of("path").is_some_and(|sent| sent.value("Path").is_some()));
    for name in ["aor", "contact", "mirror", "user"] {
        assert_eq!(of(name).and_then(|sent| sent.value("Path")), None, "{name}");
    }
    for (name, phone) in NAMES.iter().zip(&phones) {
        assert_eq!(world.bound(&aor(name)), [phone.contact()], "{name}");
    }
}

#[test]
fn r5_each_domain_asks_for_its_own_lifetime() {
    let (world, _) = settled();
    for (name, lease) in [
        ("aor", 5000),
        ("contact", 6000),
        ("mirror", 300),
        ("path", 7200),
    ] {
        let left = world.held(&aor(name))[0].until.seconds_after(world.now());
        assert_eq!(left, lease, "{name}");
    }
}

#[test]
fn d13_each_domain_absorbs_or_not() {
    let (mut world, mut phones) = settled();
    for (name, phone) in NAMES.iter().zip(&mut phones) {
        let before = main_registers(&world);
        let answer = register(&mut world, name, phone);
        assert_eq!(answer.promised(phone.contact()), Some(300), "{name}");
        let asked = main_registers(&world) - before;
        assert_eq!(asked, usize::from(*name == "mirror"), "{name}");
    }
    assert_eq!((world.row(Row::D13), world.row(Row::Mirror)), (5, 2));
}

#[test]
fn d5_each_domain_answers_a_strangers_query_in_its_own_way() {
    let (mut world, _) = settled();
    for (number, name) in (100..).zip(NAMES) {
        let mut stranger = phone(number);
        let before = main_registers(&world);
        let bytes = at(name, &stranger.query());
        assert_eq!(world.exchange(&stranger, &bytes).status(), 200);
        let asked = main_registers(&world) - before;
        assert_eq!(asked, usize::from(name != "standalone"), "{name}");
    }
}

#[test]
fn r8_each_domain_is_left_in_its_own_way() {
    let (mut world, mut phones) = settled();
    for (name, phone) in NAMES.iter().zip(&mut phones) {
        let before = main_registers(&world);
        let bytes = at(name, &phone.unregister());
        assert_eq!(world.exchange(phone, &bytes).status(), 200);
        let asked = main_registers(&world) - before;
        assert_eq!(asked, usize::from(*name != "standalone"), "{name}");
        assert_eq!(
            (world.bound(&aor(name)), world.held(&aor(name))),
            (vec![], vec![]),
            "{name}"
        );
    }
    assert_eq!(world.rig.totals().records, 0);
}

#[test]
fn r9_each_domain_dies_in_its_own_way() {
    let (mut world, _) = settled();
    let before = main_registers(&world);
    world.wait(302);
    assert_eq!(world.rig.totals().records, 0);
    // `mirror` ends as it began, without us, and standalone has nobody to tell.
    assert_eq!(main_registers(&world) - before, 4);
    for name in NAMES {
        assert_eq!(world.held(&aor(name)), [], "{name}");
    }
}

#[test]
fn r4_each_domain_has_its_own_bounds() {
    let mut policy = mode(Mode::Contact);
    let bounds = |of, min, default, max| {
        domain(of, |domain| {
            domain.registration.min_expires = min;
            domain.registration.default_expires = default;
            domain.registration.max_expires = max;
        })
    };
    policy.domains = vec![
        ("aor.example".into(), bounds(Mode::Aor, 100, 200, 400)),
        ("contact.example".into(), bounds(Mode::Contact, 10, 20, 40)),
        (
            "standalone.example".into(),
            bounds(Mode::Standalone, 1000, 2000, 3000),
        ),
    ];
    let mut world = unwatched_open(policy);
    for (name, min, default, max) in [
        ("aor", 100, 200, 400),
        ("contact", 10, 20, 40),
        ("standalone", 1000, 2000, 3000),
        ("elsewhere", 60, 3600, 3600),
    ] {
        let mut brief = phone(1).asking(Some(min - 1));
        let answer = register(&mut world, name, &mut brief);
        assert_eq!(
            (answer.status(), answer.number("Min-Expires")),
            (423, Some(min)),
            "{name}"
        );
        for (number, (asked, granted)) in
            (2..).zip([(None, default), (Some(10_000), max), (Some(min), min)])
        {
            let mut phone = phone(number).asking(asked);
            let answer = register(&mut world, name, &mut phone);
            assert_eq!(
                answer.promised(phone.contact()),
                Some(granted),
                "{name} {asked:?}"
            );
        }
    }
}

#[test]
fn d10_each_domain_wants_proof_as_often_as_it_likes() {
    let mut policy = house();
    for (name, domain) in &mut policy.domains {
        domain.reauth_interval = if **name == *"contact.example" {
            200
        } else {
            7200
        };
    }
    let mut world = unwatched_open(policy);
    for (number, (name, asked)) in (1..).zip([("contact", 1), ("user", 0)]) {
        let mut phone = phone(number);
        register(&mut world, name, &mut phone);
        world.wait(250);
        let before = main_registers(&world);
        register(&mut world, name, &mut phone);
        assert_eq!(main_registers(&world) - before, asked, "{name}");
    }
    assert_eq!(world.row(Row::D10), 1);
}

#[test]
fn r1_each_domain_wants_a_challenge_or_not() {
    let mut policy = house();
    for (name, domain) in &mut policy.domains {
        if **name == *"contact.example" {
            domain.challenge = ChallengePolicy::Require;
        }
    }
    let mut world = unwatched_open(policy);
    for (number, (name, status)) in (1..).zip([("contact", 403), ("user", 200), ("aor", 200)]) {
        assert_eq!(
            register(&mut world, name, &mut phone(number)).status(),
            status,
            "{name}"
        );
    }
}

#[test]
fn r3_one_user_part_in_two_domains_is_two_people() {
    let mut world = unwatched_open(house());
    let mut one = phone(1);
    register(&mut world, "aor", &mut one);
    let bytes = at("contact", &one.register());
    assert_eq!(world.exchange(&one, &bytes).status(), 200);
    assert_eq!(world.rig.totals().records, 2);
    assert_eq!(
        (
            world.held(&aor("aor")).len(),
            world.held(&aor("contact")).len()
        ),
        (1, 1)
    );
}

#[test]
fn d9_a_flow_that_is_proved_in_one_domain_is_a_stranger_in_another() {
    let (mut world, mut phones) = settled();
    world.main().personality.challenges = Challenges::Always;
    for name in ["contact", "user", "path"] {
        let own = NAMES.iter().position(|other| *other == name).unwrap_or(0);
        let elsewhere = &mut phones[(own + 1) % NAMES.len()];
        let answer = register(&mut world, name, elsewhere);
        assert_eq!(answer.status(), 401, "{name}");
    }
}

// A change of mode or insertion: the new lease first, then the old one goes.

#[test]
fn r14_a_domain_whose_mode_changes_keeps_its_lease_until_the_next_forward() {
    let (mut world, mut phones) = settled();
    let mut policy = house();
    for (name, domain) in &mut policy.domains {
        if **name == *"contact.example" {
            domain.mode = Mode::Aor;
        }
    }
    world.touch(|rig| rig.set_policy(policy));
    let phone = &mut phones[1];
    let bytes = at("contact", &phone.register());
    let answer = locally(&mut world, phone, &bytes);
    assert_eq!(answer.promised(phone.contact()), Some(300));
    world.touch(|rig| rig.command(engine::command::Command::Resync { tag: 0 }));
    assert_eq!(register(&mut world, "contact", phone).status(), 200);
    world.wait(5);
    let held: Vec<String> = world
        .held(&aor("contact"))
        .into_iter()
        .map(|held| held.uri)
        .collect();
    assert_eq!(
        held,
        ["sip:alice%40contact.example@192.0.2.1:5060"],
        "the new one, then not the old"
    );
}

#[test]
fn r14_a_change_of_insertion_leaves_one_contact_upstream() {
    for (from, to) in [
        (Insertion::Parameter, Insertion::Path),
        (Insertion::Path, Insertion::Parameter),
        (Insertion::User, Insertion::Parameter),
    ] {
        let mut policy = mode(Mode::Contact);
        policy.domain.insertion = from;
        let mut world = unwatched_open(policy.clone());
        let mut alice = phone(1);
        world.registered(&mut alice);
        policy.domain.insertion = to;
        world.touch(|rig| rig.set_policy(policy));
        world.touch(|rig| rig.command(engine::command::Command::Resync { tag: 0 }));
        world.registered(&mut alice);
        world.wait(5);
        let held = world.held("alice@example.org");
        assert_eq!(held.len(), 1, "{from:?} -> {to:?}: {held:?}");
        assert_eq!(held[0].uri == alice.contact(), to == Insertion::Path);
    }
}

#[test]
fn r14_a_domain_that_gets_a_main_registrar_asks_it_and_one_that_loses_it_gives_back() {
    let mut policy = mode(Mode::Contact);
    policy.domain.mode = Mode::Standalone;
    let mut world = unwatched(policy.clone());
    world.main().personality.challenges = Challenges::Never;
    let mut alice = phone(1);
    world.registered(&mut alice);
    assert_eq!(world.held("alice@example.org"), []);
    policy.domain.mode = Mode::Contact;
    world.touch(|rig| rig.set_policy(policy.clone()));
    world.touch(|rig| rig.command(engine::command::Command::Resync { tag: 0 }));
    world.registered(&mut alice);
    assert_eq!(world.held("alice@example.org").len(), 1);
    assert_eq!(world.bound("alice@example.org").len(), 1);
    policy.domain.mode = Mode::Standalone;
    world.touch(|rig| rig.set_policy(policy));
    // Changed, so that it is registered here anew.
    alice.contact_params = ";q=0.5".to_owned();
    world.registered(&mut alice);
    world.wait(5);
    assert_eq!(world.held("alice@example.org"), []);
    assert_eq!(world.bound("alice@example.org").len(), 1);
    let broken = |event: &Event| matches!(event, Event::InvariantBroken { .. });
    assert!(!world.events().iter().any(broken));
}
