//! Both ends of digest authentication (RFC 3261 §22, RFC 7616), as the models use it: MD5 with
//! `qop=auth`.

use sip::digest::{Algorithm, Protection, ha1, response};
use sip::header::auth::{Challenge, Credentials};

/// Realm of all model main registrars.
pub const REALM: &str = "main.example.org";

const CNONCE: &str = "c0ffee";

/// What a phone needs to answer a challenge.
#[derive(Clone, Copy, Debug)]
pub struct Secret<'s> {
    /// User name.
    pub user: &'s str,
    /// Password.
    pub password: &'s str,
}

/// The value of an Authorization that answers `challenge` for a REGISTER to `uri`, the `count`th
/// with this nonce.
///
/// # Panics
/// When the challenge cannot be read.
#[must_use]
pub fn credentials(challenge: &str, secret: Secret<'_>, uri: &str, count: u32) -> String {
    let parsed = match Challenge::parse(challenge.as_bytes()) {
        Ok(parsed) => parsed,
        Err(error) => panic!("{error}: {challenge}"),
    };
    let text = |part: Option<&[u8]>| String::from_utf8_lossy(part.unwrap_or_default()).into_owned();
    let (realm, nonce) = (text(parsed.realm), text(parsed.nonce));
    let Secret { user, password } = secret;
    let nc = format!("{count:08x}");
    let ha1 = ha1(
        Algorithm::Md5,
        user.as_bytes(),
        realm.as_bytes(),
        password.as_bytes(),
    );
    let protection = Protection {
        nc: nc.as_bytes(),
        cnonce: CNONCE.as_bytes(),
        qop: b"auth",
    };
    let digest = response(
        Algorithm::Md5,
        ha1.as_bytes(),
        nonce.as_bytes(),
        Some(protection),
        b"REGISTER",
        uri.as_bytes(),
    );
    let digest = String::from_utf8_lossy(digest.as_bytes()).into_owned();
    format!(
        "Digest username=\"{user}\", realm=\"{realm}\", nonce=\"{nonce}\", uri=\"{uri}\", \
         response=\"{digest}\", algorithm=MD5, qop=auth, nc={nc}, cnonce=\"{CNONCE}\""
    )
}

/// A challenge with this nonce.
#[must_use]
pub fn challenge(nonce: &str) -> String {
    format!("Digest realm=\"{REALM}\", nonce=\"{nonce}\", algorithm=MD5, qop=\"auth\"")
}

/// The nonce and user that credentials for a REGISTER name, if `password_of` that user makes them
/// right.
#[must_use]
pub fn verify(value: &[u8], password_of: impl Fn(&str) -> String) -> Option<(String, String)> {
    let own = Credentials::parse(value).ok()?;
    let user = String::from_utf8_lossy(own.username?).into_owned();
    let nonce = String::from_utf8_lossy(own.nonce?).into_owned();
    let ha1 = ha1(
        Algorithm::Md5,
        own.username?,
        own.realm?,
        password_of(&user).as_bytes(),
    );
    let protection = Protection {
        nc: own.nc?,
        cnonce: own.cnonce?,
        qop: own.qop?,
    };
    let expected = response(
        Algorithm::Md5,
        ha1.as_bytes(),
        own.nonce?,
        Some(protection),
        b"REGISTER",
        own.uri?,
    );
    (expected.as_bytes() == own.response?).then_some((nonce, user))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_right_password_is_right() {
        let secret = Secret {
            user: "alice",
            password: "secret",
        };
        let value = credentials(&challenge("n1"), secret, "sip:main.example.org", 1);
        let right = verify(value.as_bytes(), |_| "secret".to_owned());
        assert_eq!(right, Some(("n1".to_owned(), "alice".to_owned())));
        assert_eq!(verify(value.as_bytes(), |_| "other".to_owned()), None);
    }
}
