//! Phones that speak IPv6, and a main registrar that does not: midreg has a foot on either side.

use std::net::Ipv6Addr;

use crate::rig::{Between, CallScript, Dialog, Phone, Site, aor, outsider};

fn site() -> Site {
    Site::with(Between::TwoSides(Ipv6Addr::LOCALHOST.into()))
}

fn registered(user: &str, site: &Site) -> Phone {
    let mut phone = Phone::over_ipv6(user);
    phone.register(600, site.server());
    phone
}

#[test]
fn phone_is_called() {
    let site = site();
    let alice = registered("alice", &site);
    let called = CallScript::default().pick_up().be_changed().change();
    let desk = alice.stand_by(&called.be_hung_up_on());

    let call = CallScript::default().invite(&aor("alice")).be_answered();
    let call = call.change().be_changed().hang_up();
    outsider().call(&call, site.front());

    let desk = desk.finish();
    let invite = desk.request("INVITE");
    assert_eq!(invite.target(), Some(alice.uri().as_str()), "verbatim");
}

#[test]
fn phone_calls_phone() {
    let site = site();
    let alice = registered("alice", &site);
    let desk = alice.stand_by(&CallScript::default().pick_up().hang_up());
    let mut bob = registered("bob", &site);

    let call = CallScript::default().invite_with_proof(&aor("alice"));
    bob.call(&call.be_answered().be_hung_up_on(), site.server());

    desk.finish();
}

#[test]
fn bye_follows_a_phone_that_registered_from_a_new_port() {
    let site = site();
    let mut alice = registered("alice", &site);
    let mut carol = outsider();
    let desk = alice.stand_by(&CallScript::default().pick_up());
    let call = CallScript::default().invite(&aor("alice")).be_answered();
    let dialog = Dialog::of_caller(&carol.call(&call, site.front()));
    desk.finish();

    alice.move_on();
    alice.register(600, site.server());
    let desk = alice.stand_by(&CallScript::default().be_hung_up_on());
    carol.call(&CallScript::default().hang_up_on(&dialog), site.front());

    desk.finish();
}

#[test]
fn phone_writes_to_phone() {
    let site = site();
    let alice = registered("alice", &site);
    let desk = alice.stand_by(&CallScript::default().accept("MESSAGE"));
    let mut bob = registered("bob", &site);

    let message = CallScript::default().request_with_proof("MESSAGE", &aor("alice"));
    bob.call(&message.expect(200), site.server());

    desk.finish();
}
