//! The control socket: how operators, and their programs, ask a midreg that runs.
//!
//! A Unix stream socket that speaks lines of JSON, one request and one answer at a time
//! ([`wire`] has both in full). Behind it stand the engine's own `Command`s: [`desk`] gives them to
//! the shards by their mailboxes and gathers what comes back.
//!
//! Invariants: a shard never waits for a client. What it has to say goes into a bounded queue or is
//! dropped and counted. Clients, the length of a request, and the time that a client may take to read
//! an answer are bounded ([`limits`]). Only the user that midreg runs as, and root, get in: the socket
//! has mode 0600 from the instant it is there.

mod answer;
pub mod client;
pub mod desk;
pub mod limits;
pub mod merge;
pub mod place;
mod server;
mod session;
mod socket;
pub mod story;
mod views;
pub mod wire;

pub use server::Control;
pub use socket::SocketError;

#[cfg(test)]
mod tests;
