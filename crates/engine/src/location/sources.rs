//! `Sources`: how many bindings came from each address.

use core::hash::Hasher;
use core::net::IpAddr;

use hashbrown::HashTable;
use siphasher::sip::SipHasher13;

/// Bindings by source address. The hash is keyed, because addresses are a stranger's choice.
#[derive(Debug)]
pub(super) struct Sources {
    counts: HashTable<(IpAddr, u32)>,
    key: (u64, u64),
}

impl Sources {
    /// None yet.
    pub(super) fn new(key: (u64, u64)) -> Self {
        Self {
            counts: HashTable::new(),
            key,
        }
    }

    /// How many came from this address.
    pub(super) fn of(&self, source: IpAddr) -> usize {
        self.counts
            .find(hash(self.key, source), |(address, _)| *address == source)
            .map_or(0, |(_, count)| *count as usize)
    }

    /// One more.
    pub(super) fn count(&mut self, source: IpAddr) {
        let Self { counts, key } = self;
        let hashed = hash(*key, source);
        match counts.find_mut(hashed, |(address, _)| *address == source) {
            Some((_, count)) => *count += 1,
            None => {
                counts.insert_unique(hashed, (source, 1), |(address, _)| hash(*key, *address));
            }
        }
    }

    /// One less.
    pub(super) fn uncount(&mut self, source: IpAddr) {
        let hashed = hash(self.key, source);
        let found = self
            .counts
            .find_entry(hashed, |(address, _)| *address == source);
        if let Ok(mut entry) = found {
            entry.get_mut().1 = entry.get().1.saturating_sub(1);
            if entry.get().1 == 0 {
                entry.remove();
            }
        }
    }

    /// All together.
    pub(super) fn total(&self) -> usize {
        self.counts.iter().map(|(_, count)| *count as usize).sum()
    }
}

fn hash(key: (u64, u64), source: IpAddr) -> u64 {
    let mut hasher = SipHasher13::new_with_keys(key.0, key.1);
    match source {
        IpAddr::V4(v4) => hasher.write(&v4.octets()),
        IpAddr::V6(v6) => hasher.write(&v6.octets()),
    }
    hasher.finish()
}
