//! R3: which device is it? The first criterion that both sides have decides; lease and TOKEN
//! belong to the device.

use midreg_sim::{Phone, World};

use crate::{
    agreement::{agree, held_for},
    alice, leased, settled_under,
};

const URN: &str = "urn:uuid:00000000-0000-4000-8000-0000000000a1";

/// Registers a phone, lets it change and register again: whether it was known as the same device,
/// which must then show on both sides.
fn known_again(mut phone: Phone, change: impl FnOnce(&mut Phone)) -> bool {
    let mut world = World::new(leased());
    world.registered(&mut phone);
    let before = world.held(&phone.aor());
    change(&mut phone);
    world.registered(&mut phone);
    let (bound, held) = (world.bound(&phone.aor()), world.held(&phone.aor()));
    assert_eq!(held.len(), held_for(bound.len()), "both sides agree");
    if bound.len() == 2 {
        return false;
    }
    assert_eq!(bound, phone.contacts);
    assert_eq!(
        token(&held[0].uri),
        token(&before[0].uri),
        "its TOKEN is its own"
    );
    assert_eq!(held[0].call_id, before[0].call_id, "so is its lease");
    assert!(held[0].cseq > before[0].cseq);
    true
}

fn token(uri: &str) -> &str {
    uri.split(";mr=").nth(1).unwrap_or(uri)
}

#[test]
fn r3_the_same_instance_is_the_same_device_wherever_it_goes() {
    assert!(known_again(alice().with_instance(URN), |phone| {
        phone.move_to("203.0.113.77:40000");
        phone.reboot();
    }));
}

#[test]
fn r3_another_instance_is_another_device_even_at_the_same_contact() {
    assert!(!known_again(alice().with_instance(URN), |phone| {
        phone.contact_params = ";+sip.instance=\"<urn:uuid:other>\"".to_owned();
    }));
}

#[test]
fn r3_another_reg_id_is_another_flow_of_the_instance() {
    let mut phone = alice().with_instance(URN);
    phone.contact_params.push_str(";reg-id=1");
    assert!(!known_again(phone, |phone| {
        phone.contact_params = phone.contact_params.replace("reg-id=1", "reg-id=2");
        phone.move_to("203.0.113.77:40000");
    }));
}

fn app(address: &str, prid: &str) -> String {
    format!("sip:alice@{address};pn-provider=fcm;pn-param=app1;pn-prid={prid}")
}

#[test]
fn r3_the_same_push_triple_is_the_same_device_wherever_it_goes() {
    let phone = alice().with_contacts(&[&app("198.51.100.7:5062", "p1")]);
    assert!(known_again(phone, |phone| {
        phone.move_to("203.0.113.77:40000");
        phone.reboot();
        phone.contacts = vec![app("203.0.113.77:40000", "p1")];
    }));
}

#[test]
fn r3_the_same_push_triple_decides_even_where_the_contact_is_the_same() {
    let phone = alice().with_contacts(&[&app("app.invalid", "p1")]);
    assert!(known_again(phone, |phone| {
        let contacts = phone.contacts.clone();
        phone.move_to("203.0.113.77:40000");
        phone.reboot();
        phone.contacts = contacts;
    }));
}

#[test]
fn r3_another_push_token_is_another_device_even_under_the_same_call_id() {
    let phone = alice().with_contacts(&[&app("198.51.100.7:5062", "p1")]);
    assert!(!known_again(phone, |phone| {
        phone.contacts = vec![app("198.51.100.7:5062", "p2")];
    }));
}

#[test]
fn r3_the_same_call_id_is_the_same_device() {
    assert!(known_again(alice(), |phone| {
        phone.move_to("203.0.113.77:40000");
    }));
}

#[test]
fn r3_the_same_contact_from_the_same_address_is_the_same_device() {
    assert!(known_again(alice(), |phone| {
        phone.reboot();
        phone.rebind("198.51.100.7:6000");
    }));
}

#[test]
fn r3_a_new_contact_under_a_new_call_id_is_a_new_device() {
    assert!(!known_again(alice(), |phone| {
        phone.move_to("198.51.100.7:5099");
        phone.reboot();
    }));
}

#[test]
fn r3_two_phones_with_the_same_private_contact_behind_two_nats_are_two_devices() {
    let mut world = World::new(leased());
    let mut home = Phone::new("alice", "198.51.100.7:30000").behind_nat("192.168.1.2:5060");
    let mut work = Phone::new("alice", "203.0.113.77:30000").behind_nat("192.168.1.2:5060");
    assert_eq!(home.contacts, work.contacts);
    world.registered(&mut home);
    world.registered(&mut work);
    assert_eq!(world.bound(&home.aor()).len(), 2);
    assert_eq!(world.held(&home.aor()).len(), held_for(2));
    let bytes = work.unregister();
    world.converse(&mut work, &bytes);
    assert_eq!(world.rig.bindings(&home.aor())[0].remote, home.address);
    assert_eq!(world.held(&home.aor()).len(), 1);
}

#[test]
fn r3_two_phones_with_the_same_private_contact_that_register_at_once_stay_two() {
    let mut world = World::new(leased());
    let mut home = Phone::new("alice", "198.51.100.7:30000").behind_nat("192.168.1.2:5060");
    let mut work = Phone::new("alice", "203.0.113.77:30000").behind_nat("192.168.1.2:5060");
    let (first_home, first_work) = (home.register(), work.register());
    let challenge_home = world.exchange(&home, &first_home);
    let challenge_work = world.exchange(&work, &first_work);
    let second_home = home.answer(&challenge_home);
    assert_eq!(world.exchange(&home, &second_home).status(), 200);
    let second_work = work.answer(&challenge_work);
    assert_eq!(world.exchange(&work, &second_work).status(), 200);
    assert_eq!(world.bound(&home.aor()).len(), 2);
    assert_eq!(world.held(&home.aor()).len(), held_for(2));
}

#[test]
fn r3_the_same_user_part_in_two_domains_is_two_records() {
    let (mut world, alice) = settled_under(leased());
    let mut other = Phone::new("alice", "198.51.100.7:5062");
    other.reboot();
    let bytes = other.register();
    let text = String::from_utf8(bytes).unwrap();
    let elsewhere = text.replace("<sip:alice@example.org>", "<sip:alice@example.net>");
    let challenge = world.exchange(&other, elsewhere.as_bytes());
    assert_eq!(challenge.status(), 401);
    assert_eq!(world.bound(&alice.aor()).len(), 1);
}

#[test]
fn r3_a_phone_of_two_contacts_refreshes_either_alone() {
    let mut world = World::new(leased());
    let mut alice = alice().with_contacts(&["sip:a@198.51.100.7:5062", "sip:b@198.51.100.7:5062"]);
    world.registered(&mut alice);
    let tokens = world.tokens(&alice.aor());
    for which in [1, 0, 1] {
        let bytes = alice.register_some(&[which]);
        let answer = world.converse(&mut alice, &bytes);
        assert_eq!(answer.contacts()[0].uri, alice.contacts[which]);
        assert_eq!(world.bound(&alice.aor()), alice.contacts);
        assert_eq!(world.tokens(&alice.aor()), tokens);
    }
    let bytes = alice.unregister_some(&[1]);
    world.converse(&mut alice, &bytes);
    assert_eq!(world.bound(&alice.aor()), [alice.contacts[0].clone()]);
    agree(&world, &alice.aor());
}

#[test]
fn r3_two_contacts_of_one_instance_in_one_request_are_two_bindings() {
    let mut world = World::new(leased());
    let contacts = ["sip:a@198.51.100.7:5062", "sip:a@[2001:db8::7]:5062"];
    let mut alice = alice().with_contacts(&contacts).with_instance(URN);
    world.registered(&mut alice);
    for _ in 0..2 {
        let bytes = alice.register();
        let answer = world.converse(&mut alice, &bytes);
        let listed: Vec<String> = answer.contacts().into_iter().map(|c| c.uri).collect();
        assert_eq!(listed, contacts);
    }
    assert_eq!(world.held(&alice.aor()).len(), held_for(2));
    alice.reboot();
    world.registered(&mut alice);
    assert_eq!(
        world.held(&alice.aor()).len(),
        held_for(2),
        "no ghosts after a reboot"
    );
}
