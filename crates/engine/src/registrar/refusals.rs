//! `Refusals`: the last REGISTERs that were refused, so that the question why somebody cannot
//! register has an answer although nothing of him is in the table. One ring of fixed size.

use core::net::SocketAddr;
use std::collections::VecDeque;

use crate::clock::{Now, Wall};
use crate::ids::{AorHash, NodeId};
use crate::limits;
use crate::registrar::decision::Row;

/// A REGISTER that was refused.
#[derive(Clone, Copy, Debug)]
pub struct RefusalRecord {
    /// When.
    pub at: Wall,
    /// Whence it came.
    pub source: SocketAddr,
    /// The answer.
    pub status: u16,
    /// In words.
    pub reason: &'static str,
    /// The row of the decision table that led to it.
    pub row: Row,
    /// Who refused it.
    pub by: Refuser,
}

/// Who refused a REGISTER.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refuser {
    /// We.
    Here,
    /// A node of the main registrar.
    Upstream(NodeId),
}

/// The last refusals.
#[derive(Debug, Default)]
pub(crate) struct Refusals {
    ring: VecDeque<(AorHash, RefusalRecord)>,
}

impl Refusals {
    /// Takes one in. The oldest makes room.
    pub(crate) fn note(&mut self, now: Now, aor: AorHash, refusal: RefusalRecord) {
        if self.ring.len() == limits::REFUSALS_REMEMBERED {
            self.ring.pop_front();
        }
        let at = now.wall;
        self.ring.push_back((aor, RefusalRecord { at, ..refusal }));
    }

    /// Those of an AoR, newest first.
    pub(crate) fn of(&self, aor: AorHash) -> impl Iterator<Item = &RefusalRecord> {
        let newest_first = self.ring.iter().rev();
        newest_first
            .filter(move |(of, _)| *of == aor)
            .map(|(_, refusal)| refusal)
    }
}
