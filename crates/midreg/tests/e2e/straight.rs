//! Phones registered straight at Kamailio: what the programs do when nobody stands between them.

use std::time::Duration;

use crate::rig::{Baresip, Kamailio, PROMPT, Phone, Script, Settings, Verdict, WrongPassword};

use Verdict::{Authenticated, Challenged, Refused, Rejected, Trusted};

#[test]
fn phone_registers_straight_at_kamailio() {
    let kamailio = Kamailio::start(Settings::default());
    let mut alice = Phone::of("alice");
    let contact = alice.contact(60);

    let granted = alice.register(60, kamailio.address());

    assert_eq!(granted.contacts(), [(alice.uri(), 60)]);
    assert_eq!(kamailio.verdicts(), [Challenged, Authenticated]);
    let binding = kamailio.contacts("alice").pop().expect("a binding");
    assert_eq!(binding.uri, alice.uri());
    assert!((55..=60).contains(&binding.expires), "{binding:?}");

    // A phone that keeps its nonce pays one REGISTER for each refresh, all of which the main registrar sees.
    let refresh = Script::default().answer(&contact).expect(200);
    let script = Script::default()
        .register(&contact)
        .expect(401)
        .and(refresh.times(5));
    alice.play(&script, kamailio.address());
    assert_eq!(kamailio.registers().len(), 2 + 1 + 5);

    let leave = alice.contact(0);
    let script = Script::default()
        .register(&leave)
        .expect(401)
        .answer(&leave)
        .expect(200);
    alice.play(&script, kamailio.address());
    assert_eq!(kamailio.contacts("alice"), []);
}

#[test]
fn kamailio_challenges_or_refuses_a_wrong_password() {
    for (wrong_password, status, verdict) in [
        (WrongPassword::Challenge, 401, Challenged),
        (WrongPassword::Refuse, 403, Refused),
    ] {
        let kamailio = Kamailio::start(Settings {
            wrong_password,
            ..Settings::default()
        });
        let mut mallory = Phone::with_password("alice", "guess");
        let contact = mallory.contact(60);

        let script = Script::default()
            .register(&contact)
            .expect(401)
            .answer(&contact)
            .expect(status);
        let replies = mallory.play(&script, kamailio.address());

        assert!(replies[0].challenges());
        assert_eq!(kamailio.verdicts(), [Challenged, verdict]);
        assert_eq!(kamailio.contacts("alice"), []);
    }
}

#[test]
fn kamailio_rejects_too_brief_and_cuts_too_long() {
    let kamailio = Kamailio::start(Settings {
        min_expires: 30,
        max_expires: 90,
        ..Settings::default()
    });
    let mut alice = Phone::of("alice");
    let brief = alice.contact(10);

    let script = Script::default()
        .register(&brief)
        .expect(401)
        .answer(&brief)
        .expect(423);
    let replies = alice.play(&script, kamailio.address());

    assert_eq!(replies[1].seconds("Min-Expires"), Some(30));
    assert_eq!(kamailio.verdicts(), [Challenged, Rejected]);
    assert_eq!(
        alice.register(600, kamailio.address()).contacts(),
        [(alice.uri(), 90)]
    );
    // Zero is not brief, it is the end.
    alice.leave(&alice.contact(0), kamailio.address());
    assert_eq!(kamailio.contacts("alice"), []);
}

#[test]
fn kamailio_trusts_removals_from_one_address_only() {
    let mut trusted = Phone::of("alice");
    let mut other = Phone::of("alice");
    let kamailio = Kamailio::start(Settings {
        trusted: Some(trusted.address()),
        ..Settings::default()
    });
    trusted.register(60, kamailio.address());
    let removal = trusted.contact(0);

    other.ask(&removal, 401, kamailio.address());
    assert_eq!(kamailio.contacts("alice").len(), 1);
    trusted.ask(&trusted.contact(60), 401, kamailio.address());
    trusted.ask(&removal, 200, kamailio.address());

    assert_eq!(
        kamailio.verdicts(),
        [Challenged, Authenticated, Challenged, Challenged, Trusted]
    );
    assert_eq!(kamailio.contacts("alice"), []);
}

#[test]
fn kamailio_removes_a_binding_that_runs_out() {
    let kamailio = Kamailio::start(Settings::default());
    Phone::of("alice").register(1, kamailio.address());

    kamailio.wait_for_expiry("alice", PROMPT);

    assert_eq!(kamailio.contacts("alice"), []);
}

#[test]
fn kamailio_forgets_everything_when_it_was_down() {
    let kamailio = Kamailio::start(Settings::default());
    let mut alice = Phone::of("alice");
    alice.register(60, kamailio.address());

    let kamailio = kamailio.fall_silent().come_back();

    assert_eq!(kamailio.contacts("alice"), []);
    alice.ask_until_challenged(60, kamailio.address());
    alice.register(60, kamailio.address());
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

/// baresip never shows its credentials unasked: each refresh costs the main registrar two REGISTERs.
#[test]
fn baresip_stays_registered_straight_at_kamailio() {
    const REGISTRATIONS: usize = 3;
    let kamailio = Kamailio::start(Settings::default());
    let phone = Baresip::start("alice", 2, kamailio.address());

    phone.wait_for_registrations(REGISTRATIONS, PROMPT + Duration::from_secs(10));

    assert_eq!(kamailio.contacts("alice").len(), 1);
    phone.quit();
    let verdicts = kamailio.verdicts();
    let pairs = verdicts.chunks(2);
    assert!(
        pairs.len() > REGISTRATIONS,
        "each registration and the farewell: {verdicts:?}"
    );
    assert!(
        pairs
            .clone()
            .all(|pair| pair == [Challenged, Authenticated]),
        "{verdicts:?}"
    );
    assert_eq!(kamailio.contacts("alice"), []);
}

#[test]
fn baresip_that_vanishes_leaves_its_binding_to_run_out() {
    let kamailio = Kamailio::start(Settings::default());
    let phone = Baresip::start("alice", 3, kamailio.address());
    phone.wait_for_registrations(1, PROMPT);

    phone.vanish();

    kamailio.wait_for_expiry("alice", PROMPT);
    assert!(
        kamailio
            .registers()
            .iter()
            .all(|register| !register.contact.contains("expires=0"))
    );
}
