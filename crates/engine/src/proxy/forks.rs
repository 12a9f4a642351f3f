//! `Forks`: all requests on their way through a shard, bounded in number and in bytes.

use smallvec::SmallVec;

use crate::ids::AorHash;
use crate::limits;
use crate::proxy::fork::Fork;
use crate::slab::{Key, Slab};

/// Address of a fork; one that is over finds nothing, never another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ForkId(Key);

/// All forks of a shard.
#[derive(Debug)]
pub(crate) struct Forks {
    table: Slab<Box<Fork>>,
    /// Bytes of their requests.
    bytes: usize,
    /// Those that wait for a device to be registered (R1).
    waiting: Vec<(AorHash, ForkId)>,
}

impl Default for Forks {
    fn default() -> Self {
        Self {
            table: Slab::new(),
            bytes: 0,
            waiting: Vec::new(),
        }
    }
}

impl ForkId {
    /// In one number.
    pub(crate) const fn pack(self) -> u64 {
        self.0.pack()
    }

    /// Back from one number.
    pub(crate) const fn unpack(packed: u64) -> Self {
        Self(Key::unpack(packed))
    }
}

impl Forks {
    /// Takes a fork in; `None` when there are too many.
    pub(crate) fn begin(&mut self, fork: Fork) -> Option<ForkId> {
        let bytes = self.bytes + fork.heap_size();
        if self.table.len() >= limits::FORKS || bytes > limits::FORK_BYTES {
            return None;
        }
        self.bytes = bytes;
        let awaited = fork.awaited;
        let id = ForkId(self.table.insert(Box::new(fork)));
        if let Some(awaited) = awaited {
            self.waiting.push((awaited.aor, id));
        }
        Some(id)
    }

    pub(crate) fn get(&self, id: ForkId) -> Option<&Fork> {
        self.table.get(id.0).map(|fork| &**fork)
    }

    pub(crate) fn get_mut(&mut self, id: ForkId) -> Option<&mut Fork> {
        self.table.get_mut(id.0).map(|fork| &mut **fork)
    }

    /// A fork has only to pass further 2xx on.
    pub(crate) fn linger(&mut self, id: ForkId) {
        if let Some(fork) = self.table.get_mut(id.0) {
            let held = fork.heap_size();
            fork.linger();
            self.bytes -= held - fork.heap_size();
        }
    }

    /// Forgets a fork and hands it back.
    pub(crate) fn end(&mut self, id: ForkId) -> Option<Box<Fork>> {
        let fork = self.table.remove(id.0)?;
        self.bytes -= fork.heap_size();
        self.waiting.retain(|(_, waiting)| *waiting != id);
        Some(fork)
    }

    /// The forks that wait for devices of an AoR.
    pub(crate) fn waiting_for(&self, aor: AorHash) -> SmallVec<[ForkId; 2]> {
        let theirs = self.waiting.iter().filter(|(hash, _)| *hash == aor);
        theirs.map(|(_, id)| *id).collect()
    }

    /// It waits no more.
    pub(crate) fn stop_waiting(&mut self, id: ForkId) {
        self.waiting.retain(|(_, waiting)| *waiting != id);
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.table.len()
    }

    /// Panics where it contradicts itself.
    pub(crate) fn check_invariants(&self) {
        let bytes: usize = self.table.iter().map(|(_, fork)| fork.heap_size()).sum();
        assert_eq!(bytes, self.bytes, "bytes of forks are counted wrongly");
        for (_, id) in &self.waiting {
            assert!(self.get(*id).is_some(), "a fork that is over waits");
        }
    }
}
