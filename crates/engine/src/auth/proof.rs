//! Whether credentials prove a user's password (RFC 7616 §3.4). Pure: whose nonce it is and how
//! often it was used is not looked at.

use sip::RequestLine;
use sip::digest::{Algorithm, Hex, Protection, constant_time_eq, response};
use sip::header::auth::{Credentials, plain};
use sip::number::parse_hex_u64;

use crate::auth::digest_uri;
use crate::auth::nonce_counts::Use;
use crate::policy::{DigestPolicy, DigestUser};

/// Stands in for the hash of a user that there is not, so that looking for one takes as long. That
/// it answers a challenge proves nothing.
const NOBODY: [u8; 64] = [b'0'; 64];

/// A password was proved.
#[derive(Clone, Copy, Debug)]
pub(super) struct Proof<'p> {
    /// Whose.
    pub(super) user: &'p DigestUser,
    /// What it uses of its nonce.
    pub(super) usage: Use,
}

/// Checks credentials against the users of a policy; `None` when they prove nothing.
pub(super) fn check<'p>(
    policy: &'p DigestPolicy,
    shown: &Credentials<'_>,
    request: &RequestLine<'_>,
) -> Option<Proof<'p>> {
    let algorithm = algorithm_of(shown)?;
    let (usage, protection) = quality_of(shown)?;
    let uri = shown.uri?;
    if !policy.algorithms.contains(&algorithm) || !digest_uri::agrees(uri, request.uri) {
        return None;
    }
    let user = find(policy, &plain(shown.username?));
    let stored = user.and_then(|user| hash_of(user, algorithm));
    let nobody = NOBODY.get(..algorithm.hex_len()).unwrap_or_default();
    let expected = response(
        algorithm,
        stored.map_or(nobody, Hex::as_bytes),
        shown.nonce?,
        protection,
        request.method_text,
        uri,
    );
    let right = constant_time_eq(expected.as_bytes(), shown.response?);
    match (user, stored) {
        (Some(user), Some(_)) if right => Some(Proof { user, usage }),
        _ => None,
    }
}

/// MD5 where nothing is said (RFC 7616 §3.4).
fn algorithm_of(shown: &Credentials<'_>) -> Option<Algorithm> {
    shown
        .algorithm
        .map_or(Some(Algorithm::Md5), Algorithm::from_bytes)
}

/// What the response protects, and what it uses of its nonce. No `qop` at all is RFC 2069, which
/// RFC 3261 §22.4 step 8 has us take; one that we do not offer is nothing.
fn quality_of<'a>(shown: &Credentials<'a>) -> Option<(Use, Option<Protection<'a>>)> {
    let Some(qop) = shown.qop else {
        return Some((Use::Single, None));
    };
    if !qop.eq_ignore_ascii_case(b"auth") {
        return None;
    }
    let nc = shown.nc?;
    let cnonce = shown.cnonce?;
    let count = u32::try_from(parse_hex_u64(nc)?).ok()?;
    Some((Use::Counted(count), Some(Protection { nc, cnonce, qop })))
}

fn find<'p>(policy: &'p DigestPolicy, name: &[u8]) -> Option<&'p DigestUser> {
    let by_name = |user: &DigestUser| user.name.as_bytes().cmp(name);
    let at = policy.users.binary_search_by(by_name).ok()?;
    policy.users.get(at)
}

fn hash_of(user: &DigestUser, algorithm: Algorithm) -> Option<&Hex> {
    let mut hashes = user.ha1.iter();
    hashes
        .find(|(own, _)| *own == algorithm)
        .map(|(_, hash)| hash)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::testing::policy_of;
    use sip::Method;

    const GET: RequestLine<'static> = RequestLine {
        method: Method::Other,
        method_text: b"GET",
        uri: b"/dir/index.html",
    };
    const REALM: &str = "http-auth@example.org";

    fn proves(text: &str, users: &[(&str, &str)]) -> Option<(String, Use)> {
        let policy = policy_of(REALM, users, &[Algorithm::Sha256, Algorithm::Md5]);
        let shown = Credentials::parse(text.as_bytes()).unwrap();
        check(&policy, &shown, &GET).map(|proof| (proof.user.name.to_string(), proof.usage))
    }

    fn example(algorithm: &str, response: &str) -> String {
        format!(
            "Digest username=\"Mufasa\", realm=\"{REALM}\", uri=\"/dir/index.html\", \
             algorithm={algorithm}, nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", \
             nc=00000001, cnonce=\"f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ\", qop=auth, \
             response=\"{response}\", opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\""
        )
    }

    const MD5: &str = "8ca523f5e9506fed4657c9700eebdbec";
    const SHA_256: &str = "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1";
    const MUFASA: (&str, &str) = ("Mufasa", "Circle of Life");

    #[test]
    fn rfc_7616_section_3_9_1() {
        let proved = Some(("Mufasa".to_owned(), Use::Counted(1)));
        for (algorithm, response) in [("MD5", MD5), ("SHA-256", SHA_256)] {
            let text = example(algorithm, response);
            assert_eq!(proves(&text, &[MUFASA]), proved);
            assert_eq!(proves(&text, &[("A", "x"), MUFASA, ("Z", "y")]), proved);
            assert_eq!(proves(&text, &[("Mufasa", "circle of life")]), None);
            assert_eq!(proves(&text, &[("mufasa", "Circle of Life")]), None);
            assert_eq!(proves(&text, &[]), None);
        }
    }

    #[test]
    fn every_parameter_counts() {
        let right = example("SHA-256", SHA_256);
        for (from, to) in [
            ("SHA-256", "MD5"),
            ("SHA-256", "SHA-512-256"),
            ("SHA-256", "SHA-256-sess"),
            ("qop=auth", "qop=auth-int"),
            ("qop=auth", "qop=\"\""),
            ("qop=auth, ", ""),
            ("nc=00000001", "nc=00000002"),
            ("nc=00000001", "nc=1"),
            ("nc=00000001", "nc=0000000000000001"),
            ("nc=00000001", "nc=x"),
            ("nc=00000001, ", ""),
            ("cnonce=\"f2", "cnonce=\"f3"),
            ("cnonce=", "x="),
            ("nonce=\"7y", "nonce=\"7z"),
            ("nonce=\"7y", "x=\"7y"),
            ("uri=\"/dir/index.html\"", "uri=\"/dir\""),
            ("uri=", "x="),
            ("response=", "x="),
            ("response=\"75", "response=\"57"),
            ("username=", "x="),
        ] {
            let changed = right.replacen(from, to, 1);
            assert_ne!(changed, right);
            assert_eq!(proves(&changed, &[MUFASA]), None, "{from} -> {to}");
        }
    }

    #[test]
    fn rfc_2069_is_md5_without_protection() {
        let hash = |password: &[u8]| {
            sip::digest::ha1(Algorithm::Md5, b"Mufasa", REALM.as_bytes(), password)
        };
        let ha1 = hash(b"Circle of Life");
        let response = response(
            Algorithm::Md5,
            ha1.as_bytes(),
            b"n",
            None,
            b"GET",
            b"/dir/index.html",
        );
        let text = format!(
            "Digest username=\"Mufasa\", realm=\"{REALM}\", nonce=\"n\", uri=\"/dir/index.html\", \
             response=\"{}\"",
            core::str::from_utf8(response.as_bytes()).unwrap()
        );
        let proved = Some(("Mufasa".to_owned(), Use::Single));
        assert_eq!(proves(&text, &[MUFASA]), proved);
    }

    #[test]
    fn the_stand_in_for_absent_hashes_proves_nothing() {
        let mut policy = policy_of(REALM, &[MUFASA], &[Algorithm::Sha256, Algorithm::Md5]);
        policy.users[0].ha1.clear();
        for (user, algorithm) in [
            ("Nobody", Algorithm::Md5),
            ("Nobody", Algorithm::Sha256),
            ("Mufasa", Algorithm::Md5),
            ("Mufasa", Algorithm::Sha256),
        ] {
            let nobody = &NOBODY[..algorithm.hex_len()];
            let response = response(algorithm, nobody, b"n", None, b"GET", b"/dir/index.html");
            let text = format!(
                "Digest username=\"{user}\", realm=\"{REALM}\", nonce=\"n\", \
                 uri=\"/dir/index.html\", algorithm={}, response=\"{}\"",
                algorithm.as_str(),
                core::str::from_utf8(response.as_bytes()).unwrap()
            );
            let shown = Credentials::parse(text.as_bytes()).unwrap();
            assert!(check(&policy, &shown, &GET).is_none(), "{text}");
        }
    }

    #[test]
    fn a_user_without_a_hash_of_that_kind_proves_nothing_with_it() {
        let mut policy = policy_of(REALM, &[MUFASA], &[Algorithm::Sha256, Algorithm::Md5]);
        policy.users[0]
            .ha1
            .retain(|(own, _)| *own != Algorithm::Sha256);
        let (sha, md5) = (example("SHA-256", SHA_256), example("MD5", MD5));
        let sha = Credentials::parse(sha.as_bytes()).unwrap();
        let md5 = Credentials::parse(md5.as_bytes()).unwrap();
        assert!(check(&policy, &sha, &GET).is_none());
        assert!(check(&policy, &md5, &GET).is_some());
        policy.algorithms.retain(|own| *own != Algorithm::Md5);
        assert!(check(&policy, &md5, &GET).is_none(), "not offered");
    }
}
