//! `LeaseKeys`: what `[upstream]` says about leases and a `[[domain]]` may say otherwise.

use engine::Seconds;
use engine::policy::{ChallengePolicy, DomainPolicy, Insertion};

use super::section::{Given, Section};
use super::value::{ANY, choice, flag, seconds};

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

/// The header that tells the main registrar the way through us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Carrier {
    /// Our Contact in place of the device's.
    Contact,
    /// A Path beside the device's own Contact (RFC 3327).
    Path,
}

impl LeaseKeys {
    /// Reads them from the table they stand in.
    pub(crate) fn read(section: &mut Section<'_, '_>) -> Self {
        let carriers = choice(&[("contact", Carrier::Contact), ("path", Carrier::Path)]);
        let styles = choice(&[
            ("parameter", Insertion::Parameter),
            ("user", Insertion::User),
        ]);
        let insertion = section.value("insertion", carriers);
        let style = section.value("contact_style", styles);
        let expires = section.value("expires", seconds(ANY));
        let reauth_interval = section.value("reauth_interval", seconds(ANY));
        let challenge = section.value("require_challenge", |node| {
            Ok(match flag(node)? {
                true => ChallengePolicy::Require,
                false => ChallengePolicy::Warn,
            })
        });
        Self {
            insertion,
            style,
            expires,
            reauth_interval,
            challenge,
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
