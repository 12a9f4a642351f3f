//! The demo: a main registrar, midreg and a crowd of phones, in one process over real sockets.
//!
//! midreg is the one that `run` starts, with a configuration made here; the main registrar checks
//! passwords; the phones check every answer. What is counted is what each of the three saw.

mod phone;
mod phones;
mod registrar;
mod table;

use std::fmt;
use std::io::{self, Write};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use engine::policy::Mode;

use crate::app::{App, StartError};
use crate::config::{self, Override, Typed, words};
use phones::Crowd;
use registrar::Registrar;
use table::{Sample, Table};

pub use table::Style;

/// Most phones; each is a few hundred bytes and a few messages a second.
pub const MAX_PHONES: usize = 20_000;

/// What the demo shows.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// How many phones.
    pub phones: usize,
    /// How many of them each user has, the last one perhaps fewer; at least one.
    pub phones_per_user: usize,
    /// How long.
    pub duration: Duration,
    /// Time between the refreshes of a phone.
    pub refresh: Duration,
    /// The mode of midreg.
    pub mode: Mode,
    /// Its worker threads.
    pub workers: u8,
    /// The form of the output.
    pub style: Style,
}

/// How it went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Phones that were registered at the end.
    pub registered: usize,
    /// Answers that a phone found fault with, and answers that never came.
    pub faults: u64,
    /// REGISTERs that midreg received.
    pub registers: u64,
    /// Those it answered itself.
    pub absorbed: u64,
    /// Those it sent on.
    pub forwarded: u64,
    /// Those the main registrar saw, repetitions included.
    pub reached: u64,
    /// Contacts that the main registrar holds.
    pub contacts: usize,
}

/// Why there is no demo.
#[derive(Debug)]
pub enum DemoError {
    /// No socket or thread, or nowhere to write to.
    Io(io::Error),
    /// midreg does not start.
    Start(StartError),
}

/// Runs until the time is over or `stop` says anything, with a line per second on `out`.
///
/// # Errors
///
/// See [`DemoError`].
pub fn run<T>(
    options: &Options,
    stop: &Receiver<T>,
    out: &mut impl Write,
) -> Result<Outcome, DemoError> {
    let registrar = Registrar::start()?;
    let app = start_midreg(options, &registrar)?;
    let target = app
        .listeners()
        .first()
        .copied()
        .ok_or(io::ErrorKind::AddrNotAvailable)?;
    let crowd = Crowd::start(options, target)?;
    let mut table = Table::new(options);
    let started = Instant::now();
    write!(out, "{}", table.head())?;
    loop {
        let elapsed = started.elapsed();
        let second = Duration::from_secs(elapsed.as_secs() + 1);
        let next = second.min(options.duration);
        let stopped = stop.recv_timeout(next.saturating_sub(elapsed));
        let sample = sample(started, &app, &registrar, &crowd);
        write!(out, "{}", table.row(&sample))?;
        for fault in crowd.take_faults() {
            write!(out, "{}", table.fault(&fault))?;
        }
        out.flush()?;
        let is_told = !matches!(stopped, Err(RecvTimeoutError::Timeout));
        if is_told || started.elapsed() >= options.duration {
            break;
        }
    }
    let sample = sample(started, &app, &registrar, &crowd);
    let outcome = Outcome {
        registered: crowd.registered(),
        faults: crowd.faults(),
        registers: sample.registers,
        absorbed: sample.absorbed,
        forwarded: sample.forwarded,
        reached: sample.reached,
        contacts: registrar.contacts(),
    };
    write!(out, "{}", table.close(&sample, &outcome))?;
    app.drain();
    Ok(outcome)
}

fn start_midreg(options: &Options, registrar: &Registrar) -> Result<App, DemoError> {
    let mode = words::mode_name(options.mode);
    let overrides = vec![
        Override::Mode(mode.to_owned()),
        Override::Workers(options.workers.to_string()),
        Override::Listen(vec!["udp://127.0.0.1:0".to_owned()]),
        Override::Upstream(vec![format!("sip:{}", registrar.address())]),
        Override::Set("upstream.expires=7200".to_owned()),
    ];
    let loaded = config::load(&Typed {
        file: None,
        overrides,
    });
    let faults = |faults: config::Faults| io::Error::other(faults.render(config::Look::Plain));
    App::start(loaded.map_err(faults)?.config).map_err(DemoError::Start)
}

fn sample(started: Instant, app: &App, registrar: &Registrar, crowd: &Crowd) -> Sample {
    let report = app.report();
    Sample {
        elapsed: started.elapsed(),
        registered: crowd.registered(),
        registers: report.counters.registers,
        absorbed: report.counters.absorbed(),
        forwarded: report.forwarded(),
        reached: registrar.reached(),
    }
}

impl Options {
    /// How many users the phones belong to.
    #[must_use]
    pub fn users(&self) -> usize {
        self.phones.div_ceil(self.phones_per_user.max(1))
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
mod tests {
    use std::sync::mpsc::sync_channel;

    use super::*;

    /// Tells to stop once a row shows enough.
    struct Audience {
        text: Vec<u8>,
        stop: std::sync::mpsc::SyncSender<()>,
        enough: fn(&str) -> bool,
    }

    impl Write for Audience {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.text.extend_from_slice(bytes);
            if (self.enough)(&String::from_utf8_lossy(bytes)) {
                let _ = self.stop.try_send(());
            }
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// Runs until a row shows all phones registered and 200 REGISTERs, at most a minute.
    fn watch(mode: Mode, workers: u8, phones_per_user: usize) -> (Outcome, String) {
        let (stop, stopped) = sync_channel(1);
        let enough = |row: &str| number(row, "registered") == 40 && number(row, "registers") >= 200;
        let mut audience = Audience {
            text: Vec::new(),
            stop,
            enough,
        };
        let options = Options {
            phones: 40,
            phones_per_user,
            duration: Duration::from_secs(60),
            refresh: Duration::from_millis(200),
            mode,
            workers,
            style: Style::Json,
        };
        let outcome = run(&options, &stopped, &mut audience).expect("a demo");
        (outcome, String::from_utf8(audience.text).expect("text"))
    }

    fn number(row: &str, name: &str) -> u64 {
        let Some((_, rest)) = row.split_once(&format!("\"{name}\":")) else {
            return 0;
        };
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().unwrap_or(0)
    }

    #[test]
    fn refreshes_are_absorbed_in_contact_mode_by_one_worker_or_two() {
        for workers in [1, 2] {
            let (outcome, text) = watch(Mode::Contact, workers, 1);
            assert_eq!((outcome.registered, outcome.faults), (40, 0), "{text}");
            let Outcome {
                registers,
                absorbed,
                forwarded,
                contacts,
                ..
            } = outcome;
            assert_eq!(contacts, 40, "{text}");
            assert_eq!(
                forwarded, 80,
                "a REGISTER and an answer to a challenge each\n{text}"
            );
            assert!(absorbed > 0 && absorbed + forwarded <= registers, "{text}");
            assert!(
                text.lines()
                    .last()
                    .is_some_and(|l| l.contains("\"summary\"")),
                "{text}"
            );
        }
    }

    #[test]
    fn the_phones_of_a_user_share_a_contact_in_aor_mode() {
        for workers in [1, 2] {
            let (outcome, text) = watch(Mode::Aor, workers, 3);
            let Outcome {
                registered,
                faults,
                forwarded,
                contacts,
                ..
            } = outcome;
            assert_eq!((registered, faults), (40, 0), "{text}");
            assert_eq!(forwarded, 80, "each phone proves itself\n{text}");
            assert_eq!(contacts, 14, "{text}");
        }
    }

    #[test]
    fn everything_reaches_the_main_registrar_in_mirror_mode() {
        let (outcome, text) = watch(Mode::Mirror, 1, 1);
        assert_eq!(
            (outcome.registered, outcome.faults, outcome.absorbed),
            (40, 0, 0),
            "{text}"
        );
        // In contact mode it would be 80, whatever the phones do.
        assert!(outcome.reached > 80, "{text}");
    }
}
