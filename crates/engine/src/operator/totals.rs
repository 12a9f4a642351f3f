//! `Totals`: the sizes of all tables of one engine.

use crate::core::Core;

/// Sizes of all tables of one engine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// AoRs with a record.
    pub records: usize,
    /// Committed bindings.
    pub bindings: usize,
    /// Leases that are being spoken about with the main registrar, or will be.
    pub conversations: usize,
    /// Registrations of devices under way at the main registrar.
    pub asking: usize,
    /// Requests on their way that are no REGISTER.
    pub forks: usize,
    /// Server transactions.
    pub server_transactions: usize,
    /// Client transactions.
    pub client_transactions: usize,
    /// Leases that the main registrar is being told to end.
    pub releases: usize,
    /// Answers waiting for the store.
    pub held_replies: usize,
    /// Armed timers, lazily cancelled ones included.
    pub timers: usize,
}

impl Totals {
    /// Counts.
    pub(crate) fn of(core: &Core) -> Self {
        Self {
            records: core.table.records(),
            bindings: core.table.bindings(),
            conversations: core.conversations.len(),
            asking: core.conversations.asking(),
            forks: core.forks.len(),
            server_transactions: core.txns.server_count(),
            client_transactions: core.txns.client_count(),
            releases: core.releasing + core.release_queue.len(),
            held_replies: core.gate.held(),
            timers: core.timers.len() + core.txns.timer_count() + core.table.armed(),
        }
    }
}
