//! The configuration as a whole: every key works from the file and from the command line, and
//! every kind of mistake is told with its place.

use engine::policy::{Balance, ChallengePolicy, FlowMatch, Mode, Overflow, Side, TooBrief};

use super::error::Severity;
use super::*;

const LEAST: &str =
    "upstream.servers = [\"sip:10.0.0.5\"]\nlisten = [{bind = \"udp://10.0.0.1\"}]\n";

/// Checks a file's text with `--set` arguments over it.
fn check(text: &str, sets: &[&str]) -> Result<Loaded, Faults> {
    let mut faults = Faults::default();
    let mut document = Document::parse("midreg.toml", text.to_owned(), &mut faults);
    for set in sets {
        Override::Set((*set).to_owned()).apply(&mut document, &mut faults);
    }
    match checked::check(&document, &mut faults) {
        Some(config) => Ok(Loaded {
            config,
            warnings: faults,
        }),
        None => Err(faults),
    }
}

fn lines(faults: &Faults) -> Vec<String> {
    faults.iter().map(Fault::line).collect()
}

fn errors(text: &str, sets: &[&str]) -> Vec<String> {
    lines(&check(text, sets).expect_err("an error"))
}

fn good(text: &str, sets: &[&str]) -> Config {
    check(text, sets)
        .unwrap_or_else(|faults| panic!("{:?}", lines(&faults)))
        .config
}

/// Each key with a value other than its default, and how to see that it came through.
type Probe = (&'static str, &'static str, fn(&Config) -> bool);

const PROBES: &[Probe] = &[
    ("mode", "\"mirror\"", |c| c.domain.mode == Mode::Mirror),
    ("workers", "3", |c| c.workers == 3),
    ("server_header", "\"midreg/1\"", |c| {
        c.server_header == "midreg/1"
    }),
    ("listen.bind", "\"udp://10.0.0.9:5062\"", |c| {
        c.listen
            .iter()
            .any(|one| one.bind.to_string() == "10.0.0.9:5062")
    }),
    ("listen.advertise", "\"sip.example.com:5060\"", |c| {
        c.listen
            .iter()
            .any(|one| one.advertise.as_deref() == Some("sip.example.com:5060"))
    }),
    ("listen.side", "\"both\"", |c| {
        c.listen.iter().all(|one| one.side == Side::Both)
    }),
    (
        "upstream.servers",
        "[\"sip:10.0.0.6\", \"sip:pbx:5070\"]",
        |c| c.servers.len() == 2,
    ),
    ("upstream.balance", "\"aor\"", |c| {
        c.upstream.balance == Balance::Aor
    }),
    ("upstream.expires", "\"1h\"", |c| c.domain.expires == 3600),
    ("upstream.reauth_interval", "5400", |c| {
        c.domain.reauth_interval == 5400
    }),
    ("upstream.deadline", "\"500ms\"", |c| {
        c.upstream.deadline.as_millis() == 500
    }),
    ("upstream.require_challenge", "true", |c| {
        c.domain.challenge == ChallengePolicy::Require
    }),
    ("upstream.max_in_flight", "17", |c| {
        c.upstream.max_in_flight == 17
    }),
    ("upstream.token_param", "\"tok\"", |c| {
        c.upstream.token_param == "tok"
    }),
    ("upstream.definitive_rejects", "[403, 604]", |c| {
        c.upstream.definitive == [403, 604]
    }),
    ("registration.min_expires", "1", |c| {
        c.domain.registration.min_expires == 1
    }),
    ("registration.default_expires", "\"30m\"", |c| {
        c.domain.registration.default_expires == 1800
    }),
    ("registration.max_expires", "\"2h\"", |c| {
        c.domain.registration.max_expires == 7200
    }),
    ("registration.too_brief", "\"raise\"", |c| {
        c.domain.registration.too_brief == TooBrief::Raise
    }),
    ("registration.nat_expires", "90", |c| {
        c.domain.registration.nat_expires == 90
    }),
    ("registration.jitter", "\"10%\"", |c| {
        c.domain.registration.jitter_percent == 10
    }),
    ("registration.flow_match", "\"address\"", |c| {
        c.domain.registration.flow_match == FlowMatch::Address
    }),
    ("limits.bindings_per_aor", "3", |c| {
        c.limits.bindings_per_aor == 3
    }),
    ("limits.overflow", "\"replace-oldest\"", |c| {
        c.limits.overflow == Overflow::ReplaceOldest
    }),
    ("limits.bindings", "1000", |c| c.limits.bindings == 1000),
    ("limits.bindings_per_source", "5", |c| {
        c.limits.bindings_per_source == 5
    }),
    ("security.secret_file", "\"/etc/midreg/secret\"", |c| {
        c.secret_file.as_deref() == Some(Path::new("/etc/midreg/secret"))
    }),
    ("log.level", "\"debug\"", |c| {
        c.log.level == tracing::Level::DEBUG
    }),
    ("log.format", "\"json\"", |c| {
        c.log.format == LogFormat::Json
    }),
];

#[test]
fn the_probes_cover_every_key() {
    let probed: Vec<&str> = PROBES.iter().map(|(key, ..)| *key).collect();
    assert_eq!(probed, keys::ALL);
}

#[test]
fn every_key_is_accepted_from_the_file() {
    for (key, value, seen) in PROBES {
        let (section, name) = key.rsplit_once('.').unwrap_or(("", key));
        let bind = if name == "bind" {
            ""
        } else {
            "bind = \"udp://10.0.0.1:5060\"\n"
        };
        let servers = if name == "servers" {
            ""
        } else {
            "servers = [\"sip:10.0.0.5\"]\n"
        };
        let own = |which: &str| match section == which {
            true => format!("{name} = {value}\n"),
            false => String::new(),
        };
        let text = format!(
            "{}[[listen]]\n{bind}{}[upstream]\n{servers}{}[registration]\n{}[limits]\n{}\
             [security]\n{}[log]\n{}",
            own(""),
            own("listen"),
            own("upstream"),
            own("registration"),
            own("limits"),
            own("security"),
            own("log")
        );
        assert!(seen(&good(&text, &[])), "{key} has no effect in\n{text}");
    }
}

#[test]
fn every_key_is_reached_by_set() {
    for (key, value, seen) in PROBES {
        let argument = format!("{}={value}", key.replacen("listen.", "listen.0.", 1));
        assert!(seen(&good(LEAST, &[&argument])), "{argument} has no effect");
    }
}

#[test]
fn a_text_needs_no_quotes_on_the_command_line() {
    for (key, value, seen) in PROBES.iter().filter(|(_, value, _)| value.starts_with('"')) {
        let path = key.replacen("listen.", "listen.0.", 1);
        let argument = format!("{path}={}", value.trim_matches('"'));
        assert!(seen(&good(LEAST, &[&argument])), "{argument} has no effect");
    }
}

#[test]
fn defaults_are_those_of_the_engine() {
    let config = good(LEAST, &[]);
    let base = engine::Policy::default();
    assert_eq!(config.domain.mode, base.domain.mode);
    assert_eq!(
        format!("{:?}", config.domain.registration),
        format!("{:?}", base.domain.registration)
    );
    assert_eq!(format!("{:?}", config.limits), format!("{:?}", base.limits));
    assert_eq!(
        format!("{:?}", config.upstream),
        format!("{:?}", base.upstream)
    );
}

#[test]
fn the_example_parses_names_every_key_and_shows_the_defaults() {
    let text = include_str!("../../../../examples/midreg.toml");
    let loaded = check(text, &[]).unwrap_or_else(|faults| panic!("{:?}", lines(&faults)));
    assert_eq!(lines(&loaded.warnings), [""; 0]);
    for key in keys::ALL {
        let (section, name) = key.rsplit_once('.').unwrap_or(("", key));
        assert!(
            text.contains(&format!("\n{name} = ")),
            "{key} is not in the example"
        );
        assert!(section.is_empty() || text.contains(&format!("[{section}]")));
    }
    let mut shown = loaded.config;
    let mut plain = good("upstream.servers = [\"sip:10.0.0.5:5060\"]", &[]);
    shown.secret_file = None;
    shown.listen[0].advertise = None;
    plain.secret_file = None;
    assert_eq!(format!("{shown:?}"), format!("{plain:?}"));
}

#[test]
fn every_bad_value_is_told_with_its_place() {
    for (line, wanted) in [
        (
            "mode = \"aor\"",
            "3:8: error: bad value for `mode` [\"aor\"] (`aor` is not in this version)",
        ),
        (
            "mode = \"mirrored\"",
            "3:8: error: bad value for `mode` [\"mirrored\"] (not a mode)",
        ),
        (
            "mode = 3",
            "3:8: error: bad value for `mode` [3] (this is a number)",
        ),
        (
            "workers = 0",
            "3:11: error: bad value for `workers` [0] (out of range); from 1 to 64",
        ),
        (
            "workers = 1.5",
            "3:11: error: bad value for `workers` [1.5] (this is a fraction)",
        ),
        (
            "server_header = \"a\\nb\"",
            "3:17: error: bad value for `server_header`",
        ),
        (
            "upstream.balance = \"random\"",
            "3:20: error: bad value for `upstream.balance`",
        ),
        (
            "upstream.expires = \"1.5h\"",
            "3:20: error: bad value for `upstream.expires`",
        ),
        (
            "upstream.expires = \"1500ms\"",
            "3:20: error: bad value for `upstream.expires` [\"1500ms\"] (not whole seconds)",
        ),
        (
            "upstream.expires = -1",
            "3:20: error: bad value for `upstream.expires` [-1] (negative)",
        ),
        (
            "upstream.reauth_interval = 0",
            "3:28: error: bad value for `upstream.reauth_interval`",
        ),
        (
            "upstream.deadline = \"1ms\"",
            "3:21: error: bad value for `upstream.deadline`",
        ),
        (
            "upstream.require_challenge = 1",
            "3:30: error: bad value for `upstream.require_challenge`",
        ),
        (
            "upstream.max_in_flight = 0",
            "3:26: error: bad value for `upstream.max_in_flight`",
        ),
        (
            "upstream.token_param = \"lr\"",
            "3:24: error: bad value for `upstream.token_param` [\"lr\"] (this parameter has a meaning in SIP)",
        ),
        (
            "upstream.token_param = \"a;b\"",
            "3:24: error: bad value for `upstream.token_param` [\"a;b\"] (not a parameter name)",
        ),
        (
            "upstream.definitive_rejects = [403, 401]",
            "3:37: error: bad value for `upstream.definitive_rejects` [401] (this status ends nothing)",
        ),
        (
            "upstream.definitive_rejects = [503]",
            "3:32: error: bad value for `upstream.definitive_rejects` [503] (not a reject)",
        ),
        (
            "registration.min_expires = 0",
            "3:28: error: bad value for `registration.min_expires`",
        ),
        (
            "registration.too_brief = true",
            "3:26: error: bad value for `registration.too_brief`",
        ),
        (
            "registration.jitter = 51",
            "3:23: error: bad value for `registration.jitter` [51] (out of range); from 0 to 50%",
        ),
        (
            "registration.flow_match = \"port\"",
            "3:27: error: bad value for `registration.flow_match`",
        ),
        (
            "limits.bindings_per_aor = 0",
            "3:27: error: bad value for `limits.bindings_per_aor`",
        ),
        (
            "limits.overflow = \"drop\"",
            "3:19: error: bad value for `limits.overflow`",
        ),
        (
            "limits.bindings = 1979-05-27",
            "3:19: error: bad value for `limits.bindings` [1979-05-27] (this is a date)",
        ),
        (
            "limits = 3",
            "3:10: error: bad value for `limits` [3] (this is a number); a table is wanted",
        ),
        (
            "security.secret_file = \"\"",
            "3:24: error: bad value for `security.secret_file` [\"\"] (empty)",
        ),
        (
            "log.level = \"loud\"",
            "3:13: error: bad value for `log.level` [\"loud\"] (not one of the choices)",
        ),
        (
            "log.format = \"xml\"",
            "3:14: error: bad value for `log.format`",
        ),
    ] {
        let got = errors(&format!("{LEAST}{line}\n"), &[]);
        assert_eq!(got.len(), 1, "{line}: {got:?}");
        let wanted = format!("midreg.toml:{wanted}");
        assert!(
            got[0].starts_with(&wanted),
            "{line}:\n{}\nwanted\n{wanted}",
            got[0]
        );
    }
}

#[test]
fn bad_addresses_are_told_with_their_place() {
    let text = "upstream.servers = [\"sip:10.0.0.5\", \"sips:10.0.0.5\"]\n\
                [[listen]]\nbind = \"tcp://0.0.0.0:5060\"\n[[listen]]\nadvertise = \"a b\"\n";
    let got = errors(text, &[]);
    assert_eq!(got.len(), 4, "{got:?}");
    assert!(got[0].starts_with("midreg.toml:3:8: error: bad value for `listen.bind`"));
    assert!(got[0].contains("`tcp` is not in this version"));
    assert!(got[1].starts_with("midreg.toml:5:13: error: bad value for `listen.advertise`"));
    assert!(
        got[2].starts_with("midreg.toml:4:1: error: a listener needs a `bind`"),
        "{}",
        got[2]
    );
    assert!(got[3].starts_with("midreg.toml:1:37: error: bad value for `upstream.servers`"));
}

#[test]
fn unknown_keys_get_a_hint() {
    let text = format!("{LEAST}worker = 1\n[registration]\nmin_expire = 5\nlevel = 1\n");
    let got = errors(&text, &[]);
    assert_eq!(got.len(), 3, "{got:?}");
    for (place, hint) in [
        (
            "midreg.toml:3:1: error: unknown key `worker`",
            "did you mean `workers`?",
        ),
        (
            "midreg.toml:5:1: error: unknown key `registration.min_expire`",
            "`registration.min_expires`?",
        ),
        (
            "midreg.toml:6:1: error: unknown key `registration.level`",
            "did you mean `log.level`?",
        ),
    ] {
        assert!(
            got.iter().any(|l| l.starts_with(place) && l.contains(hint)),
            "{place}: {got:?}"
        );
    }
}

#[test]
fn what_comes_later_is_called_so() {
    let got = errors(&format!("{LEAST}[storage]\npath = \"/x\"\n"), &[]);
    assert_eq!(
        got,
        [
            "midreg.toml:3:2: error: unknown key `storage` [storage] (not in this version); \
          bindings are kept in memory only, and are gone after a restart"
        ]
    );
}

#[test]
fn syntax_and_meaning_are_both_told() {
    let got = errors(&format!("{LEAST}mode = contact\nworkers = 0\n"), &[]);
    assert!(
        got.iter()
            .any(|l| l.starts_with("midreg.toml:3:") && l.contains("not valid TOML"))
    );
    assert!(
        got.iter()
            .any(|l| l.starts_with("midreg.toml:4:11: error: bad value for `workers`"))
    );
}

#[test]
fn errors_on_the_command_line_point_into_the_argument() {
    let got = errors(LEAST, &["registration.min_expires=abc", "log.lvel=info"]);
    assert_eq!(got.len(), 2, "{got:?}");
    assert!(got[0].starts_with("--set:1:26: error: bad value for `registration.min_expires`"));
    assert!(
        got[1].starts_with("--set:1:1: error: unknown key `log.lvel`"),
        "{got:?}"
    );
}

#[test]
fn lifetimes_that_were_given_must_agree() {
    let got = errors(
        &format!("{LEAST}[registration]\nmin_expires = 600\nmax_expires = 300\n"),
        &[],
    );
    assert_eq!(
        got,
        [
            "midreg.toml:4:15: error: `registration.min_expires` is longer than `max_expires` [600] \
          (600 s against 300 s)"
        ]
    );
    let got = errors(
        &format!("{LEAST}[registration]\nmin_expires=9\ndefault_expires=8\n"),
        &[],
    );
    assert!(got[0].contains("`registration.min_expires` is longer than `default_expires`"));
    let got = errors(
        &format!("{LEAST}[registration]\ndefault_expires=9\nmax_expires=8\n"),
        &[],
    );
    assert!(got[0].contains("`registration.default_expires` is longer than `max_expires`"));
}

#[test]
fn lifetimes_that_were_not_given_follow_those_that_were() {
    for (sets, wanted) in [
        (&["registration.max_expires=600"][..], (60, 600, 600)),
        (&["registration.max_expires=5"], (5, 5, 5)),
        (&["registration.min_expires=7200"], (7200, 7200, 7200)),
        (&["registration.default_expires=7200"], (60, 7200, 7200)),
        (&["registration.default_expires=30"], (30, 30, 3600)),
    ] {
        let r = good(LEAST, sets).domain.registration;
        assert_eq!(
            (r.min_expires, r.default_expires, r.max_expires),
            wanted,
            "{sets:?}"
        );
    }
    assert_eq!(
        good(LEAST, &["upstream.expires=600"])
            .domain
            .reauth_interval,
        600
    );
}

#[test]
fn what_cannot_work_together_is_an_error() {
    for (text, wanted) in [
        (
            "listen = [{bind=\"udp://10.0.0.1\"}]",
            "error: no upstream server",
        ),
        (
            "upstream.servers=[\"sip:127.0.0.1\"]\n[[listen]]\nbind=\"udp://127.0.0.1\"",
            "midreg.toml:1:19: error: the upstream is midreg itself",
        ),
        (
            "upstream.servers=[\"sip:127.0.0.1\"]\n[[listen]]\nbind=\"udp://0.0.0.0\"\nadvertise=\"a\"",
            "midreg.toml:1:19: error: the upstream is midreg itself",
        ),
        (
            "upstream.servers=[\"sip:[::1]\"]\n[[listen]]\nbind=\"udp://127.0.0.1\"",
            "midreg.toml:1:19: error: no IPv6 listener serves the upstream",
        ),
        (
            "upstream.servers=[\"sip:[::1]\"]",
            "midreg.toml:1:19: error: no IPv6 listener serves the upstream",
        ),
        (
            "upstream.servers=[\"sip:10.0.0.5\", \"sip:10.0.0.5:5060\"]\n[[listen]]\nbind=\"udp://10.0.0.1\"",
            "midreg.toml:1:35: error: this upstream server is listed twice",
        ),
        (
            "upstream.servers=[\"sip:10.0.0.5\"]\n[[listen]]\nbind=\"udp://10.0.0.1\"\n[[listen]]\nbind=\"udp://10.0.0.1:5060\"",
            "midreg.toml:5:6: error: two listeners on 10.0.0.1:5060",
        ),
        (
            "upstream.servers=[\"sip:10.0.0.5\"]\n[[listen]]\nbind=\"udp://10.0.0.1\"\nside=\"upstream\"",
            "midreg.toml:3:6: error: no listener serves devices",
        ),
    ] {
        let got = errors(text, &[]);
        assert_eq!(got.len(), 1, "{text}: {got:?}");
        assert!(got[0].starts_with(wanted), "{text}: {got:?}");
    }
    let text =
        "upstream.servers=[\"sip:a\"]\n[[listen]]\nbind=\"udp://10.0.0.1\"\nside=\"devices\"";
    assert!(errors(text, &[])[0].contains("no listener serves the upstream"));
}

#[test]
fn what_is_unwise_is_a_warning() {
    for (sets, wanted) in [
        (
            &["listen.0.bind=udp://0.0.0.0"][..],
            "this listener has no `advertise`",
        ),
        (
            &["listen.0.bind=udp://10.0.0.1:5070", "listen.0.advertise=a"],
            "means 5060, not 5070",
        ),
        (&["upstream.expires=60"], "hardly longer than a refresh"),
        (
            &["upstream.reauth_interval=60"],
            "much shorter than `upstream.expires`",
        ),
        (
            &["registration.nat_expires=600"],
            "`registration.nat_expires` is 600 s",
        ),
        (&["upstream.deadline=60s"], "`upstream.deadline` is 60 s"),
    ] {
        let warnings = check(LEAST, sets).expect("usable").warnings;
        let told = lines(&warnings);
        assert_eq!(told.len(), 1, "{sets:?}: {told:?}");
        assert!(told[0].contains(wanted), "{told:?}");
        assert!(
            warnings
                .iter()
                .all(|fault| fault.severity == Severity::Warning)
        );
    }
    assert_eq!(lines(&check(LEAST, &[]).expect("usable").warnings), [""; 0]);
}

#[test]
fn without_a_listener_the_usual_port_is_taken() {
    let config = good("upstream.servers = \"sip:10.0.0.5\"", &[]);
    assert_eq!(config.listen.len(), 1);
    assert_eq!(config.listen[0].bind.to_string(), "0.0.0.0:5060");
}

#[test]
fn files_that_cannot_be_read_are_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let typed = |name: &str| Typed {
        file: Some(folder.path().join(name)),
        overrides: vec![],
    };
    let missing = lines(&load(&typed("none.toml")).expect_err("missing"));
    assert!(
        missing[0].contains("cannot read") && missing[0].contains("none.toml"),
        "{missing:?}"
    );
    std::fs::write(
        folder.path().join("latin1.toml"),
        b"mode = \"contact\"\n# caf\xe9\n",
    )
    .expect("written");
    let latin = lines(&load(&typed("latin1.toml")).expect_err("not UTF-8"));
    assert!(latin[0].contains("latin1.toml:2: not UTF-8"), "{latin:?}");
    let relative = Typed {
        file: Some(PathBuf::from("no/such.toml")),
        overrides: vec![],
    };
    let told = lines(&load(&relative).expect_err("missing"));
    assert!(told[0].contains("looked for it in /"), "{told:?}");
}

#[test]
fn a_relative_secret_counts_from_the_file_but_not_on_the_command_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("midreg.toml");
    std::fs::write(&file, format!("{LEAST}security.secret_file = \"s\"\n")).expect("written");
    let typed = Typed {
        file: Some(file.clone()),
        overrides: vec![],
    };
    let config = load(&typed).expect("good").config;
    assert_eq!(config.secret_file, Some(folder.path().join("s")));
    let set = Override::Set("security.secret_file=t".to_owned());
    let config = load(&Typed {
        file: Some(file),
        overrides: vec![set],
    })
    .expect("good")
    .config;
    assert_eq!(config.secret_file, Some(PathBuf::from("t")));
}
