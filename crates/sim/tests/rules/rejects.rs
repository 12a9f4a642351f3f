//! R16: which refusals of the main registrar end a binding.

use engine::Event;
use engine::command::{Command, Totals};
use engine::event::RemovalCause;
use midreg_sim::{Phone, Temper, World};

use crate::{alice, leased, settled_under};

/// What is left of alice after her proved flow met this refusal.
fn left_after(status: u16) -> usize {
    let (mut world, mut alice) = settled_under(leased());
    world.touch(|rig| rig.command(Command::Resync { tag: 0 }));
    world.main().personality.temper = Temper::Refuses(status);
    let bytes = alice.register();
    world.exchange(&alice, &bytes);
    world.bound(&alice.aor()).len()
}

#[test]
fn r16_a_definitive_reject_ends_the_binding_of_its_proved_flow() {
    for status in [403, 404, 410] {
        assert_eq!(left_after(status), 0, "{status}");
    }
}

#[test]
fn r16_no_other_refusal_ends_anything() {
    for status in [400, 401, 407, 423, 480, 500, 503, 504, 600] {
        assert_eq!(left_after(status), 1, "{status}");
    }
}

#[test]
fn r16_a_definitive_reject_from_another_flow_ends_nothing() {
    let (mut world, alice) = settled_under(leased());
    let mut stranger = alice.clone();
    stranger.rebind("203.0.113.66:5062");
    world.main().personality.temper = Temper::Refuses(403);
    let bytes = stranger.register();
    assert_eq!(world.exchange(&stranger, &bytes).status(), 403);
    assert_eq!(world.bound(&alice.aor()), alice.contacts);
}

#[test]
fn r16_siblings_stay() {
    let (mut world, mut alice) = settled_under(leased());
    let mut desk = Phone::new("alice", "198.51.100.20:5062");
    world.registered(&mut desk);
    world.touch(|rig| rig.command(Command::Resync { tag: 0 }));
    world.main().personality.temper = Temper::Refuses(403);
    let bytes = alice.register();
    assert_eq!(world.exchange(&alice, &bytes).status(), 403);
    assert_eq!(world.bound(&alice.aor()), desk.contacts);
}

#[test]
fn r16_the_end_is_told_and_leaves_nothing_behind() {
    let (mut world, mut alice) = settled_under(leased());
    world.touch(|rig| rig.command(Command::Resync { tag: 0 }));
    world.main().personality.temper = Temper::Refuses(403);
    world.events();
    let bytes = alice.register();
    world.exchange(&alice, &bytes);
    let told = world.events();
    let rejected = |event: &&Event| {
        matches!(
            event,
            Event::BindingRemoved {
                cause: RemovalCause::Rejected,
                ..
            }
        )
    };
    assert_eq!(told.iter().filter(rejected).count(), 1);
    world.wait(40);
    assert_eq!(world.rig.totals(), Totals::default());
}

#[test]
fn r16_what_is_definitive_is_policy() {
    let mut policy = leased();
    policy.upstream.definitive = vec![480];
    let (mut world, mut alice) = settled_under(policy);
    world.touch(|rig| rig.command(Command::Resync { tag: 0 }));
    for (status, left) in [(403, 1), (480, 0)] {
        world.main().personality.temper = Temper::Refuses(status);
        let bytes = alice.register();
        world.exchange(&alice, &bytes);
        assert_eq!(world.bound(&alice.aor()).len(), left);
    }
}

#[test]
fn r16_in_mirror_too() {
    let mut world = World::mirror();
    let mut alice = alice();
    world.registered(&mut alice);
    world.main().personality.temper = Temper::Refuses(403);
    let bytes = alice.register();
    assert_eq!(world.exchange(&alice, &bytes).status(), 403);
    assert!(world.bound(&alice.aor()).is_empty());
}
