//! `Operator`: who asks a running mid-registrar, by the program's own commands.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::Midreg;
use super::process::Process;

/// How long a command may take before it is ended, in seconds.
const LONGEST: &str = "60";

/// An operator at a terminal of his own.
#[derive(Debug)]
pub(crate) struct Operator {
    control: PathBuf,
}

/// What a command had to say.
#[derive(Debug)]
pub(crate) struct Told {
    /// Its exit code.
    pub(crate) code: i32,
    /// Its standard output.
    pub(crate) output: String,
    /// Its standard error.
    pub(crate) errors: String,
}

impl Operator {
    /// One who asks this mid-registrar.
    pub(crate) fn of(midreg: &Midreg) -> Self {
        Self::at(&midreg.control())
    }

    /// One who asks whoever listens at this socket.
    pub(crate) fn at(control: &Path) -> Self {
        Self {
            control: control.to_owned(),
        }
    }

    /// Runs a command to its end.
    ///
    /// # Panics
    /// If it cannot be run, or is killed.
    pub(crate) fn ask(&self, arguments: &[&str]) -> Told {
        Self::run(Command::new("timeout").args(self.line(arguments)))
    }

    /// Runs a command without telling it where the socket is.
    ///
    /// # Panics
    /// As [`Self::ask`].
    pub(crate) fn ask_unguided(arguments: &[&str]) -> Told {
        let nowhere = "/nonexistent";
        let mut command = Command::new("timeout");
        command.args([LONGEST, env!("CARGO_BIN_EXE_midreg")]);
        Self::run(command.args(arguments).env("XDG_RUNTIME_DIR", nowhere))
    }

    /// Starts a command that goes on.
    pub(crate) fn start(&self, arguments: &[&str]) -> Process {
        let directory = self.control.parent().unwrap_or_else(|| Path::new("."));
        let line = self.line(arguments);
        Process::start(
            Path::new(env!("CARGO_BIN_EXE_midreg")),
            &line[2..],
            directory,
        )
    }

    fn line(&self, arguments: &[&str]) -> Vec<String> {
        let program = [LONGEST, env!("CARGO_BIN_EXE_midreg")];
        let control = ["--control".to_owned(), self.control.display().to_string()];
        let words = program.iter().chain(arguments);
        words
            .map(|word| (*word).to_owned())
            .chain(control)
            .collect()
    }

    fn run(command: &mut Command) -> Told {
        let output = command.output().expect("midreg runs");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
        Told {
            code: output.status.code().expect("an exit code"),
            output: text(output.stdout),
            errors: text(output.stderr),
        }
    }
}

impl Told {
    /// Its output as lines of JSON.
    ///
    /// # Panics
    /// If it is something else.
    pub(crate) fn json(&self) -> Vec<Value> {
        let read = |line: &str| serde_json::from_str(line).expect("JSON");
        self.output.lines().map(read).collect()
    }

    /// Its output, if the command succeeded.
    ///
    /// # Panics
    /// If it did not.
    pub(crate) fn good(&self) -> &str {
        assert_eq!(self.code, 0, "{self:?}");
        &self.output
    }
}
