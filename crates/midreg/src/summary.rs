//! The summary line: what has been counted since the start, in the log every minute and at the end.

use engine::DropReason;
use tracing::info;

use crate::shard::report::Report;

/// Logs one line.
pub fn log(report: &Report) {
    let (counters, totals, tally) = (&report.counters, &report.totals, &report.tally);
    info!(
        target: "main",
        registers = counters.registers,
        absorbed = counters.absorbed(),
        forwarded = report.forwarded(),
        refused = report.refused(),
        retransmissions = counters.retransmissions,
        expired = counters.expired,
        unchallenged = counters.unchallenged,
        challenges = counters.challenges,
        wrong_passwords = counters.wrong_passwords,
        bindings = totals.bindings,
        aors = totals.records,
        received = tally.received,
        sent = tally.sent,
        dropped = dropped(report),
        "summary"
    );
}

/// The same in a few words, for the service manager.
#[must_use]
pub fn status(report: &Report) -> String {
    let (counters, totals) = (&report.counters, &report.totals);
    format!(
        "serving {} bindings of {} users; {} of {} REGISTERs absorbed",
        totals.bindings,
        totals.records,
        counters.absorbed(),
        counters.registers
    )
}

/// The reasons for which anything was dropped, with their counts; "none" when nothing was.
fn dropped(report: &Report) -> String {
    let counts = DropReason::ALL.iter().zip(&report.counters.dropped);
    let engine = counts.map(|(reason, count)| (reason.as_str(), *count));
    let tally = &report.tally;
    let shell = [
        ("truncated", tally.truncated),
        ("unsent", tally.unsent),
        ("mailbox-full", tally.mailbox_full),
        ("draining", tally.drained),
    ];
    let all: Vec<String> = engine
        .chain(shell)
        .filter(|(_, count)| *count > 0)
        .map(|(name, count)| format!("{name}={count}"))
        .collect();
    if all.is_empty() {
        "none".to_owned()
    } else {
        all.join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_reasons_that_occurred_are_named() {
        let mut report = Report::default();
        assert_eq!(dropped(&report), "none");
        report.counters.dropped(DropReason::Junk);
        report.counters.dropped(DropReason::Junk);
        report.tally.truncated = 3;
        assert_eq!(dropped(&report), "junk=2 truncated=3");
    }
}
