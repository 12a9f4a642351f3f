//! The configuration in words: what midreg does for whom, as `check` and the log tell it.

use engine::policy::{DomainPolicy, Insertion, Mode};

use super::Config;
use super::form::Word;

/// The name of a mode, as the file has it.
#[must_use]
pub fn mode_name(mode: Mode) -> &'static str {
    mode.word()
}

/// What a mode means.
#[must_use]
pub fn mode_meaning(mode: Mode) -> &'static str {
    match mode {
        Mode::Mirror => "every REGISTER is proxied",
        Mode::Contact => "one lease per device",
        Mode::Aor => "one lease per user, shared by all devices",
        Mode::Standalone => "midreg is the registrar",
    }
}

/// The modes in one line: `contact`, or `contact, 2 domains aor, 1 domain standalone`.
#[must_use]
pub fn modes(config: &Config) -> String {
    let mut line = mode_name(config.domain.mode).to_owned();
    for mode in [Mode::Mirror, Mode::Contact, Mode::Aor, Mode::Standalone] {
        let those = config
            .domains
            .iter()
            .filter(|(_, policy)| policy.mode == mode);
        match those.count() {
            0 => {}
            1 => line += &format!(", 1 domain {}", mode_name(mode)),
            count => line += &format!(", {count} domains {}", mode_name(mode)),
        }
    }
    line
}

/// Who may register.
#[must_use]
pub fn users(policy: &DomainPolicy) -> String {
    match (&policy.digest, policy.mode) {
        (_, Mode::Mirror) => "whom the main registrar accepts".to_owned(),
        (Some(digest), _) if digest.users.is_empty() => "nobody is accepted".to_owned(),
        (Some(digest), _) => {
            let count = digest.users.len();
            let noun = if count == 1 { "user" } else { "users" };
            let hashes: Vec<&str> = digest.algorithms.iter().map(|kind| kind.as_str()).collect();
            let (realm, hashes) = (&digest.realm, hashes.join(" or "));
            format!("{count} {noun} known here, realm \"{realm}\", {hashes}")
        }
        (None, Mode::Standalone) => "everybody is accepted".to_owned(),
        (None, _) => "whom the main registrar accepts".to_owned(),
    }
}

/// The lifetimes that devices are promised.
#[must_use]
pub fn lifetimes(policy: &DomainPolicy) -> String {
    let registration = &policy.registration;
    let (min, max) = (registration.min_expires, registration.max_expires);
    format!("{min} to {max} s")
}

/// What the main registrar is asked for and told; `None` where there is none.
#[must_use]
pub fn lease(policy: &DomainPolicy) -> Option<String> {
    let way = match (policy.mode, policy.insertion) {
        (Mode::Standalone, _) => return None,
        (Mode::Aor, _) => "one contact per user",
        (_, Insertion::Parameter) => "token in a contact parameter",
        (_, Insertion::User) => "token as the contact's user",
        (_, Insertion::Path) => "token in a Path",
    };
    Some(match policy.mode {
        Mode::Mirror => format!("as long as devices ask for, {way}"),
        _ => format!("{} s, {way}", policy.expires),
    })
}

/// Each listed domain with what holds for it.
#[must_use]
pub fn domains(config: &Config) -> Vec<String> {
    let one = |(name, policy): &(Box<str>, DomainPolicy)| {
        let mut parts = vec![format!("{name}: {}", mode_name(policy.mode))];
        let aliases = config.naming.aliases.iter();
        parts.extend(
            aliases
                .filter(|(_, of)| of == name)
                .map(|(alias, _)| format!("also called {alias}")),
        );
        let upstream = policy.upstream_name.as_ref();
        parts.extend(upstream.map(|upstream| format!("{upstream} upstream")));
        parts.extend(lease(policy).map(|lease| format!("lease {lease}")));
        parts.push(format!("devices {}", lifetimes(policy)));
        parts.push(users(policy));
        parts.join("; ")
    };
    config.domains.iter().map(one).collect()
}
