//! The table `[calls]`, and the same table of a `[[domain]]`: how calls and messages find their way.

use std::time::Duration;

use engine::policy::{CallPolicy, ForkOrder, Outbound, Qualify, Redirects};

use super::error::Fault;
use super::form::{Word, word};
use super::key::{Absent, Key, Sample, TableKey};
use super::section::Section;
use super::value::span;

/// The table, here and in a `[[domain]]`.
pub(super) const CALLS: TableKey = TableKey {
    name: "calls",
    doc: "How calls and messages find their way.",
    sample: Sample::Live,
};

const FORK: Key = Key {
    name: "fork",
    doc: "In which order the devices of a user are tried.",
    absent: Absent::Default,
    example: "\"parallel\"",
};

const RING_TIME: Key = Key {
    name: "ring_time",
    doc: "How long one device, or those of one q, may ring before the next are tried.",
    absent: Absent::Default,
    example: "\"15s\"",
};

const REDIRECTS: Key = Key {
    name: "redirects",
    doc: "What becomes of a device's 3xx, as of call forwarding that is set on a phone.",
    absent: Absent::Default,
    example: "\"follow\"",
};

const QUALIFY: Key = Key {
    name: "qualify",
    doc: "Who answers when the main registrar asks with OPTIONS whether a device is there.",
    absent: Absent::Default,
    example: "\"pass\"",
};

const OUTBOUND: Key = Key {
    name: "outbound",
    doc: "Which devices may send requests to the main registrar, or to one another where there is \
          none.",
    absent: Absent::Default,
    example: "\"none\"",
};

impl Word for ForkOrder {
    const WORDS: &'static [(&'static str, Self, &'static str)] = &[
        ("q", Self::ByQ, "those of one q at once, the highest first"),
        ("parallel", Self::Parallel, "all at once"),
        (
            "serial",
            Self::Serial,
            "one after the other, the highest q first and of those the one that refreshed last",
        ),
    ];
}

impl Word for Redirects {
    const WORDS: &'static [(&'static str, Self, &'static str)] = &[
        ("pass", Self::Pass, "the caller hears it"),
        (
            "follow",
            Self::Follow,
            "the main registrar is asked for the addresses it names",
        ),
    ];
}

impl Word for Qualify {
    const WORDS: &'static [(&'static str, Self, &'static str)] = &[
        ("edge", Self::Edge, "midreg, by what it knows of the device"),
        ("pass", Self::Pass, "the device"),
    ];
}

impl Word for Outbound {
    const WORDS: &'static [(&'static str, Self, &'static str)] = &[
        (
            "registered",
            Self::Registered,
            "those that are registered, from where they proved themselves",
        ),
        ("any", Self::Any, "all of them"),
        ("none", Self::None, "none"),
    ];
}

/// Reads the table. What it does not say is as in `base`.
pub(super) fn read(section: &mut Section<'_, '_>, base: &CallPolicy) -> CallPolicy {
    let times = span(Duration::from_secs(1)..=Duration::from_secs(300));
    let fork = section.value_or(&FORK, &word(), base.fork);
    let ring_time = section.given_or(&RING_TIME, &times, &base.ring_time);
    let other = ring_time
        .as_ref()
        .filter(|given| given.value != base.ring_time);
    if let Some(given) = other.filter(|_| fork == ForkOrder::Parallel) {
        let message = format!("`{}` has no effect", section.path_of(RING_TIME.name));
        let help = "all devices ring at once, and none is next";
        section
            .faults
            .push(Fault::warning(Some(&given.spot), message).help(help));
    }
    CallPolicy {
        fork,
        ring_time: ring_time.map_or(base.ring_time, |given| given.value),
        redirects: section.value_or(&REDIRECTS, &word(), base.redirects),
        qualify: section.value_or(&QUALIFY, &word(), base.qualify),
        outbound: section.value_or(&OUTBOUND, &word(), base.outbound),
    }
}
