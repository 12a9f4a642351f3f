//! The commands against each other over loopback, in small counts: every program is bounded by its own limits
//! and ended with the test that started it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Output};

use midreg_bench::children::Server;

const PROGRAM: &str = env!("CARGO_BIN_EXE_midreg-bench");

fn bench(arguments: &[&str]) -> Output {
    Command::new(PROGRAM).args(arguments).output().unwrap()
}

/// Runs a command that must succeed and returns its output.
fn output(arguments: &[&str]) -> String {
    let output = bench(arguments);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

fn registrar(extra: &[&str]) -> Server {
    let listen = ["registrar", "--listen", "127.0.0.1:0", "--for", "60"];
    Server::program(PROGRAM.as_ref(), &[&listen, extra].concat()).unwrap()
}

/// The number after the first `"key":`.
fn number(json: &str, key: &str) -> f64 {
    let (_, rest) = json
        .split_once(&format!("\"{key}\":"))
        .unwrap_or_else(|| panic!("no {key} in {json}"));
    let end = rest.find([',', '}', ']']).unwrap();
    rest[..end]
        .parse()
        .unwrap_or_else(|_| panic!("{key} is no number in {json}"))
}

fn register(target: &Server, extra: &[&str]) -> String {
    let address = target.address().to_string();
    let fixed = [
        "register",
        "--target",
        &address,
        "--json",
        "--aors",
        "200",
        "--sockets",
        "4",
        "--for",
        "20",
    ];
    output(&[&fixed, extra].concat())
}

#[test]
fn phones_register_and_refresh_in_a_closed_loop() {
    let json = register(&registrar(&[]), &["--requests", "1000", "--window", "32"]);
    assert_eq!(number(&json, "registered"), 200.0);
    let (preload, refresh) = json.split_once("\"refresh\"").unwrap();
    assert_eq!(
        (number(preload, "ok"), number(preload, "lost")),
        (200.0, 0.0)
    );
    assert_eq!(
        (number(refresh, "ok"), number(refresh, "200")),
        (1000.0, 1000.0)
    );
    assert!(number(refresh, "request_bytes") > 600.0);
    assert!(refresh.contains("\"cpu_us\":null"));
}

#[test]
fn phones_answer_a_challenge() {
    let target = registrar(&["--challenge"]);
    let json = register(
        &target,
        &[
            "--requests",
            "0",
            "--password",
            "secret",
            "--devices-per-aor",
            "2",
        ],
    );
    assert_eq!(
        (number(&json, "registered"), number(&json, "challenged")),
        (400.0, 400.0)
    );
    assert!(json.contains("\"refresh\":null"));
}

#[test]
fn without_a_password_a_challenge_is_the_end() {
    let target = registrar(&["--challenge"]);
    let address = target.address().to_string();
    let refused = bench(&["register", "--target", &address, "--aors", "20"]);
    assert!(!refused.status.success());
    let text = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(
        text.contains("not one device could be registered") && text.contains("401×20"),
        "{text}"
    );
}

#[test]
fn a_fixed_rate_with_a_slow_registrar_measured_by_pid() {
    let target = registrar(&["--delay", "20"]);
    let pid = target.pid().to_string();
    let json = register(
        &target,
        &["--requests", "200", "--rate", "2000", "--pid", &pid],
    );
    let (preload, refresh) = json.split_once("\"refresh\"").unwrap();
    assert_eq!(number(preload, "registered"), 200.0);
    assert_eq!(number(refresh, "ok"), 200.0);
    assert!(number(refresh, "p50") >= 20_000.0, "{refresh}");
    assert!(number(refresh, "cpu_us") >= 0.0);
    assert!(number(refresh, "after_bytes") > 0.0);
}

#[test]
fn the_floor_answers_every_datagram() {
    let json = output(&[
        "echo",
        "--requests",
        "2000",
        "--sockets",
        "2",
        "--window",
        "64",
        "--for",
        "20",
        "--json",
    ]);
    assert_eq!((number(&json, "ok"), number(&json, "lost")), (2000.0, 0.0));
    assert_eq!(
        (
            number(&json, "request_bytes"),
            number(&json, "response_bytes")
        ),
        (650.0, 450.0)
    );
    assert!(number(&json, "cpu_us") >= 0.0);
}

/// The stub registrar itself plays midreg, behind a script that knows midreg's command line.
struct Stand {
    folder: tempfile::TempDir,
}

impl Stand {
    /// One that insists on being run in `mode`.
    fn in_mode(mode: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let text = format!(
            "#!/bin/sh\n[ \"$1 $2 $4 $6 $7\" = 'run --listen --upstream --mode {mode}' ] || exit 3\n\
             exec '{PROGRAM}' registrar --for 60 --listen \"${{3#udp://}}\"\n"
        );
        let stand = Self { folder };
        fs::write(stand.path(), text).unwrap();
        fs::set_permissions(stand.path(), fs::Permissions::from_mode(0o755)).unwrap();
        stand
    }

    fn path(&self) -> String {
        let path = self.folder.path().join("midreg");
        path.to_str().unwrap().to_owned()
    }

    /// The output of `command` with it and few requests.
    fn compare(&self, extra: &[&str]) -> String {
        let midreg = self.path();
        let fixed = ["compare", "--midreg", &midreg, "--requests", "500"];
        let small = ["--rounds", "2", "--sockets", "2", "--for", "20"];
        output(&[&fixed[..], &small, extra].concat())
    }
}

#[test]
fn a_comparison_from_end_to_end() {
    let stand = Stand::in_mode("contact");
    let json = stand.compare(&["--aors", "100", "--json"]);
    assert_eq!(
        (
            number(&json, "registered"),
            number(&json, "upstream_registers")
        ),
        (100.0, 0.0)
    );
    let request_bytes = number(&json, "request_bytes");
    assert!(request_bytes > 600.0);
    let (_, echo) = json.split_once("\"echo\":").unwrap();
    assert_eq!(
        (number(echo, "ok"), number(echo, "request_bytes")),
        (500.0, request_bytes)
    );
    assert_eq!(json.matches("\"midreg\":").count(), 2);

    let table = stand.compare(&["--aors", "100"]);
    assert!(
        table.contains("\nmedian ") && table.contains("bytes each"),
        "{table}"
    );
}

#[test]
fn a_comparison_of_two_sizes_in_aor_mode_with_two_devices_each() {
    let stand = Stand::in_mode("aor");
    let line = ["--mode", "aor", "--devices-per-aor", "2", "--aors", "40,80"];
    let json = stand.compare(&[&line[..], &["--json"]].concat());
    let (_, first) = json.split_once("\"aors\":40,").unwrap();
    let (_, last) = json.split_once("\"aors\":80,").unwrap();
    assert_eq!(
        (number(first, "registered"), number(last, "registered")),
        (80.0, 160.0)
    );
    assert!(number(&json, "growth") >= 0.0);
    let (_, rounds) = json.split_once("\"rounds\":").unwrap();
    assert_eq!(rounds.matches("\"ok\":500").count(), 6, "{rounds}");
}

#[test]
fn memory_at_once_later_and_at_its_peak() {
    let stand = Stand::in_mode("contact");
    let midreg = stand.path();
    let fixed = ["memory", "--midreg", &midreg, "--bindings", "200"];
    let small = ["--preload-rate", "2000", "--settle", "0", "--sockets", "2"];
    let json = output(&[&fixed, &small[..], &["--json"]].concat());
    assert_eq!(number(&json, "registered"), 200.0);
    let after = |when: &str| {
        let (_, part) = json.split_once(&format!("\"{when}\":")).unwrap();
        assert_eq!(number(part, "bindings"), 200.0);
        number(part, "after_bytes")
    };
    assert!(after("loaded") > 0.0 && after("settled") > 0.0);
    assert!(after("peak") >= after("loaded"));

    let text = output(&[&fixed, &small[..]].concat());
    assert!(text.contains("after the preload") && text.contains("at its peak"));
}

#[test]
fn other_machines_are_out_of_reach_unless_allowed() {
    for command in [
        ["register", "--target", "192.0.2.1:5060"],
        ["registrar", "--listen", "0.0.0.0:0"],
    ] {
        let refused = bench(&command);
        assert!(!refused.status.success());
        let text = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(text.contains("--allow-remote"), "{text}");
    }
}

#[test]
fn a_program_that_is_no_server_is_told_apart() {
    let failed = bench(&["compare", "--midreg", "/bin/false", "--aors", "10"]);
    assert!(!failed.status.success());
    assert!(String::from_utf8_lossy(&failed.stderr).contains("ended at once"));
}

#[test]
fn the_registrar_counts_what_it_saw() {
    let text = output(&["registrar", "--listen", "127.0.0.1:0", "--for", "0"]);
    let mut lines = text.lines();
    assert!(
        lines
            .next()
            .unwrap()
            .starts_with("{\"listening\":\"127.0.0.1:")
    );
    assert_eq!(number(lines.next().unwrap(), "registers"), 0.0);
}
