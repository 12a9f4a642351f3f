//! The rules of a fork, without anything sent.

use super::*;
use crate::flow::ListenerId;
use crate::proxy::targets::Target;
use smallvec::smallvec;

fn target(name: &str) -> Target {
    Target {
        uri: name.as_bytes().into(),
        route: Box::default(),
        flow: Flow::udp(ListenerId(0), "192.0.2.1:5060".parse().unwrap()),
        binding: None,
        node: NodeId::NONE,
    }
}

fn fork(method: Method, groups: &[&[&str]]) -> Fork {
    let group = |names: &&[&str]| names.iter().map(|name| target(name)).collect();
    Fork {
        server: None,
        request: Box::default(),
        method,
        came_by: Flow::udp(ListenerId(0), "192.0.2.2:5060".parse().unwrap()),
        sender: SenderSide::Upstream(NodeId(1)),
        plan: groups.iter().map(group).collect(),
        branches: smallvec![],
        phase: Phase::Open,
        best: None,
        challenges: Vec::new(),
        ring_time: Duration::from_secs(30),
        redirects: Redirects::Pass,
        followed: Vec::new(),
        breadth: 60,
        awaited: None,
        timer: None,
        call: None,
    }
}

/// Tries the next group.
fn advance(fork: &mut Fork) -> usize {
    let Next::Try(group) = fork.next() else {
        panic!("nobody left to try");
    };
    for _ in &group {
        fork.branches.push(Branch {
            txn: None,
            renamed: Renamed::No,
            node: NodeId::NONE,
            state: BranchState::Calling,
            cancel: Cancel::Not,
        });
    }
    group.len()
}

fn calling(groups: &[&[&str]]) -> Fork {
    let mut fork = fork(Method::Invite, groups);
    advance(&mut fork);
    fork
}

fn cancels(fork: &Fork) -> Vec<Cancel> {
    fork.branches.iter().map(|branch| branch.cancel).collect()
}

#[test]
fn r3261_16_27_progress_passes_and_100_does_not() {
    let mut fork = calling(&[&["a", "b"]]);
    assert_eq!(fork.on_provisional(0, 100), Say::Nothing);
    assert_eq!(fork.on_provisional(1, 180), Say::Pass);
    assert_eq!(fork.next(), Next::Wait);
}

#[test]
fn r3261_16_34_the_loser_is_cancelled_once_it_was_heard() {
    let mut fork = calling(&[&["a", "b", "c"]]);
    fork.on_provisional(0, 180);
    fork.on_provisional(1, 180);
    assert_eq!(fork.on_final(0, 200, Origin::Branch), Say::Pass);
    assert_eq!(
        cancels(&fork),
        [Cancel::Not, Cancel::Wanted, Cancel::Wanted]
    );
    fork.cancellable();
    assert_eq!(cancels(&fork), [Cancel::Not, Cancel::Sent, Cancel::Wanted]);
    assert_eq!(fork.on_provisional(2, 180), Say::Nothing);
    fork.cancellable();
    assert_eq!(cancels(&fork), [Cancel::Not, Cancel::Sent, Cancel::Sent]);
    assert_eq!(fork.next(), Next::Wait);
    assert_eq!(fork.on_final(1, 487, Origin::Branch), Say::Nothing);
    assert_eq!(fork.on_final(2, 487, Origin::Branch), Say::Nothing);
    assert_eq!(fork.next(), Next::Over);
}

#[test]
fn r6026_every_2xx_to_an_invite_passes_and_of_others_the_first() {
    let mut invite = calling(&[&["a", "b"]]);
    assert_eq!(invite.on_final(0, 200, Origin::Branch), Say::Pass);
    assert_eq!(invite.on_final(1, 200, Origin::Branch), Say::Pass);
    let mut message = fork(Method::Message, &[&["a", "b"]]);
    advance(&mut message);
    assert_eq!(message.on_final(0, 200, Origin::Branch), Say::Pass);
    assert_eq!(message.on_final(1, 200, Origin::Branch), Say::Nothing);
    assert!(message.cancellable().is_empty());
    assert_eq!(message.next(), Next::Over);
}

#[test]
fn r3261_16_29_a_6xx_ends_all_and_waits_for_the_others() {
    let mut fork = calling(&[&["a", "b"], &["c"]]);
    fork.on_provisional(1, 180);
    assert_eq!(fork.on_final(0, 603, Origin::Branch), Say::Keep);
    assert_eq!(fork.phase, Phase::Closed(Closing::Declined));
    assert_eq!(cancels(&fork)[1], Cancel::Wanted);
    assert_eq!(fork.next(), Next::Wait);
    fork.on_final(1, 487, Origin::Branch);
    assert_eq!(fork.next(), Next::Conclude);
}

#[test]
fn the_next_group_is_tried_when_one_has_failed_or_had_its_time() {
    let mut fork = calling(&[&["a"], &["b"], &["c"]]);
    assert_eq!(fork.on_final(0, 486, Origin::Branch), Say::Keep);
    assert_eq!(advance(&mut fork), 1);
    fork.on_provisional(1, 180);
    assert_eq!(fork.next(), Next::Wait);
    fork.pass_over();
    assert_eq!(cancels(&fork)[1], Cancel::Wanted);
    assert_eq!(advance(&mut fork), 1);
    // It answers although its time is over, before the CANCEL has reached it.
    assert_eq!(fork.on_final(1, 200, Origin::Branch), Say::Pass);
    assert_eq!(cancels(&fork)[2], Cancel::Wanted);
}

#[test]
fn a_cancelled_call_tries_nobody_more_and_ends_with_487() {
    let mut fork = calling(&[&["a"], &["b"]]);
    fork.close(Closing::Cancelled);
    assert_eq!(fork.next(), Next::Wait);
    assert_eq!(fork.on_final(0, 408, Origin::Local), Say::Keep);
    assert_eq!(fork.next(), Next::Conclude);
    assert_eq!(fork.local_status().0, 487);
}

#[test]
fn who_is_awaited_may_come_or_not() {
    let mut fork = fork(Method::Invite, &[]);
    fork.awaited = Some(Awaited {
        aor: AorHash(1),
        binding: None,
        wording: Wording::Contact,
    });
    assert_eq!(fork.next(), Next::Wait);
    fork.pass_over();
    assert_eq!(fork.next(), Next::Conclude);
    assert_eq!(fork.local_status().0, 480);
}
