//! `Registration`: the table `[registration]`, and the same table of a `[[domain]]`.

use engine::Seconds;
use engine::policy::{FlowMatch, RegistrationPolicy, TooBrief};

use super::error::{Fault, Spot};
use super::form::{Word, word};
use super::key::{Absent, Key, Sample, TableKey};
use super::section::{Given, Section};
use super::value::{ANY, percent, seconds};

/// The table, here and in a `[[domain]]`.
pub(crate) const REGISTRATION: TableKey = TableKey {
    name: "registration",
    doc: "What devices are promised, and who may be one.",
    sample: Sample::Live,
};

const ACCEPT: Key = Key {
    name: "accept",
    doc: "Who may register where there is no main registrar to decide it (standalone).",
    absent: Absent::Default,
    example: "\"proved\"",
};

const MIN_EXPIRES: Key = Key {
    name: "min_expires",
    doc: "Shortest lifetime that a device may ask for. Where it is left out and the others are \
          shorter, it follows them.",
    absent: Absent::Default,
    example: "30",
};

const DEFAULT_EXPIRES: Key = Key {
    name: "default_expires",
    doc: "Lifetime of a device that asks for none.",
    absent: Absent::Default,
    example: "300",
};

const MAX_EXPIRES: Key = Key {
    name: "max_expires",
    doc: "Longest lifetime that is promised. A lease at the main registrar that runs out sooner \
          shortens it.",
    absent: Absent::Default,
    example: "600",
};

const TOO_BRIEF: Key = Key {
    name: "too_brief",
    doc: "What becomes of a device that asks for less than `min_expires`.",
    absent: Absent::Default,
    example: "\"raise\"",
};

const NAT_EXPIRES: Key = Key {
    name: "nat_expires",
    doc: "Longest lifetime of a UDP device behind NAT, that its pinhole stays open.",
    absent: Absent::Default,
    example: "30",
};

const JITTER: Key = Key {
    name: "jitter",
    doc: "Share of each lifetime that may be cut off at random, to spread refreshes.",
    absent: Absent::Default,
    example: "10",
};

const FLOW_MATCH: Key = Key {
    name: "flow_match",
    doc: "When a refresh counts as coming from the same device.",
    absent: Absent::Default,
    example: "\"address\"",
};

/// What devices are promised, and who may be one.
#[derive(Clone, Debug)]
pub(crate) struct Registration {
    /// What they are promised.
    pub(crate) policy: RegistrationPolicy,
    /// `accept`.
    pub(crate) accept: Option<Given<Accept>>,
    /// Where lifetimes stand.
    pub(crate) spots: LifetimeSpots,
}

/// Where lifetimes stand, if they were given.
#[derive(Clone, Debug, Default)]
pub(crate) struct LifetimeSpots {
    /// `min_expires`.
    pub(crate) min_expires: Option<Spot>,
    /// `max_expires`.
    pub(crate) max_expires: Option<Spot>,
    /// `nat_expires`.
    pub(crate) nat_expires: Option<Spot>,
}

/// Who may register where there is no main registrar to decide it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Accept {
    /// Who proves to know a password.
    Proved,
    /// Everybody who asks.
    Anybody,
}

impl Word for Accept {
    const WORDS: &'static [(&'static str, Self, &'static str)] = &[
        (
            "proved",
            Self::Proved,
            "who knows a password that is known here; without users, midreg does not start",
        ),
        ("anybody", Self::Anybody, "everybody who asks"),
    ];
}

impl Word for TooBrief {
    const WORDS: &'static [(&'static str, Self, &'static str)] = &[
        (
            "reject",
            Self::Reject,
            "it is answered 423 with the minimum",
        ),
        ("raise", Self::Raise, "it gets the minimum"),
    ];
}

impl Word for FlowMatch {
    const WORDS: &'static [(&'static str, Self, &'static str)] = &[
        ("exact", Self::Exact, "address and port are the same"),
        (
            "address",
            Self::Address,
            "the address is the same, for networks that change the port every time",
        ),
    ];
}

impl Registration {
    /// Reads the table. What it does not say is as in `base`, and `accept` as in `accepted`.
    pub(crate) fn read(
        section: &mut Section<'_, '_>,
        base: &RegistrationPolicy,
        accepted: Option<&Given<Accept>>,
    ) -> Self {
        let accepted = accepted.map_or(Accept::Proved, |given| given.value);
        let accept = section.given_or(&ACCEPT, &word(), &accepted);
        let min = section.given_or(&MIN_EXPIRES, &seconds(ANY), &base.min_expires);
        let default = section.given_or(&DEFAULT_EXPIRES, &seconds(ANY), &base.default_expires);
        let max = section.given_or(&MAX_EXPIRES, &seconds(ANY), &base.max_expires);
        let too_brief = section.value_or(&TOO_BRIEF, &word(), base.too_brief);
        let nat = section.given_or(&NAT_EXPIRES, &seconds(ANY), &base.nat_expires);
        let jitter_percent = section.value_or(&JITTER, &percent(50), base.jitter_percent);
        let flow_match = section.value_or(&FLOW_MATCH, &word(), base.flow_match);
        let spot = |given: &Option<Given<Seconds>>| given.as_ref().map(|given| given.spot.clone());
        let spots = LifetimeSpots {
            min_expires: spot(&min),
            max_expires: spot(&max),
            nat_expires: spot(&nat),
        };
        let lifetimes = order_lifetimes([min, default, max], base, section);
        let keys = [&MIN_EXPIRES, &DEFAULT_EXPIRES, &MAX_EXPIRES];
        for (key, lifetime) in keys.into_iter().zip(lifetimes) {
            section.follow(key, lifetime.to_string());
        }
        let [min_expires, default_expires, max_expires] = lifetimes;
        let policy = RegistrationPolicy {
            min_expires,
            default_expires,
            max_expires,
            too_brief,
            nat_expires: nat.map_or(base.nat_expires, |given| given.value),
            jitter_percent,
            flow_match,
        };
        Self {
            policy,
            accept,
            spots,
        }
    }
}

/// Puts minimum, default and maximum in order. Those that were not given follow those that were;
/// those that were given must agree.
fn order_lifetimes(
    [min, default, max]: [Option<Given<Seconds>>; 3],
    base: &RegistrationPolicy,
    section: &mut Section<'_, '_>,
) -> [Seconds; 3] {
    let names = ["min_expires", "default_expires", "max_expires"];
    for ((low, low_name), (high, high_name)) in [
        ((&min, names[0]), (&max, names[2])),
        ((&min, names[0]), (&default, names[1])),
        ((&default, names[1]), (&max, names[2])),
    ] {
        if let (Some(low), Some(high)) = (low, high)
            && low.value > high.value
        {
            let low_name = section.path_of(low_name);
            let message = format!("`{low_name}` is longer than `{high_name}`");
            let label = format!("{} s against {} s", low.value, high.value);
            section
                .faults
                .push(Fault::error(&low.spot, message).label(label));
        }
    }
    let value = |given: &Option<Given<Seconds>>| given.as_ref().map(|given| given.value);
    let [min, default, max] = [value(&min), value(&default), value(&max)];
    let ceiling = max.unwrap_or_else(|| {
        base.max_expires
            .max(default.unwrap_or_default())
            .max(min.unwrap_or_default())
    });
    let floor = min.unwrap_or_else(|| base.min_expires.min(default.unwrap_or(ceiling)));
    let floor = floor.min(ceiling);
    [
        floor,
        default.unwrap_or_else(|| base.default_expires.clamp(floor, ceiling)),
        ceiling,
    ]
}
