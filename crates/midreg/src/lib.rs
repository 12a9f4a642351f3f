//! midreg, a SIP mid-registrar: the shell around the engine.
//!
//! Everything that touches the world lives here: sockets, threads, clocks, names, files, logs and
//! the command line. What is to be done with a message is decided in the `engine` crate and
//! nowhere else.

pub mod app;
pub mod cli;
pub mod clock;
pub mod config;
pub mod control;
pub mod demo;
pub mod log;
pub mod net;
pub mod notify;
pub mod policy;
pub mod reload;
pub mod resolve;
pub mod secret;
pub mod shard;
pub mod store;
pub mod summary;
