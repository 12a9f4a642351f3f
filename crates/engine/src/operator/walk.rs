//! `Cursor`: how far a reader of all bindings has come.
//!
//! It counts places, which a binding keeps while it lives: a reader that goes on from one cursor to
//! the next meets each binding once that was there all the while, whatever comes and goes beside it.

use crate::ids::Slot;

/// A place in the location table, from which on bindings have not been read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// The slot.
    pub slot: Slot,
    /// The place within the slot.
    pub index: u32,
}

impl Cursor {
    /// Before all bindings.
    pub const START: Self = Self {
        slot: Slot(0),
        index: 0,
    };
}
