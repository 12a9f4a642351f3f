//! Refreshes: answered by midreg while the lease lasts (`contact`), passed on each time (`mirror`).

use std::time::Duration;

use crate::rig::{Kamailio, Midreg, Mode, Phone, Script, Settings, Verdict};

use Verdict::{Authenticated, Challenged};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn refreshes_are_absorbed_in_contact_mode() {
    let kamailio = Kamailio::start(Settings::default());
    let midreg = Midreg::start(
        Mode::Contact,
        kamailio.address(),
        &["registration.jitter=0"],
    );
    let mut alice = Phone::of("alice");
    let contact = alice.contact(60);

    // Some phones show their credentials with every refresh, some never: neither is a reason to ask upstream.
    let showing = Script::default().answer(&contact).expect(200).times(5);
    let withholding = Script::default().register(&contact).expect(200).times(5);
    let script = Script::default()
        .register(&contact)
        .expect(401)
        .answer(&contact)
        .expect(200);
    let replies = alice.play(&script.and(showing).and(withholding), midreg.address());

    assert_eq!(replies.len(), 2 + 5 + 5);
    assert!(
        replies[1..]
            .iter()
            .all(|reply| reply.contacts() == [(alice.uri(), 60)]),
        "{replies:?}"
    );
    assert_eq!(kamailio.verdicts(), [Challenged, Authenticated]);
}

#[test]
fn refreshes_all_go_upstream_in_mirror_mode() {
    let kamailio = Kamailio::start(Settings::default());
    let midreg = Midreg::start(Mode::Mirror, kamailio.address(), &[]);
    let mut alice = Phone::of("alice");
    let contact = alice.contact(60);

    let refreshes = Script::default().answer(&contact).expect(200).times(5);
    let script = Script::default()
        .register(&contact)
        .expect(401)
        .answer(&contact)
        .expect(200);
    let replies = alice.play(&script.and(refreshes), midreg.address());

    assert!(
        replies[1..]
            .iter()
            .all(|reply| reply.contacts() == [(alice.uri(), 60)]),
        "{replies:?}"
    );
    assert_eq!(kamailio.registers().len(), 2 + 5);
    assert_eq!(kamailio.contacts("alice").len(), 1);
}

/// The promise in one picture: a minute of a phone that refreshes every second, on a lease of two hours.
#[test]
fn a_minute_of_refreshes_is_one_registration_upstream() {
    const REFRESHES: usize = 60;
    let kamailio = Kamailio::start(Settings::default());
    let settings = ["upstream.expires=7200", "registration.jitter=0"];
    let midreg = Midreg::start(Mode::Contact, kamailio.address(), &settings);
    let mut alice = Phone::of("alice");
    alice.register(60, midreg.address());

    let refresh = Script::default()
        .pause(SECOND)
        .register(alice.contact(60))
        .expect(200);
    let replies = alice.play(&refresh.times(REFRESHES), midreg.address());

    assert_eq!(replies.len(), REFRESHES);
    assert!(
        replies
            .iter()
            .all(|reply| reply.contacts() == [(alice.uri(), 60)]),
        "{replies:?}"
    );
    assert_eq!(kamailio.verdicts(), [Challenged, Authenticated]);
    assert_eq!(kamailio.contacts("alice").len(), 1);
}

/// A lease of 8 s is worth 7 s; a phone that wants 4 s has its refresh forwarded once less than 4 s are left (D12).
#[test]
fn refresh_is_forwarded_when_the_lease_runs_short() {
    const REFRESHES: usize = 9;
    let kamailio = Kamailio::start(Settings::default());
    let midreg = Midreg::start(
        Mode::Contact,
        kamailio.address(),
        &["upstream.expires=8", "registration.jitter=0"],
    );
    let mut alice = Phone::of("alice");
    let contact = alice.contact(4);

    // It shows its credentials, so that a forwarded refresh costs one REGISTER and not two.
    let refreshes = Script::default()
        .pause(SECOND)
        .answer(&contact)
        .expect(200)
        .times(REFRESHES);
    let script = Script::default()
        .register(&contact)
        .expect(401)
        .answer(&contact)
        .expect(200);
    let replies = alice.play(&script.and(refreshes), midreg.address());

    for reply in &replies[1..] {
        let [(uri, granted)] = reply.contacts().try_into().expect("one Contact");
        assert_eq!(uri, alice.uri());
        assert!((1..=4).contains(&granted), "{reply:?}");
    }
    let forwarded = kamailio.registers().len() - 2;
    assert!(
        (2..REFRESHES).contains(&forwarded),
        "{forwarded} of {REFRESHES} were forwarded"
    );
    assert_eq!(
        kamailio.contacts("alice").len(),
        1,
        "the lease never ran out"
    );
}

#[test]
fn refresh_is_forwarded_when_the_proof_is_old() {
    let kamailio = Kamailio::start(Settings::default());
    let midreg = Midreg::start(
        Mode::Contact,
        kamailio.address(),
        &["upstream.reauth_interval=2"],
    );
    let mut alice = Phone::of("alice");
    let contact = alice.contact(60);
    alice.register(60, midreg.address());

    let absorbed = Script::default().register(&contact).expect(200);
    let proves_itself = Script::default()
        .pause(3 * SECOND)
        .register(&contact)
        .expect(401)
        .answer(&contact)
        .expect(200);
    alice.play(&absorbed.and(proves_itself), midreg.address());

    assert_eq!(
        kamailio.verdicts(),
        [Challenged, Authenticated, Challenged, Authenticated]
    );
    assert_eq!(kamailio.contacts("alice").len(), 1);
}

/// Another address has proved nothing: the same identity from there is challenged (D9).
#[test]
fn refresh_from_elsewhere_is_forwarded() {
    let kamailio = Kamailio::start(Settings::default());
    let midreg = Midreg::start(Mode::Contact, kamailio.address(), &[]);
    let mut alice = Phone::of("alice");
    alice.register(60, midreg.address());

    let mut thief = Phone::with_password("alice", "guess");
    thief.ask(&alice.contact(60), 401, midreg.address());

    assert_eq!(kamailio.verdicts(), [Challenged, Authenticated, Challenged]);
}
