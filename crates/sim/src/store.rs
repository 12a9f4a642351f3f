//! `Store`: a model of the store, which keeps batches at once, late or not at all.
//!
//! It keeps no more of a batch than what a restart would need to know: which bindings there are,
//! and until when each may be promised.

use std::collections::{BTreeMap, VecDeque};

use engine::{AorHash, BindingId, Change, Input, LeaseId, Mono, Op, PersistBatch, PersistSeq};

/// How the store treats what it is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreMode {
    /// Every batch is durable at once.
    AtOnce,
    /// Batches wait until [`Store::catch_up`].
    Late,
    /// Batches fail.
    Failing,
}

/// A model of the store.
#[derive(Debug)]
pub struct Store {
    mode: StoreMode,
    waiting: VecDeque<PersistBatch>,
    rows: BTreeMap<(u16, u32, u32), Row>,
    batches: usize,
}

/// What the store knows of a binding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Contact URI.
    pub contact: String,
    /// Interval that it was promised.
    pub granted: u32,
    /// When the lease ends.
    pub lease_until: Mono,
    /// The lease, and whose it is.
    pub lease: LeaseId,
    /// Its AoR.
    pub aor: AorHash,
}

impl Store {
    /// A store that keeps everything at once.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            mode: StoreMode::AtOnce,
            waiting: VecDeque::new(),
            rows: BTreeMap::new(),
            batches: 0,
        }
    }

    /// From now on batches are treated so. Those that wait go on waiting.
    pub const fn set_mode(&mut self, mode: StoreMode) {
        self.mode = mode;
    }

    /// Batches that it was given so far.
    #[must_use]
    pub const fn batches(&self) -> usize {
        self.batches
    }

    /// Batches that wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// What is durable of a binding.
    #[must_use]
    pub fn row(&self, id: BindingId) -> Option<&Row> {
        self.rows.get(&key(id))
    }

    /// Takes a batch; says at once what the engine is to be told, if it is to be told anything.
    pub fn take(&mut self, batch: PersistBatch) -> Option<Input<'static>> {
        self.batches += 1;
        // Order is kept: nothing is settled before what came before it.
        if self.mode == StoreMode::Late || !self.waiting.is_empty() {
            self.waiting.push_back(batch);
            return None;
        }
        Some(match self.mode {
            StoreMode::Failing => Input::PersistFailed(batch.seq),
            StoreMode::AtOnce | StoreMode::Late => self.keep(batch),
        })
    }

    /// Settles the oldest batch that waits, as the mode has it.
    pub fn settle_one(&mut self) -> Option<Input<'static>> {
        let batch = self.waiting.pop_front()?;
        Some(match self.mode {
            StoreMode::Failing => Input::PersistFailed(batch.seq),
            StoreMode::AtOnce | StoreMode::Late => self.keep(batch),
        })
    }

    /// Makes all that waits durable; one acknowledgement stands for all.
    pub fn catch_up(&mut self) -> Option<Input<'static>> {
        let mut last: Option<PersistSeq> = None;
        while let Some(batch) = self.waiting.pop_front() {
            last = Some(batch.seq);
            self.keep(batch);
        }
        last.map(Input::Persisted)
    }

    fn keep(&mut self, batch: PersistBatch) -> Input<'static> {
        for change in &batch.changes {
            self.apply(change);
        }
        Input::Persisted(batch.seq)
    }

    fn apply(&mut self, change: &Change) {
        match &change.op {
            Op::Register(registration) => {
                let row = Row {
                    contact: String::from_utf8_lossy(registration.contact.uri()).into_owned(),
                    granted: registration.granted,
                    lease_until: registration.lease.until,
                    lease: registration.lease.id,
                    aor: registration.aor_hash,
                };
                self.rows.insert(key(registration.binding), row);
            }
            Op::Refresh(refresh) => {
                if let Some(row) = self.rows.get_mut(&key(refresh.binding)) {
                    row.granted = refresh.granted;
                }
            }
            Op::Remove { binding, .. } => {
                self.rows.remove(&key(*binding));
            }
            Op::Renew { aor, lease } => {
                let rows = self.rows.values_mut();
                rows.filter(|row| (row.aor, row.lease) == (*aor, lease.id))
                    .for_each(|row| row.lease_until = lease.until);
            }
            Op::Spent { .. } | Op::Distrust { .. } => {}
        }
    }
}

impl Default for Store {
    fn default() -> Self {
        Self::new()
    }
}

const fn key(id: BindingId) -> (u16, u32, u32) {
    (id.slot.0, id.index, id.generation)
}
