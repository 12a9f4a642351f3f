//! What holds because all devices of a user share one lease: it is made by the first, renewed by
//! any, and given back with the last.

use engine::Row;
use engine::command::Totals;
use midreg_sim::expect::{forwarded, locally};
use midreg_sim::{Challenges, Packet, Phone, Temper, World};

use crate::{leased, settled_under};

const CONTACT: &str = "sip:alice%40example.org@192.0.2.1:5060";

fn desk() -> Phone {
    Phone::new("alice", "198.51.100.20:5062")
}

/// A world in which alice has two devices.
fn two() -> (World, Phone, Phone) {
    let (mut world, alice) = settled_under(leased());
    let mut desk = desk();
    world.registered(&mut desk);
    (world, alice, desk)
}

fn statuses(mail: &[Packet]) -> Vec<u16> {
    let finals = mail.iter().filter(|packet| packet.is_final());
    finals.map(Packet::status).collect()
}

fn upstream_contacts(world: &mut World) -> Vec<(String, Option<u32>)> {
    let contacts = world.main().last().contacts().into_iter();
    contacts.map(|c| (c.uri, c.expires)).collect()
}

#[test]
fn r7_the_contact_upstream_is_the_aor_at_midreg_and_says_nothing_of_devices() {
    let mut world = World::new(leased());
    let mut alice = crate::alice().with_instance("urn:uuid:1");
    alice.contact_params.push_str(";q=0.7;+sip.voice;reg-id=1");
    world.registered(&mut alice);
    let held = world.held(&alice.aor());
    assert_eq!((held.len(), held[0].uri.as_str()), (1, CONTACT));
    let sent = world.main().last().text();
    for word in ["instance", "q=0.7", "voice", "reg-id", "mr="] {
        assert!(!sent.contains(word), "{word} in {sent}");
    }
}

#[test]
fn r6_the_second_device_speaks_on_the_lease_of_the_first() {
    let (mut world, alice) = settled_under(leased());
    let first = world.held(&alice.aor());
    let mut desk = desk();
    let bytes = desk.register();
    let answer = forwarded(&mut world, &mut desk, &bytes, Row::D7);
    assert_eq!(answer.status(), 200);
    let listed: Vec<String> = answer.contacts().into_iter().map(|c| c.uri).collect();
    assert_eq!(listed, [desk.contact(), alice.contact()]);
    let held = world.held(&alice.aor());
    assert_eq!(held.len(), 1);
    assert_eq!(held[0].call_id, first[0].call_id);
    assert!(held[0].cseq > first[0].cseq);
}

#[test]
fn r1_a_second_device_with_a_wrong_password_is_nobody() {
    let (mut world, mut alice) = settled_under(leased());
    let mut thief = Phone::new("alice", "203.0.113.66:5062");
    thief.password = "guess".to_owned();
    assert_eq!(world.register(&mut thief).status(), 401);
    assert_eq!(world.bound(&alice.aor()), alice.contacts);
    let bytes = alice.register();
    assert_eq!(locally(&mut world, &alice, &bytes).status(), 200);
    world.wait(40);
    assert_eq!(world.held(&alice.aor()).len(), 1);
}

#[test]
fn d4_the_second_legs_of_two_new_devices_do_not_get_in_each_others_way() {
    let mut world = World::new(leased());
    let (mut alice, mut desk) = (crate::alice(), desk());
    let (first, second) = (alice.register(), desk.register());
    let challenge_alice = world.exchange(&alice, &first);
    let challenge_desk = world.exchange(&desk, &second);
    for (phone, challenge) in [(&mut desk, challenge_desk), (&mut alice, challenge_alice)] {
        let bytes = phone.answer(&challenge);
        assert_eq!(world.exchange(phone, &bytes).status(), 200);
    }
    assert_eq!(world.row(Row::D4), 2);
    assert_eq!(world.bound(&alice.aor()).len(), 2);
    assert_eq!(world.held(&alice.aor()).len(), 1);
}

#[test]
fn r8_one_of_two_leaves_and_the_main_registrar_need_not_know() {
    let (mut world, mut alice, mut desk) = two();
    let bytes = alice.unregister();
    let answer = locally(&mut world, &alice, &bytes);
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.contacts().len(), 1);
    assert_eq!(world.bound(&desk.aor()), desk.contacts);
    let again = locally(&mut world, &alice, &bytes);
    assert_eq!(again.status(), 200, "a copy of it has the same answer");
    let bytes = desk.register();
    assert_eq!(locally(&mut world, &desk, &bytes).status(), 200);
}

#[test]
fn r8_a_removal_that_must_be_proved_goes_upstream_as_a_renewal() {
    let (mut world, mut alice, desk) = two();
    alice.reboot();
    let bytes = alice.unregister();
    let answer = forwarded(&mut world, &mut alice, &bytes, Row::D6);
    assert_eq!(answer.status(), 200);
    assert_eq!(
        upstream_contacts(&mut world),
        [(CONTACT.to_owned(), Some(7200))]
    );
    assert_eq!(world.bound(&desk.aor()), desk.contacts);
    assert_eq!(world.held(&desk.aor()).len(), 1);
}

#[test]
fn r8_a_strangers_removal_of_one_of_two_changes_nothing() {
    let (mut world, alice, desk) = two();
    let mut stranger = Phone::new("alice", "203.0.113.66:5062");
    stranger.contacts = alice.contacts;
    stranger.password = "guess".to_owned();
    let bytes = stranger.unregister();
    assert_eq!(world.converse(&mut stranger, &bytes).status(), 401);
    world.wait(40);
    assert_eq!(world.bound(&desk.aor()).len(), 2);
    assert_eq!(world.held(&desk.aor()).len(), 1);
}

#[test]
fn r8_the_last_one_out_ends_the_lease() {
    let (mut world, mut alice, mut desk) = two();
    let bytes = alice.unregister();
    locally(&mut world, &alice, &bytes);
    let bytes = desk.unregister();
    let answer = forwarded(&mut world, &mut desk, &bytes, Row::D6);
    assert_eq!(answer.status(), 200);
    assert_eq!(
        upstream_contacts(&mut world),
        [(CONTACT.to_owned(), Some(0))]
    );
    assert!(world.held(&desk.aor()).is_empty());
    world.wait(40);
    assert_eq!(world.rig.totals(), Totals::default());
}

#[test]
fn r8_a_device_that_comes_while_the_last_one_leaves_keeps_the_lease() {
    let (mut world, mut alice) = settled_under(leased());
    world.main().personality.challenges = Challenges::Never;
    world.main().personality.temper = Temper::Silent;
    let bytes = alice.unregister();
    world.send(alice.address, &bytes);
    let mut desk = desk();
    let bytes = desk.register();
    world.send(desk.address, &bytes);
    world.main().personality.temper = Temper::Normal;
    world.wait(3);
    assert_eq!(statuses(&world.mail(desk.address)), [200]);
    world.wait(40);
    assert_eq!(world.bound(&desk.aor()), desk.contacts);
    assert_eq!(world.held(&desk.aor()).len(), 1);
}

#[test]
fn r9_one_of_two_dies_unheard_and_the_last_takes_the_lease_along() {
    let (mut world, alice) = settled_under(leased());
    let mut desk = desk();
    world.wait(100);
    world.registered(&mut desk);
    world.main().personality.challenges = Challenges::Never;
    let before = world.main().registers();
    world.wait(250);
    assert_eq!(world.bound(&alice.aor()), desk.contacts, "alice is dead");
    assert_eq!(world.main().registers(), before);
    world.wait(60);
    assert!(world.bound(&alice.aor()).is_empty());
    assert!(world.held(&alice.aor()).is_empty());
    assert_eq!(world.main().registers(), before + 1);
    assert_eq!(
        upstream_contacts(&mut world),
        [(CONTACT.to_owned(), Some(0))]
    );
    world.wait(40);
    assert_eq!(world.rig.totals(), Totals::default());
}

#[test]
fn r9_a_newcomer_keeps_a_lease_that_was_to_be_given_back() {
    let (mut world, alice) = settled_under(leased());
    world.main().personality.temper = Temper::Overloaded(1);
    world.wait(301);
    assert_eq!(world.rig.totals().bindings, 0);
    world.main().personality.temper = Temper::Normal;
    let mut desk = desk();
    world.registered(&mut desk);
    world.wait(100);
    assert_eq!(world.bound(&alice.aor()), desk.contacts);
    assert_eq!(world.held(&alice.aor()).len(), 1, "nobody gave it back");
}

#[test]
fn r9_a_newcomer_that_fails_does_not_keep_it() {
    let (mut world, alice) = settled_under(leased());
    world.main().personality.temper = Temper::Overloaded(1);
    world.wait(301);
    world.main().personality.temper = Temper::Normal;
    let mut thief = Phone::new("alice", "203.0.113.66:5062");
    thief.password = "guess".to_owned();
    assert_eq!(world.register(&mut thief).status(), 401);
    world.main().personality.challenges = Challenges::Never;
    world.wait(60);
    assert!(world.held(&alice.aor()).is_empty());
}

#[test]
fn r9_the_last_one_dies_while_another_is_challenged() {
    let (mut world, alice) = settled_under(leased());
    world.wait(299);
    let mut desk = desk();
    let bytes = desk.register();
    let challenge = world.exchange(&desk, &bytes);
    world.wait(3);
    assert!(world.bound(&alice.aor()).is_empty(), "alice died");
    assert_eq!(world.held(&alice.aor()).len(), 1, "the desk may yet come");
    let bytes = desk.answer(&challenge);
    assert_eq!(world.exchange(&desk, &bytes).status(), 200);
    world.wait(100);
    assert_eq!(world.held(&alice.aor()).len(), 1);
    assert_eq!(world.bound(&alice.aor()), desk.contacts);
}

#[test]
fn d12_any_device_renews_the_lease_for_all() {
    let mut policy = leased();
    policy.domain.expires = 700;
    policy.domain.reauth_interval = 7200;
    let (mut world, mut alice) = settled_under(policy);
    let mut desk = desk();
    world.registered(&mut desk);
    let (mut renewals, before) = (0, world.row(Row::D12));
    for _ in 0..12 {
        world.wait(100);
        for phone in [&mut alice, &mut desk] {
            let upstream = world.main().registers();
            world.registered(phone);
            renewals += usize::from(world.main().registers() > upstream);
        }
    }
    assert_eq!(world.row(Row::D12) - before, renewals as u64);
    assert!((2..=4).contains(&renewals), "{renewals} for both together");
}

#[test]
fn d12_who_waits_for_a_renewal_of_the_lease_profits_from_it() {
    let mut policy = leased();
    policy.domain.expires = 700;
    let (mut world, mut alice) = settled_under(policy);
    let mut desk = desk();
    world.registered(&mut desk);
    world.main().personality.challenges = Challenges::Never;
    world.wait(250);
    for phone in [&mut alice, &mut desk] {
        let bytes = phone.register();
        locally(&mut world, phone, &bytes);
    }
    world.wait(200);
    let before = world.main().registers();
    world.main().personality.temper = Temper::Silent;
    for phone in [&mut alice, &mut desk] {
        let bytes = phone.register();
        world.send(phone.address, &bytes);
    }
    world.main().personality.temper = Temper::Normal;
    world.wait(2);
    assert_eq!(statuses(&world.mail(alice.address)), [200]);
    assert_eq!(statuses(&world.mail(desk.address)), [200]);
    assert!(world.main().registers() <= before + 1);
}

#[test]
fn r5_a_shorter_grant_to_one_is_a_shorter_lease_for_all() {
    let (mut world, mut alice) = settled_under(leased());
    world.main().personality.longest = 100;
    let mut desk = desk();
    world.registered(&mut desk);
    let bytes = alice.register();
    let answer = world.exchange(&alice, &bytes);
    assert_eq!(answer.status(), 200);
    assert!(
        answer.contacts()[0].expires <= Some(98),
        "{}",
        answer.text()
    );
}

#[test]
fn r5_a_promise_ends_with_a_lease_that_was_shortened_but_not_before_it() {
    let (mut world, alice) = settled_under(leased());
    world.main().personality.longest = 100;
    let mut desk = desk();
    world.registered(&mut desk);
    world.wait(60);
    let bytes = desk.register();
    assert_eq!(world.converse(&mut desk, &bytes).status(), 200);
    world.wait(80);
    assert_eq!(
        world.bound(&alice.aor()).len(),
        2,
        "the desk phone renewed it"
    );
    world.wait(21);
    assert!(world.bound(&alice.aor()).is_empty(), "nobody did");
    assert!(world.held(&alice.aor()).is_empty());
}

#[test]
fn r16_a_definitive_reject_of_one_leaves_the_other_and_the_lease() {
    let (mut world, mut alice, desk) = two();
    world.main().personality.temper = Temper::Refuses(403);
    alice.contact_params = ";q=0.5".to_owned();
    let bytes = alice.register();
    assert_eq!(world.exchange(&alice, &bytes).status(), 403);
    world.main().personality.temper = Temper::Normal;
    assert_eq!(world.bound(&desk.aor()), desk.contacts);
    world.wait(60);
    assert_eq!(world.held(&desk.aor()).len(), 1);
}

#[test]
fn r1_a_newcomer_that_nobody_answered_costs_the_sibling_nothing() {
    let (mut world, mut alice) = settled_under(leased());
    world.main().personality.challenges = Challenges::Never;
    world.main().personality.temper = Temper::Mute;
    let mut desk = desk();
    let bytes = desk.register();
    world.send(desk.address, &bytes);
    world.wait(9);
    world.main().personality.temper = Temper::Normal;
    world.wait(9);
    assert_eq!(world.bound(&alice.aor()), alice.contacts);
    assert_eq!(world.held(&alice.aor()).len(), 1);
    let bytes = alice.register();
    assert_eq!(locally(&mut world, &alice, &bytes).status(), 200);
}

#[test]
fn r1_a_newcomer_that_answered_a_challenge_in_vain_costs_the_sibling_a_question() {
    let (mut world, mut alice) = settled_under(leased());
    let mut desk = desk();
    let bytes = desk.register();
    let challenge = world.exchange(&desk, &bytes);
    world.main().personality.temper = Temper::Mute;
    let bytes = desk.answer(&challenge);
    world.send(desk.address, &bytes);
    world.wait(9);
    world.main().personality.challenges = Challenges::Never;
    world.main().personality.temper = Temper::Normal;
    world.wait(9);
    assert_eq!(world.held(&alice.aor()).len(), 1);
    let bytes = alice.register();
    let answer = forwarded(&mut world, &mut alice, &bytes, Row::D11);
    assert_eq!(answer.status(), 200);
}

#[test]
fn r8_a_star_suppresses_what_was_still_to_be_given_back() {
    let (mut world, mut alice, desk) = two();
    let star = alice.unregister_all();
    assert_eq!(world.converse(&mut alice, &star).status(), 200);
    assert!(world.held(&desk.aor()).is_empty());
    let after = world.main().registers();
    world.wait(400);
    assert_eq!(world.main().registers(), after);
    assert_eq!(world.rig.totals(), Totals::default());
}

#[test]
fn r8_the_last_one_is_removed_by_proof_while_its_sibling_expires() {
    let (mut world, mut alice) = settled_under(leased());
    let mut desk = desk().asking(Some(60));
    world.registered(&mut desk);
    world.wait(58);
    alice.reboot();
    let bytes = alice.unregister();
    let challenge = world.exchange(&alice, &bytes);
    world.main().personality.temper = Temper::Silent;
    let bytes = alice.answer(&challenge);
    world.send(alice.address, &bytes);
    world.wait(4);
    world.main().personality.challenges = Challenges::Never;
    world.main().personality.temper = Temper::Normal;
    world.wait(30);
    assert!(world.bound(&alice.aor()).is_empty());
    assert!(world.held(&alice.aor()).is_empty(), "nobody is left on it");
}

#[test]
fn r6_strangers_that_wait_for_the_lease_keep_no_device_out() {
    let (mut world, mut alice, _) = two();
    world.main().personality.temper = Temper::Silent;
    let mut strangers: Vec<Phone> = (0..40u8)
        .map(|number| Phone::new("alice", &format!("203.0.113.{}:5062", number + 10)))
        .collect();
    for stranger in &mut strangers {
        let bytes = stranger.register();
        world.send(stranger.address, &bytes);
    }
    alice.reboot();
    alice.contact_params = ";q=0.5".to_owned();
    let bytes = alice.register();
    world.send(alice.address, &bytes);
    assert!(statuses(&world.mail(alice.address)).is_empty(), "it waits");
    world.main().personality.temper = Temper::Normal;
    world.wait(1);
    let mail = world.mail(alice.address);
    let challenge = mail.iter().rfind(|packet| packet.status() == 401);
    let bytes = alice.answer(challenge.expect("it had its turn"));
    assert_eq!(world.exchange(&alice, &bytes).status(), 200);
    world.wait(60);
    let totals = world.rig.totals();
    assert_eq!((totals.conversations, totals.asking), (0, 0));
}
