//! The `compare` command: a midreg against the bare floor in one run. Rounds alternate, so that whatever else
//! the machine does hits both alike, and the floor echoes datagrams of exactly the sizes that midreg's had.
//! Of several numbers of AoRs each has a midreg of its own, and its turn in every round.

use std::time::Duration;

use crate::cli::CompareArgs;
use crate::comparison::{Comparison, Round, Sized};
use crate::echo_command::Floor;
use crate::failure::Failure;
use crate::fleet::{Fleet, Preload};
use crate::load::{Pacing, Tally};
use crate::measured::Measured;
use crate::memory::Memory;
use crate::subject::Subject;

/// Refreshes sent to learn the sizes and to warm everything up.
const WARM_UP: u64 = 20_000;

/// Runs the whole comparison and prints it.
pub fn run(args: &CompareArgs) -> Result<(), Failure> {
    let mut sides = Vec::new();
    for aors in &args.aors {
        sides.push(Side::start(args, *aors)?);
    }
    let load = Load::of(args);
    let (mut request_bytes, mut response_bytes) = (0, 0);
    for side in &mut sides {
        let warm = side.refresh(&load, load.requests.min(WARM_UP))?;
        (request_bytes, response_bytes) = (warm.mean_request_bytes(), warm.mean_response_bytes());
    }
    let mut floor = Floor::start(request_bytes, response_bytes, args.fleet.sockets)?;
    floor.round(load.window, load.requests.min(WARM_UP), load.time)?;

    for side in &mut sides {
        side.upstream_before = side.subject.registers_seen()?;
    }
    let mut rounds = Vec::new();
    for _ in 0..args.rounds {
        let echo = floor.round(load.window, load.requests, load.time)?;
        let mut loaded = Vec::new();
        for side in &mut sides {
            loaded.push(side.round(&load)?);
        }
        rounds.push(Round { echo, loaded });
    }
    let comparison = Comparison {
        request_bytes,
        response_bytes,
        sizes: sides.into_iter().map(Side::end).collect::<Result<_, _>>()?,
        rounds,
    };
    if args.json {
        crate::print_line(&comparison.json());
    } else {
        crate::print_line(&comparison.text());
    }
    Ok(())
}

/// How every round goes.
struct Load {
    window: usize,
    requests: u64,
    time: Duration,
}

impl Load {
    fn of(args: &CompareArgs) -> Self {
        Self {
            window: args.window.max(1),
            requests: args.requests,
            time: Duration::from_secs(args.r#for),
        }
    }
}

/// One midreg with its phones.
struct Side {
    subject: Subject,
    fleet: Fleet,
    aors: u32,
    preload: Preload,
    memory: Memory,
    upstream_before: u64,
}

impl Side {
    /// Starts a midreg and registers the phones of `aors` AoRs.
    fn start(args: &CompareArgs, aors: u32) -> Result<Self, Failure> {
        let subject = Subject::start(&args.subject, &args.fleet)?;
        let target = subject.midreg.process();
        let mut fleet = Fleet::new(subject.midreg.address(), &args.fleet, aors, args.expires)?;
        let before = target.resident_bytes()?;
        let preload = fleet.preload(&args.fleet, Some(target))?;
        Ok(Self {
            memory: Memory::grown(target, before, preload.registered)?,
            subject,
            fleet,
            aors,
            preload,
            upstream_before: 0,
        })
    }

    fn refresh(&mut self, load: &Load, requests: u64) -> Result<Tally, Failure> {
        let window = load.window;
        self.fleet
            .refresh(Pacing::Closed { window }, requests, load.time)
    }

    fn round(&mut self, load: &Load) -> Result<Measured, Failure> {
        let target = Some(self.subject.midreg.process());
        Measured::of(target, || self.refresh(load, load.requests))
    }

    fn end(self) -> Result<Sized, Failure> {
        Ok(Sized {
            aors: self.aors,
            upstream_registers: self.subject.registers_seen()? - self.upstream_before,
            preload: self.preload,
            memory: self.memory,
        })
    }
}
