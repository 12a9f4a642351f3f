//! The demo: a main registrar, midreg and a crowd of phones, in one process over real sockets.
//!
//! midreg is the one that `run` starts, with a configuration made here; the main registrar checks
//! passwords, and sends calls where users have registered; the phones check every answer, and call
//! each other. What is counted is what each of the three saw.

mod cast;
mod contacts;
mod crowd;
mod decisions;
mod dialog;
mod json;
mod leg;
mod midreg;
mod phone;
mod phones;
mod proxy;
mod registrar;
mod repeat;
mod sample;
mod screen;
mod seat;
mod summary;
mod table;
mod tempo;
mod view;

use std::fmt;
use std::io::{self, Write};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use engine::policy::Mode;

use crate::app::{App, StartError};
use cast::Cast;
use crowd::Crowd;
use registrar::Registrar;
use sample::Sample;

pub use summary::{End, Outcome};
pub use tempo::Tempo;

/// Most phones; each is a few hundred bytes and a few messages a second.
pub const MAX_PHONES: usize = 20_000;

/// How long the end waits for what is under way: longer than any transaction of a phone takes.
const SETTLE_WITHIN: Duration = Duration::from_secs(40);

/// How often it looks whether that is over.
const SETTLE_EVERY: Duration = Duration::from_millis(50);

/// What the demo shows.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// How many phones; at least one.
    pub phones: usize,
    /// How many of them each user has, the last one perhaps fewer; at least one.
    pub phones_per_user: usize,
    /// How long, and how fast.
    pub tempo: Tempo,
    /// The mode of midreg.
    pub mode: Mode,
    /// Its worker threads.
    pub workers: u8,
    /// The form of the output.
    pub style: Style,
}

/// The form of the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// A picture that is drawn anew in place.
    Terminal,
    /// The same without colours.
    Monochrome,
    /// Lines of text.
    Plain,
    /// One JSON object per line.
    Json,
}

/// Why there is no demo.
#[derive(Debug)]
pub enum DemoError {
    /// No socket or thread, or nowhere to write to.
    Io(io::Error),
    /// midreg does not start.
    Start(StartError),
}

/// Runs until the time is over and all has come to its end, or until `stop` says so, and shows it on
/// `out`.
///
/// # Errors
///
/// See [`DemoError`].
pub fn run<Signal>(
    options: &Options,
    stop: &Receiver<Signal>,
    out: &mut impl Write,
) -> Result<Outcome, DemoError> {
    let stage = Stage::start(options)?;
    let mut screen = screen::of(options);
    write!(out, "{}", screen.open())?;
    let mut stopped = false;
    while !stopped && stage.started.elapsed() < options.tempo.duration {
        stopped = stage.pause(screen.interval(), options.tempo.duration, stop);
        write!(out, "{}", screen.show(&stage.sample()))?;
        out.flush()?;
    }
    stage.crowd.close();
    let end = match stopped {
        true => End::Stopped,
        false => stage.settle(stop),
    };
    let sample = stage.sample();
    let outcome = stage.outcome(options, &sample, end);
    write!(out, "{}", screen.close(&sample, &outcome))?;
    out.flush()?;
    stage.app.drain();
    Ok(outcome)
}

/// Everybody who plays, in the order in which they leave.
struct Stage {
    crowd: Crowd,
    app: App,
    registrar: Option<Registrar>,
    mode: Mode,
    started: Instant,
}

impl Stage {
    fn start(options: &Options) -> Result<Self, DemoError> {
        let registrar = match options.mode {
            Mode::Standalone => None,
            _ => Some(Registrar::start()?),
        };
        let app = midreg::start(options, registrar.as_ref())?;
        let target = app.listeners().first().copied();
        let target = target.ok_or(io::ErrorKind::AddrNotAvailable)?;
        Ok(Self {
            crowd: Crowd::start(options, target)?,
            app,
            registrar,
            mode: options.mode,
            started: Instant::now(),
        })
    }

    fn sample(&self) -> Sample {
        let (elapsed, registrar) = (self.started.elapsed(), self.registrar.as_ref());
        Sample::take(elapsed, self.mode, &self.app, registrar, &self.crowd)
    }

    /// Waits for the next multiple of `interval`, or the end; whether somebody wants to stop.
    fn pause<Signal>(
        &self,
        interval: Duration,
        duration: Duration,
        stop: &Receiver<Signal>,
    ) -> bool {
        let elapsed = self.started.elapsed();
        let beats = elapsed.as_nanos() / interval.as_nanos().max(1) + 1;
        let next = interval.saturating_mul(u32::try_from(beats).unwrap_or(u32::MAX));
        let wait = next.min(duration).saturating_sub(elapsed);
        has_come(stop, wait)
    }

    /// Waits until every phone and every call has come as far as it should.
    fn settle<Signal>(&self, stop: &Receiver<Signal>) -> End {
        let until = Instant::now() + SETTLE_WITHIN;
        loop {
            if has_come(stop, SETTLE_EVERY) {
                return End::Stopped;
            }
            if self.crowd.is_settled() {
                return End::Complete;
            }
            if Instant::now() >= until {
                return End::Unsettled;
            }
        }
    }

    fn outcome(&self, options: &Options, sample: &Sample, end: End) -> Outcome {
        let figures = &sample.figures;
        Outcome {
            end,
            missing: options.phones - figures.registered - figures.died,
            faults: figures.faults,
        }
    }
}

/// Whether somebody wants to stop within this time, or nobody could any more.
fn has_come<Signal>(stop: &Receiver<Signal>, within: Duration) -> bool {
    !matches!(stop.recv_timeout(within), Err(RecvTimeoutError::Timeout))
}

impl Options {
    fn cast(&self) -> Cast {
        Cast {
            phones: self.phones,
            per_user: self.phones_per_user.max(1),
        }
    }

    /// Whether a call rings at all phones of a user: the demo's main registrar knows only one place
    /// for each.
    fn forks(&self) -> bool {
        matches!(self.mode, Mode::Aor | Mode::Standalone)
    }
}

impl From<io::Error> for DemoError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<io::ErrorKind> for DemoError {
    fn from(kind: io::ErrorKind) -> Self {
        Self::Io(kind.into())
    }
}

impl fmt::Display for DemoError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::Start(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for DemoError {}

#[cfg(test)]
mod tests;
