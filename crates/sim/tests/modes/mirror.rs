//! Rows and rules as far as they hold where every REGISTER is proxied: what the main registrar
//! decides, midreg follows.

use engine::Row;
use engine::policy::{Mode, Overflow, Policy};
use midreg_sim::expect::{forwarded, locally, patched};
use midreg_sim::policy::{mirror, with};
use midreg_sim::{Challenges, Packet, Phone, Temper, World};

use crate::{ALICE, alice, desk};

fn settled() -> (World, Phone) {
    let (mut world, mut alice) = (World::mirror(), alice());
    world.registered(&mut alice);
    (world, alice)
}

fn settled_open() -> (World, Phone) {
    let (mut world, mut alice) = (World::mirror(), alice());
    world.main().personality.challenges = Challenges::Never;
    world.registered(&mut alice);
    (world, alice)
}

/// The node is silent, and midreg has found out.
fn outage(world: &mut World) {
    world.main().personality.temper = Temper::Silent;
    world.wait(1);
    let mut bob = Phone::new("bob", "198.51.100.30:5060");
    let bytes = bob.register();
    world.send(bob.address, &bytes);
    world.wait(9);
}

#[test]
fn d2_d3_in_mirror_order_is_the_main_registrars_affair() {
    let (mut world, mut alice) = settled_open();
    world.wait(40);
    let refresh = alice.register();
    for _ in 0..2 {
        // Within the transaction it is a retransmission.
        assert_eq!(world.exchange(&alice, &refresh).status(), 200);
    }
    assert_eq!(world.main().registers(), 2);
    alice.cseq = 0;
    let late = alice.register();
    let answer = forwarded(&mut world, &mut alice, &late, Row::Mirror);
    assert_eq!(answer.status(), 500, "as the main registrar says");
    assert_eq!((world.row(Row::D2), world.row(Row::D3)), (0, 0));
    assert_eq!(world.bound(ALICE).len(), 1);
}

#[test]
fn d4_in_mirror_the_second_leg_goes_to_the_node_that_asked() {
    let mut world = World::new(with(Mode::Mirror, 2));
    let mut alice = alice();
    let first = alice.register();
    let challenge = world.exchange(&alice, &first);
    let mut turned = with(Mode::Mirror, 2);
    turned.upstream.balance = engine::policy::Balance::Aor;
    world.touch(|rig| rig.set_policy(turned));
    let second = alice.answer(&challenge);
    assert_eq!(world.exchange(&alice, &second).status(), 200);
    assert_eq!(
        (world.mains[0].registers(), world.mains[1].registers()),
        (2, 0)
    );
    assert_eq!(world.row(Row::D4), 1);
}

#[test]
fn d4_in_mirror_with_its_node_dead_is_503() {
    let mut world = World::new(with(Mode::Mirror, 2));
    let mut alice = alice();
    let first = alice.register();
    let challenge = world.exchange(&alice, &first);
    outage(&mut world);
    let second = alice.answer(&challenge);
    let answer = world.exchange(&alice, &second);
    assert_eq!(answer.status(), 503);
    assert!(answer.number("Retry-After").is_some());
}

#[test]
fn d6_in_mirror_a_strangers_removal_ends_nothing() {
    let (mut world, alice) = settled();
    let mut thief = Phone::new("alice", "198.51.100.66:5062");
    thief.contacts = alice.contacts;
    for request in [Phone::unregister, Phone::unregister_all] {
        let bytes = request(&mut thief);
        assert_eq!(world.exchange(&thief, &bytes).status(), 401);
    }
    assert_eq!((world.bound(ALICE).len(), world.held(ALICE).len()), (1, 1));
}

#[test]
fn d8_d9_d10_in_mirror_everything_is_proxied_and_what_is_accepted_is_followed() {
    let (mut world, mut alice) = settled();
    let token = world.tokens(ALICE);
    alice.contact_params = ";q=0.5".to_owned();
    world.registered(&mut alice);
    alice.rebind("198.51.100.7:7000");
    world.registered(&mut alice);
    assert_eq!(world.rig.bindings(ALICE)[0].remote, alice.address);
    assert_eq!(
        (world.tokens(ALICE), world.held_tokens(ALICE)),
        (token.clone(), token)
    );
    for row in [Row::D8, Row::D9, Row::D10, Row::D12, Row::D13] {
        assert_eq!(world.row(row), 0, "{row:?}");
    }
}

#[test]
fn d14_in_mirror_an_outage_carries_a_refresh_and_nobody_else() {
    let (mut world, mut alice) = settled();
    outage(&mut world);
    let bytes = alice.register();
    let answer = locally(&mut world, &alice, &bytes);
    assert_eq!((answer.status(), world.row(Row::D14)), (200, 1));
    let left = world.held(ALICE)[0].until.seconds_after(world.now());
    let promised = answer.promised(alice.contact()).unwrap_or(u32::MAX);
    assert!(promised <= left, "{promised} of {left}");
    let mut desk = desk();
    let bytes = desk.register();
    let answer = locally(&mut world, &desk, &bytes);
    assert_eq!(answer.status(), 503);
    assert!(answer.number("Retry-After").is_some());
    // Nor is a removal, which is the main registrar's to confirm.
    let bytes = alice.unregister();
    assert_eq!(locally(&mut world, &alice, &bytes).status(), 503);
    assert_eq!(world.bound(ALICE).len(), 1);
}

#[test]
fn r1_in_mirror_nothing_is_visible_before_the_2xx_and_a_reject_leaves_nothing() {
    for status in [403, 404, 500, 503] {
        let (mut world, mut alice) = (World::mirror(), alice());
        let bytes = alice.register();
        assert_eq!(world.exchange(&alice, &bytes).status(), 401);
        assert_eq!(world.rig.totals().records, 0);
        world.main().personality.temper = Temper::Refuses(status);
        let bytes = alice.register();
        assert_eq!(world.exchange(&alice, &bytes).status(), status);
        assert_eq!(world.rig.totals().records, 0, "{status}");
    }
}

#[test]
fn r1_in_mirror_a_rejected_change_leaves_the_old_binding_as_it_was() {
    let (mut world, mut alice) = settled();
    let old = alice.contact().to_owned();
    alice.move_to("198.51.100.9:5062");
    let bytes = alice.register();
    assert_eq!(world.exchange(&alice, &bytes).status(), 401);
    assert_eq!(world.bound(ALICE), [old]);
}

#[test]
fn r3_in_mirror_a_device_keeps_its_token_and_its_place() {
    let mut world = World::mirror();
    let mut alice = alice().with_instance("urn:uuid:1");
    world.registered(&mut alice);
    let token = world.tokens(ALICE);
    alice.move_to("198.51.100.9:5070");
    alice.reboot();
    world.registered(&mut alice);
    assert_eq!(world.bound(ALICE), [alice.contact()]);
    assert_eq!(
        (world.tokens(ALICE), world.held_tokens(ALICE)),
        (token.clone(), token)
    );
}

#[test]
fn r4_r5_in_mirror_the_lifetime_is_what_the_main_registrar_says() {
    for (longest, asked, granted) in [(86_400, 5000, 5000), (120, 300, 120), (86_400, 30, 30)] {
        let mut world = World::mirror();
        world.main().personality.longest = longest;
        let mut alice = alice().asking(Some(asked));
        let answer = world.registered(&mut alice);
        assert_eq!(answer.promised(alice.contact()), Some(granted));
        let sent = world.main().last().number("Expires");
        assert_eq!(sent, Some(asked), "nothing is stretched");
        world.wait(u64::from(granted) + 2);
        assert_eq!((world.bound(ALICE), world.held(ALICE)), (vec![], vec![]));
    }
}

#[test]
fn r5_in_mirror_a_423_is_the_devices_to_obey() {
    let mut world = World::mirror();
    world.main().personality.shortest = 600;
    world.main().personality.challenges = Challenges::Never;
    let mut alice = alice();
    let bytes = alice.register();
    let answer = world.exchange(&alice, &bytes);
    assert_eq!(
        (answer.status(), answer.number("Min-Expires")),
        (423, Some(600))
    );
    assert_eq!(world.main().registers(), 1);
}

#[test]
fn r6_in_mirror_an_answer_loses_our_via_and_nothing_else() {
    let (mut world, mut alice) = (World::mirror(), alice());
    let said = [
        "Service-Route: <sip:sr.example;lr>",
        "P-Associated-URI: <sip:a@b>",
        "Authentication-Info: nextnonce=\"n2\"",
        "X-Any: thing",
    ];
    world.main().personality.challenges = Challenges::Never;
    world.main().personality.extra = said.map(str::to_owned).to_vec();
    for _ in 0..2 {
        let answer = world.registered(&mut alice);
        let text = answer.text();
        assert_eq!(answer.all("Via").len(), 1);
        for line in said {
            assert!(
                text.contains(line),
                "R12, each from the main registrar itself: {text}"
            );
        }
        assert_eq!(answer.tag("To").as_deref(), Some("main"));
    }
}

#[test]
fn r7_in_mirror_the_contact_is_ours_and_what_ends_here_stays() {
    let mut world = World::mirror();
    let mut alice = alice().with_instance("urn:uuid:1");
    alice.contact_params.push_str(";reg-id=1;q=0.5");
    let mut contacts = alice.contacts.clone();
    contacts[0].push_str(";pn-provider=apns;pn-prid=x;pn-param=y");
    alice.contacts = contacts;
    world.registered(&mut alice);
    let sent = world.main().last().clone();
    let own = sent.all("Contact").join(", ");
    assert!(own.starts_with("<sip:alice@192.0.2.1:5060;mr="), "{own}");
    for word in ["reg-id", "pn-"] {
        assert!(!own.contains(word), "{own}");
    }
    assert!(own.contains(";q=0.5"), "{own}");
}

#[test]
fn r8_in_mirror_a_removal_is_done_at_the_2xx_and_can_be_said_twice() {
    let (mut world, mut alice) = settled_open();
    for _ in 0..2 {
        let bytes = alice.unregister();
        let answer = forwarded(&mut world, &mut alice, &bytes, Row::Mirror);
        assert_eq!((answer.status(), answer.contacts()), (200, vec![]));
        assert_eq!((world.bound(ALICE), world.held(ALICE)), (vec![], vec![]));
    }
}

#[test]
fn r11_in_mirror_an_old_request_that_proves_nothing_moves_nothing() {
    let (mut world, alice) = settled();
    let mut thief = alice.clone();
    thief.rebind("198.51.100.66:5062");
    thief.cseq = 0;
    let bytes = thief.register();
    assert_eq!(world.exchange(&thief, &bytes).status(), 401);
    assert_eq!(world.rig.bindings(ALICE)[0].remote, alice.address);
}

fn room_for_one(overflow: Overflow) -> Policy {
    let mut policy = mirror();
    policy.limits.bindings_per_aor = 1;
    policy.limits.overflow = overflow;
    policy
}

#[test]
fn r18_in_mirror_a_device_too_many_is_refused_before_it_goes_upstream() {
    let mut world = World::new(room_for_one(Overflow::Reject));
    let (mut alice, mut desk) = (alice(), desk());
    world.registered(&mut alice);
    let bytes = desk.register();
    assert_eq!(locally(&mut world, &desk, &bytes).status(), 403);
    assert_eq!(world.registered(&mut alice).status(), 200);
}

#[test]
fn r18_in_mirror_the_oldest_makes_room_when_the_newcomer_is_accepted() {
    let mut world = World::new(room_for_one(Overflow::ReplaceOldest));
    let (mut alice, mut desk) = (alice(), desk());
    world.registered(&mut alice);
    world.wait(5);
    let bytes = desk.register();
    let challenge = world.exchange(&desk, &bytes);
    assert_eq!(
        (challenge.status(), world.bound(ALICE)),
        (401, vec![alice.contact().to_owned()])
    );
    world.registered(&mut desk);
    assert_eq!(world.bound(ALICE), [desk.contact()]);
}

#[test]
fn r16_in_mirror_another_flows_reject_ends_nothing() {
    let (mut world, alice) = settled();
    let mut thief = alice.clone();
    thief.rebind("198.51.100.66:5062");
    world.main().personality.temper = Temper::Refuses(403);
    let bytes = thief.register();
    assert_eq!(world.exchange(&thief, &bytes).status(), 403);
    assert_eq!(world.bound(ALICE), [alice.contact()]);
}

#[test]
fn d1_in_mirror_what_cannot_be_read_is_refused_here() {
    for (from, to, status) in [
        ("REGISTER sip:example.org", "REGISTER tel:+123", 416),
        ("To: <sip:alice@example.org>", "To: <<<", 400),
        ("CSeq: 1 REGISTER", "CSeq: x REGISTER", 400),
        ("Max-Forwards: 70", "Max-Forwards: 0", 483),
    ] {
        let (mut world, mut alice) = (World::mirror(), alice());
        let bytes = patched(&alice.register(), from, to);
        let answer: Packet = locally(&mut world, &alice, &bytes);
        assert_eq!(answer.status(), status, "{to}");
    }
}
