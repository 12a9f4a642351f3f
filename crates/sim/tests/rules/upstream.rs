//! R6 and R7: what the main registrar sees, and how its answers come back.

use core::time::Duration;

use engine::Row;
use engine::command::Command;
use midreg_sim::expect::forwarded;
use midreg_sim::policy::US;
use midreg_sim::{Packet, Temper, World};

use crate::{alice, leased, settled_under};

fn resync(world: &mut World) {
    world.touch(|rig| rig.command(Command::Resync { tag: 0 }));
}

#[test]
fn r6_both_legs_and_all_renewals_are_one_steady_client() {
    let (mut world, mut alice) = settled_under(leased());
    for _ in 0..3 {
        alice.reboot();
        resync(&mut world);
        world.registered(&mut alice);
    }
    let seen = world.main().seen().to_vec();
    let first = &seen[0].request;
    for (earlier, later) in seen.iter().zip(&seen[1..]) {
        assert_eq!(later.request.value("Call-ID"), first.value("Call-ID"));
        assert_eq!(later.request.tag("From"), first.tag("From"));
        assert_eq!(later.request.contacts()[0].uri, first.contacts()[0].uri);
        assert!(later.request.cseq() > earlier.request.cseq());
    }
    assert_eq!(seen.len(), 8);
}

#[test]
fn r6_cseq_grows_over_failures_too() {
    let (mut world, mut alice) = settled_under(leased());
    for temper in [
        Temper::Refuses(500),
        Temper::Overloaded(3),
        Temper::Refuses(302),
    ] {
        world.main().personality.temper = temper;
        resync(&mut world);
        let bytes = alice.register();
        world.exchange(&alice, &bytes);
    }
    world.main().personality.temper = Temper::Normal;
    resync(&mut world);
    world.registered(&mut alice);
    let cseqs: Vec<u32> = world
        .main()
        .seen()
        .iter()
        .map(|s| s.request.cseq())
        .collect();
    assert!(cseqs.windows(2).all(|pair| pair[0] < pair[1]), "{cseqs:?}");
}

#[test]
fn r6_only_our_via_and_one_hop_less() {
    let mut world = World::new(leased());
    let mut alice = alice();
    let text = String::from_utf8(alice.register()).unwrap();
    let via = "Via: SIP/2.0/UDP inner.example.net;branch=z9hG4bKinner\r\nMax-Forwards: 70";
    let bytes = text.replace("Max-Forwards: 70", via);
    let answer = world.exchange(&alice, bytes.as_bytes());
    let upstream = world.main().last().clone();
    assert_eq!(upstream.all("Via").len(), 1);
    assert!(
        upstream
            .value("Via")
            .unwrap()
            .starts_with(&format!("SIP/2.0/UDP {US};"))
    );
    assert_eq!(upstream.value("Max-Forwards").as_deref(), Some("69"));
    assert_eq!(answer.all("Via").len(), 2, "the device has its own back");
}

#[test]
fn r6_headers_that_are_not_ours_go_on_verbatim() {
    let mut alice = alice()
        .with_header("X-Odd:   spaced  out\t;yes ")
        .with_header("User-Agent: Snom/8.9 (\"quoted\")")
        .with_header("Allow: INVITE,ACK ,BYE")
        .with_header("P-Access-Network-Info: x\r\n folded");
    let mut world = World::new(leased());
    world.registered(&mut alice);
    let text = world.main().last().text();
    for line in &alice.headers {
        assert!(
            text.contains(&format!("\r\n{line}\r\n")),
            "{line} in {text}"
        );
    }
    assert!(text.starts_with("REGISTER sip:example.org SIP/2.0\r\n"));
    assert!(text.contains("\r\nTo: <sip:alice@example.org>\r\n"));
    assert!(text.contains("\r\nFrom: <sip:alice@example.org>;tag="));
}

#[test]
fn r6_the_credentials_are_never_rewritten() {
    let mut world = World::new(leased());
    let mut alice = alice();
    let first = alice.register();
    let challenge = world.exchange(&alice, &first);
    let second = alice.answer(&challenge);
    world.exchange(&alice, &second);
    let sent = Packet {
        bytes: second,
        ..world.main().last().clone()
    };
    let upstream = world.main().last().value("Authorization");
    assert_eq!(upstream, sent.value("Authorization"));
}

#[test]
fn r6_the_device_has_its_own_call_id_tag_and_cseq_back() {
    let mut world = World::new(leased());
    let mut alice = alice();
    alice.cseq = 4711;
    let first = alice.register();
    let challenge = world.exchange(&alice, &first);
    let second = alice.answer(&challenge);
    let ok = world.exchange(&alice, &second);
    for (answer, cseq) in [(&challenge, 4712), (&ok, 4713)] {
        assert_eq!(answer.value("Call-ID").as_ref(), Some(&alice.call_id));
        assert_eq!(answer.tag("From").as_ref(), Some(&alice.from_tag));
        assert_eq!(answer.cseq(), cseq);
        assert!(answer.tag("To").is_some());
        assert_eq!(answer.all("Via").len(), 1);
    }
    assert!(!ok.text().contains(";mr="), "no token reaches a device");
    let refresh = alice.register();
    let absorbed = world.exchange(&alice, &refresh);
    assert_eq!(
        absorbed.tag("To"),
        ok.tag("To"),
        "one To-tag for one Call-ID"
    );
}

#[test]
fn r6_in_mirror_call_id_cseq_and_vias_are_the_devices() {
    let mut world = World::mirror();
    let mut alice = alice();
    alice.cseq = 100;
    let ok = world.registered(&mut alice);
    let upstream = world.main().last().clone();
    assert_eq!(upstream.value("Call-ID").as_ref(), Some(&alice.call_id));
    assert_eq!(upstream.tag("From").as_ref(), Some(&alice.from_tag));
    assert_eq!(upstream.cseq(), 102);
    assert_eq!(upstream.all("Via").len(), 2, "proxied");
    assert_eq!(upstream.number("Expires"), Some(300));
    assert_eq!(ok.contacts()[0].uri, alice.contact());
    assert_eq!(ok.all("Via").len(), 1);
}

#[test]
fn r6_forwards_of_one_device_are_serialised() {
    let (mut world, mut alice) = settled_under(leased());
    world.main().personality.temper = Temper::Silent;
    resync(&mut world);
    let before = world.rig.totals().client_transactions;
    for _ in 0..3 {
        let bytes = alice.register();
        world.send(alice.address, &bytes);
    }
    assert_eq!(world.rig.totals().client_transactions, before + 1);
    world.main().personality.temper = Temper::Normal;
    world.wait(2);
    let mail = world.mail(alice.address);
    let finals: Vec<u16> = mail.iter().map(Packet::status).collect();
    assert_eq!(finals, [401, 401, 401]);
    assert_eq!(world.rig.totals().conversations, 1);
}

#[test]
fn r6_those_that_wait_are_bounded_then_503() {
    let (mut world, mut alice) = settled_under(leased());
    world.main().personality.temper = Temper::Silent;
    alice.contacts = vec!["sip:alice@198.51.100.7:5099".to_owned()];
    for _ in 0..=engine::limits::WAITING_PER_LEASE {
        let bytes = alice.register();
        world.send(alice.address, &bytes);
    }
    assert!(world.mail(alice.address).is_empty());
    let bytes = alice.register();
    let answer = world.exchange(&alice, &bytes);
    assert_eq!(answer.status(), 503);
    assert!(answer.number("Retry-After").is_some());
}

#[test]
fn r6_a_pure_refresh_that_would_wait_too_long_is_carried_by_its_lease() {
    let (mut world, mut alice) = settled_under(leased());
    world.main().personality.temper = Temper::Silent;
    resync(&mut world);
    for _ in 0..=engine::limits::WAITING_PER_LEASE {
        let bytes = alice.register();
        world.send(alice.address, &bytes);
    }
    let bytes = alice.register();
    let answer = world.exchange(&alice, &bytes);
    assert_eq!(answer.promised(alice.contact()), Some(300));
}

#[test]
fn r6_after_8_seconds_of_silence_503_and_never_408() {
    for temper in [Temper::Silent, Temper::Procrastinates] {
        let mut world = World::new(leased());
        world.main().personality.temper = temper;
        let mut alice = alice();
        let bytes = alice.register();
        world.send(alice.address, &bytes);
        world.advance(Duration::from_millis(7_999));
        assert!(
            world
                .mail(alice.address)
                .iter()
                .all(|mail| !mail.is_final())
        );
        world.advance(Duration::from_millis(1));
        let mail = world.mail(alice.address);
        assert_eq!(mail[0].status(), 503);
        assert!(mail[0].number("Retry-After").is_some());
    }
}

#[test]
fn r6_the_deadline_counts_the_wait_in_the_queue() {
    let mut world = World::new(leased());
    world.main().personality.temper = Temper::Silent;
    let mut alice = alice();
    let first = alice.register();
    world.send(alice.address, &first);
    world.wait(4);
    let second = alice.register();
    world.send(alice.address, &second);
    world.wait(8);
    let mail = world.mail(alice.address);
    let finals: Vec<u16> = mail
        .iter()
        .filter(|m| m.is_final())
        .map(Packet::status)
        .collect();
    assert_eq!(finals, [503, 503]);
}

#[test]
fn r6_a_408_of_the_main_registrar_is_503_here() {
    let mut world = World::new(leased());
    world.main().personality.temper = Temper::Refuses(408);
    let mut alice = alice();
    let bytes = alice.register();
    let answer = world.exchange(&alice, &bytes);
    assert_eq!(answer.status(), 503);
    assert!(answer.number("Retry-After").is_some());
}

#[test]
fn r6_a_changed_request_keeps_its_lease() {
    let (mut world, mut alice) = settled_under(leased());
    let before = world.held(&alice.aor());
    alice.move_to("203.0.113.77:40000");
    let bytes = alice.register();
    forwarded(&mut world, &mut alice, &bytes, Row::D8);
    let after = world.held(&alice.aor());
    assert_eq!(after.len(), 1);
    assert_eq!(after[0].call_id, before[0].call_id);
    assert_eq!(after[0].uri, before[0].uri);
}

#[test]
fn r7_another_user_part_of_the_devices_contact_is_no_other_contact_upstream() {
    let (mut world, mut alice) = settled_under(leased());
    alice.contacts = vec!["sip:x7f3k2@198.51.100.7:5062".to_owned()];
    let bytes = alice.register();
    forwarded(&mut world, &mut alice, &bytes, Row::D8);
    assert_eq!(world.held(&alice.aor()).len(), 1, "no ghost");
    world.main().personality.challenges = midreg_sim::Challenges::Never;
    world.wait(301);
    assert!(
        world.held(&alice.aor()).is_empty(),
        "given back under the same"
    );
}
