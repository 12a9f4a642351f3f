//! The location table: who is registered, where, until when, and on what lease.
//!
//! Owns every committed [`Binding`] and nothing tentative: a registration under way lives in its
//! conversation with the main registrar, and only [`Table::apply`] of a [`Change`] makes it visible
//! (R1). Knows no SIP transaction and sends nothing.
//!
//! # Invariants
//! * A binding belongs to exactly one record, a record has at least one binding.
//! * A binding is armed in the expiry wheel exactly once.
//! * `bindings()` equals the sum over records, and over sources.

mod binding;
mod change;
mod flows;
mod growth;
mod held;
mod place;
mod record;
mod slot;
mod sources;
mod table;
#[cfg(test)]
pub(crate) mod testing;
mod wheel;

pub use binding::{Binding, ContactText, Lease};
pub use change::{Change, Op, Refresh, Registration, Stamp};
pub use record::Record;
pub use table::Table;
