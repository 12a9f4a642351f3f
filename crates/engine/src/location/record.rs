//! `Record`: all bindings of one AoR.

use smallvec::SmallVec;

use crate::ids::{AorHash, BindingId};

/// All bindings of one AoR, in the order they came.
#[derive(Debug)]
pub struct Record {
    /// The AoR, canonical.
    pub aor: Box<[u8]>,
    /// Its keyed hash.
    pub hash: AorHash,
    /// Places of its bindings within the slot.
    pub(super) places: SmallVec<[u32; 2]>,
}

impl Record {
    pub(super) fn new(aor: Box<[u8]>, hash: AorHash) -> Self {
        Self {
            aor,
            hash,
            places: SmallVec::new(),
        }
    }

    pub(super) fn add(&mut self, binding: BindingId) {
        if !self.places.contains(&binding.index) {
            self.places.push(binding.index);
        }
    }

    pub(super) fn drop_binding(&mut self, binding: BindingId) {
        self.places.retain(|place| *place != binding.index);
    }

    /// How many bindings it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether it has none (never seen from outside).
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }
}
