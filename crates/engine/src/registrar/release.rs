//! Leases given back (R9): when a device is gone, the main registrar is told with the lease's own
//! identity, until it agrees, refuses, or the lease has run out by itself.
//!
//! At most [`limits::RELEASES_IN_FLIGHT`] are under way; the others wait in line, so that a site
//! that dies at once does not flood the main registrar.

use std::collections::VecDeque;

use sip::Message;
use smallvec::{SmallVec, smallvec};

use crate::auth;
use crate::clock::{Mono, Now};
use crate::core::{Core, Purpose};
use crate::defect::Defect;
use crate::event::{Event, ReleaseOutcome};
use crate::hop::{self, Hop};
use crate::ids::{AorHash, BindingId, LeaseId, PersistSeq};
use crate::keys::Keys;
use crate::limits;
use crate::location::{Binding, ContactText, Lease};
use crate::output::Outbox;
use crate::policy::Policy;
use crate::registrar::address::Address;
use crate::registrar::conversation::{
    Challenge, Claim, Conversation, ConversationId, Hold, Line, Opener, Phase, Subject,
};
use crate::registrar::forward;
use crate::registrar::outgoing::LeaseVoice;
use crate::registrar::removal::Removal;
use crate::registrar::request::{Credentials, RegisterRequest};
use crate::registrar::supersession::same_lease;
use crate::registrar::{asking, identity, spending};
use crate::txn::ClientTxn;

/// Begins to give back the lease of a removed binding: puts it in line, for [`pump`] to send.
pub(crate) fn begin(
    core: &mut Core,
    now: Now,
    (aor, hash): (Box<[u8]>, AorHash),
    binding: Box<Binding>,
    out: &mut Outbox,
) {
    // In `mirror` the registration is the device's own; it ends as it began, without us.
    spending::spend(core, hash, binding.lease.id, binding.lease.cseq);
    let lease = &binding.lease;
    let runs = lease.terms.is_leased()
        && !core.seeded.is(Defect::ForgetRemoval)
        && lease.until > now.mono
        // Others stay on it: it goes with the last of them.
        && !is_shared_still(core, hash, lease)
        && !is_held_by_another(core, hash, (&binding, lease.id));
    if let Some(claim) = core.conversations.claim_on(hash, binding.id) {
        claim.hold = match runs {
            true => Hold::Departed(binding),
            false => Hold::Reserved(binding.contact.uri().into()),
        };
        return;
    }
    if !runs {
        return core.table.release(binding.id);
    }
    let Err(binding) = join(core, hash, binding) else {
        return;
    };
    let (address, lease) = (binding.id, binding.lease);
    let cseq = spending::last_cseq(core, hash, lease.id).max(lease.cseq);
    let text = Core::aor_text(&aor);
    let claim = Claim {
        binding: address,
        hold: Hold::Departed(binding),
    };
    let conversation = opening(now, (aor, hash), Lease { cseq, ..lease }, claim);
    let begun = core.conversations.begin(conversation);
    match begun {
        Some(id) => line_up(core, id),
        None => {
            core.table.release(address);
            out.event(Event::LeaseReleased {
                aor: text,
                outcome: ReleaseOutcome::Crowded,
            });
        }
    }
}

/// With `path` insertion: whether another device of the AoR has the same Contact, which is therefore
/// not to be removed at the main registrar.
fn is_held_by_another(core: &Core, hash: AorHash, (binding, lease): (&Binding, LeaseId)) -> bool {
    let uri = binding.contact.uri();
    !binding.lease.terms.rewrites_contact()
        && core.table.bindings_of(hash).any(|other| {
            let path = !other.lease.terms.rewrites_contact();
            path && other.lease.id != lease && identity::same_uri(other.contact.uri(), uri)
        })
}

/// A conversation by which a lease is given back.
pub(super) fn opening(
    now: Now,
    (aor, hash): (Box<[u8]>, AorHash),
    lease: Lease,
    claim: Claim,
) -> Conversation {
    Conversation {
        opener: Opener::Release,
        source: None,
        aor,
        hash,
        node: lease.node,
        lease: lease.id,
        terms: lease.terms,
        subject: Subject::Lease,
        cseq: lease.cseq,
        claims: smallvec![claim],
        phase: Phase::Resting {
            attempt: 0,
            until: now.mono,
        },
        waiting: VecDeque::new(),
        pending: PersistSeq::default(),
        timer: None,
        line: Line::Outside,
        patience: None,
    }
}

/// Whether devices hang on a lease that an AoR's devices share, or on another that is the same
/// Contact to the main registrar.
pub(super) fn is_shared_still(core: &Core, hash: AorHash, lease: &Lease) -> bool {
    let Some(record) = core.table.record(hash).filter(|_| lease.terms.is_shared()) else {
        return false;
    };
    record.bindings().any(|held| {
        held.lease.id == lease.id
            || (held.lease.terms.is_shared() && same_lease(core, &record.aor, &held.lease, lease))
    })
}

/// What is being said on the lease already is said to its end first (R6): the binding is given back
/// after that, together with others of its lease. A binding that nobody took is handed back.
fn join(core: &mut Core, hash: AorHash, binding: Box<Binding>) -> Result<(), Box<Binding>> {
    let takes = |conversation: &Conversation| {
        conversation.lease == binding.lease.id
            && !matches!(conversation.phase, Phase::Releasing { .. })
            && conversation.claims.len() < limits::CONTACTS_PER_REGISTER
    };
    let found = core
        .conversations
        .of(hash)
        .find(|(_, c)| takes(c))
        .map(|(id, _)| id);
    let Some(conversation) = found.and_then(|id| core.conversations.get_mut(id)) else {
        return Err(binding);
    };
    conversation.claims.push(Claim {
        binding: binding.id,
        hold: Hold::Departed(binding),
    });
    Ok(())
}

/// A conversation with departed bindings goes on as a release.
pub(super) fn resume(core: &mut Core, now: Now, id: ConversationId, out: &mut Outbox) {
    core.conversations.enter(
        id,
        Phase::Resting {
            attempt: 0,
            until: now.mono,
        },
    );
    let Some(conversation) = core.conversations.get_mut(id) else {
        return;
    };
    let (departed, others): (SmallVec<[Claim; 1]>, SmallVec<[Claim; 1]>) =
        core::mem::take(&mut conversation.claims)
            .into_iter()
            .partition(|claim| claim.hold.owed().is_some());
    conversation.claims = departed;
    for claim in others {
        if matches!(claim.hold, Hold::Reserved(_)) {
            core.table.release(claim.binding);
        }
    }
    queue(core, now, id, out);
}

/// What was just accepted upstream is not wanted here, or may have been accepted without anybody
/// having heard of it: the contacts that are not committed are given back. The device is known by
/// its request, should it come again first.
pub(super) fn undo(
    core: &mut Core,
    id: ConversationId,
    request: &RegisterRequest<'_>,
    until: Mono,
) {
    let Some(conversation) = core.conversations.get_mut(id) else {
        return;
    };
    let lease = Lease {
        id: conversation.lease,
        cseq: conversation.cseq,
        node: conversation.node,
        terms: conversation.terms,
        settings: core.settings.present(),
        epoch: 0,
        granted: 0,
        until,
    };
    let hash = conversation.hash;
    // With `path` insertion the Contact may be another's, named by somebody who has shown nothing.
    let unfounded = !lease.terms.rewrites_contact() && request.credentials == Credentials::Absent;
    if !lease.terms.is_leased() || unfounded || is_shared_still(core, hash, &lease) {
        return;
    }
    let Some(conversation) = core.conversations.get_mut(id) else {
        return;
    };
    for (wanted, claim) in request.contacts().iter().zip(&mut conversation.claims) {
        let text = ContactText::new(wanted.uri, wanted.params.as_bytes(), b"", b"");
        if wanted.is_removal() {
            continue;
        }
        match (&mut claim.hold, text) {
            (Hold::Reserved(_), Some(text)) => {
                let sender = (request.flow, request.stamp);
                let phantom = Binding::phantom(claim.binding, text, sender, lease);
                claim.hold = Hold::Departed(Box::new(phantom));
            }
            // It may have been renewed.
            (Hold::Departed(binding), _) => binding.lease.until = binding.lease.until.max(until),
            _ => {}
        }
    }
}

/// Puts a release in line.
pub(super) fn queue(core: &mut Core, now: Now, id: ConversationId, out: &mut Outbox) {
    line_up(core, id);
    pump(core, now, out);
}

/// Nobody stands in line twice, and those that ended while they stood there are sent away when
/// they are the greater part, so that the line is never much longer than there are conversations.
pub(super) fn line_up(core: &mut Core, id: ConversationId) {
    let Some(conversation) = core.conversations.get_mut(id) else {
        return;
    };
    if conversation.line == Line::Waiting {
        return;
    }
    conversation.line = Line::Waiting;
    core.release_queue.push_back(id);
    if core.release_queue.len() > 2 * core.conversations.len() + limits::RELEASES_IN_FLIGHT {
        let conversations = &core.conversations;
        core.release_queue
            .retain(|id| conversations.get(*id).is_some());
    }
}

/// Sends releases while there is room.
pub(super) fn pump(core: &mut Core, now: Now, out: &mut Outbox) {
    while core.releasing < limits::RELEASES_IN_FLIGHT {
        let Some(id) = core.release_queue.pop_front() else {
            return;
        };
        if let Some(conversation) = core.conversations.get_mut(id) {
            conversation.line = Line::Outside;
        }
        send(core, now, id, out);
    }
}

fn send(core: &mut Core, now: Now, id: ConversationId, out: &mut Outbox) {
    let Some(conversation) = core.conversations.get(id) else {
        return;
    };
    let Phase::Resting { attempt, .. } = conversation.phase else {
        return;
    };
    let Some(until) = lease_end(conversation).filter(|until| *until > now.mono) else {
        return conclude(core, id, ReleaseOutcome::Outlived, out);
    };
    if is_needed_again(core, conversation) {
        return conclude(core, id, ReleaseOutcome::Cancelled, out);
    }
    let under_way = match is_busy(core, id) {
        true => None,
        false => say(core, now, id, b"", out),
    };
    match under_way {
        Some(client) => release(core, id, client, (attempt + 1, Challenge::None)),
        None => rest(core, now, id, attempt, until),
    }
}

/// Whether what is to be given back is somebody's by now: a device hangs on the shared lease, has
/// returned to this one, or has the same Contact.
fn is_needed_again(core: &Core, conversation: &Conversation) -> bool {
    let (hash, lease) = (conversation.hash, conversation.lease);
    let owed = || conversation.claims.iter().filter_map(|c| c.hold.owed());
    owed().any(|binding| is_shared_still(core, hash, &binding.lease))
        || owed().any(|binding| {
            let returned = core
                .table
                .binding(binding.id)
                .is_some_and(|held| held.lease.id == lease);
            returned || is_held_by_another(core, hash, (binding, lease))
        })
}

fn release(
    core: &mut Core,
    id: ConversationId,
    client: ClientTxn,
    (attempt, challenge): (u32, Challenge),
) {
    core.counters.upstream_registers += 1;
    core.releasing += 1;
    let phase = Phase::Releasing {
        client,
        attempt,
        challenge,
    };
    core.conversations.enter(id, phase);
}

/// Sends the removal; `None` when nobody is there to hear it.
fn say(
    core: &mut Core,
    now: Now,
    id: ConversationId,
    credentials: &[u8],
    out: &mut Outbox,
) -> Option<ClientTxn> {
    let policy = core.policy.clone();
    let spent = spending::spent(core, id);
    let own = core.conversations.get(id)?;
    let node = match core.peers.is_up(own.node) {
        true => own.node,
        false => core.peers.choose(&policy.upstream, own.hash)?,
    };
    let hop = Hop::of_our_own(core, &policy, node)?;
    let conversation = core.conversations.get_mut(id)?;
    conversation.node = node;
    conversation.cseq = asking::next_cseq(spent);
    let conversation = core.conversations.get(id)?;
    let then = policy_of(core, conversation);
    let bytes = write(conversation, &core.keys, then, (&hop, credentials));
    let give_up_at = now.mono.plus(policy.upstream.deadline);
    hop.send(
        core,
        now,
        bytes,
        (Purpose::Conversation(id), give_up_at),
        out,
    )
    .ok()
}

/// The policy under which what a conversation gives back was granted.
fn policy_of<'c>(core: &'c Core, conversation: &Conversation) -> &'c Policy {
    let mut owed = conversation.claims.iter().filter_map(|c| c.hold.owed());
    match owed.next() {
        Some(binding) => core.policy_at(binding.lease.settings),
        None => &core.policy,
    }
}

fn write(
    conversation: &Conversation,
    keys: &Keys,
    policy: &Policy,
    (hop, credentials): (&Hop<'_>, &[u8]),
) -> Vec<u8> {
    let devices: SmallVec<[(BindingId, &[u8]); 2]> = conversation
        .claims
        .iter()
        .filter_map(|claim| Some((claim.binding, claim.hold.owed()?.contact.uri())))
        .collect();
    let (terms, aor) = (conversation.terms, &*conversation.aor);
    let removal = Removal {
        hop,
        contact: hop::advertised(policy, conversation.node),
        address: Address::new(policy, keys, terms, aor),
        aor: &policy.upstream_aor(aor),
        voice: LeaseVoice::of(keys, conversation.lease, conversation.cseq, 0),
        devices: &devices,
        credentials,
    };
    let mut bytes = Vec::with_capacity(512);
    removal.write(&mut bytes);
    bytes
}

/// Whether something else is being said on the lease of a conversation (R6).
fn is_busy(core: &Core, id: ConversationId) -> bool {
    let Some(own) = core.conversations.get(id) else {
        return false;
    };
    core.conversations
        .of(own.hash)
        .any(|(other, conversation)| {
            other != id
                && conversation.lease == own.lease
                && matches!(
                    conversation.phase,
                    Phase::Asking(_) | Phase::Releasing { .. }
                )
        })
}

/// When the last of the departed bindings' leases ends by itself.
pub(super) fn lease_end(conversation: &Conversation) -> Option<Mono> {
    conversation
        .claims
        .iter()
        .filter_map(|claim| Some(claim.hold.owed()?.lease.until))
        .max()
}

/// Waits before the next try, longer each time, but not beyond the lease's own end.
fn rest(core: &mut Core, now: Now, id: ConversationId, attempt: u32, end: Mono) {
    let pause = limits::RELEASE_BACKOFF
        .saturating_mul(1 << attempt.min(10))
        .min(limits::RELEASE_BACKOFF_MAX);
    let until = now.mono.plus(pause).min(end);
    core.conversations.enter(
        id,
        Phase::Resting {
            attempt: attempt.max(1),
            until,
        },
    );
    core.arm(id, until);
}

/// The main registrar answered a release.
pub(super) fn on_answer(
    core: &mut Core,
    now: Now,
    id: ConversationId,
    (attempt, challenge): (u32, Challenge),
    response: &Message<'_>,
    out: &mut Outbox,
) {
    core.releasing = core.releasing.saturating_sub(1);
    let status = response.status().unwrap_or(500);
    match status {
        200..300 => conclude(core, id, ReleaseOutcome::Removed, out),
        401 | 407
            if challenge == Challenge::None
                && answer_challenge(core, now, id, attempt, response, out) => {}
        401 | 407 => conclude(core, id, ReleaseOutcome::LeftToExpire, out),
        408 | 500..600 => retry(core, now, id, attempt, out),
        _ => conclude(core, id, ReleaseOutcome::Refused(status), out),
    }
    pump(core, now, out);
}

/// Answers a challenge to our own removal. Whether we could.
fn answer_challenge(
    core: &mut Core,
    now: Now,
    id: ConversationId,
    attempt: u32,
    response: &Message<'_>,
    out: &mut Outbox,
) -> bool {
    let policy = core.policy.clone();
    let cnonce = core.entropy.draw();
    let Some(conversation) = core.conversations.get(id) else {
        return false;
    };
    let mut target = Vec::with_capacity(64);
    let then = policy_of(core, conversation);
    Removal::write_target(&then.upstream_aor(&conversation.aor), &mut target);
    let known = &policy.upstream.credentials;
    let Some(answer) = auth::answer(response, "REGISTER", &target, known, cnonce) else {
        return false;
    };
    let Some(client) = say(core, now, id, &answer.line, out) else {
        return false;
    };
    release(core, id, client, (attempt, Challenge::Answered));
    true
}

/// The main registrar did not answer a release.
pub(super) fn on_silence(
    core: &mut Core,
    now: Now,
    id: ConversationId,
    attempt: u32,
    out: &mut Outbox,
) {
    core.releasing = core.releasing.saturating_sub(1);
    retry(core, now, id, attempt, out);
    pump(core, now, out);
}

pub(super) fn retry(core: &mut Core, now: Now, id: ConversationId, attempt: u32, out: &mut Outbox) {
    let end = core.conversations.get(id).and_then(lease_end);
    match end.filter(|end| *end > now.mono) {
        Some(end) => rest(core, now, id, attempt, end),
        None => conclude(core, id, ReleaseOutcome::Outlived, out),
    }
}

fn conclude(core: &mut Core, id: ConversationId, outcome: ReleaseOutcome, out: &mut Outbox) {
    if let Some(conversation) = core.conversations.get(id) {
        let aor = Core::aor_text(&conversation.aor);
        out.event(Event::LeaseReleased { aor, outcome });
    }
    forward::end(core, id);
}
