//! `Ladder`: who said what to whom, as a ladder diagram.

use core::fmt;
use core::net::SocketAddr;
use std::collections::VecDeque;

use engine::Mono;

use crate::packet::Packet;

/// Rungs that are kept; the oldest go first.
const RUNGS: usize = 4_000;

/// A conversation as it went.
#[derive(Debug, Default)]
pub struct Ladder {
    rungs: VecDeque<Rung>,
}

#[derive(Debug)]
enum Rung {
    Message {
        at: Mono,
        packet: Packet,
        fate: Fate,
    },
    Note {
        at: Mono,
        text: String,
    },
}

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It arrived.
    Arrived,
    /// The network lost it.
    Lost,
}

impl Ladder {
    /// Adds a message.
    pub fn message(&mut self, at: Mono, packet: &Packet, fate: Fate) {
        self.push(Rung::Message {
            at,
            packet: packet.clone(),
            fate,
        });
    }

    /// Adds a remark.
    pub fn note(&mut self, at: Mono, text: impl Into<String>) {
        let text = text.into();
        self.push(Rung::Note { at, text });
    }

    fn push(&mut self, rung: Rung) {
        if self.rungs.len() == RUNGS {
            self.rungs.pop_front();
        }
        self.rungs.push_back(rung);
    }
}

impl fmt::Display for Ladder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for rung in &self.rungs {
            match rung {
                Rung::Message { at, packet, fate } => {
                    let arrow = match fate {
                        Fate::Arrived => "──▶",
                        Fate::Lost => "─✗ ",
                    };
                    let (from, to) = (end(packet.from), end(packet.to));
                    writeln!(
                        f,
                        "{} {from:>22} {arrow} {to:<22} {}",
                        time(*at),
                        packet.summary()
                    )?;
                }
                Rung::Note { at, text } => writeln!(f, "{} -- {text}", time(*at))?,
            }
        }
        Ok(())
    }
}

fn time(at: Mono) -> String {
    format!("{:>9}.{:03}", at.0 / 1000, at.0 % 1000)
}

fn end(address: SocketAddr) -> String {
    address.to_string()
}
