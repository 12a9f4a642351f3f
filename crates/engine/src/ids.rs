//! Newtypes for what the engine counts and addresses, and the split of AoRs over slots and shards.

use core::hash::Hasher;

use siphasher::sip::SipHasher13;

/// Number of slots that AoRs are dealt over. Fixed for ever: tokens carry it.
pub const SLOTS: u16 = 4096;

/// One of [`SLOTS`] parts of the location table. An AoR always hashes to the same slot under one
/// secret; slots are dealt to shards at start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Slot(pub u16);

/// A worker of the process, owner of an engine and of every slot with `slot % shards == shard`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ShardId(pub u8);

/// Keyed hash of a canonical AoR. At 128 bits under a secret key it *is* the AoR to all tables: no
/// text is compared, and the odds that two of a hundred million AoRs meet are below 1 in 10²². Its
/// low bits choose the slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AorHash(pub u128);

/// Address of a binding: what a TOKEN carries, and the primary key of its stored row.
///
/// The generation changes whenever an index is given to another device, so an old address never
/// reaches a new owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BindingId {
    /// Slot of its AoR.
    pub slot: Slot,
    /// Place within the slot.
    pub index: u32,
    /// How often the place was given away before.
    pub generation: u32,
}

/// Secret-free identity of a lease: Call-ID and From-tag toward the main registrar derive from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LeaseId(pub u64);

/// A node of the main registrar: a hash of the name that it is configured under. So it is the same
/// one wherever it stands in the list of servers, in all shards, and in the rows of a former run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(pub u32);

/// Number of a batch of changes given to the store; grows by one per batch and engine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PersistSeq(pub u64);

impl AorHash {
    /// The part that hash tables use.
    #[must_use]
    pub const fn short(self) -> u64 {
        (self.0 >> 64) as u64
    }

    /// The slot of this AoR.
    #[must_use]
    pub const fn slot(self) -> Slot {
        Slot((self.0 % SLOTS as u128) as u16)
    }
}

impl NodeId {
    /// No node: whose lease no main registrar has granted.
    pub const NONE: Self = Self(0);

    /// The node of this name. Fixed for ever: stored leases carry it.
    #[must_use]
    pub fn of(name: &str) -> Self {
        let mut hasher = SipHasher13::new();
        hasher.write(name.as_bytes());
        Self((hasher.finish() as u32).max(1))
    }
}

impl PersistSeq {
    /// Stands for a batch that the store could not keep.
    pub(crate) const LOST: Self = Self(u64::MAX);
}

impl Slot {
    /// The shard that owns this slot when there are `shards` of them (at least one).
    #[must_use]
    pub const fn shard(self, shards: u8) -> ShardId {
        let shards = if shards == 0 { 1 } else { shards };
        ShardId((self.0 % shards as u16) as u8)
    }
}
