//! `Seat`: a phone of the crowd with all that is going on around it.

use std::time::Instant;

use super::cast::Fate;
use super::crowd::{Notes, Seen};
use super::leg::Leg;
use super::phone::Phone;
use super::repeat::Repeat;

/// Refreshes that a phone has done before the demo ends: the fewest by which one sees that they are
/// absorbed.
const REFRESHES: u32 = 3;

/// A phone and what it waits for.
#[derive(Debug)]
pub(super) struct Seat {
    pub(super) phone: Phone,
    /// Which of the sockets is its own.
    pub(super) socket: usize,
    pub(super) wait: Wait,
    pub(super) standing: Standing,
    pub(super) fate: Fate,
    /// Whether the next 200 is the first after a restart.
    pub(super) boot: Boot,
    /// Requests that were accepted, besides the first.
    pub(super) refreshes: u32,
    /// The latest REGISTER, for retransmissions.
    pub(super) request: Vec<u8>,
    /// The calls it has part in. Whoever is called while he is on his way to another call has two.
    pub(super) legs: Vec<Leg>,
}

/// Whether a phone is registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    Out,
    In,
    /// It is not there any more.
    Dead,
}

/// How a phone came to where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Boot {
    Settled,
    Again,
}

/// What a phone waits for, in what concerns its registration.
#[derive(Clone, Copy, Debug)]
pub(super) enum Wait {
    /// For the time to refresh.
    Refresh(Instant),
    /// For an answer.
    Answer(Repeat),
    /// For nothing.
    Nothing,
}

impl Seat {
    /// A phone that comes up at an instant.
    pub(super) fn new(phone: Phone, socket: usize, fate: Fate, at: Instant) -> Self {
        Self {
            phone,
            socket,
            wait: Wait::Refresh(at),
            standing: Standing::Out,
            fate,
            boot: Boot::Settled,
            refreshes: 0,
            request: Vec::new(),
            legs: Vec::new(),
        }
    }

    /// Whether it can call or be called.
    pub(super) fn is_free(&self) -> bool {
        self.standing == Standing::In && self.fate == Fate::Steady && self.legs.is_empty()
    }

    /// Whether it has come as far as it should before the end.
    pub(super) fn is_settled(&self) -> bool {
        let registered = self.standing == Standing::In && self.refreshes >= REFRESHES;
        self.legs.is_empty() && (registered || self.standing == Standing::Dead)
    }

    /// Its request was accepted.
    pub(super) fn accept(&mut self, notes: &Notes) {
        match self.standing {
            Standing::Out => notes.count(|figures| figures.registered += 1),
            Standing::In | Standing::Dead => self.refreshes += 1,
        }
        if self.boot == Boot::Again {
            notes.count(|figures| figures.rebooted += 1);
        }
        notes.seen(self.standing, || Seen {
            user: self.phone.user(),
            contact: self.phone.contact_uri(),
        });
        (self.standing, self.boot) = (Standing::In, Boot::Settled);
    }

    /// It is not registered any more.
    pub(super) fn leave(&mut self, standing: Standing, notes: &Notes) {
        if self.standing == Standing::In {
            notes.count(|figures| figures.registered -= 1);
        }
        self.standing = standing;
    }
}
