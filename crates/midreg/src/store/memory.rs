//! `MemoryStore`: keeps nothing beyond the process and says so at once.
//!
//! The table in the engine is the only copy, so there is nothing to write: a batch counts as kept
//! when it is taken, and a restart begins empty.

use engine::{PersistBatch, PersistSeq};

use super::{Outcome, Store};

/// Acknowledges every batch at once.
#[derive(Debug, Default)]
pub struct MemoryStore {
    kept: Option<PersistSeq>,
}

impl Store for MemoryStore {
    fn keep(&mut self, batch: PersistBatch) {
        debug_assert!(self.kept < Some(batch.seq), "batches come in order");
        self.kept = Some(batch.seq);
    }

    fn next_outcome(&mut self) -> Option<Outcome> {
        self.kept.take().map(Outcome::Persisted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(seq: u64) -> PersistBatch {
        PersistBatch {
            seq: PersistSeq(seq),
            at: engine::Now::default(),
            changes: Vec::new(),
        }
    }

    #[test]
    fn one_outcome_covers_all_batches_before_it() {
        let mut store = MemoryStore::default();
        assert_eq!(store.next_outcome(), None);
        store.keep(batch(1));
        store.keep(batch(2));
        assert_eq!(
            store.next_outcome(),
            Some(Outcome::Persisted(PersistSeq(2)))
        );
        assert_eq!(store.next_outcome(), None);
        store.keep(batch(3));
        assert_eq!(
            store.next_outcome(),
            Some(Outcome::Persisted(PersistSeq(3)))
        );
    }
}
