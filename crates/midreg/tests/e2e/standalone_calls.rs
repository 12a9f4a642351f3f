//! Calls between phones whose registrar is midreg itself: nobody else is there.

use crate::rig::{Answer, Baresip, CallScript, DOMAIN, Midreg, Phone, aor};

/// A registrar of alice and bob. SIPp answers MD5 only, and baresip too.
fn registrar() -> Midreg {
    Midreg::alone(&[
        &format!("digest.realm={DOMAIN}"),
        "digest.algorithms=MD5",
        "digest.users.0.name=alice",
        "digest.users.0.password=pw-alice",
        "digest.users.1.name=bob",
        "digest.users.1.password=pw-bob",
    ])
}

fn registered(mut phone: Phone, midreg: &Midreg) -> Phone {
    phone.register(600, midreg.address());
    phone
}

#[test]
fn phone_calls_phone() {
    let midreg = registrar();
    let alice = registered(Phone::of("alice"), &midreg);
    let mut bob = registered(Phone::of("bob"), &midreg);
    let desk = alice.stand_by(&CallScript::default().pick_up().be_changed().hang_up());

    let call = CallScript::default().invite(&aor("alice")).be_answered();
    let caller = bob.call(&call.change().be_hung_up_on(), midreg.address());

    assert!(caller.statuses("INVITE").contains(&180), "{caller:?}");
    let desk = desk.finish();
    assert_eq!(desk.request("INVITE").target(), Some(alice.uri().as_str()));
}

#[test]
fn soft_phone_calls_soft_phones_and_one_answers() {
    let midreg = registrar();
    let desk = Baresip::registered("alice", Answer::ByHand, midreg.address());
    let hall = Baresip::registered("alice", Answer::ByHand, midreg.address());
    let bob = Baresip::registered("bob", Answer::ByHand, midreg.address());

    bob.dial(&aor("alice"));
    for phone in [&desk, &hall] {
        phone.wait_for_request("INVITE");
    }
    bob.wait_until("both ring", |trace| {
        let statuses = trace.statuses("INVITE");
        statuses.iter().filter(|&&status| status == 180).count() == 2
    });
    hall.pick_up();
    desk.wait_for_request("CANCEL");
    hall.wait_for_request("ACK");
    bob.hang_up();

    hall.wait_for_request("BYE");
    let bob = bob.wait_until("its BYE is answered", |trace| {
        trace.outcome("BYE") == Some(200)
    });
    assert_eq!(bob.outcome("INVITE"), Some(200));
}

#[test]
fn caller_gives_up() {
    let midreg = registrar();
    let alice = Baresip::registered("alice", Answer::ByHand, midreg.address());
    let mut bob = registered(Phone::of("bob"), &midreg);

    let call = CallScript::default().invite(&aor("alice")).expect(180);
    bob.call(&call.give_up(), midreg.address());

    alice.wait_for_request("CANCEL");
}

#[test]
fn phone_writes_to_phone() {
    let midreg = registrar();
    let alice = registered(Phone::of("alice"), &midreg);
    let mut bob = registered(Phone::of("bob"), &midreg);
    let desk = alice.stand_by(&CallScript::default().accept("MESSAGE"));

    let message = CallScript::default().request("MESSAGE", &aor("alice"));
    bob.call(&message.expect(200), midreg.address());

    desk.finish();
}

#[test]
fn nobody_is_there() {
    let midreg = registrar();
    let mut bob = registered(Phone::of("bob"), &midreg);

    let call = CallScript::default().invite(&aor("nobody")).be_refused(404);
    bob.call(&call, midreg.address());
}

#[test]
fn user_whose_phone_left_is_away() {
    let midreg = registrar();
    let mut alice = registered(Phone::of("alice"), &midreg);
    let mut bob = registered(Phone::of("bob"), &midreg);
    alice.unregister(midreg.address());

    let call = CallScript::default().invite(&aor("alice")).be_refused(480);
    bob.call(&call, midreg.address());
}

#[test]
fn phone_that_is_not_registered_calls_nobody() {
    let midreg = registrar();
    let _alice = registered(Phone::of("alice"), &midreg);

    let call = CallScript::default().invite(&aor("alice")).be_refused(403);
    Phone::of("bob").call(&call, midreg.address());
}
