//! Other habits, other places and other times: what works all the same.

use core::net::SocketAddr;

use engine::policy::{ForkOrder, Insertion, Mode, Policy};
use midreg_sim::policy::{aor, contact};
use midreg_sim::{Packet, Phone};

use crate::stage::{Ask, Stage, main_registrar, method, only, to, uri};

fn bob(port: u16) -> Phone {
    Phone::new("bob", &format!("198.51.100.7:{port}"))
}

fn alice() -> Phone {
    Phone::new("alice", "198.51.100.5:5062")
}

/// A stage with devices of bob at these ports, and the URI that stands for the last.
fn devices(policy: Policy, ports: &[u16]) -> (Stage, Vec<Phone>, String) {
    let mut stage = Stage::new(policy);
    let mut phones: Vec<Phone> = ports.iter().map(|port| bob(*port)).collect();
    let mut uri = String::new();
    for phone in &mut phones {
        uri = stage.register(phone);
    }
    (stage, phones, uri)
}

fn final_answers(sent: &[Packet], whom: SocketAddr) -> Vec<u16> {
    to(sent, whom)
        .iter()
        .filter(|packet| method(packet) == "SIP/2.0" && packet.is_final())
        .map(|packet| packet.status())
        .collect()
}

/// A phone's registration is under way: what the main registrar is asked, and our Contact in it.
fn registering(stage: &mut Stage, phone: &mut Phone) -> (Packet, String) {
    let bytes = phone.register();
    stage.rig.send_from(phone.address, &bytes);
    let asked = only(&stage.rig.take_sent(), main_registrar()).clone();
    let contact = asked.value("Contact").unwrap();
    let us = contact.split(['<', '>']).nth(1).unwrap().to_owned();
    (asked, us)
}

#[test]
fn r1_of_several_that_wait_each_has_its_own_end() {
    for policy in [contact(), aor()] {
        let shared = policy.domain.mode == Mode::Aor;
        let mut stage = Stage::new(policy);
        let (mut one, mut other) = (bob(5062), alice());
        let (asked, us) = registering(&mut stage, &mut one);
        let (asked_other, _) = registering(&mut stage, &mut other);
        let cancelled = Ask::new("INVITE", &us).branch("z9hG4bKgone");
        assert!(stage.ask(main_registrar(), &cancelled).is_empty());
        let kept = Ask {
            call_id: "call-2".to_owned(),
            ..Ask::new("INVITE", &us)
        };
        assert!(stage.ask(main_registrar(), &kept).is_empty());
        assert!(
            stage
                .ask(main_registrar(), &Ask::new("MESSAGE", &us))
                .is_empty()
        );
        let cancel = Ask {
            method: "CANCEL",
            ..cancelled
        };
        let sent = stage.ask(main_registrar(), &cancel);
        assert_eq!(final_answers(&sent, main_registrar()), [200, 487]);
        // Somebody else's arrival is none of theirs.
        let contact = asked_other.value("Contact").unwrap();
        let sent = stage.answer(&asked_other, 200, &format!("Contact: {contact}\r\n"));
        assert!(to(&sent, one.address).is_empty());
        assert_eq!(to(&sent, other.address).len(), 1);
        let contact = asked.value("Contact").unwrap();
        let sent = stage.answer(&asked, 200, &format!("Contact: {contact}\r\n"));
        let methods: Vec<String> = to(&sent, one.address).iter().map(|p| method(p)).collect();
        assert_eq!(methods.len(), 3, "{methods:?} shared: {shared}");
        assert_eq!(stage.rig.totals().forks, 2);
        stage.ends_clean();
    }
}

#[test]
fn all_on_one_host_are_told_apart() {
    let mut policy = contact();
    for listener in &mut policy.listeners {
        listener.advertise = "127.0.0.1:5060".to_owned();
    }
    let main: SocketAddr = "127.0.0.1:5080".parse().unwrap();
    policy.upstream.servers[0].address = Some(main);
    let mut stage = Stage::new(policy);
    let mut phone = Phone::new("bob", "127.0.0.1:5062");
    let bytes = phone.register();
    stage.rig.send_from(phone.address, &bytes);
    let asked = only(&stage.rig.take_sent(), main).clone();
    let contact = asked.value("Contact").unwrap();
    stage.answer(&asked, 200, &format!("Contact: {contact}\r\n"));
    let us = contact.split(['<', '>']).nth(1).unwrap();
    let sent = stage.ask(main, &Ask::new("INVITE", us));
    let invite = only(&sent, phone.address).clone();
    stage.answer(&invite, 200, "Contact: <sip:bob@127.0.0.1:5062>\r\n");
    let route = invite.value("Record-Route").unwrap();
    for port in [5080, 5090] {
        let bye = Ask::new("BYE", "sip:bob@127.0.0.1:5062")
            .to("<sip:bob@example.org>;tag=of-5062")
            .with(&format!("Route: {route}\r\n"));
        let from = SocketAddr::from(([127, 0, 0, 1], port));
        let sent = stage.ask(from, &bye);
        assert_eq!(method(only(&sent, phone.address)), "BYE");
    }
    let bye = Ask::new("BYE", "sip:far@127.0.0.1:5080")
        .from("<sip:bob@example.org>;tag=of-5062")
        .to("<sip:caller@example.net>;tag=caller")
        .with(&format!("Route: {route}\r\n"));
    let sent = stage.ask(phone.address, &bye);
    assert_eq!(method(only(&sent, main)), "BYE");
}

#[test]
fn a_dialog_outlives_the_process() {
    for path in [false, true] {
        let mut policy = contact();
        if path {
            policy.domain.insertion = Insertion::Path;
        }
        let mut stage = Stage::new(policy);
        let mut phone = bob(5062);
        let us = stage.register(&mut phone);
        let ask = match path {
            true => {
                Ask::new("INVITE", "sip:bob@198.51.100.7:5062").with(&format!("Route: <{us}>\r\n"))
            }
            false => Ask::new("INVITE", &us),
        };
        let sent = stage.ask(main_registrar(), &ask);
        let invite = only(&sent, phone.address).clone();
        stage.answer(&invite, 200, "");
        let route = invite.value("Record-Route").unwrap();
        stage.rig.crash(2);
        stage.rig.take_sent();
        let info = Ask::new("INFO", "sip:bob@198.51.100.7:5062")
            .to("<sip:bob@example.org>;tag=of-5062")
            .with(&format!("Route: {route}\r\n"));
        let sent = stage.ask(main_registrar(), &info);
        assert_eq!(method(only(&sent, phone.address)), "INFO");
        let bye = Ask::new("BYE", "sip:far@203.0.113.9:5060")
            .from("<sip:bob@example.org>;tag=of-5062")
            .to("<sip:caller@example.net>;tag=caller")
            .with(&format!("Route: {route}\r\n"));
        let sent = stage.ask(phone.address, &bye);
        assert_eq!(method(only(&sent, main_registrar())), "BYE");
        // What was rung for before is forgotten, and says so.
        let sent = stage.answer(&invite, 200, "");
        assert!(sent.is_empty());
    }
}

#[test]
fn a_listener_may_be_taken_away_in_mid_call() {
    let mut policy = aor();
    policy.domain.calls.fork = ForkOrder::Serial;
    let mut stage = Stage::new(policy.clone());
    let mut phones = [bob(5062), bob(5064), bob(5066)];
    stage.rig.connect(phones[1].address);
    let mut us = String::new();
    for phone in &mut phones {
        us = stage.register(phone);
    }
    let sent = stage.ask(main_registrar(), &Ask::new("INVITE", &us));
    let first = sent
        .iter()
        .find(|packet| method(packet) == "INVITE")
        .unwrap()
        .clone();
    policy.listeners.truncate(1);
    stage.rig.set_policy(policy);
    stage.rig.take_sent();
    let mut asked = first;
    let mut finals = Vec::new();
    for _ in 0..3 {
        let sent = stage.answer(&asked, 486, "");
        finals.extend(final_answers(&sent, main_registrar()));
        match sent.iter().find(|packet| method(packet) == "INVITE") {
            Some(next) => asked = next.clone(),
            None => break,
        }
    }
    assert_eq!(finals, [486]);
    stage.ends_clean();
}

#[test]
fn paths_and_contacts_with_commas_and_quotes_come_through() {
    let mut stage = Stage::new(contact());
    let path = "\"a, <b>\" <sip:e,dge@edge.example.net;lr>;x=\"1,2\", <sip:two.example.net;lr>";
    let mut phone = bob(5062)
        .with_contacts(&["sip:b,o;b=x@198.51.100.7:5062;y=%22?Subject=a"])
        .with_header(&format!("Path: {path}"));
    phone.headers.push("Supported: path".to_owned());
    let us = stage.register(&mut phone);
    let sent = stage.ask(main_registrar(), &Ask::new("INVITE", &us));
    let invite = only(&sent, phone.address);
    assert_eq!(uri(invite), "sip:b,o;b=x@198.51.100.7:5062;y=%22");
    assert_eq!(invite.value("Route").unwrap(), path);
}

#[test]
fn r3262_each_early_dialog_has_its_own_way() {
    let (mut stage, phones, us) = devices(aor(), &[5062, 5064]);
    let sent = stage.ask(main_registrar(), &Ask::new("INVITE", &us));
    for phone in &phones {
        let invite = only(&sent, phone.address).clone();
        let told = stage.answer(&invite, 183, "Require: 100rel\r\nRSeq: 1\r\n");
        let early = only(&told, main_registrar()).clone();
        for name in ["PRACK", "UPDATE"] {
            let ask = Ask::new(name, "sip:bob@10.0.0.1")
                .to(&early.value("To").unwrap())
                .with(&format!(
                    "Route: {}\r\n",
                    early.value("Record-Route").unwrap()
                ));
            let sent = stage.ask(main_registrar(), &ask);
            let got = only(&sent, phone.address).clone();
            assert_eq!(method(&got), name);
            stage.answer(&got, 200, "");
        }
    }
}

#[test]
fn other_ways_to_write_the_same_are_understood() {
    let (mut stage, phones, us) = devices(contact(), &[5062]);
    let from = main_registrar();
    let text = format!(
        "INVITE {us} SIP/2.0\r\nv : SIP / 2.0 / UDP\r\n {from} ;branch=z9hG4bKfold;rport\r\n  ,\r\n SIP/2.0/UDP 10.1.1.1;branch=z9hG4bKx\r\n\
         f: \"x, y\" <tel:+1>\r\n ;tag=x\r\nt: <sip:bob@example.org>\r\ni: folded\r\ncSeQ: 1\r\n INVITE\r\n\
         Route: <sip:192.0.2.1:5060;lr> ,\r\n <sip:192.0.2.1;lr>\r\nRoute: <sip:192.0.2.1>\r\n\
         m: <sip:far@{from}>\r\nl: 4\r\n\r\nbody"
    );
    let sent = stage.say(from, &text);
    let invite = only(&sent, phones[0].address).clone();
    assert_eq!(invite.value("Route"), None);
    assert_eq!(invite.number("Max-Forwards"), Some(70));
    assert_eq!(invite.all("Via").len(), 2);
    let told = stage.answer(&invite, 486, "");
    assert_eq!(final_answers(&told, from), [486]);
    let said = only(&told, from);
    assert!(said.text().contains("10.1.1.1"), "{}", said.text());
    let ack = format!(
        "ACK {us} SIP/2.0\r\nVia: SIP/2.0/UDP {from};branch=z9hG4bKfold;rport\r\n\
         From: <tel:+1>;tag=x\r\nTo: <sip:bob@example.org>;tag=of-5062\r\nCall-ID: folded\r\n\
         CSeq: 1 ACK\r\n\r\n"
    );
    assert!(stage.say(from, &ack).is_empty());
    stage.ends_clean();
}

#[test]
fn a_cancel_that_names_another_way_ends_its_own_call() {
    let (mut stage, phones, us) = devices(contact(), &[5062]);
    let ask = Ask::new("INVITE", &us).branch("z9hG4bKthis");
    let sent = stage.ask(main_registrar(), &ask);
    let invite = only(&sent, phones[0].address).clone();
    stage.answer(&invite, 180, "");
    let cancel = Ask::new("CANCEL", "sip:mallory@192.0.2.99")
        .branch("z9hG4bKthis")
        .with("Route: <sip:192.0.2.98;lr>\r\n");
    let sent = stage.ask(main_registrar(), &cancel);
    let got = only(&sent, phones[0].address);
    assert_eq!((method(got), uri(got)), ("CANCEL".to_owned(), uri(&invite)));
    assert_eq!(got.value("Route"), None);
    // Once more, and once more after the end.
    assert_eq!(
        only(&stage.ask(main_registrar(), &cancel), main_registrar()).status(),
        200
    );
    let sent = stage.answer(&invite, 487, "");
    assert_eq!(final_answers(&sent, main_registrar()), [487]);
    assert!(to(&stage.ask(main_registrar(), &cancel), phones[0].address).is_empty());
    stage.ends_clean();
}

#[test]
fn ipv6_on_both_sides() {
    let mut policy = contact();
    for listener in &mut policy.listeners {
        listener.advertise = "[2001:db8::1]:5060".to_owned();
    }
    let main: SocketAddr = "[2001:db8::9]:5060".parse().unwrap();
    policy.upstream.servers[0].address = Some(main);
    let mut stage = Stage::new(policy);
    let mut phone = Phone::new("bob", "[2001:db8::7]:5062");
    let bytes = phone.register();
    stage.rig.send_from(phone.address, &bytes);
    let asked = only(&stage.rig.take_sent(), main).clone();
    let contact = asked.value("Contact").unwrap();
    stage.answer(&asked, 200, &format!("Contact: {contact}\r\n"));
    let us = contact.split(['<', '>']).nth(1).unwrap();
    let sent = stage.ask(main, &Ask::new("INVITE", us));
    let invite = only(&sent, phone.address).clone();
    assert_eq!(uri(&invite), "sip:bob@[2001:db8::7]:5062");
    stage.answer(&invite, 200, "");
    let route = invite.value("Record-Route").unwrap();
    let bye = Ask::new("BYE", "sip:far@[2001:DB8:0::9]:5066")
        .from("<sip:bob@example.org>;tag=of-5062")
        .to("<sip:caller@example.net>;tag=caller")
        .with(&format!("Route: {route}\r\n"));
    let sent = stage.ask(phone.address, &bye);
    assert_eq!(
        method(only(&sent, "[2001:db8::9]:5066".parse().unwrap())),
        "BYE"
    );
    let bye = Ask::new("BYE", "sip:bob@[2001:db8::7]:5062")
        .to("<sip:bob@example.org>;tag=of-5062")
        .with(&format!("Route: {route}\r\n"));
    let sent = stage.ask(main, &bye);
    assert_eq!(method(only(&sent, phone.address)), "BYE");
}

#[test]
fn an_answer_that_comes_when_all_is_over_is_dropped() {
    let (mut stage, phones, us) = devices(contact(), &[5062]);
    let sent = stage.ask(main_registrar(), &Ask::new("INVITE", &us));
    let invite = only(&sent, phones[0].address).clone();
    assert_eq!(
        final_answers(&stage.answer(&invite, 200, ""), main_registrar()),
        [200]
    );
    stage.wait(31_000);
    assert_eq!(
        final_answers(&stage.answer(&invite, 200, ""), main_registrar()),
        [200]
    );
    stage.wait(40_000);
    assert!(stage.answer(&invite, 200, "").is_empty());
    assert_eq!(stage.rig.totals().forks, 0);
}

#[test]
fn a_long_contact_and_a_crowd_of_headers_are_refused_or_carried() {
    let mut stage = Stage::new(contact());
    let mut phone = bob(5062);
    let us = stage.register(&mut phone);
    let long = format!(
        "Contact: <sip:far@{};x={}>\r\n",
        main_registrar(),
        "y".repeat(16_000)
    );
    let sent = stage.ask(main_registrar(), &Ask::new("INVITE", &us).with(&long));
    assert!(
        only(&sent, phone.address)
            .text()
            .contains(&"y".repeat(16_000))
    );
    let many: String = (0..240).map(|at| format!("X-{at}: y\r\n")).collect();
    let sent = stage.ask(main_registrar(), &Ask::new("INVITE", &us).with(&many));
    // One more header of ours must not make it unreadable to us.
    assert_eq!(only(&sent, phone.address).number("Max-Forwards"), Some(69));
    let told = stage.answer(&only(&sent, phone.address).clone(), 200, &many);
    assert_eq!(final_answers(&told, main_registrar()), [200]);
}
