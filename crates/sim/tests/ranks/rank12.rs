//! Rank 12: the limit of contacts of one user, and whom it hits.

use engine::policy::{Overflow, Policy};
use engine::{BindingId, Op};
use midreg_sim::expect::locally;
use midreg_sim::policy::contact;
use midreg_sim::{Packet, Phone, World};

fn limited(per_aor: usize, overflow: Overflow) -> Policy {
    let mut policy = contact();
    policy.limits.bindings_per_aor = per_aor;
    policy.limits.overflow = overflow;
    policy
}

fn phone(number: u16) -> Phone {
    Phone::new("alice", &format!("198.51.100.{number}:5062"))
}

/// What somebody who is too many is told, without a word upstream.
fn refused(world: &mut World, number: u16) -> Packet {
    let mut phone = phone(number);
    let bytes = phone.register();
    locally(world, &phone, &bytes)
}

/// With room for one, each of several phones takes the place of the one before.
fn each_replaces_the_one_before(world: &mut World) {
    for number in 1..=5 {
        let mut newcomer = phone(number);
        let answer = world.registered(&mut newcomer);
        assert_eq!(world.bound(&newcomer.aor()), newcomer.contacts);
        assert_eq!(answer.contacts().len(), 1, "{}", answer.text());
    }
}

#[test]
fn rank12_opensips_1984_with_room_for_one_the_latest_is_the_only_one() {
    each_replaces_the_one_before(&mut World::new(limited(1, Overflow::ReplaceOldest)));
}

#[test]
fn rank12_opensips_2727_the_limit_holds_without_being_asked_for() {
    let mut world = World::contact();
    for number in 1..=10 {
        world.registered(&mut phone(number));
    }
    assert_eq!(refused(&mut world, 11).status(), 403);
    assert_eq!(world.bound("alice@example.org").len(), 10);
}

#[test]
fn rank12_opensips_2372_the_store_has_no_more_than_the_limit() {
    let mut world = World::new(limited(1, Overflow::ReplaceOldest));
    for number in 1..=5 {
        let mut newcomer = phone(number);
        world.registered(&mut newcomer);
        let rows = world.rig.store().rows();
        let contacts: Vec<String> = rows.map(|row| row.contact.clone()).collect();
        assert_eq!(contacts, newcomer.contacts);
    }
}

#[test]
fn rank12_opensips_1136_the_oldest_goes_at_once_and_not_when_it_expires() {
    let mut world = World::new(limited(2, Overflow::ReplaceOldest));
    world.main().personality.trusts = Some(midreg_sim::policy::us());
    let (mut first, mut second, mut third) = (phone(1), phone(2), phone(3));
    world.registered(&mut first);
    world.wait(10);
    world.registered(&mut second);
    world.wait(10);
    // The first one refreshes: now the second is the one that was heard of longest ago.
    let bytes = first.register();
    locally(&mut world, &first, &bytes);
    world.registered(&mut third);
    let mut bound = world.bound(&first.aor());
    bound.sort();
    assert_eq!(bound, [first.contact(), third.contact()]);
    world.wait(2);
    assert_eq!(world.held(&first.aor()).len(), 2, "upstream as well");
}

#[test]
fn rank12_opensips_3097_no_setting_takes_the_shortest_lifetime_away() {
    let mut policy = limited(3, Overflow::ReplaceOldest);
    policy.domain.registration.max_expires = 1800;
    policy.domain.registration.nat_expires = 30;
    let mut world = World::new(policy);
    let mut brief = phone(1).asking(Some(10));
    let bytes = brief.register();
    let answer = locally(&mut world, &brief, &bytes);
    assert_eq!(
        (answer.status(), answer.number("Min-Expires")),
        (423, Some(60))
    );
}

#[test]
fn rank12_opensips_3100_no_setting_takes_the_limit_away() {
    let mut policy = limited(1, Overflow::Reject);
    policy.domain.registration.min_expires = 100;
    policy.domain.registration.max_expires = 1800;
    let mut world = World::new(policy);
    world.registered(&mut phone(1));
    assert_eq!(refused(&mut world, 2).status(), 403);
    assert_eq!(world.bound("alice@example.org").len(), 1);
}

#[test]
fn rank12_opensips_2351_whoever_was_replaced_is_replaced_in_what_others_are_told_too() {
    let mut world = World::new(limited(1, Overflow::ReplaceOldest));
    world.registered(&mut phone(1));
    world.registered(&mut phone(2));
    assert_eq!(replayed(&world), phone(2).contacts);
}

/// What a second node, or a restart, would learn from the changes.
fn replayed(world: &World) -> Vec<String> {
    let mut bound: Vec<(BindingId, String)> = Vec::new();
    for change in world.rig.store().prefix() {
        match &change.op {
            Op::Register(registration) => {
                bound.retain(|(id, _)| *id != registration.binding);
                let contact = String::from_utf8_lossy(registration.contact.uri());
                bound.push((registration.binding, contact.into_owned()));
            }
            Op::Remove { binding, .. } => bound.retain(|(id, _)| id != binding),
            _ => {}
        }
    }
    bound.into_iter().map(|(_, contact)| contact).collect()
}

#[test]
fn rank12_mr_b24_an_overflow_does_not_cost_the_user_everything() {
    let mut world = World::new(limited(2, Overflow::Reject));
    let mut phones = [phone(1), phone(2)];
    for phone in &mut phones {
        world.registered(phone);
    }
    assert_eq!(refused(&mut world, 3).status(), 403);
    for phone in &mut phones {
        let bytes = phone.register();
        assert_eq!(locally(&mut world, phone, &bytes).contacts().len(), 2);
    }
    assert_eq!(world.held("alice@example.org").len(), 2);
}
