//! What nobody should send, and what becomes of it.

use engine::DropReason;
use midreg_sim::Phone;
use midreg_sim::policy::{aor, contact};

use crate::stage::{Ask, Stage, answer, main_registrar, method, only, stranger, to, uri};

fn bob() -> Phone {
    Phone::new("bob", "198.51.100.7:5062")
}

fn there() -> (Stage, Phone, String) {
    let mut stage = Stage::new(contact());
    let mut phone = bob();
    let us = stage.register(&mut phone);
    (stage, phone, us)
}

fn dropped(stage: &Stage, reason: DropReason) -> u64 {
    stage.rig.engine().counters().dropped[reason as usize]
}

#[test]
fn s12_only_the_main_registrar_may_address_devices() {
    let (mut stage, phone, us) = there();
    let address = aor();
    for uri in [
        us.as_str(),
        "sip:bob@192.0.2.1;mr=forged",
        "sip:bob%40example.org@192.0.2.1:5060",
    ] {
        for who in [stranger(), phone.address] {
            let ask = Ask::new("INVITE", uri).from("<sip:bob@example.org>;tag=x");
            let sent = stage.ask(who, &ask);
            let status = only(&sent, who).status();
            assert!(
                sent.len() == 1 && [403, 404].contains(&status),
                "{uri}: {status}"
            );
        }
    }
    let mut shared = Stage::new(address);
    let us = shared.register(&mut bob());
    let sent = shared.ask(stranger(), &Ask::new("INVITE", &us));
    assert_eq!(only(&sent, stranger()).status(), 404);
}

#[test]
fn s12_a_forged_token_hears_what_an_unknown_one_hears() {
    let (mut stage, _, us) = there();
    let (head, token) = us.split_at(us.len() - 26);
    for forged in [
        "a".repeat(26),
        token.chars().rev().collect(),
        String::new(),
        "x".repeat(300),
    ] {
        let uri = format!("{head}{forged}");
        let sent = stage.ask(main_registrar(), &Ask::new("INVITE", &uri));
        assert_eq!(only(&sent, main_registrar()).status(), 404, "{uri}");
    }
}

#[test]
fn a_cancel_for_nothing_hears_481() {
    let (mut stage, phone, us) = there();
    let sent = stage.ask(main_registrar(), &Ask::new("CANCEL", &us));
    assert_eq!(
        (sent.len(), only(&sent, main_registrar()).status()),
        (1, 481)
    );
    // Nor does anybody else's CANCEL end a call.
    let sent = stage.ask(
        main_registrar(),
        &Ask::new("INVITE", &us).branch("z9hG4bKx"),
    );
    stage.answer(&only(&sent, phone.address).clone(), 180, "");
    let sent = stage.ask(stranger(), &Ask::new("CANCEL", &us).branch("z9hG4bKx"));
    assert!(to(&sent, phone.address).is_empty());
}

#[test]
fn responses_that_match_nothing_are_dropped_and_counted() {
    let (mut stage, phone, us) = there();
    let sent = stage.ask(main_registrar(), &Ask::new("INVITE", &us));
    let invite = only(&sent, phone.address).clone();
    let forged = answer(&invite, 200, "OK", "");
    assert!(
        stage.say(stranger(), &forged).is_empty(),
        "from another host than we asked"
    );
    let other = forged.replacen("branch=z9hG4bK00-", "branch=z9hG4bK00-f", 1);
    assert!(stage.say(phone.address, &other).is_empty());
    assert!(
        stage
            .say(phone.address, &forged.replace("1 INVITE", "1 BYE"))
            .is_empty()
    );
    assert_eq!(dropped(&stage, DropReason::StrayResponse), 3);
    assert_eq!(
        only(&stage.answer(&invite, 200, ""), main_registrar()).status(),
        200
    );
}

#[test]
fn an_ack_for_nothing_is_dropped_and_counted() {
    let (mut stage, _, _) = there();
    for uri in [
        "sip:bob@example.org",
        "sip:x@192.0.2.1:5060",
        "sip:192.0.2.1:5060",
        "http://x",
    ] {
        assert!(stage.ask(stranger(), &Ask::new("ACK", uri)).is_empty());
    }
    assert_eq!(dropped(&stage, DropReason::StrayAck), 4);
}

#[test]
fn hops_loops_breadth_and_extensions_are_minded() {
    let (mut stage, phone, us) = there();
    let mut status = |lines: &str| {
        let sent = stage.ask(main_registrar(), &Ask::new("INVITE", &us).with(lines));
        only(&sent, main_registrar()).status()
    };
    assert_eq!(status("Max-Forwards: 0\r\n"), 483);
    assert_eq!(status("Max-Breadth: 0\r\n"), 440);
    assert_eq!(status("Proxy-Require: teleport\r\n"), 420);
    let sent = stage.ask(main_registrar(), &Ask::new("INVITE", &us));
    let invite = only(&sent, phone.address);
    // The very same request comes back by another element: only its Vias have grown.
    let text = invite.text().replacen(&uri(invite), &us, 1);
    let text = text.replacen(
        "Via: ",
        "Via: SIP/2.0/UDP 203.0.113.9;branch=z9hG4bKagain\r\nVia: ",
        1,
    );
    let sent = stage.say(main_registrar(), &text);
    assert_eq!(only(&sent, main_registrar()).status(), 482);
}

#[test]
fn r5393_a_request_that_may_not_spread_goes_to_one_after_the_other() {
    let mut stage = Stage::new(aor());
    let mut phones: Vec<Phone> = [5062, 5064]
        .iter()
        .map(|port| Phone::new("bob", &format!("198.51.100.7:{port}")))
        .collect();
    let us = phones
        .iter_mut()
        .map(|phone| stage.register(phone))
        .last()
        .unwrap();
    let sent = stage.ask(
        main_registrar(),
        &Ask::new("INVITE", &us).with("Max-Breadth: 1\r\n"),
    );
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0].number("Max-Breadth"), Some(1));
    let sent = stage.answer(&sent[0].clone(), 486, "");
    assert!(sent.iter().any(|packet| method(packet) == "INVITE"));
}

#[test]
fn garbage_for_a_request_uri_or_a_route_is_refused() {
    let (mut stage, phone, us) = there();
    for (uri, lines, expected) in [
        ("http://example.org", "", 416),
        (us.as_str(), "Route: nonsense\r\n", 400),
        (us.as_str(), "Route: <sip:unclosed\r\n", 400),
    ] {
        let sent = stage.ask(main_registrar(), &Ask::new("INVITE", uri).with(lines));
        assert_eq!(
            only(&sent, main_registrar()).status(),
            expected,
            "{uri} {lines}"
        );
        assert!(to(&sent, phone.address).is_empty());
    }
}

#[test]
fn the_main_registrar_is_not_carried_elsewhere() {
    let (mut stage, _, _) = there();
    for uri in [
        "sip:bob@192.0.2.200",
        "sip:bob@203.0.113.9",
        "sip:bob@192.0.2.1:5060",
        "sip:192.0.2.1:5060",
    ] {
        let sent = stage.ask(main_registrar(), &Ask::new("INVITE", uri));
        assert_eq!(
            (sent.len(), only(&sent, main_registrar()).status()),
            (1, 404),
            "{uri}"
        );
        let ask = Ask::new("INVITE", uri).with("Route: <sip:192.0.2.201;lr>\r\n");
        assert_eq!(
            only(&stage.ask(main_registrar(), &ask), main_registrar()).status(),
            404
        );
    }
}

#[test]
fn a_contact_that_points_at_us_at_the_main_registrar_or_abroad_leads_only_to_the_flow() {
    for contact in [
        "sip:bob@192.0.2.1:5060",
        "sip:bob@203.0.113.9:5060",
        "sip:bob@192.0.2.250",
    ] {
        let mut stage = Stage::new(midreg_sim::policy::contact());
        let mut phone = bob().with_contacts(&[contact]);
        let us = stage.register(&mut phone);
        let sent = stage.ask(main_registrar(), &Ask::new("INVITE", &us));
        assert_eq!(sent.len(), 1);
        assert_eq!(uri(only(&sent, phone.address)), contact);
    }
}

#[test]
fn truncated_and_oversized_messages_change_nothing() {
    let (mut stage, phone, us) = there();
    let sent = stage.ask(main_registrar(), &Ask::new("INVITE", &us));
    let text = only(&sent, phone.address).text();
    let request = text.replacen(&uri(only(&sent, phone.address)), &us, 1);
    for end in (0..request.len()).step_by(7) {
        let sent = stage.say(main_registrar(), &request[..end]);
        assert!(to(&sent, phone.address).is_empty(), "{end}");
    }
    let long = Ask::new("INVITE", &us).with(&format!("X: {}\r\n", "y".repeat(64_900)));
    let sent = stage.ask(main_registrar(), &long);
    assert!(to(&sent, phone.address).is_empty());
}

#[test]
fn a_device_that_is_out_of_reach_is_not_there() {
    let (mut stage, phone, us) = there();
    stage.ask(main_registrar(), &Ask::new("INVITE", &us));
    stage.rig.unreachable(phone.address);
    let told = stage.rig.take_sent();
    assert_eq!(only(&told, main_registrar()).status(), 480);
}
