//! The main registrar's verdict on a forwarded REGISTER, and what it makes of our state: its 2xx is
//! the only thing that commits a binding (R1), its definitive refusal may end one (R16), and while
//! it is out of order a running lease carries what it can (D14).

use sip::Message;
use smallvec::SmallVec;

use crate::clock::{Mono, Now};
use crate::core::Core;
use crate::defect::Defect;
use crate::event::{Event, Outcome, RemovalCause};
use crate::gate::{ReadyReply, Repeat};
use crate::ids::{BindingId, PersistSeq};
use crate::location::{Binding, Change, Op};
use crate::output::Outbox;
use crate::policy::{ChallengePolicy, Overflow};
use crate::registrar::confirmation::confirm;
use crate::registrar::conversation::{Asking, Claim, ConversationId, Evidence, Hold};
use crate::registrar::decide::flows_match;
use crate::registrar::decision::{ForwardReason, Refusal, RefusalHeader, Row};
use crate::registrar::forward::{disown, give_up, is_of, reread};
use crate::registrar::granting::{Plan, apply, keep, lease, registration, share};
use crate::registrar::order::Order;
use crate::registrar::request::{RegisterRequest, Wish};
use crate::registrar::{
    devices_of, doubles, forward, history, proof, quota, release, remove, reply, settlement,
    siblings,
};

/// What a 2xx is about, gathered for the steps below.
pub(super) struct Verdict<'v, 'm> {
    pub(super) request: &'v RegisterRequest<'m>,
    pub(super) response: &'v Message<'v>,
    pub(super) asking: &'v Asking,
    pub(super) id: ConversationId,
    pub(super) sent_at: Mono,
}

/// A 2xx: commits what was accepted, and answers the device when the store has it.
pub(super) fn on_accepted(
    core: &mut Core,
    now: Now,
    id: ConversationId,
    asking: &Asking,
    response: &Message<'_>,
    sent_at: Mono,
    out: &mut Outbox,
) {
    let Ok(message) = Message::parse(&asking.arrival.bytes) else {
        return;
    };
    // What was sound when it came may offend against a policy that came since.
    let Some(request) = reread(core, &message, asking.arrival.flow) else {
        return give_up(core, now, &asking.arrival, out);
    };
    if !is_of(core, id, &request) {
        return disown(core, now, (id, asking), &request, out);
    }
    let verdict = Verdict {
        request: &request,
        response,
        asking,
        id,
        sent_at,
    };
    let unwanted = overtaken(core, now, &verdict).or_else(|| untrusted(core, &verdict, out));
    if let Some(refusal) = unwanted.or_else(|| quota::overrun(core, id, &request)) {
        keep_leases(core, now, &verdict, out);
        refuse(core, now, &verdict, &refusal, out);
        // What it did to those that are known, nobody wanted.
        forward::distrust(core, now, (id, asking.arrival.class), &request, out);
        return release::undo(core, id, &request, sent_at.plus_seconds(asking.asked));
    }
    let seq = match request.wish {
        Wish::Query => PersistSeq::default(),
        Wish::RemoveAll => remove_all(core, now, &verdict, out),
        Wish::Contacts(_) => match commit(core, now, &verdict, out) {
            Some(seq) => seq,
            None => {
                let refusal = Refusal::new(503, "Lease Too Short")
                    .with(RefusalHeader::RetryAfter(core.retry_after()));
                keep_leases(core, now, &verdict, out);
                refuse(core, now, &verdict, &refusal, out);
                release::undo(core, id, &request, sent_at.plus_seconds(asking.asked));
                let short = claimed(core, id);
                remove(core, now, short.into_iter(), RemovalCause::Dropped, out);
                return;
            }
        },
    };
    siblings::compare(core, now, &verdict, out);
    let departed = core.conversations.get(id).map(|c| c.pending);
    let listed = core.table.bindings_of(request.aor_hash);
    let listed = listed.map(Binding::waits_for).max();
    let seq = seq
        .max(departed.unwrap_or_default())
        .max(listed.unwrap_or_default());
    confirm(core, now, &verdict, seq, out);
}

/// R8: an acceptance of what its device has taken back meanwhile. A `Contact: *` is in nobody's way:
/// it took back more.
fn overtaken(core: &Core, now: Now, verdict: &Verdict<'_, '_>) -> Option<Refusal> {
    let request = verdict.request;
    let stones = &core.tombstones;
    let left = !verdict.asking.terms.is_proxied()
        && !matches!(request.wish, Wish::RemoveAll)
        && !core.seeded.is(Defect::IgnoreTombstone)
        && stones.is_overtaken(now.mono, request.aor_hash, request.stamp);
    left.then(|| Refusal {
        row: Row::D3,
        ..Refusal::new(400, "CSeq Out of Order")
    })
}

/// R1 and R11: acceptances that prove nothing.
fn untrusted(core: &mut Core, verdict: &Verdict<'_, '_>, out: &mut Outbox) -> Option<Refusal> {
    let (request, asking) = (verdict.request, verdict.asking);
    let policy = core.policy.of(&request.aor);
    let proved = asking.arrival.reason == ForwardReason::Challenge
        || asking.evidence == Evidence::Credentials
        || proof::is_had_here(policy);
    if asking.terms.is_proxied() || proved {
        return None;
    }
    let (required, rule) = (
        policy.challenge == ChallengePolicy::Require,
        policy.registration.flow_match,
    );
    let now = Order::of(core, request, &devices_of(core, request));
    let stale = [asking.arrival.order, now].contains(&Order::Late);
    if stale && !core.seeded.is(Defect::CommitReplay) {
        return Some(Refusal {
            row: Row::D3,
            ..Refusal::new(400, "CSeq Out of Order")
        });
    }
    let known = |binding: &Binding| flows_match(&request.flow, &binding.flow, rule);
    let unknown = !core.table.bindings_of(request.aor_hash).any(known);
    if asking.arrival.reason == ForwardReason::NewDevice || (required && unknown) {
        core.counters.unchallenged += 1;
        if let Some(node) = core.conversations.get(verdict.id).map(|own| own.node) {
            core.peers.let_in(node);
        }
        out.event(Event::UnchallengedRegistration {
            aor: Core::aor_text(&request.aor),
            source: request.flow.remote,
        });
    }
    (required && unknown).then_some(Refusal::new(403, "Accepted Without a Challenge"))
}

/// Whatever becomes of a request, its 2xx has granted the leases of those that are known anew: they
/// may be shorter now.
fn keep_leases(core: &mut Core, now: Now, verdict: &Verdict<'_, '_>, out: &mut Outbox) {
    let mut plan = Plan::default();
    let terms = verdict.asking.terms;
    if terms.is_shared() {
        share(core, verdict, &mut plan);
    } else if terms.is_leased() {
        keep(core, verdict, &mut plan);
    }
    let changes = plan.into_changes();
    if !changes.is_empty() {
        core.commit(now, changes, out);
    }
}

fn refuse(
    core: &mut Core,
    now: Now,
    verdict: &Verdict<'_, '_>,
    refusal: &Refusal,
    out: &mut Outbox,
) {
    core.counters.refused(refusal.status);
    let (aor, flow) = (verdict.request.aor_hash, verdict.request.flow);
    history::concluded(core, now, verdict.id, verdict.asking, Outcome::Refused);
    history::refused_here(core, now, aor, flow, refusal);
    let mut bytes = Vec::with_capacity(512);
    let server = &core.policy.server_header;
    reply::write_refusal(
        &verdict.request.heading,
        &core.keys,
        refusal,
        server,
        &mut bytes,
    );
    let txn = Some(verdict.asking.arrival.txn);
    core.send(
        now,
        ReadyReply {
            flow,
            txn,
            status: refusal.status,
            repeat: Repeat::ByTransaction,
            bytes: &bytes,
        },
        out,
    );
}

/// `Contact: *` was accepted: everybody is gone, and nothing is left to be given back (R8). Where it
/// was no barrier (`mirror`, an unproved flow), who was accepted after it went out may have come
/// before it or after it: he stays, and is asked for again.
fn remove_all(
    core: &mut Core,
    now: Now,
    verdict: &Verdict<'_, '_>,
    out: &mut Outbox,
) -> PersistSeq {
    let request = verdict.request;
    let cause = RemovalCause::UnregisteredAll;
    let (gone, doubtful): (Vec<_>, Vec<_>) = core
        .table
        .bindings_of(request.aor_hash)
        .map(|binding| (binding.id, binding.proved_at))
        .partition(|(_, proved_at)| *proved_at <= verdict.sent_at);
    core.conversations.doubt(request.aor_hash, verdict.id);
    core.distrust(now, doubtful.into_iter().map(|(binding, _)| binding), out);
    core.tombstones
        .bury(now.mono, request.aor_hash, request.words());
    settlement::forget(core, now, request.aor_hash, verdict.id, out);
    if gone.is_empty() || core.seeded.is(Defect::OutliveStar) {
        return PersistSeq::default();
    }
    let changes = gone
        .into_iter()
        .map(|(binding, _)| Change::of(binding, Op::Remove { binding, cause }));
    let (seq, removed) = core.commit(now, changes.collect(), out);
    for binding in removed {
        core.tombstones
            .bury(now.mono, request.aor_hash, (binding.stamp, binding.flow));
        let aor = Core::aor_text(&request.aor);
        out.event(Event::BindingRemoved {
            aor,
            binding: binding.id,
            cause,
        });
        match core.conversations.claim_on(request.aor_hash, binding.id) {
            Some(claim) => claim.hold = Hold::Reserved(binding.contact.uri().into()),
            None => core.table.release(binding.id),
        }
    }
    seq
}

/// Commits each contact as it was granted. `None` when the lease is too short to promise anything.
fn commit(
    core: &mut Core,
    now: Now,
    verdict: &Verdict<'_, '_>,
    out: &mut Outbox,
) -> Option<PersistSeq> {
    let request = verdict.request;
    let mut plan = Plan::default();
    let claims = claimed(core, verdict.id);
    for (wanted, binding) in request.contacts().iter().zip(&claims) {
        let lease = lease(core, verdict, (wanted, *binding))?;
        if wanted.is_removal() || lease.granted == 0 {
            plan.leave(core, *binding);
            // A shared lease is looked at as a whole.
            let renewed = verdict.asking.renewed.contains(binding) && !lease.terms.is_shared();
            if renewed && lease.granted > 0 {
                plan.give_back(*binding, lease);
            }
            continue;
        }
        plan.register(registration(core, now, verdict, (wanted, *binding), lease)?);
    }
    let mut doubles = doubles::of_devices(core, request, &claims);
    if verdict.asking.terms.is_shared() && !core.seeded.is(Defect::RenewOneOnly) {
        share(core, verdict, &mut plan);
    }
    let seq = apply(core, now, verdict, plan, out);
    if !verdict.asking.terms.is_proxied() {
        doubles.extend(doubles::of_places(core, request.aor_hash, &claims));
    }
    let cause = RemovalCause::Evicted;
    remove(core, now, doubles.into_iter(), cause, out);
    evict(core, now, request, &claims, out);
    Some(seq)
}

/// The addresses that the Contacts sent upstream carry.
pub(super) fn claimed(core: &Core, id: ConversationId) -> SmallVec<[BindingId; 2]> {
    let claims = core
        .conversations
        .get(id)
        .map(|conversation| conversation.claims.as_slice());
    claims
        .unwrap_or_default()
        .iter()
        .map(|claim: &Claim| claim.binding)
        .collect()
}

/// R18, `replace-oldest`: once the newcomer is in, who refreshed longest ago goes.
pub(super) fn evict(
    core: &mut Core,
    now: Now,
    request: &RegisterRequest<'_>,
    own: &[BindingId],
    out: &mut Outbox,
) {
    if core.policy.limits.overflow != Overflow::ReplaceOldest {
        return;
    }
    let record = core.table.record(request.aor_hash);
    let excess = record
        .map_or(0, |record| record.len())
        .saturating_sub(core.policy.limits.bindings_per_aor);
    if excess == 0 {
        return;
    }
    let last_seen = |binding: &Binding| {
        binding
            .expires_at
            .0
            .saturating_sub(u64::from(binding.granted) * 1000)
    };
    let mut others: Vec<(u64, BindingId)> = core
        .table
        .bindings_of(request.aor_hash)
        .filter(|binding| !own.contains(&binding.id))
        .map(|binding| (last_seen(binding), binding.id))
        .collect();
    others.sort_by_key(|(seen, _)| *seen);
    let oldest = others.into_iter().take(excess).map(|(_, id)| id);
    remove(core, now, oldest, RemovalCause::Evicted, out);
}
