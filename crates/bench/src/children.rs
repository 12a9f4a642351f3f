//! `Server`: a child process that serves on a loopback port while it is needed. It is asked to stop when the
//! value is dropped, killed if it does not, and ends with us in any case.

use std::io::{BufRead as _, BufReader};
use std::net::{SocketAddr, UdpSocket};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::failure::{Context, Failure};
use crate::process::Process;
use crate::syscalls::{self, Orphaned};

/// How long a server may take until it answers.
const START_LIMIT: Duration = Duration::from_secs(15);
/// How long a server may take to end after SIGTERM.
const STOP_LIMIT: Duration = Duration::from_secs(3);
/// Between two looks at a child that starts or ends.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// A serving child process.
pub struct Server {
    child: Child,
    address: SocketAddr,
}

impl Server {
    /// Starts this very program with `arguments`; its first line of output tells where it listens.
    pub fn own(arguments: &[&str]) -> Result<Self, Failure> {
        Self::program(&std::env::current_exe()?, arguments)
    }

    /// Starts the `midreg-bench` at `program` likewise.
    pub fn program(program: &Path, arguments: &[&str]) -> Result<Self, Failure> {
        let mut command = Command::new(program);
        command
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        let mut child = spawn(&mut command, Orphaned::Killed)?;
        let output = child.stdout.take();
        // From here on the child is ended by Drop, whatever its first line says.
        let mut server = Self {
            child,
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
        };
        server.address = output
            .and_then(announced)
            .ok_or_else(|| Failure::new(format!("`{}` did not start", arguments.join(" "))))?;
        Ok(server)
    }

    /// Starts a foreign server that will serve on `address` and waits until it answers `probe` there.
    pub fn foreign(
        command: &mut Command,
        address: SocketAddr,
        probe: &[u8],
    ) -> Result<Self, Failure> {
        command.stdin(Stdio::null()).stdout(Stdio::null());
        let mut server = Self {
            child: spawn(command, Orphaned::Asked)?,
            address,
        };
        let end = Instant::now() + START_LIMIT;
        while Instant::now() < end {
            if let Some(status) = server.child.try_wait()? {
                return Err(Failure::new(format!(
                    "{:?} ended at once: {status}",
                    command.get_program()
                )));
            }
            if ask(address, probe, Duration::from_millis(250)).is_some() {
                return Ok(server);
            }
            // A closed port answers at once with an error; without a pause this would spin.
            thread::sleep(LOOK_EVERY);
        }
        Err(Failure::new(format!(
            "{:?} does not answer on {address}",
            command.get_program()
        )))
    }

    /// Where it serves.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The number of the process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The process, to be measured.
    pub fn process(&self) -> Process {
        Process::new(self.pid())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if syscalls::ask_to_stop(&self.child).is_ok() {
            let end = Instant::now() + STOP_LIMIT;
            while Instant::now() < end {
                match self.child.try_wait() {
                    Ok(None) => thread::sleep(LOOK_EVERY),
                    Ok(Some(_)) | Err(_) => return,
                }
            }
        }
        // Both fail only when the child is gone already, which is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A loopback port that was free a moment ago.
pub fn free_port() -> Result<SocketAddr, Failure> {
    Ok(UdpSocket::bind(("127.0.0.1", 0))?.local_addr()?)
}

/// Sends `request` to `address` and returns the first datagram that comes back within `patience`.
pub fn ask(address: SocketAddr, request: &[u8], patience: Duration) -> Option<Vec<u8>> {
    let local = SocketAddr::from(([127, 0, 0, 1], 0));
    let socket = UdpSocket::bind(local).ok()?;
    socket.connect(address).ok()?;
    socket.set_read_timeout(Some(patience)).ok()?;
    socket.send(request).ok()?;
    let mut buffer = vec![0; 4096];
    let length = socket.recv(&mut buffer).ok()?;
    buffer.truncate(length);
    Some(buffer)
}

fn spawn(command: &mut Command, orphaned: Orphaned) -> Result<Child, Failure> {
    syscalls::end_with_parent(command, orphaned);
    let program = command.get_program().to_owned();
    command
        .spawn()
        .while_doing(|| format!("cannot start {program:?}"))
}

/// The address in the first line of output, `{"listening":"ADDRESS"}`.
fn announced(output: ChildStdout) -> Option<SocketAddr> {
    let mut line = String::new();
    BufReader::new(output).read_line(&mut line).ok()?;
    line.trim()
        .strip_prefix("{\"listening\":\"")?
        .strip_suffix("\"}")?
        .parse()
        .ok()
}
