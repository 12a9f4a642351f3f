//! `Crowd`: all phones of the demo at work in a thread of their own, and what they have seen.

use std::collections::VecDeque;
use std::io;
use std::mem;
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use super::Options;
use super::phones::Phones;
use super::seat::Standing;
use crate::net::epoll::{Bell, Interest};

/// Most texts of faults kept; all are counted.
const MAX_FAULT_TEXTS: usize = 5;

/// Most phones remembered that were answered lately, and how many of them may only have refreshed.
const MAX_RECENT: usize = 8;
const MAX_REFRESHED: usize = 4;

/// Number of the bell among the descriptors of the phones; their sockets count from zero.
pub(super) const BELL: u64 = u64::MAX;

/// All phones; they stop when this is dropped.
#[derive(Debug)]
pub(super) struct Crowd {
    notes: Arc<Notes>,
    bell: Arc<Bell>,
    thread: Option<JoinHandle<()>>,
}

/// What all phones together have seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Figures {
    /// Phones that are registered.
    pub(super) registered: usize,
    /// Phones that fell silent for good.
    pub(super) died: usize,
    /// Phones that started anew and registered again.
    pub(super) rebooted: usize,
    /// Phones that were asked to come again later (503).
    pub(super) put_off: usize,
    /// Everything that was not as it should be.
    pub(super) faults: u64,
    /// What becomes of calls.
    pub(super) calls: Calls,
}

/// What becomes of calls. Each is counted where it has come to and where it has been.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Calls {
    /// Those that began.
    pub(super) tried: usize,
    /// Those that rang, as the caller heard it.
    pub(super) rang: usize,
    /// Those that were answered.
    pub(super) answered: usize,
    /// Those that were answered and have ended.
    pub(super) ended: usize,
    /// Those that came to nothing.
    pub(super) failed: usize,
    /// Phones that rang while another was quicker, and were told to stop.
    pub(super) lost: usize,
}

/// What phones and spectators tell each other.
#[derive(Debug, Default)]
pub(super) struct Notes {
    act: AtomicU8,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    figures: Figures,
    faults: Vec<String>,
    recent: VecDeque<Seen>,
    settled: bool,
}

/// How far the demo is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Act {
    /// Everything goes on.
    Play,
    /// Nothing new begins; calls are hung up.
    Close,
    /// Over.
    Over,
}

/// A phone that has just been answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    /// User part of its AoR.
    pub(super) user: String,
    /// Its Contact URI.
    pub(super) contact: String,
}

impl Crowd {
    /// Starts phones that register at `target`, refresh, and call each other.
    pub(super) fn start(options: &Options, target: SocketAddr) -> io::Result<Self> {
        let notes = Arc::<Notes>::default();
        let bell = Arc::new(Bell::new()?);
        let mut phones = Phones::new(options, target, Arc::clone(&notes))?;
        phones.epoll.add(bell.as_fd(), BELL, Interest::READ)?;
        let heard = Arc::clone(&bell);
        let thread = thread::Builder::new()
            .name("phones".to_owned())
            .spawn(move || phones.run(&heard))?;
        Ok(Self {
            notes,
            bell,
            thread: Some(thread),
        })
    }

    /// What they have seen.
    pub(super) fn figures(&self) -> Figures {
        self.notes.state().figures
    }

    /// Some faults in words, each once.
    pub(super) fn take_faults(&self) -> Vec<String> {
        mem::take(&mut self.notes.state().faults)
    }

    /// Phones that were answered lately, each once.
    pub(super) fn take_recent(&self) -> Vec<Seen> {
        self.notes.state().recent.drain(..).collect()
    }

    /// Nothing new begins from now on.
    pub(super) fn close(&self) {
        self.notes.set(Act::Close);
        self.bell.ring();
    }

    /// Whether all phones and calls have come as far as they should before the end.
    pub(super) fn is_settled(&self) -> bool {
        self.notes.state().settled
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        self.notes.set(Act::Over);
        self.bell.ring();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Notes {
    /// How far the demo is.
    pub(super) fn act(&self) -> Act {
        match self.act.load(Ordering::Relaxed) {
            0 => Act::Play,
            1 => Act::Close,
            _ => Act::Over,
        }
    }

    fn set(&self, act: Act) {
        self.act.store(act as u8, Ordering::Relaxed);
    }

    /// Counts.
    pub(super) fn count(&self, change: impl FnOnce(&mut Figures)) {
        change(&mut self.state().figures);
    }

    /// Something was not as it should be.
    pub(super) fn fault(&self, text: String) {
        let mut state = self.state();
        state.figures.faults += 1;
        if state.faults.len() < MAX_FAULT_TEXTS {
            state.faults.push(text);
        }
    }

    /// All have come as far as they should before the end.
    pub(super) fn settle(&self) {
        self.state().settled = true;
    }

    /// A phone was answered. One that was not registered before is the more telling.
    pub(super) fn seen(&self, before: Standing, seen: impl FnOnce() -> Seen) {
        let mut state = self.state();
        let most = match before {
            Standing::In => MAX_REFRESHED,
            Standing::Out | Standing::Dead => MAX_RECENT,
        };
        if state.recent.len() < most {
            state.recent.push_back(seen());
        }
    }

    /// Plain data that is whole between any two statements, so a panic elsewhere does not spoil it.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
