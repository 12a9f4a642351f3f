//! `Armed`: the timers that one transaction has running, and `Due`, what one of them says when it fires.

use smallvec::SmallVec;

use super::timing::Timer;
use super::{ClientTxn, ServerTxn};
use crate::clock::Mono;
use crate::timers::{TimerToken, Timers};

/// A timer of a transaction fell due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Due {
    /// The transaction it was armed for.
    pub(super) whose: Whose,
    /// Which of its timers.
    pub(super) timer: Timer,
}

/// A transaction of either side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Whose {
    /// One that answers.
    Server(ServerTxn),
    /// One that asks.
    Client(ClientTxn),
}

/// The running timers of one transaction; no machine has more than two at a time.
#[derive(Debug, Default)]
pub(super) struct Armed(SmallVec<[(Timer, TimerToken); 2]>);

impl Armed {
    /// Arms a timer, in place of the same one if it runs.
    pub(super) fn arm(&mut self, timers: &mut Timers<Due>, deadline: Mono, due: Due) {
        self.disarm(timers, due.timer);
        self.0.push((due.timer, timers.arm(deadline, due)));
        debug_assert!(!self.0.spilled(), "a machine with three timers");
    }

    /// Stops a timer if it runs.
    pub(super) fn disarm(&mut self, timers: &mut Timers<Due>, timer: Timer) {
        self.0.retain(|(running, token)| {
            let keep = *running != timer;
            if !keep {
                timers.cancel(*token);
            }
            keep
        });
    }

    /// Stops all.
    pub(super) fn disarm_all(&mut self, timers: &mut Timers<Due>) {
        for (_, token) in self.0.drain(..) {
            timers.cancel(token);
        }
    }

    /// Notes that a timer has fired.
    pub(super) fn fired(&mut self, timer: Timer) {
        self.0.retain(|(running, _)| *running != timer);
    }

    /// Asserts that something runs, and that all that runs is armed; how many that are.
    pub(super) fn check(&self, timers: &Timers<Due>) -> usize {
        assert!(!self.0.is_empty(), "nothing will end this transaction");
        assert!(self.0.iter().all(|(_, token)| timers.is_armed(*token)));
        self.0.len()
    }
}
