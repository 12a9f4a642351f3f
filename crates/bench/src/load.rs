//! Driving a target over UDP: many source ports, batched calls, closed loop or fixed rate. What is sent and
//! how answers are read is a [`Traffic`]; when, how often and how fast is the [`Driver`]'s.
//!
//! Invariant: a device has at most one request under way (RFC 3261 §10.2 forbids a UA more), and always uses
//! the same source address and port.

mod driver;
mod order;
mod plan;
mod retransmits;
mod tally;
mod traffic;

pub use driver::{Driver, open_sources};
pub use plan::{Pacing, Plan, Selection};
pub use tally::Tally;
pub use traffic::{Reply, Traffic};
