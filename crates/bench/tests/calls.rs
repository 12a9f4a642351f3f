//! A handful of calls through a midreg, with no eye on the clock: that the load generator and the proxy understand
//! each other.

use std::path::{Path, PathBuf};
use std::process::Command;

const PROGRAM: &str = env!("CARGO_BIN_EXE_midreg-bench");

/// The midreg of this very workspace and profile, built first where it is not up to date: this crate measures any
/// midreg, and so depends on none that Cargo would build by itself.
fn midreg() -> PathBuf {
    let folder = Path::new(PROGRAM).parent().unwrap();
    let profile = match folder.file_name().unwrap().to_str().unwrap() {
        "debug" => "dev",
        named => named,
    };
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo)
        .args(["build", "--quiet", "--locked", "--package", "midreg"])
        .args(["--profile", profile])
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&built.stderr);
    assert!(built.status.success(), "{told}");
    folder.join("midreg")
}

/// The result of a few calls, as JSON.
fn calls(extra: &[&str]) -> String {
    let small = ["--users", "6", "--calls", "20", "--rounds", "1"];
    let output = Command::new(PROGRAM)
        .args(["calls", "--json", "--midreg"])
        .arg(midreg())
        .args(small)
        .args(extra)
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    String::from_utf8(output.stdout).unwrap()
}

/// The number after each `"key":`.
fn numbers(json: &str, key: &str) -> Vec<f64> {
    let name = format!("\"{key}\":");
    let values = json.split(&name).skip(1);
    values
        .map(|rest| {
            let end = rest.find([',', '}', ']']).unwrap();
            rest[..end].parse().unwrap()
        })
        .collect()
}

/// The part that is about midreg, of each kind of call.
fn of_midreg(json: &str) -> Vec<&str> {
    let parts = json.split("\"midreg\":").skip(1);
    parts
        .map(|part| part.split("\"kamailio\":").next().unwrap())
        .collect()
}

#[test]
fn every_call_comes_through_to_one_device_and_to_two() {
    let json = calls(&["--window", "4"]);
    let rounds = of_midreg(&json);
    assert_eq!(rounds.len(), 2, "{json}");
    for round in rounds {
        assert_eq!(numbers(round, "sent"), [20.0], "{json}");
        assert_eq!(numbers(round, "ok"), [20.0], "{json}");
        assert_eq!(numbers(round, "lost"), [0.0], "{json}");
    }
    // INVITE, 100, 180, 200, ACK, BYE, 200, each in and out but for the 100; and what a second device adds:
    // INVITE, 100, 180, CANCEL, its 200, 487, ACK. Repetitions on a slow machine may add to it.
    let echoes = numbers(&json, "echoes_per_call");
    assert!(echoes[0] >= 6.5 && echoes[1] >= 10.5, "{echoes:?}");
}

#[test]
fn every_call_comes_through_at_a_fixed_rate() {
    let json = calls(&["--devices", "3", "--rate", "200"]);
    let rounds = of_midreg(&json);
    assert_eq!(rounds.len(), 1, "{json}");
    assert_eq!(numbers(rounds[0], "ok"), [20.0], "{json}");
    assert!(json.contains("\"devices\":3,\"mode\":\"aor\""), "{json}");
}
