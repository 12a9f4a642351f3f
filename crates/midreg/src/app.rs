//! `App`: the whole of midreg in one value, started in order and stopped in reverse.
//!
//! Order of start: secret, sockets, names, policy, shards, resolver. Nothing is served before
//! everything that can fail has succeeded. The same value runs under the command line, in the demo
//! and in tests; signals and log output belong to the command line alone.

mod crew;
mod helm;
mod names;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

use engine::Command;
use engine::command::Answer;
use tracing::{info, warn};

use crate::config::{Config, words};
use crate::control::desk::Desk;
use crate::log::Redactor;
use crate::net::epoll::Bell;
use crate::net::listener::BindError;
use crate::secret::{Exposure, Origin, Secret, SecretError};
use crate::shard::mailbox::Mailbox;
use crate::shard::report::Report;
use crew::Plan;
use helm::Ready;

pub use helm::{AdoptError, Helm};

/// midreg at work.
#[derive(Debug)]
pub struct App {
    helm: Helm,
    ended: Receiver<io::Result<Report>>,
    running: usize,
    /// What the shards that have ended counted.
    total: Report,
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
        let redactor = Arc::new(Redactor::new(&secret.bytes, config.log.redact));
        let (modes, shards) = (words::modes(&config), config.workers.max(1));
        let ready = Ready::make(config, None)?;
        let boxes = mailboxes(shards).map_err(StartError::System)?;
        let (tell_end, ended) = sync_channel(usize::from(shards));
        let plan = Plan {
            secret: secret.bytes,
            shards,
            policy: ready.blueprint.policy(&ready.addresses),
            boxes: Arc::clone(&boxes),
            redactor: Arc::clone(&redactor),
        };
        plan.start_shards(&tell_end).map_err(StartError::System)?;
        let listen = ready.blueprint.listeners().join(", ");
        let helm = Helm::take(boxes, redactor, ready).map_err(StartError::System)?;
        info!(target: "main", "bindings are kept in memory only, and are gone after a restart");
        info!(target: "main", listen, mode = modes, workers = shards, "ready");
        Ok(Self {
            helm,
            ended,
            running: usize::from(shards),
            total: Report::default(),
        })
    }

    /// A hand on it for other threads.
    #[must_use]
    pub fn helm(&self) -> &Helm {
        &self.helm
    }

    /// The addresses of the listeners, in configured order, with their real ports; that of
    /// `control_bind` last.
    #[must_use]
    pub fn listeners(&self) -> Vec<SocketAddr> {
        self.helm.listeners()
    }

    /// How things stand, over all shards; those that do not answer in time are left out.
    #[must_use]
    pub fn report(&self) -> Report {
        self.helm.report()
    }

    /// Where operators ask the shards.
    #[must_use]
    pub fn desk(&self) -> Desk {
        Desk::new(self.helm.clone())
    }

    /// Asks all shards; those that do not answer in time are left out.
    #[must_use]
    pub fn ask(&self, command: &Command) -> Vec<Answer> {
        self.desk().ask_all(|_| command.clone())
    }

    /// Begins nothing more; what is under way may end within the upstream deadline.
    pub fn drain(&self) {
        self.helm.drain();
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
        self.helm.cut();
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

impl From<AdoptError> for StartError {
    fn from(error: AdoptError) -> Self {
        match error {
            AdoptError::Bind(error) => Self::Bind(error),
            AdoptError::System(error) => Self::System(error),
            AdoptError::Unresponsive => Self::System(io::Error::other(error)),
        }
    }
}

fn mailboxes(shards: u8) -> io::Result<Arc<[Mailbox]>> {
    (0..shards).map(|_| Bell::new().map(Mailbox::new)).collect()
}

fn tell_secret(secret: &Secret) {
    match secret.origin {
        Origin::Ephemeral => warn!(
            target: "main",
            "no secret_file: tokens die with this process, and after a restart every device \
             registers anew upstream"
        ),
        Origin::Made => info!(target: "main", "a new secret was made"),
        Origin::Read(Exposure::Readable) => {
            warn!(target: "main", "others may read the secret file; chmod 600 it");
        }
        Origin::Read(Exposure::Private) => {}
    }
}

#[cfg(test)]
mod tests;
