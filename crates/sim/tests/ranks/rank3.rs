//! Rank 3: the main registrar loses a binding while phones believe that they are registered.

use engine::Row;
use midreg_sim::expect::forwarded;
use midreg_sim::{Challenges, Listing, Nonces, Phone, StoreMode, World};

use crate::{alice, settled};

/// Both sides know the same devices.
fn agree(world: &World, aor: &str, devices: usize) {
    let (mut here, mut there) = (world.tokens(aor), world.held_tokens(aor));
    here.sort();
    there.sort();
    assert_eq!(here, there);
    assert_eq!(here.len(), devices);
}

#[test]
fn rank3_opensips_2368_two_devices_with_different_intervals_stay_registered_on_both_sides() {
    let mut world = World::contact();
    let mut desk = Phone::new("alice", "198.51.100.1:5062").asking(Some(120));
    let mut soft = Phone::new("alice", "198.51.100.2:5062").asking(Some(600));
    world.registered(&mut desk);
    world.registered(&mut soft);
    // Eight hours: each comes back when nine tenths of its interval are over.
    for second in 1..=8 * 3600_u64 {
        world.wait(1);
        for (phone, every) in [(&mut desk, 108), (&mut soft, 540)] {
            if second % every == 0 {
                assert_eq!(world.registered(phone).contacts().len(), 2);
            }
        }
        if second % 60 == 0 {
            agree(&world, "alice@example.org", 2);
        }
    }
    assert!(world.main().registers() < 30, "and most of it ended here");
}

#[test]
fn rank3_opensips_2615_one_device_leaves_and_the_other_stays_registered_upstream() {
    let (mut world, mut alice) = settled();
    let mut desk = Phone::new("alice", "198.51.100.20:5062");
    world.registered(&mut desk);
    assert_eq!(world.unregister(&mut alice).status(), 200);
    assert_eq!(world.bound(&desk.aor()), desk.contacts);
    agree(&world, &desk.aor(), 1);
}

#[test]
fn rank3_opensips_1804_1805_whoever_returns_after_leaving_is_asked_about_again() {
    for store in [StoreMode::AtOnce, StoreMode::Late] {
        let (mut world, mut alice) = settled();
        world.main().personality.challenges = Challenges::Never;
        world.rig.set_store(store);
        let leaves = alice.unregister();
        world.send(alice.address, &leaves);
        let returns = alice.register();
        world.send(alice.address, &returns);
        world.touch(midreg_sim::Rig::catch_up);
        world.touch(|rig| rig.set_store(StoreMode::AtOnce));
        world.wait(2);
        let mail = world.mail(alice.address);
        assert_eq!(mail.last().map(midreg_sim::Packet::status), Some(200));
        agree(&world, &alice.aor(), 1);
    }
}

#[test]
fn rank3_opensips_2138_2152_after_a_star_nothing_is_absorbed_on_what_was() {
    let (mut world, mut alice) = settled();
    let mut desk = Phone::new("alice", "198.51.100.20:5062");
    world.registered(&mut desk);
    let star = alice.unregister_all();
    assert_eq!(world.converse(&mut alice, &star).status(), 200);
    for phone in [&mut alice, &mut desk] {
        let bytes = phone.register();
        forwarded(&mut world, phone, &bytes, Row::D7);
    }
    agree(&world, &alice.aor(), 2);
}

#[test]
fn rank3_opensips_1156_the_answer_to_a_challenge_goes_upstream_at_a_renewal_too() {
    let (mut world, mut alice) = settled();
    world.main().personality.nonces = Nonces::OneTime;
    while world.row(Row::D12) == 0 {
        world.wait(250);
        let bytes = alice.register();
        let answer = world.exchange(&alice, &bytes);
        if answer.status() == 200 {
            continue;
        }
        // The challenge of the renewal. This phone answers it under the same CSeq.
        alice.cseq -= 1;
        let before = world.main().registers();
        let second = alice.answer(&answer);
        assert_eq!(world.exchange(&alice, &second).status(), 200);
        assert_eq!(world.main().registers(), before + 1);
    }
    agree(&world, &alice.aor(), 1);
    let left = world.rig.bindings(&alice.aor())[0].lease_left;
    assert_eq!(u64::from(left), world.now().0 / 1000 + 7200, "renewed");
}

#[test]
fn rank3_mr_b31_a_later_shorter_grant_is_noticed() {
    let (mut world, mut alice) = settled();
    world.main().personality.longest = 200;
    crate::resync(&mut world);
    for _ in 0..20 {
        let answer = world.registered(&mut alice);
        let promised = answer.promised(alice.contact()).unwrap();
        assert!(promised < 200, "{promised}");
        world.wait(u64::from(promised) - 1);
        agree(&world, &alice.aor(), 1);
    }
}

#[test]
fn rank3_mr_b32_a_2xx_without_contacts_does_not_keep_a_lease_from_being_given_back() {
    let mut world = World::contact();
    world.main().personality.challenges = Challenges::Never;
    world.main().personality.listing = Listing::Bare;
    let mut alice = alice();
    world.registered(&mut alice);
    world.unregister(&mut alice);
    world.registered(&mut alice);
    world.wait(302);
    assert!(world.bound(&alice.aor()).is_empty());
    assert!(world.held(&alice.aor()).is_empty());
}
