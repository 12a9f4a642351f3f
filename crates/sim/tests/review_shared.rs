//! The lease that the devices of an AoR share, under a hostile eye: strangers in its line, conversations
//! that nobody ends, grants that change under the siblings, and leases that are kept for nobody.

use core::time::Duration;

use engine::command::Totals;
use engine::policy::{ChallengePolicy, Mode, Overflow, Policy};
use midreg_sim::world::Alarm;
use midreg_sim::{
    Challenges, Conditions, Link, Packet, Phone, Rig, StoreMode, Temper, World, policy,
};

const ALICE: &str = "alice@example.org";

fn phone(number: u16) -> Phone {
    Phone::new("alice", &format!("198.51.100.{number}:5062"))
}

fn stranger(number: u16) -> Phone {
    Phone::new("alice", &format!("203.0.113.66:{}", 7000 + number))
}

/// A world in which so many devices of alice are registered.
fn settled(policy: Policy, devices: u16) -> (World, Vec<Phone>) {
    let alone = policy.domain.mode == Mode::Standalone;
    let mut world = World::new(policy);
    if alone {
        // The watch takes nobody at his word.
        world.set_alarm(Alarm::Note);
    }
    let mut phones: Vec<Phone> = (1..=devices).map(phone).collect();
    for phone in &mut phones {
        world.registered(phone);
    }
    (world, phones)
}

fn send(world: &mut World, phone: &mut Phone) {
    let bytes = phone.register();
    world.send(phone.address, &bytes);
}

fn statuses(world: &mut World, phone: &Phone) -> Vec<u16> {
    let mail = world.mail(phone.address);
    let finals = mail.iter().filter(|packet| packet.is_final());
    finals.map(Packet::status).collect()
}

// What is never ended

#[test]
fn a_conversation_that_was_begun_for_somebody_who_waits_elsewhere_ends_with_him() {
    let mut world = World::new(policy::aor());
    world.main().personality.temper = Temper::Silent;
    for number in 1..=2 {
        send(&mut world, &mut phone(number));
    }
    world.wait(200);
    assert_eq!(world.rig.totals().conversations, 0);
}

#[test]
fn names_that_nobody_has_do_not_fill_the_table_of_conversations() {
    let mut world = World::new(policy::aor());
    world.main().personality.temper = Temper::Silent;
    for user in 0..200 {
        for port in [7000, 7001] {
            let mut stranger =
                Phone::new(&format!("nobody{user}"), &format!("203.0.113.66:{port}"));
            let bytes = stranger.register();
            world.send(stranger.address, &bytes);
        }
    }
    world.wait(3600);
    assert_eq!(world.rig.totals().conversations, 0);
}

// The line of a shared lease

#[test]
fn strangers_in_the_line_of_a_lease_keep_no_new_device_out() {
    let (mut world, _) = settled(policy::aor(), 1);
    let half = Duration::from_millis(200);
    let slow = Conditions {
        nearest: half,
        farthest: half,
        ..Conditions::PERFECT
    };
    world.network().set_link(Link::Upstream, slow);
    for number in 0..8 {
        send(&mut world, &mut stranger(number));
    }
    let mut desk = phone(20);
    send(&mut world, &mut desk);
    world.wait(8);
    assert_eq!(statuses(&mut world, &desk), [401]);
}

#[test]
fn strangers_who_name_a_device_keep_it_not_from_its_lease() {
    for mode in [Mode::Contact, Mode::Aor] {
        let mut world = World::new(policy::with(mode, 1));
        let mut alice = phone(1).with_instance("urn:uuid:1");
        world.registered(&mut alice);
        world.main().personality.temper = Temper::Silent;
        for number in 0..5 {
            send(
                &mut world,
                &mut stranger(number).with_instance("urn:uuid:1"),
            );
        }
        alice.move_to("198.51.100.77:5062");
        send(&mut world, &mut alice);
        world.main().personality.temper = Temper::Normal;
        world.wait(8);
        assert_eq!(statuses(&mut world, &alice), [401], "{mode:?}");
    }
}

#[test]
fn strangers_who_remove_what_is_not_there_keep_no_device_out() {
    let (mut world, _) = settled(policy::aor(), 1);
    world.main().personality.temper = Temper::Silent;
    for number in 0..12 {
        let mut stranger = stranger(number);
        let bytes = stranger.unregister();
        world.send(stranger.address, &bytes);
    }
    let mut desk = phone(20);
    send(&mut world, &mut desk);
    world.main().personality.temper = Temper::Normal;
    world.wait(8);
    assert_eq!(statuses(&mut world, &desk), [401]);
}

#[test]
fn r15_the_second_leg_of_a_device_is_admitted_before_strangers() {
    for mode in [Mode::Contact, Mode::Aor] {
        let mut policy = policy::with(mode, 1);
        policy.upstream.max_in_flight = 8;
        let mut world = World::new(policy);
        let mut alice = phone(1);
        let bytes = alice.register();
        let challenge = world.exchange(&alice, &bytes);
        world.main().personality.temper = Temper::Silent;
        for user in 0..8 {
            let mut stranger = Phone::new(&format!("nobody{user}"), "203.0.113.66:7000");
            send(&mut world, &mut stranger);
        }
        world.main().personality.temper = Temper::Normal;
        let bytes = alice.answer(&challenge);
        world.send(alice.address, &bytes);
        world.wait(1);
        assert_eq!(statuses(&mut world, &alice), [200], "{mode:?}");
    }
}

// What the main registrar grants to one

#[test]
fn a_grant_too_short_for_a_newcomer_is_known_to_its_siblings() {
    let (mut world, mut phones) = settled(policy::aor(), 1);
    world.main().personality.longest = 1;
    let mut desk = phone(20);
    world.register(&mut desk);
    world.main().personality.longest = 86_400;
    world.wait(5);
    world.registered(&mut phones[0]);
    assert_eq!(world.held(ALICE).len(), 1, "what was promised is so");
}

#[test]
fn what_a_refused_stranger_was_granted_is_known_to_the_siblings() {
    let mut policy = policy::aor();
    policy.domain.challenge = ChallengePolicy::Require;
    let (mut world, mut phones) = settled(policy, 1);
    world.main().personality.challenges = Challenges::Never;
    world.main().personality.longest = 60;
    let mut desk = phone(20);
    assert_eq!(world.register(&mut desk).status(), 403);
    world.main().personality.challenges = Challenges::Always;
    world.main().personality.longest = 86_400;
    world.wait(100);
    world.registered(&mut phones[0]);
    assert_eq!(world.held(ALICE).len(), 1, "what was promised is so");
}

// Limits

#[test]
fn r18_those_that_wait_for_their_turn_on_the_lease_count() {
    let mut policy = policy::aor();
    policy.limits.bindings_per_aor = 2;
    policy.limits.overflow = Overflow::Reject;
    let mut world = World::new(policy);
    world.main().personality.challenges = Challenges::Never;
    world.main().personality.temper = Temper::Silent;
    for number in 1..=5 {
        send(&mut world, &mut phone(number));
    }
    world.main().personality.temper = Temper::Normal;
    world.wait(7);
    assert!(world.bound(ALICE).len() <= 2, "{:?}", world.bound(ALICE));
}

// A lease for nobody

#[test]
fn a_stranger_does_not_keep_the_lease_of_the_dead() {
    let (mut world, _) = settled(policy::aor(), 1);
    world.wait(290);
    for number in 0..20 {
        send(&mut world, &mut stranger(number));
        world.wait(20);
    }
    world.main().personality.challenges = Challenges::Never;
    assert!(world.bound(ALICE).is_empty());
    assert_eq!(world.rig.totals().bindings, 0);
    let given_back = world
        .main()
        .seen()
        .iter()
        .any(|seen| seen.request.text().contains("expires=0"));
    assert!(given_back, "nobody has told the main registrar");
}

#[test]
fn a_stranger_who_repeats_himself_does_not_keep_the_lease_of_the_dead() {
    let (mut world, _) = settled(policy::aor(), 1);
    world.wait(290);
    let mut stranger = stranger(1);
    for _ in 0..20 {
        send(&mut world, &mut stranger);
        world.wait(20);
    }
    let given_back = world
        .main()
        .seen()
        .iter()
        .any(|seen| seen.request.text().contains("expires=0"));
    assert!(given_back, "nobody has told the main registrar");
}

#[test]
fn the_last_device_dies_while_something_unknown_is_removed() {
    let (mut world, _) = settled(policy::aor(), 1);
    world.main().personality.challenges = Challenges::Never;
    world.wait(298);
    world.main().personality.temper = Temper::Silent;
    let mut old = phone(20);
    let bytes = old.unregister();
    world.send(old.address, &bytes);
    world.wait(4);
    assert!(world.bound(ALICE).is_empty());
    world.main().personality.temper = Temper::Normal;
    world.wait(60);
    assert_eq!(world.rig.totals(), Totals::default());
    assert!(world.held(ALICE).is_empty(), "it is kept for nobody");
}

// The store

#[test]
fn who_repeats_his_farewell_is_not_told_of_it_before_the_store_knows() {
    for mode in [Mode::Aor, Mode::Standalone] {
        let mut policy = policy::with(mode, u16::from(mode == Mode::Aor));
        policy.limits.bindings_per_aor = 2;
        let (mut world, mut phones) = settled(policy, 2);
        world.rig.set_store(StoreMode::Late);
        let bytes = phones[0].unregister();
        for _ in 0..2 {
            world.send(phones[0].address, &bytes);
        }
        assert_eq!(statuses(&mut world, &phones[0]), [0_u16; 0], "{mode:?}");
        world.touch(Rig::catch_up);
        assert!(statuses(&mut world, &phones[0]).contains(&200));
    }
}

#[test]
fn a_removal_that_the_store_lost_is_written_with_the_next() {
    for mode in [Mode::Contact, Mode::Aor, Mode::Standalone] {
        let nodes = u16::from(mode != Mode::Standalone);
        let (mut world, mut phones) = settled(policy::with(mode, nodes), 1);
        if nodes > 0 {
            world.main().personality.challenges = Challenges::Never;
        }
        world.rig.set_store(StoreMode::Failing);
        world.unregister(&mut phones[0]);
        world.rig.set_store(StoreMode::AtOnce);
        assert_eq!(world.unregister(&mut phones[0]).status(), 200, "{mode:?}");
        assert_eq!(world.rig.store().rows().count(), 0, "{mode:?}");
    }
}
