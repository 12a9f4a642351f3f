//! `Plan`: how one phase of load goes and when it ends.

use std::time::Duration;

/// One phase of load. It ends at whichever bound comes first, and then waits for the outstanding answers.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Shown as progress.
    pub name: &'static str,
    /// When the next request may start.
    pub pacing: Pacing,
    /// Whose turn it may be.
    pub selection: Selection,
    /// At most so many requests are started.
    pub requests: u64,
    /// No request starts later than this after the beginning.
    pub time: Duration,
}

/// When the next request may start.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Pacing {
    /// As soon as fewer than this many are outstanding.
    Closed {
        /// Most requests outstanding at once.
        window: usize,
    },
    /// At fixed times, whatever the target does: request k is due k / rate seconds after the start, and its
    /// latency counts from then even if it could only be sent later (no coordinated omission).
    Rate {
        /// Requests per second.
        per_second: f64,
    },
}

/// Whose turn it may be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Selection {
    /// Every device in turn, again and again.
    Everyone,
    /// Each device once whose last answer was not a 2xx.
    Unregistered,
}
