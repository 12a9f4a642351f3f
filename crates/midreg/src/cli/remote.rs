//! What the commands have in common that ask a midreg that runs.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;

use super::{BAD_CONFIG, FAILED, NOBODY, tell};
use crate::config::{self, Faults, Typed};
use crate::control::client::{Client, ClientError};
use crate::control::place::Folders;
use crate::control::wire::Code;

/// Which midreg is asked.
#[derive(Debug, Args)]
pub(super) struct Remote {
    /// Its control socket; found by itself where midreg runs with `control.path` unset.
    #[arg(long, value_name = "PATH")]
    control: Option<PathBuf>,
    /// Its configuration file, which says where the socket is.
    #[arg(long, short, value_name = "FILE", conflicts_with = "control")]
    config: Option<PathBuf>,
}

/// Why a command ends before it is done.
#[derive(Debug)]
pub(super) enum Failure {
    /// midreg gave no answer.
    Client(ClientError),
    /// The configuration is bad.
    Config(Faults),
    /// midreg was configured to have no control socket.
    Disabled,
    /// Nobody reads what we print. That is no failure of ours.
    Unread,
    /// The system says no to this.
    System(&'static str, io::Error),
}

/// How a command ends.
pub(super) type Outcome = Result<ExitCode, Failure>;

impl Remote {
    /// Connects to it.
    pub(super) fn connect(&self) -> Result<Client, Failure> {
        Client::connect(&self.paths()?).map_err(Failure::Client)
    }

    fn paths(&self) -> Result<Vec<PathBuf>, Failure> {
        if let Some(path) = &self.control {
            return Ok(vec![path.clone()]);
        }
        let Some(file) = &self.config else {
            return Ok(Folders::of_process().to_ask());
        };
        let typed = Typed {
            file: Some(file.clone()),
            overrides: Vec::new(),
        };
        let operators = config::load(&typed)
            .map_err(Failure::Config)?
            .config
            .operators;
        match (operators.enabled, operators.path) {
            (false, _) => Err(Failure::Disabled),
            (true, Some(path)) => Ok(vec![path]),
            (true, None) => Ok(Folders::of_process().to_ask()),
        }
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        Self::Client(error)
    }
}

/// Tells how a command ended.
pub(super) fn end(outcome: Outcome) -> ExitCode {
    let failure = match outcome {
        Ok(code) => return code,
        Err(failure) => failure,
    };
    match failure {
        Failure::Unread => ExitCode::SUCCESS,
        Failure::Config(faults) => {
            tell(&faults);
            ExitCode::from(BAD_CONFIG)
        }
        Failure::Disabled => {
            eprintln!("error: `control.enabled` is false: nobody can ask that midreg");
            ExitCode::from(NOBODY)
        }
        Failure::System(what, error) => {
            eprintln!("error: {what}: {error}");
            ExitCode::from(FAILED)
        }
        Failure::Client(error) => {
            eprintln!("error: {error}");
            if matches!(error, ClientError::Nobody(_)) {
                eprintln!(
                    "help: start one with `midreg run`, or say where its socket is: --control PATH or \
                     --config FILE"
                );
            }
            ExitCode::from(code(&error))
        }
    }
}

fn code(error: &ClientError) -> u8 {
    match error {
        ClientError::Nobody(_) => NOBODY,
        ClientError::Refused(refusal) if refusal.code == Code::BadRequest => BAD_CONFIG,
        _ => FAILED,
    }
}

/// Prints a text on standard output.
pub(super) fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    let printed = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    printed.map_err(|error| match error.kind() {
        io::ErrorKind::BrokenPipe => Failure::Unread,
        _ => Failure::System("cannot print", error),
    })
}

/// Prints an object as a line of JSON.
pub(super) fn print_json(object: &impl Serialize) -> Result<(), Failure> {
    let line = serde_json::to_string(object);
    let line = line.map_err(|error| Failure::System("cannot print", error.into()))?;
    print(&(line + "\n"))
}
