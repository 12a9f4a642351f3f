//! `Step`: one thing that happens in a scenario, or must.

use core::net::SocketAddr;
use core::time::Duration;

use super::line::Line;
use super::message::Message;

/// One thing that happens, or must.
#[derive(Debug)]
pub(super) struct Step {
    /// Where it is told.
    pub(super) line: Line,
    /// What it is.
    pub(super) act: Act,
}

/// What happens, or must.
#[derive(Debug)]
pub(super) enum Act {
    /// Time passes until this long after the beginning; nobody says anything before.
    At(Duration),
    /// Somebody says something to midreg.
    Say(Party, Message),
    /// Midreg must say this to somebody.
    Hear(Party, Message),
    /// Midreg must have nothing to say.
    Silence,
    /// The network gives a phone another address; it notices nothing.
    Move(String, SocketAddr),
    /// Exactly these Contact URIs must be bound to the AoR.
    Bound(String, Vec<String>),
}

/// Somebody other than midreg.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Party {
    /// The main registrar.
    Main,
    /// The phone of this name.
    Phone(String),
}
