//! `Held`: the bindings of one record, in the order they came.

use smallvec::{SmallVec, smallvec};

use crate::location::binding::Binding;

/// Bindings in order. Each is boxed and nearly every AoR has one, so that one takes no more than
/// its pointer here, and only several take an allocation for theirs.
#[derive(Debug, Default)]
pub(super) enum Held {
    #[default]
    None,
    One(Box<Binding>),
    Several(Box<SmallVec<[Box<Binding>; 2]>>),
}

impl Held {
    pub(super) fn as_slice(&self) -> &[Box<Binding>] {
        match self {
            Self::None => &[],
            Self::One(binding) => core::slice::from_ref(binding),
            Self::Several(bindings) => bindings,
        }
    }

    pub(super) fn as_mut_slice(&mut self) -> &mut [Box<Binding>] {
        match self {
            Self::None => &mut [],
            Self::One(binding) => core::slice::from_mut(binding),
            Self::Several(bindings) => bindings,
        }
    }

    /// Appends a binding.
    pub(super) fn push(&mut self, binding: Box<Binding>) {
        *self = match core::mem::take(self) {
            Self::None => Self::One(binding),
            Self::One(first) => Self::Several(Box::new(smallvec![first, binding])),
            Self::Several(mut bindings) => {
                bindings.push(binding);
                Self::Several(bindings)
            }
        };
    }

    /// Takes out the first binding that is wanted.
    pub(super) fn take(&mut self, wanted: impl Fn(&Binding) -> bool) -> Option<Box<Binding>> {
        let at = self.as_slice().iter().position(|binding| wanted(binding))?;
        match core::mem::take(self) {
            Self::None => None,
            Self::One(binding) => Some(binding),
            Self::Several(mut bindings) => {
                let taken = bindings.remove(at);
                *self = match bindings.len() {
                    1 => bindings.pop().map_or(Self::None, Self::One),
                    _ => Self::Several(bindings),
                };
                Some(taken)
            }
        }
    }
}
