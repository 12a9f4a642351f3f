//! R11: duplicates and disorder.

use engine::Row;
use midreg_sim::expect::forwarded;
use midreg_sim::{Challenges, Phone, World};

use crate::{agreement::agree, alice, leased, settled_under};

#[test]
fn r11_a_lower_cseq_from_elsewhere_is_forwarded_and_proved_it_commits() {
    let (mut world, mut alice) = settled_under(leased());
    alice.cseq = 0;
    alice.rebind("198.51.100.7:6000");
    let bytes = alice.register();
    let answer = forwarded(&mut world, &mut alice, &bytes, Row::D9);
    assert_eq!(answer.status(), 200);
    assert_eq!(world.rig.bindings(&alice.aor())[0].remote, alice.address);
    let bytes = alice.register();
    assert_eq!(world.exchange(&alice, &bytes).status(), 200, "no lock-out");
}

#[test]
fn r11_a_lower_cseq_from_elsewhere_without_credentials_commits_nothing() {
    let mut world = World::new(leased());
    world.main().personality.challenges = Challenges::Never;
    let mut alice = alice();
    alice.cseq = 50;
    world.registered(&mut alice);
    let mut stranger = alice.clone();
    stranger.rebind("203.0.113.66:5062");
    stranger.cseq = 10;
    let bytes = stranger.register();
    assert_eq!(world.exchange(&stranger, &bytes).status(), 400);
    assert_eq!(world.rig.bindings(&alice.aor())[0].remote, alice.address);
    assert_eq!(world.bound(&alice.aor()).len(), 1);
}

#[test]
fn r11_a_retransmission_during_the_upstream_transaction_is_swallowed() {
    let mut world = World::new(leased());
    world.main().personality.temper = midreg_sim::Temper::Silent;
    let mut alice = alice();
    let bytes = alice.register();
    for _ in 0..4 {
        world.send(alice.address, &bytes);
    }
    assert_eq!(world.rig.engine().counters().retransmissions, 3);
    assert_eq!(world.rig.engine().counters().upstream_registers, 1);
    world.main().personality.temper = midreg_sim::Temper::Normal;
    world.wait(1);
    assert_eq!(world.mail(alice.address).len(), 1);
    world.send(alice.address, &bytes);
    assert_eq!(
        world.mail(alice.address)[0].status(),
        401,
        "and answered again"
    );
    assert_eq!(world.main().registers(), 1);
}

#[test]
fn r11_two_requests_of_a_new_device_make_one_binding() {
    for policy in [leased(), midreg_sim::policy::mirror()] {
        let mut world = World::new(policy);
        world.main().personality.challenges = Challenges::Never;
        world.main().personality.temper = midreg_sim::Temper::Silent;
        let mut alice = alice();
        for _ in 0..2 {
            let bytes = alice.register();
            world.send(alice.address, &bytes);
        }
        world.main().personality.temper = midreg_sim::Temper::Normal;
        world.wait(2);
        assert_eq!(world.mail(alice.address).len(), 2);
        assert_eq!(world.bound(&alice.aor()), alice.contacts);
        agree(&world, &alice.aor());
    }
}

#[test]
fn r11_a_stranger_cannot_lock_a_device_out_by_a_huge_cseq() {
    let (mut world, mut alice) = settled_under(leased());
    let mut stranger = alice.clone();
    stranger.password = "guess".to_owned();
    stranger.rebind("203.0.113.66:5062");
    stranger.cseq = 0x7fff_fff0;
    let bytes = stranger.register();
    assert_eq!(world.converse(&mut stranger, &bytes).status(), 401);
    let bytes = alice.register();
    assert_eq!(world.exchange(&alice, &bytes).status(), 200);
}

#[test]
fn r11_interleaved_devices_keep_their_order_apart() {
    let mut world = World::new(leased());
    let mut home = Phone::new("alice", "198.51.100.7:5062");
    let mut desk = Phone::new("alice", "198.51.100.20:5062");
    home.cseq = 1000;
    for _ in 0..3 {
        world.registered(&mut home);
        world.registered(&mut desk);
    }
    assert_eq!(world.row(Row::D3), 0);
}

#[test]
fn r11_in_mirror_a_phone_that_leaves_before_its_answer_is_served_in_order() {
    let mut world = World::mirror();
    let mut alice = alice();
    world.registered(&mut alice);
    world.main().personality.challenges = Challenges::Never;
    world.main().personality.temper = midreg_sim::Temper::Silent;
    let refresh = alice.register();
    world.send(alice.address, &refresh);
    let leave = alice.unregister();
    world.send(alice.address, &leave);
    world.main().personality.temper = midreg_sim::Temper::Normal;
    world.wait(2);
    assert_eq!(world.mail(alice.address).len(), 2);
    assert!(world.bound(&alice.aor()).is_empty());
    assert!(world.held(&alice.aor()).is_empty());
}
