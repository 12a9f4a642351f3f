//! `Upstream`: the table `[upstream]`.

use std::net::SocketAddr;
use std::time::Duration;

use engine::policy::{Balance, Credential, Network, UpstreamPolicy};

use super::address::{self, LISTEN_PATTERN, SERVER_PATTERN, ServerName};
use super::error::{Fault, Faults, Spot};
use super::form::{Form, Word, text_of, word};
use super::key::{Absent, Key, Sample, TableKey};
use super::lease::LeaseKeys;
use super::network::{is_wide, network};
use super::raw::{Node, Value};
use super::section::{Complaint, Given, Section};
use super::value::{ANY, count, name_text, password, seconds, span};

/// Longest text that may stand for an `@`.
const LONGEST_AT_SIGN: usize = 16;

/// The table.
pub(crate) const UPSTREAM: TableKey = TableKey {
    name: "upstream",
    doc: "The main registrar. Leave the whole table out to be the registrar.",
    sample: Sample::Live,
};

const SERVERS: Key = Key {
    name: "servers",
    doc: "The main registrar: SIP URIs, in order of preference. Names are looked up when midreg \
          starts and every 30 s after that; their A and AAAA records count, SRV and NAPTR are not \
          asked for yet.",
    absent: Absent::Advised("midreg is the registrar itself (standalone)"),
    example: "[\"sip:10.0.0.5:5060\"]",
};

const BALANCE: Key = Key {
    name: "balance",
    doc: "How one of several servers is chosen.",
    absent: Absent::Default,
    example: "\"aor\"",
};

const DEADLINE: Key = Key {
    name: "deadline",
    doc: "Time the main registrar has for an answer, waiting in our queue included; then 503.",
    absent: Absent::Default,
    example: "\"4s\"",
};

const MAX_IN_FLIGHT: Key = Key {
    name: "max_in_flight",
    doc: "REGISTERs under way at the main registrar at once, over all workers; more are answered \
          503.",
    absent: Absent::Default,
    example: "1000",
};

const TOKEN_PARAM: Key = Key {
    name: "token_param",
    doc: "Name of the Contact parameter that carries our token.",
    absent: Absent::Default,
    example: "\"mr\"",
};

const AT_SIGN: Key = Key {
    name: "at_sign",
    doc: "What stands for the @ in the Contact of `aor`, `sip:alice%40example.org@sip.example.com`: \
          something legal there that no domain could hold, such as `%40`, `_at_` or `=`.",
    absent: Absent::Default,
    example: "\"_at_\"",
};

const CONTROL_BIND: Key = Key {
    name: "control_bind",
    doc: "An address that midreg's own requests leave from, such as the removal of a dead device, \
          and no request of a device ever does: the main registrar may trust it.",
    absent: Absent::Means("they leave as all others do"),
    example: "\"udp://10.0.0.2:5070\"",
};

const RESYNC_AFTER: Key = Key {
    name: "resync_after",
    doc: "When a main registrar was away for longer, devices register there anew at their next \
          refresh.",
    absent: Absent::Default,
    example: "120",
};

const DEFINITIVE_REJECTS: Key = Key {
    name: "definitive_rejects",
    doc: "Statuses by which the main registrar ends a registration for good.",
    absent: Absent::Default,
    example: "[403, 404]",
};

const TRUSTED: Key = Key {
    name: "trusted",
    doc: "Networks whose requests count as the main registrar's, besides the addresses of `servers`: \
          for one that sends from other addresses than it is reached at.",
    absent: Absent::Default,
    example: "[\"10.0.8.0/24\"]",
};

const CREDENTIALS: TableKey = TableKey {
    name: "credentials",
    doc: "What midreg answers when the main registrar challenges its own requests. One table per \
          realm.",
    sample: Sample::Off,
};

const REALM: Key = Key {
    name: "realm",
    doc: "The realm it is for.",
    absent: Absent::Means("for all realms that have none of their own"),
    example: "\"example.org\"",
};

const USER: Key = Key {
    name: "user",
    doc: "User name.",
    absent: Absent::Required,
    example: "\"midreg\"",
};

const PASSWORD: Key = Key {
    name: "password",
    doc: "Password.",
    absent: Absent::Required,
    example: "\"change me\"",
};

/// `[upstream]` as it was given.
#[derive(Debug)]
pub(crate) struct Upstream {
    /// The main registrars.
    pub(crate) servers: Vec<Given<ServerName>>,
    /// How they are asked. Its `servers` stay empty until their names are resolved.
    pub(crate) policy: UpstreamPolicy,
    /// Where midreg's own requests leave from.
    pub(crate) control: Option<Given<SocketAddr>>,
    /// What domains may say otherwise.
    pub(crate) lease: LeaseKeys,
    /// The place of a key that means nothing without servers, when there are none.
    pub(crate) idle: Option<Spot>,
    /// Where keys stand that may be unwise.
    pub(crate) spots: Spots,
}

/// Where keys stand, if they were given and are not as usual.
#[derive(Clone, Debug, Default)]
pub(crate) struct Spots {
    /// `balance`.
    pub(crate) balance: Option<Spot>,
    /// `deadline`.
    pub(crate) deadline: Option<Spot>,
    /// `token_param`.
    pub(crate) token_param: Option<Spot>,
    /// `at_sign`.
    pub(crate) at_sign: Option<Spot>,
    /// `resync_after`.
    pub(crate) resync_after: Option<Spot>,
}

impl Word for Balance {
    const WORDS: &'static [(&'static str, Self, &'static str)] = &[
        ("failover", Self::Failover, "the first that is up"),
        ("aor", Self::Aor, "by user, among those that are up"),
    ];
}

impl Upstream {
    /// Reads the table.
    pub(crate) fn read(section: &mut Section<'_, '_>) -> Self {
        let base = UpstreamPolicy::default();
        let servers = section.list(&SERVERS, &server(), None);
        let idle = match &servers {
            Some(list) if !list.is_empty() => None,
            _ => section.first_beside(SERVERS.name).cloned(),
        };
        if servers.as_ref().is_none_or(Vec::is_empty) {
            section.idle("there is no main registrar");
        }
        let balance = section.given_or(&BALANCE, &word(), &base.balance);
        let lease = LeaseKeys::read(section, &LeaseKeys::default());
        let deadlines = span(Duration::from_millis(100)..=Duration::from_secs(300));
        let deadline = section.given_or(&DEADLINE, &deadlines, &base.deadline);
        let in_flight = count(1..=1_000_000);
        let max_in_flight = section.value_or(&MAX_IN_FLIGHT, &in_flight, base.max_in_flight);
        let token_param = section.given_or(&TOKEN_PARAM, &parameter(), &base.token_param);
        let at_sign = section.given_or(&AT_SIGN, &sign(), &base.at_sign);
        let control = section.value(&CONTROL_BIND, &source());
        let resync_after = section.given_or(&RESYNC_AFTER, &seconds(ANY), &base.resync_after);
        let definitive = section.list(
            &DEFINITIVE_REJECTS,
            &definitive_status(),
            Some(&base.definitive),
        );
        let trusted = section.list(&TRUSTED, &network(), Some(&base.trusted));
        let trusted = trusted.unwrap_or_default();
        warn_of_wide(&trusted, section.faults);
        let credentials = read_credentials(section);
        let spots = Spots {
            balance: other(&balance, &base.balance),
            deadline: other(&deadline, &base.deadline),
            token_param: other(&token_param, &base.token_param),
            at_sign: other(&at_sign, &base.at_sign),
            resync_after: other(&resync_after, &base.resync_after),
        };
        let policy = UpstreamPolicy {
            servers: Vec::new(),
            trusted: trusted.into_iter().map(|given| given.value).collect(),
            control: None,
            balance: balance.map_or(base.balance, |given| given.value),
            deadline: deadline.map_or(base.deadline, |given| given.value),
            max_in_flight,
            token_param: token_param.map_or(base.token_param, |given| given.value),
            at_sign: at_sign.map_or(base.at_sign, |given| given.value),
            credentials,
            resync_after: resync_after.map_or(base.resync_after, |given| given.value),
            definitive: definitive.map_or(base.definitive, |list| {
                list.into_iter().map(|given| given.value).collect()
            }),
        };
        Self {
            servers: servers.unwrap_or_default(),
            policy,
            control,
            lease,
            idle,
            spots,
        }
    }
}

fn warn_of_wide(trusted: &[Given<Network>], faults: &mut Faults) {
    for one in trusted.iter().filter(|one| is_wide(&one.value)) {
        let message = "strangers are in this network, and all of it counts as the main registrar";
        let help = "name the addresses that its requests come from, and no more: whoever has one of \
                    these reaches every device";
        faults.push(Fault::warning(Some(&one.spot), message).help(help));
    }
}

fn server() -> Form<ServerName> {
    let show = |server: &ServerName| server.text.clone();
    text_of("SIP URI", SERVER_PATTERN, address::server_uri, show)
}

fn parameter() -> Form<String> {
    let what = "name of a parameter";
    text_of(what, "^[A-Za-z0-9_-]{1,32}$", token_param, String::clone)
}

fn sign() -> Form<String> {
    let what = "text of at most 16 characters";
    text_of(what, "^.{1,16}$", at_sign, String::clone)
}

fn source() -> Form<SocketAddr> {
    let (what, read) = ("URL of a source address", address::source_url);
    text_of(what, LISTEN_PATTERN, read, |bind| format!("udp://{bind}"))
}

/// Where a value stands that is not the default.
fn other<T: PartialEq>(given: &Option<Given<T>>, default: &T) -> Option<Spot> {
    let other = given.as_ref().filter(|given| given.value != *default);
    other.map(|given| given.spot.clone())
}

/// The credentials, those for one realm before those for any.
fn read_credentials(section: &mut Section<'_, '_>) -> Vec<Credential> {
    let given = section.each(&CREDENTIALS, read_credential);
    let mut known: Vec<Given<Credential>> = Vec::new();
    for one in given.into_iter().flatten() {
        if let Some(other) = known.iter().find(|o| o.value.realm == one.value.realm) {
            let message = "two credentials for one realm";
            let help = format!("the other ones are at {}", other.spot);
            section
                .faults
                .push(Fault::error(&one.spot, message).help(help));
        }
        known.push(one);
    }
    let mut known: Vec<Credential> = known.into_iter().map(|given| given.value).collect();
    known.sort_by_key(|credential| credential.realm.is_empty());
    known
}

fn read_credential(section: &mut Section<'_, '_>, spot: &Spot) -> Option<Given<Credential>> {
    let realm = section.value(&REALM, &name_text("name"));
    let user = section.value(&USER, &name_text("user name"));
    let password = section.value(&PASSWORD, &password());
    let (Some(user), Some(password)) = (user, password) else {
        return None;
    };
    Some(Given {
        value: Credential {
            realm: realm.map_or_else(Box::default, |given| given.value.into()),
            user: user.value.into(),
            password: password.value.into(),
        },
        spot: spot.clone(),
    })
}

/// A name for our URI parameter: a token, and none that has a meaning already (RFC 3261 §19.1.1,
/// RFC 5626, RFC 5627, RFC 3581, RFC 4904).
fn token_param(text: &str) -> Result<String, Complaint> {
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

/// What stands for an `@` in a user part: `unreserved`, `user-unreserved` and escapes of RFC 3261
/// §25.1. Something in it cannot be part of a domain, so that the last one in a text is the one
/// that was put there.
fn at_sign(text: &str) -> Result<String, Complaint> {
    const HELP: &str = "such as \"%40\", \"_at_\" or \"=\"";
    if text.is_empty() {
        return Err(Complaint::new("empty", HELP));
    }
    if text.len() > LONGEST_AT_SIGN {
        let help = format!("at most {LONGEST_AT_SIGN} characters");
        return Err(Complaint::new("too long", help));
    }
    if !is_user_text(text.as_bytes()) {
        let label = "not legal in the user part of a URI";
        return Err(Complaint::new(label, HELP));
    }
    let of_domain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'.';
    if text.bytes().all(of_domain) {
        let label = "a domain could hold this text too";
        return Err(Complaint::new(label, HELP));
    }
    Ok(text.to_owned())
}

fn is_user_text(text: &[u8]) -> bool {
    match text {
        [] => true,
        [b'%', high, low, rest @ ..] => {
            high.is_ascii_hexdigit() && low.is_ascii_hexdigit() && is_user_text(rest)
        }
        [first, rest @ ..] => {
            (first.is_ascii_alphanumeric() || b"-_.!~*'()&=+$,;?/".contains(first))
                && is_user_text(rest)
        }
    }
}

/// A status that may end a binding for good; challenges, 423 and server failures never do (R16).
fn definitive_status() -> Form<u16> {
    const HELP: &str = "a 4xx or 6xx status other than 401, 407, 408 and 423, such as 403";
    let any = count(400..=699);
    let kind = any.kind.clone();
    let read = move |node: &Node| {
        let status = match any.read(node) {
            Ok(status) => u16::try_from(status).unwrap_or_default(),
            Err(_) if matches!(node.value, Value::Integer(_)) => 0,
            Err(complaint) => return Err(complaint),
        };
        match status {
            401 | 407 | 408 | 423 => Err(Complaint::new("this status ends nothing", HELP)),
            400..=499 | 600..=699 => Ok(status),
            _ => Err(Complaint::new("not a reject", HELP)),
        }
    };
    Form::new(kind, read, u16::to_string)
}
