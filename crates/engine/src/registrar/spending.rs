//! The CSeq of a lease only grows (R6), whoever speaks on it: every binding and every conversation
//! that shares it knows the last one used.

use smallvec::SmallVec;

use crate::core::Core;
use crate::ids::{AorHash, BindingId, LeaseId};
use crate::location::{Change, Op};
use crate::registrar::conversation::ConversationId;

/// The last CSeq used on a lease: by a binding that has it, or by a conversation on it.
pub(super) fn last_cseq(core: &Core, hash: AorHash, lease: LeaseId) -> u32 {
    let of_bindings = core
        .table
        .bindings_of(hash)
        .filter(|binding| binding.lease.id == lease)
        .map(|binding| binding.lease.cseq);
    let of_conversations = core
        .conversations
        .of(hash)
        .filter(|(_, conversation)| conversation.lease == lease)
        .map(|(_, conversation)| conversation.cseq);
    of_bindings.chain(of_conversations).max().unwrap_or(0)
}

/// A CSeq was used on a lease: every binding and every other conversation on it remembers that.
pub(super) fn spend(core: &mut Core, hash: AorHash, lease: LeaseId, cseq: u32) {
    let conversations: SmallVec<[ConversationId; 4]> = core
        .conversations
        .of(hash)
        .filter(|(_, conversation)| conversation.lease == lease)
        .map(|(id, _)| id)
        .collect();
    for id in conversations {
        if let Some(conversation) = core.conversations.get_mut(id) {
            conversation.cseq = conversation.cseq.max(cseq);
        }
    }
    let bindings: SmallVec<[BindingId; 4]> = core
        .table
        .bindings_of(hash)
        .filter(|binding| binding.lease.id == lease && binding.lease.cseq < cseq)
        .map(|binding| binding.id)
        .collect();
    for binding in bindings {
        let spent = Op::Spent {
            binding,
            lease,
            cseq,
        };
        core.table.apply(Change::of(binding, spent));
    }
}

/// The last CSeq used on a conversation's lease, by whomever.
pub(super) fn spent(core: &Core, id: ConversationId) -> u32 {
    core.conversations
        .get(id)
        .map_or(0, |own| last_cseq(core, own.hash, own.lease))
}
