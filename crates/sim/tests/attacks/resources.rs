//! S-5, S-18, S-19: attempts to use up what others need, or to have it thrown at them.

use engine::policy::{Overflow, Policy};
use midreg_sim::expect::{locally, patched};
use midreg_sim::policy::contact;
use midreg_sim::{Phone, World};

use crate::{alice, resync, settled};

/// One device for each user at most; a newcomer replaces it.
fn one_each() -> Policy {
    let mut policy = contact();
    policy.limits.bindings_per_aor = 1;
    policy.limits.overflow = Overflow::ReplaceOldest;
    policy
}

#[test]
fn s5_whoever_has_no_password_evicts_nobody() {
    let mut world = World::new(one_each());
    let mut alice = alice();
    world.registered(&mut alice);
    for port in 7000..7020 {
        let mut thief = Phone::new("alice", &format!("203.0.113.66:{port}"));
        thief.password = "guess".to_owned();
        let bytes = thief.register();
        let answer = world.converse(&mut thief, &bytes);
        assert_ne!(answer.status(), 200, "{}", answer.text());
        assert_eq!(world.bound(&alice.aor()), alice.contacts);
    }
    let bytes = alice.register();
    assert_eq!(locally(&mut world, &alice, &bytes).status(), 200);
}

#[test]
fn s5_one_too_many_costs_the_others_nothing() {
    let mut policy = contact();
    policy.limits.bindings_per_aor = 2;
    let mut world = World::new(policy);
    let mut phones: Vec<Phone> = (1..=3)
        .map(|number| Phone::new("alice", &format!("198.51.100.{number}:5062")))
        .collect();
    world.registered(&mut phones[0]);
    world.registered(&mut phones[1]);
    let bytes = phones[2].register();
    assert_eq!(locally(&mut world, &phones[2], &bytes).status(), 403);
    for phone in &mut phones[..2] {
        let bytes = phone.register();
        assert_eq!(locally(&mut world, phone, &bytes).contacts().len(), 2);
    }
    assert_eq!(world.held("alice@example.org").len(), 2);
}

/// Bytes that came to an address which the attacker does not own, for those that he sent in its name.
fn reflected(world: &mut World, forged: &Phone, bytes: &[u8]) -> (usize, usize) {
    world.mail(forged.address);
    for _ in 0..5 {
        world.send(forged.address, bytes);
    }
    world.wait(40);
    let came = world.mail(forged.address).into_iter();
    (came.map(|packet| packet.bytes.len()).sum(), bytes.len() * 5)
}

#[test]
fn s18_what_is_sent_in_anothers_name_is_not_made_larger() {
    let mut world = World::contact();
    for number in 1..=10 {
        let mut phone = Phone::new("alice", &format!("198.51.100.{number}:5062"));
        world.registered(&mut phone);
    }
    let mut forged = Phone::new("alice", "192.0.2.77:9999");
    let requests = [
        forged.register(),
        forged.query(),
        forged.unregister_all(),
        forged.register_for(1),
        patched(&forged.register(), "Max-Forwards: 70", "Max-Forwards: 0"),
    ];
    for bytes in requests {
        let (came, sent) = reflected(&mut world, &forged, &bytes);
        assert!(came <= sent * 3 / 2, "{came} bytes for {sent}");
    }
}

#[test]
fn s18_ten_contacts_are_listed_to_proved_flows_only() {
    let mut world = World::contact();
    let mut phones: Vec<Phone> = (1..=10)
        .map(|number| Phone::new("alice", &format!("198.51.100.{number}:5062")))
        .collect();
    for phone in &mut phones {
        world.registered(phone);
    }
    let bytes = phones[0].register();
    assert_eq!(locally(&mut world, &phones[0], &bytes).contacts().len(), 10);
    let mut forged = phones[0].clone();
    forged.rebind("192.0.2.77:9999");
    let bytes = forged.register();
    assert!(world.exchange(&forged, &bytes).contacts().is_empty());
}

#[test]
fn s19_unanswered_challenges_of_one_aor_are_bounded_and_hurt_no_running_lease() {
    let (mut world, mut alice) = settled();
    let mut statuses = std::collections::BTreeMap::new();
    for port in 0..40 {
        let mut stranger = Phone::new("alice", &format!("203.0.113.66:{}", 7000 + port));
        let bytes = stranger.register();
        let status = world.exchange(&stranger, &bytes).status();
        *statuses.entry(status).or_insert(0) += 1;
    }
    assert!(world.rig.totals().conversations <= 16, "{statuses:?}");
    assert!(
        statuses
            .keys()
            .all(|status| [401, 403, 503].contains(status))
    );
    resync(&mut world);
    let bytes = alice.register();
    let answer = world.converse(&mut alice, &bytes);
    assert_eq!(answer.status(), 200, "{}", answer.text());
    let mut bob = Phone::new("bob", "198.51.100.8:5062");
    assert_eq!(world.registered(&mut bob).status(), 200);
    world.wait(40);
    assert_eq!(world.rig.totals().conversations, 0);
}
