//! `Settings`: under which policy a scenario is played.

use core::str::FromStr;
use core::time::Duration;
use std::sync::Arc;

use engine::policy::{
    DigestPolicy, DigestUser, ForkOrder, Insertion, Mode, Outbound, Overflow, Policy, Qualify,
    Redirects, TooBrief,
};
use sip::digest::{Algorithm, ha1};

use crate::digest::REALM;
use crate::policy;

/// The policy of a scenario, as far as it has been told.
#[derive(Debug)]
pub(super) struct Settings {
    /// What the engine is given.
    pub(super) policy: Policy,
    mode: Option<Mode>,
}

impl Default for Settings {
    fn default() -> Self {
        let (policy, mode) = (policy::contact(), None);
        Self { policy, mode }
    }
}

impl Settings {
    /// Understands the word after `mode`.
    pub(super) fn set_mode(&mut self, words: &[&str]) -> Result<(), String> {
        let mode = match words {
            ["mirror"] => Mode::Mirror,
            ["contact"] => Mode::Contact,
            ["aor"] => Mode::Aor,
            ["standalone"] => Mode::Standalone,
            _ => return Err("write: mode mirror, contact, aor or standalone".to_owned()),
        };
        if self.mode.replace(mode).is_some() {
            return Err("the mode is told twice".to_owned());
        }
        self.policy.domain.mode = mode;
        if mode == Mode::Standalone {
            self.policy.upstream.servers.clear();
        }
        Ok(())
    }

    /// Understands a key of the configuration file and its value.
    pub(super) fn set(&mut self, words: &[&str]) -> Result<(), String> {
        let [key, "=", value] = words else {
            return Err("write: set KEY = VALUE".to_owned());
        };
        let Policy {
            domain,
            limits,
            upstream,
            ..
        } = &mut self.policy;
        let registration = &mut domain.registration;
        match *key {
            "upstream.expires" => domain.expires = number(value)?,
            "upstream.reauth_interval" => domain.reauth_interval = number(value)?,
            "upstream.resync_after" => upstream.resync_after = number(value)?,
            "upstream.insertion" => domain.insertion = insertion(value)?,
            "registration.min_expires" => registration.min_expires = number(value)?,
            "registration.default_expires" => registration.default_expires = number(value)?,
            "registration.max_expires" => registration.max_expires = number(value)?,
            "registration.nat_expires" => registration.nat_expires = number(value)?,
            "registration.too_brief" => registration.too_brief = too_brief(value)?,
            "calls.fork" => domain.calls.fork = fork(value)?,
            "calls.ring_time" => domain.calls.ring_time = Duration::from_secs(number(value)?),
            "calls.redirects" => domain.calls.redirects = redirects(value)?,
            "calls.qualify" => domain.calls.qualify = qualify(value)?,
            "calls.outbound" => domain.calls.outbound = outbound(value)?,
            "limits.bindings_per_aor" => limits.bindings_per_aor = number(value)?,
            "limits.overflow" => limits.overflow = overflow(value)?,
            _ => return Err(format!("`{key}` is no setting of scenarios")),
        }
        Ok(())
    }

    /// Understands a user whose password midreg knows itself.
    pub(super) fn add_user(&mut self, words: &[&str]) -> Result<(), String> {
        let [name, "password", password] = words else {
            return Err("write: user NAME password WORD".to_owned());
        };
        let algorithm = Algorithm::Md5;
        let hash = ha1(
            algorithm,
            name.as_bytes(),
            REALM.as_bytes(),
            password.as_bytes(),
        );
        let mut digest = match self.policy.domain.digest.take() {
            Some(digest) => Arc::unwrap_or_clone(digest),
            None => DigestPolicy {
                realm: REALM.to_owned(),
                algorithms: vec![algorithm],
                nonce_life: Duration::from_secs(300),
                users: Vec::new(),
            },
        };
        digest.users.push(DigestUser {
            name: (*name).into(),
            ha1: vec![(algorithm, hash)],
        });
        digest.users.sort_by(|one, two| one.name.cmp(&two.name));
        self.policy.domain.digest = Some(Arc::new(digest));
        Ok(())
    }

    /// Whether a mode was told: every scenario says which one it is about.
    pub(super) const fn has_mode(&self) -> bool {
        self.mode.is_some()
    }
}

fn number<N: FromStr>(value: &str) -> Result<N, String> {
    value.parse().map_err(|_| format!("`{value}` is no number"))
}

fn insertion(value: &str) -> Result<Insertion, String> {
    match value {
        "parameter" => Ok(Insertion::Parameter),
        "user" => Ok(Insertion::User),
        "path" => Ok(Insertion::Path),
        _ => Err("write: parameter, user or path".to_owned()),
    }
}

fn too_brief(value: &str) -> Result<TooBrief, String> {
    match value {
        "reject" => Ok(TooBrief::Reject),
        "raise" => Ok(TooBrief::Raise),
        _ => Err("write: reject or raise".to_owned()),
    }
}

fn fork(value: &str) -> Result<ForkOrder, String> {
    match value {
        "parallel" => Ok(ForkOrder::Parallel),
        "serial" => Ok(ForkOrder::Serial),
        "q" => Ok(ForkOrder::ByQ),
        _ => Err("write: parallel, serial or q".to_owned()),
    }
}

fn redirects(value: &str) -> Result<Redirects, String> {
    match value {
        "pass" => Ok(Redirects::Pass),
        "follow" => Ok(Redirects::Follow),
        _ => Err("write: pass or follow".to_owned()),
    }
}

fn qualify(value: &str) -> Result<Qualify, String> {
    match value {
        "edge" => Ok(Qualify::Edge),
        "pass" => Ok(Qualify::Pass),
        _ => Err("write: edge or pass".to_owned()),
    }
}

fn outbound(value: &str) -> Result<Outbound, String> {
    match value {
        "registered" => Ok(Outbound::Registered),
        "any" => Ok(Outbound::Any),
        "none" => Ok(Outbound::None),
        _ => Err("write: registered, any or none".to_owned()),
    }
}

fn overflow(value: &str) -> Result<Overflow, String> {
    match value {
        "reject" => Ok(Overflow::Reject),
        "replace-oldest" => Ok(Overflow::ReplaceOldest),
        _ => Err("write: reject or replace-oldest".to_owned()),
    }
}
