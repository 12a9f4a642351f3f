//! T1, T7, T8, T11, T12, T14, T15: what goes upstream, and what comes back.

use engine::policy::Policy;
use engine::{Event, Row};
use midreg_sim::expect::locally;
use midreg_sim::policy::{contact, mirror, two_nodes};
use midreg_sim::{Packet, Personality, Phone, Temper, World};

use crate::{alice, resync, settled};

#[test]
fn t1_no_contact_is_stored_when_upstream_said_4xx() {
    for status in [400, 403, 404, 420, 480, 500, 600] {
        let mut world = World::contact();
        world.main().personality.temper = Temper::Refuses(status);
        let mut alice = alice();
        let bytes = alice.register();
        assert_eq!(world.exchange(&alice, &bytes).status(), status);
        assert_eq!(world.rig.totals().bindings, 0);
    }
}

#[test]
fn t7_both_legs_meet_the_same_node() {
    let mut policy = two_nodes();
    policy.upstream.balance = engine::policy::Balance::Aor;
    let mut world = World::new(policy);
    for number in 0..8 {
        let mut phone = Phone::new(&format!("user{number}"), "198.51.100.7:5062");
        phone.rebind(&format!("198.51.100.7:{}", 6000 + number));
        world.registered(&mut phone);
    }
    assert!(world.mains.iter().all(|main| main.registers() > 0));
    assert!(world.mains.iter().all(|main| main.registers() % 2 == 0));
}

#[test]
fn t8_a_register_repeated_during_the_upstream_transaction_is_one_register() {
    let mut world = World::contact();
    world.main().personality.temper = Temper::Silent;
    let mut alice = alice();
    let bytes = alice.register();
    for _ in 0..5 {
        world.send(alice.address, &bytes);
        world.wait(1);
    }
    world.main().personality.temper = Temper::Normal;
    world.wait(3);
    assert_eq!(world.main().registers(), 1);
    assert_eq!(
        world.mail(alice.address).last().map(Packet::status),
        Some(401)
    );
}

#[test]
fn t11_an_overloaded_upstream_costs_nobody_a_running_lease() {
    let (mut world, mut alice) = settled();
    world.main().personality.temper = Temper::Overloaded(120);
    resync(&mut world);
    world.wait(60);
    let bytes = alice.register();
    let answer = world.exchange(&alice, &bytes);
    assert_eq!(answer.promised(alice.contact()), Some(300));
    assert_eq!(world.row(Row::D14), 1);
    let mut bob = Phone::new("bob", "198.51.100.8:5062");
    let bytes = bob.register();
    let answer = world.exchange(&bob, &bytes);
    assert_eq!(
        (answer.status(), answer.number("Retry-After")),
        (503, Some(120))
    );
}

#[test]
fn t12_a_silent_upstream_costs_nobody_a_lease_and_the_next_node_is_asked() {
    let mut world = World::new(two_nodes());
    let mut alice = alice();
    world.registered(&mut alice);
    world.mains[0].personality.temper = Temper::Silent;
    world.wait(10);
    resync(&mut world);
    let bytes = alice.register();
    world.send(alice.address, &bytes);
    world.wait(8);
    let mail = world.mail(alice.address);
    assert_eq!(mail.last().map(Packet::status), Some(200), "carried");
    assert_eq!(world.bound(&alice.aor()), alice.contacts);
    assert_eq!(world.registered(&mut alice).status(), 200);
    assert_eq!(world.mains[1].held(world.now(), &alice.aor()).len(), 1);
    let told = world.events();
    assert!(
        told.iter()
            .any(|event| matches!(event, Event::UpstreamDown { .. }))
    );
}

/// A main registrar that wants to hear of `path` before it takes a Path accepts everybody.
fn accepted_by_asterisk(policy: Policy, phone: Phone) -> Packet {
    let mut world = World::new(policy);
    world.main().personality = Personality::asterisk();
    let mut phone = phone;
    assert_eq!(world.registered(&mut phone).status(), 200);
    assert_eq!(world.held(&phone.aor()).len(), 1);
    world.main().last().clone()
}

#[test]
fn t14_no_path_goes_upstream_without_word_that_path_is_understood() {
    let understands = |request: &Packet| {
        let supported = request.all("Supported").join(",");
        supported.split(',').any(|tag| tag.trim() == "path")
    };
    let silent = alice().with_header("Path: <sip:10.0.0.1;lr>");
    let phones = [
        alice(),
        alice().with_header("Supported: path, outbound"),
        silent.clone().with_header("Supported: path"),
    ];
    for policy in [contact(), mirror()] {
        for phone in phones.clone() {
            let request = accepted_by_asterisk(policy.clone(), phone);
            assert!(request.all("Path").is_empty() || understands(&request));
        }
    }
    // A phone that names a Path and does not understand Path.
    let request = accepted_by_asterisk(contact(), silent);
    assert!(request.all("Path").is_empty());
}

#[test]
fn t14_a_420_is_passed_on_and_nothing_is_stored() {
    let mut world = World::contact();
    world.main().personality.temper = Temper::Refuses(420);
    let mut alice = alice();
    let bytes = alice.register();
    assert_eq!(world.exchange(&alice, &bytes).status(), 420);
    assert!(world.bound(&alice.aor()).is_empty());
}

#[test]
fn t15_a_path_without_brackets_does_not_reach_the_main_registrar() {
    let mut world = World::contact();
    let mut alice = alice()
        .with_header("Path: sip:10.0.0.1;lr")
        .with_header("Supported: path");
    world.registered(&mut alice);
    assert!(world.main().last().all("Path").is_empty());
    let bytes = alice.register();
    let answer = locally(&mut world, &alice, &bytes);
    assert_eq!(answer.promised(alice.contact()), Some(300));
    assert_eq!(world.rig.bindings(&alice.aor())[0].remote, alice.address);
}
