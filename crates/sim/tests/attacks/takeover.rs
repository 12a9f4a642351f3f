//! S-1, S-2, S-3, S-7, S-23, S-24: attempts to take over, add or end somebody else's registration.

use midreg_sim::expect::{locally, patched};
use midreg_sim::{Packet, Phone, World};

use crate::{alice, resync, settled};

#[test]
fn s1_nobody_keeps_a_dead_binding_alive_or_turns_it_to_himself() {
    let (mut world, alice) = settled();
    let before = world.rig.bindings(&alice.aor());
    let mut thief = alice.clone();
    thief.password = "guess".to_owned();
    thief.rebind("203.0.113.66:5062");
    for cseq in [3, 100, 0x7fff_fff0] {
        thief.cseq = cseq;
        let bytes = thief.register();
        assert_eq!(world.converse(&mut thief, &bytes).status(), 401);
    }
    thief.reboot();
    let bytes = thief.register();
    assert_eq!(world.converse(&mut thief, &bytes).status(), 401);
    let after = world.rig.bindings(&alice.aor());
    assert_eq!(after[0].remote, alice.address);
    assert_eq!(after[0].expires_in, before[0].expires_in);
    world.wait(301);
    assert!(world.bound(&alice.aor()).is_empty());
}

#[test]
fn s1_a_binding_that_is_always_being_challenged_dies_all_the_same() {
    let (mut world, alice) = settled();
    let mut thief = alice.clone();
    thief.rebind("203.0.113.66:5062");
    for _ in 0..15 {
        let bytes = thief.register();
        assert_eq!(world.exchange(&thief, &bytes).status(), 401);
        world.wait(21);
    }
    assert!(world.bound(&alice.aor()).is_empty());
}

#[test]
fn s2_no_contact_is_stored_for_somebody_without_the_password() {
    let (mut world, alice) = settled();
    let before = world.bound(&alice.aor());
    let mut thief = Phone::new("alice", "203.0.113.66:5062");
    thief.password = "guess".to_owned();
    let contacts = [
        vec!["sip:alice@203.0.113.66:5062"],
        vec![alice.contact()],
        vec![alice.contact(), "sip:alice@203.0.113.66:5062"],
    ];
    for contacts in contacts {
        thief = thief.with_contacts(&contacts);
        thief.reboot();
        let bytes = thief.register();
        assert_eq!(world.converse(&mut thief, &bytes).status(), 401);
        assert_eq!(world.bound(&alice.aor()), before);
        assert_eq!(world.held_tokens(&alice.aor()), world.tokens(&alice.aor()));
    }
}

#[test]
fn s2_not_even_who_is_registered_brings_a_new_contact_unseen() {
    let (mut world, mut alice) = settled();
    let own = alice.contact().to_owned();
    let both = ["sip:alice@203.0.113.66:5062".to_owned(), own];
    alice.contacts = both.to_vec();
    let bytes = alice.register();
    assert_eq!(world.exchange(&alice, &bytes).status(), 401);
    assert_eq!(world.bound(&alice.aor()), both[1..]);
}

#[test]
fn s3_nobody_ends_the_registration_of_another() {
    let (mut world, alice) = settled();
    let mut thief = alice.clone();
    thief.password = "guess".to_owned();
    thief.rebind("203.0.113.66:5062");
    thief.cseq = 100;
    // A Call-ID may be seen on the way, or guessed; the From-tag is as good as a secret.
    thief.from_tag = "guess".to_owned();
    for round in 0..2 {
        for bytes in [thief.unregister(), thief.unregister_all()] {
            assert_eq!(world.converse(&mut thief, &bytes).status(), 401, "{round}");
            assert_eq!(world.bound(&alice.aor()), alice.contacts);
            assert_eq!(world.held(&alice.aor()).len(), 1);
        }
        // The same again under a Call-ID of its own.
        thief.reboot();
    }
}

#[test]
fn s3_a_removal_under_another_identity_waits_for_the_main_registrar_on_the_same_flow() {
    let (mut world, alice) = settled();
    let mut forger = alice.clone();
    forger.password = "guess".to_owned();
    forger.call_id = "forged".to_owned();
    let bytes = forger.unregister();
    assert_eq!(world.converse(&mut forger, &bytes).status(), 401);
    assert_eq!(world.bound(&alice.aor()), alice.contacts);
    assert_eq!(world.held(&alice.aor()).len(), 1);
}

#[test]
fn s7_a_forged_cseq_locks_nobody_out() {
    let (mut world, mut alice) = settled();
    let mut forger = alice.clone();
    forger.rebind("203.0.113.66:5062");
    forger.cseq = 0x7fff_fffe;
    let bytes = forger.register();
    assert_eq!(world.exchange(&forger, &bytes).status(), 401);
    for _ in 0..3 {
        let bytes = alice.register();
        assert_eq!(locally(&mut world, &alice, &bytes).status(), 200);
    }
    resync(&mut world);
    assert_eq!(world.registered(&mut alice).status(), 200);
}

#[test]
fn s23_credentials_that_were_used_before_prove_nothing_here() {
    let mut world = World::contact();
    world.main().personality.nonces = midreg_sim::Nonces::OneTime;
    let mut alice = alice();
    let first = alice.register();
    let challenge = world.exchange(&alice, &first);
    let second = alice.answer(&challenge);
    assert_eq!(world.exchange(&alice, &second).status(), 200);
    let thief: std::net::SocketAddr = "203.0.113.66:5062".parse().unwrap();
    let replayed = patched(&second, ";branch=z9hG4bK", ";branch=z9hG4bKx");
    world.send(thief, &replayed);
    assert_eq!(world.mail(thief).last().map(Packet::status), Some(401));
    assert_eq!(world.rig.bindings(&alice.aor())[0].remote, alice.address);
}

#[test]
fn s24_a_flow_that_is_proved_for_one_aor_is_a_stranger_to_another() {
    let (mut world, alice) = settled();
    let mut bob = Phone::new("bob", "198.51.100.8:5062");
    world.registered(&mut bob);
    let mut cross = alice.clone();
    cross.address = bob.address;
    let bytes = cross.register();
    assert_eq!(world.exchange(&cross, &bytes).status(), 401);
    let query = cross.query();
    assert_eq!(world.exchange(&cross, &query).status(), 401);
    let leave = cross.unregister_all();
    assert_eq!(world.exchange(&cross, &leave).status(), 401);
    assert_eq!(world.rig.bindings(&alice.aor())[0].remote, alice.address);
}
