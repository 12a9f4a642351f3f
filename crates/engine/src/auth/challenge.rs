//! What a challenge says (RFC 3261 §20.44, RFC 8760 §2.3). It says the same to everybody, so that
//! nobody learns from it who is a user.

use sip::digest::Algorithm;
use sip::header::auth::push_quoted;

use crate::auth::authenticator::{Demand, Verdict};
use crate::auth::nonces::NonceText;
use crate::policy::DigestUser;

/// Appends the header lines of a challenge, one for each algorithm, the most wanted first. `stale`
/// is said where that was the verdict, so that no phone takes it for a wrong password.
pub(super) fn push_lines(
    out: &mut Vec<u8>,
    demand: Demand<'_>,
    verdict: &Verdict<'_>,
    nonce: &NonceText,
) {
    for algorithm in &demand.policy.algorithms {
        out.extend_from_slice(demand.asker.challenge().as_str().as_bytes());
        out.extend_from_slice(b": Digest realm=");
        push_quoted(out, demand.policy.realm.as_bytes());
        out.extend_from_slice(b", nonce=\"");
        out.extend_from_slice(nonce);
        out.extend_from_slice(b"\", qop=\"auth\"");
        if *verdict == Verdict::Stale {
            out.extend_from_slice(b", stale=true");
        }
        out.extend_from_slice(b", algorithm=");
        out.extend_from_slice(algorithm.as_str().as_bytes());
        out.extend_from_slice(b"\r\n");
    }
}

/// The algorithms worth offering: those of `wanted` that at least one user has a hash for, in that
/// order and each once (RFC 8760 §2.3). For whoever makes a
/// [`DigestPolicy`](crate::policy::DigestPolicy): it looks at every user.
#[must_use]
pub fn offerable(wanted: &[Algorithm], users: &[DigestUser]) -> Vec<Algorithm> {
    let mut offered = Vec::with_capacity(wanted.len());
    for algorithm in wanted {
        let known = |user: &DigestUser| user.ha1.iter().any(|(own, _)| own == algorithm);
        if !offered.contains(algorithm) && users.iter().any(known) {
            offered.push(*algorithm);
        }
    }
    offered
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::asker::Asker;
    use crate::auth::nonces::NONCE_LENGTH;
    use crate::auth::testing::policy_of;

    const BOTH: [Algorithm; 2] = [Algorithm::Sha256, Algorithm::Md5];

    fn lines(realm: &str, asker: Asker, verdict: Verdict<'_>) -> String {
        let policy = policy_of(realm, &[("bob", "pw")], &BOTH);
        let demand = Demand {
            asker,
            policy: &policy,
        };
        let mut out = Vec::new();
        push_lines(&mut out, demand, &verdict, &[b'n'; NONCE_LENGTH]);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn rfc_8760_section_2_3_one_line_per_algorithm_in_order() {
        let nonce = "n".repeat(NONCE_LENGTH);
        assert_eq!(
            lines("example.org", Asker::Server, Verdict::Absent),
            format!(
                "WWW-Authenticate: Digest realm=\"example.org\", nonce=\"{nonce}\", qop=\"auth\", \
                 algorithm=SHA-256\r\n\
                 WWW-Authenticate: Digest realm=\"example.org\", nonce=\"{nonce}\", qop=\"auth\", \
                 algorithm=MD5\r\n"
            )
        );
    }

    #[test]
    fn stale_is_said_where_it_is_so() {
        for verdict in [Verdict::Absent, Verdict::Foreign, Verdict::Wrong] {
            assert!(!lines("r", Asker::Server, verdict).contains("stale"));
        }
        let stale = lines("r", Asker::Proxy, Verdict::Stale);
        assert_eq!(stale.matches(", stale=true").count(), 2);
        assert_eq!(stale.matches("Proxy-Authenticate: ").count(), 2);
    }

    #[test]
    fn a_realm_cannot_leave_its_quotes() {
        let text = lines("a\", \\x\r\nX: y", Asker::Server, Verdict::Absent);
        assert_eq!(text.matches("realm=\"a\\\", \\\\xX: y\", nonce").count(), 2);
        assert_eq!(text.lines().count(), 2);
    }

    #[test]
    fn an_algorithm_that_nobody_has_a_hash_for_is_not_offered() {
        let mut users = policy_of("r", &[("a", "x"), ("b", "y")], &BOTH).users;
        let wanted = [
            Algorithm::Sha512_256,
            Algorithm::Sha256,
            Algorithm::Md5,
            Algorithm::Sha256,
        ];
        assert_eq!(offerable(&wanted, &users), BOTH);
        users[0].ha1.retain(|(own, _)| *own == Algorithm::Md5);
        assert_eq!(offerable(&wanted, &users), BOTH);
        users.pop();
        assert_eq!(offerable(&wanted, &users), [Algorithm::Md5]);
        assert_eq!(offerable(&wanted, &[]), []);
    }
}
