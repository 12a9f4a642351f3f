//! R9: devices that die, and how the main registrar hears of it.

use core::time::Duration;

use engine::Event;
use engine::command::{Answer, Command, Totals};
use engine::event::{ReleaseOutcome, RemovalCause};
use midreg_sim::{Challenges, Phone, Temper, World};

use crate::{
    agreement::{agree, held_for},
    alice, leased, settled_under, two_nodes,
};

/// A world whose main registrar trusts us: it challenges only phones.
fn trusted() -> (World, Phone) {
    let (mut world, alice) = settled_under(leased());
    world.main().personality.challenges = Challenges::Never;
    (world, alice)
}

fn outcomes(world: &mut World) -> Vec<ReleaseOutcome> {
    let told = world.events().into_iter();
    told.filter_map(|event| match event {
        Event::LeaseReleased { outcome, .. } => Some(outcome),
        _ => None,
    })
    .collect()
}

#[test]
fn r9_a_device_that_does_not_refresh_is_removed_on_both_sides() {
    let (mut world, alice) = trusted();
    world.wait(299);
    assert_eq!(world.bound(&alice.aor()).len(), 1);
    world.wait(2);
    assert!(world.bound(&alice.aor()).is_empty());
    assert!(world.held(&alice.aor()).is_empty());
    assert_eq!(outcomes(&mut world), [ReleaseOutcome::Removed]);
}

#[test]
fn r9_the_removal_speaks_with_the_leases_own_identity() {
    let (mut world, alice) = trusted();
    let before = world.held(&alice.aor())[0].clone();
    world.wait(301);
    let removal = world.main().last().clone();
    assert_eq!(removal.value("Call-ID"), Some(before.call_id));
    assert!(removal.cseq() > before.cseq);
    assert_eq!(removal.contacts()[0].uri, before.uri);
    assert_eq!(removal.contacts()[0].expires, Some(0));
    assert_eq!(removal.number("Expires"), Some(0));
}

#[test]
fn r9_a_challenge_leaves_the_lease_to_expire() {
    let (mut world, alice) = settled_under(leased());
    world.wait(301);
    assert_eq!(outcomes(&mut world), [ReleaseOutcome::LeftToExpire]);
    assert_eq!(world.held(&alice.aor()).len(), 1, "until it runs out");
    let before = world.main().registers();
    world.wait(8000);
    assert_eq!(world.main().registers(), before, "it is not asked again");
    assert!(world.held(&alice.aor()).is_empty());
    assert_eq!(world.rig.totals(), Totals::default());
}

#[test]
fn r9_an_overloaded_main_registrar_is_told_again_and_again_with_pauses() {
    let (mut world, alice) = trusted();
    world.main().personality.temper = Temper::Overloaded(1);
    world.wait(301);
    let start = world.main().registers();
    world.wait(60);
    let tries = world.main().registers() - start;
    assert!((2..=5).contains(&tries), "{tries} tries in a minute");
    world.main().personality.temper = Temper::Normal;
    world.wait(120);
    assert!(world.held(&alice.aor()).is_empty());
    assert_eq!(outcomes(&mut world), [ReleaseOutcome::Removed]);
}

#[test]
fn r9_a_silent_main_registrar_is_told_when_it_speaks_again() {
    let (mut world, alice) = trusted();
    world.main().personality.temper = Temper::Silent;
    world.wait(400);
    assert!(world.bound(&alice.aor()).is_empty(), "gone here at once");
    world.main().personality.temper = Temper::Normal;
    world.wait(310);
    assert!(world.held(&alice.aor()).is_empty());
}

#[test]
fn r9_tries_end_with_the_lease() {
    let (mut world, alice) = trusted();
    world.main().personality.temper = Temper::Overloaded(1);
    world.wait(8000);
    assert_eq!(outcomes(&mut world), [ReleaseOutcome::Outlived]);
    assert!(world.held(&alice.aor()).is_empty());
    let before = world.main().registers();
    world.wait(1000);
    assert_eq!(world.main().registers(), before);
    assert_eq!(world.rig.totals(), Totals::default());
}

#[test]
fn r9_another_refusal_is_taken_for_an_answer() {
    let (mut world, _) = trusted();
    world.main().personality.temper = Temper::Refuses(404);
    world.wait(301);
    assert_eq!(outcomes(&mut world), [ReleaseOutcome::Refused(404)]);
    world.wait(40);
    assert_eq!(world.rig.totals(), Totals::default());
}

#[test]
fn r9_a_device_that_returns_cancels_its_removal() {
    let (mut world, mut alice) = trusted();
    let before = world.held(&alice.aor());
    world.main().personality.temper = Temper::Overloaded(1);
    world.wait(301);
    world.main().personality.temper = Temper::Normal;
    world.registered(&mut alice);
    assert_eq!(outcomes(&mut world), [ReleaseOutcome::Cancelled]);
    world.wait(200);
    let after = world.held(&alice.aor());
    assert_eq!(after.len(), 1);
    assert_eq!(after[0].uri, before[0].uri, "its TOKEN is still its own");
    assert_eq!(after[0].call_id, before[0].call_id, "and its lease");
    assert_eq!(world.bound(&alice.aor()), alice.contacts);
}

#[test]
fn r9_a_removal_under_way_is_cancelled_too() {
    let (mut world, mut alice) = trusted();
    world.main().personality.temper = Temper::Silent;
    world.wait(301);
    assert_eq!(world.rig.totals().releases, 1);
    world.main().personality.temper = Temper::Normal;
    let bytes = alice.register();
    let answer = world.exchange(&alice, &bytes);
    assert_eq!(answer.status(), 200);
    world.wait(60);
    agree(&world, &alice.aor());
    assert_eq!(world.rig.totals().releases, 0);
}

#[test]
fn r9_expiry_has_a_resolution_of_a_second() {
    let (mut world, alice) = trusted();
    world.advance(Duration::from_millis(299_900));
    assert_eq!(world.bound(&alice.aor()).len(), 1);
    world.advance(Duration::from_millis(1_100));
    assert!(world.bound(&alice.aor()).is_empty());
}

#[test]
fn r9_a_device_that_is_just_asking_does_not_die_of_it() {
    let (mut world, mut alice) = trusted();
    world.wait(298);
    world.main().personality.temper = Temper::Silent;
    alice.rebind("198.51.100.7:6000");
    let bytes = alice.register();
    world.send(alice.address, &bytes);
    world.wait(3);
    assert_eq!(world.bound(&alice.aor()).len(), 1, "it is being renewed");
    world.main().personality.temper = Temper::Normal;
    world.wait(4);
    assert_eq!(world.mail(alice.address).last().unwrap().status(), 200);
    assert_eq!(world.bound(&alice.aor()).len(), 1);
}

#[test]
fn r9_a_device_that_dies_between_two_legs_keeps_its_token_and_lease() {
    let (mut world, mut alice) = settled_under(leased());
    let before = world.held(&alice.aor());
    world.wait(299);
    alice.rebind("198.51.100.7:6000");
    let first = alice.register();
    let challenge = world.exchange(&alice, &first);
    world.wait(3);
    assert!(
        world.bound(&alice.aor()).is_empty(),
        "a challenge proves nothing"
    );
    let second = alice.answer(&challenge);
    assert_eq!(world.exchange(&alice, &second).status(), 200);
    let after = world.held(&alice.aor());
    assert_eq!(after.len(), 1, "no ghost");
    assert_eq!(
        (&after[0].uri, &after[0].call_id),
        (&before[0].uri, &before[0].call_id)
    );
    world.wait(60);
    assert_eq!(world.held(&alice.aor()).len(), 1);
}

#[test]
fn r9_a_site_that_dies_at_once_does_not_flood_the_main_registrar() {
    let mut world = World::new(leased());
    world.main().personality.challenges = Challenges::Never;
    for number in 0..200 {
        let address = format!("198.51.100.7:{}", 10_000 + number);
        let mut phone = Phone::new(&format!("user{number}"), &address);
        world.registered(&mut phone);
    }
    world.main().personality.temper = Temper::Silent;
    world.wait(301);
    assert_eq!(world.rig.totals().bindings, 0);
    assert_eq!(world.rig.totals().client_transactions, 64);
    world.main().personality.temper = Temper::Normal;
    world.wait(60);
    for number in 0..200 {
        assert!(world.held(&format!("user{number}@example.org")).is_empty());
    }
}

#[test]
fn r9_those_in_line_are_sent_when_those_before_them_return() {
    let mut world = World::new(leased());
    world.main().personality.challenges = Challenges::Never;
    let mut phones: Vec<Phone> = (0..80)
        .map(|number| {
            let address = format!("198.51.100.7:{}", 10_000 + number);
            Phone::new(&format!("user{number}"), &address)
        })
        .collect();
    for phone in &mut phones {
        world.registered(phone);
    }
    world.main().personality.temper = Temper::Silent;
    world.wait(301);
    assert_eq!(world.rig.totals().releases, 80);
    // Everybody whose removal is under way comes back.
    for phone in &mut phones {
        let bytes = phone.register();
        world.send(phone.address, &bytes);
    }
    world.main().personality.temper = Temper::Normal;
    world.wait(20);
    assert_eq!(world.rig.totals().releases, 0);
    assert_eq!(world.rig.totals().bindings, 80);
}

#[test]
fn r9_contacts_of_one_lease_go_in_one_register() {
    let mut world = World::new(leased());
    let mut alice = alice().with_contacts(&["sip:a@198.51.100.7:5062", "sip:b@198.51.100.7:5062"]);
    world.registered(&mut alice);
    world.main().personality.challenges = Challenges::Never;
    let before = world.main().registers();
    world.wait(302);
    assert!(world.held(&alice.aor()).is_empty());
    assert_eq!(world.main().registers(), before + 1);
    assert_eq!(world.main().last().contacts().len(), held_for(2));
}

#[test]
fn r9_one_of_two_contacts_returns_and_the_other_is_still_given_back() {
    let mut world = World::new(leased());
    let mut alice = alice().with_contacts(&["sip:a@198.51.100.7:5062", "sip:b@198.51.100.7:5062"]);
    world.registered(&mut alice);
    world.main().personality.challenges = Challenges::Never;
    world.main().personality.temper = Temper::Overloaded(1);
    world.wait(302);
    world.main().personality.temper = Temper::Normal;
    let bytes = alice.register_some(&[0]);
    assert_eq!(world.converse(&mut alice, &bytes).status(), 200);
    world.wait(30);
    assert_eq!(world.bound(&alice.aor()), [alice.contacts[0].clone()]);
    agree(&world, &alice.aor());
}

#[test]
fn r9_one_of_two_contacts_dies_while_the_other_is_renewed() {
    let mut policy = leased();
    policy.domain.reauth_interval = 100;
    let mut world = World::new(policy);
    let mut alice = alice().with_contacts(&["sip:a@198.51.100.7:5062", "sip:b@198.51.100.7:5062"]);
    world.registered(&mut alice);
    world.main().personality.challenges = Challenges::Never;
    world.wait(200);
    let bytes = alice.register_some(&[0]);
    world.exchange(&alice, &bytes);
    // The second one dies while the main registrar is slow, and the first comes again.
    world.main().personality.temper = Temper::Overloaded(1);
    world.wait(102);
    assert_eq!(world.bound(&alice.aor()).len(), 1);
    world.main().personality.temper = Temper::Normal;
    let bytes = alice.register_some(&[0]);
    assert_eq!(world.exchange(&alice, &bytes).status(), 200);
    world.wait(60);
    assert_eq!(world.bound(&alice.aor()), [alice.contacts[0].clone()]);
    agree(&world, &alice.aor());
}

#[test]
fn r9_a_kick_removes_here_and_upstream() {
    let (mut world, alice) = trusted();
    let kick = Command::Kick {
        tag: 7,
        aor: alice.aor(),
    };
    let answer = world.touch(|rig| rig.command(kick));
    assert!(matches!(answer, Answer::Kicked(1)));
    assert!(world.bound(&alice.aor()).is_empty());
    assert!(world.held(&alice.aor()).is_empty());
    let told = world.events();
    let kicked = |event: &&Event| {
        matches!(
            event,
            Event::BindingRemoved {
                cause: RemovalCause::Kicked,
                ..
            }
        )
    };
    assert_eq!(told.iter().filter(kicked).count(), 1);
}

#[test]
fn r9_a_kick_during_a_renewal_leaves_both_sides_of_one_mind() {
    let (mut world, mut alice) = trusted();
    world.touch(|rig| rig.command(Command::Resync { tag: 1 }));
    world.main().personality.temper = Temper::Silent;
    let bytes = alice.register();
    world.send(alice.address, &bytes);
    let kick = Command::Kick {
        tag: 7,
        aor: alice.aor(),
    };
    world.touch(|rig| rig.command(kick));
    assert!(world.bound(&alice.aor()).is_empty());
    world.main().personality.temper = Temper::Normal;
    world.wait(60);
    agree(&world, &alice.aor());
}

#[test]
fn r9_the_removal_goes_where_the_lease_is() {
    let mut world = World::new(two_nodes());
    let mut alice = alice();
    world.registered(&mut alice);
    world.mains[0].personality.challenges = Challenges::Never;
    let before = world.mains[0].registers();
    world.wait(301);
    assert_eq!(world.mains[0].registers(), before + 1);
    assert_eq!(world.mains[1].registers(), 0);
}

#[test]
fn r9_in_mirror_an_expired_binding_goes_without_a_word() {
    let mut world = World::mirror();
    let mut alice = alice();
    world.registered(&mut alice);
    let before = world.main().registers();
    world.wait(302);
    assert!(world.bound(&alice.aor()).is_empty());
    assert_eq!(world.main().registers(), before);
    world.wait(40);
    assert_eq!(world.rig.totals(), Totals::default());
}

#[test]
fn r9_after_a_leap_of_time_without_traffic_nothing_is_left() {
    for policy in [leased(), midreg_sim::policy::mirror()] {
        let mut world = World::new(policy);
        for number in 0..20 {
            let address = format!("198.51.100.{}:5062", number + 1);
            let mut phone = Phone::new(&format!("user{}", number % 7), &address);
            world.registered(&mut phone);
            let bytes = Phone::new("half", &address).register();
            world.send(phone.address, &bytes);
        }
        world.rig.jump(Duration::from_secs(86_400));
        assert_eq!(world.rig.totals(), Totals::default());
    }
}

#[test]
fn r9_a_return_that_fails_is_no_return() {
    let (mut world, mut alice) = trusted();
    world.main().personality.temper = Temper::Overloaded(1);
    world.wait(301);
    let bytes = alice.register();
    assert_eq!(world.exchange(&alice, &bytes).status(), 503);
    world.main().personality.temper = Temper::Normal;
    world.wait(60);
    assert!(world.held(&alice.aor()).is_empty());
    assert_eq!(world.rig.totals().releases, 0);
}

#[test]
fn r9_what_was_accepted_without_our_knowledge_is_given_back() {
    let mut world = World::new(leased());
    world.main().personality.challenges = Challenges::Never;
    world.main().personality.temper = Temper::Mute;
    let mut alice = alice();
    let bytes = alice.register();
    world.send(alice.address, &bytes);
    world.wait(9);
    assert_eq!(world.mail(alice.address).last().unwrap().status(), 503);
    assert_eq!(world.held(&alice.aor()).len(), 1, "it was accepted");
    world.main().personality.temper = Temper::Normal;
    world.wait(60);
    assert!(world.held(&alice.aor()).is_empty());
    assert_eq!(world.rig.totals().conversations, 0);
}

#[test]
fn r9_a_device_that_comes_again_after_silence_is_the_same_to_the_main_registrar() {
    let mut world = World::new(leased());
    world.main().personality.challenges = Challenges::Never;
    world.main().personality.temper = Temper::Mute;
    let mut alice = alice();
    let bytes = alice.register();
    world.send(alice.address, &bytes);
    world.wait(9);
    let before = world.held(&alice.aor());
    world.main().personality.temper = Temper::Normal;
    world.wait(2);
    world.registered(&mut alice);
    world.wait(60);
    let after = world.held(&alice.aor());
    assert_eq!(after.len(), 1);
    assert_eq!(after[0].uri, before[0].uri);
    assert_eq!(after[0].call_id, before[0].call_id);
}
