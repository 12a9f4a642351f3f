//! `Desk`: where the shards are asked, and their answers gathered.
//!
//! Every question goes to all of them, by their mailboxes: each knows its own AoRs, and of a call
//! between two of them either may know. Only who reads page by page asks one after the other.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Instant;

use engine::command::Answer;
use engine::{Command, ListenerId};

use super::limits::ANSWER_WITHIN;
use crate::app::Helm;
use crate::reload::Reloader;
use crate::shard::mailbox::Control;
use crate::shard::report::Report;
use crate::shard::watch::Watch;

/// Tells one command of this process from another.
static TAGS: AtomicU64 = AtomicU64::new(1);

/// Where the shards are asked.
#[derive(Clone, Debug)]
pub struct Desk {
    helm: Helm,
    reloader: Option<Reloader>,
    started: Instant,
}

impl Desk {
    /// A desk before the shards of a midreg.
    #[must_use]
    pub fn new(helm: Helm) -> Self {
        Self {
            helm,
            reloader: None,
            started: Instant::now(),
        }
    }

    /// The same, where the configuration can be read again and the log be turned.
    #[must_use]
    pub fn with_reloader(self, reloader: Reloader) -> Self {
        Self {
            reloader: Some(reloader),
            ..self
        }
    }

    /// What reads the configuration again, where there is such.
    #[must_use]
    pub fn reloader(&self) -> Option<&Reloader> {
        self.reloader.as_ref()
    }

    /// How many shards there are.
    #[must_use]
    pub fn shards(&self) -> usize {
        self.helm.boxes().len()
    }

    /// The addresses of the listeners.
    #[must_use]
    pub fn listeners(&self) -> Vec<SocketAddr> {
        self.helm.listeners()
    }

    /// The address of one of them.
    #[must_use]
    pub fn local(&self, listener: ListenerId) -> Option<SocketAddr> {
        self.helm.listener(listener)
    }

    /// When it was put up.
    #[must_use]
    pub fn started(&self) -> Instant {
        self.started
    }

    /// Asks all shards. Those that do not answer in time are left out.
    #[must_use]
    pub fn ask_all(&self, command: impl Fn(u64) -> Command) -> Vec<Answer> {
        let (asker, answers) = sync_channel(self.helm.boxes().len());
        for mailbox in self.helm.boxes() {
            mailbox.order(Control::Command(command(tag()), asker.clone()));
        }
        drop(asker);
        gather(&answers)
    }

    /// Asks one shard; `None` when it does not answer in time, or there is none of this number.
    #[must_use]
    pub fn ask(&self, shard: usize, command: impl Fn(u64) -> Command) -> Option<Answer> {
        let (asker, answers) = sync_channel(1);
        let mailbox = self.helm.boxes().get(shard)?;
        mailbox.order(Control::Command(command(tag()), asker));
        gather(&answers).pop()
    }

    /// How things stand over all shards, and how many of them have told.
    #[must_use]
    pub fn report(&self) -> (Report, usize) {
        let (reply, reports) = sync_channel(self.helm.boxes().len());
        for mailbox in self.helm.boxes() {
            mailbox.order(Control::Report(reply.clone()));
        }
        drop(reply);
        let reports = gather(&reports);
        let mut sum = Report::default();
        reports.iter().for_each(|report| sum.add(report));
        (sum, reports.len())
    }

    /// Has all shards show the messages of an AoR.
    pub fn watch(&self, watch: impl Fn() -> Watch) {
        for mailbox in self.helm.boxes() {
            mailbox.order(Control::Watch(watch()));
        }
    }
}

/// All that comes before all senders are gone or the time is over.
fn gather<T>(answers: &Receiver<T>) -> Vec<T> {
    let until = Instant::now() + ANSWER_WITHIN;
    let left = || until.saturating_duration_since(Instant::now());
    std::iter::from_fn(|| answers.recv_timeout(left()).ok()).collect()
}

fn tag() -> u64 {
    TAGS.fetch_add(1, Ordering::Relaxed)
}
