//! Ranks 1, 3, 7, 8 and 12 where devices share a lease: most were reported of that mode.

use engine::{Event, Row};
use midreg_sim::expect::{forwarded, locally};
use midreg_sim::personality::WrongPassword;
use midreg_sim::{Challenges, Listing, Nonces, Packet, Rig, StoreMode, World};

use crate::{ALICE, held, phone, policy, removals, room_for, settled};

#[test]
fn rank1_opensips_2536_a_refused_device_is_not_bound_and_evicts_nobody() {
    for answer in [WrongPassword::Challenged, WrongPassword::Forbidden] {
        let mut world = World::new(room_for(1));
        world.main().personality.wrong_password = answer;
        let (mut alice, mut other) = (phone(1), phone(66));
        world.registered(&mut alice);
        other.password = "wrong".to_owned();
        let bytes = other.register();
        assert!([401, 403].contains(&world.converse(&mut other, &bytes).status()));
        assert_eq!(world.bound(ALICE), alice.contacts);
        held(&world);
        let bytes = alice.register();
        assert_eq!(locally(&mut world, &alice, &bytes).status(), 200);
    }
}

#[test]
fn rank1_opensips_3193_a_second_device_without_credentials_is_not_let_in() {
    let (mut world, phones) = settled(1);
    let mut second = phone(2);
    for _ in 0..3 {
        let bytes = second.register();
        assert_eq!(world.exchange(&second, &bytes).status(), 401);
        assert_eq!(world.bound(ALICE), phones[0].contacts);
        world.wait(10);
    }
    assert_eq!(world.row(Row::D13), 0);
}

#[test]
fn rank3_opensips_2368_two_devices_with_different_intervals_share_a_lease_that_never_ends() {
    let mut world = World::new(policy());
    let mut desk = phone(1).asking(Some(120));
    let mut soft = phone(2).asking(Some(600));
    world.registered(&mut desk);
    world.registered(&mut soft);
    for second in 1..=8 * 3600_u64 {
        world.wait(1);
        for (phone, every) in [(&mut desk, 108), (&mut soft, 540)] {
            if second % every == 0 {
                assert_eq!(world.registered(phone).contacts().len(), 2);
            }
        }
        if second % 60 == 0 {
            held(&world);
            assert_eq!(world.bound(ALICE).len(), 2);
        }
    }
    assert!(world.main().registers() < 30, "and most of it ended here");
}

#[test]
fn rank3_opensips_2615_one_device_leaves_and_the_user_stays_registered_upstream() {
    let (mut world, mut phones) = settled(2);
    assert_eq!(world.unregister(&mut phones[0]).status(), 200);
    assert_eq!(world.bound(ALICE), phones[1].contacts);
    held(&world);
    assert_eq!(removals(&world), 0);
}

#[test]
fn rank3_opensips_1804_1805_whoever_returns_after_leaving_is_asked_about_again() {
    for store in [StoreMode::AtOnce, StoreMode::Late] {
        let (mut world, mut phones) = settled(1);
        world.main().personality.challenges = Challenges::Never;
        world.rig.set_store(store);
        let leaves = phones[0].unregister();
        world.send(phones[0].address, &leaves);
        let returns = phones[0].register();
        world.send(phones[0].address, &returns);
        world.touch(Rig::catch_up);
        world.touch(|rig| rig.set_store(StoreMode::AtOnce));
        world.wait(2);
        let mail = world.mail(phones[0].address);
        assert_eq!(mail.last().map(Packet::status), Some(200));
        assert_eq!(world.bound(ALICE), phones[0].contacts);
        held(&world);
    }
}

#[test]
fn rank3_opensips_2138_2152_after_a_star_nothing_is_absorbed_on_what_was() {
    let (mut world, mut phones) = settled(2);
    let star = phones[0].unregister_all();
    assert_eq!(world.converse(&mut phones[0], &star).status(), 200);
    for phone in &mut phones {
        let bytes = phone.register();
        forwarded(&mut world, phone, &bytes, Row::D7);
        held(&world);
    }
}

#[test]
fn rank3_opensips_1156_the_answer_to_a_challenge_goes_upstream_at_a_renewal_too() {
    let (mut world, mut phones) = settled(2);
    world.main().personality.nonces = Nonces::OneTime;
    while world.row(Row::D12) == 0 {
        world.wait(250);
        for phone in &mut phones {
            let bytes = phone.register();
            let answer = world.exchange(phone, &bytes);
            if answer.status() == 401 {
                phone.cseq -= 1;
                let second = phone.answer(&answer);
                let before = world.main().registers();
                assert_eq!(world.exchange(phone, &second).status(), 200);
                assert_eq!(world.main().registers(), before + 1);
            }
        }
    }
    held(&world);
}

#[test]
fn rank3_mr_b02c_the_neediest_device_decides_when_the_lease_is_renewed() {
    let mut world = World::new(policy());
    let mut brief = phone(1).asking(Some(60));
    let mut patient = phone(2).asking(Some(3600));
    world.registered(&mut brief);
    world.registered(&mut patient);
    // The one whose needs are small vanishes; the other keeps its promise, and is kept it.
    world.wait(3000);
    for _ in 0..5 {
        let promised = world
            .registered(&mut patient)
            .promised(patient.contact())
            .unwrap();
        world.wait(u64::from(promised) - 1);
        held(&world);
        assert_eq!(world.bound(ALICE), patient.contacts);
    }
}

#[test]
fn rank3_mr_b31_a_later_shorter_grant_is_noticed() {
    let (mut world, mut phones) = settled(2);
    world.main().personality.longest = 200;
    world.touch(|rig| rig.command(engine::command::Command::Resync { tag: 0 }));
    for _ in 0..20 {
        let mut promised = u32::MAX;
        for phone in &mut phones {
            let answer = world.registered(phone);
            promised = promised.min(answer.promised(phone.contact()).unwrap());
        }
        assert!(promised < 200, "{promised}");
        world.wait(u64::from(promised) - 1);
        held(&world);
        assert_eq!(world.bound(ALICE).len(), 2);
    }
}

#[test]
fn rank3_mr_b32_a_2xx_without_contacts_does_not_keep_the_lease_from_being_given_back() {
    let mut world = World::new(policy());
    world.main().personality.challenges = Challenges::Never;
    world.main().personality.listing = Listing::Bare;
    let mut alice = phone(1);
    world.registered(&mut alice);
    world.unregister(&mut alice);
    world.registered(&mut alice);
    world.wait(302);
    assert!(world.bound(ALICE).is_empty());
    assert!(world.held(ALICE).is_empty());
}

#[test]
fn rank7_opensips_1845_2680_no_expires_of_the_main_registrar_beside_the_devices() {
    for listing in [
        Listing::Full,
        Listing::ExpiresHeader,
        Listing::OnlyExpiresHeader,
    ] {
        let mut world = World::new(policy());
        world.main().personality.listing = listing;
        let mut alice = phone(1).asking(Some(600));
        let mut desk = phone(2).asking(Some(120));
        for phone in [&mut alice, &mut desk] {
            let asked = phone.expires;
            let answer = world.registered(phone);
            assert_eq!(answer.promised(phone.contact()), asked);
            assert_eq!(answer.number("Expires"), asked);
        }
    }
}

#[test]
fn rank7_opensips_2722_the_last_removal_says_zero() {
    let (mut world, mut phones) = settled(1);
    assert_eq!(world.unregister(&mut phones[0]).status(), 200);
    assert!(removals(&world) > 0);
    assert!(world.held(ALICE).is_empty());
}

#[test]
fn rank8_opensips_3471_a_forwarded_refresh_is_told_of_once() {
    let (mut world, mut phones) = settled(1);
    world.events();
    world.main().personality.nonces = Nonces::OneTime;
    world.touch(|rig| rig.command(engine::command::Command::Resync { tag: 0 }));
    world.registered(&mut phones[0]);
    let told = world.events().into_iter();
    let registered = told.filter(|event| matches!(event, Event::BindingRegistered { .. }));
    assert_eq!(registered.count(), 1);
    assert_eq!(world.bound(ALICE), phones[0].contacts);
}

#[test]
fn rank12_opensips_1984_with_room_for_one_the_latest_is_the_only_one() {
    let mut world = World::new(room_for(1));
    for number in 1..=5 {
        let mut newcomer = phone(number);
        let answer = world.registered(&mut newcomer);
        assert_eq!(world.bound(ALICE), newcomer.contacts);
        assert_eq!(answer.contacts().len(), 1, "{}", answer.text());
        held(&world);
    }
    assert_eq!(removals(&world), 0);
}

#[test]
fn rank12_opensips_2372_the_store_has_no_more_than_the_limit() {
    let mut world = World::new(room_for(2));
    for number in 1..=5 {
        world.registered(&mut phone(number));
        assert!(world.rig.store().rows().count() <= 2);
    }
}
