//! `Upstream`: the table `[upstream]`.

use std::net::SocketAddr;

use engine::policy::{Balance, Credential, UpstreamPolicy};

use super::address::{self, ServerName};
use super::error::{Fault, Spot};
use super::lease::LeaseKeys;
use super::raw::Node;
use super::section::{Complaint, Given, Section};
use super::value::{ANY, choice, count, duration, name_text, password, seconds, text};

/// Longest text that may stand for an `@`.
const LONGEST_AT_SIGN: usize = 16;

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
}

impl Upstream {
    /// Reads the table.
    pub(crate) fn read(section: &mut Section<'_, '_>) -> Self {
        let base = UpstreamPolicy::default();
        let servers = section.list("servers", |node| address::server_uri(text(node)?));
        let idle = match &servers {
            Some(list) if !list.is_empty() => None,
            _ => section.first_beside("servers").cloned(),
        };
        let balance = section.value(
            "balance",
            choice(&[("failover", Balance::Failover), ("aor", Balance::Aor)]),
        );
        let lease = LeaseKeys::read(section);
        let deadline = section.value("deadline", |node| {
            let deadline = duration(node)?;
            if (100..=300_000).contains(&deadline.as_millis()) {
                return Ok(deadline);
            }
            Err(Complaint::new("out of range", "from 100ms to 5m"))
        });
        let max_in_flight = section.value("max_in_flight", count(1..=1_000_000));
        let token_param = section.value("token_param", token_param);
        let at_sign = section.value("at_sign", at_sign);
        let control = section.value("control_bind", |node| address::source_url(text(node)?));
        let resync_after = section.value("resync_after", seconds(ANY));
        let definitive = section.list("definitive_rejects", definitive_status);
        let credentials = read_credentials(section);
        let policy = UpstreamPolicy {
            trusted: Vec::new(),
            servers: Vec::new(),
            control: None,
            balance: balance.map_or(base.balance, |given| given.value),
            deadline: deadline.map_or(base.deadline, |given| given.value),
            max_in_flight: max_in_flight.map_or(base.max_in_flight, |given| given.value),
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
        }
    }
}

/// The credentials, those for one realm before those for any.
fn read_credentials(section: &mut Section<'_, '_>) -> Vec<Credential> {
    let given = section.each("credentials", read_credential);
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
    let complete = section.needs(&["user", "password"], spot);
    let realm = section.value("realm", name_text);
    let user = section.value("user", name_text);
    let password = section.value("password", password);
    let (Some(user), Some(password), true) = (user, password, complete) else {
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

/// What stands for an `@` in a user part: `unreserved`, `user-unreserved` and escapes of RFC 3261
/// §25.1. Something in it cannot be part of a domain, so that the last one in a text is the one
/// that was put there.
fn at_sign(node: &Node) -> Result<String, Complaint> {
    const HELP: &str = "such as \"%40\", \"_at_\" or \"=\"";
    let text = text(node)?;
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
