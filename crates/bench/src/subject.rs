//! `Subject`: a midreg that is started to be measured, before a stub main registrar of its own; [`Midreg`] is how
//! any is started.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::children::{Server, ask, free_port};
use crate::cli::{FleetArgs, SubjectArgs};
use crate::failure::Failure;
use crate::fields;
use crate::registrar::COUNT_HEADER;

/// A running midreg and the main registrar behind it. Both end with the value.
pub struct Subject {
    /// The midreg; dropped first, so that it does not outlive what it leans on.
    pub midreg: Server,
    registrar: Server,
}

impl Subject {
    /// Starts both. Where the phones have a password, the main registrar challenges.
    pub fn start(args: &SubjectArgs, fleet: &FleetArgs) -> Result<Self, Failure> {
        let registrar = start_registrar(fleet)?;
        let midreg = Midreg {
            program: &args.midreg,
            settings: &args.settings,
            mode: &args.mode,
            upstream: registrar.address(),
        };
        // A query (RFC 3261 §10.2.3) is answered by any registrar and binds nothing.
        let query = probe("REGISTER", &fleet.domain);
        Ok(Self {
            midreg: midreg.start(free_port()?, &query)?,
            registrar,
        })
    }

    /// How many REGISTERs the main registrar has seen since it began.
    pub fn registers_seen(&self) -> Result<u64, Failure> {
        let request = probe("OPTIONS", "localhost");
        (0..5)
            .find_map(|_| {
                let answer = ask(
                    self.registrar.address(),
                    request.as_bytes(),
                    Duration::from_secs(1),
                )?;
                std::str::from_utf8(fields::header(&answer, COUNT_HEADER)?)
                    .ok()?
                    .parse()
                    .ok()
            })
            .ok_or_else(|| Failure::new("the stub registrar does not tell its count"))
    }
}

fn start_registrar(fleet: &FleetArgs) -> Result<Server, Failure> {
    let plain = ["registrar", "--listen", "127.0.0.1:0"];
    match fleet.password {
        Some(_) => Server::own(&[&plain[..], &["--challenge"]].concat()),
        None => Server::own(&plain),
    }
}

/// A midreg as it is to be started.
pub struct Midreg<'a> {
    /// The binary.
    pub program: &'a Path,
    /// Settings besides `registration.min_expires=1`.
    pub settings: &'a [String],
    /// Mode it runs in.
    pub mode: &'a str,
    /// Its main registrar.
    pub upstream: SocketAddr,
}

impl Midreg<'_> {
    /// Starts it on `address` and waits until it answers `probe` there.
    pub fn start(&self, address: SocketAddr, probe: &str) -> Result<Server, Failure> {
        let mut command = Command::new(self.program);
        command
            .arg("run")
            .args(["--listen", &format!("udp://{address}")])
            .args(["--upstream", &format!("sip:{}", self.upstream)])
            .args(["--mode", self.mode])
            .args(["--set", "registration.min_expires=1"]);
        for setting in self.settings {
            command.args(["--set", setting]);
        }
        Server::foreign(&mut command, address, probe.as_bytes())
    }
}

/// A request outside any dialog that any SIP element answers somehow.
pub fn probe(method: &str, domain: &str) -> String {
    let branch = std::process::id();
    format!(
        "{method} sip:{domain} SIP/2.0\r\n\
         Via: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bK-probe-{branch};rport\r\n\
         Max-Forwards: 70\r\nFrom: <sip:probe@{domain}>;tag=probe\r\nTo: <sip:probe@{domain}>\r\n\
         Call-ID: probe-{branch}\r\nCSeq: 1 {method}\r\nContent-Length: 0\r\n\r\n"
    )
}
