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
        stranger.be_refused(60, midreg.address());
        stranger.ask(&stranger.contact(60), 401, midreg.address());
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

/// A hash in the place of a password, and a file of hashes.
#[test]
fn users_are_known_by_hashes() {
    // The MD5 of carol:example.test:pw-carol.
    let hash = "digest.users.2.ha1_md5=bec36d8a5af13de7097fc04bfe5aa38c";
    let file = concat!(
        "digest.users_file=",
        env!("CARGO_MANIFEST_DIR"),
        "/src/config/tests/users.htdigest"
    );
    let midreg = registrar(&[MD5, "digest.users.2.name=carol", hash, file]);

    for user in ["alice", "carol", "dave"] {
        let mut phone = Phone::of(user);
        let welcome = phone.register(60, midreg.address());
        assert_eq!(welcome.uris(), [phone.uri()]);
        Phone::with_password(user, "guess").be_refused(60, midreg.address());
    }
}

#[test]
fn phone_that_dies_is_gone() {
    let midreg = registrar(&[MD5]);
    let mut desk = Phone::of("alice");
    let mut hall = Phone::of("alice");
    hall.register(60, midreg.address());
    desk.register(2, midreg.address());

    hall.refresh_until_alone(60, midreg.address());

    // What it asks next is a first registration.
    desk.register(60, midreg.address());
    let refreshed = hall.ask(&hall.contact(60), 200, midreg.address());
    assert_eq!(refreshed.uris(), [hall.uri(), desk.uri()]);
}

/// baresip 1.0 gives up at the first challenge whose algorithm it does not know, and it knows MD5 only.
#[test]
fn baresip_stays_registered() {
    let midreg = registrar(&[MD5]);
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
