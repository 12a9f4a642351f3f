//! Requests within a dialog: they follow the device, whatever port it has by now.

use midreg_sim::policy::{aor, contact};
use midreg_sim::{Packet, Phone};

use crate::stage::{Ask, Stage, main_registrar, method, only, standalone, stranger, to, uri};

/// A call from the main registrar that was accepted: the stage, the phone, and our Route.
fn call() -> (Stage, Phone, String, Packet) {
    let mut stage = Stage::new(contact());
    let mut phone = Phone::new("bob", "198.51.100.7:5062");
    let us = stage.register(&mut phone);
    let sent = stage.ask(main_registrar(), &Ask::new("INVITE", &us));
    let invite = only(&sent, phone.address).clone();
    stage.answer(&invite, 200, "Contact: <sip:bob@10.0.0.1:5062>\r\n");
    let route = invite.value("Record-Route").unwrap();
    (stage, phone, route, invite)
}

fn within(method: &'static str, uri: &str, route: &str) -> Ask {
    Ask::new(method, uri)
        .to("<sip:bob@example.org>;tag=of-5062")
        .with(&format!("Route: {route}\r\n"))
}

fn from_bob(method: &'static str, route: &str) -> Ask {
    Ask::new(method, "sip:far@203.0.113.9:5080")
        .from("<sip:bob@example.org>;tag=of-5062")
        .to("<sip:caller@example.net>;tag=caller")
        .with(&format!("Route: {route}\r\n"))
}

#[test]
fn requests_go_both_ways_by_the_route() {
    let (mut stage, phone, route, _) = call();
    for name in [
        "ACK", "INFO", "UPDATE", "PRACK", "REFER", "NOTIFY", "INVITE", "BYE",
    ] {
        let sent = stage.ask(
            main_registrar(),
            &within(name, "sip:bob@10.0.0.1:5062", &route),
        );
        let got = only(&sent, phone.address);
        assert_eq!(
            (method(got), uri(got)),
            (name.to_owned(), "sip:bob@10.0.0.1:5062".to_owned())
        );
        let recorded = got.value("Record-Route").is_some();
        assert_eq!(
            (got.value("Route"), recorded),
            (None, name == "NOTIFY"),
            "{name}"
        );
    }
    for name in ["INFO", "BYE"] {
        let sent = stage.ask(phone.address, &from_bob(name, &route));
        let there = "203.0.113.9:5080".parse().unwrap();
        let got = only(&sent, there);
        assert_eq!(
            (method(got), uri(got)),
            (name.to_owned(), "sip:far@203.0.113.9:5080".to_owned())
        );
    }
}

#[test]
fn the_dialog_follows_the_device_to_its_new_port() {
    let (mut stage, mut phone, route, _) = call();
    phone.address = "198.51.100.7:40000".parse().unwrap();
    stage.register(&mut phone);
    let sent = stage.ask(
        main_registrar(),
        &within("BYE", "sip:bob@10.0.0.1:5062", &route),
    );
    assert_eq!(method(only(&sent, phone.address)), "BYE");
    let sent = stage.ask(phone.address, &from_bob("BYE", &route));
    assert_eq!(method(&sent[0]), "BYE");
}

#[test]
fn a_device_that_has_moved_and_not_yet_said_so_is_heard() {
    let (mut stage, _, route, _) = call();
    let elsewhere = "198.51.100.7:41000".parse().unwrap();
    let sent = stage.ask(elsewhere, &from_bob("BYE", &route));
    assert_eq!(sent[0].to, "203.0.113.9:5080".parse().unwrap());
}

#[test]
fn a_device_that_left_in_mid_call_still_hears_the_end() {
    let (mut stage, mut phone, route, _) = call();
    let bytes = phone.unregister();
    stage.rig.send_from(phone.address, &bytes);
    let asked = only(&stage.rig.take_sent(), main_registrar()).clone();
    stage.answer(&asked, 200, "");
    let sent = stage.ask(
        main_registrar(),
        &within("BYE", "sip:bob@10.0.0.1:5062", &route),
    );
    assert_eq!(method(only(&sent, phone.address)), "BYE");
}

#[test]
fn a_strict_router_is_understood() {
    let (mut stage, phone, route, _) = call();
    let ours = route.trim_matches(['<', '>']);
    let ask = Ask::new("BYE", ours)
        .to("<sip:bob@example.org>;tag=of-5062")
        .with("Route: <sip:bob@10.0.0.1:5062>\r\n");
    let sent = stage.ask(main_registrar(), &ask);
    let bye = only(&sent, phone.address);
    assert_eq!(
        (uri(bye), bye.value("Route")),
        ("sip:bob@10.0.0.1:5062".to_owned(), None)
    );
}

#[test]
fn s12_a_forged_route_leads_nowhere() {
    let (mut stage, phone, route, _) = call();
    let forged = route
        .replacen("sip:a", "sip:b", 1)
        .replacen("sip:", "sip:q", 1);
    for who in [main_registrar(), phone.address, stranger()] {
        let sent = stage.ask(who, &within("BYE", "sip:bob@10.0.0.1:5062", &forged));
        assert_eq!((sent.len(), only(&sent, who).status()), (1, 404));
    }
}

#[test]
fn a_request_of_a_device_goes_to_no_foreign_host() {
    let (mut stage, phone, route, _) = call();
    let mut ask = from_bob("BYE", &route);
    ask.uri = "sip:far@192.0.2.200:5060".to_owned();
    let sent = stage.ask(phone.address, &ask);
    assert_eq!(
        (sent[0].to, uri(&sent[0])),
        (main_registrar(), ask.uri.clone())
    );
    ask.more.push_str("Route: <sip:192.0.2.201;lr>\r\n");
    let sent = stage.ask(phone.address, &ask);
    assert_eq!(sent[0].to, main_registrar());
    assert_eq!(sent[0].value("Route").unwrap(), "<sip:192.0.2.201;lr>");
}

#[test]
fn two_phones_without_a_main_registrar_speak_through_us() {
    let mut stage = Stage::new(standalone());
    let mut alice = Phone::new("alice", "198.51.100.5:5062");
    let mut bob = Phone::new("bob", "198.51.100.7:5062");
    stage.register(&mut alice);
    stage.register(&mut bob);
    let ask = Ask::new("INVITE", "sip:bob@example.org").from("<sip:alice@example.org>;tag=caller");
    let sent = stage.ask(alice.address, &ask);
    let invite = only(&sent, bob.address).clone();
    let routes = invite.all("Record-Route");
    assert_eq!((uri(&invite), routes.len()), (bob.contacts[0].clone(), 2));
    let told = stage.answer(&invite, 200, "Contact: <sip:bob@10.0.0.1>\r\n");
    assert_eq!(only(&told, alice.address).status(), 200);
    let (down, up) = (
        routes.join(", "),
        [routes[1].clone(), routes[0].clone()].join(", "),
    );
    let bye = within("BYE", "sip:bob@10.0.0.1", &up).from("<sip:alice@example.org>;tag=caller");
    assert_eq!(
        method(only(&stage.ask(alice.address, &bye), bob.address)),
        "BYE"
    );
    let bye = within("BYE", "sip:far@198.51.100.5:5062", &down)
        .from("<sip:bob@example.org>;tag=of-5062")
        .to("<sip:alice@example.org>;tag=caller");
    assert_eq!(
        method(only(&stage.ask(bob.address, &bye), alice.address)),
        "BYE"
    );
}

#[test]
fn the_ack_of_a_refusal_stops_here_and_that_of_an_acceptance_goes_on() {
    let mut stage = Stage::new(aor());
    let mut phone = Phone::new("bob", "198.51.100.7:5062");
    let us = stage.register(&mut phone);
    let sent = stage.ask(
        main_registrar(),
        &Ask::new("INVITE", &us).branch("z9hG4bKx"),
    );
    stage.answer(&only(&sent, phone.address).clone(), 486, "");
    let ack = Ask::new("ACK", &us)
        .branch("z9hG4bKx")
        .to("<sip:bob@example.org>;tag=of-5062");
    assert!(stage.ask(main_registrar(), &ack).is_empty());
    let (mut stage, phone, route, _) = call();
    let sent = stage.ask(
        main_registrar(),
        &within("ACK", "sip:bob@10.0.0.1:5062", &route),
    );
    assert_eq!(method(only(&sent, phone.address)), "ACK");
    assert!(to(&sent, main_registrar()).is_empty());
}
