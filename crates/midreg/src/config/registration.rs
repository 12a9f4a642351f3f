//! `Registration`: the table `[registration]`, and the same table of a `[[domain]]`.

use engine::Seconds;
use engine::policy::{FlowMatch, RegistrationPolicy, TooBrief};

use super::error::Fault;
use super::section::{Given, Section};
use super::value::{ANY, choice, percent, seconds};

/// What devices are promised, and who may be one.
#[derive(Clone, Debug)]
pub(crate) struct Registration {
    /// What they are promised.
    pub(crate) policy: RegistrationPolicy,
    /// `accept`.
    pub(crate) accept: Option<Given<Accept>>,
}

/// Who may register where there is no main registrar to decide it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Accept {
    /// Who proves to know a password.
    Proved,
    /// Everybody who asks.
    Anybody,
}

impl Registration {
    /// Reads the table. What it does not say is as in `base`.
    pub(crate) fn read(section: &mut Section<'_, '_>, base: &RegistrationPolicy) -> Self {
        let accept = section.value(
            "accept",
            choice(&[("proved", Accept::Proved), ("anybody", Accept::Anybody)]),
        );
        let lifetimes = ["min_expires", "default_expires", "max_expires"]
            .map(|key| section.value(key, seconds(ANY)));
        let too_brief = section.value(
            "too_brief",
            choice(&[("reject", TooBrief::Reject), ("raise", TooBrief::Raise)]),
        );
        let nat = section.value("nat_expires", seconds(ANY));
        let jitter = section.value("jitter", percent(50));
        let flow_match = section.value(
            "flow_match",
            choice(&[("exact", FlowMatch::Exact), ("address", FlowMatch::Address)]),
        );
        let [min_expires, default_expires, max_expires] = order_lifetimes(lifetimes, base, section);
        let policy = RegistrationPolicy {
            min_expires,
            default_expires,
            max_expires,
            too_brief: too_brief.map_or(base.too_brief, |given| given.value),
            nat_expires: nat.map_or(base.nat_expires, |given| given.value),
            jitter_percent: jitter.map_or(base.jitter_percent, |given| given.value),
            flow_match: flow_match.map_or(base.flow_match, |given| given.value),
        };
        Self { policy, accept }
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
