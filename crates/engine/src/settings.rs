//! `Settings`: the policy in force, and those before it under which leases may still be held.
//!
//! A lease is given back under the Contact that it was made with, whatever policy calls us since. Only
//! what that Contact is made of counts here: settings that call us the same have one number, however
//! often the rest changes in between.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::hop;
use crate::policy::{DomainPolicy, Policy};

/// Former policies that are remembered. Each is another way to be called, and leases of it are
/// renewed at the next REGISTER that is forwarded: more of them at a time are nobody's intention.
const FORMER: usize = 32;

/// Number of a policy; small, because each lease carries one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SettingsId(u8);

/// The number of the policy in force, and the policies before it.
#[derive(Debug, Default)]
pub(crate) struct Settings {
    present: SettingsId,
    former: VecDeque<(SettingsId, Arc<Policy>)>,
}

impl Settings {
    /// The number of the policy in force.
    pub(crate) const fn present(&self) -> SettingsId {
        self.present
    }

    /// The policy `present` comes into force in place of `former`.
    pub(crate) fn change(&mut self, former: &Policy, present: &Policy) {
        if calls_us_the_same(former, present) {
            return;
        }
        if self.former.len() >= FORMER {
            self.former.pop_front();
        }
        self.former
            .push_back((self.present, Arc::new(without_secrets(former))));
        self.present = SettingsId(self.present.0.wrapping_add(1));
    }

    /// The policy with this number; `present`, if it is that or is not remembered.
    pub(crate) fn of<'p>(&'p self, id: SettingsId, present: &'p Arc<Policy>) -> &'p Arc<Policy> {
        let found = self.former.iter().find(|(former, _)| *former == id);
        found.map_or(present, |(_, policy)| policy)
    }
}

/// Whether leases have the same names under both: what stands for us, and what for an AoR.
fn calls_us_the_same(one: &Policy, other: &Policy) -> bool {
    let domains = |policy: &Policy| {
        let named = |(name, domain): &(Box<str>, DomainPolicy)| {
            (name.clone(), domain.upstream_name.clone())
        };
        policy.domains.iter().map(named).collect::<Vec<_>>()
    };
    let nodes = |policy: &Policy| {
        let servers = policy.upstream.servers.iter();
        let called = |server: &crate::policy::Server| {
            let node = server.node();
            (node, hop::advertised(policy, node).to_owned())
        };
        servers.map(called).collect::<Vec<_>>()
    };
    one.upstream.token_param == other.upstream.token_param
        && one.upstream.at_sign == other.upstream.at_sign
        && one.domain.upstream_name == other.domain.upstream_name
        && domains(one) == domains(other)
        && nodes(one) == nodes(other)
}

/// What a former policy called us, without what only one in force needs.
fn without_secrets(policy: &Policy) -> Policy {
    let mut slim = policy.clone();
    slim.upstream.credentials.clear();
    slim.domain.digest = None;
    for (_, domain) in &mut slim.domains {
        domain.digest = None;
    }
    slim
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Credential;

    fn called(at_sign: &str) -> Policy {
        let mut policy = Policy::default();
        policy.upstream.at_sign = at_sign.to_owned();
        policy
    }

    #[test]
    fn only_another_name_makes_another_number() {
        let mut settings = Settings::default();
        let first = settings.present();
        let mut stricter = called("=");
        stricter.limits.bindings = 1;
        settings.change(&called("="), &stricter);
        assert_eq!(settings.present(), first);
        settings.change(&stricter, &called("_"));
        assert_ne!(settings.present(), first);
        let present = Arc::new(called("_"));
        assert_eq!(settings.of(first, &present).upstream.at_sign, "=");
        let now = settings.present();
        assert_eq!(settings.of(now, &present).upstream.at_sign, "_");
    }

    #[test]
    fn names_are_remembered_and_passwords_are_not() {
        let mut settings = Settings::default();
        let first = settings.present();
        let mut secretive = called("=");
        secretive.upstream.credentials.push(Credential {
            realm: "r".into(),
            user: "u".into(),
            password: "p".into(),
        });
        settings.change(&secretive, &called("_"));
        let present = Arc::new(called("_"));
        let former = settings.of(first, &present);
        assert_eq!(
            (&*former.upstream.at_sign, former.upstream.credentials.len()),
            ("=", 0)
        );
    }

    #[test]
    fn as_many_names_are_remembered_as_may_be_and_the_oldest_is_forgotten_first() {
        let mut settings = Settings::default();
        let mut numbers = vec![settings.present()];
        for number in 0..=FORMER {
            settings.change(
                &called(&number.to_string()),
                &called(&(number + 1).to_string()),
            );
            numbers.push(settings.present());
        }
        let present = Arc::new(called("now"));
        let of = |at: usize| settings.of(numbers[at], &present).upstream.at_sign.clone();
        assert_eq!((of(0).as_str(), of(1).as_str()), ("now", "1"));
    }
}
