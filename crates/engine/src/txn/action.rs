//! `Action`: what a state machine wants done. Machines decide, the tables that host them do.

use core::time::Duration;

use smallvec::SmallVec;

use super::timing::Timer;

/// One thing to be done for a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Client: transmit the request for the first time.
    SendRequest,
    /// Client: acknowledge a refused INVITE, and keep the ACK for retransmissions
    /// (RFC 3261 §17.1.1.3).
    SendAck,
    /// Server: transmit the response and keep it for retransmissions.
    SendResponse,
    /// Server: transmit the response without keeping it; the transaction user owns its
    /// retransmissions (RFC 6026 §7.1).
    PassResponse,
    /// Transmit again what was kept, if anything was.
    Retransmit,
    /// Hand the message in question to the transaction user.
    Deliver,
    /// Wake the transaction after this time; replaces the same timer if it runs.
    Arm(Timer, Duration),
    /// Stop this timer if it runs.
    Disarm(Timer),
    /// Stop every timer of the transaction.
    DisarmAll,
    /// Tell the transaction user that a 100 is owed.
    ReportOverdue,
    /// Tell the transaction user that nothing came.
    ReportTimeout,
    /// Tell the transaction user that the network refused.
    ReportTransportError,
    /// Forget the transaction with all its timers. Always the last action.
    Terminate,
}

/// What one step of a machine wants done, in order.
pub type Actions = SmallVec<[Action; 4]>;
