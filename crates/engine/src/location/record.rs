//! `Record`: all bindings of one AoR.

use smallvec::SmallVec;

use crate::event::Trace;
use crate::ids::{AorHash, BindingId};
use crate::location::binding::{Binding, Lease, TRACES};
use crate::location::change::Registration;
use crate::location::held::Held;

/// All bindings of one AoR, in the order they came.
#[derive(Debug)]
pub struct Record {
    /// The AoR, canonical.
    pub aor: Box<[u8]>,
    /// Its keyed hash.
    pub hash: AorHash,
    bindings: Held,
}

impl Record {
    pub(super) fn new(aor: Box<[u8]>, hash: AorHash) -> Self {
        Self {
            aor,
            hash,
            bindings: Held::None,
        }
    }

    /// Its bindings, oldest first.
    pub fn bindings(&self) -> impl Iterator<Item = &Binding> {
        self.bindings.as_slice().iter().map(|binding| &**binding)
    }

    pub(super) fn bindings_mut(&mut self) -> impl Iterator<Item = &mut Binding> {
        let bindings = self.bindings.as_mut_slice();
        bindings.iter_mut().map(|binding| &mut **binding)
    }

    /// One of its bindings.
    #[must_use]
    pub fn binding(&self, id: BindingId) -> Option<&Binding> {
        self.bindings().find(|binding| binding.id == id)
    }

    pub(super) fn binding_mut(&mut self, id: BindingId) -> Option<&mut Binding> {
        self.bindings_mut().find(|binding| binding.id == id)
    }

    /// Lets the CSeqs of its leases leap ahead, and where several bindings share one, to the same
    /// number. Hands back those that were behind.
    pub(super) fn leap(&mut self, by: &impl Fn(&Lease) -> u32) -> SmallVec<[BindingId; 2]> {
        for binding in self.bindings_mut() {
            binding.lease.cseq = binding.lease.cseq.saturating_add(by(&binding.lease));
        }
        if self.len() < 2 {
            return SmallVec::new();
        }
        let leases = self.bindings().map(|binding| binding.lease);
        let leases: SmallVec<[Lease; 4]> = leases.collect();
        let mut behind = SmallVec::new();
        for binding in self.bindings_mut() {
            let shared = leases.iter().filter(|lease| lease.id == binding.lease.id);
            let furthest = shared.map(|lease| lease.cseq).max().unwrap_or(0);
            if binding.lease.cseq < furthest {
                binding.lease.cseq = furthest;
                behind.push(binding.id);
            }
        }
        behind
    }

    /// Adds a binding, or replaces the one with its address, keeping the history.
    pub(super) fn put(&mut self, registration: Registration) {
        match self.binding_mut(registration.binding) {
            Some(held) => *held = Binding::new(registration, held.history),
            None => {
                let history = [Trace::default(); TRACES];
                self.bindings
                    .push(Box::new(Binding::new(registration, history)));
            }
        }
    }

    pub(super) fn take(&mut self, id: BindingId) -> Option<Box<Binding>> {
        self.bindings.take(|binding| binding.id == id)
    }

    /// How many bindings it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bindings.as_slice().len()
    }

    /// Whether it has none (never seen from outside).
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bindings.as_slice().is_empty()
    }
}
