//! `Targets`: which devices are tried, and in which order (RFC 3261 §16.5). Pure: bindings in, groups
//! out.

use std::collections::VecDeque;

use sip::header::q_value::QValue;
use smallvec::SmallVec;

use crate::clock::Mono;
use crate::flow::Flow;
use crate::ids::{BindingId, NodeId};
use crate::limits;
use crate::location::Binding;
use crate::policy::ForkOrder;

/// One place where a request goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    /// Its Request-URI; empty leaves that of the request.
    pub(crate) uri: Box<[u8]>,
    /// Values of its Route, the elements that the device registered through (RFC 3327 §5.4).
    pub(crate) route: Box<[u8]>,
    /// The way it goes.
    pub(crate) flow: Flow,
    /// The device, if it is one that is registered.
    pub(crate) binding: Option<BindingId>,
    /// The node of the main registrar that it is; [`NodeId::NONE`] for a device.
    pub(crate) node: NodeId,
}

/// Targets that are tried at the same time.
pub(crate) type Group = SmallVec<[Target; 1]>;

/// Groups, tried one after the other.
pub(crate) type Plan = VecDeque<Group>;

impl Target {
    /// A device as its binding says.
    pub(crate) fn of(binding: &Binding) -> Self {
        Self {
            uri: request_uri(binding.contact.uri()).into(),
            route: binding.contact.path().into(),
            // Who it is behind a proxy says nothing of the way to that.
            flow: Flow {
                origin: 0,
                ..binding.flow
            },
            binding: Some(binding.id),
            node: NodeId::NONE,
        }
    }
}

/// Orders the live ones among `bindings`, no device twice: of several registrations of one instance
/// the one that showed itself last counts (RFC 5626 §7, T16).
pub(crate) fn plan<'b>(
    bindings: impl Iterator<Item = &'b Binding>,
    order: ForkOrder,
    now: Mono,
) -> Plan {
    let mut live: SmallVec<[&Binding; 8]> =
        bindings.filter(|binding| binding.ends_at() > now).collect();
    let newest_first = |binding: &&Binding| core::cmp::Reverse(shown_at(binding));
    live.sort_by_key(|binding| (core::cmp::Reverse(q_of(binding)), newest_first(binding)));
    let mut chosen: SmallVec<[&Binding; 8]> = SmallVec::new();
    for binding in live {
        match chosen.iter_mut().find(|other| is_same(other, binding)) {
            Some(other) if shown_at(other) < shown_at(binding) => *other = binding,
            Some(_) => {}
            None => chosen.push(binding),
        }
    }
    chosen.truncate(limits::BRANCHES);
    arrange(&chosen, order)
}

/// A Contact's URI as a Request-URI, where header fields do not belong (RFC 3261 §19.1.1).
pub(crate) fn request_uri(contact: &[u8]) -> &[u8] {
    let mut parts = contact.splitn(2, |byte| *byte == b'?');
    parts.next().unwrap_or_default()
}

fn arrange(chosen: &[&Binding], order: ForkOrder) -> Plan {
    let mut plan = Plan::new();
    let mut former = None;
    for binding in chosen {
        let together = match order {
            ForkOrder::Parallel => true,
            ForkOrder::Serial => false,
            ForkOrder::ByQ => former == Some(q_of(binding)),
        };
        former = Some(q_of(binding));
        match plan.back_mut() {
            Some(group) if together => group.push(Target::of(binding)),
            _ => plan.push_back(Group::from_iter([Target::of(binding)])),
        }
    }
    plan
}

/// Splits groups that are larger than a request may still spread (RFC 5393 §5.3.3): what goes not at
/// once goes in turn.
pub(crate) fn narrow(plan: Plan, breadth: usize) -> Plan {
    let breadth = breadth.max(1);
    if plan.iter().all(|group| group.len() <= breadth) {
        return plan;
    }
    let mut narrowed = Plan::new();
    for group in plan {
        let mut group = group.into_iter().peekable();
        while group.peek().is_some() {
            narrowed.push_back(group.by_ref().take(breadth).collect());
        }
    }
    narrowed
}

/// One branch to a device: the same instance, or the same URI by the same way.
fn is_same(one: &Binding, other: &Binding) -> bool {
    let instance = other.contact.instance();
    instance.is_some() && one.contact.instance() == instance
        || one.contact.uri() == other.contact.uri() && one.flow == other.flow
}

/// RFC 3261 §16.6: a contact without `q` counts as 1.
fn q_of(binding: &Binding) -> QValue {
    let q = sip::Params::new(binding.contact.params())
        .get("q")
        .flatten();
    q.and_then(|q| QValue::parse(q).ok()).unwrap_or(QValue::ONE)
}

/// When a device last said that it is there.
fn shown_at(binding: &Binding) -> u64 {
    let promised = u64::from(binding.granted) * 1000;
    binding.expires_at.0.saturating_sub(promised)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::location::testing::binding;

    const NOW: Mono = Mono(1_000_000);

    fn names(plan: &Plan) -> Vec<Vec<String>> {
        let name = |target: &Target| String::from_utf8(target.uri.to_vec()).unwrap();
        plan.iter()
            .map(|group| group.iter().map(name).collect())
            .collect()
    }

    /// Contacts with their parameters and the seconds since they last refreshed.
    fn planned(contacts: &[(&str, &str, u64)], order: ForkOrder) -> Vec<Vec<String>> {
        let bindings: Vec<Binding> = contacts
            .iter()
            .enumerate()
            .map(|(at, (uri, params, age))| {
                let mut binding = binding(at as u32, uri, params);
                binding.granted = 60;
                binding.expires_at = Mono(NOW.0 + 60_000 - age * 1000);
                binding.lease.until = Mono(NOW.0 + 7_200_000);
                binding.lease.granted = 7200;
                binding
            })
            .collect();
        names(&plan(bindings.iter(), order, NOW))
    }

    #[test]
    fn q_orders_and_the_newest_comes_first() {
        let contacts = [
            ("sip:desk", ";q=0.5", 10),
            ("sip:cell", "", 20),
            ("sip:soft", ";q=0.5", 5),
            ("sip:car", ";q=0.9", 1),
        ];
        assert_eq!(
            planned(&contacts, ForkOrder::ByQ),
            [
                vec!["sip:cell"],
                vec!["sip:car"],
                vec!["sip:soft", "sip:desk"]
            ]
        );
        assert_eq!(
            planned(&contacts, ForkOrder::Serial),
            [["sip:cell"], ["sip:car"], ["sip:soft"], ["sip:desk"]]
        );
        assert_eq!(
            planned(&contacts, ForkOrder::Parallel),
            [["sip:cell", "sip:car", "sip:soft", "sip:desk"]]
        );
    }

    #[test]
    fn the_dead_are_not_called_and_nobody_twice() {
        let contacts = [
            ("sip:dead", "", 60),
            ("sip:old", ";+sip.instance=\"<urn:a>\";reg-id=1", 30),
            ("sip:new", ";+sip.instance=\"<urn:a>\";reg-id=2", 3),
            ("sip:twin", "", 9),
            ("sip:twin", "", 8),
        ];
        assert_eq!(
            planned(&contacts, ForkOrder::Parallel),
            [["sip:new", "sip:twin"]]
        );
        assert!(planned(&contacts[..1], ForkOrder::ByQ).is_empty());
    }

    #[test]
    fn r5393_02_what_may_not_go_at_once_goes_in_turn() {
        let contacts = [("sip:a", "", 1), ("sip:b", "", 2), ("sip:c", "", 3)];
        let bindings: Vec<Binding> = contacts
            .iter()
            .enumerate()
            .map(|(at, (uri, ..))| {
                let mut binding = binding(at as u32, uri, "");
                binding.expires_at = Mono(NOW.0 + 60_000);
                binding.lease.until = Mono(NOW.0 + 7_200_000);
                binding
            })
            .collect();
        let plan = plan(bindings.iter(), ForkOrder::Parallel, NOW);
        let narrowed = narrow(plan, 2);
        let sizes: Vec<usize> = narrowed.iter().map(SmallVec::len).collect();
        assert_eq!(sizes, [2, 1]);
    }

    #[test]
    fn r3261_16_15_header_fields_stay_behind() {
        assert_eq!(request_uri(b"sip:a@b;x=1?Subject=y"), b"sip:a@b;x=1");
    }
}
