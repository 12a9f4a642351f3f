//! How a registration ends: the phone leaves, clears everything, or dies.

use crate::rig::{
    Kamailio, Midreg, Mode, PROMPT, Phone, Port, RegisterSeen, Script, Settings, Verdict,
};

use Verdict::{Authenticated, Challenged, Trusted};

#[test]
fn phone_that_leaves_is_removed_in_contact_mode() {
    phone_that_leaves_is_removed(Mode::Contact);
}

#[test]
fn phone_that_leaves_is_removed_in_mirror_mode() {
    phone_that_leaves_is_removed(Mode::Mirror);
}

#[test]
fn phone_that_leaves_is_removed_in_aor_mode() {
    phone_that_leaves_is_removed(Mode::Aor);
}

fn phone_that_leaves_is_removed(mode: Mode) {
    let kamailio = Kamailio::start(Settings::default());
    let midreg = Midreg::start(mode, kamailio.address(), &[]);
    let mut alice = Phone::of("alice");
    alice.register(60, midreg.address());
    assert_eq!(kamailio.contacts("alice").len(), 1);

    let farewell = alice.leave(&alice.contact(0), midreg.address());

    assert_eq!(farewell.contacts(), []);
    assert_eq!(kamailio.contacts("alice"), []);
    // It is gone here too: what comes next is a first registration.
    alice.register(60, midreg.address());
    assert_eq!(kamailio.verdicts(), [Challenged, Authenticated].repeat(3));
    assert_eq!(kamailio.contacts("alice").len(), 1);
}

#[test]
fn star_removes_every_phone_in_contact_mode() {
    star_removes_every_phone(Mode::Contact);
}

#[test]
fn star_removes_every_phone_in_mirror_mode() {
    star_removes_every_phone(Mode::Mirror);
}

fn star_removes_every_phone(mode: Mode) {
    let kamailio = Kamailio::start(Settings::default());
    let midreg = Midreg::start(mode, kamailio.address(), &[]);
    let mut desk = Phone::of("alice");
    let mut hall = Phone::of("alice");
    desk.register(60, midreg.address());
    hall.register(60, midreg.address());
    assert_eq!(kamailio.contacts("alice").len(), 2);

    let farewell = desk.leave("Contact: *\nExpires: 0", midreg.address());

    assert_eq!(farewell.contacts(), []);
    assert_eq!(kamailio.contacts("alice"), []);
    let stars = kamailio
        .registers()
        .iter()
        .filter(|register| register.contact == "*")
        .count();
    assert_eq!(
        stars, 2,
        "it goes upstream once, and once more with the answer to the challenge"
    );
    hall.register(60, midreg.address());
    assert_eq!(kamailio.contacts("alice").len(), 1);
}

#[test]
fn star_with_a_lifetime_is_refused() {
    let kamailio = Kamailio::start(Settings::default());
    let midreg = Midreg::start(Mode::Contact, kamailio.address(), &[]);
    let mut alice = Phone::of("alice");
    alice.register(60, midreg.address());

    alice.ask("Contact: *\nExpires: 60", 400, midreg.address());

    assert_eq!(kamailio.verdicts(), [Challenged, Authenticated]);
    assert_eq!(kamailio.contacts("alice").len(), 1);
}

/// The main registrar would believe in the phone for two hours; midreg, whose address it trusts, tells it the truth.
#[test]
fn phone_that_dies_is_removed() {
    let address = Port::reserve();
    let kamailio = Kamailio::start(Settings {
        trusted: Some(address.address()),
        ..Settings::default()
    });
    let midreg = Midreg::start_at(
        address,
        Mode::Contact,
        kamailio.address(),
        &["upstream.expires=7200"],
    );
    let mut alice = Phone::of("alice");
    let mut bob = Phone::of("bob");
    alice.register(2, midreg.address());
    bob.register(600, midreg.address());
    assert_eq!(kamailio.contacts("alice").len(), 1);

    let removal = kamailio.wait_for_register("the removal of alice", PROMPT, is_unproved_removal);

    assert_eq!((removal.verdict, removal.user.as_str()), (Trusted, "alice"));
    assert_eq!(
        removal.call_id,
        kamailio.registers()[0].call_id,
        "it is the lease's own client that leaves"
    );
    assert_eq!(kamailio.contacts("alice"), []);
    assert_eq!(
        kamailio.contacts("bob").len(),
        1,
        "a neighbour that lives stays"
    );
}

/// Where midreg is not trusted its removal is challenged, and it has no password: the lease is left to run out.
#[test]
fn phone_that_dies_leaves_its_lease_where_midreg_is_not_trusted() {
    let kamailio = Kamailio::start(Settings::default());
    let midreg = Midreg::start(Mode::Contact, kamailio.address(), &["upstream.expires=10"]);
    Phone::of("alice").register(2, midreg.address());

    let removal = kamailio.wait_for_register("the removal of alice", PROMPT, is_unproved_removal);
    assert_eq!(removal.verdict, Challenged);
    assert_eq!(kamailio.contacts("alice").len(), 1);

    kamailio.wait_for_expiry("alice", PROMPT);
    let removals = kamailio
        .registers()
        .into_iter()
        .filter(is_unproved_removal)
        .count();
    assert_eq!(
        removals, 1,
        "a challenge is an answer: it is not asked again"
    );
}

fn is_unproved_removal(register: &RegisterSeen) -> bool {
    !register.has_authorization && register.contact.ends_with("expires=0")
}

/// A phone that had died may come back as if nothing had been.
#[test]
fn phone_that_died_comes_back() {
    let address = Port::reserve();
    let kamailio = Kamailio::start(Settings {
        trusted: Some(address.address()),
        ..Settings::default()
    });
    let midreg = Midreg::start_at(address, Mode::Contact, kamailio.address(), &[]);
    let mut alice = Phone::of("alice");
    alice.register(2, midreg.address());
    kamailio.wait_for_register("the removal of alice", PROMPT, |register| {
        register.verdict == Trusted
    });

    alice.register(60, midreg.address());

    assert_eq!(
        kamailio.verdicts(),
        [
            Challenged,
            Authenticated,
            Trusted,
            Challenged,
            Authenticated
        ]
    );
    assert_eq!(kamailio.contacts("alice").len(), 1);
    let refresh = Script::default().register(alice.contact(60)).expect(200);
    alice.play(&refresh.times(3), midreg.address());
    assert_eq!(kamailio.registers().len(), 5);
}
