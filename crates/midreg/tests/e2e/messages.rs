//! MESSAGE (RFC 3428): to users and from them, with nothing between phones and Kamailio and with midreg there.

use crate::rig::{Between, CallScript, Site, aor, everywhere, outsider};

everywhere! {
    message_reaches_a_registered_user,
    message_reaches_every_phone,
    message_to_nobody_is_refused,
    phone_writes_to_phone,
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
