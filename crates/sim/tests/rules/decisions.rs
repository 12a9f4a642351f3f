//! The decision table, row by row (D1 to D14): in `contact` mode, and where it differs in `mirror`.

use engine::Row;
use engine::command::{Answer, Command};
use engine::policy::{FlowMatch, Policy};
use midreg_sim::expect::{forwarded, locally, patched};
use midreg_sim::policy::main_address;
use midreg_sim::{Packet, Personality, Phone, Temper, World};

use crate::{agreement::held_for, alice, leased, settled_under, two_nodes};

/// A world in which alice is registered.
fn settled() -> (World, Phone) {
    settled_under(leased())
}

// D1

fn refused(change: (&str, &str), status: u16) -> Packet {
    let mut world = World::new(leased());
    let mut alice = alice();
    let bytes = patched(&alice.register(), change.0, change.1);
    let answer = locally(&mut world, &alice, &bytes);
    assert_eq!(answer.status(), status, "{}", answer.text());
    assert_eq!(world.rig.totals().bindings, 0);
    answer
}

#[test]
fn d1_a_scheme_that_nobody_can_route_is_416() {
    refused(("REGISTER sip:example.org", "REGISTER tel:+123"), 416);
}

#[test]
fn d1_a_broken_cseq_is_400() {
    refused(("CSeq: 1 REGISTER", "CSeq: x REGISTER"), 400);
    refused(("CSeq: 1 REGISTER", "CSeq: 1 INVITE"), 400);
}

#[test]
fn d1_a_broken_to_or_contact_is_400() {
    refused(("To: <sip:alice@example.org>", "To: <<<"), 400);
    refused(
        ("Contact: <sip:alice@198.51.100.7:5062>", "Contact: <"),
        400,
    );
    let tel = (
        "Contact: <sip:alice@198.51.100.7:5062>",
        "Contact: <tel:+1>",
    );
    refused(tel, 400);
}

#[test]
fn d1_an_unknown_extension_is_420_and_named() {
    let change = ("Expires: 300", "Expires: 300\r\nRequire: path, teleport");
    let answer = refused(change, 420);
    assert_eq!(answer.all("Unsupported"), ["teleport"]);
}

#[test]
fn d1_in_mirror_require_is_the_main_registrars_business() {
    let mut world = World::mirror();
    let mut alice = alice().with_header("Require: teleport");
    assert_eq!(world.registered(&mut alice).status(), 200);
    let proxy_require = patched(&alice.register(), "Require:", "Proxy-Require:");
    assert_eq!(locally(&mut world, &alice, &proxy_require).status(), 420);
}

#[test]
fn d1_a_star_needs_expires_0_and_nothing_else() {
    let (mut world, mut alice) = settled();
    for (contacts, expires) in [
        (&["*"][..], Some(300)),
        (&["*"][..], None),
        (&["*", "<sip:alice@198.51.100.7>"][..], Some(0)),
    ] {
        let bytes = alice.say(contacts, expires);
        assert_eq!(locally(&mut world, &alice, &bytes).status(), 400);
    }
    assert_eq!(world.bound(&alice.aor()).len(), 1);
}

#[test]
fn d1_too_many_hops_is_483() {
    refused(("Max-Forwards: 70", "Max-Forwards: 0"), 483);
}

// D2

#[test]
fn d2_a_duplicate_of_the_accepted_request_gets_the_same_200_again() {
    let (mut world, mut alice) = settled();
    let refresh = alice.register();
    assert_eq!(locally(&mut world, &alice, &refresh).status(), 200);
    world.wait(10);
    let again = locally(&mut world, &alice, &refresh);
    assert_eq!(world.row(Row::D2), 1);
    assert_eq!(again.promised(alice.contact()), Some(290), "time goes on");
    assert_eq!(again.number("Expires"), Some(290));
}

#[test]
fn d2_outlives_the_transaction_of_a_forwarded_request() {
    let (mut world, alice) = settled();
    world.wait(40);
    let again = locally(&mut world, &alice, &alice.again());
    assert_eq!((again.status(), world.row(Row::D2)), (200, 1));
}

#[test]
fn d2_holds_for_all_contacts_of_a_request_together() {
    let mut world = World::new(leased());
    let mut alice = alice().with_contacts(&["sip:a@198.51.100.7:5062", "sip:b@198.51.100.7:5062"]);
    world.registered(&mut alice);
    let refresh = alice.register();
    world.exchange(&alice, &refresh);
    let again = locally(&mut world, &alice, &refresh);
    assert_eq!((again.contacts().len(), world.row(Row::D2)), (2, 1));
}

// D3

#[test]
fn d3_a_lower_cseq_on_the_proved_flow_is_400() {
    let (mut world, mut alice) = settled();
    world.wait(40);
    alice.cseq = 0;
    let late = alice.register();
    assert_eq!(locally(&mut world, &alice, &late).status(), 400);
    assert_eq!(world.row(Row::D3), 1);
    assert_eq!(world.bound(&alice.aor()).len(), 1);
}

#[test]
fn d3_the_same_cseq_with_another_wish_is_400() {
    let (mut world, mut alice) = settled();
    world.wait(40);
    alice.cseq -= 1;
    let other = alice.register_for(200);
    assert_eq!(locally(&mut world, &alice, &other).status(), 400);
    assert_eq!(world.row(Row::D3), 1);
}

#[test]
fn d3_from_another_flow_is_none_of_its_business() {
    let (mut world, mut alice) = settled();
    alice.cseq = 0;
    alice.rebind("198.51.100.7:6000");
    let bytes = alice.register();
    let answer = forwarded(&mut world, &mut alice, &bytes, Row::D9);
    assert_eq!(answer.status(), 200);
}

// D4

#[test]
fn d4_the_second_leg_is_forwarded_even_on_a_good_lease() {
    let (mut world, mut alice) = settled();
    alice.rebind("198.51.100.7:6000");
    let first = alice.register();
    let challenge = world.exchange(&alice, &first);
    assert_eq!(challenge.status(), 401);
    let second = alice.answer(&challenge);
    let answer = forwarded(&mut world, &mut alice, &second, Row::D4);
    assert_eq!(answer.status(), 200);
}

#[test]
fn d4_goes_to_the_node_that_issued_the_challenge() {
    let mut world = World::new(two_nodes());
    let mut alice = alice();
    let first = alice.register();
    let challenge = world.exchange(&alice, &first);
    world.rig.set_policy(Policy {
        upstream: engine::policy::UpstreamPolicy {
            balance: engine::policy::Balance::Aor,
            ..two_nodes().upstream
        },
        ..two_nodes()
    });
    let second = alice.answer(&challenge);
    assert_eq!(world.exchange(&alice, &second).status(), 200);
    assert_eq!(
        (world.mains[0].registers(), world.mains[1].registers()),
        (2, 0)
    );
}

#[test]
fn d4_with_its_node_dead_is_503() {
    let mut world = World::new(two_nodes());
    let mut alice = alice();
    let first = alice.register();
    let challenge = world.exchange(&alice, &first);
    // Another registration finds out that the first node is gone.
    world.mains[0].personality.temper = Temper::Silent;
    world.wait(1);
    let mut bob = Phone::new("bob", "198.51.100.8:5062");
    let bytes = bob.register();
    world.send(bob.address, &bytes);
    world.wait(9);
    let second = alice.answer(&challenge);
    let answer = world.exchange(&alice, &second);
    assert_eq!(answer.status(), 503);
    assert!(answer.number("Retry-After").is_some());
    let of_alice = |seen: &&midreg_sim::Seen| seen.request.text().contains("alice");
    let elsewhere = world.mains[1].seen().iter().filter(of_alice).count();
    assert_eq!(elsewhere, 0, "nobody else can verify it");
}

#[test]
fn d4_ends_32_seconds_after_the_challenge() {
    let mut world = World::new(leased());
    let mut alice = alice();
    let first = alice.register();
    let challenge = world.exchange(&alice, &first);
    world.wait(33);
    let second = alice.answer(&challenge);
    let answer = forwarded(&mut world, &mut alice, &second, Row::D7);
    assert_eq!(answer.status(), 200);
}

// D5

#[test]
fn d5_a_query_on_a_proved_flow_is_answered_here() {
    let (mut world, mut alice) = settled();
    let query = alice.query();
    let answer = locally(&mut world, &alice, &query);
    assert_eq!(answer.promised(alice.contact()), Some(300));
    assert_eq!(world.row(Row::D5), 1);
}

#[test]
fn d5_a_query_from_elsewhere_is_forwarded_and_answered_with_our_contacts() {
    let (mut world, alice) = settled();
    let mut bob = Phone::new("alice", "198.51.100.99:5062");
    let query = bob.query();
    let challenge = world.exchange(&bob, &query);
    assert_eq!(challenge.status(), 401, "nothing is told to a stranger");
    let second = bob.answer(&challenge);
    let answer = forwarded(&mut world, &mut bob, &second, Row::D4);
    let listed: Vec<String> = answer.contacts().into_iter().map(|c| c.uri).collect();
    assert_eq!(listed, [alice.contact()]);
    assert_eq!(world.bound(&alice.aor()).len(), 1);
}

#[test]
fn d5_in_mirror_a_query_is_proxied() {
    let mut world = World::mirror();
    let mut alice = alice();
    world.registered(&mut alice);
    let query = alice.query();
    let answer = forwarded(&mut world, &mut alice, &query, Row::Mirror);
    assert_eq!(answer.contacts()[0].uri, alice.contact(), "mapped back");
}

// D6

#[test]
fn d6_a_leaving_device_goes_upstream_and_is_gone_on_both_sides() {
    let (mut world, mut alice) = settled();
    let bytes = alice.unregister();
    let answer = forwarded(&mut world, &mut alice, &bytes, Row::D6);
    assert_eq!((answer.status(), answer.contacts().len()), (200, 0));
    assert!(world.bound(&alice.aor()).is_empty());
    assert!(world.held(&alice.aor()).is_empty());
}

#[test]
fn d6_an_unknown_device_that_leaves_is_forwarded_too() {
    let mut world = World::new(leased());
    let mut alice = alice();
    let bytes = alice.unregister();
    assert_eq!(
        forwarded(&mut world, &mut alice, &bytes, Row::D6).status(),
        200
    );
    assert_eq!(world.rig.totals().bindings, 0);
}

#[test]
fn d6_expires_0_in_the_header_is_a_removal() {
    let (mut world, mut alice) = settled();
    alice.expires = Some(0);
    let bytes = alice.register();
    forwarded(&mut world, &mut alice, &bytes, Row::D6);
    assert!(world.bound(&alice.aor()).is_empty());
}

// D7

#[test]
fn d7_an_unknown_device_is_forwarded() {
    let mut world = World::new(leased());
    let mut alice = alice();
    let bytes = alice.register();
    let answer = forwarded(&mut world, &mut alice, &bytes, Row::D7);
    assert_eq!(answer.status(), 200);
}

#[test]
fn d7_a_second_device_of_the_same_user_is_forwarded() {
    let (mut world, _) = settled();
    let mut desk = Phone::new("alice", "198.51.100.20:5062");
    let bytes = desk.register();
    let answer = forwarded(&mut world, &mut desk, &bytes, Row::D7);
    assert_eq!(answer.contacts().len(), 2);
    assert_eq!(answer.contacts()[0].uri, desk.contact(), "its own first");
}

// D8

#[test]
fn d8_a_changed_contact_is_forwarded() {
    let (mut world, mut alice) = settled();
    alice.contacts = vec!["sip:alice@198.51.100.7:5062;line=2".to_owned()];
    let bytes = alice.register();
    forwarded(&mut world, &mut alice, &bytes, Row::D8);
    assert_eq!(world.bound(&alice.aor()), alice.contacts);
    assert_eq!(world.held(&alice.aor()).len(), 1, "no ghost");
}

#[test]
fn d8_a_changed_path_is_forwarded() {
    let (mut world, alice) = settled();
    let mut alice = alice.with_header("Path: <sip:edge.example.net;lr>");
    let bytes = alice.register();
    forwarded(&mut world, &mut alice, &bytes, Row::D8);
    let bytes = alice.register();
    assert_eq!(locally(&mut world, &alice, &bytes).status(), 200);
}

#[test]
fn d8_a_changed_lifetime_alone_changes_nothing() {
    let (mut world, mut alice) = settled();
    alice.expires = Some(200);
    let bytes = alice.register();
    let answer = locally(&mut world, &alice, &bytes);
    assert_eq!(answer.promised(alice.contact()), Some(200));
}

// D9

#[test]
fn d9_refresh_from_another_port_is_forwarded() {
    let (mut world, mut alice) = settled();
    alice.rebind("198.51.100.7:6000");
    let bytes = alice.register();
    let answer = forwarded(&mut world, &mut alice, &bytes, Row::D9);
    assert_eq!(answer.status(), 200);
    let bytes = alice.register();
    assert_eq!(locally(&mut world, &alice, &bytes).status(), 200);
}

#[test]
fn d9_refresh_from_another_address_is_forwarded() {
    let (mut world, mut alice) = settled();
    alice.rebind("203.0.113.200:5062");
    let bytes = alice.register();
    forwarded(&mut world, &mut alice, &bytes, Row::D9);
    assert_eq!(world.held(&alice.aor()).len(), 1);
}

#[test]
fn d9_another_connection_is_another_flow() {
    let mut world = World::new(leased());
    let mut alice = alice();
    world.rig.connect(alice.address);
    world.registered(&mut alice);
    let bytes = alice.register();
    assert_eq!(locally(&mut world, &alice, &bytes).status(), 200);
    alice.rebind("198.51.100.7:6000");
    world.rig.connect(alice.address);
    let bytes = alice.register();
    forwarded(&mut world, &mut alice, &bytes, Row::D9);
}

#[test]
fn d9_by_address_a_rebound_port_is_absorbed_but_not_another_address() {
    let mut policy = leased();
    policy.domain.registration.flow_match = FlowMatch::Address;
    let (mut world, mut alice) = settled_under(policy);
    alice.rebind("198.51.100.7:6000");
    let bytes = alice.register();
    assert_eq!(locally(&mut world, &alice, &bytes).status(), 200);
    let remote = world.rig.bindings(&alice.aor())[0].remote;
    assert_eq!(remote, alice.address, "calls follow the new port");
    alice.rebind("198.51.100.8:6000");
    let bytes = alice.register();
    forwarded(&mut world, &mut alice, &bytes, Row::D9);
}

// D10

#[test]
fn d10_an_old_proof_is_renewed_upstream() {
    let mut policy = leased();
    policy.domain.reauth_interval = 600;
    let (mut world, mut alice) = settled_under(policy);
    for _ in 0..2 {
        world.wait(250);
        let bytes = alice.register();
        assert_eq!(locally(&mut world, &alice, &bytes).status(), 200);
    }
    world.wait(100);
    let bytes = alice.register();
    forwarded(&mut world, &mut alice, &bytes, Row::D10);
    let bytes = alice.register();
    assert_eq!(locally(&mut world, &alice, &bytes).status(), 200);
}

// D11

#[test]
fn d11_a_new_epoch_forwards_each_device_once() {
    let (mut world, mut alice) = settled();
    let resync = Command::Resync { tag: 1 };
    let answer = world.touch(|rig| rig.command(resync));
    assert!(matches!(answer, Answer::Resynced));
    let bytes = alice.register();
    forwarded(&mut world, &mut alice, &bytes, Row::D11);
    let bytes = alice.register();
    assert_eq!(locally(&mut world, &alice, &bytes).status(), 200);
}

// D12

#[test]
fn d12_a_short_lease_is_renewed_before_it_fails_the_device() {
    let (mut world, mut alice) = settled();
    let mut upstream_at = None;
    for minutes in (4..124).step_by(4) {
        world.wait(240);
        let before = world.row(Row::D12);
        world.registered(&mut alice);
        if world.row(Row::D12) > before {
            upstream_at = Some(minutes * 60);
            break;
        }
    }
    // 7200 s granted, 30 s of margin, 300 s wanted: not before 6870 s, and not later than the
    // first refresh after it.
    let at = upstream_at.unwrap_or_default();
    assert!((6870..7110).contains(&at), "renewed after {at} s");
}

#[test]
fn d12_a_granted_lifetime_shorter_than_wanted_is_used_down_to_its_half() {
    let mut world = World::new(leased());
    world.main().personality.longest = 100;
    let mut alice = alice();
    let first = world.registered(&mut alice);
    assert_eq!(first.promised(alice.contact()), Some(98));
    world.wait(40);
    let bytes = alice.register();
    let answer = locally(&mut world, &alice, &bytes);
    assert_eq!(answer.promised(alice.contact()), Some(58));
    world.wait(20);
    let bytes = alice.register();
    forwarded(&mut world, &mut alice, &bytes, Row::D12);
}

// D13

#[test]
fn d13_a_pure_refresh_is_absorbed() {
    let (mut world, mut alice) = settled();
    world.wait(100);
    let bytes = alice.register();
    let answer = locally(&mut world, &alice, &bytes);
    assert_eq!((answer.status(), world.row(Row::D13)), (200, 1));
    assert_eq!(answer.promised(alice.contact()), Some(300));
    assert_eq!(world.rig.bindings(&alice.aor())[0].expires_in, 1400);
}

#[test]
fn d13_the_same_cseq_in_a_new_transaction_is_absorbed() {
    let (mut world, mut alice) = settled();
    let retry = alice.retry();
    assert_eq!(locally(&mut world, &alice, &retry).status(), 200);
    assert_eq!(world.row(Row::D13), 1);
}

#[test]
fn d13_a_new_call_id_on_the_proved_flow_is_absorbed() {
    let (mut world, mut alice) = settled();
    alice.reboot();
    let bytes = alice.register();
    assert_eq!(locally(&mut world, &alice, &bytes).status(), 200);
    assert_eq!(world.bound(&alice.aor()).len(), 1);
}

#[test]
fn d13_in_mirror_nothing_is_absorbed() {
    let mut world = World::mirror();
    let mut alice = alice();
    world.registered(&mut alice);
    let bytes = alice.register();
    forwarded(&mut world, &mut alice, &bytes, Row::Mirror);
    assert_eq!(world.row(Row::D13), 0);
}

#[test]
fn d13_several_contacts_are_absorbed_only_together() {
    let mut world = World::new(leased());
    let mut alice = alice().with_contacts(&["sip:a@198.51.100.7:5062", "sip:b@198.51.100.7:5062"]);
    world.registered(&mut alice);
    let bytes = alice.register();
    let answer = locally(&mut world, &alice, &bytes);
    assert_eq!(answer.contacts().len(), 2);
    alice.contacts.push("sip:c@198.51.100.7:5062".to_owned());
    let bytes = alice.register();
    let answer = forwarded(&mut world, &mut alice, &bytes, Row::D7);
    assert_eq!(answer.contacts().len(), 3);
    let upstream = world.main().last().contacts().len();
    assert_eq!(upstream, held_for(3), "one request for all");
}

// D14

/// The main registrar falls silent, and has been found out.
fn outage(world: &mut World) {
    world.main().personality.temper = Temper::Silent;
    world.wait(1);
    let mut probe = Phone::new("probe", "198.51.100.250:5062");
    let bytes = probe.register();
    world.send(probe.address, &bytes);
    world.wait(9);
    assert_eq!(
        world.mail(probe.address).last().map(Packet::status),
        Some(503)
    );
}

#[test]
fn d14_in_an_outage_a_refresh_is_carried_by_what_is_left_of_the_lease() {
    let (mut world, mut alice) = settled_under({
        let mut policy = leased();
        policy.domain.expires = 400;
        policy
    });
    world.wait(140);
    outage(&mut world);
    world.wait(100);
    // 250 s of 400 s are gone; 8 s are the margin.
    let bytes = alice.register();
    let answer = locally(&mut world, &alice, &bytes);
    assert_eq!(answer.promised(alice.contact()), Some(142));
    assert_eq!(answer.number("Expires"), Some(142));
}

#[test]
fn d14_in_an_outage_a_new_device_is_told_when_to_come_again() {
    let (mut world, _) = settled();
    outage(&mut world);
    let mut bob = Phone::new("bob", "198.51.100.8:5062");
    let bytes = bob.register();
    let answer = locally(&mut world, &bob, &bytes);
    assert_eq!(answer.status(), 503);
    let pause = answer.number("Retry-After").unwrap();
    assert!((2..=20).contains(&pause), "{pause}");
}

#[test]
fn d14_in_an_outage_another_flow_is_not_carried() {
    let (mut world, mut alice) = settled();
    outage(&mut world);
    alice.rebind("198.51.100.7:6000");
    let bytes = alice.register();
    assert_eq!(locally(&mut world, &alice, &bytes).status(), 503);
}

#[test]
fn d14_a_spent_lease_carries_nothing() {
    let mut policy = leased();
    policy.domain.expires = 60;
    policy.domain.registration.max_expires = 60;
    let (mut world, mut alice) = settled_under(policy);
    world.wait(48);
    outage(&mut world);
    world.wait(1);
    let bytes = alice.register();
    assert_eq!(locally(&mut world, &alice, &bytes).status(), 503);
}

#[test]
fn d14_a_renewal_that_meets_silence_is_carried_when_the_deadline_is_over() {
    let mut policy = leased();
    policy.domain.reauth_interval = 60;
    let (mut world, mut alice) = settled_under(policy);
    world.wait(61);
    world.main().personality.temper = Temper::Silent;
    let bytes = alice.register();
    world.send(alice.address, &bytes);
    world.wait(7);
    assert!(
        world
            .mail(alice.address)
            .iter()
            .all(|mail| !mail.is_final())
    );
    world.wait(1);
    let mail = world.mail(alice.address);
    assert_eq!(mail.last().map(Packet::status), Some(200));
    assert_eq!(mail[0].promised(alice.contact()), Some(300));
}

#[test]
fn d14_ends_when_the_main_registrar_speaks_again() {
    let (mut world, _) = settled();
    outage(&mut world);
    world.main().personality = Personality::default();
    world.wait(5);
    let mut bob = Phone::new("bob", "198.51.100.8:5062");
    assert_eq!(world.registered(&mut bob).status(), 200);
}

#[test]
fn d14_an_unreachable_node_is_left_at_once_for_the_next() {
    let mut world = World::new(two_nodes());
    world.mains[0].personality.temper = Temper::Silent;
    let mut alice = alice();
    let bytes = alice.register();
    world.send(alice.address, &bytes);
    world.touch(|rig| rig.unreachable(main_address(0)));
    assert_eq!(world.mail(alice.address)[0].status(), 503);
    assert_eq!(world.registered(&mut alice).status(), 200);
    assert_eq!(world.mains[1].held(world.now(), &alice.aor()).len(), 1);
}

#[test]
fn d14_a_full_queue_forwards_nothing_more() {
    let mut policy = leased();
    policy.upstream.max_in_flight = 1;
    let (mut world, mut alice) = settled_under(policy);
    world.main().personality.temper = Temper::Silent;
    let mut bob = Phone::new("bob", "198.51.100.8:5062");
    let bytes = bob.register();
    world.send(bob.address, &bytes);
    let mut carol = Phone::new("carol", "198.51.100.9:5062");
    let bytes = carol.register();
    assert_eq!(locally(&mut world, &carol, &bytes).status(), 503);
    world.touch(|rig| rig.command(Command::Resync { tag: 1 }));
    let bytes = alice.register();
    let answer = locally(&mut world, &alice, &bytes);
    assert_eq!(answer.status(), 200, "a pure refresh is carried");
}
