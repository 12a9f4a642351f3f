//! `Outcome` and `Failure`: what a story comes to.

use core::fmt;
use std::collections::BTreeMap;

use engine::Row;

use crate::mix::Trouble;
use crate::world::World;

/// A story that ended well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Made of every message and its time: the same for the same seed.
    pub fingerprint: u64,
    /// What was special about its mix.
    pub features: Vec<String>,
    /// What happened, counted.
    pub tally: Tally,
}

/// What happened, counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// By what happened.
    pub counts: BTreeMap<String, u64>,
}

/// A story that did not.
#[derive(Clone, Debug)]
pub struct Failure {
    /// What is wrong.
    pub fault: String,
    /// At which step of the storm, or after which.
    pub step: u64,
    /// The mix.
    pub mix: String,
    /// The conversation.
    pub ladder: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.ladder)?;
        writeln!(f, "{}", self.mix)?;
        write!(f, "step {}: {}", self.step, self.fault)
    }
}

impl Tally {
    pub(super) fn trouble(&mut self, trouble: Trouble) {
        self.add(format!("accident {trouble:?}"), 1);
    }

    pub(super) fn whim(&mut self, whim: String) {
        self.add(format!("whim {whim}"), 1);
    }

    pub(super) fn quiet(&mut self) {
        self.add("quiet moments compared".to_owned(), 1);
    }

    /// Takes in what the world has counted.
    pub(super) fn count(&mut self, world: &World, successes: u32) {
        for counters in world.rig.counters() {
            self.add("REGISTERs received".to_owned(), counters.registers);
            self.add("REGISTERs absorbed".to_owned(), counters.absorbed());
            self.add(
                "REGISTERs sent upstream".to_owned(),
                counters.upstream_registers,
            );
            self.add(
                "retransmissions swallowed".to_owned(),
                counters.retransmissions,
            );
            self.add("bindings expired".to_owned(), counters.expired);
            for row in Row::ALL {
                let times = counters.decisions.get(row as usize).copied().unwrap_or(0);
                self.add(format!("row {}", row.as_str()), times);
            }
        }
        self.add("registrations that succeeded".to_owned(), successes.into());
        self.add(
            "batches stored".to_owned(),
            world.rig.store().batches() as u64,
        );
        self.add(
            "batches failed".to_owned(),
            world.rig.store().failures() as u64,
        );
        self.add("seconds of virtual time".to_owned(), world.now().0 / 1000);
    }

    pub(super) fn add(&mut self, what: String, times: u64) {
        if times > 0 {
            *self.counts.entry(what).or_default() += times;
        }
    }
}
