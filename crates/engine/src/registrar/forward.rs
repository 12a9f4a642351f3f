//! A REGISTER on its way to the main registrar: joined to the conversation of its lease, sent,
//! repeated after a 423, and given up.

use sip::Message;
use smallvec::SmallVec;

use crate::clock::Now;
use crate::core::Core;
use crate::defect::Defect;
use crate::event::{Event, Outcome};
use crate::flow::Flow;
use crate::gate::{ReadyReply, Repeat};
use crate::ids::{AorHash, BindingId};
use crate::limits;
use crate::output::Outbox;
use crate::peer::Door;
use crate::registrar::answer::Delivery;
use crate::registrar::class::Class;
use crate::registrar::conversation::{
    Arrival, Asking, Claim, ConversationId, Evidence, Hold, Leg, Phase,
};
use crate::registrar::decide::SelfProof;
use crate::registrar::decision::{Decision, ForwardReason, Refusal, RefusalHeader, Row};
use crate::registrar::heading::Heading;
use crate::registrar::order::Order;
use crate::registrar::reconcile::Standing;
use crate::registrar::request::{RegisterRequest, Wish};
use crate::registrar::terms::Terms;
use crate::registrar::{
    absorb, asking, history, joining, outage, quota, refusal, release, reply, settlement, spending,
};
use crate::txn::Kind;

/// Sends a REGISTER upstream, or lets it wait for its turn on its lease.
pub(crate) fn start(
    core: &mut Core,
    now: Now,
    request: &RegisterRequest<'_>,
    devices: &[Option<BindingId>],
    reason: ForwardReason,
    out: &mut Outbox,
) {
    let to = request.heading.way_back();
    let opened = core
        .txns
        .server_key(request.message, &request.flow)
        .and_then(|key| core.txns.start_server(now, key, Kind::NonInvite, to).ok());
    let Some(txn) = opened else {
        let retry_after = core.retry_after();
        return refusal::unavailable(core, request.message, request.flow, retry_after, out);
    };
    let arrival = Arrival {
        bytes: request.message.bytes().into(),
        flow: request.flow,
        txn,
        at: now.mono,
        reason,
        turn: joining::turn(core, request),
        class: Class::of(core, request),
        order: Order::of(core, request, devices),
        call_id: request.stamp.call_id,
    };
    place(core, now, request, devices, arrival, out);
}

/// Gives an arrival to the conversation that it belongs to, or begins one for it.
fn place(
    core: &mut Core,
    now: Now,
    request: &RegisterRequest<'_>,
    devices: &[Option<BindingId>],
    arrival: Arrival,
    out: &mut Outbox,
) {
    let found = match joining::find(core, request, devices) {
        Some(id) => Some(joining::ahead_on_lease(core, id).unwrap_or(id)),
        None => joining::ahead_of(core, request, devices)
            .or_else(|| joining::begin(core, request, devices)),
    };
    let Some(id) = found else {
        return give_up(core, now, &arrival, out);
    };
    let Some(conversation) = core.conversations.get_mut(id) else {
        return;
    };
    match conversation.phase {
        Phase::Asking(_) => {
            if let Some(refused) = conversation.let_wait(arrival) {
                give_up(core, now, &refused, out);
            }
        }
        Phase::Challenged { .. } => ask(core, now, id, arrival, Leg::First, out),
        Phase::Releasing { .. } | Phase::Resting { .. } => {
            settlement::cancel(core, now, id, out);
            ask(core, now, id, arrival, Leg::First, out);
        }
    }
}

/// Sends an arrival upstream on a conversation that is free for it.
pub(super) fn ask(
    core: &mut Core,
    now: Now,
    id: ConversationId,
    arrival: Arrival,
    leg: Leg,
    out: &mut Outbox,
) {
    let Some(said) = asking::try_to_ask(core, now, id, (&arrival, &leg), out) else {
        give_up(core, now, &arrival, out);
        return finish(core, now, id, out);
    };
    core.counters.upstream_registers += 1;
    let Some(conversation) = core.conversations.get(id) else {
        return;
    };
    let reserved = |claim: &&Claim| matches!(claim.hold, Hold::Reserved(_));
    let newcomers = match arrival.class {
        Class::Stranger => 0,
        Class::SecondLeg | Class::Known => conversation.claims.iter().filter(reserved).count(),
    };
    out.event(Event::RegisterForwarded {
        aor: Core::aor_text(&conversation.aor),
        reason: arrival.reason,
        source: arrival.flow.remote,
        node: conversation.node,
    });
    let asking = Asking {
        arrival,
        terms: conversation.terms,
        settings: core.settings.present(),
        asked: said.lifetime,
        evidence: said.evidence,
        renewed: said.renewed,
        leg,
        newcomers,
        standing: Standing::Good,
    };
    core.conversations
        .enter(id, Phase::Asking(Box::new(asking)));
    settlement::postpone(core, now, id, out);
}

/// Reads an arrival again; it was sound when it came.
pub(super) fn reread<'a>(
    core: &Core,
    message: &'a Message<'a>,
    flow: Flow,
) -> Option<RegisterRequest<'a>> {
    RegisterRequest::read(message, flow, &core.policy, &core.keys).ok()
}

/// The main registrar left a REGISTER unanswered, or cannot be reached.
pub(crate) fn on_silence(core: &mut Core, now: Now, id: ConversationId, out: &mut Outbox) {
    match core.conversations.enter(id, Phase::between()) {
        Some(Phase::Asking(asking)) => {
            unanswered(core, now, id, &asking, out);
            finish(core, now, id, out);
        }
        Some(Phase::Releasing { attempt, .. }) => {
            release::on_silence(core, now, id, attempt, out);
        }
        Some(other) => {
            core.conversations.enter(id, other);
        }
        None => {}
    }
}

/// Nobody answered a REGISTER. It may have been accepted all the same: what the main registrar may
/// hold and nobody knows of is given back, and what it may not hold any more is asked for again.
pub(super) fn unanswered(
    core: &mut Core,
    now: Now,
    id: ConversationId,
    asking: &Asking,
    out: &mut Outbox,
) {
    history::concluded(core, now, id, asking, Outcome::Unanswered);
    give_up(core, now, &asking.arrival, out);
    if core.seeded.is(Defect::ForgetUnanswered) {
        return;
    }
    let Ok(message) = Message::parse(&asking.arrival.bytes) else {
        return;
    };
    if let Some(request) = reread(core, &message, asking.arrival.flow) {
        let lifetime = match asking.arrival.class {
            Class::SecondLeg | Class::Known => asking.asked,
            Class::Stranger
                if asking.evidence == Evidence::Credentials || lets_strangers_in(core, id) =>
            {
                asking.asked
            }
            Class::Stranger => asking.asked.min(limits::UNPROVED_RELEASE_LIFE),
        };
        release::undo(core, id, &request, now.mono.plus_seconds(lifetime));
        distrust(core, now, (id, asking.arrival.class), &request, out);
    }
}

/// Whether the node spoken with was seen to accept somebody without asking for proof.
fn lets_strangers_in(core: &Core, id: ConversationId) -> bool {
    let conversation = core.conversations.get(id);
    conversation.is_some_and(|own| core.peers.door(own.node) == Door::Open)
}

/// What the main registrar accepted is of another AoR by now, because domains have got other names
/// meanwhile (R19): it is undone under the name that it was asked for by, and the device is to come
/// again.
pub(super) fn disown(
    core: &mut Core,
    now: Now,
    (id, asking): (ConversationId, &Asking),
    request: &RegisterRequest<'_>,
    out: &mut Outbox,
) {
    give_up(core, now, &asking.arrival, out);
    release::undo(core, id, request, now.mono.plus_seconds(asking.asked));
    distrust(core, now, (id, asking.arrival.class), request, out);
}

/// Whether a request that was read again is still about the AoR of its conversation: domains may
/// have got other names since it came (R19).
pub(super) fn is_of(core: &Core, id: ConversationId, request: &RegisterRequest<'_>) -> bool {
    let conversation = core.conversations.get(id);
    conversation.is_some_and(|conversation| conversation.hash == request.aor_hash)
}

/// What the main registrar holds of those that an unanswered request was about, nobody knows: their
/// next REGISTER asks it. One more device that is a stranger calls none of its siblings into question:
/// a main registrar that asks everybody for proof has changed nothing for him.
pub(super) fn distrust(
    core: &mut Core,
    now: Now,
    (id, class): (ConversationId, Class),
    request: &RegisterRequest<'_>,
    out: &mut Outbox,
) {
    let Some(conversation) = core.conversations.get(id) else {
        return;
    };
    let unproved = class == Class::Stranger && !lets_strangers_in(core, id);
    let bindings: SmallVec<[BindingId; 4]> = match request.wish {
        Wish::Query => return,
        Wish::RemoveAll => core
            .table
            .bindings_of(conversation.hash)
            .map(|binding| binding.id)
            .collect(),
        // The answer that nobody heard may have shortened the lease of all.
        Wish::Contacts(_) if conversation.terms.is_shared() && !unproved => core
            .table
            .sharing(conversation.hash, conversation.lease)
            .collect(),
        Wish::Contacts(_) => conversation.claims.iter().map(|c| c.binding).collect(),
    };
    core.distrust(now, bindings, out);
}

/// An arrival could not be asked, or nobody answered: what is left of its lease carries it, or it
/// is answered 503 (never 408: RFC 4320 §4.2).
pub(super) fn give_up(core: &mut Core, now: Now, arrival: &Arrival, out: &mut Outbox) {
    if outage::carry(core, now, arrival, out) {
        return;
    }
    let refusal = Refusal {
        row: Row::D14,
        status: 503,
        reason: "Service Unavailable",
        header: RefusalHeader::RetryAfter(core.retry_after()),
    };
    refuse_arrival(core, now, arrival, refusal, out);
}

/// Answers an arrival with an error of our own.
pub(super) fn refuse_arrival(
    core: &mut Core,
    now: Now,
    arrival: &Arrival,
    refusal: Refusal,
    out: &mut Outbox,
) {
    core.counters.refused(refusal.status);
    let Ok(message) = Message::parse(&arrival.bytes) else {
        return;
    };
    if let Some(request) = reread(core, &message, arrival.flow) {
        history::refused_here(core, now, request.aor_hash, arrival.flow, &refusal);
    }
    let mut bytes = Vec::with_capacity(512);
    let server = &core.policy.server_header;
    reply::write_refusal(
        &Heading::of(&message, arrival.flow),
        &core.keys,
        &refusal,
        server,
        &mut bytes,
    );
    let reply = ReadyReply {
        flow: arrival.flow,
        txn: Some(arrival.txn),
        status: refusal.status,
        repeat: Repeat::ByTransaction,
        bytes: &bytes,
    };
    core.send(now, reply, out);
}

/// A REGISTER of this conversation is done: those that waited for it have their turn, here or
/// wherever they belong now, and it goes on with one of them, or lingers after a challenge, or ends.
pub(super) fn finish(core: &mut Core, now: Now, id: ConversationId, out: &mut Outbox) {
    let Some(conversation) = core.conversations.get_mut(id) else {
        return;
    };
    let (hash, terms) = (conversation.hash, conversation.terms);
    for arrival in core::mem::take(&mut conversation.waiting) {
        place_again(core, now, arrival, (hash, terms), out);
    }
    let Some(conversation) = core.conversations.get(id) else {
        return;
    };
    if matches!(
        conversation.phase,
        Phase::Challenged { .. } | Phase::Asking(_)
    ) {
        return;
    }
    let departed = conversation.claims.iter().any(|c| c.hold.owed().is_some());
    if departed && !core.seeded.is(Defect::ForgetDeparted) {
        return release::resume(core, now, id, out);
    }
    end(core, id);
}

/// Gives an arrival that has waited its turn. It waited for the registrations of `aor`, on `terms`:
/// who is of another AoR since, or on other terms, is to come again (R19).
fn place_again(
    core: &mut Core,
    now: Now,
    arrival: Arrival,
    (aor, terms): (AorHash, Terms),
    out: &mut Outbox,
) {
    if arrival.at.plus(core.policy.upstream.deadline) <= now.mono {
        return give_up(core, now, &arrival, out);
    }
    let bytes = arrival.bytes.clone();
    let Ok(message) = Message::parse(&bytes) else {
        return give_up(core, now, &arrival, out);
    };
    let Some(request) = reread(core, &message, arrival.flow) else {
        return give_up(core, now, &arrival, out);
    };
    if request.aor_hash != aor || request.terms != terms {
        return give_up(core, now, &arrival, out);
    }
    let devices = super::devices_of(core, &request);
    let decision = super::judge(core, now, &request, &devices, SelfProof::None);
    match decision {
        // Whoever spoke on the lease before it may have renewed it for all.
        Decision::Absorb { .. } => {
            core.counters.decided(decision.row());
            let delivery = Delivery {
                txn: Some(arrival.txn),
                repeat: Repeat::ByBinding,
                ..Delivery::STATELESS
            };
            absorb::absorb(core, now, &request, &devices, delivery, out);
            return history::absorbed(core, now, aor, &devices, Row::D13);
        }
        // Its device may have left meanwhile (R8).
        Decision::Reject(refusal) => return refuse_arrival(core, now, &arrival, refusal, out),
        _ => {}
    }
    if let Err(refusal) = quota::check(core, &request, &devices) {
        return refuse_arrival(core, now, &arrival, refusal, out);
    }
    place(core, now, &request, &devices, arrival, out);
}

/// Ends a conversation: what it reserved is free again, what it used up is remembered.
pub(super) fn end(core: &mut Core, id: ConversationId) {
    let Some(conversation) = core.conversations.end(id) else {
        return;
    };
    if let Some(timer) = conversation.timer {
        core.timers.cancel(timer);
    }
    for claim in &conversation.claims {
        match claim.hold {
            Hold::Reserved(_) | Hold::Departed(_) => core.table.release(claim.binding),
            Hold::Committed | Hold::Superseded(_) => {}
        }
    }
    spending::spend(
        core,
        conversation.hash,
        conversation.lease,
        conversation.cseq,
    );
}

/// A conversation's timer: its patience with a challenged device is over, or its next try is due.
pub(crate) fn on_timer(core: &mut Core, now: Now, id: ConversationId, out: &mut Outbox) {
    let Some(conversation) = core.conversations.get(id) else {
        return;
    };
    match conversation.phase {
        Phase::Challenged { until, .. } if until <= now.mono => {
            core.conversations.enter(id, Phase::between());
            finish(core, now, id, out);
        }
        Phase::Resting { until, .. } if until <= now.mono => release::queue(core, now, id, out),
        _ => {}
    }
}
