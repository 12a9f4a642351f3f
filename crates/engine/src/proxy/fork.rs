//! `Fork`: one request on its way to one or more places, and the answer that its sender gets (the
//! response context of RFC 3261 §16.7).
//!
//! The rules of when to pass an answer on, whom to cancel, whom to try next and when to conclude are
//! here and touch nothing else; `forking` carries them out. Invariants:
//!
//! * A sender gets one final answer, and after a 2xx to an INVITE only further 2xx.
//! * A branch is cancelled once at most, after it was heard and before its final answer.
//! * Nothing new is tried once the fork is closed.

use core::time::Duration;

use sip::Method;
use smallvec::SmallVec;

use crate::flow::Flow;
use crate::ids::{AorHash, BindingId, NodeId, Slot};
use crate::location::Binding;
use crate::policy::Redirects;
use crate::proxy::best::{self, Origin};
use crate::proxy::call_log::CallNumber;
use crate::proxy::outgoing::Renamed;
use crate::proxy::route_token::RouteToken;
use crate::proxy::targets::{Group, Plan, Target};
use crate::timers::TimerToken;
use crate::txn::{ClientTxn, ServerTxn};

/// One request on its way.
#[derive(Debug)]
pub(crate) struct Fork {
    /// The transaction that waits for the answer; none for a request of our own.
    pub(crate) server: Option<ServerTxn>,
    /// The request as it came.
    pub(crate) request: Box<[u8]>,
    /// Its method.
    pub(crate) method: Method,
    /// How it came.
    pub(crate) came_by: Flow,
    /// Who is at the sender's side.
    pub(crate) sender: SenderSide,
    /// Who may be tried yet.
    pub(crate) plan: Plan,
    /// Who was tried.
    pub(crate) branches: SmallVec<[Branch; 1]>,
    /// How far it is.
    pub(crate) phase: Phase,
    /// The best final answer so far.
    pub(crate) best: Option<Best>,
    /// Challenges of all branches but the best one's, whole lines.
    pub(crate) challenges: Vec<u8>,
    /// How long a group may ring before the next is tried.
    pub(crate) ring_time: Duration,
    /// What becomes of a 3xx.
    pub(crate) redirects: Redirects,
    /// The addresses of 3xx that were followed: each is tried once (RFC 3261 §16.5).
    pub(crate) followed: Vec<Box<[u8]>>,
    /// How many branches it may have at a time (RFC 5393).
    pub(crate) breadth: u32,
    /// For whom it waits although nobody is there (R1).
    pub(crate) awaited: Option<Awaited>,
    /// Ends a group's ringing, the waiting for a device, or the watch for further 2xx.
    pub(crate) timer: Option<TimerToken>,
    /// Its entry in the log of calls.
    pub(crate) call: Option<CallNumber>,
}

/// Who is at the sender's side, for later requests of the dialog.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SenderSide {
    /// A device.
    Device(RouteToken),
    /// This node of the main registrar.
    Upstream(NodeId),
}

/// Devices that are just being registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Awaited {
    /// Their AoR.
    pub(crate) aor: AorHash,
    /// The only one that counts, where one is meant.
    pub(crate) binding: Option<BindingId>,
    /// What is to stand in the Request-URI.
    pub(crate) wording: Wording,
}

/// What stands in the Request-URI of a request to a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wording {
    /// Its Contact.
    Contact,
    /// What stands there: our Path led to it (RFC 3327).
    AsSaid,
}

impl Wording {
    /// The device of a binding as a target.
    pub(crate) fn target(self, binding: &Binding) -> Target {
        let target = Target::of(binding);
        match self {
            Self::Contact => target,
            Self::AsSaid => Target {
                uri: Box::default(),
                ..target
            },
        }
    }
}

/// How far a fork is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Nobody has decided yet.
    Open,
    /// No more is tried; what is under way is cancelled and waited for.
    Closed(Closing),
    /// The sender has the final answer, a 2xx.
    Accepted,
    /// The same, and all branches have ended; others may accept an INVITE as well for a while.
    Lingering,
    /// The sender has the final answer, or waits for it no more.
    Concluded,
}

/// Why no more is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Closing {
    /// The caller cancelled.
    Cancelled,
    /// A device said 6xx for all of them (RFC 3261 §16.7 step 5).
    Declined,
    /// It has taken too long.
    Overdue,
}

/// One place that was tried.
#[derive(Debug)]
pub(crate) struct Branch {
    /// Its transaction; `None` where nothing could be sent.
    pub(crate) txn: Option<ClientTxn>,
    /// Whether names in its answers have to be put back.
    pub(crate) renamed: Renamed,
    /// The node of the main registrar that it is; [`NodeId::NONE`] for a device.
    pub(crate) node: NodeId,
    /// How far it is.
    pub(crate) state: BranchState,
    /// Whether it is to be cancelled.
    pub(crate) cancel: Cancel,
}

/// How far a branch is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BranchState {
    /// Nothing was heard.
    Calling,
    /// It said that it has the request.
    Heard,
    /// It has given its final answer, or never will.
    Ended(u16),
}

/// Whether a branch is to be cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cancel {
    /// No.
    Not,
    /// As soon as it was heard (RFC 3261 §9.1).
    Wanted,
    /// It was.
    Sent,
}

/// A final answer that is kept until there can be no better.
#[derive(Clone, Debug)]
pub(crate) struct Best {
    /// Its status.
    pub(crate) status: u16,
    /// Who says so.
    pub(crate) origin: Origin,
    /// All of it as the branch sent it; empty when we say so.
    pub(crate) answer: Box<[u8]>,
    /// Whether its names have to be put back.
    pub(crate) renamed: Renamed,
}

/// What is to be done with an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Say {
    /// The sender gets it.
    Pass,
    /// It is kept as the best so far.
    Keep,
    /// Nothing.
    Nothing,
}

/// What comes next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Somebody has yet to speak.
    Wait,
    /// These are tried.
    Try(Group),
    /// The best answer goes out.
    Conclude,
    /// All is said; a fork whose INVITE was accepted still passes further 2xx.
    Over,
}

impl Fork {
    /// A branch gave a provisional answer.
    pub(crate) fn on_provisional(&mut self, branch: usize, status: u16) -> Say {
        let Some(heard) = self.branches.get_mut(branch) else {
            return Say::Nothing;
        };
        if heard.state == BranchState::Calling {
            heard.state = BranchState::Heard;
        }
        let said = !matches!(self.phase, Phase::Open | Phase::Closed(_));
        match status > 100 && !said && self.method == Method::Invite {
            true => Say::Pass,
            false => Say::Nothing,
        }
    }

    /// A branch gave its final answer, or we speak for it.
    pub(crate) fn on_final(&mut self, branch: usize, status: u16, origin: Origin) -> Say {
        if let Some(ended) = self.branches.get_mut(branch) {
            ended.state = BranchState::Ended(status);
        }
        match (status, self.phase) {
            // RFC 6026 §7.1: further 2xx pass as well, each is a dialog of its own.
            (200..=299, Phase::Accepted | Phase::Lingering) if self.method == Method::Invite => {
                Say::Pass
            }
            (_, Phase::Accepted | Phase::Lingering | Phase::Concluded) => Say::Nothing,
            (200..=299, _) => {
                self.phase = Phase::Accepted;
                self.give_up();
                Say::Pass
            }
            _ => {
                if status >= 600 && self.phase == Phase::Open {
                    self.close(Closing::Declined);
                }
                let best = self.best.as_ref().map(|best| (best.status, best.origin));
                match best::is_better(status, origin, best) {
                    true => Say::Keep,
                    false => Say::Nothing,
                }
            }
        }
    }

    /// No more is tried, and what is under way is to be cancelled.
    pub(crate) fn close(&mut self, why: Closing) {
        if self.phase == Phase::Open {
            self.phase = Phase::Closed(why);
        }
        self.give_up();
    }

    /// Those that ring have had their time; the next are tried.
    pub(crate) fn pass_over(&mut self) {
        self.awaited = None;
        self.want_cancelled();
    }

    /// This one is to be cancelled.
    pub(crate) fn cancel(&mut self, branch: usize) {
        if let Some(branch) = self.branches.get_mut(branch) {
            branch.want_cancelled();
        }
    }

    /// Whether a branch has rung in vain: its 487 answers our own CANCEL and tells the caller, who has
    /// not cancelled, nothing (RFC 3261 §16.8 counts it as 408).
    pub(crate) fn was_passed_over(&self, branch: usize) -> bool {
        let given_up = |branch: &Branch| branch.cancel != Cancel::Not;
        self.branches.get(branch).is_some_and(given_up)
            && self.phase != Phase::Closed(Closing::Cancelled)
    }

    fn give_up(&mut self) {
        self.plan.clear();
        self.awaited = None;
        self.want_cancelled();
    }

    fn want_cancelled(&mut self) {
        self.branches.iter_mut().for_each(Branch::want_cancelled);
    }

    /// The transactions that are to be cancelled now, and count as cancelled from now on.
    pub(crate) fn cancellable(&mut self) -> SmallVec<[ClientTxn; 4]> {
        if self.method != Method::Invite {
            return SmallVec::new();
        }
        let due = |branch: &&mut Branch| {
            branch.cancel == Cancel::Wanted && branch.state == BranchState::Heard
        };
        self.branches
            .iter_mut()
            .filter(due)
            .filter_map(|branch| {
                branch.cancel = Cancel::Sent;
                branch.txn
            })
            .collect()
    }

    /// What comes next.
    pub(crate) fn next(&mut self) -> Next {
        let pending = self.branches.iter().filter(|branch| !branch.is_over());
        let mut pending = pending.peekable();
        let nobody = pending.peek().is_none();
        // Those that were passed over keep nobody waiting for the next.
        let idle = pending.all(|branch| branch.cancel != Cancel::Not);
        match self.phase {
            Phase::Open if idle && self.awaited.is_none() => match self.plan.pop_front() {
                Some(group) => Next::Try(group),
                None if nobody => Next::Conclude,
                None => Next::Wait,
            },
            Phase::Closed(_) if nobody => Next::Conclude,
            Phase::Accepted | Phase::Concluded if nobody => Next::Over,
            _ => Next::Wait,
        }
    }

    /// Whether others are tried when these do not answer in time.
    pub(crate) fn has_more(&self) -> bool {
        !self.plan.is_empty()
    }

    /// Whether the next are tried now, and nobody of those before is waited for.
    pub(crate) fn is_hunting(&self) -> bool {
        let waited_for = |branch: &Branch| !branch.is_over() && branch.cancel == Cancel::Not;
        self.has_more() && !self.branches.iter().any(waited_for)
    }

    /// How it ended for its sender without any answer from a branch.
    pub(crate) fn local_status(&self) -> (u16, &'static str) {
        if self.phase == Phase::Closed(Closing::Cancelled) {
            return (487, "Request Terminated");
        }
        match self.best.as_ref().map_or(480, |best| best.status) {
            404 => (404, "Not Found"),
            408 => (408, "Request Timeout"),
            440 => (440, "Max-Breadth Exceeded"),
            503 => (503, "Service Unavailable"),
            _ => (480, "Temporarily Unavailable"),
        }
    }

    /// Nothing but further 2xx passes from now on. Only names that have to be put back need the request
    /// for that.
    pub(crate) fn linger(&mut self) {
        self.phase = Phase::Lingering;
        let mut branches = self.branches.iter();
        if branches.all(|branch| branch.renamed == Renamed::No) {
            self.request = Box::default();
        }
    }

    /// Bytes on the heap.
    pub(crate) fn heap_size(&self) -> usize {
        self.request.len()
    }

    /// The slot of what it is about, for tokens of devices that have no binding.
    pub(crate) const fn slot(&self) -> Option<Slot> {
        match self.sender {
            SenderSide::Device(token) => Some(token.slot),
            SenderSide::Upstream(_) => None,
        }
    }
}

impl Branch {
    /// What is said for it when it cannot be reached.
    pub(crate) const fn absent(&self) -> u16 {
        match self.node {
            NodeId::NONE => 480,
            _ => 503,
        }
    }

    const fn is_over(&self) -> bool {
        matches!(self.state, BranchState::Ended(_))
    }

    fn want_cancelled(&mut self) {
        if self.cancel == Cancel::Not && !self.is_over() {
            self.cancel = Cancel::Wanted;
        }
    }
}

#[cfg(test)]
mod tests;
