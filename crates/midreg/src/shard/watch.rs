//! `Watches`: operators who watch the messages of an AoR.
//!
//! Each sees copies through a bounded queue of its own; what does not fit is counted, never waited
//! for. While nobody watches, a datagram costs one look at an empty list.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError};
use std::sync::{Arc, Weak};

use engine::command::Concern;
use engine::{Flow, ListenerId, Policy, Wall};

/// One who wants to watch. He does as long as the count of what he missed is kept by him.
#[derive(Debug)]
pub struct Watch {
    /// Whom, as `user@host`.
    pub aor: String,
    /// Where to.
    pub queue: SyncSender<Seen>,
    /// Counts what the queue has no room for.
    pub missed: Weak<AtomicU64>,
}

/// A datagram that somebody wants to see.
#[derive(Clone, Debug)]
pub struct Seen {
    /// When.
    pub at: Wall,
    /// Which way it went.
    pub direction: Direction,
    /// The other side.
    pub remote: SocketAddr,
    /// The listener it went through.
    pub listener: ListenerId,
    /// It.
    pub bytes: Box<[u8]>,
}

/// Which way a datagram went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// It came in.
    In,
    /// It went out.
    Out,
}

/// All who watch.
#[derive(Debug)]
pub(super) struct Watches {
    policy: Arc<Policy>,
    list: Vec<(Watch, Concern)>,
}

impl Watches {
    /// Nobody yet.
    pub(super) fn new(policy: Arc<Policy>) -> Self {
        Self {
            policy,
            list: Vec::new(),
        }
    }

    /// Follows new settings.
    pub(super) fn follow(&mut self, policy: Arc<Policy>) {
        self.policy = policy;
    }

    /// One more. Whoever names no AoR sees nothing.
    pub(super) fn add(&mut self, watch: Watch) {
        self.list
            .retain(|(other, _)| other.missed.strong_count() > 0);
        if let Some(concern) = Concern::with(&self.policy, &watch.aor) {
            self.list.push((watch, concern));
        }
    }

    /// Whether nobody watches.
    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Shows a datagram to those whom it concerns.
    pub(super) fn show(&mut self, at: Wall, direction: Direction, flow: &Flow, bytes: &[u8]) {
        let Self { policy, list } = self;
        list.retain(|(watch, concern)| {
            let Some(missed) = watch.missed.upgrade() else {
                return false;
            };
            if !concern.has(policy, bytes) {
                return true;
            }
            let seen = Seen {
                at,
                direction,
                remote: flow.remote,
                listener: flow.listener,
                bytes: bytes.into(),
            };
            match watch.queue.try_send(seen) {
                Ok(()) => true,
                Err(TrySendError::Full(_)) => {
                    missed.fetch_add(1, Ordering::Relaxed);
                    true
                }
                Err(TrySendError::Disconnected(_)) => false,
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::sync_channel;

    use super::*;

    const OF_ALICE: &[u8] = b"OPTIONS sip:x@127.0.0.1 SIP/2.0\r\n\
        Via: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bK1\r\nMax-Forwards: 70\r\n\
        From: <sip:alice@example.org>;tag=1\r\nTo: <sip:bob@example.org>\r\nCall-ID: 1\r\n\
        CSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n";

    fn show(watches: &mut Watches) {
        let flow = Flow::udp(ListenerId(0), ([127, 0, 0, 1], 5062).into());
        watches.show(Wall(1), Direction::In, &flow, OF_ALICE);
    }

    #[test]
    fn what_does_not_fit_is_counted_and_who_has_gone_is_forgotten() {
        let mut watches = Watches::new(Arc::default());
        let missed = Arc::new(AtomicU64::new(0));
        let (queue, seen) = sync_channel(1);
        for (aor, queue) in [
            ("alice@example.org", queue.clone()),
            ("carol@example.org", queue),
        ] {
            watches.add(Watch {
                aor: aor.to_owned(),
                queue,
                missed: Arc::downgrade(&missed),
            });
        }
        show(&mut watches);
        show(&mut watches);
        assert_eq!(missed.load(Ordering::Relaxed), 1);
        assert_eq!(&*seen.try_recv().expect("one").bytes, OF_ALICE);
        assert!(seen.try_recv().is_err());

        drop(missed);
        show(&mut watches);
        assert!(watches.is_empty());
    }
}
