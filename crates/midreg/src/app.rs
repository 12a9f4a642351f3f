//! `App`: the whole of midreg in one value, started in order and stopped in reverse.
//!
//! Order of start: secret, names, sockets, policy, shards, resolver. Nothing is served before
//! everything that can fail has succeeded. The same value runs under the command line, in the demo
//! and in tests; signals and log output belong to the command line alone.

use std::fmt;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use engine::command::Answer;
use engine::policy::Side;
use engine::{Command, Engine, EngineConfig, Policy, Router, ShardId};
use tracing::{info, warn};

use crate::clock::Clock;
use crate::config::address::ServerName;
use crate::config::{Config, words};
use crate::net::epoll::Bell;
use crate::net::listener::{BUFFER, BindError, Listener};
use crate::policy::Blueprint;
use crate::resolve::{self, Addresses, Families, Resolver};
use crate::secret::{self, Exposure, Origin, Secret, SecretError};
use crate::shard::core::Core;
use crate::shard::mailbox::{Control, Mailbox};
use crate::shard::report::Report;
use crate::shard::worker::{Parts, Worker};
use crate::store::memory::MemoryStore;

/// How long the start waits for names before it goes on without.
const PATIENCE: Duration = Duration::from_secs(3);

/// How long a shard may take to report.
const REPORT_WITHIN: Duration = Duration::from_secs(2);

/// midreg at work.
#[derive(Debug)]
pub struct App {
    boxes: Arc<[Mailbox]>,
    ended: Receiver<io::Result<Report>>,
    running: usize,
    /// What the shards that have ended counted.
    total: Report,
    locals: Vec<SocketAddr>,
    deadline: Duration,
    _resolver: Option<Resolver>,
}

/// Why midreg does not start.
#[derive(Debug)]
pub enum StartError {
    /// An address cannot be listened on.
    Bind(BindError),
    /// There is no secret.
    Secret(SecretError),
    /// The system has no thread or descriptor left.
    System(io::Error),
}

/// How the wait for the end went.
#[derive(Debug)]
pub enum Wait {
    /// Nothing ended yet.
    Running,
    /// All shards have ended; what they counted.
    Ended(Box<Report>),
    /// A shard failed.
    Failed(io::Error),
}

impl App {
    /// Starts everything.
    ///
    /// # Errors
    ///
    /// See [`StartError`]. Nothing runs then.
    pub fn start(config: Config) -> Result<Self, StartError> {
        let secret = Secret::load(config.secret_file.as_deref()).map_err(StartError::Secret)?;
        tell_secret(&secret);
        let deadline = config.upstream.deadline;
        let modes = words::modes(&config);
        let families = families(&config);
        let servers = config.servers.clone();
        let names = Names::find(&servers, families).map_err(StartError::System)?;
        let addresses = names.addresses.clone();

        let shards = config.workers.max(1);
        let listeners = bind(&config, shards)?;
        tell_buffers(&listeners);
        let locals: Vec<SocketAddr> = listeners.iter().map(|listener| listener.local).collect();
        let known: Vec<SocketAddr> = addresses.iter().copied().flatten().collect();
        let blueprint = Blueprint::new(config, &locals, &known);
        let policy = blueprint.policy(&addresses);
        for (server, _) in servers
            .iter()
            .zip(&addresses)
            .filter(|(_, found)| found.is_none())
        {
            warn!(
                upstream = server.text,
                "no address yet; registrations get 503 until there is"
            );
        }

        let boxes = mailboxes(shards).map_err(StartError::System)?;
        let (tell_end, ended) = sync_channel(usize::from(shards));
        let plan = Plan {
            secret: secret.bytes,
            shards,
            policy,
            boxes: Arc::clone(&boxes),
        };
        plan.start_shards(listeners, &tell_end)
            .map_err(StartError::System)?;
        let resolver = names
            .follow(&blueprint, &boxes)
            .map_err(StartError::System)?;
        info!("bindings are kept in memory only, and are gone after a restart");
        info!(
            listen = blueprint.listeners().join(", "),
            mode = modes,
            workers = shards,
            "ready"
        );
        let running = usize::from(shards);
        let total = Report::default();
        Ok(Self {
            boxes,
            ended,
            running,
            total,
            locals,
            deadline,
            _resolver: resolver,
        })
    }

    /// The addresses of the listeners, in configured order, with their real ports; that of
    /// `control_bind` last.
    #[must_use]
    pub fn listeners(&self) -> &[SocketAddr] {
        &self.locals
    }

    /// How things stand, over all shards; those that do not answer in time are left out.
    #[must_use]
    pub fn report(&self) -> Report {
        let (reply, reports) = sync_channel(self.boxes.len());
        for mailbox in self.boxes.iter() {
            mailbox.order(Control::Report(reply.clone()));
        }
        drop(reply);
        let until = Instant::now() + REPORT_WITHIN;
        let mut sum = Report::default();
        while let Ok(report) = reports.recv_timeout(until.saturating_duration_since(Instant::now()))
        {
            sum.add(&report);
        }
        sum
    }

    /// Asks all shards; those that do not answer in time are left out.
    #[must_use]
    pub fn ask(&self, command: &Command) -> Vec<Answer> {
        let (asker, replies) = sync_channel(self.boxes.len());
        for mailbox in self.boxes.iter() {
            mailbox.order(Control::Command(command.clone(), asker.clone()));
        }
        drop(asker);
        let until = Instant::now() + REPORT_WITHIN;
        let left = || until.saturating_duration_since(Instant::now());
        std::iter::from_fn(|| replies.recv_timeout(left()).ok()).collect()
    }

    /// Takes no more requests; what is under way may end within the upstream deadline.
    pub fn drain(&self) {
        let until = Instant::now() + self.deadline;
        for mailbox in self.boxes.iter() {
            mailbox.order(Control::Drain(until));
        }
    }

    /// Waits for the end, at most `timeout`.
    pub fn wait(&mut self, timeout: Duration) -> Wait {
        let until = Instant::now() + timeout;
        while self.running > 0 {
            match self
                .ended
                .recv_timeout(until.saturating_duration_since(Instant::now()))
            {
                Ok(Ok(report)) => {
                    self.running -= 1;
                    self.total.add(&report);
                }
                Ok(Err(error)) => return Wait::Failed(error),
                Err(RecvTimeoutError::Timeout) => return Wait::Running,
                Err(RecvTimeoutError::Disconnected) => {
                    return Wait::Failed(io::Error::other("a shard ended without a word"));
                }
            }
        }
        Wait::Ended(Box::new(self.total))
    }
}

impl Drop for App {
    /// Ends at once whatever still runs.
    fn drop(&mut self) {
        let now = Instant::now();
        for mailbox in self.boxes.iter() {
            mailbox.order(Control::Drain(now));
        }
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bind(error) => error.fmt(f),
            Self::Secret(error) => error.fmt(f),
            Self::System(error) => write!(f, "cannot start: {error}"),
        }
    }
}

impl std::error::Error for StartError {}

/// The upstream's addresses as far as they are known, and the news still to come.
struct Names {
    addresses: Addresses,
    resolver: Option<(Resolver, Receiver<Addresses>)>,
}

impl Names {
    fn find(servers: &[ServerName], families: Families) -> io::Result<Self> {
        let literals = resolve::literals(servers);
        if !resolve::any_names(servers) {
            return Ok(Self {
                addresses: literals,
                resolver: None,
            });
        }
        let (resolver, news) = Resolver::start(servers.to_vec(), families)?;
        let addresses = news.recv_timeout(PATIENCE).unwrap_or(literals);
        Ok(Self {
            addresses,
            resolver: Some((resolver, news)),
        })
    }

    /// Tells every later change to all shards.
    fn follow(self, blueprint: &Blueprint, boxes: &Arc<[Mailbox]>) -> io::Result<Option<Resolver>> {
        let Some((resolver, news)) = self.resolver else {
            return Ok(None);
        };
        let (blueprint, boxes) = (blueprint.clone(), Arc::clone(boxes));
        let work = move || {
            for addresses in news {
                info!(?addresses, "the upstream has moved");
                let policy = blueprint.policy(&addresses);
                for mailbox in boxes.iter() {
                    mailbox.order(Control::Policy(Arc::clone(&policy)));
                }
            }
        };
        thread::Builder::new()
            .name("policy".to_owned())
            .spawn(work)?;
        Ok(Some(resolver))
    }
}

/// What all shards have in common.
struct Plan {
    secret: [u8; 32],
    shards: u8,
    policy: Arc<Policy>,
    boxes: Arc<[Mailbox]>,
}

impl Plan {
    /// Puts all shards together before the first one runs.
    fn start_shards(
        &self,
        listeners: Vec<Listener>,
        tell_end: &SyncSender<io::Result<Report>>,
    ) -> io::Result<()> {
        let clock = Clock::start();
        let mut sockets = transpose(listeners);
        for number in 0..self.shards {
            let sockets = sockets.next().unwrap_or_default();
            let parts = self.parts(ShardId(number), clock, sockets)?;
            let notice = Notice {
                tell: tell_end.clone(),
                result: None,
            };
            thread::Builder::new()
                .name(format!("shard-{number}"))
                .spawn(move || {
                    let mut notice = notice;
                    notice.result = Some(Worker::new(parts).and_then(Worker::run));
                })?;
        }
        Ok(())
    }

    fn parts(&self, shard: ShardId, clock: Clock, sockets: Sockets) -> io::Result<Parts> {
        let seed = u64::from_ne_bytes(secret::random().map_err(io::Error::other)?);
        let config = EngineConfig {
            shard,
            shards: self.shards,
            secret: self.secret,
            seed,
        };
        let now = clock.now();
        let engine = Engine::new(&config, Arc::clone(&self.policy), now);
        let store = Box::new(MemoryStore::default());
        Ok(Parts {
            shard,
            clock,
            core: Core::new(engine, store, Arc::clone(&self.policy), now),
            sockets,
            boxes: Arc::clone(&self.boxes),
            router: (self.shards > 1)
                .then(|| Router::new(&self.secret, self.shards, Arc::clone(&self.policy))),
        })
    }
}

/// The sockets of one shard, one per listener.
type Sockets = Vec<(UdpSocket, Side)>;

/// From sockets per listener to sockets per shard.
fn transpose(listeners: Vec<Listener>) -> impl Iterator<Item = Sockets> {
    let mut columns: Vec<_> = listeners
        .into_iter()
        .map(|listener| {
            listener
                .sockets
                .into_iter()
                .map(move |socket| (socket, listener.side))
        })
        .collect();
    std::iter::from_fn(move || columns.iter_mut().map(Iterator::next).collect())
}

/// Tells how a shard ended, even if it was by a panic.
struct Notice {
    tell: SyncSender<io::Result<Report>>,
    result: Option<io::Result<Report>>,
}

impl Drop for Notice {
    fn drop(&mut self) {
        let result = self
            .result
            .take()
            .unwrap_or_else(|| Err(io::Error::other("a shard broke")));
        let _ = self.tell.try_send(result);
    }
}

fn bind(config: &Config, shards: u8) -> Result<Vec<Listener>, StartError> {
    let listen = config
        .listen
        .iter()
        .map(|listen| (listen.bind, listen.side));
    let control = config.control.map(|bind| (bind, Side::Upstream));
    listen
        .chain(control)
        .map(|(bind, side)| Listener::bind(bind, side, shards))
        .collect::<Result<_, _>>()
        .map_err(StartError::Bind)
}

fn mailboxes(shards: u8) -> io::Result<Arc<[Mailbox]>> {
    (0..shards).map(|_| Bell::new().map(Mailbox::new)).collect()
}

fn families(config: &Config) -> Families {
    let toward_upstream = config
        .listen
        .iter()
        .filter(|listen| listen.side != Side::Devices);
    let (v4, v6): (Vec<_>, Vec<_>) = toward_upstream.partition(|listen| listen.bind.is_ipv4());
    Families {
        v4: !v4.is_empty(),
        v6: !v6.is_empty(),
    }
}

fn tell_buffers(listeners: &[Listener]) {
    let least = listeners.iter().map(|listener| listener.buffer).min();
    if let Some(bytes) = least.filter(|bytes| *bytes < BUFFER) {
        info!(
            bytes,
            wanted = BUFFER,
            "small receive buffers: bursts may be lost; raise net.core.rmem_max"
        );
    }
}

fn tell_secret(secret: &Secret) {
    match secret.origin {
        Origin::Ephemeral => warn!(
            "no secret_file: tokens die with this process, and after a restart every device \
             registers anew upstream"
        ),
        Origin::Made => info!("a new secret was made"),
        Origin::Read(Exposure::Readable) => warn!("others may read the secret file; chmod 600 it"),
        Origin::Read(Exposure::Private) => {}
    }
}

#[cfg(test)]
mod tests;
