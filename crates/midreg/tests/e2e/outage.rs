//! The main registrar is down (D14): who is registered stays so while the lease lasts, who is new is asked to wait.

use std::time::Duration;

use crate::rig::{Kamailio, Midreg, Mode, Phone, Reply, Script, Settings};

#[test]
fn refreshes_are_answered_and_newcomers_wait_in_contact_mode() {
    let kamailio = Kamailio::start(Settings::default());
    let settings = ["upstream.deadline=1s", "registration.jitter=0"];
    let midreg = Midreg::start(Mode::Contact, kamailio.address(), &settings);
    let mut alice = Phone::of("alice");
    let mut bob = Phone::of("bob");
    let refresh = alice.contact(60);
    alice.register(60, midreg.address());

    let silent = kamailio.fall_silent();
    let before_it_shows = alice.ask(&refresh, 200, midreg.address());
    let told_to_wait = bob.ask(&bob.contact(60), 503, midreg.address());
    let while_it_shows = alice.ask(&refresh, 200, midreg.address());

    for reply in [before_it_shows, while_it_shows] {
        assert_eq!(reply.contacts(), [(alice.uri(), 60)]);
    }
    assert_names_a_time(&told_to_wait);

    // Nobody has to be told that the main registrar is back.
    let kamailio = silent.come_back();
    bob.ask_until_challenged(60, midreg.address());
    bob.register(60, midreg.address());
    assert_eq!(kamailio.contacts("bob").len(), 1);
}

#[test]
fn newcomers_wait_in_mirror_mode() {
    let kamailio = Kamailio::start(Settings::default());
    let midreg = Midreg::start(Mode::Mirror, kamailio.address(), &["upstream.deadline=1s"]);
    let mut bob = Phone::of("bob");

    let silent = kamailio.fall_silent();
    assert_names_a_time(&bob.ask(&bob.contact(60), 503, midreg.address()));

    let kamailio = silent.come_back();
    bob.ask_until_challenged(60, midreg.address());
    bob.register(60, midreg.address());
    assert_eq!(kamailio.contacts("bob").len(), 1);
}

/// A lease of 20 s is worth 19 s; a phone that wants 10 s would have its refresh forwarded once less than 10 s are left
/// (D12). While the main registrar is down it is granted what is left instead.
#[test]
fn refresh_that_would_be_forwarded_lives_on_what_is_left() {
    let kamailio = Kamailio::start(Settings::default());
    let settings = [
        "upstream.expires=20",
        "upstream.deadline=1s",
        "registration.jitter=0",
    ];
    let midreg = Midreg::start(Mode::Contact, kamailio.address(), &settings);
    let mut alice = Phone::of("alice");
    let mut bob = Phone::of("bob");
    alice.register(10, midreg.address());

    let _silent = kamailio.fall_silent();
    bob.ask(&bob.contact(60), 503, midreg.address());
    let late_refresh = Script::default()
        .pause(Duration::from_secs(10))
        .register(alice.contact(10))
        .expect(200);
    let reply = alice
        .play(&late_refresh, midreg.address())
        .pop()
        .expect("an answer");

    let [(uri, granted)] = reply.contacts().try_into().expect("one Contact");
    assert_eq!(uri, alice.uri());
    assert!(
        (1..10).contains(&granted),
        "a device is never promised more than the lease holds: {reply:?}"
    );
}

fn assert_names_a_time(reply: &Reply) {
    let seconds = reply
        .seconds("Retry-After")
        .unwrap_or_else(|| panic!("no Retry-After: {reply:?}"));
    assert!(seconds > 0, "{reply:?}");
}
