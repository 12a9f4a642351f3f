//! `Report`: how things stand in one shard, or in all of them together.

use engine::Counters;
use engine::command::Totals;

/// What a shard's shell counts, beside the engine's own counters. Never reset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Datagrams received.
    pub received: u64,
    /// Datagrams sent.
    pub sent: u64,
    /// Datagrams dropped because they did not fit into a buffer.
    pub truncated: u64,
    /// Datagrams dropped because the socket and its backlog were full.
    pub unsent: u64,
    /// Destinations that the network refused.
    pub refused: u64,
    /// Datagrams handed to the shard that owns them.
    pub handed_over: u64,
    /// Responses dropped because their owner's mailbox was full.
    pub mailbox_full: u64,
    /// Requests dropped while draining.
    pub drained: u64,
}

/// How things stand.
#[derive(Clone, Copy, Debug, Default)]
pub struct Report {
    /// What the engine counts.
    pub counters: Counters,
    /// What the engine holds.
    pub totals: Totals,
    /// What the shell counts.
    pub tally: Tally,
}

impl Report {
    /// REGISTERs that were sent to the main registrar, retransmissions excluded.
    #[must_use]
    pub fn forwarded(&self) -> u64 {
        self.counters.upstream_registers
    }

    /// Requests that were answered with an error of our own.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.counters.refused.iter().sum()
    }

    /// Adds another shard's.
    pub fn add(&mut self, other: &Self) {
        add_counters(&mut self.counters, &other.counters);
        add_totals(&mut self.totals, &other.totals);
        add_tally(&mut self.tally, &other.tally);
    }
}

fn add_counters(sum: &mut Counters, other: &Counters) {
    let Counters {
        decisions,
        dropped,
        refused,
        registers,
        retransmissions,
        upstream_registers,
        unchallenged,
        challenges,
        wrong_passwords,
        calls,
        summaries_replayed,
        expired,
    } = other;
    add_each(&mut sum.decisions, decisions);
    add_each(&mut sum.dropped, dropped);
    add_each(&mut sum.refused, refused);
    sum.registers += registers;
    sum.retransmissions += retransmissions;
    sum.upstream_registers += upstream_registers;
    sum.unchallenged += unchallenged;
    sum.challenges += challenges;
    sum.wrong_passwords += wrong_passwords;
    sum.calls += calls;
    sum.summaries_replayed += summaries_replayed;
    sum.expired += expired;
}

fn add_totals(sum: &mut Totals, other: &Totals) {
    let Totals {
        records,
        bindings,
        conversations,
        asking,
        forks,
        server_transactions,
        client_transactions,
        releases,
        held_replies,
        timers,
    } = other;
    sum.records += records;
    sum.bindings += bindings;
    sum.conversations += conversations;
    sum.asking += asking;
    sum.forks += forks;
    sum.server_transactions += server_transactions;
    sum.client_transactions += client_transactions;
    sum.releases += releases;
    sum.held_replies += held_replies;
    sum.timers += timers;
}

fn add_tally(sum: &mut Tally, other: &Tally) {
    let Tally {
        received,
        sent,
        truncated,
        unsent,
        refused,
        handed_over,
        mailbox_full,
        drained,
    } = other;
    sum.received += received;
    sum.sent += sent;
    sum.truncated += truncated;
    sum.unsent += unsent;
    sum.refused += refused;
    sum.handed_over += handed_over;
    sum.mailbox_full += mailbox_full;
    sum.drained += drained;
}

fn add_each<const N: usize>(sum: &mut [u64; N], other: &[u64; N]) {
    for (sum, other) in sum.iter_mut().zip(other) {
        *sum += other;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_add_up() {
        let mut one = Report::default();
        one.counters.registers = 3;
        one.counters.refused = [1, 2, 0];
        one.totals.bindings = 5;
        one.tally.sent = 7;
        let mut sum = one;
        sum.add(&one);
        assert_eq!((sum.counters.registers, sum.refused()), (6, 6));
        assert_eq!((sum.totals.bindings, sum.tally.sent), (10, 14));
    }
}
