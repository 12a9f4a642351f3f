//! What operators ask and order: pages of bindings, explanations, kicks.

#![allow(clippy::unwrap_used, reason = "tests")]

mod fixture;

use std::collections::BTreeSet;

use engine::command::{Answer, Cursor, Explanation, Page, Reply, Warning};
use engine::event::Outcome;
use engine::policy::Mode;
use engine::{BindingId, Command, Engine, Input, Outbox, Output, Row, limits};
use fixture::{feed, flow_of, now, register, registered};

/// The one answer to a command.
fn ask(engine: &mut Engine, command: Command) -> Answer {
    let (tag, mut out) = (command.tag(), Outbox::new());
    engine.handle_input(now(10), Input::Command(command), &mut out);
    let mut replies = out.items.into_iter().filter_map(|item| match item {
        Output::Reply(reply) => Some(reply),
        _ => None,
    });
    let Some(Reply { tag: told, answer }) = replies.next() else {
        panic!("no answer");
    };
    assert_eq!((told, replies.count()), (tag, 0));
    answer
}

fn page(engine: &mut Engine, from: Cursor, most: usize) -> Page {
    match ask(engine, Command::List { tag: 7, from, most }) {
        Answer::Page(page) => page,
        other => panic!("{other:?}"),
    }
}

fn explain(engine: &mut Engine, aor: &str) -> Explanation {
    let aor = aor.to_owned();
    match ask(engine, Command::Explain { tag: 1, aor }) {
        Answer::Explanation(explanation) => *explanation,
        other => panic!("{other:?}"),
    }
}

/// All pages; between any two of them something happens.
fn walk(engine: &mut Engine, most: usize, mut between: impl FnMut(&mut Engine)) -> Vec<BindingId> {
    let mut seen = Vec::new();
    let mut from = Cursor::START;
    loop {
        let page = page(engine, from, most);
        assert!(page.bindings.len() <= most);
        seen.extend(page.bindings.iter().map(|binding| binding.id));
        match page.next {
            Some(next) => from = next,
            None => return seen,
        }
        between(engine);
    }
}

#[test]
fn pages_show_each_binding_once() {
    let mut engine = registered(500);
    for most in [1, 7, limits::PAGE] {
        let seen = walk(&mut engine, most, |_| {});
        let distinct: BTreeSet<BindingId> = seen.iter().copied().collect();
        assert_eq!((seen.len(), distinct.len()), (500, 500), "{most} a page");
    }
    assert_eq!(walk(&mut registered(0), 10, |_| {}), []);
}

#[test]
fn who_stays_is_seen_although_others_leave_between_pages() {
    let mut engine = registered(200);
    let mut leaving = 0..100;
    let seen = walk(&mut engine, 10, |engine| {
        if let Some(user) = leaving.next() {
            let aor = format!("user{user}@example.com");
            ask(engine, Command::Kick { tag: 3, aor });
        }
    });
    let seen: BTreeSet<BindingId> = seen.into_iter().collect();
    for user in 100..200 {
        for binding in engine.bindings(&format!("user{user}@example.com")) {
            assert!(seen.contains(&binding.id), "user{user} was not seen");
        }
    }
}

#[test]
fn a_page_is_bounded_whatever_is_asked_for() {
    let mut engine = registered(400);
    let first = page(&mut engine, Cursor::START, usize::MAX);
    assert_eq!(first.bindings.len(), limits::PAGE);
    assert!(first.next.is_some());
    assert_eq!(page(&mut engine, Cursor::START, 0).bindings.len(), 1);
}

#[test]
fn an_explanation_tells_what_was_decided_and_what_came_of_it() {
    let mut engine = registered(1);
    let mut out = Outbox::new();
    feed(
        &mut engine,
        now(5),
        flow_of(0),
        register(0, 2).as_bytes(),
        &mut out,
    );

    let told = explain(&mut engine, "sip:user0@EXAMPLE.com");

    assert_eq!(
        (told.aor.as_str(), told.mode),
        ("user0@example.com", Mode::Contact)
    );
    let [device] = told.bindings.as_slice() else {
        panic!("{told:?}");
    };
    let history: Vec<(Row, Outcome, u32)> = device
        .history
        .iter()
        .map(|one| (one.row, one.outcome, one.granted))
        .collect();
    assert_eq!(
        history,
        [
            (Row::D13, Outcome::Answered, 60),
            (Row::D7, Outcome::Accepted, 60)
        ]
    );
    assert_eq!(
        (device.asked, device.granted, device.expires_in),
        (60, 60, 55)
    );
    assert_eq!(
        (
            device.lease.granted,
            device.lease_left,
            device.lease.sharing
        ),
        (7200, 7190, 1)
    );
    assert_eq!(device.lease.node.as_deref(), Some("main"));
    // Nobody was challenged.
    assert_eq!(told.warnings, [Warning::LetsStrangersIn("main".to_owned())]);
}

#[test]
fn who_cannot_register_learns_why() {
    let mut engine = registered(0);
    let brief = register(9, 1).replace("expires=60", "expires=1");
    let mut out = Outbox::new();
    feed(&mut engine, now(1), flow_of(9), brief.as_bytes(), &mut out);
    feed(
        &mut engine,
        now(2),
        flow_of(8),
        register(8, 1).as_bytes(),
        &mut out,
    );

    let told = explain(&mut engine, "user9@example.com");
    assert!(told.bindings.is_empty() && told.pending.is_empty());
    let refusals: Vec<(u16, Row)> = told.refusals.iter().map(|r| (r.status, r.row)).collect();
    assert_eq!(refusals, [(423, Row::D1)]);

    let told = explain(&mut engine, "user8@example.com");
    assert_eq!((told.pending.len(), told.refusals.len()), (1, 0));
}

#[test]
fn one_binding_is_kicked_and_no_other() {
    let mut engine = registered(2);
    let binding = engine.bindings("user0@example.com")[0].id;
    let kick = || Command::KickBinding { tag: 4, binding };
    assert!(matches!(ask(&mut engine, kick()), Answer::Kicked(1)));
    assert!(matches!(ask(&mut engine, kick()), Answer::Kicked(0)));
    assert_eq!(engine.bindings("user0@example.com").len(), 0);
    assert_eq!(engine.bindings("user1@example.com").len(), 1);
}

#[test]
fn nodes_and_their_epochs_are_told() {
    let mut engine = registered(1);
    let nodes = |engine: &mut Engine| match ask(engine, Command::Nodes { tag: 0 }) {
        Answer::Nodes(nodes) => nodes,
        other => panic!("{other:?}"),
    };
    let node = nodes(&mut engine)[0].clone();
    assert_eq!(
        (node.name.as_str(), node.epoch, node.down),
        ("main", 1, None)
    );

    let resync = Command::ResyncNode {
        tag: 5,
        node: node.id,
    };
    assert!(matches!(ask(&mut engine, resync), Answer::Resynced));
    assert_eq!(nodes(&mut engine)[0].epoch, 2);
    let unknown = Command::ResyncNode {
        tag: 6,
        node: engine::NodeId::of("other"),
    };
    assert!(matches!(ask(&mut engine, unknown), Answer::Refused(_)));
}
