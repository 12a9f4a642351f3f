//! `Statistics`: what a sweep over many seeds has met.

use core::fmt;
use std::collections::BTreeMap;

use crate::story::Outcome;

/// What a sweep over many seeds has met.
#[derive(Clone, Debug, Default)]
pub struct Statistics {
    seeds: u64,
    /// Seeds with a feature.
    features: BTreeMap<String, u64>,
    /// Seeds in which something happened, and how often in all.
    counts: BTreeMap<String, (u64, u64)>,
}

impl Statistics {
    /// Takes in a story.
    pub fn add(&mut self, outcome: &Outcome) {
        self.seeds += 1;
        for feature in &outcome.features {
            *self.features.entry(feature.clone()).or_default() += 1;
        }
        for (what, times) in &outcome.tally.counts {
            let (seeds, all) = self.counts.entry(what.clone()).or_default();
            *seeds += 1;
            *all += times;
        }
    }

    /// Stories that it took in.
    #[must_use]
    pub const fn seeds(&self) -> u64 {
        self.seeds
    }

    /// How often something happened in all.
    #[must_use]
    pub fn times(&self, what: &str) -> u64 {
        self.counts.get(what).map_or(0, |(_, all)| *all)
    }

    /// How many seeds had a feature.
    #[must_use]
    pub fn with(&self, feature: &str) -> u64 {
        self.features.get(feature).copied().unwrap_or(0)
    }
}

impl fmt::Display for Statistics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<40} {:>8}", "mix", "seeds")?;
        for (feature, seeds) in &self.features {
            writeln!(f, "{feature:<40} {seeds:>8}")?;
        }
        writeln!(f)?;
        writeln!(f, "{:<40} {:>8} {:>12}", "what happened", "seeds", "times")?;
        for (what, (seeds, times)) in &self.counts {
            writeln!(f, "{what:<40} {seeds:>8} {times:>12}")?;
        }
        Ok(())
    }
}
