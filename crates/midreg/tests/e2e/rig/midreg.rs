//! `Midreg`: the program under test.

use std::net::SocketAddr;
use std::path::Path;

use tempfile::TempDir;

use super::process::Process;
use super::{PROMPT, Port};

/// How registrations relate to the main registrar's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Every REGISTER is proxied.
    Mirror,
    /// One stretched lease per device; refreshes are absorbed.
    Contact,
}

/// A running mid-registrar. Dropping it ends it.
#[derive(Debug)]
pub(crate) struct Midreg {
    port: Port,
    _process: Process,
    _directory: TempDir,
}

impl Midreg {
    /// Starts a mid-registrar before a main registrar, with settings as `--set` takes them.
    pub(crate) fn start(mode: Mode, upstream: SocketAddr, settings: &[&str]) -> Self {
        Self::start_at(Port::reserve(), mode, upstream, settings)
    }

    /// Starts one at an address that is known beforehand, so that the main registrar can be told to trust it.
    pub(crate) fn start_at(
        port: Port,
        mode: Mode,
        upstream: SocketAddr,
        settings: &[&str],
    ) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let listen = format!("udp://{}", port.address());
        let upstream = format!("sip:{upstream}");
        let mode = match mode {
            Mode::Mirror => "mirror",
            Mode::Contact => "contact",
        };
        let mut arguments = vec![
            "run",
            "--listen",
            &listen,
            "--upstream",
            &upstream,
            "--mode",
            mode,
        ];
        // Short lifetimes keep the tests short.
        if !settings
            .iter()
            .any(|setting| setting.starts_with("registration.min_expires="))
        {
            arguments.extend(["--set", "registration.min_expires=1"]);
        }
        arguments.extend(settings.iter().flat_map(|setting| ["--set", setting]));
        let process = Process::start(
            Path::new(env!("CARGO_BIN_EXE_midreg")),
            &arguments,
            directory.path(),
        );
        process.wait_for("it is ready", PROMPT, |lines| {
            lines
                .iter()
                .any(|line| line.contains("ready"))
                .then_some(())
        });
        Self {
            port,
            _process: process,
            _directory: directory,
        }
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.port.address()
    }
}
