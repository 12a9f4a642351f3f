//! From the main registrar to devices: who is tried, who is cancelled, what the caller hears.

use engine::policy::{ForkOrder, Insertion, Policy, Redirects};
use midreg_sim::policy::{aor, contact, mirror};
use midreg_sim::{Packet, Phone};

use crate::stage::{Ask, Stage, main_registrar, method, only, to, uri};

fn bob(port: u16) -> Phone {
    Phone::new("bob", &format!("198.51.100.7:{port}"))
}

/// A stage in `aor` with devices of bob at these ports, and the URI that stands for him.
fn devices(policy: Policy, ports: &[u16]) -> (Stage, Vec<Phone>, String) {
    let mut stage = Stage::new(policy);
    let mut phones: Vec<Phone> = ports.iter().map(|port| bob(*port)).collect();
    let mut uri = String::new();
    for phone in &mut phones {
        uri = stage.register(phone);
    }
    (stage, phones, uri)
}

fn invited(sent: &[Packet], phone: &Phone) -> Packet {
    let invite = only(sent, phone.address);
    assert_eq!(method(invite), "INVITE");
    invite.clone()
}

#[test]
fn a_call_reaches_the_device_by_its_token() {
    for insertion in [Insertion::Parameter, Insertion::User] {
        let mut policy = contact();
        policy.domain.insertion = insertion;
        let (mut stage, phones, us) = devices(policy, &[5062]);
        let sent = stage.ask(main_registrar(), &Ask::new("INVITE", &us));
        let invite = invited(&sent, &phones[0]);
        assert_eq!(uri(&invite), phones[0].contacts[0]);
        assert_eq!(invite.number("Max-Forwards"), Some(69));
        assert_eq!(invite.number("Max-Breadth"), Some(60));
        assert!(
            invite
                .value("Record-Route")
                .unwrap()
                .ends_with("@192.0.2.1:5060;lr>")
        );
        assert_eq!(invite.all("Record-Route").len(), 1);
        assert!(invite.all("Via")[1].contains("rport=5060"));
        assert!(invite.text().ends_with("\r\n\r\nbody"));
        let told = stage.answer(&invite, 180, "");
        let ringing = only(&told, main_registrar());
        assert_eq!((ringing.status(), ringing.all("Via").len()), (180, 1));
        let told = stage.answer(&invite, 200, "Contact: <sip:bob@10.0.0.1>\r\n");
        let accepted = only(&told, main_registrar());
        assert_eq!(accepted.value("Contact").unwrap(), "<sip:bob@10.0.0.1>");
        assert_eq!(accepted.value("Record-Route"), invite.value("Record-Route"));
        stage.ends_clean();
    }
}

#[test]
fn with_path_insertion_the_route_leads_to_the_device() {
    for mut policy in [contact(), mirror()] {
        policy.domain.insertion = Insertion::Path;
        let (mut stage, phones, path) = devices(policy, &[5062]);
        let ask = Ask::new("INVITE", "sip:bob@198.51.100.7:5062;x=y");
        let sent = stage.ask(main_registrar(), &ask.with(&format!("Route: <{path}>\r\n")));
        let invite = invited(&sent, &phones[0]);
        assert_eq!(uri(&invite), "sip:bob@198.51.100.7:5062;x=y");
        assert_eq!(invite.value("Route"), None);
    }
}

#[test]
fn a_device_behind_a_proxy_is_reached_through_it() {
    let mut stage = Stage::new(contact());
    let mut phone = bob(5062).with_header("Path: <sip:edge.example.net;lr>");
    phone.headers.push("Supported: path".to_owned());
    let us = stage.register(&mut phone);
    let sent = stage.ask(main_registrar(), &Ask::new("INVITE", &us));
    let invite = invited(&sent, &phone);
    assert_eq!(invite.value("Route").unwrap(), "<sip:edge.example.net;lr>");
}

#[test]
fn all_devices_ring_and_the_losers_are_cancelled_once_they_rang() {
    let (mut stage, phones, us) = devices(aor(), &[5062, 5064, 5066]);
    let sent = stage.ask(main_registrar(), &Ask::new("INVITE", &us));
    let invites: Vec<Packet> = phones.iter().map(|phone| invited(&sent, phone)).collect();
    assert_eq!(invites[0].number("Max-Breadth"), Some(20));
    stage.answer(&invites[0], 180, "");
    stage.answer(&invites[1], 180, "");
    let sent = stage.answer(&invites[0], 200, "");
    assert_eq!(only(&sent, main_registrar()).status(), 200);
    let cancel = only(&sent, phones[1].address);
    assert_eq!(
        (method(cancel), cancel.branch()),
        ("CANCEL".to_owned(), invites[1].branch())
    );
    let elsewhere = "SIP;cause=200;text=\"Call completed elsewhere\"";
    assert_eq!(cancel.value("Reason").as_deref(), Some(elsewhere));
    assert!(
        to(&sent, phones[2].address).is_empty(),
        "it has not rung yet"
    );
    let sent = stage.answer(&invites[2], 180, "");
    assert_eq!(method(only(&sent, phones[2].address)), "CANCEL");
    assert!(to(&sent, main_registrar()).is_empty());
    for invite in &invites[1..] {
        let sent = stage.answer(invite, 487, "");
        assert_eq!(method(only(&sent, invite.to)), "ACK");
        assert!(to(&sent, main_registrar()).is_empty());
    }
    stage.ends_clean();
}

#[test]
fn twelve_and_more_devices_ring_at_once() {
    let mut policy = aor();
    policy.limits.bindings_per_aor = 20;
    let ports: Vec<u16> = (0..20).map(|at| 5062 + 2 * at).collect();
    let (mut stage, phones, us) = devices(policy, &ports);
    let sent = stage.ask(main_registrar(), &Ask::new("INVITE", &us));
    phones.iter().for_each(|phone| drop(invited(&sent, phone)));
}

#[test]
fn the_caller_hears_the_best_of_all_answers() {
    for (answers, best) in [
        ([486, 404, 480], 486),
        ([486, 603, 480], 603),
        ([486, 302, 500], 302),
        ([503, 503, 503], 500),
        ([486, 408, 503], 486),
    ] {
        let (mut stage, phones, us) = devices(aor(), &[5062, 5064, 5066]);
        let sent = stage.ask(main_registrar(), &Ask::new("INVITE", &us));
        let invites: Vec<Packet> = phones.iter().map(|phone| invited(&sent, phone)).collect();
        let mut told = Vec::new();
        for (invite, status) in invites.iter().zip(answers) {
            told.extend(stage.answer(invite, status, ""));
        }
        assert_eq!(only(&told, main_registrar()).status(), best, "{answers:?}");
        stage.ends_clean();
    }
}

#[test]
fn t30_what_we_make_up_never_beats_an_answer() {
    let (mut stage, phones, us) = devices(aor(), &[5062, 5064]);
    let sent = stage.ask(main_registrar(), &Ask::new("INVITE", &us));
    stage.answer(&invited(&sent, &phones[0]), 486, "");
    let told = stage.wait(33_000);
    assert_eq!(only_final(&told).status(), 486);
}

fn only_final(sent: &[Packet]) -> Packet {
    let finals: Vec<&Packet> = to(sent, main_registrar())
        .into_iter()
        .filter(|packet| packet.status() >= 200)
        .collect();
    assert!(!finals.is_empty(), "no final answer");
    finals[0].clone()
}

#[test]
fn nobody_answers() {
    let (mut stage, _, us) = devices(contact(), &[5062]);
    stage.ask(main_registrar(), &Ask::new("INVITE", &us));
    let told = stage.wait(250);
    let trying = only(&told, main_registrar());
    assert_eq!((trying.status(), trying.tag("To")), (100, None));
    assert_eq!(only_final(&stage.wait(32_000)).status(), 408);
    stage.ends_clean();
}

#[test]
fn challenges_of_several_devices_reach_the_caller_together() {
    let (mut stage, phones, us) = devices(aor(), &[5062, 5064, 5066]);
    let sent = stage.ask(main_registrar(), &Ask::new("INVITE", &us));
    let asks =
        |realm: &str| format!("Proxy-Authenticate: Digest realm=\"{realm}\", nonce=\"n\"\r\n");
    stage.answer(&invited(&sent, &phones[0]), 407, &asks("one"));
    stage.answer(&invited(&sent, &phones[1]), 486, "");
    let told = stage.answer(&invited(&sent, &phones[2]), 407, &asks("two"));
    let answer = only(&told, main_registrar());
    assert_eq!(answer.status(), 407);
    assert_eq!(answer.text().matches("Proxy-Authenticate").count(), 2);
}

#[test]
fn a_6xx_ends_all() {
    let (mut stage, phones, us) = devices(aor(), &[5062, 5064]);
    let sent = stage.ask(main_registrar(), &Ask::new("INVITE", &us));
    let (first, second) = (invited(&sent, &phones[0]), invited(&sent, &phones[1]));
    stage.answer(&second, 180, "");
    let sent = stage.answer(&first, 603, "");
    assert!(to(&sent, main_registrar()).is_empty());
    assert_eq!(method(only(&sent, phones[1].address)), "CANCEL");
    let sent = stage.answer(&second, 487, "");
    assert_eq!(only(&sent, main_registrar()).status(), 603);
}

#[test]
fn serial_forks_go_on_when_a_device_refuses_or_has_rung_long_enough() {
    let mut policy = aor();
    policy.domain.calls.fork = ForkOrder::Serial;
    let (mut stage, phones, us) = devices(policy, &[5062, 5064, 5066]);
    let sent = stage.ask(main_registrar(), &Ask::new("INVITE", &us));
    // The one that showed itself last comes first; at one instant, who came first.
    let first = invited(&sent, &phones[0]);
    assert_eq!(sent.len(), 1);
    let sent = stage.answer(&first, 486, "");
    let second = invited(&sent, &phones[1]);
    stage.answer(&second, 180, "");
    let sent = stage.wait(30_000);
    assert_eq!(method(only(&sent, phones[1].address)), "CANCEL");
    let third = invited(&sent, &phones[2]);
    stage.answer(&second, 487, "");
    let told = stage.answer(&third, 404, "");
    assert_eq!(only(&told, main_registrar()).status(), 486);
    stage.ends_clean();
}

#[test]
fn q_orders_the_devices() {
    let mut stage = Stage::new(aor());
    let mut desk = bob(5062);
    desk.contact_params.push_str(";q=0.3");
    let mut cell = bob(5064);
    stage.register(&mut desk);
    let us = stage.register(&mut cell);
    let sent = stage.ask(main_registrar(), &Ask::new("INVITE", &us));
    let first = invited(&sent, &cell);
    assert_eq!(sent.len(), 1);
    let sent = stage.answer(&first, 480, "");
    invited(&sent, &desk);
}

#[test]
fn a_cancelled_call_ends_with_487_when_all_branches_have() {
    let (mut stage, phones, us) = devices(aor(), &[5062, 5064]);
    let ask = Ask::new("INVITE", &us).branch("z9hG4bKthis");
    let sent = stage.ask(main_registrar(), &ask);
    let (first, second) = (invited(&sent, &phones[0]), invited(&sent, &phones[1]));
    stage.answer(&first, 180, "");
    let why = "SIP;cause=487;text=\"ORIGINATOR_CANCEL\"";
    let cancel = Ask::new("CANCEL", &us).branch("z9hG4bKthis");
    let sent = stage.ask(
        main_registrar(),
        &cancel.with(&format!("Reason: {why}\r\n")),
    );
    assert_eq!(only(&sent, main_registrar()).status(), 200);
    let cancel = only(&sent, phones[0].address);
    assert_eq!(
        (method(cancel), cancel.value("Reason").as_deref()),
        ("CANCEL".to_owned(), Some(why))
    );
    assert!(
        to(&sent, phones[1].address).is_empty(),
        "it has not rung yet"
    );
    assert!(to(&stage.answer(&first, 487, ""), main_registrar()).is_empty());
    let sent = stage.answer(&second, 180, "");
    assert_eq!(method(only(&sent, phones[1].address)), "CANCEL");
    let sent = stage.answer(&second, 487, "");
    assert_eq!(only(&sent, main_registrar()).status(), 487);
    stage.ends_clean();
}

#[test]
fn an_answer_that_crosses_the_cancel_reaches_the_caller() {
    let (mut stage, phones, us) = devices(contact(), &[5062]);
    let sent = stage.ask(
        main_registrar(),
        &Ask::new("INVITE", &us).branch("z9hG4bKthis"),
    );
    let invite = invited(&sent, &phones[0]);
    stage.answer(&invite, 180, "");
    stage.ask(
        main_registrar(),
        &Ask::new("CANCEL", &us).branch("z9hG4bKthis"),
    );
    let sent = stage.answer(&invite, 200, "");
    assert_eq!(only(&sent, main_registrar()).status(), 200);
    stage.ends_clean();
}

#[test]
fn r6026_all_that_accept_reach_the_caller_and_so_do_their_retransmissions() {
    let (mut stage, phones, us) = devices(aor(), &[5062, 5064]);
    let sent = stage.ask(main_registrar(), &Ask::new("INVITE", &us));
    for phone in &phones {
        let invite = invited(&sent, phone);
        for _ in 0..2 {
            let told = stage.answer(&invite, 200, "");
            let tag = format!("of-{}", phone.address.port());
            assert_eq!(only(&told, main_registrar()).tag("To"), Some(tag));
        }
    }
    stage.ends_clean();
}

#[test]
fn retransmissions_stop_here() {
    let (mut stage, phones, us) = devices(contact(), &[5062]);
    let ask = Ask::new("INVITE", &us).branch("z9hG4bKsame");
    let sent = stage.ask(main_registrar(), &ask);
    let invite = invited(&sent, &phones[0]);
    assert!(stage.ask(main_registrar(), &ask).is_empty());
    stage.answer(&invite, 180, "");
    assert_eq!(
        only(&stage.ask(main_registrar(), &ask), main_registrar()).status(),
        180
    );
}

#[test]
fn a_redirection_is_passed_on_or_followed_by_policy() {
    let moved = "Contact: <sip:bob@192.0.2.99:5070>\r\n";
    let (mut stage, phones, us) = devices(contact(), &[5062]);
    let sent = stage.ask(main_registrar(), &Ask::new("INVITE", &us));
    let told = stage.answer(&invited(&sent, &phones[0]), 302, moved);
    assert_eq!(only(&told, main_registrar()).status(), 302);

    let mut policy = contact();
    policy.domain.calls.redirects = Redirects::Follow;
    let (mut stage, phones, us) = devices(policy, &[5062]);
    let sent = stage.ask(main_registrar(), &Ask::new("INVITE", &us));
    let sent = stage.answer(&invited(&sent, &phones[0]), 302, moved);
    let asked = only(&sent, main_registrar()).clone();
    assert_eq!(
        (method(&asked), uri(&asked)),
        ("INVITE".to_owned(), "sip:bob@192.0.2.99:5070".to_owned())
    );
    let told = stage.answer(&asked, 486, "");
    assert!(
        told.iter()
            .any(|packet| packet.status() == 486 && packet.all("Via").len() == 1)
    );
    stage.ends_clean();
}

#[test]
fn r1_a_call_for_a_device_that_is_just_being_registered_waits_for_it() {
    let mut stage = Stage::new(contact());
    let mut phone = bob(5062);
    let bytes = phone.register();
    stage.rig.send_from(phone.address, &bytes);
    let sent = stage.rig.take_sent();
    let asked = only(&sent, main_registrar()).clone();
    let contact = asked.value("Contact").unwrap();
    let us = contact.split(['<', '>']).nth(1).unwrap();
    assert!(
        stage
            .ask(main_registrar(), &Ask::new("NOTIFY", us))
            .is_empty()
    );
    let sent = stage.answer(&asked, 200, &format!("Contact: {contact}\r\n"));
    let theirs = to(&sent, phone.address);
    let methods: Vec<String> = theirs.iter().map(|packet| method(packet)).collect();
    assert!(methods.contains(&"NOTIFY".to_owned()), "{methods:?}");
}

#[test]
fn r1_who_does_not_come_in_a_second_is_not_there() {
    let mut stage = Stage::new(contact());
    let mut phone = bob(5062);
    let bytes = phone.register();
    stage.rig.send_from(phone.address, &bytes);
    let asked = only(&stage.rig.take_sent(), main_registrar()).clone();
    let contact = asked.value("Contact").unwrap();
    let us = contact.split(['<', '>']).nth(1).unwrap();
    stage.ask(main_registrar(), &Ask::new("INVITE", us));
    let told = stage.wait(1_100);
    let finals: Vec<u16> = to(&told, main_registrar())
        .iter()
        .filter(|packet| method(packet) == "SIP/2.0" && packet.is_final())
        .map(|packet| packet.status())
        .collect();
    assert_eq!(finals.first(), Some(&480));
}
