//! Meetings of several troubles that only long sweeps of stories came upon, told one by one.

use core::time::Duration;

use engine::command::{BindingView, Command, Totals};
use engine::policy::Mode;
use midreg_sim::expect::{locally, patched};
use midreg_sim::personality::Keying;
use midreg_sim::{Challenges, Conditions, Link, Phone, Rig, StoreMode, Temper, World, policy};

const ALICE: &str = "alice@example.org";

/// A world whose main registrar asks nobody for proof, with Alice in it.
fn open(mode: Mode) -> (World, Phone) {
    let mut world = World::new(policy::with(mode, 1));
    world.main().personality.challenges = Challenges::Never;
    let mut alice = Phone::new("alice", "198.51.100.7:5062");
    world.registered(&mut alice);
    (world, alice)
}

/// The main registrar is a second away from now on.
fn far_away(world: &mut World) {
    let far = Conditions {
        nearest: Duration::from_secs(1),
        farthest: Duration::from_secs(1),
        ..Conditions::PERFECT
    };
    world.network().set_link(Link::Upstream, far);
}

#[test]
fn r8_a_farewell_from_elsewhere_that_nobody_doubts_ends_the_lease_as_well() {
    for mode in [Mode::Contact, Mode::Aor] {
        let (mut world, mut alice) = open(mode);
        alice.rebind("198.51.100.99:5062");
        let bytes = alice.unregister();
        assert_eq!(world.exchange(&alice, &bytes).status(), 200, "{mode:?}");
        assert!(world.bound(ALICE).is_empty(), "{mode:?}");
        world.wait(1);
        assert!(world.held(ALICE).is_empty(), "{mode:?}");
        world.wait(40);
        assert_eq!(world.rig.totals(), Totals::default(), "{mode:?}");
    }
}

#[test]
fn a_promise_that_was_held_too_long_is_not_sent_whatever_else_is_given_back() {
    let mut world = World::contact();
    let mut alice = Phone::new("alice", "198.51.100.7:5062")
        .with_contacts(&["sip:a@198.51.100.7:5062", "sip:b@198.51.100.7:5062"]);
    world.registered(&mut alice);
    let farewell = alice.unregister_some(&[1]);
    assert_eq!(world.exchange(&alice, &farewell).status(), 401);
    alice.contact_params = ";q=0.5".to_owned();
    let first = alice.register_some(&[0]);
    let challenge = world.exchange(&alice, &first);
    world.rig.set_store(StoreMode::Late);
    let second = alice.answer(&challenge);
    assert!(world.try_exchange(&alice, &second).is_none());
    world.wait(10);
    world.touch(Rig::catch_up);
    let late = world.mail(alice.address);
    assert!(late.is_empty(), "it says what was so ten seconds ago");
    let again = world.exchange(&alice, &second);
    assert!(
        again.promised(alice.contact()).is_some(),
        "{}",
        again.text()
    );
}

#[test]
fn r8_a_star_that_was_accepted_holds_although_its_device_has_left_since() {
    for mode in [Mode::Contact, Mode::Aor] {
        let (mut world, mut alice) = open(mode);
        let mut desk = Phone::new("alice", "198.51.100.20:5062");
        world.registered(&mut desk);
        far_away(&mut world);
        let star = alice.unregister_all();
        world.send(alice.address, &star);
        let farewell = alice.unregister();
        world.send(alice.address, &farewell);
        world.wait(20);
        assert!(world.held(ALICE).is_empty(), "{mode:?}");
        assert!(world.bound(ALICE).is_empty(), "{mode:?}");
    }
}

#[test]
fn r4_a_shared_lease_that_is_shortened_is_shorter_for_those_whom_the_store_lost_as_well() {
    let mut world = World::new(policy::aor());
    let mut alice = Phone::new("alice", "198.51.100.7:5062");
    let mut desk = Phone::new("alice", "198.51.100.20:5062");
    world.registered(&mut alice);
    world.registered(&mut desk);
    let star = alice.unregister_all();
    let challenge = world.exchange(&alice, &star);
    let _ = alice.answer(&challenge);
    world.rig.set_store(StoreMode::Failing);
    desk.move_to("198.51.100.21:5062");
    assert_eq!(world.register(&mut desk).status(), 503);
    // The challenge that it answers is that of the star: it speaks where that did.
    alice.move_to("198.51.100.8:5062");
    let moved = alice.register_with_credentials();
    assert_eq!(world.exchange(&alice, &moved).status(), 503);
    world.main().personality.longest = 60;
    assert_eq!(world.register(&mut desk).status(), 503);
    let end = world.now().plus_seconds(60);
    let bindings = world.rig.bindings(ALICE);
    assert_eq!(bindings.len(), 2);
    // Counted from the beginning of time.
    let shortened = |binding: &BindingView| u64::from(binding.lease_left) * 1000 <= end.0;
    assert!(bindings.iter().all(shortened), "{bindings:#?}");
}

#[test]
fn r11_who_was_never_bound_is_asked_anew_after_silence_as_well() {
    let mut world = World::contact();
    let mut alice = Phone::new("alice", "198.51.100.7:5062");
    let query = alice.query();
    let challenge = world.exchange(&alice, &query);
    let _ = alice.answer(&challenge);
    world.wait(33);
    world.main().personality.temper = Temper::Mute;
    for _ in 0..2 {
        let bytes = alice.register_with_credentials();
        world.send(alice.address, &bytes);
        world.wait(4);
    }
    world.wait(20);
    assert!(world.held(ALICE).is_empty(), "nobody was asked for proof");
}

#[test]
fn r8_what_a_returning_device_was_granted_unheard_is_given_back_however_long_it_is() {
    let mut world = World::contact();
    world.main().personality.longest = 60;
    let mut alice = Phone::new("alice", "198.51.100.7:5062");
    world.registered(&mut alice);
    let farewell = alice.unregister();
    assert_eq!(world.exchange(&alice, &farewell).status(), 401);
    world.main().personality.longest = 7200;
    world.main().personality.temper = Temper::Mute;
    let back = alice.register_with_credentials();
    world.send(alice.address, &back);
    world.wait(100);
    assert_eq!(world.held(ALICE).len(), 1, "it came through");
    world.main().personality.temper = Temper::Normal;
    world.main().personality.challenges = Challenges::Never;
    world.wait(320);
    assert!(world.held(ALICE).is_empty());
    assert_eq!(world.rig.totals(), Totals::default());
}

#[test]
fn r11_an_old_request_is_old_although_its_device_has_another_call_id_since() {
    for mode in [Mode::Contact, Mode::Aor] {
        let (mut world, mut alice) = open(mode);
        let overheard = alice.again();
        let refresh = alice.register();
        assert_eq!(locally(&mut world, &alice, &refresh).status(), 200);
        far_away(&mut world);
        let stranger = Phone::new("alice", "203.0.113.66:5062");
        world.send(
            stranger.address,
            &patched(&overheard, "z9hG4bK", "z9hG4bKx"),
        );
        alice.reboot();
        let anew = alice.register();
        assert_eq!(locally(&mut world, &alice, &anew).status(), 200, "{mode:?}");
        world.wait(5);
        assert_eq!(world.mail(stranger.address)[0].status(), 400, "{mode:?}");
        assert_eq!(world.rig.bindings(ALICE)[0].remote, alice.address);
    }
}

#[test]
fn r6_a_cseq_never_falls_though_who_knew_it_is_gone_before_the_second_crash() {
    let (mut world, _) = open(Mode::Contact);
    let mut phone = Phone::new("bob", "198.51.100.8:5062")
        .with_contacts(&["sip:a@198.51.100.8:5062", "sip:b@198.51.100.8:5062"]);
    world.registered(&mut phone);
    world.wait(200);
    phone.contact_params = ";q=0.5".to_owned();
    let one = phone.register_some(&[0]);
    assert_eq!(world.exchange(&phone, &one).status(), 200);
    world.crash(71);
    // Its row is older, so its CSeq has leapt further.
    let other = phone.unregister_some(&[1]);
    assert_eq!(world.exchange(&phone, &other).status(), 200);
    let highest = world.main().last().cseq();
    world.crash(72);
    phone.contact_params = ";q=0.6".to_owned();
    let last = phone.register_some(&[0]);
    assert_eq!(world.exchange(&phone, &last).status(), 200);
    assert!(world.main().last().cseq() > highest);
}

#[test]
fn r3_a_phone_rings_once_though_its_requests_overtook_each_other() {
    for mode in [Mode::Contact, Mode::Aor] {
        let (mut world, _) = open(mode);
        let mut phone = Phone::new("bob", "198.51.100.8:5062")
            .with_contacts(&["sip:a@198.51.100.8:5062", "sip:b@198.51.100.8:5062"]);
        world.registered(&mut phone);
        let late = phone.register_some(&[1]);
        phone.reboot();
        let anew = phone.register_some(&[1]);
        assert_eq!(world.exchange(&phone, &anew).status(), 200);
        assert_eq!(world.exchange(&phone, &late).status(), 200);
        assert_eq!(world.bound(&phone.aor()), [phone.contacts[1].clone()]);
        world.wait(1);
        assert_eq!(world.held(&phone.aor()).len(), 1, "{mode:?}");
    }
}

#[test]
fn r4_what_is_refused_renews_no_contact_that_it_does_not_name() {
    let (mut world, _) = open(Mode::Contact);
    let mut phone = Phone::new("bob", "198.51.100.8:5062")
        .with_contacts(&["sip:a@198.51.100.8:5062", "sip:b@198.51.100.8:5062"]);
    world.registered(&mut phone);
    let old = phone.register_some(&[0]);
    let all = phone.register();
    assert_eq!(locally(&mut world, &phone, &all).status(), 200);
    world.wait(60);
    let stranger = Phone::new("bob", "203.0.113.66:5062");
    assert_eq!(world.exchange(&stranger, &old).status(), 400);
    let leases = world.rig.bindings(&phone.aor()).into_iter();
    let leases: Vec<u32> = leases.map(|binding| binding.lease_left).collect();
    assert_eq!(leases[0] - leases[1], 60, "{leases:?}");
}

#[test]
fn r8_a_star_and_the_second_legs_of_others_wait_for_each_other() {
    let (mut world, mut alice) = open(Mode::Contact);
    world.main().personality.challenges = Challenges::Always;
    let mut desk = Phone::new("alice", "198.51.100.20:5062");
    let first = desk.register();
    let challenge = world.exchange(&desk, &first);
    let star = alice.unregister_all();
    let challenge_to_star = world.exchange(&alice, &star);
    far_away(&mut world);
    let second = desk.answer(&challenge);
    world.send(desk.address, &second);
    let star = alice.answer(&challenge_to_star);
    world.send(alice.address, &star);
    world.wait(8);
    assert_eq!(world.mail(desk.address)[0].status(), 200);
    assert_eq!(world.mail(alice.address)[0].status(), 200);
    assert!(world.bound(ALICE).is_empty(), "all that came before it");
    assert!(world.held(ALICE).is_empty());
}

#[test]
fn r8_a_removal_under_way_when_a_star_takes_all_does_not_take_what_comes_after() {
    let (mut world, mut alice) = open(Mode::Aor);
    far_away(&mut world);
    let star = alice.unregister_all();
    world.send(alice.address, &star);
    world.advance(Duration::from_millis(1500));
    // The removal is slower than anything that comes after it.
    let slow = Conditions {
        nearest: Duration::from_secs(3),
        farthest: Duration::from_secs(3),
        ..Conditions::PERFECT
    };
    world.network().set_link(Link::Upstream, slow);
    let aor = alice.aor();
    world.touch(|rig| rig.command(Command::Kick { tag: 0, aor }));
    far_away(&mut world);
    world.wait(1);
    let back = alice.register();
    world.send(alice.address, &back);
    world.wait(10);
    assert_eq!(world.bound(ALICE).len(), 1);
    assert_eq!(world.held(ALICE).len(), 1, "it came back");
}

#[test]
fn r8_a_phone_that_leaves_before_it_has_its_answer_is_gone() {
    let (mut world, mut alice) = open(Mode::Contact);
    let before = world.main().registers();
    far_away(&mut world);
    alice.move_to("198.51.100.8:5062");
    let moved = alice.register();
    world.send(alice.address, &moved);
    let farewell = alice.unregister();
    world.send(alice.address, &farewell);
    world.wait(8);
    assert_eq!(world.main().registers(), before + 2, "one after the other");
    assert!(world.bound(ALICE).is_empty());
    assert!(world.held(ALICE).is_empty());
}

#[test]
fn r3_a_device_that_moves_before_it_has_its_answer_keeps_one_lease() {
    let mut world = World::contact();
    world.main().personality.keying = Keying::CallId;
    let mut alice = Phone::new("alice", "198.51.100.7:5062");
    let first = alice.register();
    let challenge = world.exchange(&alice, &first);
    far_away(&mut world);
    let here = alice.answer(&challenge);
    world.send(alice.address, &here);
    alice.move_to("198.51.100.8:5062");
    let moved = alice.register();
    world.send(alice.address, &moved);
    world.wait(3);
    let challenge = world.mail(alice.address).remove(0);
    let there = alice.answer(&challenge);
    world.send(alice.address, &there);
    world.wait(3);
    assert_eq!(world.bound(ALICE), alice.contacts);
    assert_eq!(world.held(ALICE).len(), 1);
}

#[test]
fn r4_what_is_refused_shortens_the_lease_of_whom_the_store_lost_as_well() {
    let (mut world, mut alice) = open(Mode::Contact);
    let old = alice.again();
    world.rig.set_store(StoreMode::Failing);
    alice.contact_params = ";q=0.5".to_owned();
    let bytes = alice.register();
    assert_eq!(world.exchange(&alice, &bytes).status(), 503);
    world.main().personality.longest = 60;
    let stranger = Phone::new("alice", "203.0.113.66:5062");
    assert_eq!(world.exchange(&stranger, &old).status(), 400);
    let until = u64::from(world.rig.bindings(ALICE)[0].lease_left) * 1000;
    assert!(until <= world.now().plus_seconds(60).0);
}

/// A desk phone of Alice's that has been challenged when it wanted to leave, and is to answer that.
/// Alice has come meanwhile, with the challenge to a star, which has a Call-ID of its own upstream.
fn challenged_before_alice_came(world: &mut World) -> (Phone, Phone, Vec<u8>) {
    let mut alice = Phone::new("alice", "198.51.100.7:5062");
    let mut desk = Phone::new("alice", "198.51.100.20:5062");
    let farewell = desk.unregister();
    let challenge = world.exchange(&desk, &farewell);
    let star = alice.unregister_all();
    let challenge_to_star = world.exchange(&alice, &star);
    let _ = alice.answer(&challenge_to_star);
    let back = alice.register_with_credentials();
    assert_eq!(world.exchange(&alice, &back).status(), 200);
    let farewell = desk.answer(&challenge);
    (alice, desk, farewell)
}

#[test]
fn r8_who_was_never_bound_ends_no_lease_that_others_got_while_he_was_challenged() {
    let mut world = World::new(policy::aor());
    let (alice, desk, farewell) = challenged_before_alice_came(&mut world);
    assert_eq!(world.exchange(&desk, &farewell).status(), 200);
    assert_eq!(world.bound(ALICE), alice.contacts);
    assert_eq!(world.held(ALICE).len(), 1);
}

#[test]
fn r8_nor_does_he_while_that_lease_is_being_spoken_on() {
    let mut world = World::new(policy::aor());
    let (mut alice, desk, farewell) = challenged_before_alice_came(&mut world);
    far_away(&mut world);
    alice.contact_params = ";q=0.5".to_owned();
    let changed = alice.register_with_credentials();
    world.send(alice.address, &changed);
    world.send(desk.address, &farewell);
    world.wait(8);
    assert_eq!(world.mail(desk.address)[0].status(), 200);
    assert_eq!(world.bound(ALICE), alice.contacts);
    assert_eq!(world.held(ALICE).len(), 1);
}

#[test]
fn r8_who_leaves_before_his_answer_is_not_taken_for_another_with_his_contact() {
    let mut world = World::contact();
    world.main().personality.challenges = Challenges::Never;
    world.main().personality.longest = 60;
    let private = ["sip:alice@192.168.1.2:5060"];
    let mut other = Phone::new("alice", "198.51.100.20:5062").with_contacts(&private);
    world.registered(&mut other);
    world.wait(40);
    far_away(&mut world);
    let mut alice = Phone::new("alice", "198.51.100.7:5062").with_contacts(&private);
    let registration = alice.register();
    world.send(alice.address, &registration);
    let farewell = alice.unregister();
    world.send(alice.address, &farewell);
    world.wait(8);
    let answers = world.mail(alice.address);
    assert!(answers[0].promised(alice.contact()).is_some());
    assert_eq!(answers[1].status(), 200);
    let bindings = world.rig.bindings(ALICE);
    assert_eq!(bindings.len(), 1);
    assert_eq!(bindings[0].remote, other.address);
}

#[test]
fn what_was_promised_before_a_star_is_not_owed_to_who_comes_back_in_vain() {
    let (mut world, mut alice) = open(Mode::Mirror);
    let mut desk = Phone::new("alice", "198.51.100.20:5062");
    world.registered(&mut desk);
    far_away(&mut world);
    let star = desk.unregister_all();
    world.send(desk.address, &star);
    world.advance(Duration::from_millis(100));
    let refresh = alice.register();
    world.send(alice.address, &refresh);
    world.advance(Duration::from_millis(1950));
    assert_eq!(world.mail(desk.address)[0].status(), 200);
    world.rig.set_store(StoreMode::Failing);
    world.wait(1);
    assert_eq!(world.mail(alice.address)[0].status(), 503);
    world.crash(73);
    assert!(world.bound(ALICE).is_empty());
}
