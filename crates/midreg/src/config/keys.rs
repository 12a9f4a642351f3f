//! The names of all keys, for hints and for the tests that each of them works.

use std::cmp::Reverse;

/// Every key by its dotted path; elements of a list have no number.
pub const ALL: &[&str] = &[
    "mode",
    "workers",
    "server_header",
    "listen.bind",
    "listen.advertise",
    "listen.side",
    "naming.strip_prefixes",
    "naming.fold_user_case",
    "upstream.servers",
    "upstream.balance",
    "upstream.insertion",
    "upstream.contact_style",
    "upstream.expires",
    "upstream.reauth_interval",
    "upstream.require_challenge",
    "upstream.deadline",
    "upstream.max_in_flight",
    "upstream.token_param",
    "upstream.at_sign",
    "upstream.control_bind",
    "upstream.resync_after",
    "upstream.definitive_rejects",
    "upstream.credentials.realm",
    "upstream.credentials.user",
    "upstream.credentials.password",
    "registration.accept",
    "registration.min_expires",
    "registration.default_expires",
    "registration.max_expires",
    "registration.too_brief",
    "registration.nat_expires",
    "registration.jitter",
    "registration.flow_match",
    "digest.realm",
    "digest.algorithms",
    "digest.nonce_life",
    "digest.users.name",
    "digest.users.password",
    "digest.users.ha1_md5",
    "digest.users.ha1_sha256",
    "digest.users.ha1_sha512_256",
    "digest.users_file",
    "limits.bindings_per_aor",
    "limits.overflow",
    "limits.bindings",
    "limits.bindings_per_source",
    "security.secret_file",
    "log.level",
    "log.format",
    "domain.name",
    "domain.aliases",
    "domain.upstream_name",
    "domain.mode",
    "domain.insertion",
    "domain.contact_style",
    "domain.expires",
    "domain.reauth_interval",
    "domain.require_challenge",
    "domain.registration.accept",
    "domain.registration.min_expires",
    "domain.registration.default_expires",
    "domain.registration.max_expires",
    "domain.registration.too_brief",
    "domain.registration.nat_expires",
    "domain.registration.jitter",
    "domain.registration.flow_match",
    "domain.digest.realm",
    "domain.digest.algorithms",
    "domain.digest.nonce_life",
    "domain.digest.users.name",
    "domain.digest.users.password",
    "domain.digest.users.ha1_md5",
    "domain.digest.users.ha1_sha256",
    "domain.digest.users.ha1_sha512_256",
    "domain.digest.users_file",
];

/// Why a key that a later version will have is refused by this one.
#[must_use]
pub fn not_yet(path: &str) -> Option<&'static str> {
    match path.strip_prefix("domain.").unwrap_or(path) {
        "storage" => Some("bindings are kept in memory only, and are gone after a restart"),
        "upstream.trusted" => Some("the upstream peers are the addresses of `upstream.servers`"),
        _ => None,
    }
}

/// The known key that a mistyped one resembles most, if any does.
#[must_use]
pub fn nearest(path: &str) -> Option<&'static str> {
    let last = |key: &str| key.rsplit('.').next().unwrap_or_default().to_owned();
    let wanted = last(path);
    let moved = ALL.iter().filter(|key| last(key) == wanted);
    if let Some(moved) = moved.min_by_key(|key| Reverse(common_start(path, key))) {
        return Some(moved);
    }
    let candidates = ALL.iter().copied().chain(sections());
    let (distance, key) = candidates.map(|key| (distance(path, key), key)).min()?;
    (distance <= (path.len() / 3).clamp(1, 4)).then_some(key)
}

fn sections() -> impl Iterator<Item = &'static str> {
    ALL.iter()
        .filter_map(|key| key.split_once('.').map(|(section, _)| section))
}

fn common_start(a: &str, b: &str) -> usize {
    a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count()
}

/// Levenshtein's distance in bytes.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (cell, y) in row.iter_mut().skip(1).zip(b.bytes()) {
            let best = (diagonal + usize::from(x != y))
                .min(left + 1)
                .min(*cell + 1);
            diagonal = *cell;
            *cell = best;
            left = best;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        for (a, b, wanted) in [
            ("", "", 0),
            ("a", "", 1),
            ("kitten", "sitting", 3),
            ("ab", "ba", 2),
        ] {
            assert_eq!(distance(a, b), wanted, "{a} {b}");
        }
    }

    #[test]
    fn the_nearest_key_is_found() {
        for (typed, wanted) in [
            ("upstream.server", Some("upstream.servers")),
            ("registration.minexpires", Some("registration.min_expires")),
            ("min_expires", Some("registration.min_expires")),
            ("upstream.min_expires", Some("registration.min_expires")),
            (
                "domain.max_expires",
                Some("domain.registration.max_expires"),
            ),
            ("domain.mod", Some("domain.mode")),
            ("regstration", Some("registration")),
            ("modes", Some("mode")),
            ("foo", None),
            ("something.else", None),
        ] {
            assert_eq!(nearest(typed), wanted, "{typed}");
        }
    }
}
