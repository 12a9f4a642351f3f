//! Rank 13: a phone that begins to count anew under its old Call-ID is locked out.

use midreg_sim::expect::locally;

use crate::{resync, settled};

#[test]
fn rank13_opensips_641_a_phone_that_counts_anew_is_let_in_when_it_proves_itself() {
    let (mut world, mut alice) = settled();
    alice.cseq = 4_000;
    let bytes = alice.register();
    assert_eq!(locally(&mut world, &alice, &bytes).status(), 200);
    // It restarts: same Call-ID, another port, and CSeq from the beginning.
    alice.cseq = 0;
    alice.move_to("198.51.100.7:30001");
    assert_eq!(world.registered(&mut alice).status(), 200);
    assert_eq!(world.bound(&alice.aor()), alice.contacts);
    for _ in 0..3 {
        let bytes = alice.register();
        assert_eq!(locally(&mut world, &alice, &bytes).status(), 200);
    }
}

/// RFC 3261 §10.3 step 7 wants the refusal; it must not last.
#[test]
fn rank13_opensips_643_on_the_same_flow_the_lock_ends_with_the_binding() {
    let (mut world, mut alice) = settled();
    alice.cseq = 4_000;
    let bytes = alice.register();
    assert_eq!(locally(&mut world, &alice, &bytes).status(), 200);
    alice.cseq = 0;
    for _ in 0..3 {
        let bytes = alice.register();
        assert_eq!(locally(&mut world, &alice, &bytes).status(), 400);
        world.wait(90);
    }
    world.wait(60);
    assert!(
        world.bound(&alice.aor()).is_empty(),
        "refusals extend nothing"
    );
    assert_eq!(world.registered(&mut alice).status(), 200);
}

#[test]
fn rank13_nobody_else_can_set_the_lock() {
    let (mut world, mut alice) = settled();
    let mut forger = alice.clone();
    forger.rebind("203.0.113.66:5062");
    forger.cseq = 0x7fff_fff0;
    for bytes in [forger.register(), forger.query(), forger.unregister_all()] {
        assert_eq!(world.exchange(&forger, &bytes).status(), 401);
    }
    resync(&mut world);
    assert_eq!(world.registered(&mut alice).status(), 200);
}
