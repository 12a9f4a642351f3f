//! `midreg run`: serves until it is told to stop.
//!
//! The first SIGTERM or SIGINT drains: no new requests, what is under way may end. The second one
//! ends at once.

use std::io;
use std::process::ExitCode;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use tracing::{error, info, warn};

use super::{BAD_CONFIG, FAILED, Sources, tell};
use crate::app::{App, Wait};
use crate::config::Loaded;
use crate::log;
use crate::net::epoll::Signals;
use crate::summary;

/// Time between two summaries in the log.
const SUMMARY_EVERY: Duration = Duration::from_secs(60);

/// Time between two looks at whether the shards are still there.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Serves; the exit code says how it ended.
pub(super) fn run(options: &Sources) -> ExitCode {
    let loaded = match options.load() {
        Ok(loaded) => loaded,
        Err(faults) => {
            tell(&faults);
            return ExitCode::from(BAD_CONFIG);
        }
    };
    match serve(loaded) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(FAILED)
        }
    }
}

/// # Errors
///
/// The system gives neither signals nor threads.
fn serve(loaded: Loaded) -> io::Result<ExitCode> {
    let Loaded {
        config, warnings, ..
    } = loaded;
    let stops = stops(Signals::take()?)?;
    let _guard = log::start(config.log)?;
    for fault in warnings.iter() {
        warn!("{}", fault.text());
    }
    let mut app = match App::start(config) {
        Ok(app) => app,
        Err(error) => {
            error!("{error}");
            return Ok(ExitCode::from(FAILED));
        }
    };
    match until_stopped(&mut app, &stops) {
        Some(code) => Ok(code),
        None => Ok(drain(&mut app, &stops)),
    }
}

/// Passes signals on as messages, so that one can wait for them and for something else.
pub(super) fn stops(signals: Signals) -> io::Result<Receiver<()>> {
    let (tell, told) = sync_channel(2);
    thread::Builder::new()
        .name("signals".to_owned())
        .spawn(
            move || {
                while signals.next().is_ok() && tell.send(()).is_ok() {}
            },
        )?;
    Ok(told)
}

/// Serves until a signal comes; an exit code if a shard failed before.
fn until_stopped(app: &mut App, stops: &Receiver<()>) -> Option<ExitCode> {
    let mut told = Instant::now();
    loop {
        match stops.recv_timeout(LOOK_EVERY) {
            Err(RecvTimeoutError::Timeout) => {}
            Ok(()) | Err(RecvTimeoutError::Disconnected) => return None,
        }
        match app.wait(Duration::ZERO) {
            Wait::Running => {}
            Wait::Ended(_) => return Some(failed(&"all shards have ended")),
            Wait::Failed(error) => return Some(failed(&error)),
        }
        if told.elapsed() >= SUMMARY_EVERY {
            told = Instant::now();
            summary::log(&app.report());
        }
    }
}

fn drain(app: &mut App, stops: &Receiver<()>) -> ExitCode {
    info!("draining; a second signal ends at once");
    app.drain();
    loop {
        match app.wait(LOOK_EVERY / 10) {
            Wait::Running if stops.try_recv().is_ok() => {
                warn!("ended at once");
                return ExitCode::from(FAILED);
            }
            Wait::Running => {}
            Wait::Ended(report) => {
                summary::log(&report);
                info!("ended");
                return ExitCode::SUCCESS;
            }
            Wait::Failed(error) => return failed(&error),
        }
    }
}

fn failed(error: &dyn std::fmt::Display) -> ExitCode {
    error!("{error}");
    ExitCode::from(FAILED)
}
