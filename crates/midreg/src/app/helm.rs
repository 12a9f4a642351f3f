//! `Helm`: what any thread may ask or order of a running midreg: how it stands, other settings, the end.
//!
//! Settings change as a whole: whatever may fail is done first, then all shards are given the sockets of
//! new listeners, and once each has them, the new policy, between two inputs. Changes are made one
//! after the other, and addresses that were looked up for former settings are not applied to present
//! ones.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant};

use engine::ListenerId;
use tracing::{info, warn};

use super::names::{Addressed, Names};
use crate::config::Config;
use crate::config::address::ServerName;
use crate::log::Redactor;
use crate::net::listener::{BUFFER, BindError, Listener};
use crate::net::listeners::{Listeners, Prepared};
use crate::policy::Blueprint;
use crate::resolve::{Addresses, Resolver};
use crate::shard::mailbox::{Control, Mailbox};
use crate::shard::report::Report;

/// How long a shard may take to report.
const REPORT_WITHIN: Duration = Duration::from_secs(2);

/// A hand on a running midreg; clones steer the same one.
#[derive(Clone, Debug)]
pub struct Helm {
    shared: Arc<Shared>,
}

/// Why other settings did not come into force. Those before hold on.
#[derive(Debug)]
pub enum AdoptError {
    /// An address cannot be listened on.
    Bind(BindError),
    /// A shard does not answer.
    Unresponsive,
    /// The system has no thread or descriptor left.
    System(io::Error),
}

#[derive(Debug)]
struct Shared {
    boxes: Arc<[Mailbox]>,
    redactor: Arc<Redactor>,
    state: Mutex<State>,
}

/// The settings in force, and what the process has made of them.
#[derive(Debug)]
pub(super) struct State {
    servers: Vec<(ServerName, Addressed)>,
    deadline: Duration,
    listeners: Listeners,
    blueprint: Blueprint,
    /// Counts the settings, so that news for former ones are known as such.
    edition: u64,
    /// Ends when it is replaced.
    _resolver: Option<Resolver>,
}

/// Settings that may come into force: everything that can fail has been done.
pub(super) struct Ready {
    /// What the engines shall follow.
    pub(super) blueprint: Blueprint,
    /// Where the main registrars are.
    pub(super) addresses: Addresses,
    /// Sockets that no shard has yet.
    pub(super) opened: Vec<(ListenerId, Listener)>,
    servers: Vec<ServerName>,
    deadline: Duration,
    listeners: Listeners,
    resolver: Option<(Resolver, Receiver<Addresses>)>,
}

impl Ready {
    /// Does all that can fail to change from these settings, if there are any, to others.
    pub(super) fn make(config: Config, former: Option<&State>) -> Result<Self, AdoptError> {
        let shards = config.workers.max(1);
        let none = Listeners::default();
        let before = former.map_or(&none, |state| &state.listeners);
        let prepared = before.prepare(&config, shards);
        let Prepared { listeners, opened } = prepared.map_err(AdoptError::Bind)?;
        tell_buffers(&opened);
        let known = former.map_or(&[][..], |state| &state.servers);
        let names = Names::find(&config, known).map_err(AdoptError::System)?;
        let found: Vec<SocketAddr> = names.addresses.iter().copied().flatten().collect();
        let (servers, deadline) = (config.servers.clone(), config.upstream.deadline);
        let former = former.map(|state| &state.blueprint);
        tell_missing(&servers, &names.addresses);
        Ok(Self {
            blueprint: Blueprint::new(config, &listeners, &found, former),
            addresses: names.addresses,
            opened,
            servers,
            deadline,
            listeners,
            resolver: names.resolver,
        })
    }
}

impl Helm {
    /// A hand on the shards behind these mailboxes, which get these settings with their sockets.
    pub(super) fn take(
        boxes: Arc<[Mailbox]>,
        redactor: Arc<Redactor>,
        mut ready: Ready,
    ) -> io::Result<Self> {
        let opened = std::mem::take(&mut ready.opened);
        hand_out(&boxes, opened);
        order_policy(&boxes, &ready.blueprint, &ready.addresses);
        let (state, news) = State::of(ready, 0);
        let shared = Shared {
            boxes,
            redactor,
            state: Mutex::new(state),
        };
        let helm = Self {
            shared: Arc::new(shared),
        };
        helm.follow(news, 0)?;
        helm.settle();
        Ok(helm)
    }

    /// The addresses of the listeners, in configured order, with their real ports; that of
    /// `control_bind` last.
    #[must_use]
    pub fn listeners(&self) -> Vec<SocketAddr> {
        self.state().listeners.locals()
    }

    /// The address of one listener, also of one that is closed by now.
    #[must_use]
    pub fn listener(&self, listener: ListenerId) -> Option<SocketAddr> {
        let state = self.state();
        let seat = state.listeners.all().nth(usize::from(listener.0));
        seat.map(|seat| seat.local)
    }

    /// The mailboxes of all shards.
    pub(crate) fn boxes(&self) -> &[Mailbox] {
        &self.shared.boxes
    }

    /// How things stand, over all shards; those that do not answer in time are left out.
    #[must_use]
    pub fn report(&self) -> Report {
        let mut sum = Report::default();
        self.ask(REPORT_WITHIN, |report| sum.add(report));
        sum
    }

    /// Whether every shard answers within this time.
    #[must_use]
    pub fn answers(&self, within: Duration) -> bool {
        self.ask(within, |_| ()) == self.shared.boxes.len()
    }

    /// Takes no more requests that begin something; what is under way may end within the upstream
    /// deadline.
    pub fn drain(&self) {
        let until = Instant::now() + self.state().deadline;
        self.drain_until(until);
    }

    /// Ends at once whatever still runs.
    pub(super) fn cut(&self) {
        self.drain_until(Instant::now());
    }

    /// Puts other settings into force, for all shards between inputs. Returns when they are.
    ///
    /// # Errors
    ///
    /// See [`AdoptError`]. Nothing changes then.
    pub fn adopt(&self, config: Config) -> Result<(), AdoptError> {
        let mut state = self.state();
        if !self.answers(REPORT_WITHIN) {
            return Err(AdoptError::Unresponsive);
        }
        let redact = config.log.redact;
        let mut ready = Ready::make(config, Some(&state))?;
        let edition = state.edition + 1;
        hand_out(&self.shared.boxes, std::mem::take(&mut ready.opened));
        // What one shard hands over, the other has to have a socket for.
        self.settle();
        order_policy(&self.shared.boxes, &ready.blueprint, &ready.addresses);
        self.shared.redactor.hide(redact);
        let (next, news) = State::of(ready, edition);
        *state = next;
        drop(state);
        self.settle();
        if let Err(error) = self.follow(news, edition) {
            warn!(%error, "names are not looked up again before the next reload");
        }
        Ok(())
    }

    /// The main registrars are elsewhere now.
    fn moved(&self, edition: u64, addresses: &Addresses) {
        let mut state = self.state();
        if state.edition != edition {
            return;
        }
        info!(target: "upstream", ?addresses, "the upstream has moved");
        order_policy(&self.shared.boxes, &state.blueprint, addresses);
        for ((_, known), address) in state.servers.iter_mut().zip(addresses) {
            *known = *address;
        }
    }

    /// Tells every later change of addresses to all shards, for as long as there is anybody to steer.
    fn follow(&self, news: Option<Receiver<Addresses>>, edition: u64) -> io::Result<()> {
        let Some(news) = news else {
            return Ok(());
        };
        let shared = Arc::downgrade(&self.shared);
        let work = move || {
            for addresses in news {
                let Some(shared) = Weak::upgrade(&shared) else {
                    return;
                };
                Self { shared }.moved(edition, &addresses);
            }
        };
        thread::Builder::new()
            .name("policy".to_owned())
            .spawn(work)?;
        Ok(())
    }

    /// Asks all shards for a report; tells how many answered in time.
    fn ask(&self, within: Duration, mut each: impl FnMut(&Report)) -> usize {
        let (reply, reports) = sync_channel(self.shared.boxes.len());
        for mailbox in self.shared.boxes.iter() {
            mailbox.order(Control::Report(reply.clone()));
        }
        drop(reply);
        let until = Instant::now() + within;
        let mut count = 0;
        while let Ok(report) = reports.recv_timeout(until.saturating_duration_since(Instant::now()))
        {
            each(&report);
            count += 1;
        }
        count
    }

    /// Waits until each shard has done what it was ordered so far, but not longer than for a report.
    fn settle(&self) {
        self.ask(REPORT_WITHIN, |_| ());
    }

    fn drain_until(&self, until: Instant) {
        for mailbox in self.shared.boxes.iter() {
            mailbox.order(Control::Drain(until));
        }
    }

    /// The state is replaced as a whole, so a panic elsewhere does not spoil it.
    fn state(&self) -> MutexGuard<'_, State> {
        let state = self.shared.state.lock();
        state.unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn of(ready: Ready, edition: u64) -> (Self, Option<Receiver<Addresses>>) {
        let (resolver, news) = ready.resolver.unzip();
        let state = Self {
            servers: ready.servers.into_iter().zip(ready.addresses).collect(),
            deadline: ready.deadline,
            listeners: ready.listeners,
            blueprint: ready.blueprint,
            edition,
            _resolver: resolver,
        };
        (state, news)
    }
}

impl fmt::Display for AdoptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bind(error) => error.fmt(f),
            Self::Unresponsive => write!(f, "a shard does not answer"),
            Self::System(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for AdoptError {}

/// Gives each shard its socket of each listener.
fn hand_out(boxes: &[Mailbox], opened: Vec<(ListenerId, Listener)>) {
    for (number, listener) in opened {
        for (mailbox, socket) in boxes.iter().zip(listener.sockets) {
            mailbox.order(Control::Open(number, socket));
        }
    }
}

fn order_policy(boxes: &[Mailbox], blueprint: &Blueprint, addresses: &Addresses) {
    let policy = blueprint.policy(addresses);
    for mailbox in boxes {
        mailbox.order(Control::Policy(Arc::clone(&policy)));
    }
}

fn tell_missing(servers: &[ServerName], addresses: &Addresses) {
    for (server, found) in servers.iter().zip(addresses) {
        if found.is_none() {
            warn!(
                target: "upstream",
                upstream = server.text,
                "no address yet; registrations get 503 until there is"
            );
        }
    }
}

fn tell_buffers(opened: &[(ListenerId, Listener)]) {
    let least = opened.iter().map(|(_, listener)| listener.buffer).min();
    if let Some(bytes) = least.filter(|bytes| *bytes < BUFFER) {
        info!(
            target: "net",
            bytes,
            wanted = BUFFER,
            "small receive buffers: bursts may be lost; raise net.core.rmem_max"
        );
    }
}
