//! `DomainKeys`: one `[[domain]]`, and what it inherits from the rest of the file.

use std::sync::Arc;

use engine::policy::{CallPolicy, DigestPolicy, DomainPolicy, Mode, Naming};

use super::address::domain_text;
use super::calls::{self, CALLS};
use super::digest::{DIGEST, DigestKeys};
use super::error::Faults;
use super::form::{Word, quoted, text_of, word};
use super::key::{Absent, Key, Sample, TableKey};
use super::lease::LeaseKeys;
use super::naming::NamingKeys;
use super::registration::{Accept, LifetimeSpots, REGISTRATION, Registration};
use super::section::{Given, Section};

/// The table.
pub(crate) const DOMAIN: TableKey = TableKey {
    name: "domain",
    doc: "A domain that differs, one table for each; what it does not say is as in the rest of the \
          file. Domains that are not listed follow the rest of the file, except that a standalone \
          midreg whose users all belong to listed domains accepts nobody elsewhere.",
    sample: Sample::Off,
};

/// `mode`, here and for all.
pub(crate) const MODE: Key = Key {
    name: "mode",
    doc: "How registrations relate to those at the main registrar.",
    absent: Absent::Advised("`contact`, or `standalone` without `upstream.servers`"),
    example: "\"contact\"",
};

const NAME: Key = Key {
    name: "name",
    doc: "The domain, as in `sip:user@DOMAIN`.",
    absent: Absent::Required,
    example: "\"example.org\"",
};

const ALIASES: Key = Key {
    name: "aliases",
    doc: "Other names that devices use for it.",
    absent: Absent::Default,
    example: "[\"example.net\"]",
};

const UPSTREAM_NAME: Key = Key {
    name: "upstream_name",
    doc: "Its name at the main registrar, where that is another.",
    absent: Absent::Means("its name"),
    example: "\"pbx.example.org\"",
};

impl Word for Mode {
    const WORDS: &'static [(&'static str, Self, &'static str)] = &[
        (
            "contact",
            Self::Contact,
            "one lease at the main registrar per device, stretched to `upstream.expires`; refreshes \
             are answered here while it lasts",
        ),
        (
            "mirror",
            Self::Mirror,
            "every REGISTER is proxied; the main registrar sees all of them",
        ),
        (
            "aor",
            Self::Aor,
            "one lease per user, shared by all devices; the main registrar sees one contact",
        ),
        (
            "standalone",
            Self::Standalone,
            "there is no main registrar; midreg is it",
        ),
    ];
}

/// A `[[domain]]` as it was given.
pub(crate) struct DomainKeys {
    /// `name`.
    pub(crate) name: Given<String>,
    /// `aliases`.
    pub(crate) aliases: Vec<Given<String>>,
    /// `upstream_name`.
    pub(crate) upstream_name: Option<Given<String>>,
    /// `mode`.
    pub(crate) mode: Option<Given<Mode>>,
    /// The keys that `[upstream]` has too.
    pub(crate) lease: LeaseKeys,
    registration: Registration,
    calls: CallPolicy,
    digest: DigestKeys,
}

/// What holds where a domain says nothing, and for domains that are not listed.
pub(crate) struct Defaults {
    /// `mode`, where it was given.
    pub(crate) given_mode: Option<Given<Mode>>,
    /// The mode that holds.
    pub(crate) mode: Mode,
    /// The keys of `[upstream]`.
    pub(crate) lease: LeaseKeys,
    /// `[registration]`.
    pub(crate) registration: Registration,
    /// `[calls]`.
    pub(crate) calls: CallPolicy,
    /// `[digest]`.
    pub(crate) digest: DigestKeys,
}

/// What holds for one domain or for those that are not listed, and where that was said: what the
/// rules look at.
pub(crate) struct Scope<'k> {
    /// The domain; `None` for those that are not listed.
    pub(crate) domain: Option<&'k DomainKeys>,
    /// The keys about leases that were given for it alone.
    pub(crate) lease: &'k LeaseKeys,
    /// The mode, where it was given for it alone.
    pub(crate) mode: Option<&'k Given<Mode>>,
    /// Where the lifetimes that devices are promised were given for it alone.
    pub(crate) lifetimes: &'k LifetimeSpots,
    /// Who may register where nobody else decides it.
    pub(crate) accept: Accept,
    /// What the engine is told.
    pub(crate) policy: DomainPolicy,
}

impl DomainKeys {
    /// Reads one; without a name it is none. What it does not say is as in `defaults`.
    pub(crate) fn read(section: &mut Section<'_, '_>, defaults: &Defaults) -> Option<Self> {
        let form = || text_of("domain", "", domain_text, String::clone);
        let name = section.value(&NAME, &form());
        let aliases = section.list(&ALIASES, &form(), Some(&[]));
        let upstream_name = section.value(&UPSTREAM_NAME, &form());
        let mode = section.given_or(&MODE, &word(), &defaults.mode);
        let lease = LeaseKeys::read(section, &defaults.lease);
        let Registration { policy, accept, .. } = &defaults.registration;
        let registration = section.section(&REGISTRATION, |s| {
            Registration::read(s, policy, accept.as_ref())
        });
        let calls = section.section(&CALLS, |s| calls::read(s, &defaults.calls));
        let digest = section.section(&DIGEST, |s| DigestKeys::read(s, &defaults.digest));
        if let Some(name) = &name {
            section.follow(&UPSTREAM_NAME, quoted(&name.value));
        }
        Some(Self {
            name: name?,
            aliases: aliases.unwrap_or_default(),
            upstream_name,
            mode,
            lease,
            registration,
            calls,
            digest,
        })
    }

    /// What holds for it.
    pub(crate) fn scope<'k>(
        &'k self,
        defaults: &'k Defaults,
        inherited: Option<&Arc<DigestPolicy>>,
        faults: &mut Faults,
    ) -> Scope<'k> {
        let own = self
            .digest
            .policy(&defaults.digest, Some(&self.name.value), faults);
        let upstream_name = self.upstream_name.as_ref().map(|given| &given.value);
        let other = upstream_name.filter(|name| **name != self.name.value);
        let mut policy = DomainPolicy {
            mode: self
                .mode
                .as_ref()
                .map_or(defaults.mode, |given| given.value),
            registration: self.registration.policy.clone(),
            calls: self.calls.clone(),
            digest: own.or_else(|| inherited.cloned()),
            upstream_name: other.map(|name| name.as_str().into()),
            ..DomainPolicy::default()
        };
        self.lease.over(&defaults.lease).apply(&mut policy);
        let accept = self.registration.accept.as_ref();
        let accept = accept.or(defaults.registration.accept.as_ref());
        Scope {
            domain: Some(self),
            lease: &self.lease,
            mode: self.mode.as_ref(),
            lifetimes: &self.registration.spots,
            accept: accept.map_or(Accept::Proved, |given| given.value),
            policy,
        }
    }

    /// Its digest table.
    pub(crate) fn digest(&self) -> &DigestKeys {
        &self.digest
    }

    /// Where it says who is accepted.
    pub(crate) fn accept(&self) -> Option<&Given<Accept>> {
        self.registration.accept.as_ref()
    }
}

impl Defaults {
    /// What holds for domains that are not listed.
    pub(crate) fn scope(&self, digest: Option<Arc<DigestPolicy>>) -> Scope<'_> {
        let mut policy = DomainPolicy {
            mode: self.mode,
            registration: self.registration.policy.clone(),
            calls: self.calls.clone(),
            digest,
            ..DomainPolicy::default()
        };
        self.lease.apply(&mut policy);
        let accept = self.registration.accept.as_ref();
        Scope {
            domain: None,
            lease: &self.lease,
            mode: self.given_mode.as_ref(),
            lifetimes: &self.registration.spots,
            accept: accept.map_or(Accept::Proved, |given| given.value),
            policy,
        }
    }
}

/// All domains, the unlisted ones first, in a form that rules can look at.
pub(crate) fn scopes<'k>(
    defaults: &'k Defaults,
    domains: &'k [DomainKeys],
    faults: &mut Faults,
) -> Vec<Scope<'k>> {
    let general = defaults.digest.policy(&defaults.digest, None, faults);
    let mut scopes: Vec<Scope<'k>> = Vec::with_capacity(domains.len() + 1);
    for domain in domains {
        scopes.push(domain.scope(defaults, general.as_ref(), faults));
    }
    let anybody = |given: &Given<Accept>| given.value == Accept::Anybody;
    let open = defaults.registration.accept.as_ref().is_some_and(anybody);
    let closed = defaults.mode == Mode::Standalone && !domains.is_empty() && !open;
    let general = general.or_else(|| closed.then(|| defaults.digest.closed()));
    scopes.insert(0, defaults.scope(general));
    scopes
}

/// How names become AoRs, in the engine's words.
pub(crate) fn naming(keys: &NamingKeys, domains: &[DomainKeys]) -> Naming {
    let of_domain = |domain: &DomainKeys| {
        let name: Box<str> = domain.name.value.as_str().into();
        let pair = move |alias: &Given<String>| (alias.value.as_str().into(), name.clone());
        domain.aliases.iter().map(pair).collect::<Vec<_>>()
    };
    let mut aliases: Vec<(Box<str>, Box<str>)> = domains.iter().flat_map(of_domain).collect();
    aliases.sort();
    let prefixes = keys.strip_prefixes.iter();
    Naming {
        strip_prefixes: prefixes.map(|given| given.value.as_str().into()).collect(),
        aliases,
        user_case: keys.user_case(),
    }
}
