//! From devices to the main registrar.

use engine::policy::Outbound;
use midreg_sim::Phone;
use midreg_sim::policy::contact;

use crate::stage::{Ask, Stage, main_registrar, method, only, stranger, uri};

fn alice() -> Phone {
    Phone::new("alice", "198.51.100.5:5062")
}

fn from_alice(method: &'static str, uri: &str) -> Ask {
    Ask::new(method, uri).from("<sip:alice@example.org>;tag=caller")
}

#[test]
fn every_method_of_a_registered_device_goes_to_the_main_registrar() {
    let mut stage = Stage::new(contact());
    let mut alice = alice();
    stage.register(&mut alice);
    for name in [
        "INVITE",
        "MESSAGE",
        "SUBSCRIBE",
        "PUBLISH",
        "OPTIONS",
        "REFER",
        "INFO",
        "WHATEVER",
    ] {
        let sent = stage.ask(alice.address, &from_alice(name, "sip:bob@example.org;x=y"));
        let got = only(&sent, main_registrar());
        assert_eq!(
            (method(got), uri(got)),
            (name.to_owned(), "sip:bob@example.org;x=y".to_owned())
        );
        let recorded = got.value("Record-Route").is_some();
        let opens = ["INVITE", "SUBSCRIBE", "REFER", "WHATEVER"].contains(&name);
        assert_eq!(recorded, opens, "{name}");
    }
    let sent = stage.ask(alice.address, &from_alice("INVITE", "tel:+4930123"));
    assert_eq!(uri(only(&sent, main_registrar())), "tel:+4930123");
}

#[test]
fn the_challenge_and_its_answer_pass() {
    let mut stage = Stage::new(contact());
    let mut alice = alice();
    stage.register(&mut alice);
    let sent = stage.ask(alice.address, &from_alice("INVITE", "sip:bob@example.org"));
    let asked = only(&sent, main_registrar()).clone();
    let line = "Proxy-Authenticate: Digest realm=\"pbx\", nonce=\"n\"\r\n";
    let told = stage.answer(&asked, 407, line);
    assert_eq!(only(&told, alice.address).status(), 407);
    let ask =
        from_alice("INVITE", "sip:bob@example.org").with("Proxy-Authorization: Digest x=\"y\"\r\n");
    let sent = stage.ask(alice.address, &ask);
    assert_eq!(
        only(&sent, main_registrar())
            .value("Proxy-Authorization")
            .unwrap(),
        "Digest x=\"y\""
    );
}

#[test]
fn who_may_send_is_policy() {
    for (policy, registered, unregistered) in [
        (Outbound::Registered, true, false),
        (Outbound::Any, true, true),
        (Outbound::None, false, false),
    ] {
        let mut settings = contact();
        settings.domain.calls.outbound = policy;
        let mut stage = Stage::new(settings);
        let mut alice = alice();
        stage.register(&mut alice);
        let ask = from_alice("INVITE", "sip:bob@example.org");
        for (who, allowed) in [(alice.address, registered), (stranger(), unregistered)] {
            let sent = stage.ask(who, &ask);
            match allowed {
                true => assert_eq!(method(only(&sent, main_registrar())), "INVITE"),
                false => assert_eq!(only(&sent, who).status(), 403),
            }
        }
    }
}

#[test]
fn a_preloaded_route_is_honoured() {
    let mut stage = Stage::new(contact());
    let mut alice = alice();
    stage.register(&mut alice);
    let routes = "Route: <sip:192.0.2.1:5060;lr>, <sip:orig@203.0.113.9:5090;lr>\r\n";
    let ask = from_alice("INVITE", "sip:bob@example.org").with(routes);
    let sent = stage.ask(alice.address, &ask);
    let got = only(&sent, "203.0.113.9:5090".parse().unwrap());
    assert_eq!(
        got.value("Route").unwrap(),
        "<sip:orig@203.0.113.9:5090;lr>"
    );
}

#[test]
fn a_strict_next_hop_finds_itself_in_the_request_uri() {
    let mut stage = Stage::new(contact());
    let mut alice = alice();
    stage.register(&mut alice);
    let ask = from_alice("INVITE", "sip:bob@example.org").with("Route: <sip:203.0.113.9:5060>\r\n");
    let sent = stage.ask(alice.address, &ask);
    let got = only(&sent, main_registrar());
    assert_eq!(uri(got), "sip:203.0.113.9:5060");
    assert_eq!(got.value("Route").unwrap(), "<sip:bob@example.org>");
}

#[test]
fn while_the_main_registrar_is_away_callers_hear_503() {
    let mut stage = Stage::new(contact());
    let mut alice = alice();
    stage.register(&mut alice);
    stage.rig.unreachable(main_registrar());
    let sent = stage.ask(alice.address, &from_alice("INVITE", "sip:bob@example.org"));
    let asked = sent.iter().any(|packet| packet.to == main_registrar());
    assert!(asked, "nobody knows yet");
    stage.rig.unreachable(main_registrar());
    let told = stage.rig.take_sent();
    assert_eq!(only(&told, alice.address).status(), 503);
}

#[test]
fn a_device_that_hides_its_name_is_known_by_its_flow() {
    let mut stage = Stage::new(contact());
    let mut alice = alice();
    stage.register(&mut alice);
    let hidden = "\"Anonymous\" <sip:anonymous@anonymous.invalid>;tag=caller";
    let ask = Ask::new("INVITE", "sip:bob@example.org").from(hidden);
    let sent = stage.ask(alice.address, &ask);
    assert_eq!(only(&sent, main_registrar()).value("From").unwrap(), hidden);
    let sent = stage.ask(stranger(), &ask.branch("z9hG4bKother"));
    assert_eq!(only(&sent, stranger()).status(), 403);
}
