//! `Actor`: a model phone with a transaction layer of its own: it retransmits, answers challenges,
//! heeds what it is told, and comes again in time.

use crate::main_registrar::PASSWORD;
use crate::mix::{Kind, Shown};
use crate::packet::Packet;
use crate::phone::Phone;
use crate::rng::Rng;
use std::collections::VecDeque;

use engine::Mono;

/// Milliseconds between the first two copies of a request (RFC 3261 Timer E).
const T1: u64 = 500;
/// Longest interval between two copies.
const T2: u64 = 4_000;
/// How long a request is tried (Timer F).
const TIMER_F: u64 = 32_000;

/// Requests of a phone that others may have heard.
const MEMORY: usize = 6;

/// A phone that acts by itself.
#[derive(Debug)]
pub(super) struct Actor {
    /// What it writes.
    pub(super) phone: Phone,
    /// All contacts it has; it may register some of them only.
    pub(super) all: Vec<String>,
    /// Its whims come from here.
    rng: Rng,
    state: State,
    kind: Kind,
    shown: Shown,
    /// Whether it wants to be registered.
    pub(super) purpose: Purpose,
    /// Challenges answered for the present wish.
    answered: u32,
    /// What it said last, oldest first.
    pub(super) said: VecDeque<Vec<u8>>,
    /// 200s that it had to a registration.
    pub(super) successes: u32,
}

/// What an actor is up to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// To be registered and stay so.
    Stay,
    /// To leave and stay away.
    Leave,
    /// It is switched off.
    Off,
}

#[derive(Debug)]
enum State {
    /// Nothing is under way; something is to be done then.
    Idle(Mono),
    /// A request is under way.
    Asking {
        bytes: Vec<u8>,
        branch: String,
        again: Mono,
        interval: u64,
        until: Mono,
    },
}

impl Actor {
    /// A phone that begins at `start`.
    pub(super) fn new(phone: Phone, (kind, shown): (Kind, Shown), seed: u64, start: Mono) -> Self {
        Self {
            all: phone.contacts.clone(),
            phone,
            rng: Rng::new(seed),
            state: State::Idle(start),
            kind,
            shown,
            purpose: Purpose::Stay,
            answered: 0,
            said: VecDeque::new(),
            successes: 0,
        }
    }

    /// Whether it wanted to leave, and was told that it is gone.
    pub(super) fn has_left(&self) -> bool {
        self.purpose == Purpose::Leave && matches!(self.state, State::Idle(Mono::NEVER))
    }

    /// It forgets its password, or remembers it.
    pub(super) fn confuse(&mut self) {
        self.phone.password = match self.phone.password.as_str() {
            PASSWORD => "wrong".to_owned(),
            _ => PASSWORD.to_owned(),
        };
    }

    /// It knows its password again, and sleeps no longer than it should.
    pub(super) fn recover(&mut self) {
        self.kind = Kind::Plain;
        PASSWORD.clone_into(&mut self.phone.password);
    }

    /// It wants this from now on, and begins at once.
    pub(super) fn intend(&mut self, now: Mono, purpose: Purpose) {
        self.purpose = purpose;
        self.stir(now);
    }

    /// When it wants to do something.
    pub(super) fn next_deadline(&self) -> Option<Mono> {
        match &self.state {
            _ if self.purpose == Purpose::Off => None,
            State::Idle(at) => Some(*at),
            State::Asking { again, until, .. } => Some((*again).min(*until)),
        }
    }

    /// It does something soon, whatever it was about.
    pub(super) fn stir(&mut self, now: Mono) {
        self.state = State::Idle(now);
        self.answered = 0;
    }

    /// It sends this now, whatever it was about.
    pub(super) fn ask(&mut self, now: Mono, bytes: Vec<u8>) -> Vec<u8> {
        if self.said.len() == MEMORY {
            self.said.pop_front();
        }
        self.said.push_back(bytes.clone());
        let packet = Packet {
            from: self.phone.address,
            to: self.phone.address,
            bytes: bytes.clone(),
        };
        self.state = State::Asking {
            branch: packet.branch(),
            bytes: bytes.clone(),
            again: now.plus_millis(T1),
            interval: T1,
            until: now.plus_millis(TIMER_F),
        };
        bytes
    }

    /// Time has come: what it sends.
    pub(super) fn on_time(&mut self, now: Mono) -> Option<Vec<u8>> {
        match &mut self.state {
            _ if self.purpose == Purpose::Off => None,
            State::Idle(at) if *at > now => None,
            State::Idle(_) => {
                self.answered = 0;
                let bytes = match (self.purpose, self.shown) {
                    (Purpose::Leave, _) => self.phone.unregister(),
                    (_, Shown::Always) => self.phone.register_with_credentials(),
                    (_, Shown::WhenAsked) => self.phone.register(),
                };
                Some(self.ask(now, bytes))
            }
            State::Asking { until, .. } if *until <= now => {
                self.rest(now, 5, 20);
                None
            }
            State::Asking { again, .. } if *again > now => None,
            State::Asking {
                bytes,
                again,
                interval,
                ..
            } => {
                *interval = (*interval * 2).min(T2);
                *again = now.plus_millis(*interval);
                Some(bytes.clone())
            }
        }
    }

    /// A response arrived: what it sends next.
    pub(super) fn on_packet(&mut self, now: Mono, packet: &Packet) -> Option<Vec<u8>> {
        let State::Asking { branch, .. } = &self.state else {
            return None;
        };
        if self.purpose == Purpose::Off || *branch != packet.branch() || !packet.is_final() {
            return None;
        }
        match packet.status() {
            200 => {
                self.accepted(now, packet);
                None
            }
            401 | 407 if self.answered < 2 => {
                self.answered += 1;
                let bytes = self.phone.answer(packet);
                Some(self.ask(now, bytes))
            }
            423 => {
                self.phone.expires = packet.number("Min-Expires").max(self.phone.expires);
                self.rest(now, 1, 2);
                None
            }
            503 => {
                let pause = u64::from(packet.number("Retry-After").unwrap_or(10));
                self.rest(now, pause, pause + 2);
                None
            }
            // Out of order: a phone that was given back by its own past begins anew.
            400 => {
                self.phone.reboot();
                self.rest(now, 1, 5);
                None
            }
            _ => {
                self.rest(now, 10, 30);
                None
            }
        }
    }

    fn accepted(&mut self, now: Mono, packet: &Packet) {
        match self.purpose {
            Purpose::Leave => self.state = State::Idle(Mono::NEVER),
            Purpose::Stay | Purpose::Off => {
                self.successes += 1;
                let own = self.phone.contacts.iter();
                let promised = own.map(|uri| packet.promised(uri).unwrap_or(0)).min();
                // Half of what it was promised at the earliest, nine tenths at the latest; but who
                // sleeps comes too late.
                let promised = u64::from(promised.unwrap_or(0)) * 1000;
                let share = match self.kind {
                    Kind::Sleeper if self.rng.chance(30) => 200 + self.rng.below(400),
                    _ => 50 + self.rng.below(40),
                };
                let pause = (promised * share / 100).max(1000);
                self.state = State::Idle(now.plus_millis(pause));
            }
        }
    }

    fn rest(&mut self, now: Mono, least: u64, most: u64) {
        let pause = least * 1000 + self.rng.below((most - least).max(1) * 1000);
        self.state = State::Idle(now.plus_millis(pause));
    }
}
