//! What comes out of the engine, gathered in an [`Outbox`] over a whole batch of inputs.

use core::ops::Range;

use crate::clock::Now;
use crate::command::Reply;
use crate::event::Event;
use crate::flow::Flow;
use crate::ids::{PersistSeq, ShardId};
use crate::location::Change;
use crate::proxy::Voucher;

/// One thing to be done outside.
#[derive(Debug)]
pub enum Output {
    /// Send `outbox.bytes[span]` by `flow`.
    Transmit(Transmit),
    /// Keep these changes; answer with [`Input::Persisted`](crate::Input::Persisted) or
    /// [`Input::PersistFailed`](crate::Input::PersistFailed), in order.
    Persist(PersistBatch),
    /// Something worth counting or telling.
    Event(Event),
    /// The answer to a command.
    Reply(Reply),
    /// Give `outbox.bytes[span]` to another shard, as [`Input::Vouched`](crate::Input::Vouched).
    HandOver(HandOver),
}

/// A request whose devices another shard knows, from one that this shard knows.
#[derive(Clone, Debug)]
pub struct HandOver {
    /// The shard that knows them.
    pub to: ShardId,
    /// How the request came.
    pub flow: Flow,
    /// What is known of its sender.
    pub voucher: Voucher,
    /// Its bytes within [`Outbox::bytes`].
    pub span: Range<usize>,
}

/// A message to send: where to, and where its bytes lie in the outbox.
#[derive(Clone, Debug)]
pub struct Transmit {
    /// The way it goes.
    pub flow: Flow,
    /// Its bytes within [`Outbox::bytes`].
    pub span: Range<usize>,
}

/// Changes that become durable together.
#[derive(Clone, Debug)]
pub struct PersistBatch {
    /// Number to acknowledge.
    pub seq: PersistSeq,
    /// When: what a change says in monotonic time, the store keeps in wall time.
    pub at: Now,
    /// The changes, in the order they were applied.
    pub changes: Vec<Change>,
}

/// Outputs of a batch. The shell empties it after each batch and keeps its memory, so an absorbed
/// refresh allocates nothing.
#[derive(Debug, Default)]
pub struct Outbox {
    /// Bytes of all messages, one after the other.
    pub bytes: Vec<u8>,
    /// What to do, in order.
    pub items: Vec<Output>,
}

impl Outbox {
    /// An empty outbox.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Forgets everything, keeping the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.items.clear();
    }

    /// Sends what `write` appends.
    pub fn transmit(&mut self, flow: Flow, write: impl FnOnce(&mut Vec<u8>)) {
        let start = self.bytes.len();
        write(&mut self.bytes);
        debug_assert!(self.bytes.len() > start, "an empty message");
        self.items.push(Output::Transmit(Transmit {
            flow,
            span: start..self.bytes.len(),
        }));
    }

    /// Tells an event.
    pub fn event(&mut self, event: Event) {
        self.items.push(Output::Event(event));
    }

    /// The messages to send, with their bytes.
    pub fn transmits(&self) -> impl Iterator<Item = (Flow, &[u8])> {
        self.items.iter().filter_map(|item| match item {
            Output::Transmit(t) => Some((t.flow, self.bytes.get(t.span.clone())?)),
            _ => None,
        })
    }
}
