//! R9: `control_bind`, a source of our own that the main registrar may trust, because no request of
//! anybody else ever leaves from it.

use engine::event::ReleaseOutcome;
use engine::policy::{ChallengePolicy, Credential, Insertion, Mode, Policy};
use engine::{Event, ListenerId};
use midreg_sim::policy::address;
use midreg_sim::{Challenges, Packet, Phone, Temper};

use crate::bench::{Bench, CONTROL, CONTROL_AT, controlled};
use crate::{ALICE, alice, desk, mode};

const LEASED: [Mode; 2] = [Mode::Contact, Mode::Aor];

/// Before a main registrar that trusts our own source, and nothing else.
fn trusted(policy: Policy) -> Bench {
    let mut bench = Bench::new(controlled(policy));
    bench.main.personality.trusts = Some(address(CONTROL_AT));
    bench
}

fn sent_by(request: &Packet) -> String {
    let via = request.value("Via").unwrap_or_default();
    let place = via.split(' ').nth(1).unwrap_or_default();
    place.split(';').next().unwrap_or_default().to_owned()
}

fn held(bench: &Bench) -> usize {
    bench.main.held(bench.now(), ALICE).len()
}

fn outcomes(bench: &Bench) -> Vec<ReleaseOutcome> {
    let released = |event: &Event| match event {
        Event::LeaseReleased { outcome, .. } => Some(*outcome),
        _ => None,
    };
    bench.events.iter().filter_map(released).collect()
}

#[test]
fn r9_our_own_removal_leaves_from_our_own_source_and_is_believed() {
    for of in LEASED {
        for insertion in [Insertion::Parameter, Insertion::User, Insertion::Path] {
            let mut policy = mode(of);
            policy.domain.insertion = insertion;
            let mut bench = trusted(policy);
            bench.registered(&mut alice());
            assert_eq!(held(&bench), 1);
            bench.wait(301);
            assert_eq!(held(&bench), 0, "{of:?} {insertion:?}");
            assert_eq!(outcomes(&bench), [ReleaseOutcome::Removed]);
            let own = bench.registers_from(CONTROL);
            assert_eq!(own.len(), 1);
            assert_eq!(sent_by(own[0]), CONTROL_AT);
            assert_eq!(own[0].to, bench.main.address);
        }
    }
}

#[test]
fn r9_the_contact_is_the_one_that_was_registered_and_so_are_call_id_and_tag() {
    for of in LEASED {
        let mut bench = trusted(mode(of));
        bench.registered(&mut alice());
        let before = bench.main.last().clone();
        bench.wait(301);
        let after = bench.main.last().clone();
        let uri = |request: &Packet| request.contacts()[0].uri.clone();
        assert_eq!(uri(&after), uri(&before), "{of:?}");
        assert!(uri(&after).contains("192.0.2.1:5060"));
        assert_eq!(after.value("Call-ID"), before.value("Call-ID"));
        assert_eq!(after.tag("From"), before.tag("From"));
        assert!(after.cseq() > before.cseq());
    }
}

#[test]
fn r9_no_forwarded_request_ever_leaves_from_it() {
    for of in [Mode::Contact, Mode::Aor, Mode::Mirror] {
        for insertion in [Insertion::Parameter, Insertion::User, Insertion::Path] {
            let mut policy = mode(of);
            policy.domain.insertion = insertion;
            let mut bench = trusted(policy);
            let (mut alice, mut desk) = (alice(), desk());
            bench.registered(&mut alice);
            bench.registered(&mut desk);
            alice.contact_params = ";q=0.1".to_owned();
            bench.registered(&mut alice);
            alice.rebind("198.51.100.7:7000");
            bench.registered(&mut alice);
            // A stranger that names our own source in every place it can.
            let mut thief = Phone::new("alice", "198.51.100.66:5062");
            thief.contacts = vec![format!("sip:alice@{CONTROL_AT}")];
            thief.headers.push(format!("Route: <sip:{CONTROL_AT};lr>"));
            for request in [
                Phone::query,
                Phone::register,
                Phone::unregister,
                Phone::unregister_all,
            ] {
                let bytes = request(&mut thief);
                bench.exchange(&thief, &bytes);
            }
            bench.main.personality.shortest = 10_000;
            let mut third = Phone::new("alice", "198.51.100.21:5062");
            let bytes = third.register();
            bench.converse(&mut third, &bytes);
            let own = bench.registers_from(CONTROL);
            assert_eq!(own, Vec::<&Packet>::new(), "{of:?} {insertion:?}");
            assert!(bench.registers_from(ListenerId(0)).len() >= 12);
        }
    }
}

#[test]
fn r8_r9_a_stranger_cannot_have_a_lease_removed_by_our_trusted_source() {
    for of in LEASED {
        let mut bench = trusted(mode(of));
        let alice = {
            let mut alice = alice();
            bench.registered(&mut alice);
            alice
        };
        let mut thief = Phone::new("alice", "198.51.100.66:5062");
        thief.contacts = alice.contacts.clone();
        for request in [Phone::unregister, Phone::unregister_all] {
            let bytes = request(&mut thief);
            assert_eq!(bench.exchange(&thief, &bytes).status(), 401);
        }
        bench.wait(60);
        assert_eq!(bench.registers_from(CONTROL), Vec::<&Packet>::new());
        assert_eq!((held(&bench), bench.bound(ALICE).len()), (1, 1), "{of:?}");
    }
}

#[test]
fn r1_what_was_accepted_unasked_is_undone_from_our_own_source() {
    let mut policy = mode(Mode::Contact);
    policy.domain.challenge = ChallengePolicy::Require;
    let mut bench = trusted(policy);
    bench.main.personality.challenges = Challenges::Never;
    let mut alice = alice();
    let bytes = alice.register();
    assert_eq!(bench.exchange(&alice, &bytes).status(), 403);
    bench.wait(1);
    assert_eq!(bench.registers_from(CONTROL).len(), 1);
    assert_eq!(held(&bench), 0);
}

#[test]
fn r9_a_challenge_to_it_is_answered_from_it() {
    let mut policy = mode(Mode::Contact);
    policy.upstream.credentials = vec![Credential {
        realm: "".into(),
        user: "midreg".into(),
        password: midreg_sim::main_registrar::PASSWORD.into(),
    }];
    let mut bench = Bench::new(controlled(policy));
    bench.registered(&mut alice());
    bench.wait(301);
    let own = bench.registers_from(CONTROL);
    assert_eq!(own.len(), 2);
    assert!(
        own[1]
            .text()
            .contains("\r\nAuthorization: Digest username=\"midreg\"")
    );
    assert_eq!(own[0].value("Call-ID"), own[1].value("Call-ID"));
    assert!(own[0].cseq() < own[1].cseq());
    assert_eq!(held(&bench), 0);
}

#[test]
fn r9_without_credentials_a_challenge_to_it_ends_the_matter() {
    let mut bench = Bench::new(controlled(mode(Mode::Contact)));
    bench.registered(&mut alice());
    bench.wait(301);
    assert_eq!(outcomes(&bench), [ReleaseOutcome::LeftToExpire]);
    assert_eq!(bench.registers_from(CONTROL).len(), 1);
}

#[test]
fn r9_it_is_tried_again_from_there() {
    let mut bench = trusted(mode(Mode::Contact));
    bench.registered(&mut alice());
    bench.main.personality.temper = Temper::Silent;
    bench.wait(330);
    bench.main.personality.temper = Temper::Normal;
    bench.wait(600);
    assert_eq!(held(&bench), 0);
    assert_eq!(outcomes(&bench), [ReleaseOutcome::Removed]);
    let branches: std::collections::BTreeSet<String> = bench
        .registers_from(CONTROL)
        .iter()
        .map(|own| own.branch())
        .collect();
    assert!(branches.len() >= 2, "more than one try");
}

#[test]
fn r9_a_device_that_returns_speaks_the_devices_way() {
    let mut bench = trusted(mode(Mode::Contact));
    let mut alice = alice();
    bench.registered(&mut alice);
    bench.main.personality.temper = Temper::Silent;
    bench.wait(302);
    bench.main.personality.temper = Temper::Normal;
    let before = bench.registers_from(ListenerId(0)).len();
    bench.registered(&mut alice);
    assert!(bench.registers_from(ListenerId(0)).len() > before);
    bench.wait(100);
    assert_eq!((held(&bench), bench.bound(ALICE).len()), (1, 1));
}

#[test]
fn r9_nobody_registers_there() {
    let mut bench = trusted(mode(Mode::Contact));
    let mut alice = alice();
    let bytes = alice.register();
    bench.receive(CONTROL, alice.address, &bytes);
    let answers: Vec<u16> = bench
        .sent
        .iter()
        .map(|(_, packet)| packet.status())
        .collect();
    assert_eq!(answers, [403]);
    assert_eq!(bench.bound(ALICE), Vec::<String>::new());
}

#[test]
fn r9_in_aor_only_the_last_is_said_from_there() {
    let mut bench = trusted(mode(Mode::Aor));
    bench.registered(&mut alice());
    bench.registered(&mut desk().asking(Some(600)));
    bench.wait(301);
    assert_eq!((bench.registers_from(CONTROL).len(), held(&bench)), (0, 1));
    bench.wait(300);
    assert_eq!((bench.registers_from(CONTROL).len(), held(&bench)), (1, 0));
}

#[test]
fn r9_in_mirror_nothing_of_our_own_is_said() {
    let mut bench = trusted(mode(Mode::Mirror));
    bench.registered(&mut alice());
    bench.wait(301);
    assert_eq!(bench.registers_from(CONTROL), Vec::<&Packet>::new());
    assert_eq!(bench.bound(ALICE), Vec::<String>::new());
}

#[test]
fn r19_r9_our_own_source_speaks_the_main_registrars_names() {
    let mut policy = mode(Mode::Contact);
    policy.domain.upstream_name = Some("pbx.local".into());
    let mut bench = trusted(policy);
    bench.registered(&mut alice());
    bench.wait(301);
    let own = bench.registers_from(CONTROL);
    assert_eq!(own.len(), 1);
    assert!(
        own[0]
            .text()
            .starts_with("REGISTER sip:pbx.local SIP/2.0\r\n")
    );
    assert!(!own[0].text().contains("example.org"), "{}", own[0].text());
}

#[test]
fn s3_r9_a_stranger_cannot_have_anothers_contact_taken_back_by_our_trusted_source() {
    let mut policy = mode(Mode::Contact);
    policy.domain.insertion = Insertion::Path;
    let mut bench = trusted(policy);
    let mut alice = alice();
    bench.registered(&mut alice);
    let mut thief = Phone::new("alice", "198.51.100.66:5062");
    thief.contacts = alice.contacts.clone();
    bench.main.personality.temper = Temper::Silent;
    let bytes = thief.register();
    bench.receive(ListenerId(0), thief.address, &bytes);
    bench.wait(9);
    bench.main.personality.temper = Temper::Normal;
    bench.wait(60);
    assert_eq!((held(&bench), bench.bound(ALICE).len()), (1, 1));
}
