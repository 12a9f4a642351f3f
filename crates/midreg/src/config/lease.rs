//! `LeaseKeys`: what `[upstream]` says about leases and a `[[domain]]` may say otherwise.

use engine::Seconds;
use engine::policy::{ChallengePolicy, DomainPolicy, Insertion};

use super::error::Spot;
use super::form::{Word, word};
use super::key::{Absent, Key};
use super::section::{Given, Section};
use super::value::{ANY, flag_of, seconds};

const INSERTION: Key = Key {
    name: "insertion",
    doc: "How the main registrar is told the way to a device.",
    absent: Absent::Default,
    example: "\"contact\"",
};

const CONTACT_STYLE: Key = Key {
    name: "contact_style",
    doc: "Where our Contact carries the token that names the device.",
    absent: Absent::Default,
    example: "\"user\"",
};

const EXPIRES: Key = Key {
    name: "expires",
    doc: "Lifetime that is asked for a lease. Refreshes are absorbed while it lasts.",
    absent: Absent::Default,
    example: "3600",
};

const REAUTH_INTERVAL: Key = Key {
    name: "reauth_interval",
    doc: "A refresh is forwarded when the device last proved itself longer ago.",
    absent: Absent::Means("as long as `expires`"),
    example: "3600",
};

const REQUIRE_CHALLENGE: Key = Key {
    name: "require_challenge",
    doc: "Refuse devices that the main registrar accepts without asking for a password, and take \
          the registration back there. Otherwise they are only warned about.",
    absent: Absent::Default,
    example: "true",
};

/// The keys about leases as far as they were given in one table.
#[derive(Clone, Debug, Default)]
pub(crate) struct LeaseKeys {
    /// `insertion`.
    pub(crate) insertion: Option<Given<Carrier>>,
    /// `contact_style`: how `Carrier::Contact` looks.
    pub(crate) style: Option<Given<Insertion>>,
    /// `expires`.
    pub(crate) expires: Option<Given<Seconds>>,
    /// `reauth_interval`.
    pub(crate) reauth_interval: Option<Given<Seconds>>,
    /// `require_challenge`.
    pub(crate) challenge: Option<Given<ChallengePolicy>>,
}

/// Where keys stand, if they were given and are not as usual.
pub(crate) struct Unusual<'k> {
    /// `contact_style`.
    pub(crate) style: Option<&'k Spot>,
    /// `expires`.
    pub(crate) expires: Option<&'k Spot>,
    /// `reauth_interval`.
    pub(crate) reauth_interval: Option<&'k Spot>,
}

/// The header that tells the main registrar the way through us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Carrier {
    /// Our Contact in place of the device's.
    Contact,
    /// A Path beside the device's own Contact (RFC 3327).
    Path,
}

impl Word for Carrier {
    const WORDS: &'static [(&'static str, Self, &'static str)] = &[
        (
            "contact",
            Self::Contact,
            "our Contact in place of the device's",
        ),
        (
            "path",
            Self::Path,
            "a Path beside the device's own Contact (RFC 3327); the main registrar must support \
             it; not in aor",
        ),
    ];
}

impl Word for Insertion {
    const WORDS: &'static [(&'static str, Self, &'static str)] = &[
        ("parameter", Self::Parameter, "in a parameter of its URI"),
        ("user", Self::User, "as its user part"),
    ];
}

impl LeaseKeys {
    /// Reads them from the table they stand in; `base` has those that hold otherwise.
    pub(crate) fn read(section: &mut Section<'_, '_>, base: &Self) -> Self {
        let plain = DomainPolicy::default();
        let carrier = or(&base.insertion, Carrier::Contact);
        let insertion = section.given_or(&INSERTION, &word(), &carrier);
        let style = or(&base.style, Insertion::Parameter);
        let style = section.given_or(&CONTACT_STYLE, &word(), &style);
        let expires = or(&base.expires, plain.expires);
        let expires = section.given_or(&EXPIRES, &seconds(ANY), &expires);
        let reauth_interval = match &base.reauth_interval {
            Some(base) => section.given_or(&REAUTH_INTERVAL, &seconds(ANY), &base.value),
            None => section.value(&REAUTH_INTERVAL, &seconds(ANY)),
        };
        let meanings = flag_of([ChallengePolicy::Warn, ChallengePolicy::Require]);
        let challenge = or(&base.challenge, plain.challenge);
        let challenge = section.given_or(&REQUIRE_CHALLENGE, &meanings, &challenge);
        let keys = Self {
            insertion,
            style,
            expires,
            reauth_interval,
            challenge,
        };
        let mut policy = plain;
        keys.over(base).apply(&mut policy);
        section.follow(&REAUTH_INTERVAL, policy.reauth_interval.to_string());
        keys
    }

    /// Where those stand that are not as usual.
    #[must_use]
    pub(crate) fn unusual(&self) -> Unusual<'_> {
        let plain = DomainPolicy::default();
        let style = self.style.as_ref();
        let expires = self.expires.as_ref();
        Unusual {
            style: style
                .filter(|given| given.value != Insertion::Parameter)
                .map(|given| &given.spot),
            expires: expires
                .filter(|given| given.value != plain.expires)
                .map(|given| &given.spot),
            reauth_interval: self
                .reauth_interval
                .as_ref()
                .filter(|given| given.value != plain.reauth_interval)
                .map(|given| &given.spot),
        }
    }

    /// These keys, and those of `base` where they are silent.
    #[must_use]
    pub(crate) fn over(&self, base: &Self) -> Self {
        let Self {
            insertion,
            style,
            expires,
            reauth_interval,
            challenge,
        } = self.clone();
        Self {
            insertion: insertion.or_else(|| base.insertion.clone()),
            style: style.or_else(|| base.style.clone()),
            expires: expires.or_else(|| base.expires.clone()),
            reauth_interval: reauth_interval.or_else(|| base.reauth_interval.clone()),
            challenge: challenge.or_else(|| base.challenge.clone()),
        }
    }

    /// Puts them into a policy that holds the defaults. Proof lasts as long as a lease unless
    /// something else is said.
    pub(crate) fn apply(&self, policy: &mut DomainPolicy) {
        let carrier = self.insertion.as_ref().map(|given| given.value);
        policy.insertion = match (carrier, &self.style) {
            (Some(Carrier::Path), _) => Insertion::Path,
            (_, Some(style)) => style.value,
            (_, None) => Insertion::Parameter,
        };
        if let Some(expires) = &self.expires {
            policy.expires = expires.value;
        }
        let reauth = self.reauth_interval.as_ref();
        policy.reauth_interval = reauth.map_or(policy.expires, |given| given.value);
        if let Some(challenge) = &self.challenge {
            policy.challenge = challenge.value;
        }
    }
}

fn or<T: Copy>(given: &Option<Given<T>>, default: T) -> T {
    given.as_ref().map_or(default, |given| given.value)
}
