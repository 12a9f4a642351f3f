//! `Midreg`: the program under test.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::process::Process;
use super::{PROMPT, Port};

/// Exit code of a program that does not like its configuration.
const BAD_CONFIG: i32 = 2;

/// Exit code of a program that something fails.
const FAILED: i32 = 1;

/// Where operators reach it, from the directory that it runs in.
const CONTROL: &str = "control.path=control.sock";

/// How registrations relate to the main registrar's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Every REGISTER is proxied.
    Mirror,
    /// One stretched lease per device; refreshes are absorbed.
    Contact,
    /// One stretched lease per user, shared by all devices.
    Aor,
}

/// A running mid-registrar. Dropping it ends it.
#[derive(Debug)]
pub(crate) struct Midreg {
    port: Port,
    /// Where it meets the main registrar, if that is another.
    _inside: Option<Port>,
    process: Process,
    arguments: Vec<String>,
    directory: TempDir,
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
        let upstream = format!("sip:{upstream}");
        let mode = match mode {
            Mode::Mirror => "mirror",
            Mode::Contact => "contact",
            Mode::Aor => "aor",
        };
        Self::serve(port, &["--upstream", &upstream, "--mode", mode], settings)
    }

    /// Starts one that meets the phones at one address of theirs and the main registrar at another.
    pub(crate) fn start_with_two_sides(
        phones: IpAddr,
        mode: Mode,
        upstream: SocketAddr,
        settings: &[&str],
    ) -> Self {
        let inside = Port::reserve();
        let bind = format!("listen.1.bind=udp://{}", inside.address());
        let sides = ["listen.0.side=devices", &bind, "listen.1.side=upstream"];
        let settings = [&sides, settings].concat();
        Self {
            _inside: Some(inside),
            ..Self::start_at(Port::reserve_on(phones), mode, upstream, &settings)
        }
    }

    /// Starts one that has no main registrar: it is the registrar.
    pub(crate) fn alone(settings: &[&str]) -> Self {
        Self::serve(Port::reserve(), &[], settings)
    }

    /// Starts one that has no main registrar and does not serve: it says why, and ends. Returns what it says.
    ///
    /// # Panics
    /// If it goes on, or ends for another reason than its configuration.
    pub(crate) fn refuses_alone(settings: &[&str]) -> Vec<String> {
        Self::ends_alone(BAD_CONFIG, settings)
    }

    /// The same of one that cannot have what it was configured to.
    ///
    /// # Panics
    /// If it goes on, or ends for another reason.
    pub(crate) fn fails_alone(settings: &[&str]) -> Vec<String> {
        Self::ends_alone(FAILED, settings)
    }

    fn ends_alone(code: i32, settings: &[&str]) -> Vec<String> {
        let (port, directory) = (Port::reserve(), directory());
        let (status, lines) = run(&arguments(&port, &[], settings), &directory).finish(PROMPT);
        assert_eq!(status.code(), Some(code), "{lines:?}");
        lines
    }

    /// Ends it on the spot and starts it again: it keeps its secret and forgets all phones.
    pub(crate) fn restart(self) -> Self {
        let Self {
            port,
            _inside,
            process,
            arguments,
            directory,
        } = self;
        process.kill();
        Self {
            process: run(&arguments, &directory),
            port,
            _inside,
            arguments,
            directory,
        }
        .that_is_ready()
    }

    fn serve(port: Port, options: &[&str], settings: &[&str]) -> Self {
        let directory = directory();
        let arguments = arguments(&port, options, settings);
        Self {
            process: run(&arguments, &directory),
            port,
            _inside: None,
            arguments,
            directory,
        }
        .that_is_ready()
    }

    fn that_is_ready(self) -> Self {
        self.process.wait_for("it is ready", PROMPT, |lines| {
            lines
                .iter()
                .any(|line| line.contains("operators are listened to"))
                .then_some(())
        });
        self
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.port.address()
    }

    /// Its control socket.
    pub(crate) fn control(&self) -> PathBuf {
        self.directory.path().join("control.sock")
    }

    /// Ends it on the spot. What it leaves behind is in the directory that is handed back.
    pub(crate) fn kill(self) -> TempDir {
        self.process.kill();
        self.directory
    }

    /// What it has written so far.
    pub(crate) fn log(&self) -> Vec<String> {
        self.process.lines()
    }
}

fn directory() -> TempDir {
    tempfile::tempdir().expect("a temporary directory")
}

fn arguments(port: &Port, options: &[&str], settings: &[&str]) -> Vec<String> {
    let listen = format!("udp://{}", port.address());
    let mut arguments = vec!["run", "--listen", &listen];
    arguments.extend(options);
    // Short lifetimes keep the tests short.
    if !settings
        .iter()
        .any(|setting| setting.starts_with("registration.min_expires="))
    {
        arguments.extend(["--set", "registration.min_expires=1"]);
    }
    if !settings
        .iter()
        .any(|setting| setting.starts_with("control."))
    {
        arguments.extend(["--set", CONTROL]);
    }
    arguments.extend(settings.iter().flat_map(|setting| ["--set", setting]));
    arguments.into_iter().map(str::to_owned).collect()
}

fn run(arguments: &[String], directory: &TempDir) -> Process {
    Process::start(
        Path::new(env!("CARGO_BIN_EXE_midreg")),
        arguments,
        directory.path(),
    )
}
