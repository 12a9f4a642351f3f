//! What a fork's rules lead to: branches begin, answers go back, losers are cancelled.

use sip::{Message, Method, Name};

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

/// A request as it was read, on its way.
#[derive(Debug)]
pub(super) struct Way<'a, 'm> {
    /// All of it.
    pub(super) message: &'a Message<'m>,
    /// Where it is still to go.
    pub(super) itinerary: &'a Itinerary<'m>,
    /// What it will be known by if it comes again.
    pub(super) loop_hash: LoopHash,
}

/// A fork begins: its first group is tried with the request as it was read already.
pub(super) fn start(core: &mut Core, now: Now, id: ForkId, way: &Way<'_, '_>, out: &mut Outbox) {
    if let Some(Next::Try(group)) = core.forks.get_mut(id).map(Fork::next) {
        try_with(core, now, (id, group), way, out);
    }
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
    if status >= 200 && fork.server.is_some() && message.values(Name::Via).nth(1).is_none() {
        // It has lost the way back to the caller, who must hear something all the same.
        return on_refused(core, now, (id, branch), out);
    }
    if status == 487 && fork.was_passed_over(branch) {
        return on_silence(core, now, (id, branch), out);
    }
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
        hunt_on(core, now, id, out);
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
        let absent = fork.branches.get(branch).map_or(503, Branch::absent);
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
    hunt_on(core, now, id, out);
}

/// Time has passed without an answer. The caller is told that we are still at it: a long hunt in which
/// nobody rings must not outlast his transaction.
fn hunt_on(core: &mut Core, now: Now, id: ForkId, out: &mut Outbox) {
    if core.forks.get(id).is_some_and(Fork::is_hunting) {
        on_owed(core, now, id, out);
    }
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

/// Devices as they are when it is their turn: one may have left since the request came, or be
/// elsewhere.
fn as_they_are(core: &Core, now: Now, group: Group) -> Group {
    let as_it_is = |target: Target| {
        let device = target.binding.filter(|_| !target.uri.is_empty());
        let Some(device) = device else {
            return Some(target);
        };
        let binding = core.table.binding(device)?;
        (binding.ends_at() > now.mono).then(|| Target::of(binding))
    };
    group.into_iter().filter_map(as_it_is).collect()
}

/// Tries a later group: the request is read again.
fn try_group(core: &mut Core, now: Now, id: ForkId, group: Group, out: &mut Outbox) {
    let Some(fork) = core.forks.get(id) else {
        return;
    };
    let group = match fork.branches.is_empty() {
        true => group,
        false => as_they_are(core, now, group),
    };
    let (bytes, came_by) = (fork.request.clone(), fork.came_by);
    let Ok(message) = Message::parse(&bytes) else {
        return core.forks.end(id).map_or((), |_| ());
    };
    let Ok(itinerary) = Itinerary::read(&message, &core.policy, &core.keys) else {
        return core.forks.end(id).map_or((), |_| ());
    };
    let heading = Heading::of(&message, came_by);
    let way = Way {
        message: &message,
        itinerary: &itinerary,
        loop_hash: LoopHash::of(&core.keys, &heading, &itinerary),
    };
    try_with(core, now, (id, group), &way, out);
}

fn try_with(
    core: &mut Core,
    now: Now,
    (id, group): (ForkId, Group),
    way: &Way<'_, '_>,
    out: &mut Outbox,
) {
    let policy = std::sync::Arc::clone(&core.policy);
    let share = u32::try_from(group.len()).unwrap_or(u32::MAX).max(1);
    let begun = core.forks.get(id).map_or(0, |fork| fork.branches.len());
    note_tried(core, id, group.len());
    for (at, target) in group.iter().enumerate() {
        let number = begun + at;
        let how = (&*policy, way, share);
        let branch = begin_branch(core, now, (id, number, target), how, out);
        let (failed, absent) = (branch.txn.is_none(), branch.absent());
        if let Some(fork) = core.forks.get_mut(id) {
            fork.branches.push(branch);
            if failed {
                fail(fork, number, absent);
            }
        }
    }
    arm_ringing(core, now, id);
}

fn begin_branch(
    core: &mut Core,
    now: Now,
    (id, number, target): (ForkId, usize, &Target),
    (policy, way, share): (&Policy, &Way<'_, '_>, u32),
    out: &mut Outbox,
) -> Branch {
    let mut branch = Branch {
        txn: None,
        renamed: Renamed::No,
        node: target.node,
        state: BranchState::Calling,
        cancel: Cancel::Not,
    };
    let hop = Hop::by(core, policy, target.flow);
    let (Some(hop), Some(fork)) = (hop, core.forks.get(id)) else {
        return branch;
    };
    let mut record = Vec::new();
    record_route::write(core, policy, fork, target, way.message, &mut record);
    let breadth = fork.breadth / share;
    let spreads = share > 1 || record_route::opens_dialog(way.message);
    let how = Outgoing {
        itinerary: way.itinerary,
        target,
        hop: &hop,
        came_by: fork.came_by,
        loop_hash: way.loop_hash,
        breadth: spreads.then_some(breadth.max(1)),
        record: &record,
        names: (target.node != NodeId::NONE).then_some(policy),
    };
    let mut bytes = Vec::with_capacity(way.message.bytes().len() + 512);
    branch.renamed = outgoing::write(way.message, &how, &mut bytes);
    if bytes.len() > limits::DATAGRAM {
        return branch;
    }
    let kind = kind_of(fork.method);
    let request = ClientRequest {
        kind,
        branch: &hop.branch,
        flow: target.flow,
        bytes: bytes.into(),
        give_up_at: match kind {
            Kind::Invite => Mono::NEVER,
            Kind::NonInvite => now.mono.plus(limits::ANSWER_PATIENCE),
        },
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
    let Some(server) = fork.server else {
        return;
    };
    let mut bytes = Vec::with_capacity(message.bytes().len());
    let told = (status, &b""[..]);
    if answer::write(message, asked(fork, renamed), told, &mut bytes).is_some() {
        core.txns.respond(now, server, status, &bytes, out);
    }
}

/// The request, where its names have to be put back.
fn asked(fork: &Fork, renamed: Renamed) -> Option<Message<'_>> {
    match renamed {
        Renamed::Yes => Message::parse(&fork.request).ok(),
        Renamed::No => None,
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
    if let (Some(401 | 407), Some(fork)) = (message.status(), core.forks.get_mut(id)) {
        let before = fork.challenges.len();
        answer::push_challenges(message, &mut fork.challenges);
        if fork.challenges.len() > limits::MERGED_CHALLENGES {
            fork.challenges.truncate(before);
        }
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
        let kept = Message::parse(&best.answer).ok()?;
        let merged: &[u8] = match best.status {
            401 | 407 if best.answer.len() + challenges.len() <= limits::DATAGRAM => &challenges,
            _ => b"",
        };
        let mut bytes = Vec::with_capacity(best.answer.len() + merged.len());
        answer::write(
            &kept,
            asked(fork, best.renamed),
            (status, merged),
            &mut bytes,
        )?;
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
        fork.timer = Some(core.timers.arm(now.mono.plus(TRANSACTION), Armed::Fork(id)));
        core.forks.linger(id);
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
