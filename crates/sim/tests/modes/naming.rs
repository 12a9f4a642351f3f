//! R19: the names that phones use, the one under which an AoR is kept here, and the one that the
//! main registrar uses.

use engine::command::{Answer, Command};
use engine::event::ReleaseOutcome;
use engine::policy::{Mode, Naming, Policy};
use engine::{Event, Row};
use midreg_sim::expect::{forwarded, locally, patched};
use midreg_sim::{Packet, Phone};
use sip::aor::UserCase;

use crate::{ALICE, alice, desk, main_registers, mode, unwatched, unwatched_open};

const THERE: &str = "alice@pbx.local";

/// Everybody's domain is called `pbx.local` by the main registrar.
fn renamed(of: Mode) -> Policy {
    let mut policy = mode(of);
    policy.domain.upstream_name = Some("pbx.local".into());
    policy
}

/// One domain by several names, and users whose case does not count.
fn folded(of: Mode) -> Policy {
    let mut policy = mode(of);
    policy.naming = Naming {
        strip_prefixes: vec!["sip.".into()],
        aliases: vec![("10.0.0.1".into(), "example.org".into())],
        user_case: UserCase::Fold,
    };
    policy
}

const ALL: [Mode; 3] = [Mode::Contact, Mode::Aor, Mode::Mirror];

/// The same request under another name of the AoR.
fn called(bytes: &[u8], name: &str) -> Vec<u8> {
    let text =
        String::from_utf8_lossy(bytes).replace("sip:alice@example.org", &format!("sip:{name}"));
    let domain = name.split('@').nth(1).unwrap_or_default();
    let line = format!("REGISTER sip:{domain} ");
    text.replace("REGISTER sip:example.org ", &line)
        .into_bytes()
}

/// What a request says of names: Request-URI, To and From.
fn names(request: &Packet) -> [String; 3] {
    let text = request.text();
    let target = text.split(' ').nth(1).unwrap_or_default().to_owned();
    let bare = |name: &str| {
        let value = request.value(name).unwrap_or_default();
        value.split(";tag=").next().unwrap_or_default().to_owned()
    };
    [target, bare("To"), bare("From")]
}

fn named(target: &str, aor: &str) -> [String; 3] {
    [
        target.to_owned(),
        format!("<sip:{aor}>"),
        format!("<sip:{aor}>"),
    ]
}

#[test]
fn r19_request_uri_to_and_from_go_upstream_under_the_upstream_name_and_come_back() {
    for of in ALL {
        let (mut world, mut alice) = (unwatched(renamed(of)), alice());
        let answer = world.registered(&mut alice);
        assert_eq!(names(world.main().last()), named("sip:pbx.local", THERE));
        assert_eq!(world.held(THERE).len(), 1, "{of:?}");
        assert_eq!(world.held(ALICE), []);
        assert_eq!(world.bound(ALICE), [alice.contact()]);
        let [_, to, from] = names(&answer);
        assert_eq!([to, from], ["<sip:alice@example.org>"; 2], "{of:?}");
        assert_eq!(answer.tag("From"), Some(alice.from_tag.clone()));
        assert!(answer.tag("To").is_some());
    }
}

#[test]
fn r19_challenges_and_refusals_come_back_under_the_devices_name() {
    for of in ALL {
        let (mut world, mut alice) = (unwatched(renamed(of)), alice());
        let bytes = alice.register();
        let challenge = world.exchange(&alice, &bytes);
        assert_eq!(challenge.status(), 401);
        assert!(!challenge.text().contains("pbx.local"), "{of:?}");
        assert_eq!(challenge.value("Call-ID"), Some(alice.call_id.clone()));
    }
}

#[test]
fn r19_the_credentials_are_not_renamed() {
    for of in ALL {
        let (mut world, mut alice) = (unwatched(renamed(of)), alice());
        world.registered(&mut alice);
        let sent = world
            .main()
            .last()
            .value("Authorization")
            .unwrap_or_default();
        assert!(sent.contains("uri=\"sip:example.org\""), "{of:?}: {sent}");
    }
}

#[test]
fn r19_the_contact_upstream_keeps_the_name_that_we_know() {
    let mut world = unwatched(renamed(Mode::Aor));
    world.registered(&mut alice());
    let held = world.held(THERE);
    assert_eq!(held[0].uri, "sip:alice%40example.org@192.0.2.1:5060");
}

#[test]
fn d13_r19_refreshes_are_absorbed_under_every_name() {
    for of in [Mode::Contact, Mode::Aor] {
        let mut world = unwatched(folded(of));
        let mut alice = alice();
        world.registered(&mut alice);
        for name in [
            "Alice@EXAMPLE.org",
            "alice@sip.example.org",
            "ALICE@10.0.0.1:5070",
        ] {
            let bytes = called(&alice.register(), name);
            let answer = locally(&mut world, &alice, &bytes);
            assert_eq!(answer.promised(alice.contact()), Some(300), "{of:?} {name}");
            let own = format!("<sip:{name}>");
            assert!(answer.value("To").unwrap_or_default().starts_with(&own));
        }
        assert_eq!(world.row(Row::D13), 3);
        assert_eq!(world.rig.totals().records, 1);
    }
}

#[test]
fn r19_devices_that_use_different_names_are_siblings() {
    for of in ALL {
        let mut world = unwatched_open(folded(of));
        let words = [
            "alice@example.org",
            "Alice@sip.example.org",
            "alice@10.0.0.1",
        ];
        for (number, name) in words.iter().enumerate() {
            let mut phone = Phone::new("alice", &format!("198.51.100.{}:5060", number + 1));
            let bytes = called(&phone.register(), name);
            let answer = world.exchange(&phone, &bytes);
            assert_eq!(answer.status(), 200, "{of:?} {name}");
            let sent = world.main().last().clone();
            assert_eq!(
                names(&sent),
                named("sip:example.org", ALICE),
                "{of:?} {name}"
            );
        }
        assert_eq!(world.bound(ALICE).len(), 3);
        let wanted = if of == Mode::Aor { 1 } else { 3 };
        assert_eq!(world.held(ALICE).len(), wanted);
    }
}

#[test]
fn r19_case_counts_where_it_is_not_folded() {
    let mut world = unwatched_open(mode(Mode::Contact));
    let (mut alice, mut desk) = (alice(), desk());
    world.registered(&mut alice);
    let bytes = called(&desk.register(), "Alice@example.org");
    assert_eq!(world.exchange(&desk, &bytes).status(), 200);
    assert_eq!(world.rig.totals().records, 2);
}

#[test]
fn r19_a_port_goes_with_the_name_that_it_belonged_to() {
    for of in ALL {
        let (mut world, mut alice) = (unwatched_open(renamed(of)), alice());
        let bytes = called(&alice.register(), "alice@example.org:5080;user=phone");
        assert_eq!(world.exchange(&alice, &bytes).status(), 200);
        let [target, to, _] = names(world.main().last());
        assert_eq!(to, "<sip:alice@pbx.local;user=phone>");
        assert!(target.starts_with("sip:pbx.local"), "{target}");
        assert!(!target.contains("5080"), "{target}");
    }
}

#[test]
fn r19_a_third_party_keeps_its_own_name() {
    for of in ALL {
        let (mut world, mut alice) = (unwatched_open(renamed(of)), alice());
        let boss = "From: \"The Boss\" <sip:boss@office.example>;tag=";
        let bytes = patched(
            &alice.register(),
            "From: <sip:alice@example.org>;tag=",
            boss,
        );
        let answer = world.exchange(&alice, &bytes);
        let sent = world.main().last().clone();
        assert_eq!(
            names(&sent)[1..],
            [
                "<sip:alice@pbx.local>",
                "\"The Boss\" <sip:boss@office.example>"
            ]
        );
        let from = answer.value("From").unwrap_or_default();
        assert_eq!(
            from,
            format!(
                "\"The Boss\" <sip:boss@office.example>;tag={}",
                alice.from_tag
            )
        );
    }
}

#[test]
fn r19_a_from_without_a_tag_comes_back_without_one() {
    for of in ALL {
        let (mut world, mut alice) = (unwatched_open(renamed(of)), alice());
        let bytes = patched(&alice.register(), &format!(";tag={}", alice.from_tag), "");
        let answer = world.exchange(&alice, &bytes);
        assert_eq!(answer.status(), 200);
        assert_eq!(
            answer.value("From").as_deref(),
            Some("<sip:alice@example.org>")
        );
        let sent = world.main().last().clone();
        assert_eq!(names(&sent), named("sip:pbx.local", THERE));
        let tagged = sent.tag("From").is_some();
        assert_eq!(tagged, of != Mode::Mirror, "{of:?}: a lease has its own");
    }
}

#[test]
fn r19_display_names_and_parameters_stay() {
    for of in ALL {
        let (mut world, mut alice) = (unwatched_open(renamed(of)), alice());
        let to = "To: \"Alice <A.>\" <sip:alice@example.org;transport=udp>;x=y";
        let bytes = patched(&alice.register(), "To: <sip:alice@example.org>", to);
        let answer = world.exchange(&alice, &bytes);
        let sent = world.main().last().value("To");
        let wanted = "\"Alice <A.>\" <sip:alice@pbx.local;transport=udp>;x=y";
        assert_eq!(sent.as_deref(), Some(wanted), "{of:?}");
        let back = answer.value("To").unwrap_or_default();
        let own = "\"Alice <A.>\" <sip:alice@example.org;transport=udp>;x=y;tag=";
        assert!(back.starts_with(own), "{back}");
    }
}

#[test]
fn r9_r19_our_own_removal_uses_the_upstream_name() {
    for of in [Mode::Contact, Mode::Aor] {
        let (mut world, mut alice) = (unwatched_open(renamed(of)), alice());
        world.registered(&mut alice);
        world.events();
        world.wait(301);
        let sent = world.main().last().clone();
        assert_eq!(names(&sent), named("sip:pbx.local", THERE), "{of:?}");
        assert_eq!(world.held(THERE), []);
        let removed = |event: &Event| matches!(event, Event::LeaseReleased { aor, outcome: ReleaseOutcome::Removed } if **aor == *ALICE);
        assert!(world.events().iter().any(removed), "people read our name");
    }
}

#[test]
fn r8_r19_removal_query_and_star_are_renamed_too() {
    for of in ALL {
        for request in [Phone::unregister, Phone::query, Phone::unregister_all] {
            let mut world = unwatched_open(renamed(of));
            let (mut alice, mut desk) = (alice(), desk());
            world.registered(&mut alice);
            let before = main_registers(&world);
            let bytes = request(&mut desk);
            assert_eq!(world.exchange(&desk, &bytes).status(), 200);
            assert_eq!(main_registers(&world), before + 1);
            assert_eq!(names(world.main().last()), named("sip:pbx.local", THERE));
        }
    }
}

#[test]
fn r19_prefix_and_alias_lead_to_the_upstream_name() {
    let mut policy = folded(Mode::Contact);
    policy.domain.upstream_name = Some("pbx.local".into());
    for name in [
        "Alice@sip.example.org",
        "alice@10.0.0.1",
        "alice@example.org",
    ] {
        let (mut world, mut alice) = (unwatched_open(policy.clone()), alice());
        let bytes = called(&alice.register(), name);
        world.exchange(&alice, &bytes);
        assert_eq!(
            names(world.main().last()),
            named("sip:pbx.local", THERE),
            "{name}"
        );
    }
}

#[test]
fn r3_r19_one_phone_that_changes_its_word_for_itself_is_one_device() {
    let (mut world, mut alice) = (unwatched_open(folded(Mode::Contact)), alice());
    world.registered(&mut alice);
    alice.move_to("198.51.100.9:5062");
    let bytes = called(&alice.register(), "ALICE@sip.example.org");
    let answer = forwarded(&mut world, &mut alice, &bytes, Row::D8);
    assert_eq!(answer.status(), 200);
    assert_eq!((world.bound(ALICE).len(), world.held(ALICE).len()), (1, 1));
}

#[test]
fn r19_the_second_leg_may_use_another_name() {
    let mut world = unwatched(folded(Mode::Contact));
    let mut alice = alice();
    let first = called(&alice.register(), "Alice@sip.example.org");
    let challenge = world.exchange(&alice, &first);
    let second = alice.answer(&challenge);
    assert_eq!(world.exchange(&alice, &second).status(), 200);
    assert_eq!(world.row(Row::D4), 1);
}

#[test]
fn r19_the_request_uri_is_renamed_where_the_to_needs_no_other_name() {
    let (mut world, mut alice) = (unwatched_open(folded(Mode::Contact)), alice());
    let line = "REGISTER sip:sip.example.org ";
    let bytes = patched(&alice.register(), "REGISTER sip:example.org ", line);
    world.exchange(&alice, &bytes);
    assert_eq!(names(world.main().last()), named("sip:example.org", ALICE));
}

#[test]
fn r19_the_from_is_renamed_where_the_to_needs_no_other_name() {
    let (mut world, mut alice) = (unwatched_open(folded(Mode::Contact)), alice());
    let from = "From: <sip:Alice@10.0.0.1>";
    let bytes = patched(&alice.register(), "From: <sip:alice@example.org>", from);
    world.exchange(&alice, &bytes);
    assert_eq!(names(world.main().last()), named("sip:example.org", ALICE));
}

#[test]
fn r19_an_operator_may_use_any_name_too() {
    let (mut world, mut alice) = (unwatched_open(folded(Mode::Contact)), alice());
    world.registered(&mut alice);
    for name in [
        ALICE,
        "Alice@example.org",
        "alice@sip.example.org",
        "alice@10.0.0.1",
    ] {
        let (tag, aor) = (1, name.to_owned());
        let answer = world.touch(|rig| rig.command(Command::Show { tag, aor }));
        let Answer::Bindings(bindings) = answer else {
            panic!("{answer:?}");
        };
        assert_eq!(bindings.len(), 1, "{name}");
    }
}
