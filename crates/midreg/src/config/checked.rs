//! `Config`: what the operator means, every value checked and every default filled in.
//!
//! Each table of the file is read by one function; the larger ones have a file of their own. The
//! engine's own policy types are filled directly, so that a key and what it does are one step
//! apart. Rules that span several tables stand in `cross` and `domain_rules`.

use std::net::SocketAddr;
use std::path::PathBuf;

use engine::policy::{
    DomainPolicy, LimitPolicy, Mode, Naming, Overflow, RegistrationPolicy, Side, UpstreamPolicy,
};
use tracing::Level;

use super::address::{self, SIP_PORT, ServerName};
use super::cross;
use super::digest::DigestKeys;
use super::domain::{self, Defaults, DomainKeys};
use super::domain_rules;
use super::error::{Faults, Spot};
use super::naming::NamingKeys;
use super::raw::{Document, Node};
use super::registration::Registration;
use super::section::{Complaint, Given, Section};
use super::upstream::Upstream;
use super::value::{choice, count, path, text};

/// Most workers that may be asked for.
pub const MAX_WORKERS: u8 = 64;

/// A checked configuration.
#[derive(Clone, Debug)]
pub struct Config {
    /// Number of worker threads, each with an engine of its own.
    pub workers: u8,
    /// Where we listen; at least one.
    pub listen: Vec<Listen>,
    /// Where midreg's own requests leave from, and no others.
    pub control: Option<SocketAddr>,
    /// The main registrars, in order of preference; without one all domains are standalone.
    pub servers: Vec<ServerName>,
    /// How they are asked. Its `servers` stay empty until their names are resolved.
    pub upstream: UpstreamPolicy,
    /// What holds for every domain that is not in `domains`.
    pub domain: DomainPolicy,
    /// What holds for these domains, sorted by name.
    pub domains: Vec<(Box<str>, DomainPolicy)>,
    /// How the names that devices use become AoRs.
    pub naming: Naming,
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
    let given_mode = root.value("mode", domain::mode);
    let workers = root.value("workers", count(1..=usize::from(MAX_WORKERS)));
    let server_header = root.value("server_header", header_text);
    let listen = root.each("listen", read_listen);
    let mut listen: Vec<Given<Listen>> = listen.into_iter().flatten().collect();
    let naming = root.section("naming", NamingKeys::read);
    let upstream = root.section("upstream", Upstream::read);
    let base = RegistrationPolicy::default();
    let registration = root.section("registration", |s| Registration::read(s, &base));
    let digest = root.section("digest", DigestKeys::read);
    let base = &registration.policy;
    let domains = root.each("domain", |s, spot| DomainKeys::read(s, spot, base));
    let domains: Vec<DomainKeys> = domains.into_iter().flatten().collect();
    let limits = root.section("limits", read_limits);
    let secret_file = root.section("security", |s| s.value("secret_file", path));
    let log = root.section("log", read_log);
    root.finish();

    cross::check_listeners(&listen, &upstream.servers, faults);
    cross::check_upstream(&listen, &upstream.servers, faults);
    cross::check_own_requests(&upstream, &listen, faults);
    let mode = match (&given_mode, upstream.servers.is_empty()) {
        (Some(given), _) => given.value,
        (None, true) => Mode::Standalone,
        (None, false) => Mode::Contact,
    };
    let defaults = Defaults {
        given_mode,
        mode,
        lease: upstream.lease.clone(),
        registration,
        digest,
    };
    let (domain, named) =
        domain_rules::check_domains(&defaults, &domains, &upstream, &naming, faults);
    if listen.is_empty() {
        listen.push(default_listen());
    }
    (!faults.has_errors()).then(|| Config {
        workers: workers.map_or(1, |given| u8::try_from(given.value).unwrap_or(1)),
        listen: listen.into_iter().map(|given| given.value).collect(),
        control: upstream.control.map(|given| given.value),
        servers: upstream
            .servers
            .into_iter()
            .map(|given| given.value)
            .collect(),
        upstream: upstream.policy,
        domain,
        domains: named,
        naming: domain::naming(&naming, &domains),
        limits,
        secret_file: secret_file.map(|given| given.value),
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
    section.needs(&["bind"], spot);
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
