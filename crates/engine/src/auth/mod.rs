//! Digest authentication (RFC 3261 §22, RFC 7616, RFC 8760): asking devices for proof of their
//! passwords where these are known here, and answering a main registrar that asks us.
//!
//! * [`Authenticator`] challenges and verifies. Its nonces are stateless MACs ([`nonces`]); what it
//!   remembers is only how often each was used ([`nonce_counts`]), and that within a bound.
//! * [`answer`](answer::answer) finds the credentials that answer somebody else's challenge.
//!
//! Invariants: an engine says [`Verdict::Proved`] once at most for the same credentials, whatever is
//! forgotten for want of room; an unknown user gets the same challenge and costs the same work as a
//! wrong password; no input panics, and refusing one allocates nothing unless a name in it holds
//! escapes. Engines do not tell each other what was used: an AoR belongs to one of them, and whoever
//! takes a proof holds its user against the AoR.

pub mod answer;
mod asker;
mod authenticator;
mod challenge;
mod digest_uri;
pub mod nonce_counts;
pub mod nonces;
mod proof;
#[cfg(test)]
mod testing;

pub use answer::{Answer, answer};
pub use asker::Asker;
pub use authenticator::{Authenticator, Demand, Verdict};
pub use challenge::offerable;
