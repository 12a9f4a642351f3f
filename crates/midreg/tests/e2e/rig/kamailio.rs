//! `Kamailio`: the main registrar. `kamailio.cfg` tells what it does with a request.

use std::collections::HashMap;
use std::net::{SocketAddr, UdpSocket};
use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;

use super::process::Process;
use super::usrloc::{self, Contact};
use super::{DOMAIN, PROMPT, Port, program, wire};

/// What differs from test to test.
#[derive(Clone, Debug, Default)]
pub(crate) struct Settings {
    /// A Contact that asks for fewer seconds gets 423; 0: no limit.
    pub(crate) min_expires: u32,
    /// A Contact that asks for more seconds is cut to this; 0: no limit.
    pub(crate) max_expires: u32,
    /// The answer to a wrong password.
    pub(crate) wrong_password: WrongPassword,
    /// The address whose removals are accepted without a challenge.
    pub(crate) trusted: Option<SocketAddr>,
    /// Whether contacts are asked if they are there.
    pub(crate) pings: Pings,
}

/// Whether contacts are asked if they are there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Pings {
    /// Nobody is.
    #[default]
    Nobody,
    /// All are, every second, with OPTIONS.
    EverySecond,
}

/// The answer to a wrong password.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum WrongPassword {
    /// 401 again, with a new challenge.
    #[default]
    Challenge,
    /// 403.
    Refuse,
}

/// What became of a REGISTER at Kamailio.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// 401.
    Challenged,
    /// The credentials were right; saved, and answered 200.
    Authenticated,
    /// A removal without credentials from the trusted address; saved, and answered 200.
    Trusted,
    /// 403.
    Refused,
    /// The credentials were right, but it was not saved: 423 or 5xx.
    Rejected,
}

/// A REGISTER as Kamailio saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RegisterSeen {
    /// What became of it.
    pub(crate) verdict: Verdict,
    /// User part of the To URI.
    pub(crate) user: String,
    /// Domain of the To URI.
    pub(crate) domain: String,
    /// Request-URI.
    pub(crate) target: String,
    /// Call-ID.
    pub(crate) call_id: String,
    /// Sequence number.
    pub(crate) cseq: u32,
    /// Where it came from.
    pub(crate) source: SocketAddr,
    /// Does it carry credentials?
    pub(crate) has_authorization: bool,
    /// All Contact values, comma-separated.
    pub(crate) contact: String,
}

/// Another request as Kamailio saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RequestSeen {
    /// Method.
    pub(crate) method: String,
    /// Request-URI.
    pub(crate) target: String,
    /// Where it came from.
    pub(crate) source: SocketAddr,
}

impl RegisterSeen {
    /// Does its one Contact leave?
    pub(crate) fn is_removal(&self) -> bool {
        self.contact.ends_with("expires=0")
    }
}

/// A running main registrar. Dropping it ends it.
#[derive(Debug)]
pub(crate) struct Kamailio {
    settings: Settings,
    port: Port,
    process: Process,
    seen_before: Vec<RegisterSeen>,
    directory: TempDir,
}

/// A main registrar that is down: its address swallows what it is sent.
#[derive(Debug)]
pub(crate) struct SilentKamailio {
    settings: Settings,
    port: Port,
    seen_before: Vec<RegisterSeen>,
    swallower: UdpSocket,
}

impl Kamailio {
    /// Starts a main registrar and waits until it serves.
    pub(crate) fn start(settings: Settings) -> Self {
        Self::start_at(Port::reserve(), settings, Vec::new())
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.port.address()
    }

    /// Every REGISTER it has seen since the first start, in order; a retransmission counts as the one it repeats.
    pub(crate) fn registers(&self) -> Vec<RegisterSeen> {
        self.catch_up();
        let mut seen = self.seen_before.clone();
        for register in registers_in(&self.process.lines()) {
            let repeats = |known: &RegisterSeen| {
                (&known.call_id, known.cseq) == (&register.call_id, register.cseq)
            };
            if !seen.iter().any(repeats) {
                seen.push(register);
            }
        }
        seen
    }

    /// Every request of a method other than REGISTER that it has seen since its last start, in order; a retransmission
    /// counts as the one it repeats.
    pub(crate) fn requests(&self, method: &str) -> Vec<RequestSeen> {
        self.catch_up();
        let lines = self.process.lines();
        let mut known = Vec::new();
        let mut requests = Vec::new();
        for fields in records(&lines, "rig:request") {
            let key = ["call_id", "cseq", "branch"].map(|name| field(&fields, name).to_owned());
            if field(&fields, "method") == method && !known.contains(&key) {
                known.push(key);
                requests.push(RequestSeen {
                    method: method.to_owned(),
                    target: field(&fields, "target").to_owned(),
                    source: field(&fields, "source").parse().expect("a source address"),
                });
            }
        }
        requests
    }

    /// The verdicts of all REGISTERs, in order.
    pub(crate) fn verdicts(&self) -> Vec<Verdict> {
        self.registers()
            .iter()
            .map(|register| register.verdict)
            .collect()
    }

    /// Waits for a REGISTER of which `wanted` holds.
    ///
    /// # Panics
    /// If there is none within the time.
    pub(crate) fn wait_for_register(
        &self,
        what: &str,
        within: Duration,
        wanted: impl Fn(&RegisterSeen) -> bool,
    ) -> RegisterSeen {
        self.process.wait_for(what, within, |lines| {
            registers_in(lines).into_iter().find(&wanted)
        })
    }

    /// Waits until a binding of the user has run out by itself.
    ///
    /// # Panics
    /// If none has within the time.
    pub(crate) fn wait_for_expiry(&self, user: &str, within: Duration) {
        self.process
            .wait_for(format!("a binding of {user} runs out"), within, |lines| {
                records(lines, "rig:expired")
                    .any(|fields| fields.get("user") == Some(&user))
                    .then_some(())
            });
    }

    /// Waits until a ping of a user has been answered with this status.
    ///
    /// # Panics
    /// If none is within the time.
    pub(crate) fn wait_for_ping(&self, user: &str, status: u16, within: Duration) {
        let status = status.to_string();
        self.process
            .wait_for(format!("{status} to a ping of {user}"), within, |lines| {
                records(lines, "rig:ping")
                    .any(|fields| {
                        field(&fields, "user") == user && field(&fields, "status") == status
                    })
                    .then_some(())
            });
    }

    /// The bindings of a user, as its location table has them.
    pub(crate) fn contacts(&self, user: &str) -> Vec<Contact> {
        self.catch_up();
        usrloc::contacts(&self.rpc_socket(), user)
    }

    /// Stops it. Its table is lost, as memory is; its address swallows whatever comes.
    pub(crate) fn fall_silent(self) -> SilentKamailio {
        let seen_before = self.registers();
        let Self {
            settings,
            port,
            process,
            ..
        } = self;
        process.terminate();
        let swallower = port.swallow();
        SilentKamailio {
            settings,
            port,
            seen_before,
            swallower,
        }
    }

    fn start_at(port: Port, settings: Settings, seen_before: Vec<RegisterSeen>) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let arguments = arguments(&settings, port.address(), directory.path());
        let process = Process::start(
            &program::installed("kamailio"),
            &arguments,
            directory.path(),
        );
        let kamailio = Self {
            settings,
            port,
            process,
            seen_before,
            directory,
        };
        let answer = wire::options(kamailio.address(), PROMPT);
        assert!(
            answer.is_some(),
            "Kamailio does not serve\n{}",
            kamailio.process.transcript()
        );
        kamailio
    }

    /// Waits until everything that it received so far has been handled and written down.
    fn catch_up(&self) {
        let probe = wire::options(self.address(), PROMPT)
            .unwrap_or_else(|| panic!("Kamailio answers no more\n{}", self.process.transcript()));
        self.process
            .wait_for("the probe is written down", PROMPT, |lines| {
                records(lines, "rig:probe")
                    .any(|fields| fields.get("call_id") == Some(&probe.as_str()))
                    .then_some(())
            });
    }

    fn rpc_socket(&self) -> std::path::PathBuf {
        rpc_socket(self.directory.path())
    }
}

impl SilentKamailio {
    /// Starts it again at the same address, with an empty table.
    pub(crate) fn come_back(self) -> Kamailio {
        drop(self.swallower);
        Kamailio::start_at(self.port, self.settings, self.seen_before)
    }
}

fn arguments(settings: &Settings, address: SocketAddr, directory: &Path) -> Vec<String> {
    let config = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/e2e/rig/kamailio.cfg");
    let home = directory.display().to_string();
    // -DD: stay in the foreground; -E: log to stderr; -m, -M: 16 MiB shared and 4 MiB private memory.
    let mut arguments: Vec<String> = [
        "-DD", "-E", "-m", "16", "-M", "4", "-f", config, "-w", &home, "-Y", &home,
    ]
    .map(str::to_owned)
    .into();
    arguments.extend(["-l".to_owned(), format!("udp:{address}")]);
    let mut define = |name: &str| arguments.extend(["-A".to_owned(), name.to_owned()]);
    define(&format!(
        "RPC_SOCKET=\"{}\"",
        rpc_socket(directory).display()
    ));
    define(&format!("DOMAIN=\"{DOMAIN}\""));
    define(&format!("MIN_EXPIRES={}", settings.min_expires));
    define(&format!("MAX_EXPIRES={}", settings.max_expires));
    if settings.pings == Pings::EverySecond {
        define("PINGS");
    }
    if settings.wrong_password == WrongPassword::Refuse {
        define("REFUSE_WRONG_PASSWORD");
    }
    if let Some(trusted) = settings.trusted {
        define(&format!("TRUSTED_PORT={}", trusted.port()));
    }
    arguments
}

fn rpc_socket(directory: &Path) -> std::path::PathBuf {
    directory.join("rpc")
}

fn registers_in(lines: &[String]) -> Vec<RegisterSeen> {
    records(lines, "rig:register")
        .map(|fields| {
            let field = |name: &str| field(&fields, name);
            RegisterSeen {
                verdict: match field("verdict") {
                    "challenged" => Verdict::Challenged,
                    "authenticated" => Verdict::Authenticated,
                    "trusted" => Verdict::Trusted,
                    "refused" => Verdict::Refused,
                    "rejected" => Verdict::Rejected,
                    other => panic!("unknown verdict {other}"),
                },
                user: field("user").to_owned(),
                domain: field("domain").to_owned(),
                target: field("target").to_owned(),
                call_id: field("call_id").to_owned(),
                cseq: field("cseq").parse().expect("a sequence number"),
                source: field("source").parse().expect("a source address"),
                has_authorization: field("authorization") == "1",
                contact: field("contact").to_owned(),
            }
        })
        .collect()
}

fn field<'a>(fields: &HashMap<&str, &'a str>, name: &str) -> &'a str {
    fields
        .get(name)
        .unwrap_or_else(|| panic!("no {name} in {fields:?}"))
}

/// The fields of every line that carries the marker.
fn records<'a>(
    lines: &'a [String],
    marker: &str,
) -> impl Iterator<Item = HashMap<&'a str, &'a str>> {
    lines
        .iter()
        .filter_map(move |line| line.split_once(marker))
        .map(|(_, fields)| {
            fields
                .split('\t')
                .filter_map(|field| field.split_once('='))
                .collect()
        })
}
