//! The `register` command: preload all phones, refresh them, report.

use std::time::Duration;

use crate::cli::RegisterArgs;
use crate::failure::Failure;
use crate::fleet::{Fleet, Preload};
use crate::json::Json;
use crate::load::{Pacing, Tally};
use crate::measured::Measured;
use crate::process::Process;
use crate::socket;

/// Preloads, refreshes and prints what came of it.
pub fn run(args: &RegisterArgs) -> Result<(), Failure> {
    socket::check_reach(args.target, args.reach.allowed())?;
    let target = args.pid.map(Process::new);
    let mut fleet = Fleet::new(args.target, &args.fleet, args.expires)?;
    let resident = || target.map(Process::resident_bytes).transpose();
    let empty = resident()?;
    let preload = fleet.preload(&args.fleet)?;
    let loaded = resident()?;

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
    let memory = empty.zip(loaded).map(|(before, after)| Memory {
        before,
        after,
        bindings: preload.registered,
    });
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

/// Resident memory of the target before and after the preload.
pub struct Memory {
    /// Bytes before any device was registered.
    pub before: u64,
    /// Bytes after.
    pub after: u64,
    /// Devices registered meanwhile.
    pub bindings: u64,
}

impl Memory {
    /// Bytes that each binding added.
    pub fn per_binding(&self) -> f64 {
        (self.after as f64 - self.before as f64) / self.bindings.max(1) as f64
    }

    /// All of it for programs.
    pub fn json(&self) -> Json {
        Json::object([
            ("before_bytes", self.before.into()),
            ("after_bytes", self.after.into()),
            ("bindings", self.bindings.into()),
            ("per_binding_bytes", self.per_binding().into()),
        ])
    }

    /// One line for people.
    pub fn text(&self) -> String {
        format!(
            "resident memory: {:.1} MB before, {:.1} MB after {} bindings = {:.0} bytes each",
            self.before as f64 / 1e6,
            self.after as f64 / 1e6,
            self.bindings,
            self.per_binding()
        )
    }
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
            (
                "preload",
                Json::List(self.preload.passes.iter().map(Tally::json).collect()),
            ),
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
        let mut text = String::new();
        for pass in &self.preload.passes {
            text += &format!("preload\n{}\n", pass.text());
        }
        text += &format!("registered {} devices\n", self.preload.registered);
        if let Some(memory) = &self.memory {
            text += &format!("{}\n", memory.text());
        }
        if let Some(refresh) = &self.refresh {
            text += &format!("refresh\n{}\n{}", refresh.tally.text(), refresh.cpu_text());
        }
        text.trim_end().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_per_binding() {
        let memory = Memory {
            before: 10_000_000,
            after: 150_000_000,
            bindings: 200_000,
        };
        assert_eq!(memory.per_binding(), 700.0);
        assert!(memory.text().contains("= 700 bytes each"));
        let shrunk = Memory {
            before: 2,
            after: 1,
            bindings: 0,
        };
        assert_eq!(shrunk.per_binding(), -1.0);
    }
}
