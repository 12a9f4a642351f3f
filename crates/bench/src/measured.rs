//! `Measured`: one phase of load together with what it cost the process under load.

use crate::failure::Failure;
use crate::json::Json;
use crate::load::Tally;
use crate::process::{CpuTime, Process};

/// A tally and the target's cost per answered request.
pub struct Measured {
    /// What happened.
    pub tally: Tally,
    /// CPU time of the target per answered request; absent when no process was named.
    pub cpu: Option<CpuTime>,
    /// Share of one core that the target was busy, 0 to 1 per thread; absent like `cpu`.
    pub busy: Option<f64>,
}

impl Measured {
    /// Runs `phase` and reads the CPU time of `target` before and after.
    pub fn of(
        target: Option<Process>,
        phase: impl FnOnce() -> Result<Tally, Failure>,
    ) -> Result<Self, Failure> {
        let before = target.map(Process::cpu).transpose()?;
        let tally = phase()?;
        let after = target.map(Process::cpu).transpose()?;
        let used = before.zip(after).map(|(before, after)| after - before);
        Ok(Self {
            cpu: used.map(|used| used.per(tally.answered())),
            busy: used.map(|used| used.total_us() / 1e6 / tally.elapsed.as_secs_f64().max(1e-9)),
            tally,
        })
    }

    /// All of it for programs; CPU in microseconds per answered request.
    pub fn json(&self) -> Json {
        Json::object([
            ("tally", self.tally.json()),
            ("cpu_user_us", self.cpu.map(|c| c.user_us).into()),
            ("cpu_system_us", self.cpu.map(|c| c.system_us).into()),
            ("cpu_us", self.cpu.map(CpuTime::total_us).into()),
            ("busy", self.busy.into()),
        ])
    }

    /// Lines for people: the tally, and CPU where a process was named.
    pub fn text(&self) -> String {
        let mut text = format!("{}\n", self.tally.text());
        if let Some((cpu, busy)) = self.cpu.zip(self.busy) {
            text += &format!(
                "CPU of the target per request: {:.2} µs = {:.2} user + {:.2} system ({:.0} % of a core)\n",
                cpu.total_us(),
                cpu.user_us,
                cpu.system_us,
                busy * 100.0
            );
        }
        text
    }
}
