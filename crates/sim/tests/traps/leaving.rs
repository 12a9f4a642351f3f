//! T4 to T6: those who leave, and those who stay.

use midreg_sim::expect::locally;
use midreg_sim::{Phone, World};

use crate::settled;

#[test]
fn t4_the_end_of_one_of_several_leaves_the_others_their_leases() {
    let mut world = World::contact();
    let mut phones: Vec<Phone> = (1..=3)
        .map(|number| Phone::new("alice", &format!("198.51.100.{number}:5062")))
        .collect();
    for phone in &mut phones {
        world.registered(phone);
    }
    world.unregister(&mut phones[1]);
    assert_eq!(world.held("alice@example.org").len(), 2);
    for at in [0, 2] {
        let bytes = phones[at].register();
        assert_eq!(locally(&mut world, &phones[at], &bytes).contacts().len(), 2);
    }
}

#[test]
fn t5_the_end_of_the_last_and_an_immediate_return() {
    let (mut world, mut alice) = settled();
    for _ in 0..3 {
        assert_eq!(world.unregister(&mut alice).status(), 200);
        assert_eq!(world.held(&alice.aor()).len(), 0);
        world.registered(&mut alice);
        assert_eq!(world.held_tokens(&alice.aor()), world.tokens(&alice.aor()));
    }
}

#[test]
fn t6_a_star_in_both_modes() {
    for mut world in [World::contact(), World::mirror()] {
        let mut one = Phone::new("alice", "198.51.100.1:5062");
        let mut two = Phone::new("alice", "198.51.100.2:5062");
        world.registered(&mut one);
        world.registered(&mut two);
        let star = one.unregister_all();
        assert_eq!(world.converse(&mut one, &star).status(), 200);
        assert!(world.bound(&one.aor()).is_empty());
        assert!(world.held(&one.aor()).is_empty());
        world.registered(&mut two);
        assert_eq!(world.bound(&one.aor()), two.contacts);
    }
}
