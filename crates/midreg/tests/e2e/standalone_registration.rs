//! Registrations at midreg itself (standalone): it asks for the password, and nobody else hears of it.

use std::time::Duration;

use crate::rig::{Baresip, DOMAIN, Midreg, Phone, Script};

/// Refreshed every 1.8 s.
const LIFETIME: u32 = 2;
const TIME: Duration = Duration::from_secs(30);

/// A registrar of alice and bob. SIPp answers MD5 only.
fn registrar(settings: &[&str]) -> Midreg {
    let realm = format!("digest.realm={DOMAIN}");
    let users = [
        realm.as_str(),
        "digest.users.0.name=alice",
        "digest.users.0.password=pw-alice",
        "digest.users.1.name=bob",
        "digest.users.1.password=pw-bob",
    ];
    Midreg::alone(&[&users[..], settings].concat())
}

const MD5: &str = "digest.algorithms=MD5";

#[test]
fn right_password_registers() {
    let midreg = registrar(&[MD5]);
    let mut alice = Phone::of("alice");
    let contact = alice.contact(60);

    let script = Script::default()
        .register(&contact)
        .expect(401)
        .answer(&contact)
        .expect(200);
    let refresh = Script::default().register(&contact).expect(200).times(3);
    let replies = alice.play(&script.and(refresh), midreg.address());

    assert!(replies[0].challenges(), "{:?}", replies[0]);
    for reply in &replies[1..] {
        assert_eq!(reply.contacts(), [(alice.uri(), 60)]);
    }
}

#[test]
fn wrong_password_gets_nowhere() {
    let midreg = registrar(&[MD5]);
    let mut alice = Phone::of("alice");
    alice.register(60, midreg.address());

    // A user that is not known learns no more than one whose password is wrong.
    for mut stranger in [Phone::with_password("alice", "guess"), Phone::of("mallory")] {
        let contact = stranger.contact(60);
        let script = Script::default()
            .register(&contact)
            .expect(401)
            .answer(&contact)
            .expect(401);
        stranger.play(&script, midreg.address());
        stranger.ask(&contact, 401, midreg.address());
    }

    let refreshed = alice.ask(&alice.contact(60), 200, midreg.address());
    assert_eq!(refreshed.uris(), [alice.uri()]);
}

#[test]
fn two_phones_come_and_go() {
    let midreg = registrar(&[MD5]);
    let mut desk = Phone::of("alice");
    let mut hall = Phone::of("alice");
    let mut bob = Phone::of("bob");

    desk.register(60, midreg.address());
    let welcome = hall.register(60, midreg.address());
    assert_eq!(
        welcome.uris(),
        [hall.uri(), desk.uri()],
        "all devices, one's own first"
    );
    let other = bob.register(60, midreg.address());
    assert_eq!(
        other.uris(),
        [bob.uri()],
        "another user's devices are not shown"
    );

    let farewell = desk.unregister(midreg.address());
    assert_eq!(farewell.uris(), [hall.uri()]);
    assert_eq!(hall.unregister(midreg.address()).contacts(), []);
    // They are gone: what comes next is a first registration.
    let again = desk.register(60, midreg.address());
    assert_eq!(again.uris(), [desk.uri()]);
}

#[test]
fn lifetimes_are_those_of_the_configuration() {
    let midreg = registrar(&[
        MD5,
        "registration.min_expires=30",
        "registration.max_expires=120",
    ]);
    let mut alice = Phone::of("alice");

    let welcome = alice.register(3600, midreg.address());
    assert_eq!(welcome.contacts(), [(alice.uri(), 120)]);
    let refusal = alice.ask(&alice.contact(5), 423, midreg.address());
    assert_eq!(refusal.seconds("Min-Expires"), Some(30));
}

#[test]
fn baresip_stays_registered() {
    let midreg = registrar(&[]);
    let phone = Baresip::start("alice", LIFETIME, midreg.address());

    let replies = phone.wait_for_registrations(5, TIME);

    let statuses: Vec<u16> = replies.iter().map(|reply| reply.status).collect();
    assert_eq!(statuses[..2], [401, 200], "{statuses:?}");
    let farewell = phone.quit();
    assert_eq!(
        farewell
            .last()
            .map(|reply| (reply.status, reply.contacts())),
        Some((200, vec![]))
    );
}

#[test]
fn anybody_registers_where_that_is_wanted() {
    let midreg = Midreg::alone(&["registration.accept=anybody"]);
    let mut alice = Phone::of("alice");

    let welcome = alice.ask(&alice.contact(60), 200, midreg.address());

    assert_eq!(welcome.contacts(), [(alice.uri(), 60)]);
}

/// A domain of its own beside others: its users are its own.
#[test]
fn nobody_registers_in_a_domain_that_is_not_listed() {
    let midreg = Midreg::alone(&[
        "domain.0.name=lab.test",
        "domain.0.digest.algorithms=MD5",
        "domain.0.digest.users.0.name=alice",
        "domain.0.digest.users.0.password=pw-alice",
    ]);
    let mut inside = Phone::at("alice", "lab.test");
    let mut outside = Phone::at("alice", "other.test");

    inside.register(60, midreg.address());

    outside.ask(&outside.contact(60), 401, midreg.address());
}
