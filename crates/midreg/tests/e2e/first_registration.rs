//! The first REGISTER of a phone: everything goes upstream, and the digest stays between phone and main registrar.

use crate::rig::{Kamailio, Midreg, Mode, Phone, Script, Settings, Verdict, WrongPassword};

use Verdict::{Authenticated, Challenged, Refused};

#[test]
fn challenge_is_passed_through_in_contact_mode() {
    challenge_is_passed_through(Mode::Contact);
}

#[test]
fn challenge_is_passed_through_in_mirror_mode() {
    challenge_is_passed_through(Mode::Mirror);
}

#[test]
fn challenge_is_passed_through_in_aor_mode() {
    challenge_is_passed_through(Mode::Aor);
}

fn challenge_is_passed_through(mode: Mode) {
    let kamailio = Kamailio::start(Settings::default());
    let midreg = Midreg::start(mode, kamailio.address(), &["upstream.expires=7200"]);
    let mut alice = Phone::of("alice");
    let contact = alice.contact(60);

    let script = Script::default()
        .register(&contact)
        .expect(401)
        .answer(&contact)
        .expect(200);
    let replies = alice.play(&script, midreg.address());

    assert!(replies[0].challenges(), "{:?}", replies[0]);
    assert_eq!(
        replies[1].contacts(),
        [(alice.uri(), 60)],
        "the phone gets its own Contact and what it asked for"
    );
    let seen = kamailio.registers();
    assert_eq!(kamailio.verdicts(), [Challenged, Authenticated]);
    assert!(
        seen.iter()
            .all(|register| register.source == midreg.address()),
        "{seen:?}"
    );
    assert_eq!(
        seen[0].call_id, seen[1].call_id,
        "both legs are one client's"
    );
    assert_eq!(
        seen[0].call_id == alice.call_id(),
        mode == Mode::Mirror,
        "a lease has a Call-ID of its own (R6)"
    );
    let bindings = kamailio.contacts("alice");
    assert_eq!(bindings.len(), 1, "{bindings:?}");
    assert!(
        bindings[0].uri.contains(&midreg.address().to_string()),
        "calls must come to midreg: {bindings:?}"
    );
    let lease = match mode {
        Mode::Contact | Mode::Aor => 7000..=7200,
        Mode::Mirror => 30..=60,
    };
    assert!(lease.contains(&bindings[0].expires), "{bindings:?}");
}

#[test]
fn wrong_password_gets_nowhere_in_contact_mode() {
    wrong_password_gets_nowhere(Mode::Contact);
}

#[test]
fn wrong_password_gets_nowhere_in_mirror_mode() {
    wrong_password_gets_nowhere(Mode::Mirror);
}

#[test]
fn wrong_password_gets_nowhere_in_aor_mode() {
    wrong_password_gets_nowhere(Mode::Aor);
}

fn wrong_password_gets_nowhere(mode: Mode) {
    for (wrong_password, status, verdict) in [
        (WrongPassword::Challenge, 401, Challenged),
        (WrongPassword::Refuse, 403, Refused),
    ] {
        let kamailio = Kamailio::start(Settings {
            wrong_password,
            ..Settings::default()
        });
        let midreg = Midreg::start(mode, kamailio.address(), &[]);
        let mut mallory = Phone::with_password("alice", "guess");
        let contact = mallory.contact(60);

        let script = Script::default()
            .register(&contact)
            .expect(401)
            .answer(&contact)
            .expect(status);
        mallory.play(&script, midreg.address());

        assert_eq!(kamailio.verdicts(), [Challenged, verdict]);
        assert_eq!(kamailio.contacts("alice"), []);
        // Nothing was remembered that a second try could live on: it is challenged like the first.
        mallory.ask(&contact, 401, midreg.address());
        assert_eq!(kamailio.verdicts(), [Challenged, verdict, Challenged]);
    }
}
