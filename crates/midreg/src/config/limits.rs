//! The table `[limits]`: what is refused however good it looks.

use engine::policy::{LimitPolicy, Overflow};

use super::error::{Fault, Spot};
use super::form::{Word, word};
use super::key::{Absent, Key, Sample, TableKey};
use super::section::{Given, Section};
use super::value::count;

/// The table.
pub(super) const LIMITS: TableKey = TableKey {
    name: "limits",
    doc: "What is refused, whoever asks.",
    sample: Sample::Live,
};

const PER_AOR: Key = Key {
    name: "bindings_per_aor",
    doc: "Registrations of one user.",
    absent: Absent::Default,
    example: "5",
};

const OVERFLOW: Key = Key {
    name: "overflow",
    doc: "What becomes of the one too many.",
    absent: Absent::Default,
    example: "\"replace-oldest\"",
};

const BINDINGS: Key = Key {
    name: "bindings",
    doc: "Registrations of all users.",
    absent: Absent::Default,
    example: "100000",
};

const PER_SOURCE: Key = Key {
    name: "bindings_per_source",
    doc: "Registrations from one source address; 0 for no limit. All phones behind one NAT router \
          share an address.",
    absent: Absent::Default,
    example: "500",
};

/// The limits, and where those stand that others are compared with.
pub(super) struct Limits {
    /// What the engine is told.
    pub(super) policy: LimitPolicy,
    /// `bindings_per_aor`, if it was given.
    pub(super) per_aor: Option<Spot>,
}

impl Word for Overflow {
    const WORDS: &'static [(&'static str, Self, &'static str)] = &[
        ("reject", Self::Reject, "refuse it"),
        (
            "replace-oldest",
            Self::ReplaceOldest,
            "drop the one that was refreshed longest ago, once the main registrar has accepted the new one",
        ),
    ];
}

impl Limits {
    /// Reads the table.
    pub(super) fn read(section: &mut Section<'_, '_>) -> Self {
        let base = LimitPolicy::default();
        let per_aor = section.given_or(&PER_AOR, &count(1..=10_000), &base.bindings_per_aor);
        let overflow = section.value_or(&OVERFLOW, &word(), base.overflow);
        let many = || count(1..=100_000_000);
        let bindings = section.given_or(&BINDINGS, &many(), &base.bindings);
        let per_source = count(0..=100_000_000);
        let per_source = section.given_or(&PER_SOURCE, &per_source, &base.bindings_per_source);
        let value = |given: &Option<Given<usize>>, base| given.as_ref().map_or(base, |g| g.value);
        let policy = LimitPolicy {
            bindings_per_aor: value(&per_aor, base.bindings_per_aor),
            overflow,
            bindings: value(&bindings, base.bindings),
            bindings_per_source: value(&per_source, base.bindings_per_source),
        };
        for (given, key) in [(&per_aor, &PER_AOR), (&per_source, &PER_SOURCE)] {
            if let Some(given) = given.as_ref().filter(|given| given.value > policy.bindings) {
                let message = format!("`limits.{}` is never reached", key.name);
                let help = format!("`limits.bindings` ({}) is, before it", policy.bindings);
                section
                    .faults
                    .push(Fault::warning(Some(&given.spot), message).help(help));
            }
        }
        Self {
            policy,
            per_aor: per_aor.map(|given| given.spot),
        }
    }
}
