//! `Config`: what the operator means, every value checked and every default filled in.
//!
//! Each function reads one table of the file; the engine's own policy types are filled directly,
//! so that a key and what it does are one step apart. Rules that span several tables stand in
//! `cross`.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use engine::Seconds;
use engine::policy::{
    Balance, ChallengePolicy, DomainPolicy, FlowMatch, LimitPolicy, Mode, Overflow,
    RegistrationPolicy, Side, TooBrief, UpstreamPolicy,
};
use tracing::Level;

use super::address::{self, SIP_PORT, ServerName};
use super::cross;
use super::error::{Fault, Faults, Spot};
use super::raw::{Document, Node};
use super::section::{Complaint, Given, Section};
use super::value::{choice, count, duration, flag, percent, seconds, text};

/// Most workers that may be asked for.
pub const MAX_WORKERS: u8 = 64;

const ANY: std::ops::RangeInclusive<Seconds> = 1..=Seconds::MAX;

/// A checked configuration.
#[derive(Clone, Debug)]
pub struct Config {
    /// Number of worker threads, each with an engine of its own.
    pub workers: u8,
    /// Where we listen; at least one.
    pub listen: Vec<Listen>,
    /// The main registrars; at least one, in order of preference.
    pub servers: Vec<ServerName>,
    /// How they are asked. Its `servers` stay empty until their names are resolved.
    pub upstream: UpstreamPolicy,
    /// What holds for every domain.
    pub domain: DomainPolicy,
    /// What is refused; `bindings` counts for the whole process here.
    pub limits: LimitPolicy,
    /// Where the secret that protects tokens is kept.
    pub secret_file: Option<PathBuf>,
    /// What is logged, and how.
    pub log: LogConfig,
    /// Value of the `Server` header, empty for none.
    pub server_header: String,
}

/// An address to listen on.
#[derive(Clone, Debug)]
pub struct Listen {
    /// The address; port 0 lets the system choose.
    pub bind: SocketAddr,
    /// What to tell others, when it is not the address itself.
    pub advertise: Option<String>,
    /// Who is expected there.
    pub side: Side,
}

/// What is logged, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogConfig {
    /// The least important level that is still written.
    pub level: Level,
    /// The form of a line.
    pub format: LogFormat,
}

/// The form of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Human,
    /// One JSON object per line.
    Json,
}

/// Gives meaning to a document. `None` when an error was found; all are in `faults`.
pub fn check(document: &Document, faults: &mut Faults) -> Option<Config> {
    let mut root = Section::root(&document.root, faults);
    let mode = root.value("mode", mode);
    let workers = root.value("workers", count(1..=usize::from(MAX_WORKERS)));
    let server_header = root.value("server_header", header_text);
    let mut listen = root.each("listen", read_listen);
    listen.retain(Option::is_some);
    let mut domain = DomainPolicy {
        mode: mode.map_or(Mode::Contact, |given| given.value),
        ..DomainPolicy::default()
    };
    let (upstream, servers) = root.section("upstream", |s| read_upstream(s, &mut domain));
    domain.registration = root.section("registration", read_registration);
    let limits = root.section("limits", read_limits);
    let secret_file = root.section("security", |s| s.value("secret_file", secret_path));
    let log = root.section("log", read_log);
    root.finish();

    let mut listen: Vec<Given<Listen>> = listen.into_iter().flatten().collect();
    let servers = servers.unwrap_or_default();
    cross::check_listeners(&listen, faults);
    cross::check_upstream(&listen, &servers, faults);
    cross::check_lifetimes(&domain, &upstream, faults);
    if listen.is_empty() {
        listen.push(default_listen());
    }
    (!faults.has_errors()).then(|| Config {
        workers: workers.map_or(1, |given| u8::try_from(given.value).unwrap_or(1)),
        listen: listen.into_iter().map(|given| given.value).collect(),
        servers: servers.into_iter().map(|given| given.value).collect(),
        upstream,
        domain,
        limits,
        secret_file: secret_file.map(|given| beside(&given)),
        log,
        server_header: server_header.map_or_else(String::new, |given| given.value),
    })
}

fn default_listen() -> Given<Listen> {
    let bind = SocketAddr::from(([0, 0, 0, 0], SIP_PORT));
    let source = super::error::Source {
        name: "default".to_owned(),
        text: String::new(),
    };
    let spot = Spot {
        source: source.into(),
        span: 0..0,
    };
    Given {
        value: Listen {
            bind,
            advertise: None,
            side: Side::Both,
        },
        spot,
    }
}

fn read_listen(section: &mut Section<'_, '_>, spot: &Spot) -> Option<Given<Listen>> {
    let missing = section.table_lacks("bind");
    let bind = section.value("bind", |node| address::listen_url(text(node)?));
    let advertise = section.value("advertise", |node| address::advertised(text(node)?));
    let side = section.value(
        "side",
        choice(&[
            ("both", Side::Both),
            ("devices", Side::Devices),
            ("upstream", Side::Upstream),
        ]),
    );
    if missing {
        section
            .faults
            .push(Fault::error(spot, "a listener needs a `bind`"));
    }
    let bind = bind?;
    let listen = Listen {
        bind: bind.value,
        advertise: advertise.map(|given| given.value),
        side: side.map_or(Side::Both, |given| given.value),
    };
    Some(Given {
        value: listen,
        spot: bind.spot,
    })
}

fn read_upstream(
    section: &mut Section<'_, '_>,
    domain: &mut DomainPolicy,
) -> (UpstreamPolicy, Option<Vec<Given<ServerName>>>) {
    let base = UpstreamPolicy::default();
    let servers = section.list("servers", |node| address::server_uri(text(node)?));
    let balance = section.value(
        "balance",
        choice(&[("failover", Balance::Failover), ("aor", Balance::Aor)]),
    );
    let expires = section
        .value("expires", seconds(ANY))
        .map_or(domain.expires, |g| g.value);
    let reauth = section.value("reauth_interval", seconds(ANY));
    let deadline = section.value("deadline", |node| {
        let deadline = duration(node)?;
        if (100..=300_000).contains(&deadline.as_millis()) {
            return Ok(deadline);
        }
        Err(Complaint::new("out of range", "from 100ms to 5m"))
    });
    let challenge = section.value("require_challenge", flag);
    let max_in_flight = section.value("max_in_flight", count(1..=1_000_000));
    let token_param = section.value("token_param", token_param);
    let definitive = section.list("definitive_rejects", definitive_status);
    domain.expires = expires;
    domain.reauth_interval = reauth.map_or(expires, |given| given.value);
    if let Some(Given { value: true, .. }) = challenge {
        domain.challenge = ChallengePolicy::Require;
    }
    let policy = UpstreamPolicy {
        servers: Vec::new(),
        balance: balance.map_or(base.balance, |given| given.value),
        deadline: deadline.map_or(base.deadline, |given| given.value),
        max_in_flight: max_in_flight.map_or(base.max_in_flight, |given| given.value),
        token_param: token_param.map_or(base.token_param, |given| given.value),
        definitive: definitive.map_or(base.definitive, |list| {
            list.into_iter().map(|given| given.value).collect()
        }),
        ..base
    };
    (policy, servers)
}

fn read_registration(section: &mut Section<'_, '_>) -> RegistrationPolicy {
    let base = RegistrationPolicy::default();
    let min = section.value("min_expires", seconds(ANY));
    let default = section.value("default_expires", seconds(ANY));
    let max = section.value("max_expires", seconds(ANY));
    let too_brief = section.value(
        "too_brief",
        choice(&[("reject", TooBrief::Reject), ("raise", TooBrief::Raise)]),
    );
    let nat = section.value("nat_expires", seconds(ANY));
    let jitter = section.value("jitter", percent(50));
    let flow_match = section.value(
        "flow_match",
        choice(&[("exact", FlowMatch::Exact), ("address", FlowMatch::Address)]),
    );
    let (min_expires, default_expires, max_expires) =
        cross::order_lifetimes([min, default, max], &base, section.faults);
    RegistrationPolicy {
        min_expires,
        default_expires,
        max_expires,
        too_brief: too_brief.map_or(base.too_brief, |given| given.value),
        nat_expires: nat.map_or(base.nat_expires, |given| given.value),
        jitter_percent: jitter.map_or(base.jitter_percent, |given| given.value),
        flow_match: flow_match.map_or(base.flow_match, |given| given.value),
    }
}

fn read_limits(section: &mut Section<'_, '_>) -> LimitPolicy {
    let base = LimitPolicy::default();
    let per_aor = section.value("bindings_per_aor", count(1..=10_000));
    let overflow = section.value(
        "overflow",
        choice(&[
            ("reject", Overflow::Reject),
            ("replace-oldest", Overflow::ReplaceOldest),
        ]),
    );
    let bindings = section.value("bindings", count(1..=100_000_000));
    let per_source = section.value("bindings_per_source", count(0..=100_000_000));
    LimitPolicy {
        bindings_per_aor: per_aor.map_or(base.bindings_per_aor, |given| given.value),
        overflow: overflow.map_or(base.overflow, |given| given.value),
        bindings: bindings.map_or(base.bindings, |given| given.value),
        bindings_per_source: per_source.map_or(base.bindings_per_source, |given| given.value),
    }
}

fn read_log(section: &mut Section<'_, '_>) -> LogConfig {
    let level = section.value(
        "level",
        choice(&[
            ("error", Level::ERROR),
            ("warn", Level::WARN),
            ("info", Level::INFO),
            ("debug", Level::DEBUG),
            ("trace", Level::TRACE),
        ]),
    );
    let format = section.value(
        "format",
        choice(&[("human", LogFormat::Human), ("json", LogFormat::Json)]),
    );
    LogConfig {
        level: level.map_or(Level::INFO, |given| given.value),
        format: format.map_or(LogFormat::Human, |given| given.value),
    }
}

fn mode(node: &Node) -> Result<Mode, Complaint> {
    const HELP: &str = "choose from \"contact\", \"mirror\"";
    match text(node)? {
        "contact" => Ok(Mode::Contact),
        "mirror" => Ok(Mode::Mirror),
        "aor" => Err(Complaint::new("`aor` is not in this version", HELP)),
        _ => Err(Complaint::new("not a mode", HELP)),
    }
}

fn header_text(node: &Node) -> Result<String, Complaint> {
    let text = text(node)?;
    if text.chars().any(char::is_control) || text.len() > 200 {
        return Err(Complaint::new(
            "not fit for a header",
            "one line of at most 200 bytes",
        ));
    }
    Ok(text.to_owned())
}

/// A name for our URI parameter: a token, and none that has a meaning already (RFC 3261 §19.1.1,
/// RFC 5626, RFC 5627, RFC 3581, RFC 4904).
fn token_param(node: &Node) -> Result<String, Complaint> {
    const TAKEN: [&str; 14] = [
        "transport",
        "user",
        "method",
        "ttl",
        "maddr",
        "lr",
        "comp",
        "ob",
        "gr",
        "alias",
        "cause",
        "target",
        "tgrp",
        "sigcomp-id",
    ];
    let text = text(node)?;
    let fits = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    if text.is_empty() || text.len() > 32 || !text.bytes().all(fits) {
        let help = "letters, digits, `-` and `_`, at most 32 of them";
        return Err(Complaint::new("not a parameter name", help));
    }
    if TAKEN.iter().any(|taken| taken.eq_ignore_ascii_case(text)) {
        let help = "take a name without a meaning, such as \"mr\"";
        return Err(Complaint::new("this parameter has a meaning in SIP", help));
    }
    Ok(text.to_owned())
}

/// A status that may end a binding for good; challenges, 423 and server failures never do (R16).
fn definitive_status(node: &Node) -> Result<u16, Complaint> {
    const HELP: &str = "a 4xx or 6xx status other than 401, 407, 408 and 423, such as 403";
    let status = count(0..=999)(node)?;
    let status = u16::try_from(status).unwrap_or_default();
    match status {
        401 | 407 | 408 | 423 => Err(Complaint::new("this status ends nothing", HELP)),
        400..=499 | 600..=699 => Ok(status),
        _ => Err(Complaint::new("not a reject", HELP)),
    }
}

fn secret_path(node: &Node) -> Result<PathBuf, Complaint> {
    match text(node)? {
        "" => Err(Complaint::new(
            "empty",
            "the path of a file, made when it is missing",
        )),
        text => Ok(PathBuf::from(text)),
    }
}

/// A relative path counts from the folder of the file it is written in.
fn beside(given: &Given<PathBuf>) -> PathBuf {
    let name = &given.spot.source.name;
    if name.starts_with("--") {
        return given.value.clone();
    }
    let folder = Path::new(name).parent().unwrap_or_else(|| Path::new(""));
    folder.join(&given.value)
}
