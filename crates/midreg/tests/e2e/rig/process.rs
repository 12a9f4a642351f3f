//! `Process`: a program that runs for one test, its output line by line, and its end.
//!
//! The program is started under `timeout`, so that it ends even when the test run is killed and no destructor runs, and
//! in a process group of its own, so that its children go with it.

use std::ffi::OsStr;
use std::fmt::{Display, Write as _};
use std::io::{BufRead as _, BufReader, Read};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

/// No program outlives this, whatever becomes of the test that started it.
const LONGEST_LIFE: Duration = Duration::from_secs(240);

/// How long a program may take to end once it was told to.
const LEAVE: Duration = Duration::from_secs(5);

/// A running program. Dropping it ends it.
#[derive(Debug)]
pub(crate) struct Process {
    name: String,
    child: Child,
    output: Arc<Output>,
    ended: Option<ExitStatus>,
}

/// Why a wait for output was in vain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum InVain {
    /// The time ran out.
    TooLate,
    /// The program ended first.
    Ended,
}

impl Process {
    /// Starts a program in a directory, with its output captured and its input closed.
    ///
    /// # Panics
    /// If it cannot be started.
    pub(crate) fn start<A: AsRef<OsStr>>(
        program: &Path,
        arguments: &[A],
        directory: &Path,
    ) -> Self {
        let name = program
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        // --foreground: `timeout` passes signals to the program alone, once. stdbuf: lines come out as they are written.
        let mut child = Command::new("timeout")
            .args(["--foreground", "--kill-after=5"])
            .arg(LONGEST_LIFE.as_secs().to_string())
            .args(["stdbuf", "-oL"])
            .arg(program)
            .args(arguments)
            .current_dir(directory)
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("start {name}: {error}"));
        let output = Arc::new(Output::default());
        output.follow(child.stdout.take());
        output.follow(child.stderr.take());
        Self {
            name,
            child,
            output,
            ended: None,
        }
    }

    /// Waits until `find` sees what it looks for in the lines written so far (standard output and error together), and
    /// returns it.
    ///
    /// # Panics
    /// When the time runs out or the program ends without; the message shows the output.
    pub(crate) fn wait_for<T>(
        &self,
        what: impl Display,
        within: Duration,
        find: impl FnMut(&[String]) -> Option<T>,
    ) -> T {
        self.output.wait_for(within, find).unwrap_or_else(|why| {
            let why = match why {
                InVain::TooLate => format!("not within {within:?}"),
                InVain::Ended => "the program ended first".to_owned(),
            };
            panic!(
                "waiting for {}: {what}: {why}\n{}",
                self.name,
                self.transcript()
            )
        })
    }

    /// What was written so far.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.output.lock().written.clone()
    }

    /// Waits for the program to end by itself.
    ///
    /// # Panics
    /// When the time runs out.
    pub(crate) fn finish(mut self, within: Duration) -> (ExitStatus, Vec<String>) {
        assert!(
            self.output.wait_for_end(within),
            "{} did not end within {within:?}\n{}",
            self.name,
            self.transcript()
        );
        let status = self.reap();
        (status, self.lines())
    }

    /// Sends the program itself a signal, and not `timeout`, which would take any as the beginning of the end.
    ///
    /// # Panics
    /// If it is gone.
    pub(crate) fn signal(&self, signal: Signal) {
        let guard = self.child.id();
        let children = format!("/proc/{guard}/task/{guard}/children");
        let children = std::fs::read_to_string(children).unwrap_or_default();
        let child = children
            .split_whitespace()
            .next()
            .and_then(|pid| pid.parse().ok());
        let program = child.and_then(Pid::from_raw);
        let sent = program.map(|program| kill_process(program, signal));
        assert_eq!(
            sent,
            Some(Ok(())),
            "{} is gone\n{}",
            self.name,
            self.transcript()
        );
    }

    /// Asks the program to end (SIGTERM) and waits until it has.
    ///
    /// # Panics
    /// If it does not.
    pub(crate) fn terminate(mut self) -> Vec<String> {
        self.ask_to_end();
        assert!(
            self.output.wait_for_end(LEAVE),
            "{} did not heed SIGTERM\n{}",
            self.name,
            self.transcript()
        );
        self.reap();
        self.lines()
    }

    /// Ends the program on the spot (SIGKILL): it says goodbye to nobody.
    pub(crate) fn kill(mut self) {
        self.reap();
    }

    /// The output as it goes into a failure message.
    pub(crate) fn transcript(&self) -> String {
        let mut text = format!("--- output of {} ---\n", self.name);
        for line in self.lines() {
            let _ = writeln!(text, "{line}");
        }
        text
    }

    fn ask_to_end(&self) {
        // A failure means that it is gone already.
        let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
    }

    /// Kills what is left of the group, then collects the leader: while it is not collected, its number, and so the
    /// group's, is not given to anybody else. Once the pipes are closed the others are gone as well, and so are their
    /// sockets.
    fn reap(&mut self) -> ExitStatus {
        if let Some(status) = self.ended {
            return status;
        }
        if !self.output.wait_for_end(Duration::ZERO) {
            let _ = kill_process_group(Pid::from_child(&self.child), Signal::KILL);
            self.output.wait_for_end(LEAVE);
        }
        let status = self
            .child
            .wait()
            .unwrap_or_else(|error| panic!("wait for {}: {error}", self.name));
        self.ended = Some(status);
        status
    }
}

impl Drop for Process {
    /// When a test fails, the programs of it that still run tell what they wrote.
    fn drop(&mut self) {
        if self.ended.is_some() {
            return;
        }
        self.ask_to_end();
        self.output.wait_for_end(LEAVE);
        if thread::panicking() {
            eprintln!("{}", self.transcript());
        }
        let _ = kill_process_group(Pid::from_child(&self.child), Signal::KILL);
        let _ = self.child.wait();
    }
}

/// The lines of a program, and whether more may come.
#[derive(Debug, Default)]
struct Output {
    lines: Mutex<Lines>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Lines {
    written: Vec<String>,
    open_pipes: usize,
}

impl Output {
    /// Reads a pipe to its end on a thread of its own. The pipe ends when the last process that holds it does.
    fn follow(self: &Arc<Self>, pipe: Option<impl Read + Send + 'static>) {
        let Some(pipe) = pipe else { return };
        self.lock().open_pipes += 1;
        let output = Arc::clone(self);
        thread::spawn(move || {
            let mut reader = BufReader::new(pipe);
            let mut line = Vec::new();
            while reader
                .read_until(b'\n', &mut line)
                .is_ok_and(|octets| octets > 0)
            {
                let text = String::from_utf8_lossy(&line).trim_end().to_owned();
                line.clear();
                output.lock().written.push(text);
                output.changed.notify_all();
            }
            output.lock().open_pipes -= 1;
            output.changed.notify_all();
        });
    }

    fn wait_for<T>(
        &self,
        within: Duration,
        mut find: impl FnMut(&[String]) -> Option<T>,
    ) -> Result<T, InVain> {
        let deadline = Instant::now() + within;
        let mut lines = self.lock();
        loop {
            if let Some(found) = find(&lines.written) {
                return Ok(found);
            }
            if lines.open_pipes == 0 {
                return Err(InVain::Ended);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(InVain::TooLate);
            }
            lines = self
                .changed
                .wait_timeout(lines, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    /// True if the program is gone, all of it, within the time.
    fn wait_for_end(&self, within: Duration) -> bool {
        self.wait_for(within, |_| None::<()>) == Err(InVain::Ended)
    }

    fn lock(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
