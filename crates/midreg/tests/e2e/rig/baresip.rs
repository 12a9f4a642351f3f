//! `Baresip`: a soft phone as people run it, with an account that is kept registered through an outbound server.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::message::Way;
use super::port::StreamPort;
use super::process::Process;
use super::{DOMAIN, Message, PROMPT, Reply, Trace, program};

/// Where Debian keeps baresip's modules.
const MODULES: &str = "/usr/lib/baresip/modules";

/// How a soft phone takes a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// It answers at once.
    AtOnce,
    /// It rings until somebody picks up.
    ByHand,
}

/// A running soft phone. Dropping it ends it.
#[derive(Debug)]
pub(crate) struct Baresip {
    process: Process,
    control: StreamPort,
    _directory: TempDir,
}

impl Baresip {
    /// Starts a soft phone that registers a user for `expires` seconds at a time and refreshes when nine tenths are over.
    pub(crate) fn start(user: &str, expires: u32, server: SocketAddr) -> Self {
        Self::run(user, expires, Answer::ByHand, server)
    }

    /// Starts a soft phone and waits until its user is registered.
    ///
    /// # Panics
    /// If that takes too long.
    pub(crate) fn registered(user: &str, answer: Answer, server: SocketAddr) -> Self {
        let phone = Self::run(user, 600, answer, server);
        phone.wait_for_registrations(1, PROMPT);
        phone
    }

    fn run(user: &str, expires: u32, answer: Answer, server: SocketAddr) -> Self {
        let answer = match answer {
            Answer::AtOnce => "auto",
            Answer::ByHand => "manual",
        };
        let control = StreamPort::reserve();
        let directory = tempfile::tempdir().expect("a temporary directory");
        let account = format!(
            "<sip:{user}@{DOMAIN};transport=udp>;auth_pass=pw-{user};outbound=\"sip:{server};transport=udp\";\
             regint={expires};pubint=0;answermode={answer}\n"
        );
        // Sound comes from nowhere and goes nowhere.
        let config = format!(
            "sip_listen 127.0.0.1:0\nnet_interface 127.0.0.1\nmodule_path {MODULES}\nmodule g711.so\nmodule aubridge.so\n\
             audio_source aubridge,nil\naudio_player aubridge,nil\naudio_alert aubridge,nil\nmodule_app account.so\n\
             module_app menu.so\nmodule_app ctrl_tcp.so\nctrl_tcp_listen {}\n",
            control.address()
        );
        for (file, text) in [
            ("accounts", account.as_str()),
            ("config", config.as_str()),
            ("contacts", ""),
        ] {
            fs::write(directory.path().join(file), text)
                .unwrap_or_else(|error| panic!("write {file}: {error}"));
        }
        let home = directory.path().display().to_string();
        // -s: write every SIP message to standard output.
        let process = Process::start(
            &program::installed("baresip"),
            &["-4", "-s", "-f", &home],
            directory.path(),
        );
        Self {
            process,
            control,
            _directory: directory,
        }
    }

    /// Waits until it has been answered 200 so many times, and returns all final answers up to there.
    ///
    /// # Panics
    /// If that takes longer.
    pub(crate) fn wait_for_registrations(&self, count: usize, within: Duration) -> Vec<Reply> {
        self.process
            .wait_for(format!("{count} answers 200"), within, |lines| {
                let replies = replies_in(lines);
                (replies.iter().filter(|reply| reply.status == 200).count() >= count)
                    .then_some(replies)
            })
    }

    /// Calls somebody.
    pub(crate) fn dial(&self, target: &str) {
        self.command(&json!({"command": "dial", "params": target}));
    }

    /// Picks up.
    pub(crate) fn pick_up(&self) {
        self.command(&json!({"command": "accept"}));
    }

    /// Ends the call, or refuses it.
    pub(crate) fn hang_up(&self) {
        self.command(&json!({"command": "hangup"}));
    }

    /// Waits until its trace is one of which `wanted` holds, and returns that.
    ///
    /// # Panics
    /// If it does not get there.
    pub(crate) fn wait_until(&self, what: &str, wanted: impl Fn(&Trace) -> bool) -> Trace {
        self.process.wait_for(what, PROMPT, |lines| {
            Some(trace_in(lines)).filter(|trace| wanted(trace))
        })
    }

    /// Waits until a request of a method has come.
    ///
    /// # Panics
    /// If none does.
    pub(crate) fn wait_for_request(&self, method: &str) -> Trace {
        self.wait_until(&format!("{method} comes"), |trace| {
            trace.has_request(method)
        })
    }

    /// Hangs up for good as a user does: it de-registers first. Returns all final answers it ever got.
    ///
    /// # Panics
    /// If it does not end.
    pub(crate) fn quit(self) -> Vec<Reply> {
        replies_in(&self.process.terminate())
    }

    /// A netstring of JSON, on a connection of its own; the answer tells that it was done.
    fn command(&self, command: &Value) {
        let text = command.to_string();
        let mut stream = TcpStream::connect_timeout(&self.control.address(), PROMPT)
            .expect("connect to baresip's control");
        stream.set_read_timeout(Some(PROMPT)).expect("a timeout");
        write!(stream, "{}:{text},", text.len()).expect("tell baresip");
        let mut answer = Vec::new();
        while !String::from_utf8_lossy(&answer).contains("\"response\":true") {
            let mut octets = [0; 4096];
            let count = stream.read(&mut octets).expect("baresip's answer");
            assert_ne!(count, 0, "baresip does not answer {text}");
            answer.extend_from_slice(&octets[..count]);
        }
    }

    /// Loses its power: it says goodbye to nobody.
    pub(crate) fn vanish(self) {
        self.process.kill();
    }
}

fn replies_in(lines: &[String]) -> Vec<Reply> {
    trace_in(lines)
        .received()
        .filter_map(Reply::of)
        .filter(|reply| reply.status >= 200)
        .collect()
}

/// The messages in its output. A line "UDP source -> destination" stands before each, and the first is one that it sends.
fn trace_in(lines: &[String]) -> Trace {
    let mut own = None;
    let mut messages = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        let Some((source, _)) = line
            .strip_prefix("UDP ")
            .and_then(|rest| rest.split_once(" -> "))
        else {
            continue;
        };
        let way = if *own.get_or_insert(source) == source {
            Way::Sent
        } else {
            Way::Received
        };
        let rest = &lines[index + 1..];
        // Without its end it is not all there yet.
        let length = rest.iter().position(String::is_empty);
        let message = length.and_then(|length| Message::read(&rest[..length].join("\n")));
        messages.extend(message.map(|message| (way, message)));
    }
    messages.into_iter().collect()
}
