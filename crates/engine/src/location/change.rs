//! `Change`: the only way the location table changes, and what the store keeps.
//!
//! A change is a value: decided first, then applied, persisted and (after a restart) applied
//! again. Volatile changes are applied like all others but not persisted, because losing them in a
//! crash breaks no promise (ADR 0007).

use crate::clock::{Mono, Seconds};
use crate::event::RemovalCause;
use crate::flow::Flow;
use crate::ids::{AorHash, BindingId, LeaseId, NodeId, PersistSeq, Slot};
use crate::location::binding::{ContactText, Lease};

/// One change of one slot.
#[derive(Clone, Debug)]
pub struct Change {
    /// The slot it belongs to; one of the shard's where it concerns them all.
    pub slot: Slot,
    /// What changes.
    pub op: Op,
}

/// What changes.
#[derive(Clone, Debug)]
pub enum Op {
    /// A binding is committed or replaced as a whole. Durable.
    Register(Box<Registration>),
    /// A pure refresh. Durable only when it promises another interval than the row says.
    Refresh(Refresh),
    /// A binding is gone. Durable.
    Remove {
        /// Which.
        binding: BindingId,
        /// Why.
        cause: RemovalCause,
    },
    /// The lease that an AoR's bindings share was granted anew (`aor`). Durable.
    Renew {
        /// Keyed hash of the AoR.
        aor: AorHash,
        /// As it is now.
        lease: Lease,
    },
    /// A CSeq was used on a lease without a 2xx. Volatile: after a load CSeqs jump ahead.
    Spent {
        /// The binding whose lease it is.
        binding: BindingId,
        /// The lease; another one by now means that nothing changes.
        lease: LeaseId,
        /// The CSeq.
        cseq: u32,
    },
    /// The lease is not to be trusted: the next REGISTER is forwarded (D11). Durable.
    Distrust {
        /// The binding whose lease it is.
        binding: BindingId,
    },
    /// A new epoch of a node began: leases of an older one are not to be trusted (R14). Durable, and
    /// of no slot: a restart gives it to every shard, and of several the highest holds.
    Epoch {
        /// The node.
        node: NodeId,
        /// The number of the epoch.
        epoch: u32,
    },
}

/// All of a binding that the main registrar has accepted.
#[derive(Clone, Debug)]
pub struct Registration {
    /// Its address.
    pub binding: BindingId,
    /// Its AoR, canonical.
    pub aor: Box<[u8]>,
    /// Keyed hash of the AoR.
    pub aor_hash: AorHash,
    /// What the device said.
    pub contact: ContactText,
    /// The flow it was proved on.
    pub flow: Flow,
    /// The request that was accepted.
    pub stamp: Stamp,
    /// Lifetime asked for.
    pub asked: Seconds,
    /// Lifetime promised.
    pub granted: Seconds,
    /// When the promise ends.
    pub expires_at: Mono,
    /// When it was accepted.
    pub proved_at: Mono,
    /// What the main registrar holds.
    pub lease: Lease,
    /// The batch that carries it to the store.
    pub pending: PersistSeq,
}

/// What changes at a pure refresh.
#[derive(Clone, Copy, Debug)]
pub struct Refresh {
    /// Keyed hash of its AoR.
    pub aor: AorHash,
    /// Which binding.
    pub binding: BindingId,
    /// The request that was answered.
    pub stamp: Stamp,
    /// Lifetime asked for.
    pub asked: Seconds,
    /// Lifetime promised.
    pub granted: Seconds,
    /// When the promise ends.
    pub expires_at: Mono,
    /// Where the device is now: the proved flow, up to the port where policy says so.
    pub flow: Flow,
}

/// What tells one request of a device from another (R2): hashes of its Call-ID, From-tag and
/// branch under a secret key, and its CSeq.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// Call-ID.
    pub call_id: u64,
    /// From-tag.
    pub from_tag: u32,
    /// Branch of the topmost Via.
    pub branch: u32,
    /// CSeq number.
    pub cseq: u32,
}

impl Change {
    /// A change of the slot that `binding` lies in.
    #[must_use]
    pub const fn of(binding: BindingId, op: Op) -> Self {
        Self {
            slot: binding.slot,
            op,
        }
    }
}
