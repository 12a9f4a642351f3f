//! S-1 to S-3, S-5 to S-7, S-19 and S-24 where devices share a lease.

use midreg_sim::expect::locally;
use midreg_sim::{Phone, World};

use crate::{ALICE, held, phone, removals, room_for, settled};

/// Somebody who knows everything about alice's first phone but her password and its From-tag.
fn thief(phones: &[Phone]) -> Phone {
    let mut thief = phones[0].clone();
    thief.password = "guess".to_owned();
    thief.from_tag = "guess".to_owned();
    thief.rebind("203.0.113.66:5062");
    thief
}

#[test]
fn s1_nobody_keeps_a_dead_binding_alive_or_turns_it_to_himself() {
    let (mut world, phones) = settled(2);
    let mut thief = thief(&phones);
    for cseq in [3, 100, 0x7fff_ff00] {
        thief.cseq = cseq;
        let bytes = thief.register();
        assert_eq!(world.converse(&mut thief, &bytes).status(), 401);
    }
    let remotes: Vec<_> = world.rig.bindings(ALICE).iter().map(|b| b.remote).collect();
    assert!(!remotes.contains(&thief.address));
    world.wait(301);
    assert!(world.bound(ALICE).is_empty());
}

#[test]
fn s2_the_lease_of_the_user_opens_no_door() {
    let (mut world, phones) = settled(2);
    let mut thief = thief(&phones);
    for contacts in [
        vec!["sip:alice@203.0.113.66:5062"],
        vec![phones[0].contact(), "sip:alice@203.0.113.66:5062"],
    ] {
        thief = thief.with_contacts(&contacts);
        thief.reboot();
        let bytes = thief.register();
        assert_eq!(world.converse(&mut thief, &bytes).status(), 401);
        assert_eq!(world.bound(ALICE).len(), 2);
        held(&world);
    }
}

#[test]
fn s3_nobody_ends_the_registration_of_another_or_the_lease_of_all() {
    let (mut world, phones) = settled(2);
    let mut thief = thief(&phones);
    thief.cseq = 100;
    for _ in 0..2 {
        let bytes = thief.unregister();
        assert_eq!(world.converse(&mut thief, &bytes).status(), 401);
        assert_eq!(removals(&world), 0, "a refresh upstream, if anything");
        let star = thief.unregister_all();
        assert_eq!(world.converse(&mut thief, &star).status(), 401);
        assert_eq!(world.bound(ALICE).len(), 2);
        held(&world);
        thief.reboot();
    }
}

#[test]
fn s5_whoever_has_no_password_evicts_nobody() {
    let mut world = World::new(room_for(1));
    let mut alice = phone(1);
    world.registered(&mut alice);
    for port in 7000..7010 {
        let mut thief = Phone::new("alice", &format!("203.0.113.66:{port}"));
        thief.password = "guess".to_owned();
        let bytes = thief.register();
        assert_ne!(world.converse(&mut thief, &bytes).status(), 200);
        assert_eq!(world.bound(ALICE), alice.contacts);
    }
    let bytes = alice.register();
    assert_eq!(locally(&mut world, &alice, &bytes).status(), 200);
}

#[test]
fn s6_whoever_is_not_proved_learns_nothing_of_others() {
    let (mut world, _) = settled(3);
    let mut stranger = phone(66);
    for bytes in [stranger.register(), stranger.query(), stranger.unregister()] {
        let answer = world.exchange(&stranger, &bytes);
        assert_eq!(answer.status(), 401);
        assert!(answer.all("Contact").is_empty());
    }
}

#[test]
fn s7_a_forged_cseq_locks_nobody_out() {
    let (mut world, mut phones) = settled(2);
    let mut thief = thief(&phones);
    thief.cseq = 0x7fff_ff00;
    let bytes = thief.register();
    assert_eq!(world.exchange(&thief, &bytes).status(), 401);
    for phone in &mut phones {
        let bytes = phone.register();
        assert_eq!(locally(&mut world, phone, &bytes).status(), 200);
    }
}

#[test]
fn s19_unanswered_challenges_of_one_aor_are_bounded_and_hurt_no_running_lease() {
    let (mut world, mut phones) = settled(2);
    for port in 0..40 {
        let stranger = format!("203.0.113.66:{}", 7000 + port);
        let mut stranger = Phone::new("alice", &stranger);
        let bytes = stranger.register();
        let status = world.exchange(&stranger, &bytes).status();
        assert!([401, 403, 503].contains(&status), "{status}");
    }
    for phone in &mut phones {
        let bytes = phone.register();
        assert_eq!(locally(&mut world, phone, &bytes).status(), 200);
    }
    held(&world);
    world.wait(40);
    assert_eq!(world.rig.totals().conversations, 0);
}

#[test]
fn s24_a_flow_that_is_proved_for_one_aor_is_a_stranger_to_another() {
    let (mut world, phones) = settled(2);
    let mut bob = Phone::new("bob", "198.51.100.8:5062");
    world.registered(&mut bob);
    let mut cross = phones[0].clone();
    cross.address = bob.address;
    for bytes in [cross.register(), cross.query(), cross.unregister_all()] {
        assert_eq!(world.exchange(&cross, &bytes).status(), 401);
    }
    assert_eq!(world.bound(ALICE).len(), 2);
}
