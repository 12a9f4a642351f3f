//! `Table`: transactions by handle and by identity, and never more than a limit.

use hashbrown::HashTable;

use super::Full;
use crate::slab::{Key, Slab};
use crate::spare;

/// Transactions of type `T`, each under an identity no other has.
#[derive(Debug)]
pub(super) struct Table<T> {
    slab: Slab<(u128, T)>,
    by_identity: HashTable<Key>,
    limit: usize,
}

impl<T> Table<T> {
    /// An empty table for at most `limit` transactions.
    pub(super) const fn new(limit: usize) -> Self {
        Self {
            slab: Slab::new(),
            by_identity: HashTable::new(),
            limit,
        }
    }

    /// Takes a transaction in.
    pub(super) fn insert(&mut self, identity: u128, transaction: T) -> Result<Key, Full> {
        debug_assert!(self.find(identity).is_none(), "an identity used twice");
        if self.len() >= self.limit {
            return Err(Full);
        }
        let key = self.slab.insert((identity, transaction));
        let Self {
            slab, by_identity, ..
        } = self;
        by_identity.insert_unique(bucket(identity), key, |key| bucket_of(slab, *key));
        Ok(key)
    }

    /// The transaction of this identity.
    pub(super) fn find(&self, identity: u128) -> Option<Key> {
        let same = |key: &Key| {
            self.slab
                .get(*key)
                .is_some_and(|(other, _)| *other == identity)
        };
        self.by_identity.find(bucket(identity), same).copied()
    }

    /// The transaction under this key.
    pub(super) fn get(&self, key: Key) -> Option<&T> {
        self.slab.get(key).map(|(_, transaction)| transaction)
    }

    /// The transaction under this key, to be changed.
    pub(super) fn get_mut(&mut self, key: Key) -> Option<&mut T> {
        self.slab.get_mut(key).map(|(_, transaction)| transaction)
    }

    /// Gives a transaction back and forgets it.
    pub(super) fn remove(&mut self, key: Key) -> Option<T> {
        let (identity, transaction) = self.slab.remove(key)?;
        let entry = self
            .by_identity
            .find_entry(bucket(identity), |other| *other == key);
        debug_assert!(entry.is_ok(), "a transaction without an index entry");
        if let Ok(entry) = entry {
            entry.remove();
        }
        let Self {
            slab, by_identity, ..
        } = self;
        if let Some(capacity) = spare::shrunk(by_identity.len(), by_identity.capacity()) {
            by_identity.shrink_to(capacity, |key| bucket_of(slab, *key));
        }
        Some(transaction)
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.slab.len()
    }

    /// All of them.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Key, &T)> {
        self.slab
            .iter()
            .map(|(key, (_, transaction))| (key, transaction))
    }

    /// Asserts that slab, index and limit agree.
    pub(super) fn check(&self) {
        assert!(self.len() <= self.limit);
        assert_eq!(self.len(), self.by_identity.len());
        for (key, (identity, _)) in self.slab.iter() {
            assert_eq!(self.find(*identity), Some(key));
        }
    }
}

/// The bits of an identity that choose its bucket. They are as good as any, the identity being a hash.
const fn bucket(identity: u128) -> u64 {
    identity as u64
}

/// The same of what is in the slab.
fn bucket_of<T>(slab: &Slab<(u128, T)>, key: Key) -> u64 {
    slab.get(key).map_or(0, |(identity, _)| bucket(*identity))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_by_identity_what_it_holds_by_key() {
        let mut table = Table::new(100);
        // Identities that share their bucket bits must still be told apart.
        let identities = [1, 2, 1 << 64 | 1, 2 << 64 | 1];
        let keys = identities.map(|identity| table.insert(identity, identity).unwrap());
        table.check();
        for (identity, key) in identities.into_iter().zip(keys) {
            assert_eq!(table.find(identity), Some(key));
            assert_eq!(table.get(key), Some(&identity));
        }
        assert_eq!(table.remove(keys[0]), Some(1));
        assert_eq!((table.find(1), table.get(keys[0])), (None, None));
        assert_eq!(table.remove(keys[0]), None);
        assert_eq!((table.find(1 << 64 | 1), table.len()), (Some(keys[2]), 3));
        table.check();
    }

    #[test]
    fn refuses_beyond_its_limit() {
        let mut table = Table::new(2);
        let first = table.insert(1, ()).unwrap();
        table.insert(2, ()).unwrap();
        assert_eq!(table.insert(3, ()), Err(Full));
        table.remove(first);
        assert!(table.insert(3, ()).is_ok());
        table.check();
    }

    #[test]
    fn shrinks_when_a_storm_is_over() {
        let mut table = Table::new(10_000);
        let keys: Vec<Key> = (0..10_000)
            .map(|identity| table.insert(identity, identity).unwrap())
            .collect();
        for (key, identity) in keys.into_iter().zip(0..9990) {
            assert_eq!(table.remove(key), Some(identity));
        }
        assert!(table.by_identity.capacity() < 500);
        table.check();
    }
}
