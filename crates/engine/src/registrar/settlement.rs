//! Leases that are not given back after all: their device returned, another came to share them, or
//! `Contact: *` took everything.

use smallvec::SmallVec;

use crate::clock::Now;
use crate::core::Core;
use crate::event::{Event, ReleaseOutcome};
use crate::ids::AorHash;
use crate::location::{Binding, Lease};
use crate::output::Outbox;
use crate::registrar::conversation::{Conversation, ConversationId, Hold, Phase};
use crate::registrar::forward;
use crate::registrar::release::{is_shared_still, lease_end, pump, retry};
use crate::txn::ClientTxn;

/// `Contact: *` was accepted on the conversation `own`: what was still to be given back is gone as
/// well.
pub(super) fn forget(
    core: &mut Core,
    now: Now,
    hash: AorHash,
    own: ConversationId,
    out: &mut Outbox,
) {
    // What is being said is said to its end: it may still be on its way, and must not take back what
    // comes after it under another Call-ID.
    let waits = |c: &Conversation| matches!(c.phase, Phase::Resting { .. });
    drop_returns(core, now, hash, own, waits, out);
    let own = core.conversations.get_mut(own);
    own.into_iter().for_each(|c| c.abandon_departed());
}

/// A lease that the devices of an AoR share was granted anew on the conversation `own`: who departed
/// from it before has nothing to give back, and if nobody is left on it, whoever went last has.
pub(super) fn settle_shared(
    core: &mut Core,
    now: Now,
    own: ConversationId,
    (lease, removed): (Lease, SmallVec<[Box<Binding>; 2]>),
    out: &mut Outbox,
) {
    let Some(hash) = core.conversations.get(own).map(|own| own.hash) else {
        return;
    };
    let on_it = move |conversation: &Conversation| conversation.lease == lease.id;
    drop_returns(core, now, hash, own, on_it, out);
    let all: SmallVec<[ConversationId; 4]> = core
        .conversations
        .of(hash)
        .filter(|(_, conversation)| on_it(conversation))
        .map(|(id, _)| id)
        .collect();
    let departed = core.conversations.get(own).and_then(|own| {
        let owed = own.claims.iter().filter_map(|claim| claim.hold.owed());
        owed.map(|binding| Box::new(binding.clone())).next()
    });
    for id in all {
        let conversation = core.conversations.get_mut(id);
        conversation.into_iter().for_each(|c| c.abandon_departed());
    }
    if lease.granted == 0 || is_shared_still(core, hash, &lease) {
        return;
    }
    let Some(mut last) = removed.into_iter().next().or(departed) else {
        return;
    };
    last.lease = lease;
    if let Some(conversation) = core.conversations.get_mut(own) {
        let claims = &mut conversation.claims;
        let claim = claims.iter_mut().find(|claim| claim.binding == last.id);
        claim
            .into_iter()
            .for_each(|claim| claim.hold = Hold::Departed(last.clone()));
    }
}

/// Ends the returns of an AoR's leases that `which` are meant, but not the conversation `own`.
fn drop_returns(
    core: &mut Core,
    now: Now,
    hash: AorHash,
    own: ConversationId,
    which: impl Fn(&Conversation) -> bool,
    out: &mut Outbox,
) {
    let others: SmallVec<[ConversationId; 4]> = core
        .conversations
        .of(hash)
        .filter(|(id, conversation)| {
            let gives_back = matches!(
                conversation.phase,
                Phase::Releasing { .. } | Phase::Resting { .. }
            );
            *id != own && gives_back && which(conversation)
        })
        .map(|(id, _)| id)
        .collect();
    for id in others {
        cancel(core, now, id, out);
        forward::end(core, id);
    }
}

/// The device came back: its lease is not given back after all. The conversation stays, free for
/// the device's REGISTER.
pub(super) fn cancel(core: &mut Core, now: Now, id: ConversationId, out: &mut Outbox) {
    let under_way = core.conversations.enter(id, Phase::between());
    if let Some(conversation) = core.conversations.get(id)
        && lease_end(conversation).is_some()
    {
        let aor = Core::aor_text(&conversation.aor);
        out.event(Event::LeaseReleased {
            aor,
            outcome: ReleaseOutcome::Cancelled,
        });
    }
    if let Some(Phase::Releasing { client, .. }) = under_way {
        core.txns.cancel_client(client);
        core.releasing = core.releasing.saturating_sub(1);
        pump(core, now, out);
    }
}

/// A device speaks on the lease of `id`: other returns of that lease make way, and are tried again
/// later (R6).
pub(super) fn postpone(core: &mut Core, now: Now, id: ConversationId, out: &mut Outbox) {
    let Some(own) = core.conversations.get(id) else {
        return;
    };
    let lease = own.lease;
    let in_the_way: SmallVec<[(ConversationId, ClientTxn, u32); 1]> = core
        .conversations
        .of(own.hash)
        .filter(|(other, conversation)| *other != id && conversation.lease == lease)
        .filter_map(|(other, conversation)| match conversation.phase {
            Phase::Releasing {
                client, attempt, ..
            } => Some((other, client, attempt)),
            _ => None,
        })
        .collect();
    for (other, client, attempt) in in_the_way {
        core.txns.cancel_client(client);
        core.releasing = core.releasing.saturating_sub(1);
        retry(core, now, other, attempt, out);
        pump(core, now, out);
    }
}
