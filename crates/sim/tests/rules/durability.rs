//! Which answers wait for the store (ADR 0007), and what happens when it fails.

use engine::Event;
use engine::command::Totals;
use midreg_sim::expect::locally;
use midreg_sim::{Packet, Phone, StoreMode, World};

use crate::{alice, leased, settled_under};

fn finals(mail: &[Packet]) -> Vec<u16> {
    mail.iter()
        .map(Packet::status)
        .filter(|s| *s >= 200)
        .collect()
}

#[test]
fn a_forwarded_200_waits_for_a_late_store() {
    let mut world = World::new(leased());
    world.rig.set_store(StoreMode::Late);
    let mut alice = alice();
    let first = alice.register();
    let challenge = world.exchange(&alice, &first);
    let second = alice.answer(&challenge);
    assert!(world.try_exchange(&alice, &second).is_none());
    assert_eq!(world.rig.totals().held_replies, 1);
    world.touch(midreg_sim::Rig::catch_up);
    assert_eq!(finals(&world.mail(alice.address)), [200]);
    assert_eq!(world.rig.totals().held_replies, 0);
}

#[test]
fn a_plain_refresh_writes_nothing_and_waits_for_nothing() {
    let (mut world, mut alice) = settled_under(leased());
    let before = world.rig.store().batches();
    world.rig.set_store(StoreMode::Late);
    for _ in 0..10 {
        world.wait(20);
        let bytes = alice.register();
        assert_eq!(locally(&mut world, &alice, &bytes).status(), 200);
    }
    assert_eq!(world.rig.store().batches(), before);
}

#[test]
fn a_longer_interval_is_written_before_it_is_promised() {
    let (mut world, mut alice) = settled_under(leased());
    world.rig.set_store(StoreMode::Late);
    alice.expires = Some(600);
    let bytes = alice.register();
    assert!(world.try_exchange(&alice, &bytes).is_none());
    world.touch(midreg_sim::Rig::catch_up);
    let mail = world.mail(alice.address);
    assert_eq!(mail[0].promised(alice.contact()), Some(600));
    let id = world.rig.bindings(&alice.aor())[0].id;
    assert_eq!(world.rig.store().row(id).map(|row| row.granted), Some(600));
}

#[test]
fn a_refresh_behind_an_unsaved_registration_waits_for_it() {
    let mut world = World::new(leased());
    world.rig.set_store(StoreMode::Late);
    let mut alice = alice();
    let first = alice.register();
    let challenge = world.exchange(&alice, &first);
    let second = alice.answer(&challenge);
    world.send(alice.address, &second);
    let refresh = alice.register();
    assert!(world.try_exchange(&alice, &refresh).is_none());
    world.touch(midreg_sim::Rig::catch_up);
    assert_eq!(finals(&world.mail(alice.address)), [200, 200]);
}

#[test]
fn a_removal_is_written_before_it_is_confirmed() {
    let (mut world, mut alice) = settled_under(leased());
    let id = world.rig.bindings(&alice.aor())[0].id;
    world.rig.set_store(StoreMode::Late);
    world.main().personality.challenges = midreg_sim::Challenges::Never;
    let bytes = alice.unregister();
    assert!(world.try_exchange(&alice, &bytes).is_none(), "it waits");
    world.touch(midreg_sim::Rig::catch_up);
    assert_eq!(finals(&world.mail(alice.address)), [200]);
    assert!(world.rig.store().row(id).is_none());
}

#[test]
fn a_star_is_written_before_it_is_confirmed() {
    let (mut world, mut alice) = settled_under(leased());
    world.rig.set_store(StoreMode::Late);
    world.main().personality.challenges = midreg_sim::Challenges::Never;
    let bytes = alice.unregister_all();
    assert!(world.try_exchange(&alice, &bytes).is_none());
    world.touch(midreg_sim::Rig::catch_up);
    assert_eq!(finals(&world.mail(alice.address)), [200]);
}

#[test]
fn batches_are_settled_in_order() {
    let mut world = World::new(leased());
    world.rig.set_store(StoreMode::Late);
    world.main().personality.challenges = midreg_sim::Challenges::Never;
    let mut alice = alice();
    let mut bob = Phone::new("bob", "198.51.100.8:5062");
    for phone in [&mut alice, &mut bob] {
        let bytes = phone.register();
        world.send(phone.address, &bytes);
    }
    world.touch(midreg_sim::Rig::settle_one);
    assert_eq!(finals(&world.mail(alice.address)), [200]);
    assert!(world.mail(bob.address).is_empty());
    world.touch(midreg_sim::Rig::settle_one);
    assert_eq!(finals(&world.mail(bob.address)), [200]);
}

#[test]
fn a_failing_store_turns_the_200_into_503() {
    let mut world = World::new(leased());
    world.rig.set_store(StoreMode::Failing);
    let mut alice = alice();
    let bytes = alice.register();
    let answer = world.converse(&mut alice, &bytes);
    assert_eq!(answer.status(), 503);
    assert!(answer.number("Retry-After").is_some());
    assert_eq!(answer.value("Call-ID"), Some(alice.call_id.clone()));
    let told = world.events();
    let failed = |event: &&Event| matches!(event, Event::PersistFailed { replies: 1 });
    assert_eq!(told.iter().filter(failed).count(), 1);
}

#[test]
fn after_a_failure_the_next_register_is_forwarded_and_written() {
    let mut world = World::new(leased());
    world.rig.set_store(StoreMode::Failing);
    let mut alice = alice();
    let bytes = alice.register();
    assert_eq!(world.converse(&mut alice, &bytes).status(), 503);
    world.rig.set_store(StoreMode::AtOnce);
    let before = world.main().registers();
    world.registered(&mut alice);
    assert!(world.main().registers() > before);
    let id = world.rig.bindings(&alice.aor())[0].id;
    assert!(world.rig.store().row(id).is_some());
    assert_eq!(world.held(&alice.aor()).len(), 1);
}

#[test]
fn a_failure_of_an_older_batch_spares_the_younger() {
    let mut world = World::new(leased());
    world.rig.set_store(StoreMode::Late);
    world.main().personality.challenges = midreg_sim::Challenges::Never;
    let mut alice = alice();
    let mut bob = Phone::new("bob", "198.51.100.8:5062");
    for phone in [&mut alice, &mut bob] {
        let bytes = phone.register();
        world.send(phone.address, &bytes);
    }
    world.rig.set_store(StoreMode::Failing);
    world.touch(midreg_sim::Rig::settle_one);
    assert_eq!(finals(&world.mail(alice.address)), [503]);
    world.rig.set_store(StoreMode::AtOnce);
    world.touch(midreg_sim::Rig::catch_up);
    assert_eq!(finals(&world.mail(bob.address)), [200]);
}

#[test]
fn a_retransmission_while_the_answer_waits_is_not_answered_early() {
    let mut world = World::new(leased());
    world.rig.set_store(StoreMode::Late);
    world.main().personality.challenges = midreg_sim::Challenges::Never;
    let mut alice = alice();
    let bytes = alice.register();
    for _ in 0..3 {
        world.send(alice.address, &bytes);
    }
    assert!(world.mail(alice.address).is_empty());
    world.touch(midreg_sim::Rig::catch_up);
    assert_eq!(finals(&world.mail(alice.address)), [200, 200, 200]);
    assert_eq!(world.main().registers(), 1);
}

#[test]
fn what_the_store_never_answers_for_does_not_pile_up_for_ever() {
    let mut world = World::new(leased());
    world.rig.set_store(StoreMode::Late);
    world.main().personality.challenges = midreg_sim::Challenges::Never;
    let mut alice = alice();
    let bytes = alice.register();
    world.send(alice.address, &bytes);
    world.wait(10_000);
    world.touch(midreg_sim::Rig::catch_up);
    world.wait(40);
    assert_eq!(world.rig.totals(), Totals::default());
}

#[test]
fn what_the_store_lost_is_neither_replayed_nor_carried() {
    let mut world = World::new(leased());
    world.rig.set_store(StoreMode::Failing);
    world.main().personality.challenges = midreg_sim::Challenges::Never;
    let mut alice = alice();
    let bytes = alice.register();
    assert_eq!(world.exchange(&alice, &bytes).status(), 503);
    let again = world.exchange(&alice, &bytes);
    assert_eq!(again.status(), 503, "no replay of what is not kept");
    world.main().personality.temper = midreg_sim::Temper::Overloaded(3);
    let refresh = alice.register();
    assert_eq!(world.exchange(&alice, &refresh).status(), 503);
    world.main().personality.temper = midreg_sim::Temper::Normal;
    world.rig.set_store(StoreMode::AtOnce);
    assert_eq!(world.registered(&mut alice).status(), 200);
    let refresh = alice.register();
    assert_eq!(locally(&mut world, &alice, &refresh).status(), 200);
}

#[test]
fn a_longer_interval_is_written_in_an_outage_too() {
    let (mut world, mut alice) = settled_under(leased());
    world.touch(|rig| rig.command(engine::command::Command::Resync { tag: 0 }));
    world.main().personality.temper = midreg_sim::Temper::Overloaded(3);
    world.rig.set_store(StoreMode::Late);
    alice.expires = Some(900);
    let refresh = alice.register();
    assert!(world.try_exchange(&alice, &refresh).is_none());
    world.touch(midreg_sim::Rig::catch_up);
    let mail = world.mail(alice.address);
    assert_eq!(mail[0].promised(alice.contact()), Some(900));
}

#[test]
fn a_promise_that_was_held_too_long_is_not_told_as_it_stood() {
    let mut world = World::new(leased());
    world.rig.set_store(StoreMode::Late);
    world.main().personality.challenges = midreg_sim::Challenges::Never;
    let mut alice = alice();
    let bytes = alice.register();
    world.send(alice.address, &bytes);
    world.wait(20);
    world.touch(midreg_sim::Rig::catch_up);
    assert!(world.mail(alice.address).is_empty());
    let repeated = world.exchange(&alice, &bytes);
    assert_eq!(repeated.promised(alice.contact()), Some(280));
    assert_eq!(world.main().registers(), 1);
}

#[test]
fn an_answer_that_lists_an_unsaved_sibling_waits_for_it() {
    let (mut world, mut alice) = settled_under(leased());
    world.main().personality.challenges = midreg_sim::Challenges::Never;
    let mut desk = Phone::new("alice", "198.51.100.20:5062");
    world.rig.set_store(StoreMode::Late);
    let bytes = desk.register();
    world.send(desk.address, &bytes);
    let mut visitor = Phone::new("alice", "198.51.100.30:5062");
    for (phone, bytes) in [
        (alice.address, alice.query()),
        (visitor.address, visitor.query()),
    ] {
        world.send(phone, &bytes);
        assert!(world.mail(phone).is_empty());
    }
    world.touch(midreg_sim::Rig::catch_up);
    assert_eq!(finals(&world.mail(alice.address)), [200]);
    assert_eq!(finals(&world.mail(visitor.address)), [200]);
}
