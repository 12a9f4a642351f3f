//! S-4, S-6, S-9, S-10, S-12: what is believed of whom, and who learns what.

use midreg_sim::expect::locally;
use midreg_sim::policy::contact;
use midreg_sim::{Phone, Temper, World};

use crate::{alice, settled};

#[test]
fn s4_an_account_that_was_closed_is_closed_here_at_its_next_proof() {
    let mut policy = contact();
    policy.domain.reauth_interval = 600;
    let mut world = World::new(policy);
    let mut alice = alice();
    world.registered(&mut alice);
    world.main().personality.temper = Temper::Refuses(403);
    let mut refused = None;
    for round in 1..10 {
        world.wait(100);
        let bytes = alice.register();
        if world.exchange(&alice, &bytes).status() == 403 {
            refused = Some(round * 100);
            break;
        }
    }
    assert_eq!(refused, Some(600));
    assert!(world.bound(&alice.aor()).is_empty());
}

#[test]
fn s6_whoever_is_not_proved_learns_nothing_of_others() {
    let (mut world, alice) = settled();
    let mut stranger = Phone::new("alice", "203.0.113.66:5062");
    let requests = [
        stranger.register(),
        stranger.query(),
        stranger.unregister(),
        stranger.unregister_all(),
    ];
    for bytes in requests {
        let answer = world.exchange(&stranger, &bytes);
        assert_eq!(answer.status(), 401);
        let text = answer.text();
        assert!(!text.contains(&alice.address.to_string()), "{text}");
        assert!(answer.all("Contact").is_empty(), "{text}");
    }
}

#[test]
fn s6_no_200_tells_where_the_devices_are_seen_from() {
    let mut world = World::contact();
    let mut home = Phone::new("alice", "198.51.100.7:40000").behind_nat("192.168.1.2:5060");
    let mut desk = Phone::new("alice", "198.51.100.20:5062");
    world.registered(&mut home);
    let forwarded = world.registered(&mut desk);
    let bytes = desk.register();
    let absorbed = locally(&mut world, &desk, &bytes);
    for answer in [forwarded, absorbed] {
        assert_eq!(answer.contacts().len(), 2);
        let contacts = answer.all("Contact").join(", ");
        assert!(!contacts.contains("received"), "{contacts}");
        assert!(!contacts.contains("198.51.100.7"), "{contacts}");
    }
}

#[test]
fn s6_a_200_of_one_user_lists_nobody_elses_contacts() {
    let (mut world, _) = settled();
    let mut bob = Phone::new("bob", "198.51.100.8:5062");
    let answer = world.registered(&mut bob);
    assert_eq!(answer.contacts().len(), 1);
    assert_eq!(answer.contacts()[0].uri, bob.contact());
}

#[test]
fn s9_a_received_parameter_of_the_device_moves_nothing() {
    let mut world = World::contact();
    let mut alice = alice();
    alice.contact_params = ";received=\"sip:10.0.0.1:5060\"".to_owned();
    world.registered(&mut alice);
    assert_eq!(world.rig.bindings(&alice.aor())[0].remote, alice.address);
    let upstream = world.main().last().contacts()[0].value.clone();
    assert!(!upstream.contains("received"), "{upstream}");
    let bytes = alice.register();
    let via = locally(&mut world, &alice, &bytes).value("Via").unwrap();
    assert!(via.contains("received=198.51.100.7"), "{via}");
}

#[test]
fn s10_a_path_of_the_device_is_not_the_main_registrars_way_to_it() {
    let mut world = World::contact();
    let mut alice = alice().with_header("Path: <sip:10.0.0.1;lr>");
    world.registered(&mut alice);
    assert!(world.main().last().all("Path").is_empty());
}

#[test]
fn s12_a_token_that_we_did_not_make_names_nobody() {
    let (mut world, alice) = settled();
    let token = world.tokens(&alice.aor())[0].clone();
    let last = if token.ends_with('a') { "b" } else { "a" };
    let forged = format!("{}{last}", &token[..token.len() - 1]);
    // A main registrar that lists a forged token says nothing about the binding it imitates.
    let mut desk = Phone::new("alice", "198.51.100.20:5062");
    let soon = world.now().plus_seconds(5);
    let uri = format!("sip:alice@192.0.2.1:5060;mr={forged}");
    world.main().hold("alice@example.org", &uri, soon);
    let answer = world.registered(&mut desk);
    assert_eq!(answer.contacts().len(), 2);
    assert_eq!(world.rig.bindings(&alice.aor())[0].lease_left, 8200);
}

#[test]
fn s12_tokens_are_not_to_be_guessed_from_each_other() {
    let mut world = World::contact();
    let mut tokens = Vec::new();
    for number in 0..50 {
        let mut phone = Phone::new("alice", &format!("198.51.100.{}:5062", number / 10 + 1));
        phone.user = format!("user{number}");
        phone.reboot();
        phone.contacts = vec![format!("sip:{}@198.51.100.1:5062", phone.user)];
        world.registered(&mut phone);
        tokens.extend(world.tokens(&phone.aor()));
    }
    // Thirteen digits are the MAC.
    let mut macs: Vec<&str> = tokens.iter().map(|token| &token[13..]).collect();
    macs.sort_unstable();
    macs.dedup();
    assert_eq!(macs.len(), 50);
}
