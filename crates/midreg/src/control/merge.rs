//! What several shards have said, as one answer.

use engine::command::NodeView;
use engine::{DropReason, Row};

use super::views;
use super::wire::{Explained, Node, Status};
use crate::shard::report::Report;

/// The figures of all shards in words; those of the process are left to the caller.
#[must_use]
pub fn status(report: &Report) -> Status {
    let (counters, totals, tally) = (&report.counters, &report.totals, &report.tally);
    let of_rows = Row::ALL.iter().map(|row| {
        let count = counters.decisions.get(*row as usize).copied();
        (row.as_str().to_owned(), count.unwrap_or(0))
    });
    let reasons = DropReason::ALL.iter().zip(&counters.dropped);
    let reasons = reasons.map(|(reason, count)| (reason.as_str(), *count));
    let own = [
        ("truncated", tally.truncated),
        ("unsent", tally.unsent),
        ("mailbox-full", tally.mailbox_full),
        ("draining", tally.drained),
    ];
    let under_way = [
        ("registrations-upstream", totals.asking),
        ("conversations", totals.conversations),
        ("releases", totals.releases),
        ("requests", totals.forks),
        ("server-transactions", totals.server_transactions),
        ("client-transactions", totals.client_transactions),
        ("held-replies", totals.held_replies),
    ];
    let text = |(name, count): (&str, u64)| (name.to_owned(), count);
    let number = |(name, count): (&'static str, usize)| (name, count as u64);
    Status {
        bindings: totals.bindings as u64,
        aors: totals.records as u64,
        registers: counters.registers,
        absorbed: counters.absorbed(),
        forwarded: report.forwarded(),
        refused: report.refused(),
        calls: counters.calls,
        expired: counters.expired,
        unchallenged: counters.unchallenged,
        challenged: counters.challenges,
        wrong_passwords: counters.wrong_passwords,
        decisions: of_rows.filter(|(_, count)| *count > 0).collect(),
        dropped: reasons
            .chain(own)
            .filter(|(_, count)| *count > 0)
            .map(text)
            .collect(),
        under_way: under_way.into_iter().map(number).map(text).collect(),
        received: tally.received,
        sent: tally.sent,
        ..Status::default()
    }
}

/// The servers as all shards see them: each shard finds out for itself whether one answers, and one
/// that finds it does not is believed.
#[must_use]
pub fn nodes(shards: &[Vec<NodeView>]) -> Vec<Node> {
    let mut merged: Vec<Node> = Vec::new();
    for view in shards.iter().flatten() {
        let other = views::node(view);
        match merged.iter_mut().find(|node| node.name == other.name) {
            Some(node) => add(node, &other),
            None => merged.push(other),
        }
    }
    merged
}

fn add(node: &mut Node, other: &Node) {
    node.up &= other.up;
    node.down_for = node.down_for.max(other.down_for);
    node.epoch = node.epoch.max(other.epoch);
    node.min_expires = node.min_expires.max(other.min_expires);
    node.lets_strangers_in |= other.lets_strangers_in;
}

/// What is known of an AoR: one shard has its contacts, and others may have seen something.
pub(super) fn explained(parts: Vec<Explained>) -> Option<Explained> {
    let mut parts = parts.into_iter();
    let mut whole = parts.next()?;
    for part in parts {
        whole.contacts.extend(part.contacts);
        whole.pending.extend(part.pending);
        whole.refusals.extend(part.refusals);
        for warning in part.warnings {
            if !whole.warnings.contains(&warning) {
                whole.warnings.push(warning);
            }
        }
    }
    whole.refusals.sort_by_key(|one| std::cmp::Reverse(one.at));
    Some(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(name: &str, down: Option<u32>, epoch: u16) -> NodeView {
        NodeView {
            id: engine::NodeId::of(name),
            name: name.to_owned(),
            address: None,
            down,
            epoch,
            min_expires: 0,
            lets_strangers_in: false,
        }
    }

    #[test]
    fn a_server_that_one_shard_finds_down_is_down() {
        let shards = [
            vec![node("a", None, 1), node("b", None, 1)],
            vec![node("a", Some(7), 2), node("b", None, 1)],
        ];
        let merged = nodes(&shards);
        let told: Vec<(&str, bool, Option<u32>, u16)> = merged
            .iter()
            .map(|node| (node.name.as_str(), node.up, node.down_for, node.epoch))
            .collect();
        assert_eq!(told, [("a", false, Some(7), 2), ("b", true, None, 1)]);
    }

    #[test]
    fn only_what_occurred_is_listed() {
        let mut report = Report::default();
        report.counters.decided(Row::D13);
        report.tally.truncated = 2;
        let status = status(&report);
        assert_eq!(
            status.decisions.into_iter().collect::<Vec<_>>(),
            [("D13".to_owned(), 1)]
        );
        assert_eq!(
            status.dropped.into_iter().collect::<Vec<_>>(),
            [("truncated".to_owned(), 2)]
        );
    }
}
