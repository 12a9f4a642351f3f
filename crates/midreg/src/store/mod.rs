//! Stores: where changes become durable.
//!
//! The engine gives batches of changes and holds every answer that promises more than is durable
//! until the store has acknowledged. A store never blocks its shard: it takes a batch at once and
//! tells later how it went, in order.

pub mod memory;

use engine::{Input, PersistBatch, PersistSeq};

/// How a batch went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// This batch and all before it are kept.
    Persisted(PersistSeq),
    /// This batch could not be kept.
    Failed(PersistSeq),
}

/// Keeps changes of one shard.
pub trait Store: Send {
    /// Takes a batch.
    fn keep(&mut self, batch: PersistBatch);

    /// The next outcome, if there is one.
    fn next_outcome(&mut self) -> Option<Outcome>;
}

impl Outcome {
    /// What to tell the engine.
    #[must_use]
    pub fn input(self) -> Input<'static> {
        match self {
            Self::Persisted(seq) => Input::Persisted(seq),
            Self::Failed(seq) => Input::PersistFailed(seq),
        }
    }
}
