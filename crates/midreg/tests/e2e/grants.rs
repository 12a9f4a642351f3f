//! Lifetimes: what phones ask for, what the main registrar gives, and what midreg may promise in between (R4, R5).

use crate::rig::{Kamailio, Midreg, Mode, Phone, Reply, Script, Settings, Verdict};

use Verdict::{Authenticated, Challenged, Rejected};

#[test]
fn too_brief_is_rejected_by_midreg() {
    let kamailio = Kamailio::start(Settings::default());
    let settings = [
        "registration.min_expires=60",
        "registration.too_brief=\"reject\"",
    ];
    let midreg = Midreg::start(Mode::Contact, kamailio.address(), &settings);
    let mut alice = Phone::of("alice");

    let reply = alice.ask(&alice.contact(10), 423, midreg.address());

    assert_eq!(reply.seconds("Min-Expires"), Some(60));
    assert_eq!(kamailio.registers(), []);
    // A phone that takes the hint registers.
    assert_eq!(alice.register(60, midreg.address()).contacts().len(), 1);
}

#[test]
fn too_brief_is_raised_by_midreg() {
    let kamailio = Kamailio::start(Settings::default());
    let settings = [
        "registration.min_expires=60",
        "registration.too_brief=\"raise\"",
        "registration.jitter=0",
    ];
    let midreg = Midreg::start(Mode::Contact, kamailio.address(), &settings);
    let mut alice = Phone::of("alice");

    assert_eq!(
        alice.register(10, midreg.address()).contacts(),
        [(alice.uri(), 60)]
    );
}

#[test]
fn too_brief_is_the_main_registrars_business_in_mirror_mode() {
    let kamailio = Kamailio::start(Settings {
        min_expires: 20,
        ..Settings::default()
    });
    let midreg = Midreg::start(
        Mode::Mirror,
        kamailio.address(),
        &["registration.min_expires=60"],
    );
    let mut alice = Phone::of("alice");
    let brief = alice.contact(10);

    let script = Script::default()
        .register(&brief)
        .expect(401)
        .answer(&brief)
        .expect(423);
    let replies = alice.play(&script, midreg.address());

    assert_eq!(replies[1].seconds("Min-Expires"), Some(20));
    assert_eq!(
        alice.register(30, midreg.address()).contacts(),
        [(alice.uri(), 30)]
    );
}

/// The lease that midreg asks for may be too brief for the main registrar; the phone never hears of it.
#[test]
fn lease_that_is_too_brief_is_raised_at_once() {
    let kamailio = Kamailio::start(Settings {
        min_expires: 900,
        ..Settings::default()
    });
    let settings = ["upstream.expires=600", "registration.jitter=0"];
    let midreg = Midreg::start(Mode::Contact, kamailio.address(), &settings);
    let mut alice = Phone::of("alice");
    let mut bob = Phone::of("bob");

    assert_eq!(
        alice.register(60, midreg.address()).contacts(),
        [(alice.uri(), 60)]
    );

    assert_eq!(kamailio.verdicts(), [Challenged, Rejected, Authenticated]);
    let lease = kamailio.contacts("alice").pop().expect("a binding");
    assert!((850..=900).contains(&lease.expires), "{lease:?}");
    // Once told, it knows.
    bob.register(60, midreg.address());
    assert_eq!(
        kamailio.verdicts(),
        [
            Challenged,
            Rejected,
            Authenticated,
            Challenged,
            Authenticated
        ]
    );
}

#[test]
fn phone_is_promised_no_more_than_was_granted_in_contact_mode() {
    phone_is_promised_no_more_than_was_granted(Mode::Contact);
}

#[test]
fn phone_is_promised_no_more_than_was_granted_in_mirror_mode() {
    phone_is_promised_no_more_than_was_granted(Mode::Mirror);
}

fn phone_is_promised_no_more_than_was_granted(mode: Mode) {
    let kamailio = Kamailio::start(Settings {
        max_expires: 30,
        ..Settings::default()
    });
    let midreg = Midreg::start(mode, kamailio.address(), &["registration.jitter=0"]);
    let mut alice = Phone::of("alice");

    let promised = only_lifetime(&alice.register(60, midreg.address()));

    assert!((20..=30).contains(&promised), "{promised} s");
}

#[test]
fn lifetimes_keep_to_midregs_own_bounds() {
    let kamailio = Kamailio::start(Settings::default());
    let settings = [
        "registration.default_expires=120",
        "registration.max_expires=300",
        "registration.jitter=0",
    ];
    let midreg = Midreg::start(Mode::Contact, kamailio.address(), &settings);
    let mut alice = Phone::of("alice");
    let mut bob = Phone::of("bob");

    assert_eq!(only_lifetime(&alice.register(5000, midreg.address())), 300);

    let silent_about_it = format!("Contact: <{}>", bob.uri());
    let script = Script::default()
        .register(&silent_about_it)
        .expect(401)
        .answer(&silent_about_it)
        .expect(200);
    assert_eq!(only_lifetime(&bob.play(&script, midreg.address())[1]), 120);
}

/// `Expires` and the Contact parameter are two ways to say one thing.
#[test]
fn lifetime_may_be_asked_for_in_the_expires_header() {
    let kamailio = Kamailio::start(Settings::default());
    let midreg = Midreg::start(
        Mode::Contact,
        kamailio.address(),
        &["registration.jitter=0"],
    );
    let mut alice = Phone::of("alice");
    let lines = format!("Contact: <{}>\nExpires: 90", alice.uri());

    let script = Script::default()
        .register(&lines)
        .expect(401)
        .answer(&lines)
        .expect(200);
    let reply = alice
        .play(&script, midreg.address())
        .pop()
        .expect("an answer");

    assert_eq!(only_lifetime(&reply), 90);
    assert!(
        reply.seconds("Expires").is_none_or(|seconds| seconds == 90),
        "{reply:?}"
    );
}

fn only_lifetime(reply: &Reply) -> u32 {
    let [(_, seconds)] = reply
        .contacts()
        .try_into()
        .unwrap_or_else(|_| panic!("not one Contact: {reply:?}"));
    seconds
}
