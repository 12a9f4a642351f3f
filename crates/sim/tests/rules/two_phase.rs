//! R1: a binding becomes visible at the main registrar's 2xx, and the 2xx is the proof.

use engine::Event;
use engine::command::Totals;
use engine::policy::ChallengePolicy;
use midreg_sim::{Challenges, Phone, Temper, World};

use crate::{alice, leased, settled_under};

fn unchallenging() -> World {
    let mut world = World::new(leased());
    world.main().personality.challenges = Challenges::Never;
    world
}

#[test]
fn r1_nothing_is_visible_before_the_2xx() {
    let mut world = World::new(leased());
    let mut alice = alice();
    let first = alice.register();
    let challenge = world.exchange(&alice, &first);
    assert!(world.bound(&alice.aor()).is_empty());
    world.main().personality.temper = Temper::Silent;
    let second = alice.answer(&challenge);
    world.send(alice.address, &second);
    assert!(world.bound(&alice.aor()).is_empty());
    world.main().personality.temper = Temper::Normal;
    world.wait(1);
    assert_eq!(world.mail(alice.address)[0].status(), 200);
    assert_eq!(world.bound(&alice.aor()), alice.contacts);
}

#[test]
fn r1_a_sibling_does_not_see_one_that_is_not_accepted_yet() {
    let (mut world, mut alice) = settled_under(leased());
    let mut desk = Phone::new("alice", "198.51.100.20:5062");
    let first = desk.register();
    world.exchange(&desk, &first);
    let refresh = alice.register();
    assert_eq!(world.exchange(&alice, &refresh).contacts().len(), 1);
}

#[test]
fn r1_a_reject_rolls_back_completely() {
    let mut world = World::new(leased());
    world.main().personality.temper = Temper::Refuses(403);
    let mut alice = alice();
    let bytes = alice.register();
    assert_eq!(world.exchange(&alice, &bytes).status(), 403);
    world.wait(40);
    assert_eq!(world.rig.totals(), Totals::default());
}

#[test]
fn r1_a_challenge_that_nobody_answers_leaves_nothing_behind() {
    let mut world = World::new(leased());
    let mut alice = alice();
    let bytes = alice.register();
    assert_eq!(world.exchange(&alice, &bytes).status(), 401);
    assert_eq!(world.rig.totals().conversations, 1);
    world.wait(40);
    assert_eq!(world.rig.totals(), Totals::default());
}

#[test]
fn r1_a_rejected_change_leaves_the_old_binding_as_it_was() {
    let (mut world, mut alice) = settled_under(leased());
    let old = alice.contacts.clone();
    alice.contacts = vec!["sip:alice@198.51.100.7:5099".to_owned()];
    world.main().personality.temper = Temper::Refuses(500);
    let bytes = alice.register();
    assert_eq!(world.exchange(&alice, &bytes).status(), 500);
    assert_eq!(world.bound(&alice.aor()), old);
    alice.contacts = old;
    let bytes = alice.register();
    assert_eq!(world.exchange(&alice, &bytes).status(), 200);
}

#[test]
fn r1_the_200_of_the_device_waits_for_the_main_registrar() {
    let mut world = World::new(leased());
    world.main().personality.temper = Temper::Silent;
    let mut alice = alice();
    let bytes = alice.register();
    world.send(alice.address, &bytes);
    world.wait(3);
    assert!(world.mail(alice.address).is_empty());
}

#[test]
fn r1_an_unchallenged_new_device_is_counted_and_told() {
    let mut world = unchallenging();
    let mut alice = alice();
    world.registered(&mut alice);
    let told = world.events();
    let warned = |event: &&Event| matches!(event, Event::UnchallengedRegistration { .. });
    assert_eq!(told.iter().filter(warned).count(), 1);
    assert_eq!(world.rig.engine().counters().unchallenged, 1);
}

#[test]
fn r1_where_a_challenge_is_required_an_unchallenged_device_is_refused_and_undone() {
    let mut policy = leased();
    policy.domain.challenge = ChallengePolicy::Require;
    let mut world = World::new(policy);
    world.main().personality.challenges = Challenges::Never;
    let mut alice = alice();
    let bytes = alice.register();
    assert_eq!(world.exchange(&alice, &bytes).status(), 403);
    assert!(world.bound(&alice.aor()).is_empty());
    assert!(world.held(&alice.aor()).is_empty(), "undone upstream");
    let undo = world.main().last().clone();
    assert_eq!(undo.contacts()[0].expires, Some(0));
    world.wait(40);
    assert_eq!(world.rig.totals(), Totals::default());
}

#[test]
fn r1_where_a_challenge_is_required_a_challenged_device_is_welcome() {
    let mut policy = leased();
    policy.domain.challenge = ChallengePolicy::Require;
    let (mut world, mut alice) = settled_under(policy);
    assert_eq!(world.registered(&mut alice).status(), 200);
    assert_eq!(world.rig.engine().counters().unchallenged, 0);
}
