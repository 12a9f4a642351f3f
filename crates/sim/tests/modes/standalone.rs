//! Where there is no main registrar: what is proved here is registered here (RFC 3261 §10.3).

use engine::command::{Answer, Command};
use engine::event::RemovalCause;
use engine::policy::{Mode, Overflow, Policy, TooBrief};
use engine::{Event, Row};
use midreg_sim::expect::{locally, patched};
use midreg_sim::{Phone, StoreMode, World};

use crate::users::{Proof, knowing, proved, registered, with_line};
use crate::{ALICE, alice, desk, mode, unwatched};

/// midreg knows alice and bob; the watch listens.
fn house() -> World {
    World::new(knowing(mode(Mode::Standalone)))
}

/// It takes everybody at their word.
fn open() -> World {
    unwatched(mode(Mode::Standalone))
}

fn settled() -> (World, Phone) {
    let (mut world, mut alice) = (house(), alice());
    registered(&mut world, &mut alice);
    (world, alice)
}

fn under(change: impl FnOnce(&mut Policy)) -> World {
    let mut policy = mode(Mode::Standalone);
    change(&mut policy);
    unwatched(policy)
}

// D1

#[test]
fn d1_standalone_refuses_what_cannot_be_read() {
    for (from, to, status) in [
        ("REGISTER sip:example.org", "REGISTER tel:+123", 416),
        ("To: <sip:alice@example.org>", "To: <<<", 400),
        ("CSeq: 1 REGISTER", "CSeq: x REGISTER", 400),
        ("Expires: 300", "Expires: 300\r\nRequire: teleport", 420),
        ("Max-Forwards: 70", "Max-Forwards: 0", 483),
    ] {
        let (mut world, mut alice) = (open(), alice());
        let bytes = patched(&alice.register(), from, to);
        assert_eq!(locally(&mut world, &alice, &bytes).status(), status, "{to}");
        assert_eq!(world.rig.totals().bindings, 0);
    }
}

#[test]
fn d1_standalone_a_star_needs_expires_0_and_nothing_else() {
    let (mut world, mut alice) = (open(), alice());
    world.registered(&mut alice);
    for (contacts, expires) in [
        (&["*"][..], Some(300)),
        (&["*"][..], None),
        (&["*", "<sip:alice@198.51.100.7>"][..], Some(0)),
    ] {
        let bytes = alice.say(contacts, expires);
        assert_eq!(world.exchange(&alice, &bytes).status(), 400);
    }
    assert_eq!(world.bound(ALICE).len(), 1);
}

// R1

#[test]
fn r1_standalone_nobody_is_bound_before_the_proof() {
    let (mut world, mut alice) = (house(), alice());
    let bytes = alice.register();
    assert_eq!(world.exchange(&alice, &bytes).status(), 401);
    let totals = world.rig.totals();
    assert_eq!(
        (totals.bindings, totals.records, totals.conversations),
        (0, 0, 0)
    );
    assert_eq!(world.row(Row::D7), 1);
}

#[test]
fn r1_standalone_the_proof_binds() {
    let (world, alice) = settled();
    assert_eq!(world.bound(ALICE), [alice.contact()]);
    assert_eq!(world.fault(), None);
}

#[test]
fn r1_standalone_the_200_waits_for_the_store() {
    let (mut world, mut alice) = (open(), alice());
    world.rig.set_store(StoreMode::Late);
    let bytes = alice.register();
    assert_eq!(world.try_exchange(&alice, &bytes), None);
    world.touch(midreg_sim::Rig::catch_up);
    let mail = world.mail(alice.address);
    assert_eq!(mail.last().map(midreg_sim::Packet::status), Some(200));
}

#[test]
fn r1_standalone_a_failing_store_binds_nobody_for_long() {
    let (mut world, mut alice) = (open(), alice());
    world.rig.set_store(StoreMode::Failing);
    let bytes = alice.register();
    assert_eq!(world.exchange(&alice, &bytes).status(), 503);
    world.rig.set_store(StoreMode::AtOnce);
    let bytes = alice.register();
    assert_eq!(world.exchange(&alice, &bytes).status(), 200);
}

#[test]
fn r1_standalone_an_open_registrar_asks_nobody() {
    let (mut world, mut alice) = (open(), alice());
    let bytes = alice.register();
    let answer = world.exchange(&alice, &bytes);
    assert_eq!(answer.promised(alice.contact()), Some(300));
    assert_eq!(world.rig.engine().counters().challenges, 0);
}

// D2, D3, R11

#[test]
fn d2_standalone_a_repetition_gets_the_same_200_and_no_challenge() {
    let (mut world, alice) = settled();
    world.wait(10);
    let again = world.exchange(&alice, &alice.again());
    assert_eq!(again.promised(alice.contact()), Some(290));
    assert_eq!(world.row(Row::D2), 1);
}

#[test]
fn d3_standalone_a_lower_cseq_on_the_proved_flow_is_400() {
    let (mut world, mut alice) = settled();
    alice.cseq = 0;
    let late = alice.register();
    assert_eq!(world.exchange(&alice, &late).status(), 400);
    assert_eq!(world.row(Row::D3), 1);
    alice.cseq = 2;
    let other = with_line(&mut alice, "X-Other: 1", |phone| {
        phone.cseq -= 1;
        phone.register_for(200)
    });
    assert_eq!(world.exchange(&alice, &other).status(), 400);
}

#[test]
fn r11_standalone_a_lower_cseq_from_elsewhere_must_be_proved() {
    let (mut world, mut alice) = settled();
    alice.cseq = 0;
    alice.rebind("198.51.100.7:6000");
    let answer = proved(&mut world, &mut alice, Phone::register);
    assert_eq!(answer.status(), 200);
    assert_eq!(world.bound(ALICE).len(), 1);
}

#[test]
fn r11_standalone_a_huge_cseq_locks_nobody_out() {
    let (mut world, mut alice) = settled();
    let mut thief = alice.clone();
    thief.rebind("198.51.100.66:5062");
    thief.cseq = 2_000_000_000;
    let bytes = thief.register();
    assert_eq!(world.exchange(&thief, &bytes).status(), 401);
    let bytes = alice.register();
    assert_eq!(locally(&mut world, &alice, &bytes).status(), 200);
}

// R3

#[test]
fn r3_standalone_a_device_keeps_its_binding_through_new_contacts_and_flows() {
    let mut world = house();
    let mut alice = alice().with_instance("urn:uuid:1");
    registered(&mut world, &mut alice);
    let before = world.rig.bindings(ALICE)[0].id;
    alice.move_to("198.51.100.9:5070");
    alice.reboot();
    registered(&mut world, &mut alice);
    let bound = world.rig.bindings(ALICE);
    assert_eq!((bound.len(), bound[0].id), (1, before));
    assert_eq!(bound[0].contact, alice.contact());
}

#[test]
fn r3_standalone_two_devices_are_two() {
    let (mut world, alice) = settled();
    let mut desk = desk();
    let answer = registered(&mut world, &mut desk);
    let listed: Vec<String> = answer.contacts().into_iter().map(|c| c.uri).collect();
    assert_eq!(listed, [desk.contact(), alice.contact()]);
}

#[test]
fn r3_standalone_several_contacts_are_all_or_nothing() {
    let mut world = under(|policy| policy.limits.bindings_per_aor = 1);
    let mut alice = alice().with_contacts(&["sip:a@198.51.100.7:5062", "sip:b@198.51.100.7:5062"]);
    let bytes = alice.register();
    assert_eq!(world.exchange(&alice, &bytes).status(), 403);
    assert_eq!(world.rig.totals().bindings, 0);
}

// R4

#[test]
fn r4_standalone_too_little_is_423_or_raised() {
    let mut world = under(|_| {});
    let mut brief = alice().asking(Some(59));
    let bytes = brief.register();
    let answer = world.exchange(&brief, &bytes);
    assert_eq!(
        (answer.status(), answer.number("Min-Expires")),
        (423, Some(60))
    );
    let mut world = under(|policy| policy.domain.registration.too_brief = TooBrief::Raise);
    let answer = world.registered(&mut brief);
    assert_eq!(answer.promised(brief.contact()), Some(60));
}

#[test]
fn r4_standalone_too_much_is_cut_and_nothing_is_given_the_default() {
    for (asked, granted) in [(Some(10_000), 3600), (None, 1800), (Some(300), 300)] {
        let mut world = under(|policy| policy.domain.registration.default_expires = 1800);
        let mut alice = alice().asking(asked);
        let answer = world.registered(&mut alice);
        assert_eq!(answer.promised(alice.contact()), Some(granted));
        assert_eq!(answer.number("Expires"), Some(granted));
    }
}

#[test]
fn r4_standalone_behind_a_nat_the_grant_is_short() {
    let mut world = open();
    let mut alice = alice().behind_nat("10.0.0.5:5060");
    let answer = world.registered(&mut alice);
    assert_eq!(answer.promised(alice.contact()), Some(60));
}

#[test]
fn r4_standalone_the_contact_comes_back_verbatim() {
    let mut world = open();
    let mut alice = alice().with_instance("urn:uuid:1");
    alice.contact_params.push_str(";q=0.5;+sip.ice");
    let answer = world.registered(&mut alice);
    let wanted = format!(
        "<{}>;+sip.instance=\"<urn:uuid:1>\";q=0.5;+sip.ice;expires=300",
        alice.contact()
    );
    assert_eq!(answer.all("Contact"), [wanted]);
}

#[test]
fn r4_standalone_no_lease_cuts_a_promise_however_long_it_lasts() {
    let mut world = open();
    let mut alice = alice().asking(Some(3600));
    for _ in 0..50 {
        let answer = world.registered(&mut alice);
        assert_eq!(answer.promised(alice.contact()), Some(3600));
        world.wait(3000);
    }
}

// D5

#[test]
fn d5_standalone_a_query_is_answered_to_who_is_known_and_nobody_else() {
    let (mut world, mut alice) = settled();
    let query = alice.query();
    let answer = world.exchange(&alice, &query);
    assert_eq!(answer.promised(alice.contact()), Some(300));
    let mut stranger = desk();
    let query = stranger.query();
    let answer = world.exchange(&stranger, &query);
    assert_eq!((answer.status(), answer.contacts()), (401, vec![]));
    let answer = proved(&mut world, &mut stranger, Phone::query);
    assert_eq!(answer.promised(alice.contact()), Some(300));
    assert_eq!(world.bound(ALICE).len(), 1, "it changes nothing");
}

// D6, R8

#[test]
fn d6_r8_standalone_who_is_surely_itself_leaves_at_once() {
    let (mut world, mut alice) = settled();
    let bytes = alice.unregister();
    let answer = locally(&mut world, &alice, &bytes);
    assert_eq!((answer.status(), answer.contacts()), (200, vec![]));
    assert_eq!(world.bound(ALICE), Vec::<String>::new());
    let told = world.events();
    let gone = |event: &Event| {
        matches!(
            event,
            Event::BindingRemoved {
                cause: RemovalCause::Unregistered,
                ..
            }
        )
    };
    assert_eq!(told.iter().filter(|event| gone(event)).count(), 1);
}

#[test]
fn r8_standalone_a_strangers_removal_is_asked_for_proof() {
    let (mut world, alice) = settled();
    let mut thief = Phone::new("alice", "198.51.100.66:5062");
    thief.contacts = alice.contacts;
    for request in [Phone::unregister, Phone::unregister_all] {
        let bytes = request(&mut thief);
        assert_eq!(world.exchange(&thief, &bytes).status(), 401);
    }
    assert_eq!(world.bound(ALICE).len(), 1);
    let bob = Proof {
        user: "bob",
        ..Proof::ALICE
    };
    let bytes = thief.unregister();
    let challenge = world.exchange(&thief, &bytes);
    let bytes = with_line(&mut thief, &bob.answer(&challenge), Phone::unregister);
    assert_eq!(world.exchange(&thief, &bytes).status(), 401);
    assert_eq!(world.bound(ALICE).len(), 1);
}

#[test]
fn r8_standalone_a_star_on_proof_ends_all() {
    let (mut world, mut alice) = settled();
    registered(&mut world, &mut desk());
    let answer = proved(&mut world, &mut alice, Phone::unregister_all);
    assert_eq!((answer.status(), answer.contacts()), (200, vec![]));
    assert_eq!(world.rig.totals().records, 0);
    // A copy of it is answered alike.
    let again = world.exchange(&alice, &alice.again());
    assert_eq!(again.status(), 200);
}

#[test]
fn r8_standalone_a_tombstone_keeps_a_late_duplicate_from_raising_the_dead() {
    let (mut world, mut alice) = (open(), alice());
    world.registered(&mut alice);
    let late = alice.again();
    let bytes = alice.unregister();
    world.exchange(&alice, &bytes);
    assert_eq!(world.exchange(&alice, &late).status(), 400);
    assert_eq!(world.bound(ALICE), Vec::<String>::new());
}

#[test]
fn r8_standalone_some_leave_and_some_come_in_one_request() {
    let mut world = open();
    let (one, two) = ("sip:a@198.51.100.7:5062", "sip:b@198.51.100.7:5062");
    let mut alice = alice().with_contacts(&[one]);
    world.registered(&mut alice);
    let bytes = alice.say(
        &[&format!("<{one}>;expires=0"), &format!("<{two}>")],
        Some(300),
    );
    let answer = world.exchange(&alice, &bytes);
    assert_eq!(answer.status(), 200);
    assert_eq!(world.bound(ALICE), [two]);
    assert_eq!(answer.promised(two), Some(300));
}

#[test]
fn d6_standalone_an_unknown_device_that_leaves_is_wished_well() {
    let (mut world, mut alice) = (open(), alice());
    let bytes = alice.unregister();
    let answer = world.exchange(&alice, &bytes);
    assert_eq!((answer.status(), answer.contacts()), (200, vec![]));
}

// R9

#[test]
fn r9_standalone_who_does_not_refresh_is_gone_at_the_second() {
    let (mut world, _) = settled();
    world.wait(299);
    assert_eq!(world.bound(ALICE).len(), 1);
    world.wait(2);
    assert_eq!(world.rig.totals().records, 0);
    let told = world.events();
    let expired = |event: &Event| {
        matches!(
            event,
            Event::BindingRemoved {
                cause: RemovalCause::Expired,
                ..
            }
        )
    };
    assert_eq!(told.iter().filter(|event| expired(event)).count(), 1);
    let totals = world.rig.totals();
    assert_eq!((totals.releases, totals.conversations), (0, 0));
}

#[test]
fn r9_standalone_a_kick_ends_all() {
    let (mut world, _) = settled();
    let aor = ALICE.to_owned();
    let answer = world.touch(|rig| rig.command(Command::Kick { tag: 1, aor }));
    assert!(matches!(answer, Answer::Kicked(1)), "{answer:?}");
    assert_eq!(world.rig.totals().conversations, 0);
}

// R12

#[test]
fn r12_standalone_path_goes_back_to_devices_that_understand_it() {
    let path = "<sip:edge.example.net;lr>";
    for (supported, wanted) in [(true, vec![path.to_owned()]), (false, vec![])] {
        let mut world = open();
        let mut alice = alice().with_header(&format!("Path: {path}"));
        if supported {
            alice = alice.with_header("Supported: path");
        }
        for _ in 0..2 {
            let answer = world.registered(&mut alice);
            assert_eq!(answer.all("Path"), wanted);
            assert!(answer.value("Date").is_some());
        }
    }
}

// D8, D9, D10, D13

#[test]
fn d13_standalone_a_refresh_needs_no_new_proof() {
    let (mut world, mut alice) = settled();
    for _ in 0..3 {
        world.wait(100);
        let bytes = alice.register();
        assert_eq!(
            world.exchange(&alice, &bytes).promised(alice.contact()),
            Some(300)
        );
    }
    assert_eq!(world.row(Row::D13), 3);
    assert_eq!(world.rig.engine().counters().challenges, 1);
}

#[test]
fn d13_standalone_a_refresh_writes_nothing() {
    let (mut world, mut alice) = settled();
    world.rig.set_store(StoreMode::Late);
    let bytes = alice.register();
    assert_eq!(world.exchange(&alice, &bytes).status(), 200);
}

#[test]
fn d8_d9_standalone_whoever_changed_or_moved_is_asked_again() {
    let (mut world, mut alice) = settled();
    alice.contact_params = ";q=0.5".to_owned();
    registered(&mut world, &mut alice);
    assert_eq!(world.row(Row::D8), 2);
    alice.rebind("198.51.100.7:7000");
    registered(&mut world, &mut alice);
    assert_eq!(world.row(Row::D9), 2);
    assert_eq!(world.rig.bindings(ALICE)[0].remote, alice.address);
}

#[test]
fn d10_standalone_an_old_proof_is_renewed() {
    let mut policy = knowing(mode(Mode::Standalone));
    policy.domain.reauth_interval = 600;
    let (mut world, mut alice) = (World::new(policy), alice());
    registered(&mut world, &mut alice);
    for _ in 0..2 {
        world.wait(290);
        let bytes = alice.register();
        assert_eq!(world.exchange(&alice, &bytes).status(), 200);
    }
    world.wait(30);
    registered(&mut world, &mut alice);
    assert_eq!(world.row(Row::D10), 2);
}

#[test]
fn d11_standalone_a_resync_concerns_nobody() {
    let (mut world, mut alice) = settled();
    world.touch(|rig| rig.command(Command::Resync { tag: 0 }));
    let bytes = alice.register();
    assert_eq!(world.exchange(&alice, &bytes).status(), 200);
    assert_eq!(world.row(Row::D13), 1);
}

// R18

#[test]
fn r18_standalone_a_device_too_many_is_refused() {
    let mut policy = knowing(mode(Mode::Standalone));
    policy.limits.bindings_per_aor = 1;
    let (mut world, mut alice) = (World::new(policy), alice());
    registered(&mut world, &mut alice);
    let answer = proved(&mut world, &mut desk(), Phone::register);
    assert_eq!(answer.status(), 403);
    assert_eq!(world.bound(ALICE), [alice.contact()]);
    let bytes = alice.register();
    assert_eq!(world.exchange(&alice, &bytes).status(), 200);
}

#[test]
fn r18_standalone_the_oldest_makes_room_only_for_who_is_proved() {
    let mut policy = knowing(mode(Mode::Standalone));
    policy.limits.bindings_per_aor = 1;
    policy.limits.overflow = Overflow::ReplaceOldest;
    let (mut world, mut alice, mut desk) = (World::new(policy), alice(), desk());
    registered(&mut world, &mut alice);
    world.wait(10);
    let bytes = desk.register();
    assert_eq!(world.exchange(&desk, &bytes).status(), 401);
    assert_eq!(world.bound(ALICE), [alice.contact()]);
    let answer = registered(&mut world, &mut desk);
    assert_eq!(world.bound(ALICE), [desk.contact()]);
    let listed: Vec<String> = answer.contacts().into_iter().map(|c| c.uri).collect();
    assert_eq!(listed, [desk.contact()]);
}

#[test]
fn r18_standalone_a_full_house_is_503_and_one_address_has_its_share() {
    let mut world = under(|policy| policy.limits.bindings = 1);
    world.registered(&mut alice());
    let bytes = desk().register();
    assert_eq!(world.exchange(&desk(), &bytes).status(), 503);
    let mut world = under(|policy| policy.limits.bindings_per_source = 1);
    world.registered(&mut alice());
    let mut bob = Phone::new("bob", "198.51.100.7:6000");
    let bytes = bob.register();
    assert_eq!(world.exchange(&bob, &bytes).status(), 403);
}

// R19

#[test]
fn r19_standalone_every_name_of_the_domain_is_the_same_record() {
    let mut world = under(|policy| {
        policy.naming.strip_prefixes = vec!["sip.".into()];
        policy.naming.aliases = vec![("10.0.0.1".into(), "example.org".into())];
    });
    for (number, name) in (1..).zip(["example.org", "sip.example.org", "10.0.0.1:5070"]) {
        let mut phone = Phone::new("alice", &format!("198.51.100.{number}:5062"));
        let to = format!("To: <sip:alice@{name}>");
        let bytes = patched(&phone.register(), "To: <sip:alice@example.org>", &to);
        let answer = world.exchange(&phone, &bytes);
        assert_eq!(answer.contacts().len(), number, "{name}");
        assert!(answer.value("To").is_some_and(|value| value.contains(name)));
    }
    assert_eq!(world.rig.totals().records, 1);
}
