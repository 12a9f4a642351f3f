//! A REGISTER on its way to the main registrar: joined to the conversation of its lease, sent,
//! repeated after a 423, and given up.

use std::collections::VecDeque;

use sip::header::expires::DeltaSeconds;
use sip::{Message, Name};
use smallvec::SmallVec;

use crate::clock::{Mono, Now, Seconds};
use crate::core::{Armed, Core, Purpose};
use crate::event::{Event, RemovalCause};
use crate::flow::Flow;
use crate::gate::{ReadyReply, Repeat};
use crate::ids::{BindingId, LeaseId, NodeId};
use crate::limits;
use crate::location::{Change, Op};
use crate::output::Outbox;
use crate::policy::Mode;
use crate::registrar::conversation::{
    Arrival, Asking, Claim, Conversation, ConversationId, Hold, Leg, Phase,
};
use crate::registrar::decide::{is_own, want};
use crate::registrar::decision::ForwardReason;
use crate::registrar::heading::Heading;
use crate::registrar::outgoing::{self, LeaseVoice, Outgoing, Voice};
use crate::registrar::relay::{self, Challenge, Restored};
use crate::registrar::request::{RegisterRequest, Role, Wish};
use crate::registrar::{accept, identity, release, reply, unavailable};
use crate::token;
use crate::txn::{ClientRequest, Kind};

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
    let opened = super::transaction_key(core, request.message, &request.flow)
        .and_then(|key| core.txns.start_server(now, key, Kind::NonInvite, to).ok());
    let Some(txn) = opened else {
        let retry_after = core.retry_after();
        return unavailable(core, request.message, request.flow, retry_after, out);
    };
    let arrival = Arrival {
        bytes: request.message.bytes().into(),
        flow: request.flow,
        txn,
        at: now.mono,
        reason,
    };
    let Some(id) = find(core, request, devices).or_else(|| begin(core, request, devices, reason))
    else {
        return give_up(core, now, &arrival, out);
    };
    let Some(conversation) = core.conversations.get_mut(id) else {
        return;
    };
    match conversation.phase {
        Phase::Asking(_) if conversation.waiting.len() >= limits::WAITING_PER_LEASE => {
            give_up(core, now, &arrival, out);
        }
        Phase::Asking(_) => conversation.waiting.push_back(arrival),
        Phase::Challenged { .. } => ask(core, now, id, arrival, Leg::First, out),
        Phase::Releasing { .. } | Phase::Resting { .. } => {
            release::cancel(core, id, out);
            ask(core, now, id, arrival, Leg::First, out);
        }
    }
}

/// The conversation whose challenge a request answers (D4).
pub(crate) fn challenged(core: &Core, request: &RegisterRequest<'_>) -> Option<ConversationId> {
    let answered: SmallVec<[u64; 2]> = request
        .nonces()
        .map(|nonce| core.keys.text_hash(nonce))
        .collect();
    let answers = |conversation: &Conversation| match &conversation.phase {
        Phase::Challenged { nonces, .. } => nonces.iter().any(|nonce| answered.contains(nonce)),
        _ => false,
    };
    core.conversations
        .of(request.aor_hash)
        .find(|(_, conversation)| answers(conversation))
        .map(|(id, _)| id)
}

/// The conversation that a request belongs to: the one it answers, the one that all of the AoR must
/// wait for (`Contact: *`, R8), or one about the same lease or device.
fn find(
    core: &Core,
    request: &RegisterRequest<'_>,
    devices: &[Option<BindingId>],
) -> Option<ConversationId> {
    if let Some(id) = challenged(core, request) {
        return Some(id);
    }
    if core.policy.mode == Mode::Mirror {
        return None;
    }
    let everything = matches!(request.wish, Wish::RemoveAll);
    let mine = |conversation: &Conversation| match &conversation.phase {
        Phase::Asking(asking) => {
            everything
                || asking.arrival.reason == ForwardReason::RemoveAll
                || is_about(core, conversation, request, devices)
        }
        _ => is_about(core, conversation, request, devices),
    };
    core.conversations
        .of(request.aor_hash)
        .find(|(_, conversation)| mine(conversation))
        .map(|(id, _)| id)
}

/// Whether a conversation is about the lease or the device of a request.
fn is_about(
    core: &Core,
    conversation: &Conversation,
    request: &RegisterRequest<'_>,
    devices: &[Option<BindingId>],
) -> bool {
    let same_lease = devices
        .iter()
        .flatten()
        .filter_map(|id| core.table.binding(*id))
        .any(|binding| binding.lease.id == conversation.lease);
    let same_device = |claim: &Claim| match &claim.hold {
        Hold::Committed => devices.contains(&Some(claim.binding)),
        Hold::Reserved(uri) => request.contacts().iter().any(|wanted| *wanted.uri == **uri),
        Hold::Departed(binding) => {
            let sender = identity::Sender::of(request);
            let same = |wanted| identity::same_device(wanted, sender, binding);
            request.contacts().iter().any(same)
        }
    };
    // A stranger that claims a device's Contact must not get in its way: reserved contacts are the
    // same device's only from the same address.
    let same_source = match &conversation.phase {
        Phase::Asking(asking) => asking.arrival.flow.remote.ip() == request.flow.remote.ip(),
        _ => true,
    };
    same_lease || (same_source && conversation.claims.iter().any(same_device))
}

fn begin(
    core: &mut Core,
    request: &RegisterRequest<'_>,
    devices: &[Option<BindingId>],
    reason: ForwardReason,
) -> Option<ConversationId> {
    let node = core.peers.choose(&core.policy.upstream, request.aor_hash)?;
    let known = devices
        .iter()
        .flatten()
        .find_map(|id| core.table.binding(*id));
    // What names no device of its own speaks on a lease of its own: `*` and queries.
    let own_lease = matches!(reason, ForwardReason::RemoveAll | ForwardReason::Query);
    let (lease, cseq) = match known.filter(|_| !own_lease) {
        Some(binding) => (
            binding.lease.id,
            release::last_cseq(core, request.aor_hash, binding.lease),
        ),
        None => (LeaseId(core.entropy.draw()), 0),
    };
    core.conversations.begin(Conversation {
        aor: request.aor.as_slice().into(),
        hash: request.aor_hash,
        node,
        lease,
        cseq,
        claims: SmallVec::new(),
        phase: Phase::between(),
        waiting: VecDeque::new(),
    })
}

/// Sends an arrival upstream on a conversation that is free for it.
fn ask(
    core: &mut Core,
    now: Now,
    id: ConversationId,
    arrival: Arrival,
    leg: Leg,
    out: &mut Outbox,
) {
    let bytes = arrival.bytes.clone();
    let Ok(message) = Message::parse(&bytes) else {
        return give_up(core, now, &arrival, out);
    };
    let Some(request) = reread(core, &message, arrival.flow) else {
        return give_up(core, now, &arrival, out);
    };
    if !claim(core, id, &request) {
        give_up(core, now, &arrival, out);
        return finish(core, now, id, out);
    }
    if leg == Leg::First {
        depart_at_once(core, now, id, &request, out);
    }
    let policy = core.policy.clone();
    let Some(conversation) = core.conversations.get_mut(id) else {
        return;
    };
    // A node that went down since leaves its conversations; a challenge never does (D4).
    if arrival.reason != ForwardReason::Challenge
        && !core.peers.is_up(conversation.node)
        && let Some(other) = core.peers.choose(&policy.upstream, conversation.hash)
    {
        conversation.node = other;
    }
    conversation.cseq = next_cseq(conversation.cseq);
    let (node, lease, cseq) = (conversation.node, conversation.lease, conversation.cseq);
    let tokens: SmallVec<[[u8; token::TOKEN_LENGTH]; 2]> = conversation
        .claims
        .iter()
        .map(|claim| token::encode(&core.keys, claim.binding))
        .collect();
    let asked = lifetime(core, node, &request);
    let Some((flow, listener)) = core
        .flow_to(node)
        .and_then(|flow| Some((flow, policy.listeners.get(usize::from(flow.listener.0))?)))
    else {
        give_up(core, now, &arrival, out);
        return finish(core, now, id, out);
    };
    let branch = core.txns.new_branch();
    let (call_id, tag) = (core.keys.lease_call_id(lease), core.keys.lease_tag(lease));
    let voice = match policy.mode {
        Mode::Mirror => Voice::Device,
        Mode::Contact => Voice::Lease(LeaseVoice {
            call_id: &call_id,
            tag: &tag,
            cseq,
            expires: asked,
        }),
    };
    let how = Outgoing {
        branch: branch.as_bytes(),
        advertise: &listener.advertise,
        transport: listener.transport.as_str(),
        token_param: &policy.upstream.token_param,
        came_by: arrival.flow,
        voice,
        tokens: &tokens,
    };
    let mut bytes = Vec::with_capacity(message.bytes().len() + 256);
    outgoing::write(&message, request.contacts(), &how, &mut bytes);
    let sent = core.txns.start_client(
        now,
        ClientRequest {
            kind: Kind::NonInvite,
            branch: &branch,
            flow,
            bytes: bytes.into(),
            give_up_at: arrival.at.plus(policy.upstream.deadline),
            owner: Purpose::Conversation(id).pack(),
        },
        out,
    );
    if sent.is_err() {
        give_up(core, now, &arrival, out);
        return finish(core, now, id, out);
    }
    core.counters.upstream_registers += 1;
    out.event(Event::RegisterForwarded {
        aor: Core::aor_text(&request.aor),
        reason: arrival.reason,
        source: arrival.flow.remote,
        node,
    });
    core.conversations.enter(
        id,
        Phase::Asking(Box::new(Asking {
            arrival,
            asked,
            leg,
        })),
    );
}

/// Makes sure that each wanted contact has an address to go upstream with. `false` when there is
/// none to be had.
fn claim(core: &mut Core, id: ConversationId, request: &RegisterRequest<'_>) -> bool {
    let devices = super::devices_of(core, request);
    let Some(conversation) = core.conversations.get_mut(id) else {
        return false;
    };
    let mut old = core::mem::take(&mut conversation.claims);
    let slot = conversation.hash.slot();
    let mut claims: SmallVec<[Claim; 1]> = SmallVec::new();
    let mut complete = true;
    for (wanted, device) in request.contacts().iter().zip(devices) {
        let kept = old.iter().position(|claim| match &claim.hold {
            Hold::Reserved(uri) => **uri == *wanted.uri,
            Hold::Committed => Some(claim.binding) == device,
            // Its address and lease are the device's own; only these are kept.
            Hold::Departed(_) => device.is_none(),
        });
        let fresh = match (device, kept) {
            (Some(binding), _) => Some((binding, Hold::Committed)),
            (None, Some(at)) => {
                let claim = old.remove(at);
                Some((
                    claim.binding,
                    match claim.hold {
                        Hold::Departed(binding) if wanted.is_removal() => Hold::Departed(binding),
                        _ => Hold::Reserved(wanted.uri.into()),
                    },
                ))
            }
            (None, None) => core
                .table
                .reserve(slot)
                .map(|binding| (binding, Hold::Reserved(wanted.uri.into()))),
        };
        match fresh {
            Some((binding, hold)) => claims.push(Claim { binding, hold }),
            None => complete = false,
        }
    }
    for left in old {
        match left.hold {
            Hold::Reserved(_) => core.table.release(left.binding),
            // Still to be given back, whatever this request is about.
            Hold::Departed(_) if matches!(request.wish, Wish::Query | Wish::RemoveAll) => {
                claims.push(left);
            }
            Hold::Departed(_) => core.table.release(left.binding),
            Hold::Committed => {}
        }
    }
    if let Some(conversation) = core.conversations.get_mut(id) {
        conversation.claims = claims;
    }
    complete
}

/// R8: what is surely the device's own wish is done at once; the main registrar hears of it next.
fn depart_at_once(
    core: &mut Core,
    now: Now,
    id: ConversationId,
    request: &RegisterRequest<'_>,
    out: &mut Outbox,
) {
    if core.policy.mode == Mode::Mirror {
        return;
    }
    let Some(conversation) = core.conversations.get(id) else {
        return;
    };
    let leaving: SmallVec<[BindingId; 2]> = request
        .contacts()
        .iter()
        .zip(&conversation.claims)
        .filter(|(wanted, _)| wanted.is_removal())
        .filter_map(|(_, claim)| core.table.binding(claim.binding))
        .filter(|binding| is_own(request, binding))
        .map(|binding| binding.id)
        .collect();
    if leaving.is_empty() {
        return;
    }
    let cause = RemovalCause::Unregistered;
    let changes = leaving.iter().map(|id| {
        Change::of(
            *id,
            Op::Remove {
                binding: *id,
                cause,
            },
        )
    });
    let (_, removed) = core.commit(now, changes.collect(), out);
    let Some(conversation) = core.conversations.get_mut(id) else {
        return;
    };
    for binding in removed {
        let claim = conversation
            .claims
            .iter_mut()
            .find(|claim| claim.binding == binding.id);
        out.event(Event::BindingRemoved {
            aor: Core::aor_text(&request.aor),
            binding: binding.id,
            cause,
        });
        if let Some(claim) = claim {
            claim.hold = Hold::Departed(binding);
        }
    }
    core.tombstones
        .bury(now.mono, request.aor_hash, request.stamp);
}

/// R5: what is asked upstream.
fn lifetime(core: &Core, node: NodeId, request: &RegisterRequest<'_>) -> Seconds {
    let policy = &core.policy;
    let longest = request
        .contacts()
        .iter()
        .map(|wanted| want(wanted, request.reach, &policy.registration))
        .max()
        .unwrap_or(0);
    policy
        .upstream
        .expires
        .max(longest)
        .max(core.peers.min_expires(node))
}

/// RFC 3261 §8.1.1.5: CSeq stays below 2³¹; a lease that ever comes so far begins again, and the
/// main registrar's refusal of that one REGISTER is outlived by the next.
const fn next_cseq(cseq: u32) -> u32 {
    if cseq >= i32::MAX as u32 { 1 } else { cseq + 1 }
}

/// Reads an arrival again; it was sound when it came.
pub(super) fn reread<'a>(
    core: &Core,
    message: &'a Message<'a>,
    flow: Flow,
) -> Option<RegisterRequest<'a>> {
    let role = match core.policy.mode {
        Mode::Mirror => Role::Proxy,
        Mode::Contact => Role::Registrar,
    };
    RegisterRequest::read(message, flow, role, &core.keys).ok()
}

/// A final response to a REGISTER of a conversation.
pub(crate) fn on_final(
    core: &mut Core,
    now: Now,
    id: ConversationId,
    response: &Message<'_>,
    sent_at: Mono,
    out: &mut Outbox,
) {
    let status = response.status().unwrap_or(500);
    match core.conversations.enter(id, Phase::between()) {
        Some(Phase::Asking(asking)) => {
            on_answer(core, now, id, *asking, response, (status, sent_at), out);
        }
        Some(Phase::Releasing { attempt, .. }) => {
            release::on_answer(core, now, id, attempt, status, out);
        }
        Some(other) => {
            core.conversations.enter(id, other);
        }
        None => {}
    }
}

fn on_answer(
    core: &mut Core,
    now: Now,
    id: ConversationId,
    asking: Asking,
    response: &Message<'_>,
    (status, sent_at): (u16, Mono),
    out: &mut Outbox,
) {
    match status {
        200..300 => accept::on_accepted(core, now, id, &asking, response, sent_at, out),
        401 | 407 => challenge(core, now, id, &asking, response, out),
        423 if core.policy.mode != Mode::Mirror
            && asking.leg == Leg::First
            && learn_min_expires(core, id, &asking, response, out) =>
        {
            return ask(core, now, id, asking.arrival, Leg::Raised, out);
        }
        408 | 500..600 if accept::on_outage(core, now, &asking, out) => {}
        _ => {
            accept::on_rejected(core, now, id, &asking, status, out);
            relay_answer(core, now, &asking, response, Challenge::Verbatim, out);
        }
    }
    finish(core, now, id, out);
}

/// R5: a 423 that names a longer lifetime than was asked for.
fn learn_min_expires(
    core: &mut Core,
    id: ConversationId,
    asking: &Asking,
    response: &Message<'_>,
    out: &mut Outbox,
) -> bool {
    let Some(conversation) = core.conversations.get(id) else {
        return false;
    };
    let node = conversation.node;
    let min_expires = response
        .header(Name::MinExpires)
        .and_then(|header| DeltaSeconds::parse(header.value).ok())
        .map_or(0, |delta| delta.0);
    if min_expires <= asking.asked {
        return false;
    }
    core.peers.learn_min_expires(node, min_expires);
    out.event(Event::UpstreamMinExpires { node, min_expires });
    true
}

fn challenge(
    core: &mut Core,
    now: Now,
    id: ConversationId,
    asking: &Asking,
    response: &Message<'_>,
    out: &mut Outbox,
) {
    let nonces = [Name::WwwAuthenticate, Name::ProxyAuthenticate]
        .into_iter()
        .flat_map(|name| response.headers_named(name))
        .filter_map(|header| {
            sip::header::auth::Challenge::parse(header.value)
                .ok()?
                .nonce
        })
        .map(|nonce| core.keys.text_hash(nonce))
        .collect();
    let until = now.mono.plus(limits::CHALLENGE_LIFE);
    core.conversations
        .enter(id, Phase::Challenged { nonces, until });
    core.timers.arm(until, Armed::Conversation(id));
    if let Some(conversation) = core.conversations.get(id) {
        let aor = Core::aor_text(&conversation.aor);
        out.event(Event::ChallengeRelayed {
            aor,
            source: asking.arrival.flow.remote,
        });
    }
    let marked = match asking.leg {
        Leg::First => Challenge::Verbatim,
        Leg::Raised => Challenge::Stale,
    };
    relay_answer(core, now, asking, response, marked, out);
}

/// Passes the main registrar's answer on to the device, without Contacts.
pub(super) fn relay_answer(
    core: &mut Core,
    now: Now,
    asking: &Asking,
    response: &Message<'_>,
    challenge: Challenge,
    out: &mut Outbox,
) {
    let Ok(request) = Message::parse(&asking.arrival.bytes) else {
        return;
    };
    let mut bytes = Vec::with_capacity(response.bytes().len() + 256);
    match core.policy.mode {
        Mode::Mirror => relay::write_proxied(response, None, &mut bytes),
        Mode::Contact => {
            let call_id = request
                .header(Name::CallId)
                .map_or(&b""[..], |header| header.value);
            let tag = core
                .keys
                .to_tag(call_id, super::request::from_tag(&request));
            let how = Restored {
                request: &request,
                came_by: asking.arrival.flow,
                tag: &tag,
                contacts: b"",
                expires: None,
                challenge,
            };
            relay::write_restored(response, &how, &mut bytes);
        }
    }
    let reply = ReadyReply {
        flow: asking.arrival.flow,
        txn: Some(asking.arrival.txn),
        status: response.status().unwrap_or(500),
        repeat: Repeat::ByTransaction,
        bytes: &bytes,
    };
    core.send(now, reply, out);
}

/// The main registrar left a REGISTER unanswered, or cannot be reached.
pub(crate) fn on_silence(core: &mut Core, now: Now, id: ConversationId, out: &mut Outbox) {
    match core.conversations.enter(id, Phase::between()) {
        Some(Phase::Asking(asking)) => {
            if !accept::on_outage(core, now, &asking, out) {
                give_up(core, now, &asking.arrival, out);
            }
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

/// Answers an arrival 503: it could not be asked, or nobody answered (never 408: RFC 4320 §4.2).
fn give_up(core: &mut Core, now: Now, arrival: &Arrival, out: &mut Outbox) {
    let refusal = super::Refusal {
        row: super::Row::D14,
        status: 503,
        reason: "Service Unavailable",
        header: super::RefusalHeader::RetryAfter(core.retry_after()),
    };
    core.counters.refused(503);
    let Ok(message) = Message::parse(&arrival.bytes) else {
        return;
    };
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
        status: 503,
        repeat: Repeat::ByTransaction,
        bytes: &bytes,
    };
    core.send(now, reply, out);
}

/// A REGISTER of this conversation is done: the next one has its turn, or it lingers after a
/// challenge, or it ends.
pub(super) fn finish(core: &mut Core, now: Now, id: ConversationId, out: &mut Outbox) {
    let Some(conversation) = core.conversations.get_mut(id) else {
        return;
    };
    if let Some(next) = conversation.waiting.pop_front() {
        return ask(core, now, id, next, Leg::First, out);
    }
    if matches!(conversation.phase, Phase::Challenged { .. }) {
        return;
    }
    let departed = conversation
        .claims
        .iter()
        .any(|c| matches!(c.hold, Hold::Departed(_)));
    if departed {
        return release::resume(core, now, id, out);
    }
    end(core, id);
}

/// Ends a conversation: what it reserved is free again, what it used up is remembered.
pub(super) fn end(core: &mut Core, id: ConversationId) {
    let Some(conversation) = core.conversations.end(id) else {
        return;
    };
    for claim in conversation.claims {
        match claim.hold {
            Hold::Reserved(_) | Hold::Departed(_) => core.table.release(claim.binding),
            Hold::Committed => {
                let (binding, lease, cseq) = (claim.binding, conversation.lease, conversation.cseq);
                core.table.apply(Change::of(
                    binding,
                    Op::Spent {
                        binding,
                        lease,
                        cseq,
                    },
                ));
            }
        }
    }
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
