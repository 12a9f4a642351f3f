//! `midreg top`: what a midreg that runs is doing, again and again.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal};
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use clap::Args;
use serde::Serialize;

use super::remote::{Outcome, Remote, print, print_json};
use super::status::{node, percent};
use super::table::{Column, Table};
use crate::config::parse_duration;
use crate::control::story::{reason, span};
use crate::control::wire::{Request, Status};

/// Goes home and clears what is below, so that a frame replaces the one before without a flicker.
const HOME: &str = "\x1b[H\x1b[J";

/// Rows between two headings where frames are lines.
const ROWS_PER_HEAD: usize = 20;

/// Shortest time between two frames.
const SHORTEST: Duration = Duration::from_millis(100);

/// How often, and how long.
#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(flatten)]
    remote: Remote,
    /// Time between two looks, such as 1s or 500ms.
    #[arg(long, value_name = "TIME", default_value = "2s", value_parser = interval)]
    interval: Duration,
    /// How long, such as 1m; until it is interrupted when left out.
    #[arg(long = "for", value_name = "TIME", value_parser = duration)]
    duration: Option<Duration>,
    /// One JSON object per look, each on a line.
    #[arg(long)]
    json: bool,
}

/// What happened between two looks, per second.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
struct Rates {
    /// Seconds since midreg started.
    up: u64,
    registers: u64,
    absorbed: u64,
    forwarded: u64,
    refused: u64,
    calls: u64,
    received: u64,
    sent: u64,
    /// By row of the decision table.
    decisions: BTreeMap<String, u64>,
    bindings: u64,
    aors: u64,
}

/// Looks until the time is over.
pub(super) fn top(options: &Options) -> Outcome {
    let mut client = options.remote.connect()?;
    let until = options.duration.map(|duration| Instant::now() + duration);
    let terminal = io::stdout().is_terminal();
    let mut before: Status = client.ask(&Request::Status {})?;
    let mut rows = 0;
    loop {
        let left = until.map(|until| until.saturating_duration_since(Instant::now()));
        if left.is_some_and(|left| left.is_zero()) {
            return Ok(ExitCode::SUCCESS);
        }
        thread::sleep(left.map_or(options.interval, |left| left.min(options.interval)));
        let now: Status = client.ask(&Request::Status {})?;
        let rates = Rates::between(&before, &now);
        match (options.json, terminal) {
            (true, _) => print_json(&rates)?,
            (false, true) => print(&format!("{HOME}{}", screen(&now, &rates)))?,
            (false, false) if rows % ROWS_PER_HEAD == 0 => print(&(head() + &line(&rates)))?,
            (false, false) => print(&line(&rates))?,
        }
        rows += 1;
        before = now;
    }
}

impl Rates {
    fn between(before: &Status, now: &Status) -> Self {
        let span = now.uptime_ms.saturating_sub(before.uptime_ms).max(1);
        // One that was started anew meanwhile counts from zero.
        let per_second = |now: u64, before: u64| {
            let new = now.checked_sub(before).unwrap_or(now);
            (new * 1000 + span / 2) / span
        };
        let decisions = now.decisions.iter().map(|(row, count)| {
            let before = before.decisions.get(row).copied().unwrap_or(0);
            (row.clone(), per_second(*count, before))
        });
        Self {
            up: now.uptime_ms / 1000,
            registers: per_second(now.registers, before.registers),
            absorbed: per_second(now.absorbed, before.absorbed),
            forwarded: per_second(now.forwarded, before.forwarded),
            refused: per_second(now.refused, before.refused),
            calls: per_second(now.calls, before.calls),
            received: per_second(now.received, before.received),
            sent: per_second(now.sent, before.sent),
            decisions: decisions.filter(|(_, rate)| *rate > 0).collect(),
            bindings: now.bindings,
            aors: now.aors,
        }
    }
}

fn head() -> String {
    format!(
        "{:>8} {:>11} {:>11} {:>11} {:>10} {:>8} {:>10} {:>10}\n",
        "up", "REGISTER/s", "absorbed/s", "forwarded/s", "refused/s", "calls/s", "devices", "users"
    )
}

fn line(rates: &Rates) -> String {
    format!(
        "{:>8} {:>11} {:>11} {:>11} {:>10} {:>8} {:>10} {:>10}\n",
        format!("{} s", rates.up),
        rates.registers,
        rates.absorbed,
        rates.forwarded,
        rates.refused,
        rates.calls,
        rates.bindings,
        rates.aors
    )
}

/// Everything at one glance.
fn screen(status: &Status, rates: &Rates) -> String {
    let share = percent(status.absorbed, status.registers);
    let mut text = format!(
        "midreg {}, process {}, up for {}; {} devices of {} users\n\n",
        status.version,
        status.pid,
        span(rates.up),
        status.bindings,
        status.aors
    );
    let mut table = Table::new(&[
        Column::Left(""),
        Column::Right("per second"),
        Column::Right("since the start"),
    ]);
    for (name, rate, total) in [
        ("REGISTERs", rates.registers, status.registers),
        ("absorbed", rates.absorbed, status.absorbed),
        ("forwarded", rates.forwarded, status.forwarded),
        ("requests refused", rates.refused, status.refused),
        ("calls", rates.calls, status.calls),
        ("datagrams in", rates.received, status.received),
        ("datagrams out", rates.sent, status.sent),
    ] {
        table.row([name.to_owned(), rate.to_string(), total.to_string()]);
    }
    text += &table.text();
    text += &format!("\n{share} of all REGISTERs were absorbed. Decided about them:\n\n");
    let mut table = Table::new(&[
        Column::Left("row"),
        Column::Right("per second"),
        Column::Right("since the start"),
        Column::Left("because"),
    ]);
    for (row, total) in &status.decisions {
        let rate = rates.decisions.get(row).copied().unwrap_or(0);
        let why = reason(row).to_owned();
        table.row([row.clone(), rate.to_string(), total.to_string(), why]);
    }
    text += &table.text();
    for one in &status.upstream {
        text += &format!("\n{}", node(one));
    }
    text + "\n"
}

fn interval(text: &str) -> Result<Duration, String> {
    parse_duration(text)
        .filter(|interval| *interval >= SHORTEST)
        .ok_or_else(|| "at least 100ms is wanted, such as 2s".to_owned())
}

pub(super) fn duration(text: &str) -> Result<Duration, String> {
    parse_duration(text).ok_or_else(|| "a time is wanted, such as 30s or 5m".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(seconds: u64) -> Status {
        let decisions = [("D13", 40), ("D7", 10), ("D9", 0)];
        let decisions = decisions.map(|(row, rate)| (row.to_owned(), rate * seconds));
        Status {
            version: "0.1.0".to_owned(),
            pid: 4711,
            uptime_ms: 1000 * seconds,
            bindings: 100,
            aors: 50,
            registers: 50 * seconds,
            absorbed: 40 * seconds,
            forwarded: 10 * seconds,
            decisions: decisions.into_iter().collect(),
            ..Status::default()
        }
    }

    #[test]
    fn rates_are_those_between_two_looks() {
        let rates = Rates::between(&status(10), &status(12));
        assert_eq!(
            (rates.registers, rates.absorbed, rates.forwarded),
            (50, 40, 10)
        );
        assert_eq!(
            rates.decisions.into_iter().collect::<Vec<_>>(),
            [("D13".to_owned(), 40), ("D7".to_owned(), 10)]
        );
        let restarted = Rates::between(&status(1000), &status(2));
        assert!(restarted.registers > 0, "{restarted:?}");
    }

    #[test]
    fn lines_stand_under_their_heading() {
        let line = line(&Rates::between(&status(10), &status(12)));
        assert_eq!(line.len(), head().len());
        let words: Vec<&str> = line.split_whitespace().collect();
        assert_eq!(words, ["12", "s", "50", "40", "10", "0", "0", "100", "50"]);
    }

    #[test]
    fn a_screen_tells_what_is_decided_and_why() {
        let screen = screen(&status(12), &Rates::between(&status(10), &status(12)));
        for part in [
            "midreg 0.1.0, process 4711, up for 12 s; 100 devices of 50 users\n",
            "REGISTERs                 50              600\n",
            "80.0 % of all REGISTERs were absorbed.",
            "D7           10              120  the device was unknown\n",
        ] {
            assert!(screen.contains(part), "{part}is not in\n{screen}");
        }
    }
}
