//! MESSAGE (RFC 3428) to users and from them, and the news of waiting messages (RFC 3842, R20), with nothing between phones and Kamailio and with midreg there.

use crate::rig::{
    Answer, Baresip, Between, CallScript, Site, aor, behind_midreg, everywhere, outsider,
};

everywhere! {
    message_reaches_a_registered_user,
    message_reaches_every_phone,
    message_to_nobody_is_refused,
    phone_writes_to_phone,
    news_of_waiting_messages_reach_every_phone,
}

behind_midreg! {
    news_of_waiting_messages_are_told_to_a_phone_that_comes_later,
}

fn message_reaches_a_registered_user(between: Between) {
    let site = Site::with(between);
    let alice = site.phone("alice");
    let desk = alice.stand_by(&CallScript::default().accept("MESSAGE"));

    let message = CallScript::default().request("MESSAGE", &aor("alice"));
    outsider().call(&message.expect(200), site.front());

    let desk = desk.finish();
    let message = desk.request("MESSAGE");
    assert_eq!(message.target(), Some(alice.uri().as_str()), "verbatim");
    assert_eq!(message.header("Content-Type"), Some("text/plain"));
    assert_eq!(message.header("Record-Route"), None, "no dialog, no route");
}

fn message_reaches_every_phone(between: Between) {
    let site = Site::with(between);
    let phones = [site.phone("alice"), site.phone("alice")];
    let phones = phones.map(|phone| phone.stand_by(&CallScript::default().accept("MESSAGE")));

    let message = CallScript::default().request("MESSAGE", &aor("alice"));
    outsider().call(&message.expect(200), site.front());

    for phone in phones {
        phone.finish();
    }
}

fn message_to_nobody_is_refused(between: Between) {
    let site = Site::with(between);
    let mut alice = site.phone("alice");
    alice.unregister(site.server());

    for user in ["alice", "nobody"] {
        let message = CallScript::default().request("MESSAGE", &aor(user));
        outsider().call(&message.expect(404), site.front());
    }
}

fn phone_writes_to_phone(between: Between) {
    let site = Site::with(between);
    let alice = site.phone("alice");
    let desk = alice.stand_by(&CallScript::default().accept("MESSAGE"));
    let mut bob = site.phone("bob");

    let message = CallScript::default().request_with_proof("MESSAGE", &aor("alice"));
    bob.call(&message.expect(200), site.server());

    assert_eq!(
        desk.finish().request("MESSAGE").uri("From"),
        Some(aor("bob").as_str())
    );
}

fn news_of_waiting_messages_reach_every_phone(between: Between) {
    let site = Site::with(between);
    let phones = [site.phone("alice"), site.phone("alice")];
    let phones = phones.map(|phone| phone.stand_by(&CallScript::default().accept("NOTIFY")));

    let news = CallScript::default().request("NOTIFY", &aor("alice"));
    outsider().call(&news.expect(200), site.front());

    for phone in phones {
        let phone = phone.finish();
        assert_eq!(
            phone.request("NOTIFY").header("Event"),
            Some("message-summary")
        );
    }
}

fn news_of_waiting_messages_are_told_to_a_phone_that_comes_later(between: Between) {
    let site = Site::with(between);
    let alice = site.phone("alice");
    let desk = alice.stand_by(&CallScript::default().accept("NOTIFY"));
    let news = CallScript::default().request("NOTIFY", &aor("alice"));
    outsider().call(&news.expect(200), site.front());
    desk.finish();

    let late = Baresip::registered("alice", Answer::ByHand, site.server());

    let told = late.wait_for_request("NOTIFY");
    assert_eq!(
        told.request("NOTIFY").header("Event"),
        Some("message-summary")
    );
    assert_eq!(site.kamailio.requests("NOTIFY").len(), 1);
}
