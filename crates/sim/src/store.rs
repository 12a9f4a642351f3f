//! `Store`: a model of the store, which keeps batches at once, late or not at all.
//!
//! It keeps the durable prefix of all changes, which is what a restart would replay, and for the
//! watch what that comes to: which bindings there are, and until when each may be promised.

use core::net::SocketAddr;
use std::collections::{BTreeMap, VecDeque};

use engine::{
    AorHash, BindingId, Change, Input, LeaseId, Mono, Op, PersistBatch, PersistSeq, Seconds,
};

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
    prefix: Vec<Change>,
    rows: BTreeMap<(u16, u32, u32), Row>,
    batches: usize,
    failures: usize,
    late: bool,
}

/// What the store knows of a binding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// AoR, canonical.
    pub aor: String,
    /// Contact URI.
    pub contact: String,
    /// Where the device was.
    pub remote: SocketAddr,
    /// Interval that it was promised.
    pub granted: u32,
    /// What the lease was granted for.
    pub lease_granted: Seconds,
    /// When the lease ends.
    pub lease_until: Mono,
    /// The lease.
    pub lease: LeaseId,
    /// Keyed hash of its AoR.
    pub hash: AorHash,
}

impl Store {
    /// A store that keeps everything at once.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            mode: StoreMode::AtOnce,
            waiting: VecDeque::new(),
            prefix: Vec::new(),
            rows: BTreeMap::new(),
            batches: 0,
            failures: 0,
            late: false,
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

    /// Batches that it did not keep.
    #[must_use]
    pub const fn failures(&self) -> usize {
        self.failures
    }

    /// Whether answers have ever had to wait for it.
    #[must_use]
    pub const fn was_late(&self) -> bool {
        self.late
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

    /// All that is durable.
    pub fn rows(&self) -> impl Iterator<Item = &Row> {
        self.rows.values()
    }

    /// The changes that are durable, in order: what a restart replays.
    #[must_use]
    pub fn prefix(&self) -> &[Change] {
        &self.prefix
    }

    /// The process ends here: what waited is lost.
    pub fn crash(&mut self) {
        self.waiting.clear();
    }

    /// Takes a batch; says at once what the engine is to be told, if it is to be told anything.
    pub fn take(&mut self, batch: PersistBatch) -> Option<Input<'static>> {
        self.batches += 1;
        // Order is kept: nothing is settled before what came before it.
        if self.mode == StoreMode::Late || !self.waiting.is_empty() {
            self.waiting.push_back(batch);
            self.late = true;
            return None;
        }
        Some(self.settle(batch))
    }

    /// Settles the oldest batch that waits, as the mode has it.
    pub fn settle_one(&mut self) -> Option<Input<'static>> {
        let batch = self.waiting.pop_front()?;
        Some(self.settle(batch))
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

    fn settle(&mut self, batch: PersistBatch) -> Input<'static> {
        match self.mode {
            StoreMode::Failing => {
                self.failures += 1;
                Input::PersistFailed(batch.seq)
            }
            StoreMode::AtOnce | StoreMode::Late => self.keep(batch),
        }
    }

    fn keep(&mut self, batch: PersistBatch) -> Input<'static> {
        for change in &batch.changes {
            self.apply(change);
        }
        self.prefix.extend(batch.changes);
        Input::Persisted(batch.seq)
    }

    fn apply(&mut self, change: &Change) {
        match &change.op {
            Op::Register(registration) => {
                let row = Row {
                    aor: String::from_utf8_lossy(&registration.aor).into_owned(),
                    remote: registration.flow.remote,
                    contact: String::from_utf8_lossy(registration.contact.uri()).into_owned(),
                    granted: registration.granted,
                    lease_granted: registration.lease.granted,
                    lease_until: registration.lease.until,
                    lease: registration.lease.id,
                    hash: registration.aor_hash,
                };
                self.rows.insert(key(registration.binding), row);
            }
            Op::Refresh(refresh) => {
                if let Some(row) = self.rows.get_mut(&key(refresh.binding)) {
                    row.granted = refresh.granted;
                    row.remote = refresh.flow.remote;
                }
            }
            Op::Remove { binding, .. } => {
                self.rows.remove(&key(*binding));
            }
            Op::Renew { aor, lease } => {
                let rows = self.rows.values_mut();
                rows.filter(|row| (row.hash, row.lease) == (*aor, lease.id))
                    .for_each(|row| row.lease_until = lease.until);
            }
            Op::Spent { .. } | Op::Distrust { .. } | Op::Epoch { .. } => {}
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
