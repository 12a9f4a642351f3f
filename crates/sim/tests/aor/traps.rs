//! T2 to T6, T13, T16, T21, T22, T28, T29 where devices share a lease.

use engine::Row;
use midreg_sim::Challenges;
use midreg_sim::World;
use midreg_sim::expect::{forwarded, locally};

use crate::{ALICE, OURS, held, phone, policy, removals, room_for, settled};

#[test]
fn t2_the_lease_of_a_sibling_lets_nobody_in() {
    let (mut world, _) = settled(1);
    let mut stranger = phone(66);
    stranger.password = "guess".to_owned();
    for _ in 0..3 {
        let bytes = stranger.register();
        assert_eq!(world.converse(&mut stranger, &bytes).status(), 401);
    }
    assert_eq!(world.bound(ALICE).len(), 1);
    assert_eq!(world.row(Row::D13), 0);
}

#[test]
fn t2_a_new_device_goes_upstream_on_the_lease_of_its_sibling() {
    let (mut world, mut phones) = settled(1);
    let first = world.main().last().clone();
    let mut second = phone(2).with_instance("urn:uuid:2");
    second.contact_params.push_str(";q=0.5");
    world.registered(&mut second);
    let last = world.main().last().clone();
    assert_eq!(first.value("Call-ID"), last.value("Call-ID"));
    assert_eq!(first.tag("From"), last.tag("From"));
    assert!(last.cseq() > first.cseq());
    let contact = last.contacts()[0].clone();
    assert_eq!(contact.uri, OURS);
    assert!(!contact.value.contains("instance"), "{}", contact.value);
    assert!(!contact.value.contains("q="), "{}", contact.value);
    let bytes = phones[0].register();
    assert_eq!(locally(&mut world, &phones[0], &bytes).contacts().len(), 2);
    held(&world);
}

#[test]
fn t3_the_shorter_life_of_a_sibling_does_not_end_the_lease() {
    let mut world = World::new(policy());
    let mut brief = phone(1).asking(Some(60));
    let mut patient = phone(2).asking(Some(3600));
    world.registered(&mut brief);
    world.registered(&mut patient);
    world.wait(61);
    assert_eq!(world.bound(ALICE), patient.contacts);
    for _ in 0..6 {
        world.wait(1700);
        held(&world);
        assert_eq!(world.registered(&mut patient).contacts().len(), 1);
    }
    assert_eq!(removals(&world), 0);
}

#[test]
fn t4_the_end_of_one_of_several_is_no_end_upstream() {
    let (mut world, mut phones) = settled(3);
    let bytes = phones[1].unregister();
    let answer = locally(&mut world, &phones[1], &bytes);
    assert_eq!((answer.status(), answer.contacts().len()), (200, 2));
    assert_eq!(world.bound(ALICE).len(), 2);
    for at in [0, 2] {
        let bytes = phones[at].register();
        assert_eq!(locally(&mut world, &phones[at], &bytes).contacts().len(), 2);
    }
    held(&world);
    assert_eq!(removals(&world), 0);
}

#[test]
fn t4_an_end_that_may_be_anybodys_is_a_refresh_upstream() {
    let (mut world, mut phones) = settled(2);
    phones[0].reboot();
    let bytes = phones[0].unregister();
    let answer = world.converse(&mut phones[0], &bytes);
    assert_eq!(answer.status(), 200);
    assert_eq!(world.bound(ALICE), phones[1].contacts);
    held(&world);
    assert_eq!(removals(&world), 0);
}

#[test]
fn t5_the_end_of_the_last_and_an_immediate_return() {
    let (mut world, mut phones) = settled(1);
    for _ in 0..3 {
        assert_eq!(world.unregister(&mut phones[0]).status(), 200);
        assert!(world.held(ALICE).is_empty());
        assert!(world.bound(ALICE).is_empty());
        let bytes = phones[0].register();
        forwarded(&mut world, &mut phones[0], &bytes, Row::D7);
        held(&world);
    }
}

#[test]
fn t5_the_last_of_several_takes_the_lease_along() {
    let (mut world, mut phones) = settled(2);
    world.unregister(&mut phones[0]);
    assert_eq!(removals(&world), 0);
    world.unregister(&mut phones[1]);
    assert!(removals(&world) > 0);
    assert!(world.held(ALICE).is_empty());
}

#[test]
fn t5_the_last_that_dies_takes_the_lease_along() {
    let mut world = World::new(policy());
    world.main().personality.challenges = Challenges::Never;
    let (mut first, mut last) = (phone(1).asking(Some(60)), phone(2).asking(Some(300)));
    world.registered(&mut first);
    world.registered(&mut last);
    world.wait(61);
    held(&world);
    assert_eq!(removals(&world), 0);
    world.wait(240);
    assert!(world.bound(ALICE).is_empty());
    assert!(world.held(ALICE).is_empty());
    assert_eq!(removals(&world), 1);
}

#[test]
fn t6_a_star_ends_all_by_one_request() {
    let (mut world, mut phones) = settled(3);
    world.main().personality.challenges = Challenges::Never;
    let before = world.main().registers();
    let star = phones[0].unregister_all();
    assert_eq!(world.converse(&mut phones[0], &star).status(), 200);
    world.wait(10);
    assert_eq!(world.main().registers(), before + 1);
    assert!(world.bound(ALICE).is_empty());
    assert!(world.held(ALICE).is_empty());
    let bytes = phones[1].register();
    forwarded(&mut world, &mut phones[1], &bytes, Row::D7);
    held(&world);
}

#[test]
fn t13_a_granted_half_minute_keeps_both_devices_registered() {
    let mut world = World::new(policy());
    world.main().personality.longest = 30;
    let (mut one, mut two) = (phone(1).asking(Some(3600)), phone(2).asking(Some(3600)));
    let end = world.now().plus_seconds(600);
    while world.now() < end {
        for phone in [&mut one, &mut two] {
            let promised = world.registered(phone).promised(phone.contact()).unwrap();
            assert!((1..=29).contains(&promised), "{promised}");
        }
        held(&world);
        world.wait(7);
        assert_eq!(world.bound(ALICE).len(), 2);
    }
}

#[test]
fn t16_one_call_id_stands_for_all_devices_and_all_time() {
    let (mut world, mut phones) = settled(3);
    for phone in &mut phones {
        phone.reboot();
    }
    world.touch(|rig| rig.command(engine::command::Command::Resync { tag: 0 }));
    for phone in &mut phones {
        world.registered(phone);
    }
    let seen = world.main().seen().iter();
    let mut call_ids: Vec<_> = seen.filter_map(|s| s.request.value("Call-ID")).collect();
    call_ids.dedup();
    assert_eq!(call_ids.len(), 1);
}

#[test]
fn t21_a_changed_call_id_makes_no_second_binding() {
    let (mut world, mut phones) = settled(1);
    for _ in 0..3 {
        phones[0].reboot();
        world.registered(&mut phones[0]);
        assert_eq!(world.bound(ALICE), phones[0].contacts);
        held(&world);
    }
}

#[test]
fn t22_an_instance_replaces_itself_where_only_one_is_allowed() {
    let mut world = World::new(room_for(1));
    let mut alice = phone(1).with_instance("urn:uuid:1");
    for port in 7000..7005 {
        alice.move_to(&format!("198.51.100.7:{port}"));
        alice.reboot();
        world.registered(&mut alice);
        assert_eq!(world.bound(ALICE), alice.contacts);
        held(&world);
    }
    assert_eq!(removals(&world), 0);
}

#[test]
fn t28_each_200_shows_the_devices_own_lifetime() {
    let mut world = World::new(policy());
    for (number, asked) in [(1, 300), (2, 900), (3, 60)] {
        let mut phone = phone(number).asking(Some(asked));
        for _ in 0..2 {
            let answer = world.registered(&mut phone);
            assert_eq!(answer.promised(phone.contact()), Some(asked));
            assert_eq!(answer.number("Expires"), Some(asked));
            assert_eq!(answer.all("Expires").len(), 1);
        }
    }
}

#[test]
fn t29_whatever_is_granted_no_lease_ends_before_a_phone_thinks_so() {
    for longest in [30, 61, 300, 1000, 7200] {
        let mut world = World::new(policy());
        world.main().personality.longest = longest;
        let mut phones = [phone(1).asking(Some(60)), phone(2).asking(Some(3600))];
        let mut due = [0; 2];
        for second in 0..4000_u32 {
            for (phone, due) in phones.iter_mut().zip(&mut due) {
                if *due == second {
                    let promised = world.registered(phone).promised(phone.contact()).unwrap();
                    *due += promised.max(2) - 1;
                }
            }
            world.wait(1);
            held(&world);
            assert_eq!(world.bound(ALICE).len(), 2, "{longest} {second}");
        }
    }
}
