//! `Service`: midreg as a service manager runs it: from a file, with signals, and a socket on which it tells how it is.

use std::fs;
use std::net::{SocketAddr, UdpSocket};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use tempfile::TempDir;

use super::process::Process;
use super::{PROMPT, Port};

/// A running mid-registrar. Dropping it ends it.
#[derive(Debug)]
pub(crate) struct Service {
    process: Process,
    socket: UnixDatagram,
    directory: TempDir,
}

/// How a reload ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The new file is in force.
    Reloaded,
    /// The old one holds on.
    Refused,
}

impl Service {
    /// Starts one from a file and waits until it says that it is ready.
    pub(crate) fn start(file: &str) -> Self {
        let service = Self::launch(file, &[]);
        service.wait_for_word("READY=1");
        service
    }

    /// Starts one from a file, with this in its environment, and waits for nothing.
    pub(crate) fn launch(file: &str, environment: &[&str]) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("notify");
        let socket = UnixDatagram::bind(&path).expect("a datagram socket");
        write(&directory, file);
        let notify = format!("NOTIFY_SOCKET={}", path.display());
        let program = env!("CARGO_BIN_EXE_midreg");
        // Beside each other, each with its own.
        let control = "control.path=midreg.sock";
        let run = [program, "run", "--config", "midreg.toml", "--set", control];
        let arguments: Vec<&str> = environment
            .iter()
            .copied()
            .chain([notify.as_str()])
            .chain(run)
            .collect();
        let process = Process::start(&PathBuf::from("env"), &arguments, directory.path());
        Self {
            process,
            socket,
            directory,
        }
    }

    /// Writes another file and has it read; tells how that went.
    pub(crate) fn reload(&self, file: &str) -> Outcome {
        let outcomes = |lines: &[String]| lines.iter().filter_map(|line| outcome(line)).collect();
        let before: Vec<Outcome> = outcomes(&self.log());
        write(&self.directory, file);
        self.process.signal(Signal::HUP);
        self.process.wait_for("the reload", PROMPT, |lines| {
            let now: Vec<Outcome> = outcomes(lines);
            now.get(before.len()).copied()
        })
    }

    /// What the service manager is told next that contains `word`.
    ///
    /// # Panics
    /// If nothing does within the time.
    pub(crate) fn wait_for_word(&self, word: &str) -> String {
        let deadline = Instant::now() + PROMPT;
        let mut heard = Vec::new();
        while let Some(left) = deadline.checked_duration_since(Instant::now()) {
            match self.next_words(left) {
                Some(words) if words.contains(word) => return words,
                Some(words) => heard.push(words),
                None => break,
            }
        }
        panic!("no {word} but {heard:?}\n{}", self.process.transcript())
    }

    /// What the service manager is told next, if that comes within the time.
    pub(crate) fn next_words(&self, within: Duration) -> Option<String> {
        let within = within.max(Duration::from_millis(1));
        self.socket
            .set_read_timeout(Some(within))
            .expect("a read timeout");
        let mut words = [0; 4096];
        let octets = self.socket.recv(&mut words).ok()?;
        Some(String::from_utf8_lossy(&words[..octets]).into_owned())
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        self.process.signal(signal);
    }

    /// Waits for a line of the log.
    pub(crate) fn wait_for_line(&self, text: &str) -> String {
        let found = |lines: &[String]| lines.iter().find(|line| line.contains(text)).cloned();
        self.process.wait_for(text, PROMPT, found)
    }

    /// Waits for it to end; its exit status and all that it has written.
    pub(crate) fn finish(self) -> (ExitStatus, Vec<String>) {
        self.process.finish(PROMPT)
    }

    /// What it has written so far.
    pub(crate) fn log(&self) -> Vec<String> {
        self.process.lines()
    }

    /// Its control socket.
    pub(crate) fn control(&self) -> PathBuf {
        self.path("midreg.sock")
    }

    /// Writes another file, which nobody is told to read.
    pub(crate) fn rewrite(&self, file: &str) {
        write(&self.directory, file);
    }

    /// A path in its directory.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }
}

/// A table `[[listen]]`.
pub(super) fn listen(address: SocketAddr) -> String {
    format!("[[listen]]\nbind = \"udp://{address}\"\n")
}

impl Port {
    /// The table that has midreg listen there.
    pub(crate) fn listen(&self) -> String {
        listen(self.address())
    }

    /// Whether nobody listens there.
    pub(crate) fn is_free(&self) -> bool {
        UdpSocket::bind(self.address()).is_ok()
    }
}

fn outcome(line: &str) -> Option<Outcome> {
    match line {
        line if line.contains("not reloaded: ") => Some(Outcome::Refused),
        line if line.contains("reloaded") => Some(Outcome::Reloaded),
        _ => None,
    }
}

/// For nobody else's eyes: there may be passwords in it.
fn write(directory: &TempDir, file: &str) {
    let path = directory.path().join("midreg.toml");
    fs::write(&path, file).expect("write the configuration");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("keep it private");
}
