//! Rank 8: one device with two bindings, which rings twice.

use engine::Event;
use midreg_sim::expect::locally;
use midreg_sim::{Nonces, Phone, World};

use crate::{alice, settled};

/// A Contact URI of an app that is woken by push (RFC 8599).
fn app(address: &str) -> String {
    format!("sip:alice@{address};pn-provider=fcm;pn-param=app1;pn-prid=p1")
}

fn registrations(world: &mut World) -> usize {
    let told = world.events().into_iter();
    told.filter(|event| matches!(event, Event::BindingRegistered { .. }))
        .count()
}

#[test]
fn rank8_opensips_3471_a_forwarded_refresh_is_told_of_once() {
    let mut world = World::contact();
    world.main().personality.nonces = Nonces::OneTime;
    let mut alice = alice().with_contacts(&[&app("198.51.100.7:5062")]);
    world.registered(&mut alice);
    assert_eq!(registrations(&mut world), 1);
    // The request without credentials, the one with them and its 2xx are one registration.
    crate::resync(&mut world);
    let before = world.main().registers();
    world.registered(&mut alice);
    assert_eq!(world.main().registers(), before + 2);
    assert_eq!(registrations(&mut world), 1);
    assert_eq!(world.bound(&alice.aor()).len(), 1);
}

#[test]
fn rank8_opensips_1316_an_app_that_wakes_up_elsewhere_under_a_new_call_id_has_one_binding() {
    let mut world = World::contact();
    let mut alice = alice().with_contacts(&[&app("198.51.100.7:5062")]);
    for number in 10..30 {
        let address = format!("203.0.113.{number}:{}", 40_000 + number);
        alice.move_to(&address);
        alice.reboot();
        alice.contacts = vec![app(&address)];
        world.registered(&mut alice);
        assert_eq!(world.bound(&alice.aor()), alice.contacts);
        assert_eq!(world.held_tokens(&alice.aor()), world.tokens(&alice.aor()));
    }
}

#[test]
fn rank8_opensips_1365_a_killed_and_restarted_soft_phone_has_one_binding() {
    let mut world = World::contact();
    let mut alice = alice().with_instance("urn:uuid:1");
    for port in [46_950, 50_444, 61_020] {
        let address = format!("198.51.100.7:{port}");
        alice.move_to(&address);
        alice.contacts = vec![format!("sip:alice@{address};rinstance={port:x}")];
        alice.reboot();
        world.registered(&mut alice);
        assert_eq!(world.bound(&alice.aor()), alice.contacts);
        assert_eq!(world.held(&alice.aor()).len(), 1);
        let rows: Vec<String> = world
            .rig
            .store()
            .rows()
            .map(|r| r.contact.clone())
            .collect();
        assert_eq!(rows, alice.contacts, "nor has the store");
    }
}

/// A phone with an instance and a flow of its own (RFC 5626).
fn outbound() -> Phone {
    let mut phone = alice().with_instance("urn:uuid:00000000-0000-1000-8000-AABBCCDDEEFF");
    phone.contact_params.push_str(";reg-id=1");
    phone
}

#[test]
fn rank8_opensips_1598_instance_and_reg_id_come_back_in_the_200() {
    let mut world = World::contact();
    let mut alice = outbound();
    let forwarded = world.registered(&mut alice);
    let bytes = alice.register();
    let absorbed = locally(&mut world, &alice, &bytes);
    for answer in [forwarded, absorbed] {
        let own = &answer.contacts()[0].value;
        assert!(own.contains(";reg-id=1"), "{own}");
        assert!(own.contains(";+sip.instance="), "{own}");
    }
}

#[test]
fn rank8_opensips_3886_the_instance_comes_back_in_its_brackets() {
    let mut world = World::contact();
    let mut alice = outbound();
    let forwarded = world.registered(&mut alice);
    let bytes = alice.register();
    let absorbed = locally(&mut world, &alice, &bytes);
    let urn = "\"<urn:uuid:00000000-0000-1000-8000-AABBCCDDEEFF>\"";
    for answer in [forwarded, absorbed] {
        let own = &answer.contacts()[0].value;
        assert!(own.contains(&format!(";+sip.instance={urn}")), "{own}");
    }
}

#[test]
fn rank8_opensips_3724_what_the_main_registrar_calls_follows_the_device_to_its_new_contact() {
    let mut world = World::contact();
    let mut alice = outbound();
    world.registered(&mut alice);
    let before = world.held(&alice.aor())[0].uri.clone();
    for number in 1..4 {
        alice.move_to(&format!("203.0.113.77:{}", 40_000 + number));
        alice.reboot();
        world.registered(&mut alice);
        let held = world.held(&alice.aor());
        assert_eq!(held.len(), 1);
        assert_eq!(held[0].uri, before, "the same Contact upstream");
        assert_eq!(world.rig.bindings(&alice.aor())[0].remote, alice.address);
    }
}

#[test]
fn rank8_two_desk_phones_are_not_taken_for_one() {
    let (mut world, alice) = settled();
    let mut desk = Phone::new("alice", "198.51.100.20:5062");
    world.registered(&mut desk);
    assert_eq!(world.bound(&alice.aor()).len(), 2);
}
