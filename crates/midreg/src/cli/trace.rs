//! `midreg trace`: the messages from and to a user, live.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Args;

use super::ladder::{Ladder, clock};
use super::pcap;
use super::remote::{Failure, Outcome, Remote, print, print_json};
use super::table::printable;
use super::top::duration;
use crate::control::wire::{Request, Sighting, Watched};

const NO_FILE: &str = "cannot write the capture file";

/// Whose messages, and in which form.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// The user, as user@domain.
    aor: String,
    #[command(flatten)]
    remote: Remote,
    /// Whole messages, not a ladder of them.
    #[arg(long)]
    text: bool,
    /// Write them to this file as well, for Wireshark.
    #[arg(long, value_name = "FILE")]
    pcap: Option<PathBuf>,
    /// How long, such as 1m; until it is interrupted when left out.
    #[arg(long = "for", value_name = "TIME", value_parser = duration)]
    duration: Option<Duration>,
    /// End after so many messages.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    limit: Option<u64>,
    /// One JSON object per message, each on a line.
    #[arg(long, conflicts_with = "text")]
    json: bool,
}

/// Shows them until the time is over.
pub(super) fn trace(options: &Options) -> Outcome {
    let mut client = options.remote.connect()?;
    let mut capture = options.pcap.as_ref().map(Capture::create).transpose()?;
    let aor = options.aor.clone();
    let mut told: Watched = client.ask(&Request::Trace { aor })?;
    let until = options.duration.map(|duration| Instant::now() + duration);
    let mut ladder = Ladder::default();
    let mut left = options.limit.unwrap_or(u64::MAX);
    loop {
        match told {
            Watched::Watching { aor, upstream } => {
                ladder = Ladder::new(&upstream);
                eprintln!("watching {aor}; interrupt to end");
                if !options.json && !options.text {
                    print(&Ladder::head())?;
                }
            }
            Watched::Datagram(seen) => {
                if let Some(capture) = &mut capture {
                    capture.add(&seen)?;
                }
                match (options.json, options.text) {
                    (true, _) => print_json(&seen)?,
                    (false, true) => print(&whole(&seen))?,
                    (false, false) => print(&ladder.rung(&seen))?,
                }
                left -= 1;
            }
            Watched::Lost(count) => eprintln!("{count} messages could not be shown"),
            Watched::Idle {} => {}
        }
        let over = until.is_some_and(|until| until <= Instant::now());
        if over || left == 0 {
            return Ok(ExitCode::SUCCESS);
        }
        told = client.hear()?;
    }
}

/// A message as it is, with a line that says whence and whither.
fn whole(seen: &Sighting) -> String {
    let Sighting { remote, local, .. } = seen;
    let way = match seen.incoming {
        true => format!("from {remote} to {local}"),
        false => format!("from {local} to {remote}"),
    };
    let body = match (&seen.text, &seen.hex) {
        (Some(text), _) => text.lines().map(|line| printable(line) + "\n").collect(),
        (None, hex) => format!("{}\n", hex.as_deref().unwrap_or_default()),
    };
    format!("--- {} {way}\n{body}\n", clock(seen.at))
}

/// A capture file that is being written.
struct Capture {
    file: BufWriter<File>,
}

impl Capture {
    fn create(path: &PathBuf) -> Result<Self, Failure> {
        let mut file = BufWriter::new(File::create(path).map_err(fail)?);
        let written = pcap::write_head(&mut file).and_then(|()| file.flush());
        written.map_err(fail)?;
        Ok(Self { file })
    }

    /// Adds a message. It is in the file at once: whoever interrupts us wants to see it.
    fn add(&mut self, seen: &Sighting) -> Result<(), Failure> {
        let addresses = (seen.remote.parse(), seen.local.parse());
        let (Ok(remote), Ok(local)) = addresses else {
            return Ok(());
        };
        let remote: SocketAddr = remote;
        let way = match seen.incoming {
            true => (remote, local),
            false => (local, remote),
        };
        let bytes = match (&seen.text, &seen.hex) {
            (Some(text), _) => text.clone().into_bytes(),
            (None, hex) => from_hex(hex.as_deref().unwrap_or_default()),
        };
        pcap::write_datagram(&mut self.file, seen.at, way, &bytes)
            .and_then(|()| self.file.flush())
            .map_err(fail)
    }
}

fn fail(error: std::io::Error) -> Failure {
    Failure::System(NO_FILE, error)
}

fn from_hex(text: &str) -> Vec<u8> {
    let digits = text.as_bytes().chunks(2);
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    digits.filter_map(byte).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_message_says_whence_it_comes() {
        let seen = Sighting {
            at: 1_700_000_000_123,
            incoming: true,
            remote: "192.0.2.1:5060".to_owned(),
            local: "192.0.2.2:5060".to_owned(),
            text: Some("OPTIONS sip:a SIP/2.0\r\nX: \x1b\r\n\r\n".to_owned()),
            hex: None,
        };
        assert_eq!(
            whole(&seen),
            "--- 22:13:20.123 from 192.0.2.1:5060 to 192.0.2.2:5060\n\
             OPTIONS sip:a SIP/2.0\nX: \u{fffd}\n\n\n"
        );
        let odd = Sighting {
            text: None,
            hex: Some("00ff".to_owned()),
            incoming: false,
            ..seen
        };
        assert!(whole(&odd).ends_with("from 192.0.2.2:5060 to 192.0.2.1:5060\n00ff\n\n"));
        assert_eq!(from_hex("00ff"), [0, 255]);
    }
}
