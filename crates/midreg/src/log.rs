//! Logs: events and the shell's own lines, as structured `tracing` on standard error.
//!
//! Writing must never hold a shard up: lines go through a bounded queue to a thread that writes
//! them, and are dropped and counted when that thread cannot keep up. What happens once per phone
//! is told at `debug`; what happens to the platform at `info` and above.

use std::io::{self, IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use engine::event::Novelty;
use engine::{Event, NodeId, Policy};
use tracing::{debug, error, info, warn};
use tracing_subscriber::fmt::MakeWriter;

use crate::config::{LogConfig, LogFormat};

/// Lines that may wait to be written.
const QUEUE: usize = 8192;

/// How long the end of the process waits for lines still unwritten.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Shortest time between two warnings that each phone could cause.
const WARN_EVERY: Duration = Duration::from_secs(1);

/// Turns events into log lines.
#[derive(Debug)]
pub struct Teller {
    policy: Arc<Policy>,
    unchallenged: Throttle,
    unlisted: Throttle,
    uncredited: Throttle,
}

/// Keeps the writing thread going; when it is dropped, what waits is written.
#[derive(Debug)]
pub struct Guard {
    queue: SyncSender<Line>,
}

/// Makes the process log as configured, from now on and for good.
///
/// # Errors
///
/// Logging was set up before, or no thread can be started.
pub fn start(config: LogConfig) -> io::Result<Guard> {
    let (queue, lines) = sync_channel(QUEUE);
    let dropped = Arc::new(AtomicU64::new(0));
    let writer = LineWriter {
        queue: queue.clone(),
        dropped: Arc::clone(&dropped),
    };
    thread::Builder::new()
        .name("log".to_owned())
        .spawn(move || write_lines(&lines, &dropped, config.format, &mut io::stderr()))?;
    let builder = tracing_subscriber::fmt()
        .with_max_level(config.level)
        .with_target(false)
        .with_ansi(io::stderr().is_terminal())
        .with_writer(writer);
    let set = match config.format {
        LogFormat::Human => tracing::subscriber::set_global_default(builder.finish()),
        LogFormat::Json => {
            let builder = builder.json().flatten_event(true);
            let builder = builder.with_current_span(false).with_span_list(false);
            tracing::subscriber::set_global_default(builder.finish())
        }
    };
    set.map_err(io::Error::other)?;
    Ok(Guard { queue })
}

impl Drop for Guard {
    fn drop(&mut self) {
        let (done, written) = sync_channel(1);
        if self.queue.try_send(Line::Last(done)).is_ok() {
            let _ = written.recv_timeout(LAST_WORDS);
        }
    }
}

impl Teller {
    /// A teller that names main registrars as this policy does.
    #[must_use]
    pub fn new(policy: Arc<Policy>) -> Self {
        Self {
            policy,
            unchallenged: Throttle::default(),
            unlisted: Throttle::default(),
            uncredited: Throttle::default(),
        }
    }

    /// Follows a change of policy.
    pub fn follow(&mut self, policy: Arc<Policy>) {
        self.policy = policy;
    }

    /// Tells an event.
    pub fn tell(&mut self, event: &Event) {
        match event {
            Event::UnchallengedRegistration { aor, source } => {
                if let Some(unsaid) = self.unchallenged.pass(Instant::now()) {
                    warn!(%aor, %source, unsaid, "accepted upstream without a challenge");
                }
            }
            Event::UpstreamDown { node } => warn!(upstream = self.node(*node), "upstream down"),
            Event::UpstreamUp { node, after } => {
                info!(upstream = self.node(*node), after_s = after, "upstream up");
            }
            Event::UpstreamMinExpires { node, min_expires } => {
                let upstream = self.node(*node);
                info!(upstream, min_expires, "upstream wants longer lifetimes");
            }
            Event::PersistFailed { replies } => error!(replies, "the store failed"),
            Event::EpochBegun { node, epoch, cause } => {
                let upstream = self.node(*node);
                info!(upstream, epoch, ?cause, "new epoch: leases are renewed");
            }
            Event::LeaseLost { aor, node, .. } => {
                let upstream = self.node(*node);
                info!(%aor, upstream, "the upstream has lost a registration");
            }
            Event::SiblingsUnlisted { aor, node } => {
                if let Some(unsaid) = self.unlisted.pass(Instant::now()) {
                    let upstream = self.node(*node);
                    warn!(
                        %aor, upstream, unsaid,
                        "the upstream lists one contact only: if it keeps no more, use mode \"aor\""
                    );
                }
            }
            Event::UpstreamWantsCredentials { source } => {
                if let Some(unsaid) = self.uncredited.pass(Instant::now()) {
                    warn!(%source, unsaid, "the upstream wants credentials: upstream.credentials");
                }
            }
            Event::InvariantBroken { site } => error!(site, "a state that cannot be was met"),
            Event::RegisterForwarded {
                aor,
                reason,
                source,
                node,
            } => {
                let upstream = self.node(*node);
                debug!(%aor, %source, reason = reason.as_str(), upstream, "forwarded");
            }
            Event::CallBegan(_)
            | Event::CallRang(_)
            | Event::CallAnswered(_)
            | Event::CallEnded(_) => tell_call(event),
            _ => tell_registration(event),
        }
    }

    fn node(&self, node: NodeId) -> &str {
        self.policy
            .upstream
            .server(node)
            .map_or("?", |server| &server.name)
    }
}

/// What happens to one call.
fn tell_call(event: &Event) {
    match event {
        Event::CallBegan(call) => {
            debug!(caller = %call.caller, callee = %call.callee, source = %call.source, "call");
        }
        Event::CallRang(call) => {
            debug!(caller = %call.caller, callee = %call.callee, after_ms = call.rang_after, "rings");
        }
        Event::CallAnswered(call) => {
            let after_ms = call.answered_after;
            debug!(caller = %call.caller, callee = %call.callee, after_ms, "answered");
        }
        Event::CallEnded(call) => {
            let (after_ms, end) = (call.ended_after, call.end);
            debug!(caller = %call.caller, callee = %call.callee, after_ms, ?end, "call over");
        }
        _ => {}
    }
}

/// What happens to one registration.
fn tell_registration(event: &Event) {
    match event {
        Event::ChallengeRelayed { aor, source } => debug!(%aor, %source, "challenged"),
        Event::BindingRegistered {
            aor,
            source,
            granted,
            lease,
            novelty,
            ..
        } => {
            let known = *novelty == Novelty::Known;
            debug!(%aor, %source, granted, lease, known, "registered");
        }
        Event::BindingRemoved { aor, cause, .. } => debug!(%aor, ?cause, "removed"),
        Event::RegisterRejected {
            aor,
            source,
            status,
        } => {
            info!(%aor, %source, status, "rejected upstream");
        }
        Event::RegisterRefused {
            source,
            status,
            reason,
        } => {
            debug!(%source, status, reason, "refused");
        }
        Event::RequestRefused {
            method,
            source,
            status,
            reason,
        } => {
            debug!(method = method.as_str(), %source, status, reason, "refused");
        }
        Event::LeaseReleased { aor, outcome } => debug!(%aor, ?outcome, "lease released"),
        other => debug!(?other, "event"),
    }
}

/// Lets one of many through per [`WARN_EVERY`].
#[derive(Debug, Default)]
struct Throttle {
    last: Option<Instant>,
    unsaid: u64,
}

impl Throttle {
    /// How many were held back since the last that passed; `None` holds this one back.
    fn pass(&mut self, now: Instant) -> Option<u64> {
        if self
            .last
            .is_some_and(|last| now.saturating_duration_since(last) < WARN_EVERY)
        {
            self.unsaid += 1;
            return None;
        }
        self.last = Some(now);
        Some(std::mem::take(&mut self.unsaid))
    }
}

#[derive(Debug)]
enum Line {
    Text(Vec<u8>),
    /// Everything before it is written when this is answered.
    Last(SyncSender<()>),
}

/// Gives each line to the writing thread, or drops it.
#[derive(Clone, Debug)]
struct LineWriter {
    queue: SyncSender<Line>,
    dropped: Arc<AtomicU64>,
}

impl<'w> MakeWriter<'w> for LineWriter {
    type Writer = Self;

    fn make_writer(&'w self) -> Self {
        self.clone()
    }
}

impl Write for LineWriter {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if let Err(TrySendError::Full(_)) = self.queue.try_send(Line::Text(line.to_vec())) {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes until all senders are gone. Errors are ignored: there is nobody left to tell.
fn write_lines(
    lines: &Receiver<Line>,
    dropped: &AtomicU64,
    format: LogFormat,
    out: &mut impl Write,
) {
    for line in lines {
        match line {
            Line::Text(text) => {
                let _ = out.write_all(&text);
            }
            Line::Last(done) => {
                let _ = done.try_send(());
            }
        }
        let count = dropped.swap(0, Ordering::Relaxed);
        if count > 0 {
            let _ = match format {
                LogFormat::Human => writeln!(out, "WARN {count} log lines dropped"),
                LogFormat::Json => {
                    writeln!(
                        out,
                        r#"{{"level":"WARN","message":"log lines dropped","count":{count}}}"#
                    )
                }
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_queue_drops_and_counts_instead_of_waiting() {
        let (queue, lines) = sync_channel(2);
        let dropped = Arc::new(AtomicU64::new(0));
        let mut writer = LineWriter {
            queue,
            dropped: Arc::clone(&dropped),
        };
        for text in ["a\n", "b\n", "c\n", "d\n"] {
            assert_eq!(writer.write(text.as_bytes()).expect("taken"), 2);
        }
        assert_eq!(dropped.load(Ordering::Relaxed), 2);
        drop(writer);
        let mut out = Vec::new();
        write_lines(&lines, &dropped, LogFormat::Human, &mut out);
        assert_eq!(
            String::from_utf8_lossy(&out),
            "a\nWARN 2 log lines dropped\nb\n"
        );
    }

    #[test]
    fn the_last_line_is_answered_after_all_before_it() {
        let (queue, lines) = sync_channel(8);
        let (done, written) = sync_channel(1);
        queue.send(Line::Text(b"a\n".to_vec())).expect("room");
        queue.send(Line::Last(done)).expect("room");
        drop(queue);
        let mut out = Vec::new();
        write_lines(&lines, &AtomicU64::new(0), LogFormat::Json, &mut out);
        assert_eq!(
            (written.try_recv(), out.as_slice()),
            (Ok(()), b"a\n".as_slice())
        );
    }

    #[test]
    fn a_throttle_says_how_many_it_held_back() {
        let start = Instant::now();
        let mut throttle = Throttle::default();
        assert_eq!(throttle.pass(start), Some(0));
        assert_eq!(throttle.pass(start), None);
        assert_eq!(throttle.pass(start + WARN_EVERY / 2), None);
        assert_eq!(throttle.pass(start + WARN_EVERY), Some(2));
    }
}
