//! `midreg status`: how a midreg that runs does.

use std::process::ExitCode;

use clap::Args;

use super::FAILED;
use super::remote::{Outcome, Remote, print, print_json};
use crate::control::story::span;
use crate::control::wire::{Node, Request, Status};

/// How to tell it.
#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(flatten)]
    remote: Remote,
    /// One JSON object.
    #[arg(long)]
    json: bool,
}

/// Tells it; succeeds when all workers answer and every server of the main registrar does.
pub(super) fn status(options: &Options) -> Outcome {
    let status: Status = options.remote.connect()?.ask(&Request::Status {})?;
    match options.json {
        true => print_json(&status)?,
        false => print(&text(&status))?,
    }
    let well = status.silent_workers == 0 && status.upstream.iter().all(|node| node.up);
    Ok(if well {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(FAILED)
    })
}

fn text(status: &Status) -> String {
    let Status {
        version,
        pid,
        bindings,
        aors,
        registers,
        absorbed,
        forwarded,
        refused,
        ..
    } = status;
    let up = span(status.uptime_ms / 1000);
    let share = percent(*absorbed, *registers);
    let mut lines = vec![
        format!("midreg {version}, process {pid}, up for {up}"),
        format!("listens on     {}", status.listeners.join(", ")),
        format!("workers        {}", workers(status)),
        format!("registered     {bindings} devices of {aors} users"),
        format!(
            "REGISTERs      {registers} in, {absorbed} absorbed ({share}), {forwarded} forwarded"
        ),
        format!(
            "refused        {refused} requests, {} wrong passwords",
            status.wrong_passwords
        ),
        format!("calls          {}", status.calls),
        format!("decisions      {}", counts(&status.decisions, "none yet")),
        format!("dropped        {}", counts(&status.dropped, "nothing")),
        format!("under way      {}", under_way(status)),
        format!("datagrams      {} in, {} out", status.received, status.sent),
    ];
    if status.unchallenged > 0 {
        let count = status.unchallenged;
        lines.push(format!(
            "beware         {count} registrations were accepted upstream without a challenge"
        ));
    }
    match status.upstream.as_slice() {
        [] => lines.push("upstream       none: midreg is the registrar".to_owned()),
        nodes => lines.extend(
            nodes
                .iter()
                .map(|one| format!("upstream       {}", node(one))),
        ),
    }
    lines.join("\n") + "\n"
}

fn workers(status: &Status) -> String {
    match status.silent_workers {
        0 => status.workers.to_string(),
        silent => format!("{}, of which {silent} do not answer", status.workers),
    }
}

fn under_way(status: &Status) -> String {
    let busy = status.under_way.iter().filter(|(_, count)| **count > 0);
    let busy: Vec<String> = busy
        .map(|(name, count)| format!("{name} {count}"))
        .collect();
    match busy.is_empty() {
        true => "nothing".to_owned(),
        false => busy.join(", "),
    }
}

/// A server of the main registrar in one line.
pub(super) fn node(node: &Node) -> String {
    let Node { name, epoch, .. } = node;
    let address = match &node.address {
        Some(address) if name.contains(address.as_str()) => String::new(),
        Some(address) => format!(" ({address})"),
        None => " (no address)".to_owned(),
    };
    let state = match node.down_for {
        Some(seconds) => format!("down for {}", span(seconds.into())),
        None if node.address.is_none() => "not reachable".to_owned(),
        None => "up".to_owned(),
    };
    let mut line = format!("{name}{address}: {state}, epoch {epoch}");
    if node.min_expires > 0 {
        line += &format!(", takes no less than {} s", node.min_expires);
    }
    if node.lets_strangers_in {
        line += ", lets strangers in";
    }
    line
}

fn counts(counts: &std::collections::BTreeMap<String, u64>, none: &str) -> String {
    let mut sorted: Vec<(&String, &u64)> = counts.iter().collect();
    sorted.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    let words: Vec<String> = sorted
        .iter()
        .map(|(name, count)| format!("{name} {count}"))
        .collect();
    match words.is_empty() {
        true => none.to_owned(),
        false => words.join(", "),
    }
}

/// A share as people read it.
pub(super) fn percent(part: u64, whole: u64) -> String {
    format!("{:.1} %", part as f64 * 100.0 / whole.max(1) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn busy() -> Status {
        let counts = |pairs: &[(&str, u64)]| {
            let pairs = pairs.iter();
            pairs
                .map(|(name, count)| ((*name).to_owned(), *count))
                .collect()
        };
        Status {
            version: "0.1.0".to_owned(),
            pid: 4711,
            uptime_ms: 7_500_000,
            listeners: vec!["udp://192.0.2.1:5060".to_owned()],
            workers: 2,
            silent_workers: 1,
            bindings: 1234,
            aors: 1000,
            registers: 100_000,
            absorbed: 98_765,
            forwarded: 1200,
            refused: 35,
            wrong_passwords: 3,
            calls: 17,
            unchallenged: 2,
            decisions: counts(&[("D13", 98_765), ("D7", 1200), ("D1", 35)]),
            dropped: counts(&[("junk", 4)]),
            under_way: counts(&[("conversations", 3), ("releases", 0)]),
            received: 101_000,
            sent: 101_500,
            upstream: vec![
                Node {
                    name: "sip:10.0.0.5:5060".to_owned(),
                    address: Some("10.0.0.5:5060".to_owned()),
                    up: true,
                    epoch: 1,
                    ..Node::default()
                },
                Node {
                    name: "sip:pbx".to_owned(),
                    address: Some("10.0.0.6:5060".to_owned()),
                    down_for: Some(75),
                    epoch: 2,
                    min_expires: 600,
                    lets_strangers_in: true,
                    ..Node::default()
                },
            ],
            ..Status::default()
        }
    }

    #[test]
    fn everything_is_on_one_screen() {
        assert_eq!(
            text(&busy()),
            "midreg 0.1.0, process 4711, up for 2 h 5 min\n\
             listens on     udp://192.0.2.1:5060\n\
             workers        2, of which 1 do not answer\n\
             registered     1234 devices of 1000 users\n\
             REGISTERs      100000 in, 98765 absorbed (98.8 %), 1200 forwarded\n\
             refused        35 requests, 3 wrong passwords\n\
             calls          17\n\
             decisions      D13 98765, D7 1200, D1 35\n\
             dropped        junk 4\n\
             under way      conversations 3\n\
             datagrams      101000 in, 101500 out\n\
             beware         2 registrations were accepted upstream without a challenge\n\
             upstream       sip:10.0.0.5:5060: up, epoch 1\n\
             upstream       sip:pbx (10.0.0.6:5060): down for 1 min 15 s, epoch 2, takes no less \
             than 600 s, lets strangers in\n"
        );
    }

    #[test]
    fn one_that_has_just_started_has_little_to_tell() {
        let text = text(&Status::default());
        for line in [
            "decisions      none yet",
            "dropped        nothing",
            "under way      nothing",
        ] {
            assert!(text.contains(line), "{text}");
        }
        assert!(
            text.ends_with("upstream       none: midreg is the registrar\n"),
            "{text}"
        );
    }
}
