//! Whether the digest covers the request it came with: the `uri` parameter against the Request-URI
//! (RFC 7616 §3.4.6, RFC 3261 §22.4).
//!
//! Phones write there what they think they asked for, and that is not always what they wrote into the
//! request line: the port or `;transport=` is missing on one side, an outbound proxy has moved a
//! request from `sips` to `sip`. So two SIP URIs agree when they have the same user and host, and
//! the same port unless one side leaves it out; parameters, headers and the password do not count.
//! Nothing is lost by that: what the digest is meant to bind is *whom* the request is for, and a
//! nonce is good for one request only.

use sip::Uri;
use sip::escape::unescape;

/// Whether `uri` of the credentials stands for the Request-URI.
pub(super) fn agrees(uri: &[u8], request_uri: &[u8]) -> bool {
    if uri == request_uri {
        return true;
    }
    match (Uri::parse(uri), Uri::parse(request_uri)) {
        (Ok(a), Ok(b)) if a.is_sip() && b.is_sip() => same_target(&a, &b),
        (Ok(a), Ok(b)) => a.equivalent(&b),
        _ => false,
    }
}

fn same_target(a: &Uri<'_>, b: &Uri<'_>) -> bool {
    let user = |uri: &Uri<'_>| uri.user.is_some();
    let bytes = |user| unescape(user);
    let same_user = user(a) == user(b)
        && bytes(a.user.unwrap_or_default()).eq(bytes(b.user.unwrap_or_default()));
    let same_port = match (a.port, b.port) {
        (Some(a), Some(b)) => a == b,
        _ => true,
    };
    same_user && a.host == b.host && same_port
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agree(a: &str, b: &str) -> bool {
        let one = agrees(a.as_bytes(), b.as_bytes());
        assert_eq!(one, agrees(b.as_bytes(), a.as_bytes()));
        one
    }

    #[test]
    fn what_phones_leave_out_does_not_count() {
        for (a, b) in [
            ("sip:example.org", "sip:example.org"),
            ("sip:example.org", "SIP:EXAMPLE.org"),
            ("sip:example.org", "sip:example.org:5060"),
            ("sip:example.org", "sip:example.org;transport=tcp"),
            (
                "sip:example.org;transport=udp",
                "sip:example.org;transport=UDP;lr",
            ),
            ("sip:example.org", "sips:example.org:5061"),
            ("sip:bob@example.org", "sip:%62ob@example.org;user=phone"),
            ("sip:[2001:db8::1]", "sip:[2001:DB8:0::1]:5060"),
            ("tel:+1-201-555", "tel:+1201555"),
            ("not a uri", "not a uri"),
        ] {
            assert!(agree(a, b), "{a} {b}");
        }
    }

    #[test]
    fn another_target_does_not_agree() {
        for (a, b) in [
            ("sip:example.org", "sip:example.com"),
            ("sip:example.org:5060", "sip:example.org:5070"),
            ("sip:bob@example.org", "sip:example.org"),
            ("sip:bob@example.org", "sip:alice@example.org"),
            ("sip:bob@example.org", "sip:Bob@example.org"),
            ("tel:+1201555", "sip:+1201555@example.org"),
            ("not a uri", "sip:example.org"),
            ("", "sip:example.org"),
        ] {
            assert!(!agree(a, b), "{a} {b}");
        }
    }
}
