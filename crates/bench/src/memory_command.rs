//! The `memory` command: what the bindings of a midreg take in its resident memory, right after the preload and
//! when the transactions of the preload have ended. What an allocator was once given it may keep, so a fast
//! preload can cost more for good than a slow one (`--preload-rate`).

use std::thread;
use std::time::Duration;

use crate::cli::MemoryArgs;
use crate::failure::Failure;
use crate::fleet::{Fleet, Preload};
use crate::json::Json;
use crate::memory::Memory;
use crate::subject::Subject;

/// Preloads, waits and prints what the target holds.
pub fn run(args: &MemoryArgs) -> Result<(), Failure> {
    let subject = Subject::start(&args.subject, &args.fleet)?;
    let target = subject.midreg.process();
    let aors = args.bindings.div_ceil(args.fleet.devices_per_aor);
    let mut fleet = Fleet::new(subject.midreg.address(), &args.fleet, aors, args.expires)?;
    let before = target.resident_bytes()?;
    let preload = fleet.preload(&args.fleet, Some(target))?;
    let loaded = target.resident_bytes()?;
    thread::sleep(Duration::from_secs(args.settle));
    let grown_to = |after| Memory {
        before,
        after,
        bindings: preload.registered,
    };
    let outcome = Outcome {
        loaded: grown_to(loaded),
        settled: grown_to(target.resident_bytes()?),
        peak: grown_to(target.peak_bytes()?),
        preload,
        settle: args.settle,
    };
    if args.json {
        crate::print_line(&outcome.json());
    } else {
        crate::print_line(&outcome.text());
    }
    Ok(())
}

/// What was found.
struct Outcome {
    preload: Preload,
    loaded: Memory,
    settled: Memory,
    peak: Memory,
    /// Seconds between `loaded` and `settled`.
    settle: u64,
}

impl Outcome {
    fn json(&self) -> Json {
        Json::object([
            ("registered", self.preload.registered.into()),
            ("settle_seconds", self.settle.into()),
            ("loaded", self.loaded.json()),
            ("settled", self.settled.json()),
            ("peak", self.peak.json()),
            ("preload", self.preload.json()),
        ])
    }

    fn text(&self) -> String {
        let mut text = self.preload.text();
        let later = format!("{} s later", self.settle);
        for (when, memory) in [
            ("after the preload", &self.loaded),
            (&*later, &self.settled),
            ("at its peak", &self.peak),
        ] {
            text += &format!("{when:<18} {}\n", memory.text());
        }
        text.trim_end().to_owned()
    }
}
