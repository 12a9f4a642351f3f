//! What a fork's rules lead to: branches begin, answers go back, losers are cancelled.

use sip::{Message, Method};

use crate::clock::{Mono, Now};
use crate::core::{Armed, Core, Purpose};
use crate::defect::Defect;
use crate::event::Event;
use crate::hop::Hop;
use crate::ids::NodeId;
use crate::limits;
use crate::output::Outbox;
use crate::policy::Policy;
use crate::proxy::answer;
use crate::proxy::best::{Origin, told};
use crate::proxy::call_log::CallEnd;
use crate::proxy::fork::{Best, Branch, BranchState, Cancel, Closing, Fork, Next, Phase, Say};
use crate::proxy::forks::ForkId;
use crate::proxy::itinerary::Itinerary;
use crate::proxy::loops::LoopHash;
use crate::proxy::outgoing::{self, Outgoing, Renamed};
use crate::proxy::record_route;
use crate::proxy::redirect;
use crate::proxy::targets::{Group, Target};
use crate::registrar::decision::Refusal;
use crate::registrar::heading::Heading;
use crate::registrar::reply;
use crate::txn::timing::TRANSACTION;
use crate::txn::{ClientRequest, Kind};

/// A fork begins: its first group is tried.
pub(super) fn start(core: &mut Core, now: Now, id: ForkId, out: &mut Outbox) {
    go_on(core, now, id, out);
}

/// A branch answered.
pub(crate) fn on_response(
    core: &mut Core,
    now: Now,
    (id, branch): (ForkId, usize),
    message: &Message<'_>,
    out: &mut Outbox,
) {
    let (Some(status), Some(fork)) = (message.status(), core.forks.get_mut(id)) else {
        return;
    };
    let renamed = fork
        .branches
        .get(branch)
        .map_or(Renamed::No, |branch| branch.renamed);
    let accepted = fork.phase == Phase::Accepted;
    let say = match status {
        100..=199 => fork.on_provisional(branch, status),
        _ if redirect::follows(core, id, branch, message) => Say::Nothing,
        _ => match core.forks.get_mut(id) {
            Some(fork) => fork.on_final(branch, status, Origin::Branch),
            None => return,
        },
    };
    let say = seeded(core, id, status, accepted, say);
    note(core, now, id, (status, say), out);
    match say {
        Say::Pass => pass(core, now, id, (status, renamed), message, out),
        Say::Keep => keep(core, id, (status, renamed), message),
        Say::Nothing if status >= 300 => also_challenged(core, id, message),
        Say::Nothing => {}
    }
    go_on(core, now, id, out);
}

/// What a defect makes of it.
fn seeded(core: &Core, id: ForkId, status: u16, accepted: bool, say: Say) -> Say {
    let has_best = core.forks.get(id).is_some_and(|fork| fork.best.is_some());
    let swallowed = status >= 200
        && (accepted && core.seeded.is(Defect::SwallowSecond)
            || has_best && say == Say::Keep && core.seeded.is(Defect::FirstIsBest));
    match swallowed {
        true => Say::Nothing,
        false => say,
    }
}

/// A branch has not answered in time.
pub(crate) fn on_silence(
    core: &mut Core,
    now: Now,
    (id, branch): (ForkId, usize),
    out: &mut Outbox,
) {
    if let Some(fork) = core.forks.get_mut(id) {
        fail(fork, branch, 408);
        go_on(core, now, id, out);
    }
}

/// The network refuses what goes to a branch (RFC 3261 §16.9).
pub(crate) fn on_refused(
    core: &mut Core,
    now: Now,
    (id, branch): (ForkId, usize),
    out: &mut Outbox,
) {
    if let Some(fork) = core.forks.get_mut(id) {
        let absent = fork
            .branches
            .get(branch)
            .map_or(503, |branch| branch.absent);
        fail(fork, branch, absent);
        go_on(core, now, id, out);
    }
}

/// A branch has rung for too long (Timer C, RFC 3261 §16.8).
pub(crate) fn on_overdue(
    core: &mut Core,
    now: Now,
    (id, branch): (ForkId, usize),
    out: &mut Outbox,
) {
    if let Some(fork) = core.forks.get_mut(id) {
        fork.cancel(branch);
        go_on(core, now, id, out);
    }
}

/// A fork's own timer fell due.
pub(crate) fn on_timer(core: &mut Core, now: Now, id: ForkId, out: &mut Outbox) {
    let Some(fork) = core.forks.get_mut(id) else {
        return;
    };
    fork.timer = None;
    if fork.phase == Phase::Lingering {
        core.forks.end(id);
        return;
    }
    fork.pass_over();
    core.forks.stop_waiting(id);
    go_on(core, now, id, out);
}

/// The caller is owed a 100 (RFC 3261 §17.2.1, RFC 4320 §4.1).
pub(crate) fn on_owed(core: &mut Core, now: Now, id: ForkId, out: &mut Outbox) {
    say(core, now, id, &Refusal::new(100, "Trying"), out);
}

/// The caller cancelled, or its transaction has ended without us.
pub(crate) fn close(core: &mut Core, now: Now, id: ForkId, why: Closing, out: &mut Outbox) {
    if let Some(fork) = core.forks.get_mut(id) {
        fork.close(why);
        core.forks.stop_waiting(id);
        go_on(core, now, id, out);
    }
}

/// Does what is due, until somebody has to speak.
pub(super) fn go_on(core: &mut Core, now: Now, id: ForkId, out: &mut Outbox) {
    cancel_losers(core, now, id, out);
    loop {
        let Some(fork) = core.forks.get_mut(id) else {
            return;
        };
        match fork.next() {
            Next::Wait => return,
            Next::Try(group) => try_group(core, now, id, group, out),
            Next::Conclude => conclude(core, now, id, out),
            Next::Over => return over(core, now, id),
        }
    }
}

fn cancel_losers(core: &mut Core, now: Now, id: ForkId, out: &mut Outbox) {
    let Some(fork) = core.forks.get_mut(id) else {
        return;
    };
    if core.seeded.is(Defect::LosersRingOn) {
        return;
    }
    for txn in fork.cancellable() {
        core.txns.cancel(now, txn, Purpose::Nobody.pack(), out);
    }
}

fn try_group(core: &mut Core, now: Now, id: ForkId, group: Group, out: &mut Outbox) {
    let Some(fork) = core.forks.get(id) else {
        return;
    };
    let (bytes, came_by) = (fork.request.clone(), fork.came_by);
    let Ok(message) = Message::parse(&bytes) else {
        return core.forks.end(id).map_or((), |_| ());
    };
    let policy = std::sync::Arc::clone(&core.policy);
    let Ok(itinerary) = Itinerary::read(&message, &policy, &core.keys) else {
        return core.forks.end(id).map_or((), |_| ());
    };
    let heading = Heading::of(&message, came_by);
    let loop_hash = LoopHash::of(&core.keys, &heading, &itinerary);
    let share = u32::try_from(group.len()).unwrap_or(u32::MAX).max(1);
    let begun = core.forks.get(id).map_or(0, |fork| fork.branches.len());
    note_tried(core, id, group.len());
    for (at, target) in group.iter().enumerate() {
        let number = begun + at;
        let way = Way {
            message: &message,
            itinerary: &itinerary,
            loop_hash,
            share,
        };
        let branch = begin_branch(core, now, (id, number), target, (&policy, &way), out);
        let (failed, absent) = (branch.txn.is_none(), branch.absent);
        if let Some(fork) = core.forks.get_mut(id) {
            fork.branches.push(branch);
            if failed {
                fail(fork, number, absent);
            }
        }
    }
    arm_ringing(core, now, id);
}

/// What all branches of a group have in common.
struct Way<'a, 'm> {
    message: &'a Message<'m>,
    itinerary: &'a Itinerary<'m>,
    loop_hash: LoopHash,
    share: u32,
}

fn begin_branch(
    core: &mut Core,
    now: Now,
    (id, number): (ForkId, usize),
    target: &Target,
    (policy, way): (&Policy, &Way<'_, '_>),
    out: &mut Outbox,
) -> Branch {
    let mut branch = Branch {
        txn: None,
        renamed: Renamed::No,
        absent: match target.node {
            NodeId::NONE => 480,
            _ => 503,
        },
        state: BranchState::Calling,
        cancel: Cancel::Not,
    };
    let hop = Hop::by(core, policy, target.flow);
    let (Some(hop), Some(fork)) = (hop, core.forks.get(id)) else {
        return branch;
    };
    let mut record = Vec::new();
    record_route::write(core, policy, fork, target, way.message, &mut record);
    let breadth = fork.breadth / way.share;
    let how = Outgoing {
        itinerary: way.itinerary,
        target,
        hop: &hop,
        came_by: fork.came_by,
        loop_hash: way.loop_hash,
        breadth: record_route::opens_dialog(way.message).then_some(breadth.max(1)),
        record: &record,
        names: (target.node != NodeId::NONE).then_some(policy),
    };
    let mut bytes = Vec::with_capacity(way.message.bytes().len() + 512);
    branch.renamed = outgoing::write(way.message, &how, &mut bytes);
    if bytes.len() > limits::DATAGRAM {
        return branch;
    }
    let request = ClientRequest {
        kind: kind_of(fork.method),
        branch: &hop.branch,
        flow: target.flow,
        bytes: bytes.into(),
        give_up_at: Mono::NEVER,
        owner: Purpose::Branch(id, number).pack(),
    };
    branch.txn = core.txns.start_client(now, request, out).ok();
    branch
}

/// Which machines a method needs.
pub(super) fn kind_of(method: Method) -> Kind {
    match method {
        Method::Invite => Kind::Invite,
        _ => Kind::NonInvite,
    }
}

/// The next group waits for so long; none does where there is none.
fn arm_ringing(core: &mut Core, now: Now, id: ForkId) {
    let Some(fork) = core.forks.get_mut(id) else {
        return;
    };
    if let Some(old) = fork.timer.take() {
        core.timers.cancel(old);
    }
    if fork.has_more() {
        let at = now.mono.plus(fork.ring_time);
        fork.timer = Some(core.timers.arm(at, Armed::Fork(id)));
    }
}

/// We speak for a branch that cannot.
fn fail(fork: &mut Fork, branch: usize, status: u16) {
    if fork.on_final(branch, status, Origin::Local) == Say::Keep {
        fork.best = Some(Best {
            status,
            origin: Origin::Local,
            answer: Box::default(),
            renamed: Renamed::No,
        });
    }
}

/// The caller gets a branch's answer at once.
fn pass(
    core: &mut Core,
    now: Now,
    id: ForkId,
    (status, renamed): (u16, Renamed),
    message: &Message<'_>,
    out: &mut Outbox,
) {
    let Some(fork) = core.forks.get(id) else {
        return;
    };
    let (Some(server), Ok(request)) = (fork.server, Message::parse(&fork.request)) else {
        return;
    };
    let mut bytes = Vec::with_capacity(message.bytes().len());
    if answer::write(message, &request, (renamed, status, b""), &mut bytes).is_some() {
        core.txns.respond(now, server, status, &bytes, out);
    }
}

/// A branch's final answer is the best so far; challenges of the one before are not lost.
fn keep(core: &mut Core, id: ForkId, (status, renamed): (u16, Renamed), message: &Message<'_>) {
    let Some(fork) = core.forks.get_mut(id) else {
        return;
    };
    let former = fork.best.replace(Best {
        status,
        origin: Origin::Branch,
        answer: message.bytes().into(),
        renamed,
    });
    if let Some(former) = former
        && let Ok(answer) = Message::parse(&former.answer)
    {
        also_challenged(core, id, &answer);
    }
}

/// The challenges of all branches reach the caller together (RFC 3261 §16.7 step 7).
fn also_challenged(core: &mut Core, id: ForkId, message: &Message<'_>) {
    if let (Some(401 | 407), Some(fork)) = (message.status(), core.forks.get_mut(id))
        && fork.challenges.len() < limits::MERGED_CHALLENGES
    {
        answer::push_challenges(message, &mut fork.challenges);
    }
}

/// The best of all final answers goes out.
fn conclude(core: &mut Core, now: Now, id: ForkId, out: &mut Outbox) {
    let Some(fork) = core.forks.get_mut(id) else {
        return;
    };
    let cancelled = fork.phase == Phase::Closed(Closing::Cancelled);
    let local = fork.local_status();
    let best = fork.best.take();
    let challenges = core::mem::take(&mut fork.challenges);
    let real = best.filter(|best| best.origin == Origin::Branch);
    let status = real.as_ref().map_or(local.0, |best| told(best.status));
    let end = match (&real, cancelled) {
        (_, true) => CallEnd::Cancelled,
        (Some(_), false) => CallEnd::Refused(status),
        (None, false) => CallEnd::Failed(status),
    };
    note_end(core, now, id, end, out);
    let passed = real.and_then(|best| {
        let fork = core.forks.get(id)?;
        let request = Message::parse(&fork.request).ok()?;
        let kept = Message::parse(&best.answer).ok()?;
        let merged: &[u8] = match best.status {
            401 | 407 => &challenges,
            _ => b"",
        };
        let mut bytes = Vec::with_capacity(best.answer.len() + merged.len());
        answer::write(&kept, &request, (best.renamed, status, merged), &mut bytes)?;
        Some((fork.server?, bytes))
    });
    match passed {
        Some((server, bytes)) => {
            core.txns.respond(now, server, status, &bytes, out);
        }
        None => say(core, now, id, &Refusal::new(local.0, local.1), out),
    }
    if let Some(fork) = core.forks.get_mut(id) {
        fork.phase = Phase::Concluded;
    }
}

/// An answer of our own.
fn say(core: &mut Core, now: Now, id: ForkId, refusal: &Refusal, out: &mut Outbox) {
    let Some(fork) = core.forks.get(id) else {
        return;
    };
    let (Some(server), Ok(request)) = (fork.server, Message::parse(&fork.request)) else {
        return;
    };
    let heading = Heading::of(&request, fork.came_by);
    let mut bytes = Vec::with_capacity(512);
    let server_header = &core.policy.server_header;
    reply::write_refusal(&heading, &core.keys, refusal, server_header, &mut bytes);
    core.txns.respond(now, server, refusal.status, &bytes, out);
}

/// All is said. Whoever accepted an INVITE may be followed by others for 64·T1 (RFC 6026 §7.2): their
/// 2xx must find the way back.
fn over(core: &mut Core, now: Now, id: ForkId) {
    let Some(fork) = core.forks.get_mut(id) else {
        return;
    };
    let lingers = fork.phase == Phase::Accepted && fork.method == Method::Invite;
    if let Some(old) = fork.timer.take() {
        core.timers.cancel(old);
    }
    if lingers {
        fork.phase = Phase::Lingering;
        fork.timer = Some(core.timers.arm(now.mono.plus(TRANSACTION), Armed::Fork(id)));
    } else {
        core.forks.end(id);
    }
}

fn note(core: &mut Core, now: Now, id: ForkId, (status, say): (u16, Say), out: &mut Outbox) {
    let call = core.forks.get(id).and_then(|fork| fork.call);
    let (Some(call), Say::Pass) = (call, say) else {
        return;
    };
    let first = match status {
        100..=199 => core.calls.rang(now, call),
        _ => core.calls.answered(now, call),
    };
    if !first {
        return;
    }
    if let Some(record) = core.calls.get(call).cloned() {
        out.event(match status {
            100..=199 => Event::CallRang(Box::new(record)),
            _ => Event::CallAnswered(Box::new(record)),
        });
    }
}

fn note_tried(core: &mut Core, id: ForkId, places: usize) {
    if let Some(call) = core.forks.get(id).and_then(|fork| fork.call) {
        core.calls.tried(call, places);
    }
}

fn note_end(core: &mut Core, now: Now, id: ForkId, end: CallEnd, out: &mut Outbox) {
    let Some(call) = core.forks.get(id).and_then(|fork| fork.call) else {
        return;
    };
    core.calls.failed(now, call, end);
    if let Some(record) = core.calls.get(call) {
        out.event(Event::CallEnded(Box::new(record.clone())));
    }
}
