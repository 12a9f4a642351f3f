//! `Gate`: which replies must wait for the store, and in what order changes become durable.
//!
//! A 200 waits iff it promises anything beyond durable state (ADR 0007). Batches are
//! numbered; the store acknowledges them in order; a reply held for batch *n* goes out when *n* is
//! durable, and turns into 503 when the store could not keep it.

use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};

use smallvec::SmallVec;

use crate::clock::Mono;
use crate::flow::Flow;
use crate::ids::{BindingId, PersistSeq};
use crate::limits;
use crate::location::Change;
use crate::txn::ServerTxn;

/// How long a promise may be held and still be told as it stands: it counts from when it was made,
/// and the margin of a lease (docs/registration.md) covers no more.
const FRESH: Duration = Duration::from_secs(1);

/// Replies that wait for the store.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    issued: PersistSeq,
    durable: PersistSeq,
    /// By the batch they wait for, so that a long line costs nothing at each acknowledgement.
    held: BTreeMap<PersistSeq, Vec<HeldReply>>,
    replies: usize,
    /// What the batches write that the store has not settled yet, oldest first.
    unsettled: VecDeque<(PersistSeq, Written)>,
}

/// What a batch writes.
#[derive(Debug, Default)]
pub(crate) struct Written {
    /// Bindings, of which a later batch may say more.
    pub(crate) bindings: SmallVec<[BindingId; 2]>,
    /// Changes that are said once only.
    pub(crate) once: Vec<Change>,
}

/// What hangs on a batch that the store could not keep.
#[derive(Debug)]
pub(crate) struct Failed {
    /// Replies that must not go as they are.
    pub(crate) held: Vec<HeldReply>,
    /// What it would have written; `None` when too many batches wait for that to be remembered.
    pub(crate) written: Option<Written>,
}

/// A reply that waits for the store.
#[derive(Debug)]
pub(crate) struct HeldReply {
    since: Mono,
    flow: Flow,
    txn: Option<ServerTxn>,
    status: u16,
    repeat: Repeat,
    /// The whole message.
    pub(crate) bytes: Box<[u8]>,
}

/// A reply ready to go.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ReadyReply<'a> {
    /// The way it goes.
    pub(crate) flow: Flow,
    /// Its transaction, unless it is answered statelessly.
    pub(crate) txn: Option<ServerTxn>,
    /// Its status.
    pub(crate) status: u16,
    /// Who answers a repetition of its request.
    pub(crate) repeat: Repeat,
    /// The whole message.
    pub(crate) bytes: &'a [u8],
}

/// Who answers a repetition of an answered request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// Its transaction, for as long as RFC 3261 §17.2.2 says.
    ByTransaction,
    /// The binding it made, which knows the last request it accepted (D2): no transaction needs to
    /// be kept for it, and a storm of first registrations leaves none behind.
    ByBinding,
}

impl HeldReply {
    /// Whether it promises what is no longer so. Its device repeats the request (UDP), and D2 tells
    /// it what is left.
    pub(crate) fn is_stale(&self, now: Mono) -> bool {
        let promises = self.txn.is_none() || self.repeat == Repeat::ByBinding;
        promises && !self.flow.transport.is_stream() && self.since.plus(FRESH) < now
    }

    /// As it may go now.
    pub(crate) fn ready(&self) -> ReadyReply<'_> {
        let Self {
            flow,
            txn,
            status,
            repeat,
            ..
        } = *self;
        ReadyReply {
            flow,
            txn,
            status,
            repeat,
            bytes: &self.bytes,
        }
    }
}

/// Whether a reply may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    /// Now.
    Go,
    /// It is kept until the store has caught up.
    Held,
    /// Too many are waiting: it must not go at all.
    Full,
}

impl Gate {
    /// The number of the next batch, which writes this; and what the oldest writes that is forgotten
    /// for it, as nobody will know should it fail.
    pub(crate) fn issue(&mut self, written: Written) -> (PersistSeq, Option<Written>) {
        self.issued = PersistSeq(self.issued.0 + 1);
        let forgotten = match self.unsettled.len() >= limits::UNSETTLED_BATCHES {
            true => self.unsettled.pop_front().map(|(_, written)| written),
            false => None,
        };
        self.unsettled.push_back((self.issued, written));
        (self.issued, forgotten)
    }

    /// The last batch that the store was given.
    pub(crate) fn last_issued(&self) -> PersistSeq {
        self.issued
    }

    /// Whether everything up to this batch is durable.
    pub(crate) fn is_durable(&self, seq: PersistSeq) -> bool {
        seq <= self.durable
    }

    /// Lets a reply pass, or keeps it until `seq` is durable.
    pub(crate) fn admit(&mut self, now: Mono, seq: PersistSeq, reply: ReadyReply<'_>) -> Admission {
        if self.is_durable(seq) {
            return Admission::Go;
        }
        if self.replies >= limits::HELD_REPLIES {
            return Admission::Full;
        }
        debug_assert!(seq <= self.issued, "a reply that waits for nothing");
        let ReadyReply {
            flow,
            txn,
            status,
            repeat,
            bytes,
        } = reply;
        self.replies += 1;
        self.held.entry(seq).or_default().push(HeldReply {
            since: now,
            flow,
            txn,
            status,
            repeat,
            bytes: bytes.into(),
        });
        Admission::Held
    }

    /// The store has everything up to this batch. Hands out what may go now.
    pub(crate) fn persisted(&mut self, seq: PersistSeq) -> Vec<HeldReply> {
        debug_assert!(seq <= self.issued, "an acknowledgement of nothing");
        self.durable = self.durable.max(seq);
        while self
            .unsettled
            .front()
            .is_some_and(|(batch, _)| *batch <= seq)
        {
            self.unsettled.pop_front();
        }
        let later = self.held.split_off(&PersistSeq(seq.0.saturating_add(1)));
        let due = core::mem::replace(&mut self.held, later);
        let due: Vec<HeldReply> = due.into_values().flatten().collect();
        self.replies -= due.len();
        due
    }

    /// The store could not keep this batch. Hands out what hangs on it.
    pub(crate) fn failed(&mut self, seq: PersistSeq) -> Failed {
        // The batch will not be asked for again: what follows must not wait for it.
        self.durable = self.durable.max(seq);
        let at = self
            .unsettled
            .binary_search_by_key(&seq, |(batch, _)| *batch);
        let batch = at.ok().and_then(|at| self.unsettled.remove(at));
        let held = self.held.remove(&seq).unwrap_or_default();
        self.replies -= held.len();
        Failed {
            held,
            written: batch.map(|(_, written)| written),
        }
    }

    /// Number of replies waiting.
    pub(crate) fn held(&self) -> usize {
        self.replies
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::ListenerId;

    fn reply(bytes: &[u8]) -> ReadyReply<'_> {
        let flow = Flow::udp(ListenerId(0), "127.0.0.1:5060".parse().unwrap());
        ReadyReply {
            flow,
            txn: None,
            status: 200,
            repeat: Repeat::ByTransaction,
            bytes,
        }
    }

    fn issue(gate: &mut Gate) -> PersistSeq {
        gate.issue(Written::default()).0
    }

    #[test]
    fn a_reply_goes_when_its_batch_is_durable_and_not_before() {
        let mut gate = Gate::default();
        assert_eq!(
            gate.admit(Mono(0), PersistSeq(0), reply(b"plain")),
            Admission::Go
        );
        let (one, two) = (issue(&mut gate), issue(&mut gate));
        assert_eq!(gate.admit(Mono(0), one, reply(b"one")), Admission::Held);
        assert_eq!(gate.admit(Mono(0), two, reply(b"two")), Admission::Held);
        let gone = gate.persisted(one);
        assert_eq!(gone.iter().map(|r| &*r.bytes).collect::<Vec<_>>(), [b"one"]);
        assert_eq!(gate.admit(Mono(0), one, reply(b"again")), Admission::Go);
        assert_eq!(gate.persisted(two).len(), 1);
        assert_eq!(gate.held(), 0);
    }

    #[test]
    fn a_failed_batch_hands_back_only_its_own_replies() {
        let mut gate = Gate::default();
        let (one, two) = (issue(&mut gate), issue(&mut gate));
        gate.admit(Mono(0), one, reply(b"one"));
        gate.admit(Mono(0), two, reply(b"two"));
        assert_eq!(&*gate.failed(one).held[0].bytes, b"one");
        assert_eq!(gate.held(), 1);
    }

    #[test]
    fn held_replies_are_bounded() {
        let mut gate = Gate::default();
        let seq = issue(&mut gate);
        for _ in 0..limits::HELD_REPLIES {
            assert_eq!(gate.admit(Mono(0), seq, reply(b"x")), Admission::Held);
        }
        assert_eq!(gate.admit(Mono(0), seq, reply(b"x")), Admission::Full);
    }
}
