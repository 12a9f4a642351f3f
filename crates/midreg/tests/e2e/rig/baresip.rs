//! `Baresip`: a soft phone as people run it, with an account that is kept registered through an outbound server.

use std::fs;
use std::net::SocketAddr;
use std::time::Duration;

use tempfile::TempDir;

use super::process::Process;
use super::{DOMAIN, Reply, program};

/// Where Debian keeps baresip's modules.
const MODULES: &str = "/usr/lib/baresip/modules";

/// A running soft phone. Dropping it ends it.
#[derive(Debug)]
pub(crate) struct Baresip {
    process: Process,
    _directory: TempDir,
}

impl Baresip {
    /// Starts a soft phone that registers a user for `expires` seconds at a time and refreshes when nine tenths are over.
    pub(crate) fn start(user: &str, expires: u32, server: SocketAddr) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let account = format!(
            "<sip:{user}@{DOMAIN};transport=udp>;auth_pass=pw-{user};outbound=\"sip:{server};transport=udp\";\
             regint={expires};pubint=0\n"
        );
        let config = format!(
            "sip_listen 127.0.0.1:0\nnet_interface 127.0.0.1\nmodule_path {MODULES}\nmodule_app account.so\n\
             module_app menu.so\n"
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

    /// Hangs up for good as a user does: it de-registers first. Returns all final answers it ever got.
    ///
    /// # Panics
    /// If it does not end.
    pub(crate) fn quit(self) -> Vec<Reply> {
        replies_in(&self.process.terminate())
    }

    /// Loses its power: it says goodbye to nobody.
    pub(crate) fn vanish(self) {
        self.process.kill();
    }
}

/// The responses in the trace: each begins with its status line and ends with an empty one.
fn replies_in(lines: &[String]) -> Vec<Reply> {
    (0..lines.len())
        .filter(|&first| lines[first].starts_with("SIP/2.0 "))
        .filter_map(|first| {
            let length = lines[first..].iter().position(String::is_empty)?;
            Reply::read(&lines[first..first + length].join("\n"))
        })
        .filter(|reply| reply.status >= 200)
        .collect()
}
