//! A shard: a thread with sockets, an engine and a mailbox of its own.
//!
//! Shards share nothing but their mailboxes. What the kernel hands to one and another owns goes
//! through the owner's mailbox; the owner answers from its own socket of the same listener.

pub mod core;
mod handover;
pub mod mailbox;
mod ports;
pub mod report;
pub mod watch;
pub mod worker;
