//! The canonical form of an address-of-record (RFC 3261 §10.3 step 5).
//!
//! `user@host` or `host`: escapes resolved and put back only where the grammar needs them, host
//! in lower case, no port, no parameters, no password. Two To URIs with the same canonical form
//! are the same AoR.

use core::fmt::{self, Write};

use smallvec::SmallVec;

use crate::charset::is_user_plain;
use crate::escape::{escape_user_into, unescape};
use crate::host::{Host, without_dot};
use crate::uri::Uri;

/// Room for a canonical AoR; nearly all fit without allocating.
pub type AorBuf = SmallVec<[u8; 96]>;

/// Why a URI has no canonical AoR.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AorError {
    /// Neither `sip` nor `sips`.
    Scheme,
}

/// What to do about upper-case letters in the user part, which RFC 3261 §19.1.4 distinguishes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UserCase {
    /// Keep them: `Bob` and `bob` are two.
    #[default]
    Keep,
    /// Fold ASCII letters to lower case: they are one.
    Fold,
}

impl fmt::Display for AorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scheme => f.write_str("not a SIP or SIPS URI"),
        }
    }
}

impl core::error::Error for AorError {}

/// Writes the canonical AoR of `uri` over what `out` held, keeping the case of the user.
///
/// # Errors
/// When `uri` is no SIP or SIPS URI.
pub fn canonical(uri: &Uri<'_>, out: &mut AorBuf) -> Result<(), AorError> {
    canonical_with(uri, UserCase::Keep, out)
}

/// Like [`canonical`], with a choice about the case of the user.
///
/// # Errors
/// When `uri` is no SIP or SIPS URI.
pub fn canonical_with(uri: &Uri<'_>, case: UserCase, out: &mut AorBuf) -> Result<(), AorError> {
    out.clear();
    if !uri.is_sip() {
        return Err(AorError::Scheme);
    }
    if let Some(user) = uri.user {
        push_user(user, case, out);
        out.push(b'@');
    }
    push_host(&uri.host, out);
    Ok(())
}

fn push_user(user: &[u8], case: UserCase, out: &mut AorBuf) {
    let start = out.len();
    if user.iter().copied().all(is_user_plain) {
        out.extend_from_slice(user);
        if case == UserCase::Fold {
            lower_from(start, out);
        }
        return;
    }
    let bytes = unescape(user).map(|byte| match case {
        UserCase::Keep => byte,
        UserCase::Fold => byte.to_ascii_lowercase(),
    });
    escape_user_into(bytes, out);
}

fn push_host(host: &Host<'_>, out: &mut AorBuf) {
    match host {
        Host::Name(name) => {
            let start = out.len();
            out.extend_from_slice(without_dot(name));
            lower_from(start, out);
        }
        address => {
            // Writing to a SmallVec cannot fail.
            let _ = write!(Sink(out), "{address}");
        }
    }
}

fn lower_from(start: usize, out: &mut AorBuf) {
    if let Some(added) = out.get_mut(start..) {
        added.make_ascii_lowercase();
    }
}

struct Sink<'o>(&'o mut AorBuf);

impl Write for Sink<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.extend_from_slice(text.as_bytes());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn aor(uri: &str, case: UserCase) -> String {
        let mut out = AorBuf::new();
        let uri = Uri::parse(uri.as_bytes()).unwrap();
        canonical_with(&uri, case, &mut out).unwrap();
        String::from_utf8(out.to_vec()).unwrap()
    }

    #[test]
    fn everything_but_user_and_host_is_dropped() {
        for uri in [
            "sip:bob@example.com",
            "sips:bob:secret@EXAMPLE.com.:5061;user=phone?Subject=x",
            "SIP:%62o%62@example.com",
        ] {
            assert_eq!(aor(uri, UserCase::Keep), "bob@example.com", "{uri}");
        }
    }

    #[test]
    fn the_case_of_the_user_is_a_choice() {
        assert_eq!(aor("sip:Bob@H.org", UserCase::Keep), "Bob@h.org");
        assert_eq!(aor("sip:B%6Fb@H.org", UserCase::Fold), "bob@h.org");
    }

    #[test]
    fn equal_users_get_one_form() {
        assert_eq!(aor("sip:%2b1@h.org", UserCase::Keep), "+1@h.org");
        assert_eq!(aor("sip:*97#@h.org", UserCase::Keep), "*97%23@h.org");
        assert_eq!(aor("sip:a%40b%00@h.org", UserCase::Keep), "a%40b%00@h.org");
    }

    #[test]
    fn hosts_are_canonical() {
        assert_eq!(aor("sip:h.org:5070", UserCase::Keep), "h.org");
        assert_eq!(aor("sip:a@192.000.2.10", UserCase::Keep), "a@192.0.2.10");
        assert_eq!(
            aor("sip:a@[2001:DB8:0::1]", UserCase::Keep),
            "a@[2001:db8::1]"
        );
    }

    #[test]
    fn other_schemes_have_none() {
        let uri = Uri::parse(b"tel:+15551212").unwrap();
        assert_eq!(canonical(&uri, &mut AorBuf::new()), Err(AorError::Scheme));
    }
}
