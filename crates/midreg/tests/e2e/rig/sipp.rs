//! `Sipp`: a run of SIPp with one scenario, and what it sent and received.

use std::fs;
use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

use super::message::{Message, Trace, Way};
use super::process::Process;
use super::{PROMPT, Reply, program, wire};

/// How long SIPp waits for one message: longer than midreg waits for the main registrar (8 s), shorter than Timer F.
pub(super) const ANSWER: Duration = Duration::from_secs(20);

/// The options for so many calls, one every 10 ms: more at once are too much for SIPp itself on a busy machine.
pub(super) fn calls(count: u32) -> String {
    format!("-m {count} -l {count} -r 100")
}

/// A running SIPp. Dropping it ends it.
#[derive(Debug)]
pub(crate) struct Sipp {
    process: Process,
    address: SocketAddr,
    longest: Duration,
    files: Files,
}

/// The directory that it writes to. When a test fails, what is there is told.
#[derive(Debug)]
struct Files(TempDir);

impl Sipp {
    /// Starts SIPp at an address with a scenario that takes `longest` at most, and with options in words (no word has a
    /// space in it).
    pub(super) fn start(
        address: SocketAddr,
        scenario: &str,
        options: &str,
        longest: Duration,
    ) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        // To SIPp a bracket opens a keyword. This one stands for its own address, in brackets.
        let scenario = scenario.replace("[::1]", "[local_ip]");
        fs::write(directory.path().join("scenario.xml"), scenario).expect("write the scenario");
        let (host, port) = (address.ip(), address.port());
        let patience = ANSWER.as_millis();
        let arguments = [
            format!("{options} -sf scenario.xml -nostdin"),
            format!("-i {host} -bind_local -p {port}"),
            "-trace_err -error_file errors -trace_msg -message_file messages".to_owned(),
            // An unexpected answer ends the run, and no BYE is sent after it. A slow machine does not.
            format!("-recv_timeout {patience} -default_behaviors abortunexp -watchdog_interval 0"),
        ];
        let arguments: Vec<&str> = arguments
            .iter()
            .flat_map(|group| group.split_whitespace())
            .collect();
        let process = Process::start(&program::installed("sipp"), &arguments, directory.path());
        Self {
            process,
            address,
            longest: longest + PROMPT,
            files: Files(directory),
        }
    }

    /// Waits until it can be reached.
    ///
    /// # Panics
    /// If it cannot.
    pub(super) fn wait_until_it_listens(&self) {
        assert!(
            wire::is_taken(self.address, PROMPT),
            "SIPp does not listen at {}\n{}",
            self.address,
            self.process.transcript()
        );
    }

    /// Waits until the scenario is played to its end.
    ///
    /// # Panics
    /// If anything went otherwise than the scenario says.
    pub(crate) fn finish(self) -> Trace {
        let Self {
            process,
            address,
            longest,
            files,
        } = self;
        let (status, output) = process.finish(longest);
        assert!(
            status.success(),
            // It says there, and nowhere else, what it does not like in a scenario.
            "SIPp at {address} failed ({status}): {}",
            output.first().map_or("", String::as_str)
        );
        trace(&files.read("messages"))
    }
}

impl Files {
    /// A file that SIPp may have had no reason to write.
    fn read(&self, file: &str) -> String {
        fs::read_to_string(self.0.path().join(file)).unwrap_or_default()
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        if thread::panicking() {
            let [errors, messages] = ["errors", "messages"].map(|file| self.read(file));
            eprintln!("--- errors of SIPp ---\n{errors}\n--- messages of SIPp ---\n{messages}");
        }
    }
}

/// The final responses of a trace. A response that came twice (the request had been retransmitted) counts once.
pub(super) fn finals(trace: &Trace) -> Vec<Reply> {
    let mut replies: Vec<Reply> = trace
        .received()
        .filter_map(Reply::of)
        .filter(|reply| reply.status >= 200)
        .collect();
    replies.dedup_by_key(|reply| reply.header("CSeq").map(str::to_owned));
    replies
}

/// SIPp's message trace, in which a line "… message received [n] bytes :" or "… message sent (n bytes):" and an empty
/// line stand before each message.
fn trace(text: &str) -> Trace {
    text.split("\nUDP message ")
        .filter_map(|entry| {
            let (note, message) = entry.split_once("\n\n")?;
            let way = match note.split(' ').next()? {
                "sent" => Way::Sent,
                "received" => Way::Received,
                _ => return None,
            };
            Some((way, Message::read(message)?))
        })
        .collect()
}
