//! The registrar: what happens to a REGISTER, from either side.
//!
//! [`on_register`] reads, decides and acts. What stays here is answered in [`absorb`], [`answer`],
//! [`departure`] or [`refusal`]; what is forwarded goes on in [`forward`], comes back in [`accept`],
//! and a lease that nobody needs is given back in [`release`]. Deciders are pure ([`decide`],
//! [`reconcile`], [`identity`]); the table changes only by `Change`.

mod absorb;
mod accept;
pub(crate) mod address;
mod answer;
mod asking;
mod claims;
mod class;
mod confirmation;
pub(crate) mod conversation;
pub(crate) mod conversations;
mod decide;
pub mod decision;
mod departure;
mod doubles;
mod forward;
mod granting;
pub(crate) mod heading;
mod history;
mod identity;
mod joining;
mod local;
mod newcomers;
mod order;
mod outage;
mod outgoing;
mod probe;
mod proof;
mod quota;
mod reconcile;
mod refusal;
pub mod refusals;
mod relay;
pub(crate) mod release;
mod removal;
mod rename;
pub(crate) mod reply;
pub(crate) mod request;
mod settlement;
mod siblings;
mod spending;
mod supersession;
pub mod terms;
pub(crate) mod tombstone;
mod verdict;

use sip::Message;
use smallvec::{SmallVec, smallvec};

use crate::clock::Now;
use crate::core::Core;
use crate::defect::Defect;
use crate::flow::Flow;
use crate::ids::BindingId;
use crate::limits;
use crate::output::Outbox;
use crate::txn::RequestMatch;
use answer::Delivery;
use class::Class;
use decide::{ChallengeState, Facts, FlowProof, Grave, Prover, SelfProof, Siblings, UpstreamState};
use decision::{Decision, Refusal};
use request::{RegisterRequest, Wish};

pub(crate) use decide::flows_match;
pub(crate) use departure::remove;
pub(crate) use forward::{on_silence, on_timer};
pub(crate) use outgoing::{max_forwards as own_max_forwards, without_first};
pub(crate) use probe::{adopt, mark_silent, mark_unreachable, on_probe_due};
pub(crate) use refusal::{fail_held, refuse};
pub(crate) use request::read_origin;
pub(crate) use verdict::on_final;

/// A REGISTER arrived.
pub(crate) fn on_register(
    core: &mut Core,
    now: Now,
    message: &Message<'_>,
    flow: Flow,
    out: &mut Outbox,
) {
    core.counters.registers += 1;
    if message.bytes().len() > limits::REGISTER_BYTES {
        let refusal = Refusal::new(513, "Message Too Large");
        return refuse(core, message, flow, refusal, out);
    }
    match RegisterRequest::read(message, flow, &core.policy, &core.keys) {
        Ok(request) => act(core, now, &request, out),
        Err(refusal) => refuse(core, message, flow, refusal, out),
    }
}

fn act(core: &mut Core, now: Now, request: &RegisterRequest<'_>, out: &mut Outbox) {
    let devices = devices_of(core, request);
    let decision = judge(core, now, request, &devices, SelfProof::None);
    if is_retransmission(core, now, request, &decision, out) {
        return;
    }
    let mut decision = proof::settle(core, now, request, &devices, decision);
    if let Decision::Forward(_) | Decision::Register(_) = decision
        && let Err(refusal) = quota::check(core, request, &devices)
    {
        decision = Decision::Reject(refusal);
    }
    core.counters.decided(decision.row());
    history::decided(core, now, request, &devices, &decision);
    match decision {
        Decision::Reject(refusal) => refuse(core, request.message, request.flow, refusal, out),
        Decision::Replay | Decision::Answer => {
            answer::answer(core, now, request, &devices, Delivery::STATELESS, out);
        }
        Decision::Absorb { .. } => {
            absorb::absorb(core, now, request, &devices, Delivery::STATELESS, out);
        }
        Decision::Forward(reason) => forward::start(core, now, request, &devices, reason, out),
        Decision::Register(reason) => {
            local::register(core, now, request, &devices, out);
            let devices = devices_of(core, request);
            history::registered(core, now, request.aor_hash, &devices, reason.row());
        }
        Decision::Challenge(_, freshness) => proof::challenge(core, now, request, freshness, out),
        Decision::Leave => departure::leave(core, now, request, &devices, out),
        Decision::Unavailable => {
            let retry_after = core.retry_after();
            refusal::unavailable(core, request.message, request.flow, retry_after, out);
        }
    }
}

/// Whether a request belongs to a transaction, which then has dealt with it. What is absorbed or
/// replayed needs none: the binding itself knows the last request that was accepted (R2), so the
/// common case is spared the look.
fn is_retransmission(
    core: &mut Core,
    now: Now,
    request: &RegisterRequest<'_>,
    decision: &Decision,
    out: &mut Outbox,
) -> bool {
    let known_by_binding = match decision {
        Decision::Absorb { .. } => true,
        Decision::Replay => !request.only_removes(),
        _ => false,
    };
    if known_by_binding || core.txns.server_count() == 0 {
        return false;
    }
    let Some(key) = core.txns.server_key(request.message, &request.flow) else {
        return false;
    };
    let found = core
        .txns
        .match_request(now, key, sip::Method::Register, out);
    core.counters.retransmissions += u64::from(found != RequestMatch::New);
    found != RequestMatch::New
}

/// The binding of each wanted contact's device.
fn devices_of(core: &Core, request: &RegisterRequest<'_>) -> SmallVec<[Option<BindingId>; 2]> {
    match core.table.record(request.aor_hash) {
        Some(record) => identity::devices_of(request, record),
        None => smallvec![None; request.contacts().len()],
    }
}

/// Gathers the facts and decides.
fn judge(
    core: &Core,
    now: Now,
    request: &RegisterRequest<'_>,
    devices: &[Option<BindingId>],
    proof: SelfProof,
) -> Decision {
    let policy = core.policy.of(&request.aor);
    let rule = policy.registration.flow_match;
    let bound = devices
        .iter()
        .map(|id| id.and_then(|id| core.table.binding_of(request.aor_hash, id)));
    let proved = matches!(request.wish, Wish::Query)
        && core
            .table
            .bindings_of(request.aor_hash)
            .any(|binding| flows_match(&request.flow, &binding.flow, rule));
    decide::decide(&Facts {
        now: now.mono,
        request,
        devices: bound.collect(),
        challenge: challenge_state(core, request),
        prover: match proof::is_had_here(policy) {
            true => Prover::Here,
            false => Prover::Upstream,
        },
        proof,
        flow_proof: if proved {
            FlowProof::Proved
        } else {
            FlowProof::Unproved
        },
        grave: grave(core, now, request),
        siblings: siblings(core, request, devices),
        upstream: upstream_state(core, request),
        seeded: core.seeded,
        peers: &core.peers,
        policy: &policy.registration,
        reauth_interval: policy.reauth_interval,
    })
}

/// What the last words of departed devices say to a request.
fn grave(core: &Core, now: Now, request: &RegisterRequest<'_>) -> Grave {
    let (stones, aor) = (&core.tombstones, request.aor_hash);
    if core.seeded.is(Defect::IgnoreTombstone) {
        return Grave::None;
    }
    match request.only_removes() {
        true if stones.is_last_word(now.mono, aor, request.words()) => Grave::LastWords,
        false if stones.is_late(now.mono, aor, request.stamp) => Grave::LateDuplicate,
        _ => Grave::None,
    }
}

/// Whether others than the devices of a request hang on their lease.
fn siblings(core: &Core, request: &RegisterRequest<'_>, devices: &[Option<BindingId>]) -> Siblings {
    let shared = request.terms.is_shared();
    let other = |id: BindingId| !devices.contains(&Some(id));
    let mut bindings = core.table.bindings_of(request.aor_hash);
    match shared && bindings.any(|binding| other(binding.id)) {
        true => Siblings::Some,
        false => Siblings::None,
    }
}

fn challenge_state(core: &Core, request: &RegisterRequest<'_>) -> ChallengeState {
    if request.credentials == request::Credentials::Absent {
        return ChallengeState::None;
    }
    match joining::challenged(core, request).and_then(|id| core.conversations.get(id)) {
        None => ChallengeState::None,
        Some(conversation) if core.peers.is_up(conversation.node) => ChallengeState::Answered,
        Some(_) => ChallengeState::NodeDown,
    }
}

fn upstream_state(core: &Core, request: &RegisterRequest<'_>) -> UpstreamState {
    let (asking, most) = (
        core.conversations.asking(),
        core.policy.upstream.max_in_flight,
    );
    let room = asking < Class::Stranger.share(most)
        || asking < most && asking < Class::of(core, request).share(most);
    match core.peers.choose(&core.policy.upstream, request.aor_hash) {
        Some(_) if room => UpstreamState::Open,
        _ => UpstreamState::Closed,
    }
}
