//! Meetings of several troubles that only long sweeps of stories came upon, told one by one.

use engine::command::Totals;
use engine::policy::Mode;
use midreg_sim::{Challenges, Phone, World, policy};

const ALICE: &str = "alice@example.org";

/// A world whose main registrar asks nobody for proof, with Alice in it.
fn open(mode: Mode) -> (World, Phone) {
    let mut world = World::new(policy::with(mode, 1));
    world.main().personality.challenges = Challenges::Never;
    let mut alice = Phone::new("alice", "198.51.100.7:5062");
    world.registered(&mut alice);
    (world, alice)
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
