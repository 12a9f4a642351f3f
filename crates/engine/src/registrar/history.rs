//! What is remembered of decisions so that they can be explained: with each binding the last few and
//! what came of them, and of those who have no binding the last refusals. Nothing of it is a change: it
//! promises nothing, and is gone after a restart.

use smallvec::SmallVec;

use crate::clock::{Now, Wall};
use crate::core::Core;
use crate::event::{Outcome, Trace};
use crate::flow::Flow;
use crate::ids::{AorHash, BindingId};
use crate::registrar::conversation::{Asking, ConversationId, Evidence};
use crate::registrar::decision::{Decision, Refusal, Row};
use crate::registrar::refusals::{RefusalRecord, Refuser};
use crate::registrar::request::RegisterRequest;

/// Remembers a decision.
pub(super) fn decided(
    core: &mut Core,
    now: Now,
    request: &RegisterRequest<'_>,
    devices: &[Option<BindingId>],
    decision: &Decision,
) {
    let (granted, outcome) = match decision {
        Decision::Absorb { grant, .. } => (*grant, Outcome::Answered),
        Decision::Replay | Decision::Answer | Decision::Leave => (0, Outcome::Answered),
        Decision::Forward(_) => (0, Outcome::Asked),
        Decision::Register(_) => (0, Outcome::Registered),
        Decision::Challenge(..) => (0, Outcome::Challenged),
        Decision::Reject(refusal) => {
            refused_here(core, now, request.aor_hash, request.flow, refusal);
            (0, Outcome::Refused)
        }
        Decision::Unavailable => {
            let refusal = Refusal {
                row: Row::D14,
                ..Refusal::new(503, "Service Unavailable")
            };
            refused_here(core, now, request.aor_hash, request.flow, &refusal);
            (0, Outcome::Refused)
        }
    };
    let trace = trace(now, decision.row(), outcome, granted);
    for id in devices.iter().flatten() {
        core.table.note(request.aor_hash, *id, trace);
    }
}

/// Remembers that a request which had gone upstream, or had waited to, was absorbed after all.
pub(super) fn absorbed(
    core: &mut Core,
    now: Now,
    aor: AorHash,
    devices: &[Option<BindingId>],
    row: Row,
) {
    for id in devices.iter().flatten() {
        let granted = core.table.binding_of(aor, *id).map(|held| held.granted);
        let trace = trace(now, row, Outcome::Answered, granted.unwrap_or(0));
        core.table.note(aor, *id, trace);
    }
}

/// Remembers with all devices of a request what became of it where it was done here: a new device
/// has a history from its first request on.
pub(super) fn registered(
    core: &mut Core,
    now: Now,
    aor: AorHash,
    devices: &[Option<BindingId>],
    row: Row,
) {
    for id in devices.iter().flatten() {
        conclude(core, now, (aor, *id), (row, Outcome::Registered));
    }
}

/// Remembers what the main registrar had to say to a REGISTER.
pub(super) fn concluded(
    core: &mut Core,
    now: Now,
    id: ConversationId,
    asking: &Asking,
    outcome: Outcome,
) {
    let Some(conversation) = core.conversations.get(id) else {
        return;
    };
    let aor = conversation.hash;
    let claims: SmallVec<[BindingId; 2]> = conversation.claims.iter().map(|c| c.binding).collect();
    for binding in claims {
        let row = asking.arrival.reason.row();
        conclude(core, now, (aor, binding), (row, outcome));
    }
}

/// Remembers that the main registrar refused a REGISTER, or did not believe its credentials.
pub(super) fn refused_upstream(
    core: &mut Core,
    now: Now,
    id: ConversationId,
    asking: &Asking,
    status: u16,
) {
    let Some(conversation) = core.conversations.get(id) else {
        return;
    };
    let challenged = matches!(status, 401 | 407);
    // The first leg has nothing that could be believed.
    if challenged && asking.evidence == Evidence::None {
        return;
    }
    let refusal = RefusalRecord {
        at: Wall::default(),
        source: asking.arrival.flow.remote,
        status,
        reason: sip::status::reason(status),
        row: asking.arrival.reason.row(),
        by: Refuser::Upstream(conversation.node),
    };
    core.refusals.note(now, conversation.hash, refusal);
}

/// Remembers that a REGISTER was refused here.
pub(super) fn refused_here(core: &mut Core, now: Now, aor: AorHash, flow: Flow, refusal: &Refusal) {
    let record = RefusalRecord {
        at: Wall::default(),
        source: flow.remote,
        status: refusal.status,
        reason: refusal.reason,
        row: refusal.row,
        by: Refuser::Here,
    };
    core.refusals.note(now, aor, record);
}

/// Adds the outcome to the decision that waits for it; one without, of a device that was unknown,
/// is remembered now.
fn conclude(
    core: &mut Core,
    now: Now,
    (aor, id): (AorHash, BindingId),
    (row, outcome): (Row, Outcome),
) {
    let Some(held) = core.table.binding_of(aor, id) else {
        return;
    };
    let granted = match outcome {
        Outcome::Accepted | Outcome::Registered => held.granted,
        _ => 0,
    };
    let newest = held.history.first();
    let newest = newest.filter(|trace| trace.row.is_some()).copied();
    let told = trace(now, row, outcome, granted);
    match newest {
        None => core.table.note(aor, id, told),
        Some(waiting) if is_open(&waiting) => {
            let at = waiting.at;
            core.table.amend(
                aor,
                id,
                Trace {
                    at,
                    row: waiting.row,
                    ..told
                },
            );
        }
        Some(_) => {}
    }
}

/// Whether the outcome of a decision is still to be told: that of a question, or what was granted
/// here.
fn is_open(trace: &Trace) -> bool {
    match trace.outcome {
        Outcome::Asked => true,
        Outcome::Registered => trace.granted_quads == 0,
        _ => false,
    }
}

fn trace(now: Now, row: Row, outcome: Outcome, granted: u32) -> Trace {
    Trace {
        at: u32::try_from(now.mono.0 / 1000).unwrap_or(u32::MAX),
        granted_quads: u16::try_from(granted.div_ceil(4)).unwrap_or(u16::MAX),
        row: Some(row),
        outcome,
    }
}
