//! What a hostile peer may try, and what is lost where peers have other habits.

use engine::policy::{ForkOrder, Policy, Redirects};
use midreg_sim::policy::{aor, contact};
use midreg_sim::{Packet, Phone};

use crate::stage::{Ask, Stage, answer, main_registrar, method, only, standalone, stranger, to};

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

fn final_answers(sent: &[Packet], whom: core::net::SocketAddr) -> Vec<u16> {
    to(sent, whom)
        .iter()
        .filter(|packet| method(packet) == "SIP/2.0" && packet.is_final())
        .map(|packet| packet.status())
        .collect()
}

/// Whatever is sent to our own address comes in again.
fn reflected(stage: &mut Stage, sent: Vec<Packet>) -> Vec<Packet> {
    let us = midreg_sim::policy::us();
    let mut all = Vec::new();
    let mut work = sent;
    for _ in 0..80 {
        let (own, other): (Vec<_>, Vec<_>) = work.into_iter().partition(|packet| packet.to == us);
        all.extend(other);
        work = own
            .iter()
            .flat_map(|packet| stage.say(us, &packet.text()))
            .collect();
        if work.is_empty() {
            return all;
        }
    }
    panic!("it goes round and round");
}

#[test]
fn nobody_becomes_the_main_registrar_by_way_of_ourselves() {
    // The main registrar lives on our host.
    for advertise in ["192.0.2.1:5060", "sip.example.net"] {
        for mut policy in [contact(), aor()] {
            for listener in &mut policy.listeners {
                listener.advertise = advertise.to_owned();
            }
            policy.upstream.servers[0].address = Some("192.0.2.1:5080".parse().unwrap());
            let mut stage = Stage::new(policy);
            let main = "192.0.2.1:5080".parse().unwrap();
            let mut register = |phone: &mut Phone| {
                let bytes = phone.register();
                stage.rig.send_from(phone.address, &bytes);
                let asked = only(&stage.rig.take_sent(), main).clone();
                let contact = asked.value("Contact").unwrap();
                stage.answer(&asked, 200, &format!("Contact: {contact}\r\n"));
                contact.split(['<', '>']).nth(1).unwrap().to_owned()
            };
            let (mut mallory, mut victim) = (alice(), bob(5062));
            register(&mut mallory);
            let token = register(&mut victim);
            for route in ["<sip:192.0.2.1:5060;lr>", "<sip:192.0.2.1;lr>"] {
                let ask = Ask::new("MESSAGE", &token)
                    .from("<sip:alice@example.org>;tag=x")
                    .with(&format!("Route: {route}\r\n"));
                let sent = stage.ask(mallory.address, &ask);
                let sent = reflected(&mut stage, sent);
                assert!(to(&sent, victim.address).is_empty(), "{advertise} {route}");
            }
            // Within a dialog of his own the Request-URI alone is enough.
            let ask = Ask::new("INVITE", "sip:x@example.org").from("<sip:alice@example.org>;tag=x");
            let sent = stage.ask(mallory.address, &ask);
            let route = only(&sent, main).value("Record-Route").unwrap();
            let target = token.replace(advertise, "192.0.2.1:5060");
            for name in ["MESSAGE", "ACK"] {
                let ask = Ask::new(name, &target)
                    .from("<sip:alice@example.org>;tag=x")
                    .to("<sip:x@example.org>;tag=y")
                    .with(&format!("Route: {route}\r\n"));
                let sent = stage.ask(mallory.address, &ask);
                let sent = reflected(&mut stage, sent);
                assert!(to(&sent, victim.address).is_empty(), "{advertise} {name}");
            }
        }
    }
}

#[test]
fn a_route_of_a_dialog_begins_no_other() {
    let mut stage = Stage::new(standalone());
    let (mut one, mut two) = (alice(), bob(5062));
    stage.register(&mut one);
    stage.register(&mut two);
    let ask = Ask::new("INVITE", "sip:bob@example.org").from("<sip:alice@example.org>;tag=caller");
    let sent = stage.ask(one.address, &ask);
    let routes = only(&sent, two.address).all("Record-Route");
    let ask =
        Ask::new("INVITE", "sip:bob@198.51.100.7:5062").with(&format!("Route: {}\r\n", routes[0]));
    let sent = stage.ask(stranger(), &ask);
    assert!(to(&sent, two.address).is_empty());
    assert_eq!(only(&sent, stranger()).status(), 404);
}

#[test]
fn a_main_registrar_that_leaves_the_way_is_left_out() {
    // It is a proxy that records no route: our two routes stand side by side.
    let mut stage = Stage::new(contact());
    let (mut one, mut two) = (alice(), bob(5062));
    stage.register(&mut one);
    let token = stage.register(&mut two);
    let ask = Ask::new("INVITE", "sip:bob@example.org").from("<sip:alice@example.org>;tag=caller");
    let sent = stage.ask(one.address, &ask);
    let asked = only(&sent, main_registrar()).clone();
    let passed = asked
        .text()
        .replacen("sip:bob@example.org", &token, 1)
        .replacen(
            "Via: ",
            "Via: SIP/2.0/UDP 203.0.113.9;branch=z9hG4bKmain\r\nVia: ",
            1,
        );
    let sent = stage.say(main_registrar(), &passed);
    let invite = only(&sent, two.address).clone();
    let routes = invite.all("Record-Route");
    assert_eq!(routes.len(), 2);
    let bye = Ask::new("BYE", "sip:alice@10.9.9.9:5062")
        .from("<sip:bob@example.org>;tag=of-5062")
        .to("<sip:alice@example.org>;tag=caller")
        .with(&format!("Route: {}, {}\r\n", routes[0], routes[1]));
    let sent = stage.ask(two.address, &bye);
    assert_eq!(method(only(&sent, one.address)), "BYE");
    let bye = Ask::new("BYE", "sip:bob@10.9.9.9:5062")
        .from("<sip:alice@example.org>;tag=caller")
        .to("<sip:bob@example.org>;tag=of-5062")
        .with(&format!("Route: {}, {}\r\n", routes[1], routes[0]));
    let sent = stage.ask(one.address, &bye);
    assert_eq!(method(only(&sent, two.address)), "BYE");
}

#[test]
fn an_answer_that_cannot_go_back_counts_as_none() {
    let (mut stage, phones, us) = devices(aor(), &[5062, 5064]);
    let sent = stage.ask(main_registrar(), &Ask::new("INVITE", &us));
    let (first, second) = (
        only(&sent, phones[0].address).clone(),
        only(&sent, phones[1].address).clone(),
    );
    // It kept our Via only.
    let told = answer(&first, 200, "OK", "");
    let theirs = format!("Via: {}\r\n", first.all("Via")[1]);
    let sent = stage.say(first.to, &told.replacen(&theirs, "", 1));
    assert!(sent.is_empty());
    let sent = stage.answer(&second, 200, "");
    assert_eq!(only(&sent, main_registrar()).status(), 200);
    stage.ends_clean();

    let (mut stage, phones, us) = devices(contact(), &[5062]);
    let sent = stage.ask(main_registrar(), &Ask::new("INVITE", &us));
    let asked = only(&sent, phones[0].address).clone();
    let told = answer(&asked, 200, "OK", "");
    let theirs = format!("Via: {}\r\n", asked.all("Via")[1]);
    let sent = stage.say(asked.to, &told.replacen(&theirs, "", 1));
    assert_eq!(final_answers(&sent, main_registrar()), [480]);
}

#[test]
fn redirections_do_not_multiply() {
    let mut policy = aor();
    policy.limits.bindings_per_aor = 32;
    policy.domain.calls.redirects = Redirects::Follow;
    let ports: Vec<u16> = (0..32).map(|at| 5062 + 2 * at).collect();
    let (mut stage, phones, us) = devices(policy, &ports);
    let mut sent = stage.ask(main_registrar(), &Ask::new("INVITE", &us));
    let moved: String = (0..40)
        .map(|at| format!("Contact: <sip:away{at}@192.0.2.99>\r\n"))
        .collect();
    let mut tried = 0;
    for phone in &phones {
        let invite = only(&sent, phone.address).clone();
        let more = stage.answer(&invite, 302, &moved);
        sent.extend(more);
    }
    let mut work: Vec<Packet> = sent;
    while !work.is_empty() {
        let mut next = Vec::new();
        for packet in &work {
            if packet.to == main_registrar() && method(packet) == "INVITE" {
                tried += 1;
                assert!(packet.number("Max-Breadth").unwrap() >= 1);
                next.extend(stage.answer(packet, 486, ""));
            }
        }
        work = next;
    }
    assert!(tried <= 32, "{tried} places besides the 32 devices");
    stage.ends_clean();
}

#[test]
fn who_rang_in_vain_is_not_told_that_he_cancelled() {
    let mut policy = aor();
    policy.domain.calls.fork = ForkOrder::Serial;
    for (last, told_at_last) in [(486, 486), (404, 404)] {
        let (mut stage, phones, us) = devices(policy.clone(), &[5062, 5064]);
        let sent = stage.ask(main_registrar(), &Ask::new("INVITE", &us));
        let first = only(&sent, phones[0].address).clone();
        stage.answer(&first, 180, "");
        let sent = stage.wait(30_000);
        let second = to(&sent, phones[1].address)[0].clone();
        stage.answer(&first, 487, "");
        let told = stage.answer(&second, last, "");
        assert_eq!(final_answers(&told, main_registrar()), [told_at_last]);
        stage.ends_clean();
    }
    // Timer C counts as 408 (RFC 3261 §16.8).
    let (mut stage, phones, us) = devices(contact(), &[5062]);
    let sent = stage.ask(main_registrar(), &Ask::new("INVITE", &us));
    let first = only(&sent, phones[0].address).clone();
    stage.answer(&first, 180, "");
    let sent = stage.wait(186_000);
    assert_eq!(method(to(&sent, phones[0].address)[0]), "CANCEL");
    let told = stage.answer(&first, 487, "");
    assert_eq!(final_answers(&told, main_registrar()), [408]);
    stage.ends_clean();
}

#[test]
fn a_refusal_reaches_the_sender_although_another_device_is_silent() {
    let (mut stage, phones, us) = devices(aor(), &[5062, 5064]);
    let sent = stage.ask(main_registrar(), &Ask::new("MESSAGE", &us));
    let first = only(&sent, phones[0].address).clone();
    stage.answer(&first, 488, "");
    let told = stage.wait(31_500);
    assert_eq!(final_answers(&told, main_registrar()), [488]);
    stage.ends_clean();
}

#[test]
fn a_long_hunt_ends_with_an_answer() {
    let mut policy = aor();
    policy.limits.bindings_per_aor = 20;
    policy.domain.calls.fork = ForkOrder::Serial;
    let ports: Vec<u16> = (0..12).map(|at| 5062 + 2 * at).collect();
    let (mut stage, _, us) = devices(policy, &ports);
    stage.ask(main_registrar(), &Ask::new("INVITE", &us));
    let told = stage.wait(370_000);
    let finals = final_answers(&told, main_registrar());
    assert_eq!(finals.first(), Some(&408));
    stage.ends_clean();
}

#[test]
fn r6665_a_notify_that_may_begin_a_dialog_records_the_route() {
    let mut stage = Stage::new(contact());
    let mut phone = bob(5062);
    stage.register(&mut phone);
    let ask = Ask::new("SUBSCRIBE", "sip:desk@example.org")
        .from("<sip:bob@example.org>;tag=caller")
        .with("Event: dialog\r\n");
    let sent = stage.ask(phone.address, &ask);
    let route = only(&sent, main_registrar()).value("Record-Route").unwrap();
    let notify = Ask::new("NOTIFY", "sip:bob@198.51.100.7:5062")
        .from("<sip:desk@example.org>;tag=notifier")
        .to("<sip:bob@example.org>;tag=caller")
        .with(&format!("Event: dialog\r\nRoute: {route}\r\n"));
    let sent = stage.ask(main_registrar(), &notify);
    let got = only(&sent, phone.address);
    assert_eq!(got.all("Record-Route").len(), 1);
}

#[test]
fn r5393_what_is_no_call_shares_its_breadth_as_well() {
    let (mut stage, phones, us) = devices(aor(), &[5062, 5064]);
    let sent = stage.ask(main_registrar(), &Ask::new("MESSAGE", &us));
    for phone in &phones {
        assert_eq!(only(&sent, phone.address).number("Max-Breadth"), Some(30));
    }
}

#[test]
fn merged_challenges_still_fit_a_datagram() {
    let (mut stage, phones, us) = devices(aor(), &[5062, 5064]);
    let sent = stage.ask(main_registrar(), &Ask::new("INVITE", &us));
    let asks: String = (0..3)
        .map(|_| {
            format!(
                "Proxy-Authenticate: Digest realm=\"{}\"\r\n",
                "x".repeat(15_000)
            )
        })
        .collect();
    stage.answer(&only(&sent, phones[0].address).clone(), 407, &asks);
    let told = stage.answer(&only(&sent, phones[1].address).clone(), 407, &asks);
    let told = only(&told, main_registrar());
    assert_eq!(told.status(), 407);
    assert!(told.bytes.len() < 65_000, "{}", told.bytes.len());
}

#[test]
fn a_device_chooses_no_service_of_the_main_registrars_host() {
    let mut stage = Stage::new(contact());
    let mut phone = alice();
    stage.register(&mut phone);
    for place in [
        "203.0.113.9:53",
        "203.0.113.9:0",
        "203.0.113.9:514",
        "[::ffff:203.0.113.9]:53",
    ] {
        let ask = Ask::new("INVITE", "sip:x@example.org")
            .from("<sip:alice@example.org>;tag=x")
            .with(&format!("Route: <sip:{place};lr>\r\n"));
        let sent = stage.ask(phone.address, &ask);
        assert_eq!(sent[0].to, main_registrar(), "{place}");
    }
}

#[test]
fn the_ack_to_a_refusal_of_ours_stops_here() {
    let (mut stage, phones, us) = devices(contact(), &[5062]);
    let invite = Ask::new("INVITE", &us)
        .branch("z9hG4bKnone")
        .with("Max-Breadth: 0\r\n");
    let sent = stage.ask(main_registrar(), &invite);
    let refused = only(&sent, main_registrar());
    assert_eq!(refused.status(), 440);
    let ack = Ask::new("ACK", &us)
        .branch("z9hG4bKnone")
        .to(&refused.value("To").unwrap());
    let sent = stage.ask(main_registrar(), &ack);
    assert!(to(&sent, phones[0].address).is_empty());
}

#[test]
fn r3261_16_22_what_goes_by_a_stream_says_how_long_it_is() {
    let mut stage = Stage::new(contact());
    let mut phone = bob(5062);
    stage.rig.connect(phone.address);
    let us = stage.register(&mut phone);
    let from = main_registrar();
    let text = format!(
        "MESSAGE {us} SIP/2.0\r\nVia: SIP/2.0/UDP {from};branch=z9hG4bKs;rport\r\n\
         Max-Forwards: 70\r\nFrom: <sip:a@b>;tag=x\r\nTo: <sip:bob@example.org>\r\n\
         Call-ID: s\r\nCSeq: 1 MESSAGE\r\n\r\nbody"
    );
    let sent = stage.say(from, &text);
    let got = only(&sent, phone.address);
    assert_eq!(got.number("Content-Length"), Some(4));
    // And back.
    let sent = stage.ask(
        phone.address,
        &Ask::new("MESSAGE", "sip:x@example.org").from("<sip:bob@example.org>;tag=x"),
    );
    let asked = only(&sent, from).clone();
    let told = answer(&asked, 200, "OK", "").replace("Content-Length: 0\r\n", "");
    let told = stage.say(from, &told);
    assert_eq!(only(&told, phone.address).number("Content-Length"), Some(0));
}

#[test]
fn a_device_behind_a_proxy_that_is_gone_is_not_there() {
    let mut stage = Stage::new(contact());
    let mut phone = bob(5062);
    let bytes = String::from_utf8(phone.register()).unwrap();
    let bytes = bytes.replacen(
        "Via: ",
        "Via: SIP/2.0/UDP 198.51.100.7:5062;branch=z9hG4bKedge;rport\r\nVia: ",
        1,
    );
    let sent = stage.say(phone.address, &bytes);
    let asked = only(&sent, main_registrar()).clone();
    let contact = asked.value("Contact").unwrap();
    stage.answer(&asked, 200, &format!("Contact: {contact}\r\n"));
    let us = contact.split(['<', '>']).nth(1).unwrap();
    let sent = stage.ask(main_registrar(), &Ask::new("INVITE", us));
    assert_eq!(method(only(&sent, phone.address)), "INVITE");
    stage.rig.unreachable(phone.address);
    let told = stage.rig.take_sent();
    assert_eq!(final_answers(&told, main_registrar()), [480]);
}

#[test]
fn the_main_registrars_own_redirections_are_not_followed() {
    let moved = "Contact: <sip:else@192.0.2.99:5070>\r\n";
    let mut policy = contact();
    policy.domain.calls.redirects = Redirects::Follow;
    let mut stage = Stage::new(policy.clone());
    let mut phone = alice();
    stage.register(&mut phone);
    let ask = Ask::new("INVITE", "sip:x@example.org").from("<sip:alice@example.org>;tag=x");
    let sent = stage.ask(phone.address, &ask);
    let told = stage.answer(&only(&sent, main_registrar()).clone(), 302, moved);
    assert_eq!(final_answers(&told, phone.address), [302]);
    // Nor are those that it gives when it is asked for a device's.
    let (mut stage, phones, us) = devices(policy, &[5062]);
    let sent = stage.ask(main_registrar(), &Ask::new("INVITE", &us));
    let sent = stage.answer(&only(&sent, phones[0].address).clone(), 302, moved);
    let told = stage.answer(&only(&sent, main_registrar()).clone(), 302, moved);
    assert_eq!(final_answers(&told, main_registrar()), [302]);
    stage.ends_clean();
}

#[test]
fn r20_whoever_reboots_all_the_time_is_not_told_all_the_time() {
    let mut stage = Stage::new(contact());
    let mut phone = bob(5062);
    let us = stage.register(&mut phone);
    let summary = Ask::new("NOTIFY", &us).with("Event: message-summary\r\n");
    let sent = stage.ask(main_registrar(), &summary);
    stage.answer(&only(&sent, phone.address).clone(), 200, "");
    let mut told = 0;
    for _ in 0..100 {
        phone.reboot();
        let bytes = phone.register();
        stage.rig.send_from(phone.address, &bytes);
        let sent = stage.rig.take_sent();
        told += sent
            .iter()
            .filter(|packet| method(packet) == "NOTIFY")
            .count();
    }
    assert!((1..=16).contains(&told), "{told} times");
    stage.wait(40_000);
    phone.reboot();
    let bytes = phone.register();
    stage.rig.send_from(phone.address, &bytes);
    assert_eq!(stage.rig.take_sent().len(), 2, "later he is told again");
}
