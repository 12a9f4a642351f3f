//! R18: bounds on what is stored, checked before anything goes upstream.

use engine::policy::{Overflow, Policy};
use midreg_sim::expect::locally;
use midreg_sim::{Challenges, Phone, Temper, World};

use crate::agreement::{agree, held_for};
use crate::leased;

fn limited(per_aor: usize, overflow: Overflow) -> Policy {
    let mut policy = leased();
    policy.limits.bindings_per_aor = per_aor;
    policy.limits.overflow = overflow;
    policy
}

fn phone(number: u8) -> Phone {
    Phone::new("alice", &format!("198.51.100.{number}:5062"))
}

#[test]
fn r18_a_device_too_many_is_refused_before_it_goes_upstream() {
    let mut world = World::new(limited(2, Overflow::Reject));
    for number in 1..=2 {
        world.registered(&mut phone(number));
    }
    let mut third = phone(3);
    let bytes = third.register();
    assert_eq!(locally(&mut world, &third, &bytes).status(), 403);
    assert_eq!(world.held("alice@example.org").len(), held_for(2));
}

#[test]
fn r18_ones_own_device_does_not_count() {
    let mut world = World::new(limited(1, Overflow::Reject));
    let mut alice = phone(1).with_instance("urn:uuid:1");
    world.registered(&mut alice);
    alice.move_to("203.0.113.77:40000");
    alice.reboot();
    assert_eq!(world.registered(&mut alice).status(), 200);
    assert_eq!(world.bound(&alice.aor()).len(), 1);
}

#[test]
fn r18_those_who_answered_a_challenge_count_while_they_are_under_way() {
    let mut world = World::new(limited(1, Overflow::Reject));
    let (mut first, mut second) = (phone(1), phone(2));
    let bytes = first.register();
    let challenge = world.exchange(&first, &bytes);
    world.main().personality.temper = Temper::Silent;
    let bytes = first.answer(&challenge);
    world.send(first.address, &bytes);
    let bytes = second.register();
    let answer = locally(&mut world, &second, &bytes);
    assert_eq!(answer.status(), 503, "it may have room yet");
    assert!(answer.number("Retry-After").is_some());
    world.main().personality.temper = Temper::Normal;
    world.wait(7);
    assert_eq!(world.bound(&first.aor()), first.contacts);
    let bytes = second.register();
    assert_eq!(locally(&mut world, &second, &bytes).status(), 403);
}

#[test]
fn r18_an_address_has_its_share_of_what_is_under_way() {
    let mut policy = leased();
    policy.limits.bindings_per_source = 1;
    let mut world = World::new(policy);
    let (mut first, mut other) = (phone(1), Phone::new("bob", "198.51.100.1:7062"));
    let bytes = first.register();
    let challenge = world.exchange(&first, &bytes);
    world.main().personality.temper = Temper::Silent;
    let bytes = first.answer(&challenge);
    world.send(first.address, &bytes);
    let bytes = other.register();
    assert_eq!(locally(&mut world, &other, &bytes).status(), 503);
}

#[test]
fn r18_strangers_who_are_accepted_all_at_once_are_not_too_many() {
    let mut world = World::new(limited(1, Overflow::Reject));
    world.main().personality.challenges = Challenges::Never;
    world.main().personality.temper = Temper::Silent;
    let mut phones = [phone(1), phone(2)];
    for phone in &mut phones {
        let bytes = phone.register();
        world.send(phone.address, &bytes);
    }
    world.main().personality.temper = Temper::Normal;
    world.wait(7);
    let mut statuses: Vec<u16> = phones
        .iter()
        .flat_map(|phone| world.mail(phone.address))
        .map(|packet| packet.status())
        .collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 403]);
    world.wait(7);
    agree(&world, "alice@example.org");
    assert_eq!(world.held("alice@example.org").len(), 1);
}

#[test]
fn r18_those_that_were_challenged_are_checked_when_they_answer() {
    let mut world = World::new(limited(1, Overflow::Reject));
    let (mut first, mut second) = (phone(1), phone(2));
    let bytes = first.register();
    let challenge = world.exchange(&first, &bytes);
    assert_eq!(world.registered(&mut second).status(), 200);
    let bytes = first.answer(&challenge);
    assert_eq!(locally(&mut world, &first, &bytes).status(), 403);
}

#[test]
fn r18_replace_oldest_evicts_only_when_the_newcomer_is_accepted() {
    let mut world = World::new(limited(2, Overflow::ReplaceOldest));
    let (mut first, mut second, mut third) = (phone(1), phone(2), phone(3));
    world.registered(&mut first);
    world.wait(10);
    world.registered(&mut second);
    world.wait(10);
    let refresh = first.register();
    world.exchange(&first, &refresh);
    let bytes = third.register();
    let challenge = world.exchange(&third, &bytes);
    assert_eq!(world.bound("alice@example.org").len(), 2, "nobody yet");
    world.main().personality.challenges = Challenges::Never;
    let bytes = third.answer(&challenge);
    let answer = world.exchange(&third, &bytes);
    assert_eq!(answer.status(), 200);
    let bound = world.bound("alice@example.org");
    assert_eq!(bound, [first.contact(), third.contact()]);
    assert_eq!(
        world.held("alice@example.org").len(),
        held_for(2),
        "upstream as well"
    );
    let listed: Vec<String> = answer.contacts().into_iter().map(|c| c.uri).collect();
    assert_eq!(listed, [third.contact(), first.contact()]);
}

#[test]
fn r18_a_rejected_newcomer_evicts_nobody() {
    let mut world = World::new(limited(1, Overflow::ReplaceOldest));
    let mut first = phone(1);
    world.registered(&mut first);
    let mut stranger = phone(2);
    stranger.password = "guess".to_owned();
    let bytes = stranger.register();
    assert_eq!(world.converse(&mut stranger, &bytes).status(), 401);
    assert_eq!(world.bound(&first.aor()), first.contacts);
}

#[test]
fn r18_a_request_that_is_too_many_by_itself_replaces_nobody() {
    let mut world = World::new(limited(1, Overflow::ReplaceOldest));
    let mut first = phone(1);
    world.registered(&mut first);
    let mut two = phone(2).with_contacts(&["sip:a@198.51.100.2", "sip:b@198.51.100.2"]);
    let bytes = two.register();
    assert_eq!(locally(&mut world, &two, &bytes).status(), 403);
    assert_eq!(world.bound(&first.aor()), first.contacts);
}

#[test]
fn r18_a_full_house_is_503() {
    let mut policy = leased();
    policy.limits.bindings = 1;
    let mut world = World::new(policy);
    world.registered(&mut phone(1));
    let mut bob = Phone::new("bob", "198.51.100.8:5062");
    let bytes = bob.register();
    let answer = locally(&mut world, &bob, &bytes);
    assert_eq!(
        (answer.status(), answer.number("Retry-After")),
        (503, Some(60))
    );
}

#[test]
fn r18_one_address_has_its_share() {
    let mut policy = leased();
    policy.limits.bindings_per_source = 2;
    let mut world = World::new(policy);
    for (user, port) in [("a", 1), ("b", 2)] {
        let mut phone = Phone::new(user, &format!("198.51.100.1:{port}"));
        world.registered(&mut phone);
    }
    let mut third = Phone::new("c", "198.51.100.1:3");
    let bytes = third.register();
    assert_eq!(locally(&mut world, &third, &bytes).status(), 403);
    let mut elsewhere = Phone::new("c", "198.51.100.2:3");
    assert_eq!(world.registered(&mut elsewhere).status(), 200);
}

#[test]
fn r18_more_contacts_than_one_request_may_have_is_400() {
    let mut world = World::new(leased());
    let contacts: Vec<String> = (0..9).map(|n| format!("sip:a{n}@198.51.100.1")).collect();
    let contacts: Vec<&str> = contacts.iter().map(String::as_str).collect();
    let mut alice = phone(1).with_contacts(&contacts);
    let bytes = alice.register();
    assert_eq!(locally(&mut world, &alice, &bytes).status(), 400);
}

#[test]
fn r18_several_contacts_are_all_or_nothing() {
    let mut world = World::new(limited(3, Overflow::Reject));
    world.registered(&mut phone(1));
    world.registered(&mut phone(2));
    let mut two = phone(3).with_contacts(&["sip:a@198.51.100.3", "sip:b@198.51.100.3"]);
    let bytes = two.register();
    assert_eq!(locally(&mut world, &two, &bytes).status(), 403);
    assert_eq!(world.bound("alice@example.org").len(), 2);
}
