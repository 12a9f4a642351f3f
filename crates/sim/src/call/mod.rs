//! Calls of the model world: devices and others that call and are called ([`Agent`]), what a main
//! registrar does with calls ([`Exchange`]), and the messages and transactions that both are made
//! of. Only [`Letter`] knows how a message is written.

pub mod agent;
mod dialog;
pub mod exchange;
pub mod letter;
pub mod manner;
pub mod mix;
pub mod transactions;

#[cfg(test)]
mod tests;

pub use agent::{Agent, Place};
pub use exchange::{Exchange, Habits, Order, Proof};
pub use letter::Letter;
pub use manner::Manner;
pub use mix::{CallMix, Company};
