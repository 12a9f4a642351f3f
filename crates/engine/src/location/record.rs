//! `Record`: all bindings of one AoR.

use crate::event::Trace;
use crate::ids::{AorHash, BindingId};
use crate::location::binding::{Binding, TRACES};
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
