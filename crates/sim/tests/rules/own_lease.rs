//! What holds only where each device has a lease of its own: its Contact upstream, its token, its
//! turn.

use engine::Row;
use engine::command::Totals;
use midreg_sim::expect::forwarded;
use midreg_sim::policy::US;
use midreg_sim::{Packet, Phone, Temper, World};

use crate::agreement::agree;
use crate::{alice, leased, settled_under};

fn statuses(mail: &[Packet]) -> Vec<u16> {
    let finals = mail.iter().filter(|packet| packet.is_final());
    finals.map(Packet::status).collect()
}

#[test]
fn r6_two_devices_have_two_leases() {
    let (mut world, _) = settled_under(leased());
    let mut desk = Phone::new("alice", "198.51.100.20:5062");
    world.registered(&mut desk);
    let held = world.held(&desk.aor());
    assert_ne!(held[0].call_id, held[1].call_id);
    assert_ne!(held[0].uri, held[1].uri);
}

#[test]
fn r7_the_contact_upstream_is_ours_and_carries_a_token() {
    let mut world = World::new(leased());
    let mut alice = alice();
    alice.contact_params = ";q=0.7;methods=\"INVITE\";+sip.Voice".to_owned();
    world.registered(&mut alice);
    let value = world.main().last().contacts()[0].value.clone();
    let token = &world.tokens(&alice.aor())[0];
    let expected =
        format!("<sip:alice@{US};mr={token}>;q=0.7;methods=\"INVITE\";+sip.Voice;expires=7200");
    assert_eq!(value, expected);
}

#[test]
fn r7_what_ends_here_does_not_go_upstream() {
    let mut alice = alice().with_header("Supported: path, outbound, gruu, timer");
    alice.contacts =
        vec!["sip:alice@198.51.100.7:5062;ob;pn-provider=fcm;pn-prid=p1;pn-param=a".to_owned()];
    alice.contact_params = ";+sip.instance=\"<urn:uuid:1>\";reg-id=1".to_owned();
    let mut world = World::new(leased());
    world.registered(&mut alice);
    let upstream = world.main().last().clone();
    assert_eq!(upstream.value("Supported").as_deref(), Some("path, timer"));
    let value = upstream.contacts()[0].value.clone();
    assert!(
        !value.contains("reg-id") && !value.contains("pn-"),
        "{value}"
    );
    assert!(value.contains("+sip.instance=\"<urn:uuid:1>\""), "{value}");
}

#[test]
fn r7_the_name_of_the_token_parameter_is_ours_to_choose() {
    let mut policy = leased();
    policy.upstream.token_param = "xyz".to_owned();
    let mut world = World::new(policy);
    world.main().personality.longest = 100;
    let mut alice = alice();
    let answer = world.registered(&mut alice);
    assert!(world.main().last().contacts()[0].uri.contains(";xyz="));
    assert_eq!(answer.promised(alice.contact()), Some(98), "found again");
}

#[test]
fn d8_a_changed_contact_parameter_is_forwarded() {
    let (mut world, mut alice) = settled_under(leased());
    alice.contact_params = ";q=0.5".to_owned();
    let bytes = alice.register();
    forwarded(&mut world, &mut alice, &bytes, Row::D8);
    assert!(world.held(&alice.aor())[0].value.contains(";q=0.5"));
}

#[test]
fn r8_a_star_waits_for_all_that_is_under_way() {
    let mut world = World::new(leased());
    world.main().personality.challenges = midreg_sim::Challenges::Never;
    let mut alice = alice();
    world.registered(&mut alice);
    world.main().personality.temper = Temper::Silent;
    let mut phones = [
        Phone::new("alice", "198.51.100.20:5062"),
        Phone::new("alice", "198.51.100.21:5062"),
    ];
    for phone in &mut phones {
        let bytes = phone.register();
        world.send(phone.address, &bytes);
    }
    let star = alice.unregister_all();
    world.send(alice.address, &star);
    let mut late = Phone::new("alice", "198.51.100.22:5062");
    let bytes = late.register();
    world.send(late.address, &bytes);
    let upstream = world.rig.engine().counters().upstream_registers;
    assert_eq!(upstream, 3, "* and the late one wait");
    world.main().personality.temper = Temper::Normal;
    world.wait(2);
    assert_eq!(statuses(&world.mail(late.address)), [200]);
    assert_eq!(world.bound(&alice.aor()), late.contacts);
    agree(&world, &alice.aor());
    let kinds: Vec<bool> = world
        .main()
        .seen()
        .iter()
        .map(|seen| seen.request.text().contains("Contact: *"))
        .collect();
    assert_eq!(kinds, [false, false, false, true, false]);
}

#[test]
fn r8_a_star_suppresses_what_was_still_to_be_given_back() {
    let (mut world, mut alice) = settled_under(leased());
    let mut desk = Phone::new("alice", "198.51.100.20:5062").asking(Some(60));
    world.registered(&mut desk);
    world.main().personality.temper = Temper::Overloaded(5);
    world.wait(62);
    assert_eq!(world.bound(&alice.aor()).len(), 1, "the desk phone died");
    assert_eq!(
        world.rig.totals().conversations,
        1,
        "and is to be given back"
    );
    world.main().personality.temper = Temper::Normal;
    let star = alice.unregister_all();
    assert_eq!(world.converse(&mut alice, &star).status(), 200);
    let after = world.main().registers();
    world.wait(400);
    assert_eq!(world.main().registers(), after);
    assert_eq!(world.rig.totals(), Totals::default());
}
