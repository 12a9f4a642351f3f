//! The `register` command: preload all phones, refresh them, report.

use std::time::Duration;

use crate::cli::RegisterArgs;
use crate::failure::Failure;
use crate::fleet::{Fleet, Preload};
use crate::json::Json;
use crate::load::Pacing;
use crate::measured::Measured;
use crate::memory::Memory;
use crate::process::Process;
use crate::socket;

/// Preloads, refreshes and prints what came of it.
pub fn run(args: &RegisterArgs) -> Result<(), Failure> {
    socket::check_reach(args.target, args.reach.allowed())?;
    let target = args.pid.map(Process::new);
    let mut fleet = Fleet::new(args.target, &args.fleet, args.aors, args.expires)?;
    let before = target.map(Process::resident_bytes).transpose()?;
    let preload = fleet.preload(&args.fleet, target)?;
    let memory = target
        .zip(before)
        .map(|(target, before)| Memory::grown(target, before, preload.registered))
        .transpose()?;

    let pacing = match args.rate {
        Some(per_second) => Pacing::Rate { per_second },
        None => Pacing::Closed {
            window: args.window.max(1),
        },
    };
    let time = Duration::from_secs(args.r#for);
    let refresh = match args.requests {
        0 => None,
        requests => Some(Measured::of(target, || {
            fleet.refresh(pacing, requests, time)
        })?),
    };
    let outcome = Outcome {
        preload,
        refresh,
        memory,
    };
    if args.json {
        crate::print_line(&outcome.json());
    } else {
        crate::print_line(&outcome.text());
    }
    Ok(())
}

struct Outcome {
    preload: Preload,
    refresh: Option<Measured>,
    memory: Option<Memory>,
}

impl Outcome {
    fn json(&self) -> Json {
        Json::object([
            ("registered", self.preload.registered.into()),
            ("preload", self.preload.json()),
            (
                "refresh",
                self.refresh.as_ref().map_or(Json::Null, Measured::json),
            ),
            (
                "memory",
                self.memory.as_ref().map_or(Json::Null, Memory::json),
            ),
        ])
    }

    fn text(&self) -> String {
        let mut text = self.preload.text();
        if let Some(memory) = &self.memory {
            text += &format!("{}\n", memory.text());
        }
        if let Some(refresh) = &self.refresh {
            text += &format!("refresh\n{}", refresh.text());
        }
        text.trim_end().to_owned()
    }
}
