//! Every key works, from the file and from the command line.

use std::path::Path;

use engine::policy::{
    Balance, ChallengePolicy, DigestUser, DomainPolicy, FlowMatch, ForkOrder, Insertion, Mode,
    Outbound, Overflow, Qualify, Redirects, RegistrationPolicy, Side, TooBrief,
};
use sip::aor::UserCase;
use sip::digest::{Algorithm, Hex, ha1};

use tracing::Level;

use super::super::{Config, LogFormat, keys};
use super::{LEAST, digest, good};
use crate::log::Part;

/// A file of users, as a text in quotes.
const USERS_FILE: &str = concat!(
    "\"",
    env!("CARGO_MANIFEST_DIR"),
    "/src/config/tests/users.htdigest\""
);

/// Each key with a value other than its default, and how to see that it came through.
pub(super) type Probe = (&'static str, &'static str, fn(&Config) -> bool);

pub(super) const PROBES: &[Probe] = &[
    ("mode", "\"aor\"", |c| c.domain.mode == Mode::Aor),
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
    ("naming.strip_prefixes", "[\"SIP.\", \"pbx.\"]", |c| {
        c.naming.strip_prefixes == ["sip.".into(), "pbx.".into()]
    }),
    ("naming.fold_user_case", "true", |c| {
        c.naming.user_case == UserCase::Fold
    }),
    (
        "upstream.servers",
        "[\"sip:10.0.0.6\", \"sip:pbx:5070\"]",
        |c| c.servers.len() == 2,
    ),
    ("upstream.balance", "\"aor\"", |c| {
        c.upstream.balance == Balance::Aor
    }),
    ("upstream.insertion", "\"path\"", |c| {
        c.domain.insertion == Insertion::Path
    }),
    ("upstream.contact_style", "\"user\"", |c| {
        c.domain.insertion == Insertion::User
    }),
    ("upstream.expires", "\"1h\"", |c| c.domain.expires == 3600),
    ("upstream.reauth_interval", "5400", |c| {
        c.domain.reauth_interval == 5400
    }),
    ("upstream.require_challenge", "true", |c| {
        c.domain.challenge == ChallengePolicy::Require
    }),
    ("upstream.deadline", "\"500ms\"", |c| {
        c.upstream.deadline.as_millis() == 500
    }),
    ("upstream.max_in_flight", "17", |c| {
        c.upstream.max_in_flight == 17
    }),
    ("upstream.token_param", "\"tok\"", |c| {
        c.upstream.token_param == "tok"
    }),
    ("upstream.at_sign", "\"_at_\"", |c| {
        c.upstream.at_sign == "_at_"
    }),
    ("upstream.control_bind", "\"udp://10.0.0.2\"", |c| {
        c.control
            .is_some_and(|bind| bind.to_string() == "10.0.0.2:5060")
    }),
    ("upstream.resync_after", "\"5m\"", |c| {
        c.upstream.resync_after == 300
    }),
    ("upstream.definitive_rejects", "[403, 604]", |c| {
        c.upstream.definitive == [403, 604]
    }),
    ("upstream.trusted", "[\"10.1.0.0/16\", \"10.2.0.1\"]", |c| {
        let prefixes: Vec<u8> = c.upstream.trusted.iter().map(|one| one.prefix).collect();
        prefixes == [16, 32]
    }),
    ("upstream.credentials.realm", "\"r\"", |c| {
        &*c.upstream.credentials[0].realm == "r"
    }),
    ("upstream.credentials.user", "\"u\"", |c| {
        &*c.upstream.credentials[0].user == "u"
    }),
    ("upstream.credentials.password", "\"p\"", |c| {
        &*c.upstream.credentials[0].password == "p"
    }),
    ("registration.accept", "\"proved\"", |c| {
        c.domain.digest.is_some()
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
    ("calls.fork", "\"serial\"", |c| {
        c.domain.calls.fork == ForkOrder::Serial
    }),
    ("calls.ring_time", "\"1m\"", |c| {
        c.domain.calls.ring_time.as_secs() == 60
    }),
    ("calls.redirects", "\"follow\"", |c| {
        c.domain.calls.redirects == Redirects::Follow
    }),
    ("calls.qualify", "\"pass\"", |c| {
        c.domain.calls.qualify == Qualify::Pass
    }),
    ("calls.outbound", "\"any\"", |c| {
        c.domain.calls.outbound == Outbound::Any
    }),
    ("digest.realm", "\"hall\"", |c| {
        digest(&c.domain).realm == "hall"
    }),
    ("digest.algorithms", "[\"MD5\", \"SHA-512-256\"]", |c| {
        digest(&c.domain).algorithms == [Algorithm::Md5, Algorithm::Sha512_256]
    }),
    ("digest.nonce_life", "\"1h\"", |c| {
        digest(&c.domain).nonce_life.as_secs() == 3600
    }),
    ("digest.users.name", "\"carol\"", |c| {
        &*digest(&c.domain).users[0].name == "carol"
    }),
    ("digest.users.password", "\"pw\"", |c| {
        let user = &digest(&c.domain).users[0];
        is_hash_of(user, b"example.test", b"pw")
    }),
    (
        "digest.users.ha1_md5",
        "\"2c138d425e284ac47c68533e110248db\"",
        |c| bob_has(&c.domain, Algorithm::Md5),
    ),
    (
        "digest.users.ha1_sha256",
        "\"694df97650440bfe767d15ee194c6ab901c5f4fd90407b5011f130b26b407b7f\"",
        |c| bob_has(&c.domain, Algorithm::Sha256),
    ),
    (
        "digest.users.ha1_sha512_256",
        "\"a09541cfdb14f0cd194ad6bb0567bff720427014e4f1c4f15642e7920777ae89\"",
        |c| bob_has(&c.domain, Algorithm::Sha512_256),
    ),
    ("digest.users_file", USERS_FILE, |c| {
        let users = &digest(&c.domain).users;
        users
            .iter()
            .any(|user| &*user.name == "dave" && is_hash_of(user, b"example.test", b"pw-dave"))
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
        c.log.level_of(Part::Call) == Level::DEBUG
    }),
    ("log.format", "\"json\"", |c| {
        c.log.format == LogFormat::Json
    }),
    ("log.redact", "[\"users\", \"addresses\"]", |c| {
        c.log.redact.users && c.log.redact.addresses
    }),
    ("log.parts.main", "\"warn\"", |c| {
        c.log.level_of(Part::Main) == Level::WARN
    }),
    ("log.parts.register", "\"debug\"", |c| {
        c.log.level_of(Part::Register) == Level::DEBUG && c.log.level_of(Part::Call) == Level::INFO
    }),
    ("log.parts.upstream", "\"error\"", |c| {
        c.log.level_of(Part::Upstream) == Level::ERROR
    }),
    ("log.parts.call", "\"trace\"", |c| {
        c.log.level_of(Part::Call) == Level::TRACE
    }),
    ("log.parts.net", "\"error\"", |c| {
        c.log.level_of(Part::Net) == Level::ERROR
    }),
    ("log.parts.store", "\"warn\"", |c| {
        c.log.level_of(Part::Store) == Level::WARN
    }),
    ("log.parts.control", "\"debug\"", |c| {
        c.log.level_of(Part::Control) == Level::DEBUG
    }),
    ("control.enabled", "false", |c| !c.operators.enabled),
    ("control.path", "\"/run/midreg/m.sock\"", |c| {
        c.operators.path.as_deref() == Some(Path::new("/run/midreg/m.sock"))
    }),
    ("domain.name", "\"Other.Example\"", |c| {
        &*c.domains[0].0 == "other.example"
    }),
    ("domain.aliases", "[\"z.example\", \"a.example\"]", |c| {
        let alias = |name: &str| (Box::from(name), Box::from("example.org"));
        c.naming.aliases == [alias("a.example"), alias("z.example")]
    }),
    ("domain.upstream_name", "\"main.example\"", |c| {
        c.domains[0].1.upstream_name.as_deref() == Some("main.example")
    }),
    ("domain.mode", "\"aor\"", |c| {
        c.domains[0].1.mode == Mode::Aor
    }),
    ("domain.insertion", "\"path\"", |c| {
        c.domains[0].1.insertion == Insertion::Path
    }),
    ("domain.contact_style", "\"user\"", |c| {
        c.domains[0].1.insertion == Insertion::User
    }),
    ("domain.expires", "3000", |c| {
        (c.domains[0].1.expires, c.domains[0].1.reauth_interval) == (3000, 3000)
    }),
    ("domain.reauth_interval", "4000", |c| {
        c.domains[0].1.reauth_interval == 4000
    }),
    ("domain.require_challenge", "true", |c| {
        c.domains[0].1.challenge == ChallengePolicy::Require
    }),
    ("domain.registration.accept", "\"proved\"", |c| {
        c.domains[0].1.digest.is_some()
    }),
    ("domain.registration.min_expires", "1", |c| {
        promises(c).min_expires == 1
    }),
    ("domain.registration.default_expires", "1800", |c| {
        promises(c).default_expires == 1800
    }),
    ("domain.registration.max_expires", "7200", |c| {
        promises(c).max_expires == 7200
    }),
    ("domain.registration.too_brief", "\"raise\"", |c| {
        promises(c).too_brief == TooBrief::Raise
    }),
    ("domain.registration.nat_expires", "90", |c| {
        promises(c).nat_expires == 90
    }),
    ("domain.registration.jitter", "10", |c| {
        promises(c).jitter_percent == 10
    }),
    ("domain.registration.flow_match", "\"address\"", |c| {
        promises(c).flow_match == FlowMatch::Address
    }),
    ("domain.calls.fork", "\"parallel\"", |c| {
        c.domains[0].1.calls.fork == ForkOrder::Parallel
    }),
    ("domain.calls.ring_time", "\"1m\"", |c| {
        c.domains[0].1.calls.ring_time.as_secs() == 60
    }),
    ("domain.calls.redirects", "\"follow\"", |c| {
        c.domains[0].1.calls.redirects == Redirects::Follow
    }),
    ("domain.calls.qualify", "\"pass\"", |c| {
        c.domains[0].1.calls.qualify == Qualify::Pass
    }),
    ("domain.calls.outbound", "\"none\"", |c| {
        c.domains[0].1.calls.outbound == Outbound::None
    }),
    ("domain.digest.realm", "\"hall\"", |c| {
        digest(&c.domains[0].1).realm == "hall"
    }),
    ("domain.digest.algorithms", "\"MD5\"", |c| {
        digest(&c.domains[0].1).algorithms == [Algorithm::Md5]
    }),
    ("domain.digest.nonce_life", "60", |c| {
        digest(&c.domains[0].1).nonce_life.as_secs() == 60
    }),
    ("domain.digest.users.name", "\"carol\"", |c| {
        &*digest(&c.domains[0].1).users[0].name == "carol"
    }),
    ("domain.digest.users.password", "\"pw\"", |c| {
        let user = &digest(&c.domains[0].1).users[0];
        is_hash_of(user, b"example.test", b"pw")
    }),
    (
        "domain.digest.users.ha1_md5",
        "\"2c138d425e284ac47c68533e110248db\"",
        |c| bob_has(&c.domains[0].1, Algorithm::Md5),
    ),
    (
        "domain.digest.users.ha1_sha256",
        "\"694df97650440bfe767d15ee194c6ab901c5f4fd90407b5011f130b26b407b7f\"",
        |c| bob_has(&c.domains[0].1, Algorithm::Sha256),
    ),
    (
        "domain.digest.users.ha1_sha512_256",
        "\"a09541cfdb14f0cd194ad6bb0567bff720427014e4f1c4f15642e7920777ae89\"",
        |c| bob_has(&c.domains[0].1, Algorithm::Sha512_256),
    ),
    ("domain.digest.users_file", USERS_FILE, |c| {
        let users = &digest(&c.domains[0].1).users;
        users
            .iter()
            .any(|user| &*user.name == "dave" && is_hash_of(user, b"example.test", b"pw-dave"))
    }),
];

/// The tables that a file needs for every key to stand somewhere, with the least in each.
const TABLES: &[(&str, &[&str])] = &[
    ("", &[]),
    ("[[listen]]", &["bind = \"udp://10.0.0.1:5060\""]),
    ("[naming]", &[]),
    ("[upstream]", &["servers = [\"sip:10.0.0.5\"]"]),
    (
        "[[upstream.credentials]]",
        &["user = \"midreg\"", "password = \"secret\""],
    ),
    ("[registration]", &[]),
    ("[calls]", &[]),
    ("[digest]", &["realm = \"example.test\""]),
    (
        "[[digest.users]]",
        &["name = \"bob\"", "password = \"secret\""],
    ),
    ("[limits]", &[]),
    ("[security]", &[]),
    ("[log]", &[]),
    ("[log.parts]", &[]),
    ("[control]", &[]),
    ("[[domain]]", &["name = \"example.org\""]),
    ("[domain.registration]", &[]),
    ("[domain.calls]", &[]),
    ("[domain.digest]", &[]),
    (
        "[[domain.digest.users]]",
        &["name = \"bob\"", "password = \"secret\""],
    ),
];

fn promises(config: &Config) -> &RegistrationPolicy {
    &config.domains[0].1.registration
}

fn is_hash_of(user: &DigestUser, realm: &[u8], password: &[u8]) -> bool {
    let right = |(algorithm, hash): &(Algorithm, Hex)| {
        let wanted = ha1(*algorithm, user.name.as_bytes(), realm, password);
        hash.as_bytes() == wanted.as_bytes()
    };
    !user.ha1.is_empty() && user.ha1.iter().all(right)
}

/// Whether bob has a hash of his password for this algorithm, and that is asked for.
fn bob_has(policy: &DomainPolicy, algorithm: Algorithm) -> bool {
    let digest = digest(policy);
    let user = &digest.users[0];
    digest.algorithms.contains(&algorithm)
        && user.ha1.iter().any(|(own, _)| *own == algorithm)
        && is_hash_of(user, b"example.test", b"pw")
}

/// A file with a line in the table where it belongs, and the least in all others.
pub(super) fn file_with(key: &str, value: &str) -> String {
    let (table, name) = key.rsplit_once('.').unwrap_or(("", key));
    let line = format!("{name} = {value}\n");
    let file = file_for(key);
    let header = TABLES
        .iter()
        .map(|(header, _)| format!("{header}\n"))
        .find(|header| header.trim_matches(['[', ']', '\n']) == table)
        .unwrap_or_default();
    file.replacen(&header, &format!("{header}{line}"), 1)
}

/// Whether a line of the least cannot stand beside the key `name`.
fn gives_way(line: &str, name: &str) -> bool {
    line.starts_with(&format!("{name} = "))
        || (name.starts_with("ha1_") && line.starts_with("password = "))
}

/// A file with the least in all tables, but for what `key` replaces.
fn file_for(key: &str) -> String {
    let (table, name) = key.rsplit_once('.').unwrap_or(("", key));
    let least = TABLES.iter().flat_map(|(header, least)| {
        let here = header.trim_matches(['[', ']']) == table;
        let kept = least
            .iter()
            .filter(move |line| !here || !gives_way(line, name));
        std::iter::once(header).chain(kept)
    });
    least.map(|line| format!("{line}\n")).collect()
}

/// A key as `--set` wants it: with the number of the element in a list.
pub(super) fn set_path(key: &str) -> String {
    let mut path = String::new();
    let mut known = String::new();
    for part in key.split('.') {
        if !known.is_empty() {
            known.push('.');
            path.push('.');
        }
        known += part;
        path += part;
        if TABLES
            .iter()
            .any(|(header, _)| *header == format!("[[{known}]]"))
        {
            path += ".0";
        }
    }
    path
}

#[test]
fn the_probes_cover_every_key() {
    let probed: Vec<&str> = PROBES.iter().map(|(key, ..)| *key).collect();
    let mut known: Vec<&str> = keys::all().iter().map(String::as_str).collect();
    let mut probed = probed;
    probed.sort_unstable();
    known.sort_unstable();
    assert_eq!(probed, known);
}

#[test]
fn every_key_is_accepted_from_the_file() {
    for (key, value, seen) in PROBES {
        let text = file_with(key, value);
        assert!(seen(&good(&text, &[])), "{key} has no effect in\n{text}");
    }
}

#[test]
fn every_key_is_reached_by_set() {
    for (key, value, seen) in PROBES {
        let file = file_for(key);
        let argument = format!("{}={value}", set_path(key));
        assert!(seen(&good(&file, &[&argument])), "{argument} has no effect");
    }
}

#[test]
fn a_text_needs_no_quotes_on_the_command_line() {
    for (key, value, seen) in PROBES.iter().filter(|(_, value, _)| value.starts_with('"')) {
        let file = file_for(key);
        let argument = format!("{}={}", set_path(key), value.trim_matches('"'));
        assert!(seen(&good(&file, &[&argument])), "{argument} has no effect");
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
