//! The registrar: what happens to a REGISTER, from either side.
//!
//! [`on_register`] reads, decides and acts; a forwarded one goes on in [`forward`], comes back in
//! [`accept`], and a lease that nobody needs is given back in [`release`]. Deciders are pure
//! ([`decide`], [`reconcile`], [`identity`]); the table changes only by `Change`.

mod accept;
mod claims;
pub(crate) mod conversation;
mod decide;
pub mod decision;
mod forward;
pub(crate) mod heading;
mod identity;
mod joining;
mod outage;
mod outgoing;
mod probe;
mod quota;
mod reconcile;
mod relay;
pub(crate) mod release;
mod removal;
pub(crate) mod reply;
pub(crate) mod request;
pub(crate) mod tombstone;
mod verdict;

use sip::Message;
use smallvec::{SmallVec, smallvec};

use crate::clock::Now;
use crate::core::Core;
use crate::event::{Event, RemovalCause, Trace};
use crate::flow::Flow;
use crate::gate::{HeldReply, ReadyReply, Repeat};
use crate::ids::{AorHash, BindingId, PersistSeq};
use crate::limits;
use crate::location::{Binding, Change, Op, Refresh};
use crate::output::Outbox;
use crate::policy::Mode;
use crate::txn::{RequestMatch, ServerKey};
use decide::{ChallengeState, Facts, FlowProof, Grave, UpstreamState, asked, flows_match, want};
use decision::{Decision, Refusal, RefusalHeader, Row};
use heading::Heading;
use request::{RegisterRequest, Role, Wanted, Wish};

pub(crate) use forward::{on_silence, on_timer};
pub(crate) use probe::{adopt, mark_silent, mark_unreachable, on_probe_due};
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
    let role = match core.policy.domain.mode {
        Mode::Mirror => Role::Proxy,
        Mode::Contact | Mode::Aor | Mode::Standalone => Role::Registrar,
    };
    match RegisterRequest::read(message, flow, role, &core.keys) {
        Ok(request) => act(core, now, &request, out),
        Err(refusal) => refuse(core, message, flow, refusal, out),
    }
}

fn act(core: &mut Core, now: Now, request: &RegisterRequest<'_>, out: &mut Outbox) {
    let devices = devices_of(core, request);
    let mut decision = judge(core, now, request, &devices);
    if is_retransmission(core, now, request, &decision, out) {
        return;
    }
    if let Decision::Forward(_) = decision
        && let Err(refusal) = quota::check(core, request, &devices)
    {
        decision = Decision::Reject(refusal);
    }
    core.counters.decided(decision.row());
    note(core, now, request.aor_hash, &devices, &decision);
    match decision {
        Decision::Reject(refusal) => refuse(core, request.message, request.flow, refusal, out),
        Decision::Replay | Decision::Answer => answer(core, now, request, &devices, out),
        Decision::Absorb { .. } => absorb(core, now, request, &devices, out),
        Decision::Forward(reason) => forward::start(core, now, request, &devices, reason, out),
        Decision::Leave => leave(core, now, request, &devices, out),
        Decision::Unavailable => {
            let retry_after = core.retry_after();
            unavailable(core, request.message, request.flow, retry_after, out);
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
    if matches!(decision, Decision::Absorb { .. } | Decision::Replay)
        || core.txns.server_count() == 0
    {
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
) -> Decision {
    let policy = &core.policy;
    let rule = policy.domain.registration.flow_match;
    let devices = devices
        .iter()
        .map(|id| id.and_then(|id| core.table.binding_of(request.aor_hash, id)));
    let proved = matches!(request.wish, Wish::Query)
        && core
            .table
            .bindings_of(request.aor_hash)
            .any(|binding| flows_match(&request.flow, &binding.flow, rule));
    let late = !request.only_removes()
        && core
            .tombstones
            .is_late(now.mono, request.aor_hash, request.stamp);
    decide::decide(&Facts {
        now: now.mono,
        request,
        devices: devices.collect(),
        challenge: challenge_state(core, request),
        flow_proof: if proved {
            FlowProof::Proved
        } else {
            FlowProof::Unproved
        },
        grave: if late {
            Grave::LateDuplicate
        } else {
            Grave::None
        },
        upstream: upstream_state(core, request),
        epoch: core.epoch,
        mode: policy.domain.mode,
        policy: &policy.domain.registration,
        reauth_interval: policy.domain.reauth_interval,
    })
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
    let room = core.conversations.asking() < core.policy.upstream.max_in_flight;
    match core.peers.choose(&core.policy.upstream, request.aor_hash) {
        Some(_) if room => UpstreamState::Open,
        _ => UpstreamState::Closed,
    }
}

/// Remembers the decision for `explain`.
fn note(
    core: &mut Core,
    now: Now,
    aor: AorHash,
    devices: &[Option<BindingId>],
    decision: &Decision,
) {
    let granted = match decision {
        Decision::Absorb { grant, .. } => *grant,
        _ => 0,
    };
    let trace = Trace {
        at: u32::try_from(now.mono.0 / 1000).unwrap_or(u32::MAX),
        granted_quads: u16::try_from(granted.div_ceil(4)).unwrap_or(u16::MAX),
        row: Some(decision.row()),
    };
    devices
        .iter()
        .flatten()
        .for_each(|id| core.table.note(aor, *id, trace));
}

/// D13 and D14: the promise is renewed here. Stateless: no transaction is kept (R2).
fn absorb(
    core: &mut Core,
    now: Now,
    request: &RegisterRequest<'_>,
    devices: &[Option<BindingId>],
    out: &mut Outbox,
) {
    let mut refreshes: SmallVec<[Refresh; 2]> = SmallVec::new();
    for (wanted, id) in request.contacts().iter().zip(devices) {
        if let Some(refresh) = id.and_then(|id| refresh(core, now, request, wanted, id)) {
            refreshes.push(refresh);
        }
    }
    renew(core, now, &refreshes, out);
    answer(core, now, request, devices, out);
}

/// Applies refreshes. The stored row promises a restart no more than one interval (ADR 0007): a
/// longer one must be known to the store before it is said, and with it all of a row that the store
/// may not have yet: each batch is true whatever becomes of those before it.
fn renew(core: &mut Core, now: Now, refreshes: &[Refresh], out: &mut Outbox) {
    let mut unsaved: Vec<Change> = Vec::new();
    for refresh in refreshes {
        let record = core.table.record(refresh.aor);
        let Some((record, known)) = record.and_then(|r| Some((r, r.binding(refresh.binding)?)))
        else {
            continue;
        };
        let longer = refresh.granted > known.granted;
        let op = match longer && !core.gate.is_durable(known.pending) {
            true => Op::Register(Box::new(known.renewed(record.aor.clone(), refresh))),
            false => Op::Refresh(*refresh),
        };
        let change = Change::of(refresh.binding, op);
        if longer {
            unsaved.push(change);
        } else {
            core.table.apply(change);
        }
    }
    if unsaved.is_empty() {
        return;
    }
    let (seq, _) = core.commit(now, unsaved, out);
    for refresh in refreshes {
        core.table.wait_for(refresh.binding, seq);
    }
}

/// The renewed promise to one contact: what it wants, as far as the lease holds.
fn refresh(
    core: &mut Core,
    now: Now,
    request: &RegisterRequest<'_>,
    wanted: &Wanted<'_>,
    id: BindingId,
) -> Option<Refresh> {
    let usable = core
        .table
        .binding_of(request.aor_hash, id)?
        .lease
        .usable(now.mono);
    let policy = &core.policy.domain.registration;
    let granted = want(wanted, request.reach, policy).min(usable);
    let asked = asked(wanted, policy);
    let promised = jittered(core, granted);
    debug_assert!(promised <= usable, "a promise beyond the lease");
    Some(Refresh {
        aor: request.aor_hash,
        binding: id,
        stamp: request.stamp,
        asked,
        granted,
        expires_at: now.mono.plus_seconds(promised),
        flow: request.flow,
    })
}

fn jittered(core: &mut Core, granted: u32) -> u32 {
    let percent = u32::from(core.policy.domain.registration.jitter_percent.min(50));
    if percent == 0 {
        return granted;
    }
    let most = u64::from(granted) * u64::from(percent) / 100;
    let cut = core
        .entropy
        .below(u32::try_from(most).unwrap_or(u32::MAX).saturating_add(1));
    granted.saturating_sub(cut).max(1).min(granted)
}

/// A 200 with all bindings of the AoR, the requester's first.
fn answer(
    core: &mut Core,
    now: Now,
    request: &RegisterRequest<'_>,
    devices: &[Option<BindingId>],
    out: &mut Outbox,
) {
    let to = request.heading.way_back();
    let listed = listed(core, request, devices);
    let seq = listed
        .iter()
        .map(|binding| binding.waits_for())
        .max()
        .unwrap_or_default();
    let own = devices
        .iter()
        .flatten()
        .next()
        .and_then(|id| core.table.binding_of(request.aor_hash, *id));
    let listing = reply::Listing {
        bindings: &listed,
        expires: own.map(|binding| binding.remaining(now.mono)),
        server: &core.policy.server_header,
        path_support: request.path_support,
    };
    if core.gate.is_durable(seq) {
        out.transmit(to, |buf| {
            reply::write_ok(&request.heading, &core.keys, now, &listing, buf);
        });
        return;
    }
    let mut bytes = Vec::with_capacity(1024);
    reply::write_ok(&request.heading, &core.keys, now, &listing, &mut bytes);
    drop(listed);
    let ready = ReadyReply {
        flow: to,
        txn: None,
        status: 200,
        repeat: Repeat::ByTransaction,
        bytes: &bytes,
    };
    core.reply(now, seq, ready, out);
}

/// The bindings that a 200 lists.
fn listed<'c>(
    core: &'c Core,
    request: &RegisterRequest<'_>,
    devices: &[Option<BindingId>],
) -> SmallVec<[&'c Binding; 8]> {
    let mut listed: SmallVec<[&Binding; 8]> = devices
        .iter()
        .flatten()
        .filter_map(|id| core.table.binding_of(request.aor_hash, *id))
        .collect();
    for binding in core.table.bindings_of(request.aor_hash) {
        // What the store has lost is told to nobody.
        if !devices.contains(&Some(binding.id)) && !binding.is_lost() {
            listed.push(binding);
        }
    }
    listed
}

/// R8 while the main registrar cannot be asked: a device that is surely itself leaves at once, and
/// its lease is given back when that becomes possible.
fn leave(
    core: &mut Core,
    now: Now,
    request: &RegisterRequest<'_>,
    devices: &[Option<BindingId>],
    out: &mut Outbox,
) {
    let seq = remove(
        core,
        now,
        devices.iter().flatten().copied(),
        RemovalCause::Unregistered,
        out,
    );
    core.tombstones
        .bury(now.mono, request.aor_hash, request.stamp);
    let to = request.heading.way_back();
    let listed = listed(core, request, &[]);
    let listing = reply::Listing {
        bindings: &listed,
        expires: None,
        server: &core.policy.server_header,
        path_support: request.path_support,
    };
    let mut bytes = Vec::with_capacity(1024);
    reply::write_ok(&request.heading, &core.keys, now, &listing, &mut bytes);
    drop(listed);
    core.reply(
        now,
        seq,
        ReadyReply {
            flow: to,
            txn: None,
            status: 200,
            repeat: Repeat::ByTransaction,
            bytes: &bytes,
        },
        out,
    );
}

/// Removes bindings here and gives their leases back upstream (R9). Returns what a reply about it
/// must wait for.
pub(crate) fn remove(
    core: &mut Core,
    now: Now,
    bindings: impl Iterator<Item = BindingId>,
    cause: RemovalCause,
    out: &mut Outbox,
) -> PersistSeq {
    let mut changes = Vec::new();
    let mut owners = Vec::new();
    for id in bindings {
        let record = core.table.owner(id).and_then(|aor| core.table.record(aor));
        let Some(record) = record else { continue };
        let aor = Core::aor_text(&record.aor);
        out.event(Event::BindingRemoved {
            aor,
            binding: id,
            cause,
        });
        owners.push((record.aor.clone(), record.hash));
        changes.push(Change::of(id, Op::Remove { binding: id, cause }));
    }
    if changes.is_empty() {
        return PersistSeq::default();
    }
    let (seq, removed) = core.commit(now, changes, out);
    for (binding, (aor, hash)) in removed.into_iter().zip(owners) {
        release::begin(core, now, (aor, hash), binding, out);
    }
    release::pump(core, now, out);
    seq
}

/// Answers with an error; nothing changes.
pub(crate) fn refuse(
    core: &mut Core,
    message: &Message<'_>,
    flow: Flow,
    refusal: Refusal,
    out: &mut Outbox,
) {
    core.counters.refused(refusal.status);
    let heading = Heading::of(message, flow);
    let to = heading.way_back();
    let (keys, server) = (&core.keys, &core.policy.server_header);
    out.transmit(to, |buf| {
        reply::write_refusal(&heading, keys, &refusal, server, buf)
    });
    out.event(Event::RegisterRefused {
        source: flow.remote,
        status: refusal.status,
        reason: refusal.reason,
    });
}

/// 503: come again later.
fn unavailable(
    core: &mut Core,
    message: &Message<'_>,
    flow: Flow,
    retry_after: u32,
    out: &mut Outbox,
) {
    let refusal = Refusal {
        row: Row::D14,
        status: 503,
        reason: "Service Unavailable",
        header: RefusalHeader::RetryAfter(retry_after),
    };
    refuse(core, message, flow, refusal, out);
}

/// What an arrival needs to open its server transaction.
pub(crate) fn transaction_key(
    core: &Core,
    message: &Message<'_>,
    flow: &Flow,
) -> Option<ServerKey> {
    core.txns.server_key(message, flow)
}

/// The store did not keep what a held reply promises: 503 goes out in its place.
pub(crate) fn fail_held(core: &mut Core, now: Now, held: HeldReply, out: &mut Outbox) {
    let Ok(message) = Message::parse(&held.bytes) else {
        return;
    };
    let refusal = Refusal {
        row: Row::D14,
        status: 503,
        reason: "Storage Failure",
        header: RefusalHeader::RetryAfter(core.retry_after()),
    };
    core.counters.refused(refusal.status);
    let mut bytes = Vec::with_capacity(512);
    reply::write_instead(&message, &refusal, &mut bytes);
    let ready = ReadyReply {
        flow: held.ready().flow,
        txn: held.ready().txn,
        status: 503,
        repeat: Repeat::ByTransaction,
        bytes: &bytes,
    };
    core.send(now, ready, out);
}
