//! The engine of midreg: everything that is decided, and nothing that touches the world.
//!
//! # Contract
//!
//! * Time, entropy and bytes come **in** ([`Input`], [`Now`]); messages to send, changes to keep and
//!   facts to tell come **out** ([`Output`]). The engine never reads a clock, opens a socket, draws
//!   randomness from the system, blocks, spawns, or logs.
//! * One engine per shard, single-threaded, deterministic: the same inputs give the same outputs.
//! * State changes only through [`Change`]; deciders are pure functions over data.
//! * Any byte string is answered or dropped with a counted reason. Nothing panics, and every
//!   collection has a bound in [`limits`].
//! * A reply that promises more than the store holds waits for the store (see `gate`).

#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing
    )
)]

pub mod auth;
pub mod clock;
pub mod command;
mod core;
pub mod counters;
pub mod defect;
mod dispatch;
pub mod engine;
mod entropy;
pub mod event;
pub mod flow;
mod gate;
mod hop;
pub mod ids;
pub mod input;
pub mod keys;
pub mod limits;
pub mod location;
mod naming;
mod operator;
pub mod output;
mod owed;
mod peer;
pub mod policy;
pub mod proxy;
pub mod registrar;
mod restore;
pub mod router;
pub mod settings;
mod slab;
mod spare;
mod timers;
pub mod token;
pub mod txn;

pub use clock::{Mono, Now, Seconds, Wall};
pub use command::{Command, Reply};
pub use counters::{Counters, DropReason};
pub use engine::{Engine, EngineConfig};
pub use event::Event;
pub use flow::{ConnectionId, Flow, ListenerId, Transport};
pub use ids::{AorHash, BindingId, LeaseId, NodeId, PersistSeq, ShardId, Slot};
pub use input::{Datagram, Input, TransportError};
pub use location::{Change, Op};
pub use output::{HandOver, Outbox, Output, PersistBatch, Transmit};
pub use policy::Policy;
pub use proxy::Voucher;
pub use proxy::call_log::{CallEnd, CallRecord, HungUpBy};
pub use registrar::decision::{Decision, ForwardReason, Row};
pub use router::Router;
