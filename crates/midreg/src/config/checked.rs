//! `Config`: what the operator means, every value checked and every default filled in.
//!
//! Each table of the file is read by one function; the larger ones have a file of their own. The
//! engine's own policy types are filled directly, so that a key and what it does are one step
//! apart. Rules that span several tables stand in `cross`, `domain_rules` and `exposure`.

use std::net::SocketAddr;
use std::path::PathBuf;

use engine::policy::{
    CallPolicy, DomainPolicy, LimitPolicy, Mode, Naming, RegistrationPolicy, UpstreamPolicy,
};

use super::address::ServerName;
use super::calls::{self, CALLS};
use super::control::{CONTROL, ControlConfig};
use super::cross;
use super::digest::{DIGEST, DigestKeys};
use super::domain::{self, DOMAIN, Defaults, DomainKeys};
use super::domain_rules;
use super::error::Faults;
use super::exposure;
use super::form::{Word, quoted, text_of, word};
use super::key::{Absent, Key, Sample, TableKey};
use super::limits::{LIMITS, Limits};
use super::listen::{LISTEN, Listen};
use super::logging::{LOG, LogConfig};
use super::naming::{NAMING, NamingKeys};
use super::raw::Document;
use super::record::{Purpose, Record};
use super::registration::{REGISTRATION, Registration};
use super::section::{Complaint, Given, Section};
use super::upstream::{UPSTREAM, Upstream};
use super::value::{count, path};

/// Most workers that may be asked for.
pub const MAX_WORKERS: u8 = 64;

const WORKERS: Key = Key {
    name: "workers",
    doc: "Worker threads. Each owns a part of the users; one carries many thousand REGISTERs a \
          second.",
    absent: Absent::Default,
    example: "4",
};

const SERVER_HEADER: Key = Key {
    name: "server_header",
    doc: "Value of the `Server` header in answers of our own; empty for none.",
    absent: Absent::Default,
    example: "\"midreg\"",
};

const SECURITY: TableKey = TableKey {
    name: "security",
    doc: "What must stay secret.",
    sample: Sample::Live,
};

const SECRET_FILE: Key = Key {
    name: "secret_file",
    doc: "Keeps the secret that protects our tokens; made with mode 0600 when it is missing. A \
          relative path counts from the folder of this file.",
    absent: Absent::Advised(
        "a secret is made up at every start, and all devices register anew at the main registrar \
         after a restart",
    ),
    example: "\"midreg.secret\"",
};

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
    /// Where operators reach a midreg that runs.
    pub operators: ControlConfig,
    /// Value of the `Server` header, empty for none.
    pub server_header: String,
}

/// All keys there are: what the readers ask for when there is nothing to read.
#[must_use]
pub(super) fn describe() -> Record {
    let mut record = Record::new(Purpose::Describe);
    let mut faults = Faults::default();
    let _ = read(&Document::default(), &mut record, &mut faults);
    record
}

/// Gives meaning to a document. `None` when an error was found; all are in `faults`.
pub(super) fn check(
    document: &Document,
    record: &mut Record,
    faults: &mut Faults,
) -> Option<Config> {
    let config = read(document, record, faults);
    (!faults.has_errors()).then_some(config)
}

fn read(document: &Document, record: &mut Record, faults: &mut Faults) -> Config {
    let mut root = Section::root(&document.root, record, faults);
    let given_mode = root.value(&domain::MODE, &word());
    let most = usize::from(MAX_WORKERS);
    let workers = root.value_or(&WORKERS, &count(1..=most), 1);
    let header = text_of("text of one line", "", header_text, String::clone);
    let server_header = root.value_or(&SERVER_HEADER, &header, String::new());
    let listen = root.each(&LISTEN, |s, _| Listen::read(s));
    let mut listen: Vec<Given<Listen>> = listen.into_iter().flatten().collect();
    let naming = root.section(&NAMING, NamingKeys::read);
    let upstream = root.section(&UPSTREAM, Upstream::read);
    let mode = match (&given_mode, upstream.servers.is_empty()) {
        (Some(given), _) => given.value,
        (None, true) => Mode::Standalone,
        (None, false) => Mode::Contact,
    };
    root.follow(&domain::MODE, quoted(mode.word()));
    let base = RegistrationPolicy::default();
    let registration = root.section(&REGISTRATION, |s| Registration::read(s, &base, None));
    let calls = root.section(&CALLS, |s| calls::read(s, &CallPolicy::default()));
    let digest = root.section(&DIGEST, |s| DigestKeys::read(s, &DigestKeys::default()));
    let limits = root.section(&LIMITS, Limits::read);
    let secret_file = root.section(&SECURITY, read_secret_file);
    let log = root.section(&LOG, LogConfig::read);
    let operators = root.section(&CONTROL, ControlConfig::read);
    let defaults = Defaults {
        given_mode,
        mode,
        lease: upstream.lease.clone(),
        registration,
        calls,
        digest,
    };
    let domains = root.each(&DOMAIN, |s, _| DomainKeys::read(s, &defaults));
    let domains: Vec<DomainKeys> = domains.into_iter().flatten().collect();
    root.finish();

    cross::check_listeners(&listen, &upstream.servers, faults);
    cross::check_upstream(&listen, &upstream.servers, faults);
    cross::check_own_requests(&upstream, &listen, faults);
    let (domain, named) =
        domain_rules::check_domains(&defaults, &domains, &upstream, &naming, faults);
    let policies = || std::iter::once(&domain).chain(named.iter().map(|(_, policy)| policy));
    cross::check_shared_leases(policies(), &limits, faults);
    cross::check_idle(policies(), &upstream, faults);
    exposure::check(&listen, policies(), &limits, faults);
    if listen.is_empty() {
        listen.push(Listen::usual());
    }
    Config {
        workers: u8::try_from(workers).unwrap_or(1),
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
        limits: limits.policy,
        secret_file: secret_file.map(|given| given.value),
        log,
        operators,
        server_header,
    }
}

fn read_secret_file(section: &mut Section<'_, '_>) -> Option<Given<PathBuf>> {
    section.value(&SECRET_FILE, &path("path of a file"))
}

fn header_text(text: &str) -> Result<String, Complaint> {
    if text.chars().any(char::is_control) || text.len() > 200 {
        return Err(Complaint::new(
            "not fit for a header",
            "one line of at most 200 bytes",
        ));
    }
    Ok(text.to_owned())
}
