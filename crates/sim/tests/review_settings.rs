//! New settings in the middle of something, and what one user can do to all.

use core::net::SocketAddr;
use std::sync::Arc;

use engine::command::Command;
use engine::policy::{Balance, Insertion, Mode, Policy};
use engine::{
    Datagram, Engine, EngineConfig, Flow, Input, Now, Outbox, Output, Row, ShardId, Wall,
};
use midreg_sim::expect::locally;
use midreg_sim::rig::SECRET;
use midreg_sim::store::StoreMode;
use midreg_sim::world::Alarm;
use midreg_sim::{Challenges, Phone, Temper, World, policy};

const ALICE: &str = "alice@example.org";

fn alice() -> Phone {
    Phone::new("alice", "198.51.100.7:5062")
}

fn with_alias(mut policy: Policy) -> Policy {
    policy.naming.aliases = vec![("example.org".into(), "example.net".into())];
    policy
}

#[test]
fn r19_another_name_for_the_domain_in_the_middle_of_a_registration() {
    for mode in [Mode::Contact, Mode::Aor, Mode::Mirror] {
        let mut world = World::new(policy::with(mode, 1));
        world.set_alarm(Alarm::Note);
        world.main().personality.challenges = Challenges::Never;
        world.main().personality.temper = Temper::Silent;
        let mut alice = alice();
        let bytes = alice.register();
        world.send(alice.address, &bytes);
        world.touch(|rig| rig.set_policy(with_alias(policy::with(mode, 1))));
        world.main().personality.temper = Temper::Normal;
        world.wait(10);
        world.rig.engine().check_invariants();
        let bound = world.bound(ALICE).len() + world.bound("alice@example.net").len();
        assert_eq!(bound, world.rig.totals().bindings, "{mode:?}");
    }
}

#[test]
fn r19_what_was_begun_under_another_name_ends_all_the_same() {
    for mode in [Mode::Contact, Mode::Aor, Mode::Mirror] {
        let mut world = World::new(policy::with(mode, 1));
        world.set_alarm(Alarm::Note);
        world.main().personality.challenges = Challenges::Never;
        world.main().personality.temper = Temper::Silent;
        let mut alice = alice();
        let bytes = alice.register();
        world.send(alice.address, &bytes);
        world.touch(|rig| rig.set_policy(with_alias(policy::with(mode, 1))));
        world.main().personality.temper = Temper::Normal;
        world.wait(410);
        assert_eq!(world.rig.totals().bindings, 0, "{mode:?}");
    }
}

#[test]
fn r19_another_name_for_the_domain_while_somebody_waits_for_his_turn() {
    let mut world = World::new(policy::aor());
    world.set_alarm(Alarm::Note);
    world.registered(&mut alice());
    world.main().personality.temper = Temper::Silent;
    for number in 8..=10 {
        let mut phone = Phone::new("alice", &format!("198.51.100.{number}:5062"));
        let bytes = phone.register();
        world.send(phone.address, &bytes);
    }
    world.touch(|rig| rig.set_policy(with_alias(policy::aor())));
    world.main().personality.challenges = Challenges::Never;
    world.main().personality.temper = Temper::Normal;
    world.wait(20);
    world.rig.engine().check_invariants();
    world.wait(400);
    assert_eq!(world.rig.totals().bindings, 0);
    assert_eq!(world.rig.totals().conversations, 0);
}

#[test]
fn r19_another_name_for_the_domain_before_a_request_is_repeated_for_longer() {
    let mut world = World::contact();
    world.set_alarm(Alarm::Note);
    let mut alice = alice();
    world.registered(&mut alice);
    world.main().personality.shortest = 7200;
    world.main().personality.challenges = Challenges::Never;
    world.main().personality.temper = Temper::Silent;
    alice.contact_params = ";q=0.5".to_owned();
    let bytes = alice.register();
    world.send(alice.address, &bytes);
    world.touch(|rig| rig.set_policy(with_alias(policy::contact())));
    world.main().personality.temper = Temper::Normal;
    world.wait(10);
    world.rig.engine().check_invariants();
    world.wait(400);
    assert_eq!(world.rig.totals().bindings, 0);
}

#[test]
fn r19_another_name_for_the_domain_of_those_that_are_registered() {
    for mode in [Mode::Contact, Mode::Aor] {
        let mut world = World::new(policy::with(mode, 1));
        world.set_alarm(Alarm::Note);
        let mut alice = alice();
        world.registered(&mut alice);
        world.touch(|rig| rig.set_policy(with_alias(policy::with(mode, 1))));
        world.registered(&mut alice);
        world.main().personality.challenges = Challenges::Never;
        world.wait(1000);
        assert_eq!(world.rig.totals().bindings, 0, "{mode:?}");
    }
}

#[test]
fn after_a_change_of_mode_the_old_lease_goes_when_the_new_one_is_there() {
    let mut doubled = Vec::new();
    for (before, after) in [
        (Mode::Contact, Mode::Aor),
        (Mode::Aor, Mode::Contact),
        (Mode::Contact, Mode::Mirror),
        (Mode::Aor, Mode::Mirror),
    ] {
        let mut world = World::new(policy::with(before, 1));
        world.set_alarm(Alarm::Note);
        let mut alice = alice();
        world.registered(&mut alice);
        world.touch(|rig| rig.set_policy(policy::with(after, 1)));
        alice.contact_params = ";q=0.5".to_owned();
        world.main().personality.challenges = Challenges::Never;
        world.registered(&mut alice);
        world.wait(60);
        let held: Vec<String> = world.held(ALICE).into_iter().map(|held| held.uri).collect();
        if held.len() != 1 {
            doubled.push((before, after, held));
        }
    }
    assert!(doubled.is_empty(), "{doubled:#?}");
}

#[test]
fn after_a_change_of_what_our_contact_looks_like_the_old_one_goes() {
    let mut doubled = Vec::new();
    type Change = fn(&mut Policy);
    let changes: [(Mode, Change); 4] = [
        (Mode::Aor, |policy| policy.upstream.at_sign = "=".to_owned()),
        (Mode::Contact, |policy| {
            policy.upstream.token_param = "x".to_owned()
        }),
        (Mode::Contact, |policy| {
            policy.domain.insertion = Insertion::User
        }),
        (Mode::Contact, |policy| {
            policy.listeners[0].advertise = "192.0.2.1:5080".to_owned();
        }),
    ];
    for (mode, change) in changes {
        let mut world = World::new(policy::with(mode, 1));
        world.set_alarm(Alarm::Note);
        let mut alice = alice();
        world.registered(&mut alice);
        let mut changed = policy::with(mode, 1);
        change(&mut changed);
        world.touch(|rig| rig.set_policy(changed));
        alice.contact_params = ";q=0.5".to_owned();
        world.main().personality.challenges = Challenges::Never;
        world.registered(&mut alice);
        world.wait(60);
        let held: Vec<String> = world.held(ALICE).into_iter().map(|held| held.uri).collect();
        if held.len() != 1 {
            doubled.push(held);
        }
    }
    assert!(doubled.is_empty(), "{doubled:#?}");
}

#[test]
fn a_new_name_of_the_domain_upstream_leaves_nothing_under_the_old_one() {
    let mut world = World::contact();
    world.set_alarm(Alarm::Note);
    let mut alice = alice();
    world.registered(&mut alice);
    let mut renamed = policy::contact();
    renamed.domain.upstream_name = Some("pbx.local".into());
    world.touch(|rig| rig.set_policy(renamed));
    world.main().personality.challenges = Challenges::Never;
    alice.contact_params = ";q=0.5".to_owned();
    world.registered(&mut alice);
    world.wait(400);
    assert!(world.held("alice@pbx.local").is_empty());
    assert!(world.held(ALICE).is_empty());
}

#[test]
fn d4_goes_to_the_node_that_issued_the_challenge_wherever_the_settings_put_it() {
    let mut world = World::new(policy::two_nodes());
    let mut alice = alice();
    let bytes = alice.register();
    let challenge = world.exchange(&alice, &bytes);
    let mut turned = policy::two_nodes();
    turned.upstream.servers.reverse();
    world.touch(|rig| rig.set_policy(turned));
    let bytes = alice.answer(&challenge);
    assert_eq!(world.exchange(&alice, &bytes).status(), 200);
}

#[test]
fn r9_a_lease_is_given_back_to_the_node_that_granted_it_wherever_the_settings_put_it() {
    let mut world = World::new(policy::two_nodes());
    let mut alice = alice();
    world.registered(&mut alice);
    let mut turned = policy::two_nodes();
    turned.upstream.servers.reverse();
    world.touch(|rig| rig.set_policy(turned));
    for main in &mut world.mains {
        main.personality.challenges = Challenges::Never;
    }
    world.wait(330);
    assert!(world.held(ALICE).is_empty());
}

#[test]
fn r14_one_user_does_not_call_the_leases_of_all_into_question() {
    let mut world = World::contact();
    world.main().personality.max_contacts = 2;
    let mut bob = Phone::new("bob", "198.51.100.8:5062");
    world.registered(&mut bob);
    let mut mallory: Vec<Phone> = (1..=3)
        .map(|number| Phone::new("mallory", &format!("203.0.113.66:{}", 7000 + number)))
        .collect();
    for _ in 0..10 {
        for phone in &mut mallory {
            world.registered(phone);
            world.wait(1);
        }
    }
    let bytes = bob.register();
    assert_eq!(locally(&mut world, &bob, &bytes).status(), 200);
    assert_eq!(world.row(Row::D13), 1);
}

#[test]
fn a_stranger_whom_the_main_registrar_ignores_costs_nobody_his_absorption() {
    for mode in [Mode::Contact, Mode::Aor] {
        let mut world = World::new(policy::with(mode, 1));
        let mut alice = alice();
        world.registered(&mut alice);
        world.main().personality.temper = Temper::Silent;
        let mut stranger = Phone::new("alice", "203.0.113.66:5062");
        let bytes = stranger.register();
        world.send(stranger.address, &bytes);
        world.wait(1);
        // Somebody else is heard: the node is not down.
        world.main().personality.temper = Temper::Normal;
        let mut bob = Phone::new("bob", "198.51.100.8:5062");
        world.main().personality.temper = Temper::Silent;
        world.wait(9);
        world.main().personality.temper = Temper::Normal;
        world.wait(5);
        world.registered(&mut bob);
        let bytes = alice.register();
        assert_eq!(
            locally(&mut world, &alice, &bytes).status(),
            200,
            "{mode:?}"
        );
    }
}

/// The main registrar speaks again, and asks this phone for proof: nobody kept it out.
fn is_heard(world: &mut World, phone: &mut Phone) {
    world.main().personality.temper = Temper::Normal;
    let bytes = phone.register();
    world.send(phone.address, &bytes);
    world.wait(3);
    let mail = world.mail(phone.address);
    assert_eq!(mail.last().map(midreg_sim::Packet::status), Some(401));
}

#[test]
fn ten_strangers_on_the_way_keep_no_device_out() {
    let mut world = World::contact();
    world.main().personality.temper = Temper::Silent;
    for port in 0..10 {
        let mut stranger = Phone::new("alice", &format!("203.0.113.66:{}", 7000 + port));
        let bytes = stranger.register();
        world.send(stranger.address, &bytes);
    }
    is_heard(&mut world, &mut alice());
}

#[test]
fn one_address_takes_not_all_that_may_be_under_way_for_a_user() {
    let mut world = World::contact();
    world.main().personality.temper = Temper::Silent;
    for port in 0..40 {
        let mut stranger = Phone::new("alice", &format!("203.0.113.66:{}", 7000 + port));
        let bytes = stranger.register();
        world.send(stranger.address, &bytes);
    }
    is_heard(&mut world, &mut alice());
}

#[test]
fn strangers_of_many_addresses_keep_nobody_out_who_is_known() {
    let mut world = World::contact();
    let mut alice = alice();
    world.registered(&mut alice);
    world.main().personality.temper = Temper::Silent;
    for number in 0..40 {
        let mut stranger = Phone::new("alice", &format!("203.0.113.{number}:7000"));
        let bytes = stranger.register();
        world.send(stranger.address, &bytes);
    }
    alice.contact_params = ";q=0.5".to_owned();
    is_heard(&mut world, &mut alice);
}

#[test]
fn a_lease_of_a_node_that_lost_it_is_not_trusted_because_the_nodes_change_places() {
    let mut policy = policy::two_nodes();
    policy.upstream.balance = Balance::Failover;
    let mut world = World::new(policy.clone());
    let mut alice = alice();
    world.registered(&mut alice);
    world.touch(|rig| rig.command(Command::Resync { tag: 0 }));
    let mut other = policy;
    other.upstream.servers[0].name = "renamed".to_owned();
    world.touch(|rig| rig.set_policy(other));
    let bytes = alice.register();
    let before = world.main().registers();
    world.converse(&mut alice, &bytes);
    assert!(world.main().registers() > before, "it was asked for again");
}

// A restart

/// What an engine that begins anew with what the store has sends when it is sent this.
fn after_a_restart(world: &World, from: &Phone, bytes: &[u8]) -> Vec<SocketAddr> {
    after_a_restart_with(world.rig.policy().clone(), world, from, bytes)
}

/// The same under new settings.
fn after_a_restart_with(
    policy: Policy,
    world: &World,
    from: &Phone,
    bytes: &[u8],
) -> Vec<SocketAddr> {
    let config = EngineConfig {
        shard: ShardId(0),
        shards: 1,
        secret: SECRET,
        seed: 77,
    };
    let mono = world.now();
    let now = Now {
        mono,
        wall: Wall(1_767_225_600_000 + mono.0),
    };
    let mut engine = Engine::new(&config, Arc::new(policy), now);
    let mut out = Outbox::new();
    engine.restore(now, world.rig.store().prefix().iter().cloned(), &mut out);
    let flow = Flow::udp(policy::UDP, from.address);
    let mut outbox = Outbox::new();
    let datagram = Datagram { bytes, flow };
    engine.handle_input(now, Input::Datagram(datagram), &mut outbox);
    let sent = outbox.items.iter().filter_map(|item| match item {
        Output::Transmit(transmit) => Some(transmit.flow.remote),
        _ => None,
    });
    sent.collect()
}

#[test]
fn r14_a_lease_of_an_older_epoch_is_so_after_a_restart() {
    let mut world = World::contact();
    let mut alice = alice();
    world.registered(&mut alice);
    world.touch(|rig| rig.command(Command::Resync { tag: 0 }));
    let bytes = alice.register();
    let sent = after_a_restart(&world, &alice, &bytes);
    assert_eq!(sent, [policy::main_address(0)]);
}

#[test]
fn r14_a_lease_of_the_present_epoch_is_trusted_after_a_restart() {
    let mut world = World::contact();
    let mut alice = alice();
    world.touch(|rig| rig.command(Command::Resync { tag: 0 }));
    world.registered(&mut alice);
    let bytes = alice.register();
    let sent = after_a_restart(&world, &alice, &bytes);
    assert_eq!(sent, [alice.address]);
}

#[test]
fn r14_an_epoch_that_the_store_lost_is_written_with_the_next_batch() {
    let mut world = World::contact();
    let mut alice = alice();
    world.registered(&mut alice);
    world.rig.set_store(StoreMode::Failing);
    world.touch(|rig| rig.command(Command::Resync { tag: 0 }));
    world.rig.set_store(StoreMode::AtOnce);
    let mut bob = Phone::new("bob", "198.51.100.8:5062");
    world.registered(&mut bob);
    let bytes = alice.register();
    let sent = after_a_restart(&world, &alice, &bytes);
    assert_eq!(sent, [policy::main_address(0)]);
}

#[test]
fn after_a_restart_a_lease_is_of_the_node_that_granted_it_wherever_the_settings_put_it() {
    let mut policy = policy::two_nodes();
    policy.upstream.balance = Balance::Failover;
    let mut world = World::new(policy.clone());
    let mut alice = alice();
    world.registered(&mut alice);
    policy.upstream.servers.reverse();
    let bytes = alice.register();
    let sent = after_a_restart_with(policy.clone(), &world, &alice, &bytes);
    assert_eq!(sent, [alice.address], "its node is there");
    policy.upstream.servers.pop();
    let sent = after_a_restart_with(policy, &world, &alice, &bytes);
    assert_eq!(sent, [policy::main_address(1)], "its node is not");
}

#[test]
fn a_device_that_left_while_the_store_failed_is_gone_after_a_restart() {
    let mut world = World::contact();
    let mut alice = alice();
    world.registered(&mut alice);
    world.main().personality.challenges = Challenges::Never;
    world.rig.set_store(StoreMode::Failing);
    world.unregister(&mut alice);
    world.rig.set_store(StoreMode::AtOnce);
    let mut bob = Phone::new("bob", "198.51.100.8:5062");
    world.registered(&mut bob);
    let bytes = alice.register();
    let sent = after_a_restart(&world, &alice, &bytes);
    assert_eq!(sent, [policy::main_address(0)], "it is new");
}

#[test]
fn a_lease_that_is_not_trusted_is_not_trusted_after_a_restart() {
    let mut world = World::contact();
    let mut alice = alice();
    world.registered(&mut alice);
    world.main().personality.temper = Temper::Silent;
    let mut changed = alice.clone();
    changed.contact_params = ";q=0.5".to_owned();
    let bytes = changed.register();
    world.send(alice.address, &bytes);
    world.wait(9);
    alice.cseq = changed.cseq;
    let bytes = alice.register();
    let sent = after_a_restart(&world, &alice, &bytes);
    assert_eq!(sent, [policy::main_address(0)]);
}
