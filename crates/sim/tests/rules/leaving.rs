//! R8: devices that leave by themselves.

use engine::command::Totals;
use engine::{Event, Row};
use midreg_sim::expect::{forwarded, locally};
use midreg_sim::{Packet, Phone, Temper, World};

use crate::{agreement::agree, alice, leased, settled_under};

fn statuses(mail: &[Packet]) -> Vec<u16> {
    let finals = mail.iter().filter(|packet| packet.is_final());
    finals.map(Packet::status).collect()
}

#[test]
fn r8_a_removal_that_is_surely_the_devices_own_takes_effect_at_once() {
    let (mut world, mut alice) = settled_under(leased());
    world.main().personality.temper = Temper::Silent;
    let bytes = alice.unregister();
    world.send(alice.address, &bytes);
    assert!(world.bound(&alice.aor()).is_empty(), "before any answer");
    world.main().personality.temper = Temper::Normal;
    world.wait(40);
    assert!(world.held(&alice.aor()).is_empty() || world.main().last().cseq() > 3);
}

#[test]
fn r8_a_removal_on_the_devices_own_stream_takes_effect_at_once() {
    let mut world = World::new(leased());
    let mut alice = alice();
    alice.transport = "TCP";
    world.rig.connect(alice.address);
    world.registered(&mut alice);
    alice.call_id = "another@phone".to_owned();
    world.main().personality.temper = Temper::Silent;
    let bytes = alice.unregister();
    world.send(alice.address, &bytes);
    assert!(world.bound(&alice.aor()).is_empty());
}

#[test]
fn r8_any_other_removal_waits_for_the_main_registrar() {
    let (mut world, mut alice) = settled_under(leased());
    alice.reboot();
    let bytes = alice.unregister();
    let challenge = world.exchange(&alice, &bytes);
    assert_eq!(challenge.status(), 401);
    assert_eq!(world.bound(&alice.aor()).len(), 1, "not proved yet");
    let second = alice.answer(&challenge);
    assert_eq!(world.exchange(&alice, &second).status(), 200);
    assert!(world.bound(&alice.aor()).is_empty());
}

#[test]
fn r8_a_strangers_removal_removes_nothing() {
    let (mut world, alice) = settled_under(leased());
    let mut stranger = Phone::new("alice", "203.0.113.66:5062");
    stranger.contacts = alice.contacts.clone();
    stranger.password = "guess".to_owned();
    let bytes = stranger.unregister();
    let answer = world.converse(&mut stranger, &bytes);
    assert_eq!(answer.status(), 401);
    world.wait(40);
    assert_eq!(world.bound(&alice.aor()), alice.contacts);
    assert_eq!(world.held(&alice.aor()).len(), 1);
}

#[test]
fn r8_a_removal_that_is_challenged_and_abandoned_is_finished_by_us() {
    let (mut world, mut alice) = settled_under(leased());
    let bytes = alice.unregister();
    assert_eq!(world.exchange(&alice, &bytes).status(), 401);
    assert!(world.bound(&alice.aor()).is_empty());
    world.main().personality.challenges = midreg_sim::Challenges::Never;
    world.wait(33);
    assert!(world.held(&alice.aor()).is_empty());
    world.wait(40);
    assert_eq!(world.rig.totals(), Totals::default());
}

#[test]
fn r8_a_sibling_stays() {
    let (mut world, mut alice) = settled_under(leased());
    let mut desk = Phone::new("alice", "198.51.100.20:5062");
    world.registered(&mut desk);
    let answer = world.unregister(&mut alice);
    assert_eq!(answer.contacts().len(), 1);
    assert_eq!(answer.contacts()[0].uri, desk.contact());
    assert_eq!(world.held(&alice.aor()).len(), 1);
    let bytes = desk.register();
    assert_eq!(locally(&mut world, &desk, &bytes).status(), 200);
}

#[test]
fn r8_in_an_outage_a_device_leaves_here_and_upstream_later() {
    let (mut world, mut alice) = settled_under(leased());
    world.main().personality.temper = Temper::Silent;
    world.wait(1);
    let mut bob = Phone::new("bob", "198.51.100.8:5062");
    let bytes = bob.register();
    world.send(bob.address, &bytes);
    world.wait(9);
    let bytes = alice.unregister();
    let answer = world.exchange(&alice, &bytes);
    assert_eq!((answer.status(), answer.contacts().len()), (200, 0));
    assert!(world.bound(&alice.aor()).is_empty());
    world.main().personality.temper = Temper::Normal;
    world.main().personality.challenges = midreg_sim::Challenges::Never;
    world.wait(30);
    assert!(world.held(&alice.aor()).is_empty());
}

#[test]
fn r8_a_star_is_one_register_upstream_for_all_devices() {
    let (mut world, mut alice) = settled_under(leased());
    let mut desk = Phone::new("alice", "198.51.100.20:5062");
    world.registered(&mut desk);
    let bytes = alice.unregister_all();
    let before = world.main().registers();
    let challenge = world.exchange(&alice, &bytes);
    assert_eq!(world.bound(&alice.aor()).len(), 2, "not before the 2xx");
    let second = alice.answer(&challenge);
    let answer = world.exchange(&alice, &second);
    assert_eq!((answer.status(), answer.contacts().len()), (200, 0));
    assert_eq!(world.main().registers(), before + 2, "two legs");
    assert_eq!(world.main().last().value("Contact").as_deref(), Some("*"));
    assert_eq!(world.main().last().number("Expires"), Some(0));
    assert!(world.bound(&alice.aor()).is_empty());
    world.wait(100);
    assert_eq!(
        world.main().registers(),
        before + 2,
        "nothing more to give back"
    );
    assert_eq!(world.rig.totals(), Totals::default());
}

#[test]
fn r8_a_rejected_star_ends_nothing() {
    let (mut world, mut alice) = settled_under(leased());
    alice.password = "wrong".to_owned();
    let bytes = alice.unregister_all();
    assert_eq!(world.converse(&mut alice, &bytes).status(), 401);
    assert_eq!(world.bound(&alice.aor()).len(), 1);
}

#[test]
fn r8_a_star_is_a_barrier_for_its_aor() {
    let (mut world, mut alice) = settled_under(leased());
    world.main().personality.challenges = midreg_sim::Challenges::Never;
    world.main().personality.temper = Temper::Silent;
    let star = alice.unregister_all();
    world.send(alice.address, &star);
    let mut desk = Phone::new("alice", "198.51.100.20:5062");
    let bytes = desk.register();
    world.send(desk.address, &bytes);
    assert_eq!(
        world.rig.engine().counters().upstream_registers,
        3,
        "one waits"
    );
    world.main().personality.temper = Temper::Normal;
    world.wait(2);
    assert_eq!(statuses(&world.mail(alice.address)), [200]);
    assert_eq!(statuses(&world.mail(desk.address)), [200]);
    assert_eq!(world.bound(&alice.aor()), desk.contacts);
    agree(&world, &alice.aor());
}

#[test]
fn r8_a_tombstone_keeps_a_late_duplicate_from_raising_the_dead() {
    let (mut world, mut alice) = settled_under(leased());
    let refresh = alice.register();
    world.exchange(&alice, &refresh);
    world.unregister(&mut alice);
    let answer = locally(&mut world, &alice, &refresh);
    assert_eq!((answer.status(), world.row(Row::D3)), (400, 1));
    assert!(world.bound(&alice.aor()).is_empty());
    let bytes = alice.register();
    let answer = forwarded(&mut world, &mut alice, &bytes, Row::D7);
    assert_eq!(answer.status(), 200, "a newer one is welcome");
}

#[test]
fn r8_a_tombstone_stands_for_every_device_of_a_star() {
    let (mut world, mut alice) = settled_under(leased());
    let mut desk = Phone::new("alice", "198.51.100.20:5062");
    world.registered(&mut desk);
    let late = desk.again();
    let star = alice.unregister_all();
    world.converse(&mut alice, &star);
    world.wait(31);
    let answer = locally(&mut world, &desk, &late);
    assert_ne!(answer.status(), 0);
    assert!(world.bound(&alice.aor()).is_empty());
}

#[test]
fn r8_leave_and_return_at_once() {
    let (mut world, mut alice) = settled_under(leased());
    world.main().personality.challenges = midreg_sim::Challenges::Never;
    world.main().personality.temper = Temper::Silent;
    let leave = alice.unregister();
    world.send(alice.address, &leave);
    let back = alice.register();
    world.send(alice.address, &back);
    world.main().personality.temper = Temper::Normal;
    world.wait(2);
    assert_eq!(statuses(&world.mail(alice.address)), [200, 200]);
    assert_eq!(world.bound(&alice.aor()), alice.contacts);
    agree(&world, &alice.aor());
}

#[test]
fn r8_some_leave_and_some_stay_in_one_request() {
    let mut world = World::new(leased());
    let mut alice = alice().with_contacts(&["sip:a@198.51.100.7:5062", "sip:b@198.51.100.7:5062"]);
    world.registered(&mut alice);
    let bytes = alice.say(
        &[
            "<sip:a@198.51.100.7:5062>",
            "<sip:b@198.51.100.7:5062>;expires=0",
        ],
        Some(300),
    );
    let answer = world.converse(&mut alice, &bytes);
    assert_eq!((answer.status(), answer.contacts().len()), (200, 1));
    assert_eq!(world.bound(&alice.aor()), ["sip:a@198.51.100.7:5062"]);
    agree(&world, &alice.aor());
}

#[test]
fn r8_leaving_is_told() {
    let (mut world, mut alice) = settled_under(leased());
    world.events();
    world.unregister(&mut alice);
    let told = world.events();
    let removed = |event: &&Event| matches!(event, Event::BindingRemoved { .. });
    assert_eq!(told.iter().filter(removed).count(), 1);
}

#[test]
fn r8_in_mirror_a_removal_waits_for_the_2xx() {
    let mut world = World::mirror();
    let mut alice = alice();
    world.registered(&mut alice);
    let bytes = alice.unregister();
    let challenge = world.exchange(&alice, &bytes);
    assert_eq!(world.bound(&alice.aor()).len(), 1);
    let second = alice.answer(&challenge);
    assert_eq!(world.exchange(&alice, &second).status(), 200);
    assert!(world.bound(&alice.aor()).is_empty());
}

#[test]
fn r8_in_mirror_a_star_overtakes_a_refresh_that_is_under_way() {
    let mut world = World::mirror();
    let mut alice = alice();
    world.registered(&mut alice);
    world.wait(1);
    world.main().personality.challenges = midreg_sim::Challenges::Never;
    world.main().personality.temper = Temper::Silent;
    let mut desk = Phone::new("alice", "198.51.100.20:5062");
    let star = desk.unregister_all();
    world.send(desk.address, &star);
    let refresh = alice.register();
    world.send(alice.address, &refresh);
    world.main().personality.temper = Temper::Normal;
    world.wait(2);
    assert_eq!(statuses(&world.mail(desk.address)), [200]);
    assert_eq!(statuses(&world.mail(alice.address)), [200]);
    assert_eq!(world.bound(&alice.aor()), alice.contacts);
    agree(&world, &alice.aor());
}

#[test]
fn r8_who_was_accepted_beside_a_star_is_asked_for_again() {
    let mut world = World::new(leased());
    world.main().personality.challenges = midreg_sim::Challenges::Never;
    world.main().personality.temper = Temper::Silent;
    let mut alice = alice();
    let register = alice.register();
    world.send(alice.address, &register);
    // Nothing is proved yet, so this one is no barrier.
    let mut desk = Phone::new("alice", "198.51.100.20:5062");
    let star = desk.unregister_all();
    world.send(desk.address, &star);
    world.main().personality.temper = Temper::Normal;
    world.wait(2);
    assert_eq!(statuses(&world.mail(alice.address)), [200]);
    assert_eq!(statuses(&world.mail(desk.address)), [200]);
    let refresh = alice.register();
    forwarded(&mut world, &mut alice, &refresh, Row::D11);
    agree(&world, &alice.aor());
    let refresh = alice.register();
    assert_eq!(locally(&mut world, &alice, &refresh).status(), 200);
}

#[test]
fn r8_after_a_star_that_nobody_answered_everybody_is_asked_for_again() {
    let (mut world, mut alice) = settled_under(leased());
    world.main().personality.challenges = midreg_sim::Challenges::Never;
    world.main().personality.temper = Temper::Mute;
    let mut desk = Phone::new("alice", "198.51.100.20:5062");
    let star = desk.unregister_all();
    world.send(desk.address, &star);
    world.wait(9);
    assert_eq!(statuses(&world.mail(desk.address)), [503]);
    assert!(
        world.held(&alice.aor()).is_empty(),
        "it was done all the same"
    );
    assert_eq!(world.bound(&alice.aor()), alice.contacts);
    world.main().personality.temper = Temper::Normal;
    world.wait(5);
    let refresh = alice.register();
    forwarded(&mut world, &mut alice, &refresh, Row::D11);
    agree(&world, &alice.aor());
}
