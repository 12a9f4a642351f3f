//! `midreg run`: serves until it is told to stop.
//!
//! SIGHUP reads the configuration again. The first SIGTERM or SIGINT drains: nothing new is begun, what
//! is under way may end. The second one ends at once.

use std::io;
use std::process::ExitCode;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use tracing::{error, info, warn};

use super::{BAD_CONFIG, FAILED, Sources, tell};
use crate::app::{App, Wait};
use crate::config::{ControlConfig, Loaded};
use crate::control::desk::Desk;
use crate::control::place::Folders;
use crate::control::{Control, SocketError};
use crate::log;
use crate::net::epoll::{Signal, Signals};
use crate::notify::{self, Watchdog};
use crate::reload::Reloader;
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
    match serve(options, loaded) {
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
fn serve(options: &Sources, loaded: Loaded) -> io::Result<ExitCode> {
    let Loaded {
        config,
        warnings,
        effective,
    } = loaded;
    let signals = signals(&[Signal::Stop, Signal::Reload])?;
    let (_guard, dial) = log::start(&config.log)?;
    let asked = config.operators.clone();
    for fault in warnings.iter() {
        warn!(target: "main", "{}", fault.text());
    }
    let mut app = match App::start(config) {
        Ok(app) => app,
        Err(error) => {
            return Ok(failed(&error));
        }
    };
    let reloader = Reloader::new(app.helm().clone(), dial, options.typed(), effective);
    let desk = app.desk().with_reloader(reloader.clone());
    let _control = match operators(&asked, desk) {
        Ok(control) => control,
        Err(error) => return Ok(failed(&error)),
    };
    notify::ready("serving");
    match until_stopped(&mut app, &reloader, &signals) {
        Some(code) => Ok(code),
        None => Ok(drain(&mut app, &signals)),
    }
}

/// Listens for operators, as they are wanted. That the usual place is not to be had is no reason not
/// to serve.
fn operators(asked: &ControlConfig, desk: Desk) -> Result<Option<Control>, SocketError> {
    if !asked.enabled {
        return Ok(None);
    }
    let usual = || Folders::of_process().to_serve();
    let path = asked.path.clone().unwrap_or_else(usual);
    match Control::start(&path, desk) {
        Ok(control) => {
            info!(target: "control", path = %control.path().display(), "operators are listened to");
            Ok(Some(control))
        }
        Err(error) if asked.path.is_none() => {
            warn!(target: "control", "{error}; `control.path` names another");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// Takes signals and passes them on as messages, so that one can wait for them and for something
/// else. To be called before any other thread exists.
///
/// # Errors
///
/// The system gives neither signals nor a thread.
pub(super) fn signals(wanted: &[Signal]) -> io::Result<Receiver<Signal>> {
    let signals = Signals::take(wanted)?;
    let (tell, told) = sync_channel(2);
    let pass_on = move || {
        while let Ok(signal) = signals.next()
            && tell.send(signal).is_ok()
        {}
    };
    thread::Builder::new()
        .name("signals".to_owned())
        .spawn(pass_on)?;
    Ok(told)
}

/// Serves until it is told to stop; an exit code if a shard failed before.
fn until_stopped(
    app: &mut App,
    reloader: &Reloader,
    signals: &Receiver<Signal>,
) -> Option<ExitCode> {
    let mut watchdog = Watchdog::from_environment();
    let mut told = Instant::now();
    loop {
        match signals.recv_timeout(LOOK_EVERY.min(watchdog.patience())) {
            Err(RecvTimeoutError::Timeout) => {}
            Ok(Signal::Reload) => {
                // How it went is told in the log.
                let _ = reloader.reload();
            }
            Ok(Signal::Stop) | Err(RecvTimeoutError::Disconnected) => return None,
        }
        match app.wait(Duration::ZERO) {
            Wait::Running => {}
            Wait::Ended(_) => return Some(failed(&"all shards have ended")),
            Wait::Failed(error) => return Some(failed(&error)),
        }
        watchdog.tend(|within| app.helm().answers(within));
        if told.elapsed() >= SUMMARY_EVERY {
            told = Instant::now();
            let report = app.report();
            summary::log(&report);
            notify::status(&summary::status(&report));
        }
    }
}

fn drain(app: &mut App, signals: &Receiver<Signal>) -> ExitCode {
    info!(target: "main", "draining; a second signal ends at once");
    notify::stopping("draining: what is under way may end, nothing new is begun");
    app.drain();
    loop {
        match app.wait(LOOK_EVERY / 10) {
            Wait::Running if signals.try_recv() == Ok(Signal::Stop) => {
                warn!(target: "main", "ended at once");
                return ExitCode::from(FAILED);
            }
            Wait::Running => {}
            Wait::Ended(report) => {
                summary::log(&report);
                info!(target: "main", "ended");
                return ExitCode::SUCCESS;
            }
            Wait::Failed(error) => return failed(&error),
        }
    }
}

fn failed(error: &dyn std::fmt::Display) -> ExitCode {
    error!(target: "main", "{error}");
    notify::status(&error.to_string());
    ExitCode::from(FAILED)
}
