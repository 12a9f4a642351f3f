//! The `compare` command: a midreg against the bare floor in one run. Rounds alternate, so that whatever else
//! the machine does hits both alike, and the floor echoes datagrams of exactly the sizes that midreg's had.

use std::process::Command;
use std::time::Duration;

use crate::children::{Server, ask, free_port};
use crate::cli::CompareArgs;
use crate::comparison::Comparison;
use crate::echo_command::Floor;
use crate::failure::Failure;
use crate::fields;
use crate::fleet::Fleet;
use crate::load::Pacing;
use crate::measured::Measured;
use crate::memory::Memory;
use crate::registrar::COUNT_HEADER;

/// Refreshes sent to learn the sizes and to warm everything up.
const WARM_UP: u64 = 20_000;

/// Runs the whole comparison and prints it.
pub fn run(args: &CompareArgs) -> Result<(), Failure> {
    let registrar = start_registrar(args)?;
    let midreg = start_midreg(args, &registrar)?;
    let mut fleet = Fleet::new(midreg.address(), &args.fleet, args.expires)?;

    let before = midreg.process().resident_bytes()?;
    let preload = fleet.preload(&args.fleet, Some(midreg.process()))?;
    let memory = Memory::grown(midreg.process(), before, preload.registered)?;

    let window = args.window.max(1);
    let pacing = Pacing::Closed { window };
    let time = Duration::from_secs(args.r#for);
    let warm = fleet.refresh(pacing, args.requests.min(WARM_UP), time)?;
    let (request_bytes, response_bytes) = (warm.mean_request_bytes(), warm.mean_response_bytes());
    let mut floor = Floor::start(request_bytes, response_bytes, args.fleet.sockets)?;
    floor.round(window, args.requests.min(WARM_UP), time)?;

    let upstream_before = registers_seen(&registrar)?;
    let mut rounds = Vec::new();
    for _ in 0..args.rounds {
        let echo = floor.round(window, args.requests, time)?;
        let loaded = Measured::of(Some(midreg.process()), || {
            fleet.refresh(pacing, args.requests, time)
        })?;
        rounds.push((echo, loaded));
    }
    let comparison = Comparison {
        request_bytes,
        response_bytes,
        preload,
        memory,
        rounds,
        upstream_registers: registers_seen(&registrar)? - upstream_before,
    };
    if args.json {
        crate::print_line(&comparison.json());
    } else {
        crate::print_line(&comparison.text());
    }
    Ok(())
}

fn start_registrar(args: &CompareArgs) -> Result<Server, Failure> {
    let plain = ["registrar", "--listen", "127.0.0.1:0"];
    match args.fleet.password {
        Some(_) => Server::own(&[&plain[..], &["--challenge"]].concat()),
        None => Server::own(&plain),
    }
}

fn start_midreg(args: &CompareArgs, registrar: &Server) -> Result<Server, Failure> {
    let address = free_port()?;
    let mut command = Command::new(&args.midreg);
    command
        .arg("run")
        .args(["--listen", &format!("udp://{address}")])
        .args(["--upstream", &format!("sip:{}", registrar.address())])
        .args(["--mode", &args.mode])
        .args(["--set", "registration.min_expires=1"]);
    for setting in &args.settings {
        command.args(["--set", setting]);
    }
    Server::foreign(
        &mut command,
        address,
        // A query (RFC 3261 §10.2.3) is answered by any registrar and binds nothing.
        probe("REGISTER", &args.fleet.domain).as_bytes(),
    )
}

/// How many REGISTERs the stub registrar has seen since it began.
fn registers_seen(registrar: &Server) -> Result<u64, Failure> {
    let request = probe("OPTIONS", "localhost");
    (0..5)
        .find_map(|_| {
            let answer = ask(
                registrar.address(),
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

/// A request outside any dialog that any SIP element answers somehow.
fn probe(method: &str, domain: &str) -> String {
    let branch = std::process::id();
    format!(
        "{method} sip:{domain} SIP/2.0\r\n\
         Via: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bK-probe-{branch};rport\r\n\
         Max-Forwards: 70\r\nFrom: <sip:probe@{domain}>;tag=probe\r\nTo: <sip:probe@{domain}>\r\n\
         Call-ID: probe-{branch}\r\nCSeq: 1 {method}\r\nContent-Length: 0\r\n\r\n"
    )
}
