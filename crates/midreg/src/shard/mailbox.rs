//! `Mailbox`: what other threads have for a shard, bounded and without a copy of its own.
//!
//! Datagrams come in parcels: the receiving shard gathers what one batch holds for an owner (the
//! one copy there is), and the whole parcel changes hands under the lock; an empty one goes back,
//! so that in the long run nothing is allocated. Requests and responses have lanes of their own: a
//! flood of requests cannot keep answers of the main registrar out. When the request lane is full
//! the parcel stays with its sender, who is told once there is room again.

use std::collections::VecDeque;
use std::mem;
use std::net::UdpSocket;
use std::ops::Range;
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use engine::command::Answer;
use engine::{Command, Flow, ListenerId, Policy, ShardId, Voucher};

use super::report::Report;
use super::watch::Watch;
use crate::net::epoll::Bell;

/// Most messages in a lane; a parcel that finds the lane empty fits always.
pub const LANE_MESSAGES: usize = 8192;

/// Most refused destinations that wait; they are hints, more are forgotten.
const MAX_REFUSED: usize = 256;

/// Empty parcels kept, and the most bytes of memory one of them may bind.
const MAX_SPARE: usize = 16;
const MAX_SPARE_BYTES: usize = 256 << 10;

/// Which way messages of a parcel go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// Requests.
    Requests,
    /// Responses.
    Responses,
}

/// Datagrams for one shard, gathered over a batch.
#[derive(Debug, Default)]
pub struct Parcel {
    bytes: Vec<u8>,
    items: Vec<(Flow, Option<Box<Voucher>>, Range<usize>)>,
}

/// An order to a shard.
#[derive(Debug)]
pub enum Control {
    /// New settings.
    Policy(Arc<Policy>),
    /// The socket of a listener that the next settings name.
    Open(ListenerId, UdpSocket),
    /// The network refused a destination; the datagram may have been any shard's.
    Refused(Flow),
    /// Carry a command out, and answer it.
    Command(Command, SyncSender<Answer>),
    /// Show the messages of an AoR.
    Watch(Watch),
    /// Tell how things stand.
    Report(SyncSender<Report>),
    /// Take no more requests, and end when all that is under way is done or at the instant given.
    Drain(Instant),
}

/// Whether a parcel was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Posted {
    /// It was; the sender has an empty one now.
    Taken,
    /// It was not; the sender will be rung when there is room.
    Full,
}

/// What other threads have for one shard.
#[derive(Debug)]
pub struct Mailbox {
    bell: Bell,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    requests: Queue,
    responses: Queue,
    spare: Vec<Parcel>,
    blocked: Vec<ShardId>,
    control: VecDeque<Control>,
    refused: usize,
}

#[derive(Debug, Default)]
struct Queue {
    parcels: VecDeque<Parcel>,
    messages: usize,
}

impl Parcel {
    /// Adds a datagram.
    pub fn add(&mut self, flow: Flow, datagram: &[u8]) {
        self.push(flow, None, datagram);
    }

    /// Adds a request for whose sender this shard vouches.
    pub fn add_vouched(&mut self, flow: Flow, voucher: Voucher, datagram: &[u8]) {
        self.push(flow, Some(Box::new(voucher)), datagram);
    }

    fn push(&mut self, flow: Flow, voucher: Option<Box<Voucher>>, datagram: &[u8]) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(datagram);
        self.items.push((flow, voucher, start..self.bytes.len()));
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Number of datagrams.
    #[must_use]
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// The datagrams, in the order they were added.
    pub fn datagrams(&self) -> impl Iterator<Item = (Flow, Option<Voucher>, &[u8])> {
        self.items.iter().filter_map(|(flow, voucher, span)| {
            let voucher = voucher.as_deref().copied();
            Some((*flow, voucher, self.bytes.get(span.clone())?))
        })
    }

    /// Empties it, keeping the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.items.clear();
    }
}

impl Mailbox {
    /// An empty mailbox with this bell.
    #[must_use]
    pub fn new(bell: Bell) -> Self {
        Self {
            bell,
            state: Mutex::default(),
        }
    }

    /// Its bell, to be waited for by the owner.
    #[must_use]
    pub fn bell(&self) -> &Bell {
        &self.bell
    }

    /// Hands a parcel over, in exchange for an empty one.
    pub fn post(&self, lane: Lane, parcel: &mut Parcel, sender: ShardId) -> Posted {
        let mut state = self.state();
        let queue = state.queue(lane);
        if queue.messages > 0 && queue.messages + parcel.len() > LANE_MESSAGES {
            if lane == Lane::Requests && !state.blocked.contains(&sender) {
                state.blocked.push(sender);
            }
            return Posted::Full;
        }
        queue.messages += parcel.len();
        let empty = state.spare.pop().unwrap_or_default();
        state
            .queue(lane)
            .parcels
            .push_back(mem::replace(parcel, empty));
        drop(state);
        self.bell.ring();
        Posted::Taken
    }

    /// Gives an order.
    pub fn order(&self, control: Control) {
        let mut state = self.state();
        if matches!(control, Control::Refused(_)) {
            if state.refused >= MAX_REFUSED {
                return;
            }
            state.refused += 1;
        }
        state.control.push_back(control);
        drop(state);
        self.bell.ring();
    }

    /// The oldest order.
    #[must_use]
    pub fn next_order(&self) -> Option<Control> {
        let mut state = self.state();
        let control = state.control.pop_front();
        if matches!(control, Some(Control::Refused(_))) {
            state.refused -= 1;
        }
        control
    }

    /// The oldest parcel, responses before requests.
    #[must_use]
    pub fn next_parcel(&self) -> Option<Parcel> {
        let mut state = self.state();
        match state.responses.take() {
            Some(parcel) => Some(parcel),
            None => state.requests.take(),
        }
    }

    /// Gives an emptied parcel back for reuse.
    pub fn give_back(&self, mut parcel: Parcel) {
        parcel.clear();
        let mut state = self.state();
        if state.spare.len() < MAX_SPARE && parcel.bytes.capacity() <= MAX_SPARE_BYTES {
            state.spare.push(parcel);
        }
    }

    /// The shards that wait for room, once there is enough of it.
    #[must_use]
    pub fn relieved(&self) -> Vec<ShardId> {
        let mut state = self.state();
        if state.blocked.is_empty() || state.requests.messages > LANE_MESSAGES / 2 {
            return Vec::new();
        }
        mem::take(&mut state.blocked)
    }

    /// Whether a parcel waits.
    #[must_use]
    pub fn has_parcels(&self) -> bool {
        let state = self.state();
        state.requests.messages + state.responses.messages > 0
    }

    /// The state is plain data that is whole between any two statements, so a panic elsewhere does
    /// not spoil it.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn queue(&mut self, lane: Lane) -> &mut Queue {
        match lane {
            Lane::Requests => &mut self.requests,
            Lane::Responses => &mut self.responses,
        }
    }
}

impl Queue {
    fn take(&mut self) -> Option<Parcel> {
        let parcel = self.parcels.pop_front()?;
        self.messages -= parcel.len();
        Some(parcel)
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;

    fn mailbox() -> Mailbox {
        Mailbox::new(Bell::new().expect("bell"))
    }

    fn flow(port: u16) -> Flow {
        Flow::udp(ListenerId(0), SocketAddr::from(([127, 0, 0, 1], port)))
    }

    fn parcel(texts: &[&str]) -> Parcel {
        let mut parcel = Parcel::default();
        for text in texts {
            parcel.add(flow(1), text.as_bytes());
        }
        parcel
    }

    fn texts(parcel: &Parcel) -> Vec<String> {
        parcel
            .datagrams()
            .map(|(_, _, bytes)| String::from_utf8_lossy(bytes).into_owned())
            .collect()
    }

    #[test]
    fn responses_come_before_requests_and_order_is_kept_within_a_lane() {
        let mailbox = mailbox();
        for (lane, text) in [
            (Lane::Requests, "q1"),
            (Lane::Responses, "s1"),
            (Lane::Requests, "q2"),
            (Lane::Responses, "s2"),
        ] {
            let mut parcel = parcel(&[text]);
            assert_eq!(mailbox.post(lane, &mut parcel, ShardId(1)), Posted::Taken);
            assert!(parcel.is_empty(), "the sender has an empty one");
        }
        let mut seen = Vec::new();
        while let Some(parcel) = mailbox.next_parcel() {
            seen.extend(texts(&parcel));
        }
        assert_eq!(seen, ["s1", "s2", "q1", "q2"]);
        assert!(!mailbox.has_parcels());
    }

    #[test]
    fn memory_goes_round() {
        let mailbox = mailbox();
        let mut sent = parcel(&["some text"]);
        let memory = sent.bytes.as_ptr();
        assert_eq!(
            mailbox.post(Lane::Requests, &mut sent, ShardId(1)),
            Posted::Taken
        );
        let got = mailbox.next_parcel().expect("posted");
        mailbox.give_back(got);
        let mut next = parcel(&["x"]);
        assert_eq!(
            mailbox.post(Lane::Requests, &mut next, ShardId(1)),
            Posted::Taken
        );
        assert_eq!(next.bytes.as_ptr(), memory);
        assert!(next.is_empty());
    }

    #[test]
    fn a_full_lane_gives_the_parcel_back_and_calls_when_there_is_room() {
        let mailbox = mailbox();
        let many = vec!["x"; LANE_MESSAGES];
        assert_eq!(
            mailbox.post(Lane::Requests, &mut parcel(&many), ShardId(1)),
            Posted::Taken
        );
        let mut held = parcel(&["held"]);
        for _ in 0..2 {
            assert_eq!(
                mailbox.post(Lane::Requests, &mut held, ShardId(2)),
                Posted::Full
            );
        }
        assert_eq!(texts(&held), ["held"]);
        assert_eq!(
            mailbox.post(Lane::Responses, &mut parcel(&["s"]), ShardId(2)),
            Posted::Taken
        );
        assert!(mailbox.relieved().is_empty(), "there is no room yet");
        while mailbox.next_parcel().is_some() {}
        assert_eq!(mailbox.relieved(), [ShardId(2)]);
        assert!(mailbox.relieved().is_empty(), "told once");
        assert_eq!(
            mailbox.post(Lane::Requests, &mut held, ShardId(2)),
            Posted::Taken
        );
    }

    #[test]
    fn a_parcel_larger_than_a_lane_fits_into_an_empty_one() {
        let mailbox = mailbox();
        let many = vec!["x"; LANE_MESSAGES + 1];
        assert_eq!(
            mailbox.post(Lane::Requests, &mut parcel(&many), ShardId(1)),
            Posted::Taken
        );
    }

    #[test]
    fn refused_destinations_are_bounded_and_other_orders_are_not_lost() {
        let mailbox = mailbox();
        for port in 0..1000 {
            mailbox.order(Control::Refused(flow(port)));
        }
        mailbox.order(Control::Drain(Instant::now()));
        let mut refused = 0;
        loop {
            match mailbox.next_order() {
                Some(Control::Refused(_)) => refused += 1,
                Some(Control::Drain(_)) => break,
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(refused, MAX_REFUSED);
        mailbox.order(Control::Refused(flow(1)));
        assert!(mailbox.next_order().is_some(), "there is room again");
    }
}
