//! What midreg asks of the main registrar by itself, the removal of a dead phone, and why it is believed: an address of
//! its own that is trusted, or credentials of its own.

use crate::rig::{DOMAIN, Kamailio, Midreg, Mode, PROMPT, Phone, Port, Settings, Verdict};

use Verdict::{Authenticated, Challenged, Trusted};

#[test]
fn removal_comes_from_the_address_that_is_trusted_in_contact_mode() {
    removal_comes_from_the_address_that_is_trusted(Mode::Contact);
}

#[test]
fn removal_comes_from_the_address_that_is_trusted_in_aor_mode() {
    removal_comes_from_the_address_that_is_trusted(Mode::Aor);
}

fn removal_comes_from_the_address_that_is_trusted(mode: Mode) {
    let own = Port::reserve();
    let kamailio = Kamailio::start(Settings {
        trusted: Some(own.address()),
        ..Settings::default()
    });
    let control = format!("upstream.control_bind=udp://{}", own.address());
    let midreg = Midreg::start(mode, kamailio.address(), &[&control]);
    Phone::of("alice").register(2, midreg.address());

    let removal = kamailio.wait_for_register("the removal of alice", PROMPT, |register| {
        register.verdict == Trusted
    });

    assert_eq!(removal.source, own.address());
    assert_eq!(kamailio.contacts("alice"), []);
    let others = kamailio
        .registers()
        .into_iter()
        .filter(|seen| *seen != removal);
    assert!(
        others
            .into_iter()
            .all(|seen| seen.source == midreg.address()),
        "no request of a device leaves from there"
    );
}

#[test]
fn removal_that_is_challenged_is_answered_in_contact_mode() {
    removal_that_is_challenged_is_answered(Mode::Contact);
}

#[test]
fn removal_that_is_challenged_is_answered_in_aor_mode() {
    removal_that_is_challenged_is_answered(Mode::Aor);
}

fn removal_that_is_challenged_is_answered(mode: Mode) {
    let kamailio = Kamailio::start(Settings::default());
    let realm = format!("upstream.credentials.0.realm={DOMAIN}");
    let settings = [
        &realm,
        "upstream.credentials.0.user=alice",
        "upstream.credentials.0.password=pw-alice",
    ];
    let midreg = Midreg::start(mode, kamailio.address(), &settings);
    Phone::of("alice").register(2, midreg.address());

    kamailio.wait_for_register("the removal of alice", PROMPT, |register| {
        register.verdict == Authenticated && register.is_removal()
    });

    assert_eq!(kamailio.contacts("alice"), []);
    assert_eq!(kamailio.verdicts(), [Challenged, Authenticated].repeat(2));
}

/// A main registrar that believes nobody lets the registration run out.
#[test]
fn removal_that_nobody_can_answer_is_asked_for_once() {
    let kamailio = Kamailio::start(Settings::default());
    let midreg = Midreg::start(
        Mode::Aor,
        kamailio.address(),
        &[
            "upstream.credentials.0.realm=another.test",
            "upstream.credentials.0.user=alice",
            "upstream.credentials.0.password=pw-alice",
        ],
    );
    let mut alice = Phone::of("alice");
    alice.register(2, midreg.address());

    let removal = kamailio.wait_for_register("the removal of alice", PROMPT, |register| {
        register.is_removal()
    });

    assert_eq!(removal.verdict, Challenged);
    assert!(!removal.has_authorization);
    assert_eq!(kamailio.contacts("alice").len(), 1, "it runs out there");
    // Here she is gone: what comes next is a first registration, and asks upstream.
    alice.register(60, midreg.address());
    assert_eq!(
        kamailio.verdicts(),
        [
            Challenged,
            Authenticated,
            Challenged,
            Challenged,
            Authenticated
        ]
    );
}
