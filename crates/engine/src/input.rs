//! What goes into the engine.

use std::sync::Arc;

use crate::command::Command;
use crate::flow::Flow;
use crate::ids::PersistSeq;
use crate::policy::Policy;
use crate::proxy::Voucher;

/// One thing that happened outside.
#[derive(Debug)]
pub enum Input<'a> {
    /// A whole message arrived.
    Datagram(Datagram<'a>),
    /// A whole request arrived at another shard, which vouches for its sender.
    Vouched(Datagram<'a>, Voucher),
    /// A message could not be handed to the network (ICMP, no route, closed connection).
    /// RFC 3261 §18.4.
    TransportError(TransportError),
    /// The store holds every batch up to and including this one.
    Persisted(PersistSeq),
    /// The store could not keep this batch.
    PersistFailed(PersistSeq),
    /// New settings, already checked; in force from the next input on.
    Policy(Arc<Policy>),
    /// An operator asks or orders something.
    Command(Command),
}

/// Bytes of one message, as received. Not yet looked at: anything may be in there.
#[derive(Clone, Copy, Debug)]
pub struct Datagram<'a> {
    /// The message.
    pub bytes: &'a [u8],
    /// How it came.
    pub flow: Flow,
}

/// A destination that the network refused.
#[derive(Clone, Copy, Debug)]
pub struct TransportError {
    /// Where the message was to go.
    pub flow: Flow,
}
