//! `midreg demo`, as a program runs it: whole, and stopped by a signal.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Output, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

const PHONES: u64 = 40;

fn demo(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_midreg"));
    command.arg("demo").args(arguments).args(["--phones", "40"]);
    command
}

fn number(value: &Value) -> u64 {
    value
        .as_u64()
        .unwrap_or_else(|| panic!("{value} is no number"))
}

/// The objects that were written, one on each line.
fn objects(output: &Output) -> Vec<Value> {
    let text = String::from_utf8(output.stdout.clone()).expect("a text");
    let lines = text.lines();
    let object = |line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"));
    lines.map(object).collect()
}

#[test]
fn programs_get_the_numbers_and_the_numbers_are_right() {
    let output = demo(&["--for", "5s", "--json"])
        .output()
        .expect("midreg runs");
    let objects = objects(&output);
    let (summary, seconds) = objects.split_last().expect("a summary");
    let summary = &summary["summary"];
    assert!(output.status.success(), "{summary}");
    assert_eq!(summary["end"], "complete", "{summary}");
    assert_eq!(number(&summary["faults"]), 0, "{summary}");

    assert_eq!(number(&summary["phones"]), PHONES);
    let living = number(&summary["registered"]) + number(&summary["died"]);
    assert_eq!(living, PHONES, "all were registered\n{summary}");
    let contacts = number(&summary["main_registrar"]["contacts"]);
    assert!(
        contacts <= number(&summary["users"]),
        "one lease each\n{summary}"
    );
    let (absorbed, forwarded) = (&summary["absorbed"], &summary["forwarded"]);
    assert!(number(absorbed) > number(forwarded), "{summary}");
    let reached = &summary["main_registrar"]["registers"];
    assert!(number(reached) >= number(forwarded), "{summary}");

    let calls = &summary["calls"];
    assert!(number(&calls["answered"]) >= 1, "{summary}");
    assert_eq!(number(&calls["failed"]), 0, "{summary}");
    assert_eq!(calls["ended"], calls["tried"], "{summary}");
    assert_eq!(
        calls["lost"], calls["answered"],
        "forked to both\n{summary}"
    );

    let mut before = 0;
    for second in seconds {
        let registers = number(&second["registers"]);
        assert!(registers >= before, "counts only grow\n{second}");
        before = registers;
    }
    let told = seconds
        .iter()
        .flat_map(|second| second["last_decisions"].as_array());
    let mut told = told.flatten();
    let refresh = told.find(|told| told["row"] == "D13").expect("a refresh");
    let words = refresh["words"].as_str().expect("words");
    assert!(words.starts_with("absorbed: pure refresh, "), "{words}");
}

#[test]
fn a_pipe_gets_plain_lines() {
    let output = demo(&["--for", "3s", "--mode", "contact"])
        .output()
        .expect("midreg runs");
    let text = String::from_utf8(output.stdout).expect("a text");
    assert!(output.status.success(), "{text}");
    assert!(!text.contains('\x1b'), "{text}");
    assert!(text.ends_with("every answer was right.\n"), "{text}");
}

#[test]
fn a_signal_ends_it_with_the_summary() {
    let mut child = demo(&["--for", "10m", "--json"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("midreg runs");
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    let first = lines.next().expect("a line").expect("a text");
    assert!(first.contains("\"registered\""), "{first}");
    kill_process(Pid::from_child(&child), Signal::INT).expect("signalled");
    let last = lines.map_while(Result::ok).last().expect("a line");
    let summary: Value = serde_json::from_str(&last).expect("an object");
    assert_eq!(summary["summary"]["end"], "stopped", "{last}");
    assert!(wait(child), "stopping it is no failure\n{last}");
}

fn wait(mut child: Child) -> bool {
    child.wait().expect("it ends").success()
}
