//! Answering a Digest challenge as a phone does (RFC 7616, RFC 3261 §22.4), MD5 only: it is what every
//! registrar accepts, and the harness does not measure hash functions. Written apart from midreg's own digest
//! code, so that one mistake cannot cancel the other.

use md5::{Digest as _, Md5};

use crate::fields;

/// A challenge as found in a WWW-Authenticate value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Challenge {
    realm: String,
    nonce: String,
    opaque: Option<String>,
    qop: Qop,
    /// Whether only the nonce was too old.
    pub stale: bool,
}

/// Whether `auth` is among the qualities of protection offered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Qop {
    Absent,
    Auth,
}

/// Who answers.
pub struct Credentials<'a> {
    /// User name.
    pub user: &'a str,
    /// Password in clear.
    pub password: &'a str,
    /// The digest URI: the Request-URI of the request.
    pub uri: &'a str,
    /// Client nonce; used where the challenge offers `qop=auth`.
    pub cnonce: &'a str,
}

impl Challenge {
    /// Reads a challenge; `None` unless it is Digest with MD5 and names realm and nonce.
    pub fn parse(value: &[u8]) -> Option<Self> {
        let (scheme, params) = value.split_at_checked("Digest ".len())?;
        if !scheme.eq_ignore_ascii_case(b"Digest ") {
            return None;
        }
        let param = |name| {
            let value = fields::elements(params).find_map(|p| fields::named_value(p, name))?;
            Some(String::from_utf8_lossy(value).into_owned())
        };
        if param("algorithm").is_some_and(|name| !name.eq_ignore_ascii_case("MD5")) {
            return None;
        }
        let offered = param("qop").unwrap_or_default();
        Some(Self {
            realm: param("realm")?,
            nonce: param("nonce")?,
            opaque: param("opaque"),
            qop: if offered.split(',').any(|q| q.trim() == "auth") {
                Qop::Auth
            } else {
                Qop::Absent
            },
            stale: param("stale").is_some_and(|stale| stale.eq_ignore_ascii_case("true")),
        })
    }

    /// The value of the Authorization header that answers for a request of this method.
    pub fn answer(&self, method: &str, who: &Credentials<'_>) -> String {
        let Self { realm, nonce, .. } = self;
        let Credentials {
            user,
            password,
            uri,
            cnonce,
        } = who;
        let ha1 = md5_hex(&format!("{user}:{realm}:{password}"));
        let ha2 = md5_hex(&format!("{method}:{uri}"));
        // RFC 7616 §3.4.1; without qop the older form of RFC 2069, which RFC 3261 §22.4 keeps.
        let (response, protection) = match self.qop {
            Qop::Auth => (
                md5_hex(&format!("{ha1}:{nonce}:00000001:{cnonce}:auth:{ha2}")),
                format!(", qop=auth, nc=00000001, cnonce=\"{cnonce}\""),
            ),
            Qop::Absent => (md5_hex(&format!("{ha1}:{nonce}:{ha2}")), String::new()),
        };
        let opaque = self
            .opaque
            .as_ref()
            .map(|o| format!(", opaque=\"{o}\""))
            .unwrap_or_default();
        format!(
            "Digest username=\"{user}\", realm=\"{realm}\", nonce=\"{nonce}\", uri=\"{uri}\", \
             response=\"{response}\", algorithm=MD5{protection}{opaque}"
        )
    }
}

fn md5_hex(text: &str) -> String {
    Md5::digest(text)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MUFASA: Credentials<'_> = Credentials {
        user: "Mufasa",
        password: "Circle Of Life",
        uri: "/dir/index.html",
        cnonce: "0a4f113b",
    };

    /// The example of RFC 2617 §3.5.
    #[test]
    fn with_quality_of_protection() {
        let challenge = Challenge::parse(
            b"Digest realm=\"testrealm@host.com\", qop=\"auth,auth-int\", \
              nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\", opaque=\"5ccc069c403ebaf9f0171e9517f40e41\"",
        )
        .unwrap();
        let answer = challenge.answer("GET", &MUFASA);
        assert!(
            answer.contains("response=\"6629fae49393a05397450978507c4ef1\""),
            "{answer}"
        );
        assert!(
            answer.contains("qop=auth, nc=00000001, cnonce=\"0a4f113b\""),
            "{answer}"
        );
        assert!(
            answer.ends_with(", opaque=\"5ccc069c403ebaf9f0171e9517f40e41\""),
            "{answer}"
        );
    }

    /// The same without qop; the expected value follows from RFC 2069 §2.1.2 (as corrected).
    #[test]
    fn without_quality_of_protection() {
        let challenge = Challenge::parse(
            b"digest realm=\"testrealm@host.com\",nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\",algorithm=md5",
        )
        .unwrap();
        let who = Credentials {
            password: "CircleOfLife",
            ..MUFASA
        };
        let answer = challenge.answer("GET", &who);
        assert!(
            answer.contains("response=\"1949323746fe6a43ef61f9606e7febea\""),
            "{answer}"
        );
        assert!(
            !answer.contains("cnonce") && !answer.contains("opaque"),
            "{answer}"
        );
    }

    #[test]
    fn what_cannot_be_answered() {
        for value in [
            "",
            "Basic realm=\"x\"",
            "Digest realm=\"x\"",
            "Digest nonce=\"x\"",
            "Digest",
        ] {
            assert_eq!(Challenge::parse(value.as_bytes()), None, "{value}");
        }
        assert_eq!(
            Challenge::parse(b"Digest realm=\"x\", nonce=\"y\", algorithm=SHA-256"),
            None
        );
    }

    #[test]
    fn stale_is_told() {
        let stale = |text: &str| Challenge::parse(text.as_bytes()).unwrap().stale;
        assert!(stale("Digest realm=\"a,b\", stale=TRUE, nonce=\"y\""));
        assert!(!stale("Digest realm=\"x\", stale=false, nonce=\"y\""));
    }
}
