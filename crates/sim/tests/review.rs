//! What a hostile peer or an unlucky night could once do: strangers in the way of somebody's
//! registration, answers larger than their questions, promises that nobody keeps, and settings that
//! change in the middle of something.

use core::net::SocketAddr;

use midreg_sim::expect::{locally, patched};
use midreg_sim::policy::{address, contact, mirror, two_nodes};
use midreg_sim::{Challenges, Packet, Phone, StoreMode, Temper, World};

fn alice() -> Phone {
    Phone::new("alice", "198.51.100.7:5062")
}

fn settled() -> (World, Phone) {
    let mut world = World::contact();
    let mut alice = alice();
    world.registered(&mut alice);
    (world, alice)
}

fn statuses(mail: &[Packet]) -> Vec<u16> {
    mail.iter().map(Packet::status).collect()
}

// Strangers

#[test]
fn strangers_that_answer_no_challenge_keep_no_new_device_out() {
    let mut world = World::contact();
    for port in 0..12 {
        let mut stranger = Phone::new("alice", &format!("203.0.113.66:{}", 7000 + port));
        let bytes = stranger.register();
        assert_eq!(world.exchange(&stranger, &bytes).status(), 401);
    }
    assert_eq!(world.registered(&mut alice()).status(), 200);
}

#[test]
fn a_strangers_star_stands_in_nobodys_way() {
    let (mut world, mut alice) = settled();
    world.main().personality.temper = Temper::Silent;
    let mut stranger = Phone::new("alice", "203.0.113.66:5062");
    for _ in 0..6 {
        let star = stranger.unregister_all();
        world.send(stranger.address, &star);
    }
    world.main().personality.temper = Temper::Normal;
    let mut desk = Phone::new("alice", "198.51.100.20:5062");
    assert_eq!(world.registered(&mut desk).status(), 200);
    alice.contact_params = ";q=0.5".to_owned();
    assert_eq!(world.registered(&mut alice).status(), 200);
}

#[test]
fn a_stranger_that_the_main_registrar_ignores_is_not_told_of_for_hours() {
    let mut world = World::contact();
    world.main().personality.temper = Temper::Silent;
    let mut stranger = Phone::new("nobody", "203.0.113.66:5062");
    let bytes = stranger.register();
    world.send(stranger.address, &bytes);
    world.wait(120);
    assert_eq!(world.rig.totals().conversations, 0);
}

#[test]
fn a_dead_binding_is_not_kept_by_those_who_ask_for_it() {
    let (mut world, alice) = settled();
    world.main().personality.temper = Temper::Procrastinates;
    let mut thief = alice.clone();
    thief.rebind("203.0.113.66:5062");
    for _ in 0..80 {
        let bytes = thief.register();
        world.send(thief.address, &bytes);
        world.wait(4);
    }
    assert!(world.bound(&alice.aor()).is_empty());
}

// Sizes

#[test]
fn no_refusal_is_much_larger_than_its_request() {
    let mut world = World::contact();
    let require = format!("Require: {}", vec!["a"; 600].join(","));
    let mut alice = alice().with_header(&require);
    let bytes = alice.register();
    let answer = locally(&mut world, &alice, &bytes);
    assert_eq!(answer.status(), 420);
    assert!(answer.bytes.len() < bytes.len() * 2);
}

#[test]
fn a_register_that_no_phone_writes_stays_here() {
    let mut world = World::contact();
    let filler = format!("X-Filler: {}", "x".repeat(15_000));
    let mut alice = alice()
        .with_header(&filler)
        .with_header(&filler)
        .with_header(&filler);
    let bytes = alice.register();
    assert_eq!(locally(&mut world, &alice, &bytes).status(), 513);
}

// What goes upstream

#[test]
fn no_route_of_the_device_leads_past_the_main_registrar() {
    let mut world = World::contact();
    let mut alice = alice()
        .with_header("Route: <sip:192.0.2.1;lr>, <sip:203.0.113.66;lr>")
        .with_header("Route: <sip:203.0.113.67;lr>");
    world.registered(&mut alice);
    assert!(world.main().last().all("Route").is_empty());
}

// What a device says of itself

#[test]
fn a_quoted_or_worthless_reg_id_makes_no_new_device_of_an_old_one() {
    for reg_id in ["0", "\"1\"", "+1", "x"] {
        let mut world = World::contact();
        let mut alice = alice().with_instance("urn:uuid:1");
        alice.contact_params.push_str(&format!(";reg-id={reg_id}"));
        world.registered(&mut alice);
        let bytes = alice.register();
        assert_eq!(
            locally(&mut world, &alice, &bytes).status(),
            200,
            "{reg_id}"
        );
        assert_eq!(world.bound(&alice.aor()).len(), 1);
    }
}

#[test]
fn a_contact_that_says_a_thing_twice_is_refused() {
    for twice in [
        ";expires=60;expires=999999",
        ";+sip.instance=\"<urn:1>\";+sip.instance=\"<urn:2>\"",
    ] {
        let mut world = World::contact();
        let mut alice = alice();
        alice.contact_params = twice.to_owned();
        let bytes = alice.register();
        assert_eq!(locally(&mut world, &alice, &bytes).status(), 400, "{twice}");
    }
}

// The store

#[test]
fn a_refresh_that_the_store_kept_does_not_make_up_for_a_registration_that_it_lost() {
    let mut world = World::contact();
    world.main().personality.challenges = Challenges::Never;
    world.rig.set_store(StoreMode::Late);
    let mut alice = alice();
    let bytes = alice.register();
    world.send(alice.address, &bytes);
    alice.expires = Some(600);
    let longer = alice.register();
    world.send(alice.address, &longer);
    world.rig.set_store(StoreMode::Failing);
    world.touch(midreg_sim::Rig::settle_one);
    world.rig.set_store(StoreMode::AtOnce);
    world.touch(midreg_sim::Rig::catch_up);
    world.registered(&mut alice);
    let id = world.rig.bindings(&alice.aor())[0].id;
    assert!(world.rig.store().row(id).is_some(), "it is written anew");
}

// New settings in the middle of something

#[test]
fn a_node_that_is_down_is_asked_wherever_a_new_policy_puts_it() {
    let mut world = World::new(two_nodes());
    world.registered(&mut alice());
    let second = world.mains[1].address;
    for at in 0..2 {
        world.mains[at].personality.temper = Temper::Silent;
    }
    for user in ["bob", "carol"] {
        let mut phone = Phone::new(user, "198.51.100.8:5062");
        let bytes = phone.register();
        world.send(phone.address, &bytes);
        world.wait(9);
    }
    world.mains[0].personality.temper = Temper::Normal;
    world.wait(5);
    let mut only_second = two_nodes();
    only_second.upstream.servers.remove(0);
    world.touch(|rig| rig.set_policy(only_second));
    world.mains[1].personality.temper = Temper::Normal;
    assert_eq!(world.mains[1].address, second);
    world.wait(10);
    let mut dave = Phone::new("dave", "198.51.100.9:5062");
    assert_eq!(world.registered(&mut dave).status(), 200);
}

#[test]
fn an_answer_is_for_the_question_that_was_asked_whatever_the_mode_is_now() {
    for (before, after) in [(contact(), mirror()), (mirror(), contact())] {
        let mut world = World::new(before);
        world.main().personality.challenges = Challenges::Never;
        world.main().personality.temper = Temper::Silent;
        let mut alice = alice();
        let bytes = alice.register();
        world.send(alice.address, &bytes);
        world.touch(|rig| rig.set_policy(after));
        world.main().personality.temper = Temper::Normal;
        world.wait(1);
        let mail = world.mail(alice.address);
        assert_eq!(statuses(&mail), [200]);
        assert_eq!(mail[0].value("Call-ID"), Some(alice.call_id.clone()));
        assert_eq!(mail[0].cseq(), alice.cseq);
    }
}

#[test]
fn a_blind_answer_from_elsewhere_is_nobodys() {
    let mut world = World::contact();
    world.main().personality.temper = Temper::Silent;
    let mut alice = alice();
    let bytes = alice.register();
    world.send(alice.address, &bytes);
    let stranger: SocketAddr = address("203.0.113.66:5060");
    let forged = patched(&bytes, "REGISTER sip:example.org SIP/2.0", "SIP/2.0 200 OK");
    world.send(stranger, &forged);
    assert!(world.bound(&alice.aor()).is_empty());
}

// Two at once

#[test]
fn a_device_never_speaks_on_its_lease_while_a_return_on_it_is_under_way() {
    let mut world = World::contact();
    world.main().personality.challenges = Challenges::Never;
    let uris = [
        "sip:a@198.51.100.7",
        "sip:b@198.51.100.7",
        "sip:c@198.51.100.7",
    ];
    let mut alice = alice().with_contacts(&uris);
    world.registered(&mut alice);
    for (brief, contact) in [(60, 0), (62, 1)] {
        alice.expires = Some(brief);
        let bytes = alice.register_some(&[contact]);
        assert_eq!(locally(&mut world, &alice, &bytes).status(), 200);
    }
    world.main().personality.temper = Temper::Silent;
    world.wait(64);
    assert_eq!(world.bound(&alice.aor()), ["sip:c@198.51.100.7"]);
    assert_eq!(world.rig.totals().releases, 1, "the other waits for it");
    let bytes = patched(
        &alice.register_some(&[2]),
        "c@198.51.100.7>",
        "c@198.51.100.7>;q=0.5",
    );
    world.send(alice.address, &bytes);
    assert_eq!(world.rig.totals().releases, 0, "they make way");
    world.main().personality.temper = Temper::Normal;
    world.wait(60);
    assert_eq!(statuses(&world.mail(alice.address)), [200]);
    assert_eq!(world.held_tokens(&alice.aor()), world.tokens(&alice.aor()));
}
