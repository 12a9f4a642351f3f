//! Which conversation does a REGISTER belong to? A pure search, and the beginning of a new one.

use std::collections::VecDeque;

use smallvec::SmallVec;

use crate::core::Core;
use crate::ids::{AorHash, BindingId, LeaseId, PersistSeq};
use crate::limits;
use crate::location::Binding;
use crate::registrar::class::Class;
use crate::registrar::conversation::{
    Arrival, Claim, Conversation, ConversationId, Hold, Line, Opener, Phase, Subject, Turn,
};
use crate::registrar::request::{RegisterRequest, Wish};
use crate::registrar::{devices_of, forward, identity, supersession};

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
pub(super) fn find(
    core: &Core,
    request: &RegisterRequest<'_>,
    devices: &[Option<BindingId>],
) -> Option<ConversationId> {
    let everything = turn(core, request) == Turn::Alone;
    let proxied = request.terms.is_proxied();
    if let Some(id) = challenged(core, request) {
        return Some(barrier(core, request, everything).unwrap_or(id));
    }
    let mine = |conversation: &Conversation| match &conversation.phase {
        // What is said on other terms is said to its end.
        _ if conversation.terms != request.terms => false,
        // RFC 3261 §10.2: a phone does not register anew before it has its answer. One that does
        // waits even for a proxy, lest it become known twice.
        Phase::Asking(_) if proxied => is_about(core, conversation, request, devices),
        _ if proxied => false,
        Phase::Asking(asking) => {
            everything
                || is_barrier(&asking.arrival)
                || conversation.waiting.iter().any(is_barrier)
                || is_about(core, conversation, request, devices)
        }
        _ => is_about(core, conversation, request, devices),
    };
    core.conversations
        .of(request.aor_hash)
        .find(|(_, conversation)| mine(conversation))
        .map(|(id, _)| id)
}

/// What a second leg waits for, which has a conversation of its own: for a `Contact: *` under way or,
/// where it is one itself, for anything (R8).
fn barrier(core: &Core, request: &RegisterRequest<'_>, everything: bool) -> Option<ConversationId> {
    let in_the_way = |conversation: &Conversation| match &conversation.phase {
        Phase::Asking(asking) => {
            conversation.terms == request.terms && (everything || is_barrier(&asking.arrival))
        }
        _ => false,
    };
    let mut conversations = core.conversations.of(request.aor_hash);
    let found = conversations.find(|(_, conversation)| in_the_way(conversation));
    found
        .filter(|_| !request.terms.is_proxied())
        .map(|(id, _)| id)
}

/// `Contact: *` waits for all that is under way, and all that comes later waits for it (R8).
fn is_barrier(arrival: &Arrival) -> bool {
    arrival.turn == Turn::Alone
}

/// Whether all of the AoR wait for a request. A stranger's `Contact: *` is nobody's barrier.
pub(super) fn turn(core: &Core, request: &RegisterRequest<'_>) -> Turn {
    match request.wish {
        Wish::RemoveAll if Class::of(core, request) != Class::Stranger => Turn::Alone,
        _ => Turn::AmongOthers,
    }
}

/// Another conversation with a REGISTER under way on the lease of `id`, for which what is to be said
/// there must wait (R6).
pub(super) fn ahead_on_lease(core: &Core, id: ConversationId) -> Option<ConversationId> {
    let own = core.conversations.get(id)?;
    match own.terms.is_proxied() {
        true => None,
        false => asking_on(core, own.hash, own.lease).find(|other| *other != id),
    }
}

/// The same for a request that has no conversation yet, where it would speak on a lease that is
/// known.
pub(super) fn ahead_of(
    core: &Core,
    request: &RegisterRequest<'_>,
    devices: &[Option<BindingId>],
) -> Option<ConversationId> {
    if request.terms.is_proxied() || request.contacts().is_empty() {
        return None;
    }
    let (lease, _) = known_lease(core, request, devices)?;
    asking_on(core, request.aor_hash, lease).next()
}

/// The conversations with a REGISTER under way on a lease.
fn asking_on(core: &Core, aor: AorHash, lease: LeaseId) -> impl Iterator<Item = ConversationId> {
    core.conversations
        .of(aor)
        .filter(move |(_, conversation)| {
            conversation.lease == lease && matches!(conversation.phase, Phase::Asking(_))
        })
        .map(|(id, _)| id)
}

/// Whether a conversation is about the lease or the device of a request.
fn is_about(
    core: &Core,
    conversation: &Conversation,
    request: &RegisterRequest<'_>,
    devices: &[Option<BindingId>],
) -> bool {
    let same_lease = match (conversation.terms.is_shared(), &conversation.phase) {
        // Of a shared lease only the giving back concerns all: who challenges one device has not
        // challenged the others.
        (true, Phase::Releasing { .. } | Phase::Resting { .. }) => {
            !request.contacts().is_empty() && conversation.subject == Subject::Lease
        }
        (true, _) => false,
        (false, _) => devices
            .iter()
            .flatten()
            .filter_map(|id| core.table.binding(*id))
            .any(|binding| binding.lease.id == conversation.lease),
    };
    // A stranger that claims a device's Contact must not get in its way: reserved contacts are the
    // same device's only from the same address.
    let source = request.flow.remote.ip();
    let same_source = conversation.source.is_none_or(|own| own == source);
    let same_device = |claim: &Claim| match &claim.hold {
        Hold::Superseded(_) => false,
        Hold::Committed => devices.contains(&Some(claim.binding)),
        Hold::Reserved(uri) => {
            same_source && request.contacts().iter().any(|wanted| *wanted.uri == **uri)
        }
        Hold::Departed(binding) => {
            let sender = identity::Sender::of(request);
            let same = |wanted| identity::same_device(wanted, sender, binding);
            request.contacts().iter().any(same)
        }
    };
    // RFC 3261 §10.2: what a phone says before it has its answer may be about what that will be.
    let same_phone = match &conversation.phase {
        Phase::Asking(asking) => {
            let arrival = &asking.arrival;
            let said = (arrival.call_id, arrival.flow.remote.ip());
            !request.contacts().is_empty() && said == (request.stamp.call_id, source)
        }
        _ => false,
    };
    same_lease || same_phone || conversation.claims.iter().any(same_device)
}

/// Begins a conversation for a request.
pub(super) fn begin(
    core: &mut Core,
    request: &RegisterRequest<'_>,
    devices: &[Option<BindingId>],
) -> Option<ConversationId> {
    if is_crowded(core, request) {
        return None;
    }
    let node = core.peers.choose(&core.policy.upstream, request.aor_hash)?;
    // What names no device of its own speaks on a Call-ID of its own.
    let subject = match request.wish {
        Wish::Query | Wish::RemoveAll => Subject::Aor,
        Wish::Contacts(_) => Subject::Lease,
    };
    let known = match subject {
        Subject::Lease => known_lease(core, request, devices),
        Subject::Aor => None,
    };
    let (lease, cseq) = known.unwrap_or_else(|| (LeaseId(core.entropy.draw()), 0));
    make_room(core, request.aor_hash);
    let conversation = Conversation {
        opener: Opener::Device,
        source: Some(request.flow.remote.ip()),
        aor: request.aor.as_slice().into(),
        hash: request.aor_hash,
        node,
        lease,
        terms: request.terms,
        subject,
        cseq,
        claims: SmallVec::new(),
        phase: Phase::between(),
        waiting: VecDeque::new(),
        pending: PersistSeq::default(),
        timer: None,
        line: Line::Outside,
        patience: None,
    };
    core.conversations.begin(conversation)
}

/// Its device may have got a lease elsewhere since a conversation about it began: it has one only, and
/// keeps that (R3). A lease that is being spoken on, or on which something is to be given back, is left
/// as it is; so is a shared one, unless its conversation lingered with nobody on it while others got
/// another.
pub(super) fn take_over(core: &mut Core, id: ConversationId, request: &RegisterRequest<'_>) {
    let devices = devices_of(core, request);
    let Some(own) = core.conversations.get(id) else {
        return;
    };
    let is_held = |lease| core.table.sharing(own.hash, lease).next().is_some();
    let fixed = own.terms.is_proxied()
        || (own.terms.is_shared() && is_held(own.lease))
        || own.terms != request.terms
        || own.subject == Subject::Aor
        || own.claims.iter().any(|claim| claim.hold.owed().is_some());
    let known = known_lease(core, request, &devices).filter(|_| !fixed);
    let Some((lease, cseq)) = known.filter(|(lease, _)| is_held(*lease)) else {
        return;
    };
    let is_busy = core
        .conversations
        .of(own.hash)
        .any(|(other, conversation)| {
            let speaks = matches!(
                conversation.phase,
                Phase::Asking(_) | Phase::Releasing { .. }
            );
            other != id && conversation.lease == lease && speaks
        });
    if lease == own.lease || is_busy {
        return;
    }
    if let Some(own) = core.conversations.get_mut(id) {
        own.lease = lease;
        own.cseq = cseq;
    }
}

/// The lease that a request's devices have, and the last CSeq used on it: their own, or that of the
/// AoR where all share one. One that was granted on other terms is not theirs to renew.
fn known_lease(
    core: &Core,
    request: &RegisterRequest<'_>,
    devices: &[Option<BindingId>],
) -> Option<(LeaseId, u32)> {
    let usable = |binding: &Binding| {
        binding.lease.terms == request.terms
            && supersession::is_up_to_date(core, &request.aor, binding)
    };
    let own = devices
        .iter()
        .flatten()
        .filter_map(|id| core.table.binding(*id))
        .find(|binding| usable(binding))
        .map(|binding| binding.lease);
    if let Some(lease) = own {
        return Some((lease.id, lease.cseq));
    }
    if !request.terms.is_shared() {
        return None;
    }
    let of_siblings = core
        .table
        .bindings_of(request.aor_hash)
        .find(|binding| usable(binding))
        .map(|binding| (binding.lease.id, binding.lease.cseq));
    of_siblings.or_else(|| {
        let about_it = |c: &Conversation| c.terms == request.terms && c.subject == Subject::Lease;
        let mut conversations = core.conversations.of(request.aor_hash);
        conversations
            .find(|(_, conversation)| about_it(conversation))
            .map(|(_, conversation)| (conversation.lease, conversation.cseq))
    })
}

/// Whether an AoR has all the conversations that may be under way in it for another of a request's
/// class: strangers do not keep out who is known, nor those of one address who comes from another.
fn is_crowded(core: &Core, request: &RegisterRequest<'_>) -> bool {
    let class = Class::of(core, request);
    let share = class.share(limits::CONVERSATIONS_PER_AOR);
    let source = request.flow.remote.ip();
    let (mut all, mut alike) = (0, 0);
    for (_, conversation) in core.conversations.of(request.aor_hash) {
        all += usize::from(conversation.opener == Opener::Device && !conversation.gives_way());
        if let Phase::Asking(asking) = &conversation.phase {
            let arrival = &asking.arrival;
            let same = (arrival.class, arrival.flow.remote.ip()) == (class, source);
            alike += usize::from(same);
        }
    }
    all >= share || (class == Class::Stranger && alike >= share / 2)
}

/// Where an AoR has all the conversations it may have, those that linger after a challenge give
/// way, the oldest first: strangers that never answer keep nobody out, and a device that does
/// answer is still understood, as one that is new or changed.
fn make_room(core: &mut Core, aor: AorHash) {
    // Any of them in all: a stranger that fills the table mostly meets its own.
    if core.conversations.is_full() {
        let start = core.entropy.draw() as usize;
        if let Some(lingering) = core.conversations.lingering_near(start) {
            forward::end(core, lingering);
        }
    }
    if core.conversations.of(aor).count() < limits::CONVERSATIONS_PER_AOR {
        return;
    }
    let lingering = core
        .conversations
        .of(aor)
        .filter_map(|(id, conversation)| match &conversation.phase {
            Phase::Challenged { until, .. } if conversation.gives_way() => Some((*until, id)),
            _ => None,
        });
    if let Some((_, oldest)) = lingering.min_by_key(|(until, _)| *until) {
        forward::end(core, oldest);
    }
}
