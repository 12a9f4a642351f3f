//! `Scenario`: a conversation in plain text, with virtual time, that is documentation and test at
//! once (docs/scenarios.md).
//!
//! Phones and the main registrar say what their lines say; midreg is the production engine, and must
//! say what its lines say, in that order, at that time, and nothing else. A word that is not known
//! is an error, never ignored.

mod cast;
mod exchange;
mod fault;
mod heard;
mod line;
mod message;
mod names;
mod player;
mod reader;
mod settings;
mod spoken;
mod step;

pub use fault::Fault;

use cast::Cast;
use player::Player;
use settings::Settings;
use step::Step;

/// A conversation that can be played.
#[derive(Debug)]
pub struct Scenario {
    /// The file it stands in, for people.
    name: String,
    settings: Settings,
    cast: Cast,
    steps: Vec<Step>,
}

impl Scenario {
    /// Reads a conversation; `name` is the file it stands in.
    ///
    /// # Errors
    /// Where it cannot be understood.
    pub fn parse(name: &str, text: &str) -> Result<Self, Fault> {
        reader::read(name, text)
    }

    /// Plays it with an engine of its own.
    ///
    /// # Errors
    /// Where midreg said something else, and how it came to that.
    pub fn play(&self) -> Result<(), Fault> {
        Player::new(self).play()
    }
}

#[cfg(test)]
mod tests;
