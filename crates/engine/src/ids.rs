//! Newtypes for what the engine counts and addresses, and the split of AoRs over slots and shards.

use core::fmt;
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

impl BindingId {
    /// Reads what [`Display`](fmt::Display) writes.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let mut parts = text.split('-');
        let mut number = || u32::from_str_radix(parts.next()?, 16).ok();
        let (slot, index, generation) = (number()?, number()?, number()?);
        let slot = u16::try_from(slot).ok().filter(|slot| *slot < SLOTS)?;
        parts.next().is_none().then_some(Self {
            slot: Slot(slot),
            index,
            generation,
        })
    }
}

/// For operators: three numbers in hexadecimal, `5a1-0-9f31c2d4`.
impl fmt::Display for BindingId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            slot: Slot(slot),
            index,
            generation,
        } = self;
        write!(f, "{slot:x}-{index:x}-{generation:x}")
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn binding_ids_are_read_as_they_are_written() {
        let id = BindingId {
            slot: Slot(0x5a1),
            index: 3,
            generation: 0x9f31_c2d4,
        };
        assert_eq!(id.to_string(), "5a1-3-9f31c2d4");
        assert_eq!(BindingId::read("5a1-3-9f31c2d4"), Some(id));
        for bad in [
            "",
            "1-2",
            "1-2-3-4",
            "1000-0-0",
            "x-0-0",
            "1-2-",
            "alice@example.org",
        ] {
            assert_eq!(BindingId::read(bad), None, "{bad}");
        }
    }
}
