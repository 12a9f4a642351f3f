//! The main registrar is down (D14): who is registered stays so while the lease lasts, who is new is asked to wait.

use std::time::Duration;

use crate::rig::{CallScript, Kamailio, Midreg, Mode, Phone, Reply, Script, Settings, aor};

const SECOND: Duration = Duration::from_secs(1);

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

/// Who calls is told at once, and need not wait until nobody has answered.
#[test]
fn caller_is_told_when_the_main_registrar_is_known_to_be_away() {
    let kamailio = Kamailio::start(Settings::default());
    let midreg = Midreg::start(Mode::Contact, kamailio.address(), &["upstream.deadline=1s"]);
    let mut alice = Phone::of("alice");
    let mut bob = Phone::of("bob");
    alice.register(60, midreg.address());
    let _silent = kamailio.fall_silent();
    bob.ask(&bob.contact(60), 503, midreg.address());

    let call = CallScript::default().invite(&aor("bob")).be_refused(503);
    alice.call(&call, midreg.address());
}

/// A lease of 12 s is worth 11 s; a phone that wants 6 s would have its refresh forwarded once less than 6 s are left
/// (D12). While the main registrar is down it is granted what is left instead.
#[test]
fn refresh_that_would_be_forwarded_lives_on_what_is_left() {
    let kamailio = Kamailio::start(Settings::default());
    let settings = [
        "upstream.expires=12",
        "upstream.deadline=1s",
        "registration.jitter=0",
    ];
    let midreg = Midreg::start(Mode::Contact, kamailio.address(), &settings);
    let mut alice = Phone::of("alice");
    let mut bob = Phone::of("bob");
    let contact = alice.contact(6);
    alice.register(6, midreg.address());

    let _silent = kamailio.fall_silent();
    bob.ask(&bob.contact(60), 503, midreg.address());
    let refresh = Script::default().register(&contact).expect(200);
    let early = Script::default().pause(2 * SECOND).and(refresh.clone());
    let late = Script::default().pause(4 * SECOND).and(refresh);
    let replies = alice.play(&early.and(late), midreg.address());

    let lifetimes = replies.iter().map(Reply::contacts).collect::<Vec<_>>();
    let [early, late] = lifetimes.try_into().expect("two answers");
    assert_eq!(early, [(alice.uri(), 6)]);
    let [(uri, granted)] = late.try_into().expect("one Contact");
    assert_eq!(uri, alice.uri());
    assert!(
        (1..=4).contains(&granted),
        "a device is never promised more than the lease holds, which is about 4 s: {granted} s"
    );
}

fn assert_names_a_time(reply: &Reply) {
    let seconds = reply
        .seconds("Retry-After")
        .unwrap_or_else(|| panic!("no Retry-After: {reply:?}"));
    assert!(seconds > 0, "{reply:?}");
}
