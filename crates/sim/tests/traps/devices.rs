//! T2, T16, T20 to T22, T25, T26: which device is which.

use engine::Row;
use midreg_sim::expect::{locally, patched};
use midreg_sim::policy::contact;
use midreg_sim::{Phone, World};

use crate::{alice, resync, settled};

#[test]
fn t2_no_new_device_is_absorbed() {
    let (mut world, _) = settled();
    let mut stranger = Phone::new("alice", "203.0.113.66:5062");
    stranger.password = "guess".to_owned();
    for _ in 0..3 {
        let bytes = stranger.register();
        assert_eq!(world.converse(&mut stranger, &bytes).status(), 401);
    }
    assert_eq!(world.bound("alice@example.org").len(), 1);
    assert_eq!(world.row(Row::D13), 0);
}

#[test]
fn t16_a_registrar_that_keys_by_call_id_sees_one_call_id_per_device() {
    let (mut world, mut alice) = settled();
    let mut desk = Phone::new("alice", "198.51.100.20:5062");
    world.registered(&mut desk);
    for _ in 0..3 {
        alice.reboot();
        desk.reboot();
        resync(&mut world);
        world.registered(&mut alice);
        world.registered(&mut desk);
    }
    let seen = world.main().seen().to_vec();
    let mut call_ids: Vec<String> = seen
        .iter()
        .filter_map(|s| s.request.value("Call-ID"))
        .collect();
    call_ids.sort();
    call_ids.dedup();
    assert_eq!(call_ids.len(), 2);
}

#[test]
fn t20_the_same_cseq_again_is_no_error() {
    let (mut world, mut alice) = settled();
    for _ in 0..3 {
        let retry = alice.retry();
        assert_eq!(locally(&mut world, &alice, &retry).status(), 200);
        world.wait(40);
    }
}

#[test]
fn t21_a_changed_call_id_makes_no_second_binding() {
    for instance in ["", "urn:uuid:1"] {
        let mut world = World::contact();
        let mut alice = match instance {
            "" => alice(),
            urn => alice().with_instance(urn),
        };
        for _ in 0..3 {
            world.registered(&mut alice);
            alice.reboot();
        }
        assert_eq!(world.bound(&alice.aor()).len(), 1);
        assert_eq!(world.held(&alice.aor()).len(), 1);
    }
}

#[test]
fn t22_an_instance_replaces_itself_where_only_one_is_allowed() {
    let mut policy = contact();
    policy.limits.bindings_per_aor = 1;
    let mut world = World::new(policy);
    world.main().personality.max_contacts = 1;
    let mut alice = alice().with_instance("urn:uuid:1");
    for port in 7000..7005 {
        alice.move_to(&format!("198.51.100.7:{port}"));
        alice.reboot();
        world.registered(&mut alice);
        assert_eq!(world.bound(&alice.aor()), alice.contacts);
        assert_eq!(world.held_tokens(&alice.aor()), world.tokens(&alice.aor()));
    }
}

#[test]
fn t25_two_phones_behind_one_nat_with_one_user_part_are_two_devices() {
    let mut world = World::contact();
    let mut one = Phone::new("alice", "198.51.100.7:30000").behind_nat("192.168.1.2:5060");
    let mut two = Phone::new("alice", "198.51.100.7:30001").behind_nat("192.168.1.3:5060");
    world.registered(&mut one);
    world.registered(&mut two);
    assert_eq!(world.bound(&one.aor()).len(), 2);
    for phone in [&mut one, &mut two] {
        let bytes = phone.register();
        let answer = locally(&mut world, phone, &bytes);
        assert_eq!(answer.contacts()[0].uri, phone.contact());
    }
}

#[test]
fn t26_an_ipv6_literal_is_a_contact_like_any_other() {
    let mut world = World::contact();
    let mut alice = Phone::new("alice", "[2001:db8::7]:5062");
    let answer = world.registered(&mut alice);
    assert_eq!(
        answer.promised("sip:alice@[2001:db8::7]:5062"),
        Some(300),
        "no NAT"
    );
    let bytes = alice.register();
    assert_eq!(locally(&mut world, &alice, &bytes).status(), 200);
    let via = answer.value("Via").unwrap();
    assert!(via.contains(";received=2001:db8::7;rport=5062"), "{via}");
    let long = patched(
        &alice.register(),
        "[2001:db8::7]:5062>",
        "[2001:0DB8:0::0007]:5062>",
    );
    assert_eq!(
        world.exchange(&alice, &long).status(),
        401,
        "another spelling goes upstream"
    );
    assert_eq!(
        world.bound(&alice.aor()).len(),
        1,
        "but it is the same device"
    );
}
