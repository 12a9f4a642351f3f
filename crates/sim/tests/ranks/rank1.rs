//! Rank 1: state that changed without the main registrar's consent.

use engine::Row;
use engine::policy::Overflow;
use midreg_sim::expect::locally;
use midreg_sim::personality::WrongPassword;
use midreg_sim::policy::contact;
use midreg_sim::{Phone, World};

use crate::{alice, settled};

#[test]
fn rank1_opensips_2536_a_refused_device_is_not_bound_and_evicts_nobody() {
    for answer in [WrongPassword::Challenged, WrongPassword::Forbidden] {
        let mut policy = contact();
        policy.limits.bindings_per_aor = 1;
        policy.limits.overflow = Overflow::ReplaceOldest;
        let mut world = World::new(policy);
        world.main().personality.wrong_password = answer;
        let mut alice = alice();
        world.registered(&mut alice);
        let mut other = Phone::new("alice", "203.0.113.66:5062");
        other.password = "wrong".to_owned();
        let bytes = other.register();
        assert!([401, 403].contains(&world.converse(&mut other, &bytes).status()));
        assert_eq!(world.bound(&alice.aor()), alice.contacts);
        assert_eq!(world.held_tokens(&alice.aor()), world.tokens(&alice.aor()));
        let bytes = alice.register();
        assert_eq!(locally(&mut world, &alice, &bytes).status(), 200);
    }
}

#[test]
fn rank1_opensips_3193_a_second_device_without_credentials_is_not_let_in() {
    let (mut world, alice) = settled();
    let mut second = Phone::new("alice", "198.51.100.20:5062");
    for _ in 0..3 {
        let bytes = second.register();
        assert_eq!(world.exchange(&second, &bytes).status(), 401);
        assert_eq!(world.bound(&alice.aor()), alice.contacts);
        world.wait(10);
    }
    assert_eq!(world.row(Row::D13), 0, "nothing was absorbed");
}

#[test]
fn rank1_opensips_3193_a_device_that_changed_is_not_let_in_either() {
    let (mut world, mut alice) = settled();
    let before = world.bound(&alice.aor());
    alice.move_to("198.51.100.99:5062");
    let bytes = alice.register();
    assert_eq!(world.exchange(&alice, &bytes).status(), 401);
    assert_eq!(world.bound(&alice.aor()), before);
    world.wait(301);
    assert!(world.bound(&alice.aor()).is_empty(), "it was never renewed");
}
