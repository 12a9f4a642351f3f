//! `Command`: what an operator asks or orders; the admin surface speaks only this.

use core::net::SocketAddr;

use crate::clock::Seconds;
use crate::event::Explained;
use crate::ids::BindingId;
use crate::proxy::call_log::CallRecord;

/// An operator's wish. Each is answered by exactly one [`Reply`].
#[derive(Clone, Debug)]
pub enum Command {
    /// The bindings of one AoR (`user@host`, any spelling).
    Show {
        /// Handed back with the answer.
        tag: u64,
        /// The AoR.
        aor: String,
    },
    /// The last calls of one AoR, newest first.
    Calls {
        /// Handed back with the answer.
        tag: u64,
        /// The AoR.
        aor: String,
    },
    /// Ends all bindings of one AoR, here and upstream.
    Kick {
        /// Handed back with the answer.
        tag: u64,
        /// The AoR.
        aor: String,
    },
    /// How many there are of everything.
    Totals {
        /// Handed back with the answer.
        tag: u64,
    },
    /// Starts a new epoch: every device's next REGISTER is forwarded (R14).
    Resync {
        /// Handed back with the answer.
        tag: u64,
    },
}

/// The answer to a [`Command`].
#[derive(Clone, Debug)]
pub struct Reply {
    /// As in the command.
    pub tag: u64,
    /// What there is to say.
    pub answer: Answer,
}

/// What there is to say to a command.
#[derive(Clone, Debug)]
pub enum Answer {
    /// The bindings of an AoR; empty when there are none.
    Bindings(Vec<BindingView>),
    /// Calls of an AoR; empty when none is remembered.
    Calls(Vec<CallRecord>),
    /// How many bindings were ended.
    Kicked(usize),
    /// Sizes of all tables.
    Totals(Totals),
    /// A new epoch has begun.
    Resynced,
    /// The command could not be understood.
    Refused(&'static str),
}

/// A binding as an operator sees it.
#[derive(Clone, Debug)]
pub struct BindingView {
    /// Its address, stable across restarts.
    pub id: BindingId,
    /// Contact URI as the device sent it.
    pub contact: String,
    /// Where the device is.
    pub remote: SocketAddr,
    /// Seconds until the device must have refreshed.
    pub expires_in: Seconds,
    /// Seconds the main registrar still holds the lease.
    pub lease_left: Seconds,
    /// Why the last requests were absorbed, forwarded or refused, newest first.
    pub history: Vec<Explained>,
}

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
