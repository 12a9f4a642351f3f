//! A device's REGISTER as it goes upstream: on which node, for how long, with which contacts.

use sip::Message;
use smallvec::{SmallVec, smallvec};

use crate::clock::{Now, Seconds};
use crate::core::{Core, Purpose};
use crate::defect::Defect;
use crate::hop::Hop;
use crate::ids::{BindingId, NodeId};
use crate::location::Binding;
use crate::output::Outbox;
use crate::policy::ChallengePolicy;
use crate::registrar::address::Address;
use crate::registrar::conversation::{Arrival, Conversation, ConversationId, Evidence, Leg};
use crate::registrar::decide::{flows_match, want};
use crate::registrar::decision::ForwardReason;
use crate::registrar::forward::{is_of, reread};
use crate::registrar::outgoing::{self, LeaseVoice, Outgoing, Proof, Removals, Voice};
use crate::registrar::rename::Rename;
use crate::registrar::request::{Credentials, RegisterRequest, Wanted};
use crate::registrar::supersession::is_up_to_date;
use crate::registrar::{claims, identity, joining, proof, spending};

/// What went upstream.
pub(super) struct Said {
    /// Lifetime asked for; 0 ends a shared lease.
    pub(super) lifetime: Seconds,
    /// What the main registrar was given to check.
    pub(super) evidence: Evidence,
    /// Devices that were renewed, whatever their request wanted.
    pub(super) renewed: SmallVec<[BindingId; 2]>,
}

/// Sends an arrival; what was said, or `None` when it could not be sent.
pub(super) fn try_to_ask(
    core: &mut Core,
    now: Now,
    id: ConversationId,
    (arrival, leg): (&Arrival, &Leg),
    out: &mut Outbox,
) -> Option<Said> {
    let message = Message::parse(&arrival.bytes).ok()?;
    // What was sound when it came may offend against a policy that came since.
    let request = reread(core, &message, arrival.flow).filter(|r| is_of(core, id, r))?;
    joining::take_over(core, id, &request);
    if !claims::claim(core, id, &request) {
        return None;
    }
    if *leg == Leg::First {
        claims::depart_at_once(core, now, id, &request, out);
    }
    let policy = core.policy.clone();
    let node = settle_node(core, id, arrival.reason)?;
    let hop = Hop::to(core, &policy, node)?;
    let anew = asks_anew(core, id, &request, arrival.reason);
    let bound = if anew { bound(core, id) } else { smallvec![] };
    let lifetime = match bound.is_empty() && ends_lease(core, id, &request) {
        true => 0,
        false => lifetime(core, node, &request),
    };
    let replaced = replaced(core, id, &request);
    count_on(core, id);
    let conversation = core.conversations.get(id)?;
    let bindings: SmallVec<[BindingId; 2]> =
        conversation.claims.iter().map(|c| c.binding).collect();
    let terms = conversation.terms;
    let rename = Rename::of(&policy, &request.aor, &message);
    let how = Outgoing {
        hop: &hop,
        address: Address::new(&policy, &core.keys, terms, &request.aor),
        came_by: arrival.flow,
        voice: voice(core, conversation, lifetime),
        bindings: &bindings,
        replaced: &replaced,
        removals: match anew {
            true => Removals::Withheld(&bound),
            false => Removals::Told,
        },
        credentials: match leg {
            Leg::Answered(line, _) => Proof::Ours(line),
            _ if anew || proof::is_had_here(policy.of(&request.aor)) => Proof::Ours(b""),
            _ => Proof::OfDevice,
        },
        rename: rename.as_ref(),
    };
    let evidence = evidence(&request, how.credentials);
    let mut bytes = Vec::with_capacity(message.bytes().len() + 256);
    outgoing::write(&message, request.contacts(), &how, &mut bytes);
    let give_up_at = arrival.at.plus(policy.upstream.deadline);
    hop.send(
        core,
        now,
        bytes,
        (Purpose::Conversation(id), give_up_at),
        out,
    )
    .ok()?;
    Some(Said {
        lifetime,
        evidence,
        renewed: bound,
    })
}

/// Whose request it is to the main registrar.
fn voice(core: &Core, conversation: &Conversation, asked: Seconds) -> Voice {
    let (lease, cseq) = (conversation.lease, conversation.cseq);
    match conversation.terms.is_proxied() {
        true => Voice::Device,
        false => Voice::Lease(LeaseVoice::of(&core.keys, lease, cseq, asked)),
    }
}

/// The lease's next CSeq is that of its conversation (R6).
fn count_on(core: &mut Core, id: ConversationId) {
    let spent = spending::spent(core, id);
    let next = match core.seeded.is(Defect::RepeatCseq) {
        true => spent.max(1),
        false => next_cseq(spent),
    };
    if let Some(conversation) = core.conversations.get_mut(id) {
        conversation.cseq = next;
    }
}

/// What the main registrar is given to check.
fn evidence(request: &RegisterRequest<'_>, proof: Proof<'_>) -> Evidence {
    match (proof, request.credentials) {
        (Proof::OfDevice, Credentials::Present) => Evidence::Credentials,
        _ => Evidence::None,
    }
}

/// Whether credentials that come with a request may be an onlooker's, so that the main registrar is
/// to ask for fresh ones: it cannot see by our CSeq that they are old (R11), and under
/// `require_challenge` only those that answer a challenge count (R1).
fn asks_anew(
    core: &Core,
    id: ConversationId,
    request: &RegisterRequest<'_>,
    reason: ForwardReason,
) -> bool {
    if reason == ForwardReason::Challenge || request.terms.is_proxied() {
        return false;
    }
    let policy = core.policy.of(&request.aor);
    let rule = policy.registration.flow_match;
    let known = |binding: &Binding| flows_match(&request.flow, &binding.flow, rule);
    let mut bindings = core.table.bindings_of(request.aor_hash);
    // What a stranger may have been granted unheard is not remembered for long: it must have answered
    // a challenge. Who has just left here is no stranger.
    let required = policy.challenge == ChallengePolicy::Require;
    let unknown = !core.table.bindings_of(request.aor_hash).any(known);
    if unknown && (required || !has_left(core, id)) {
        return true;
    }
    bindings.any(|binding| {
        binding.stamp.call_id == request.stamp.call_id
            && request.stamp.cseq <= binding.stamp.cseq
            && !known(binding)
    })
}

/// The devices of a conversation that are bound.
fn bound(core: &Core, id: ConversationId) -> SmallVec<[BindingId; 2]> {
    let claims = core.conversations.get(id).map(|own| own.claims.as_slice());
    let claims = claims.unwrap_or_default().iter();
    claims
        .map(|claim| claim.binding)
        .filter(|id| core.table.binding(*id).is_some())
        .collect()
}

/// Whether a conversation is that of a device whose farewell was its own (R8).
fn has_left(core: &Core, id: ConversationId) -> bool {
    let conversation = core.conversations.get(id);
    let mut owed = conversation
        .into_iter()
        .flat_map(|own| &own.claims)
        .filter_map(|claim| claim.hold.owed());
    owed.any(|binding| !binding.is_phantom())
}

/// The node that a conversation speaks with: one that went down since is left, but not in the
/// middle of a challenge, which nobody else can verify (D4).
fn settle_node(core: &mut Core, id: ConversationId, reason: ForwardReason) -> Option<NodeId> {
    let conversation = core.conversations.get_mut(id)?;
    if reason != ForwardReason::Challenge
        && !core.peers.is_up(conversation.node)
        && let Some(other) = core.peers.choose(&core.policy.upstream, conversation.hash)
    {
        conversation.node = other;
    }
    Some(conversation.node)
}

/// R5: what is asked upstream.
fn lifetime(core: &Core, node: NodeId, request: &RegisterRequest<'_>) -> Seconds {
    let domain = core.policy.of(&request.aor);
    let longest = request
        .contacts()
        .iter()
        .map(|wanted| want(wanted, request.reach, &domain.registration))
        .max()
        .unwrap_or(0);
    domain
        .expires
        .max(longest)
        .max(core.peers.min_expires(node))
}

/// Whether a request, once accepted, leaves nobody on a lease that an AoR's devices share (R8).
fn ends_lease(core: &Core, id: ConversationId, request: &RegisterRequest<'_>) -> bool {
    let Some(conversation) = core.conversations.get(id) else {
        return false;
    };
    let only_removes = !request.contacts().is_empty() && request.only_removes();
    if !conversation.terms.is_shared() || !only_removes {
        return false;
    }
    if core.seeded.is(Defect::EndSharedLease) {
        return true;
    }
    let stays = |id: BindingId| !conversation.claims.iter().any(|c| c.binding == id);
    // Another shared lease is the same Contact to the main registrar, and ends with it.
    let shares = |binding: &Binding| {
        binding.lease.id == conversation.lease
            || (binding.lease.terms.is_shared() && is_up_to_date(core, &request.aor, binding))
    };
    let mut bindings = core.table.bindings_of(conversation.hash);
    !bindings.any(|binding| shares(binding) && stays(binding.id))
}

/// Contacts that the main registrar has under the device's own name and that another replaces now:
/// with a Path through us it cannot know that they are the same device's.
fn replaced(core: &Core, id: ConversationId, request: &RegisterRequest<'_>) -> Vec<Vec<u8>> {
    let Some(conversation) = core.conversations.get(id) else {
        return Vec::new();
    };
    if conversation.terms.rewrites_contact() || !conversation.terms.is_leased() {
        return Vec::new();
    }
    let claims = request.contacts().iter().zip(&conversation.claims);
    claims
        .filter_map(|(wanted, claim)| {
            let held = core.table.binding(claim.binding)?.contact.uri();
            let named_again = |other: &Wanted<'_>| identity::same_uri(other.uri, held);
            let same = identity::same_uri(wanted.uri, held);
            (!same && !request.contacts().iter().any(named_again)).then(|| held.to_vec())
        })
        .collect()
}

/// RFC 3261 §8.1.1.5: CSeq stays below 2³¹; a lease that ever comes so far begins again, and the
/// main registrar's refusal of that one REGISTER is outlived by the next.
pub(super) const fn next_cseq(cseq: u32) -> u32 {
    if cseq >= i32::MAX as u32 { 1 } else { cseq + 1 }
}
