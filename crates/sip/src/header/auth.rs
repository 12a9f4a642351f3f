//! `Credentials` and `Challenge`: the digest headers (RFC 3261 §20.7, §20.27, §20.28, §20.44;
//! RFC 7616, RFC 8760).
//!
//! One header field holds one of them; its commas separate parameters, not elements.

use std::borrow::Cow;

use super::list::Elements;
use crate::charset::Class;
use crate::cursor::Cursor;
use crate::error::{ParseError, ParseErrorKind};
use crate::params::Param;

/// What Authorization and Proxy-Authorization hold. Values are without quotes, escapes inside
/// them stay; what is absent is `None`.
#[derive(Clone, Copy, Debug, Default)]
#[allow(missing_docs, reason = "each field is the parameter of that name")]
pub struct Credentials<'a> {
    /// `Digest`, or a scheme we do not know.
    pub scheme: &'a [u8],
    pub username: Option<&'a [u8]>,
    pub realm: Option<&'a [u8]>,
    pub nonce: Option<&'a [u8]>,
    pub uri: Option<&'a [u8]>,
    pub response: Option<&'a [u8]>,
    pub algorithm: Option<&'a [u8]>,
    pub qop: Option<&'a [u8]>,
    pub nc: Option<&'a [u8]>,
    pub cnonce: Option<&'a [u8]>,
    pub opaque: Option<&'a [u8]>,
}

/// What WWW-Authenticate and Proxy-Authenticate hold. Values as in [`Credentials`].
#[derive(Clone, Copy, Debug, Default)]
#[allow(missing_docs, reason = "each field is the parameter of that name")]
pub struct Challenge<'a> {
    /// `Digest`, or a scheme we do not know.
    pub scheme: &'a [u8],
    pub realm: Option<&'a [u8]>,
    pub domain: Option<&'a [u8]>,
    pub nonce: Option<&'a [u8]>,
    pub opaque: Option<&'a [u8]>,
    pub stale: Option<&'a [u8]>,
    pub algorithm: Option<&'a [u8]>,
    /// A comma list.
    pub qop: Option<&'a [u8]>,
}

impl<'a> Credentials<'a> {
    /// Parses credentials. Of an unknown scheme only the name is kept.
    ///
    /// # Errors
    /// When there is no scheme, or a parameter of a digest is malformed.
    pub fn parse(value: &'a [u8]) -> Result<Self, ParseError> {
        let mut own = Self::default();
        own.scheme = read(value, |param| {
            let slot = match param.name.len() {
                8 if param.is("username") => &mut own.username,
                5 if param.is("realm") => &mut own.realm,
                5 if param.is("nonce") => &mut own.nonce,
                3 if param.is("uri") => &mut own.uri,
                8 if param.is("response") => &mut own.response,
                9 if param.is("algorithm") => &mut own.algorithm,
                3 if param.is("qop") => &mut own.qop,
                2 if param.is("nc") => &mut own.nc,
                6 if param.is("cnonce") => &mut own.cnonce,
                6 if param.is("opaque") => &mut own.opaque,
                _ => return,
            };
            slot.get_or_insert(param.unquoted());
        })?;
        Ok(own)
    }

    /// Whether the scheme is Digest.
    pub fn is_digest(&self) -> bool {
        self.scheme.eq_ignore_ascii_case(b"Digest")
    }
}

impl<'a> Challenge<'a> {
    /// Parses a challenge. Of an unknown scheme only the name is kept.
    ///
    /// # Errors
    /// When there is no scheme, or a parameter of a digest is malformed.
    pub fn parse(value: &'a [u8]) -> Result<Self, ParseError> {
        let mut own = Self::default();
        own.scheme = read(value, |param| {
            let slot = match param.name.len() {
                5 if param.is("realm") => &mut own.realm,
                6 if param.is("domain") => &mut own.domain,
                5 if param.is("nonce") => &mut own.nonce,
                6 if param.is("opaque") => &mut own.opaque,
                5 if param.is("stale") => &mut own.stale,
                9 if param.is("algorithm") => &mut own.algorithm,
                3 if param.is("qop") => &mut own.qop,
                _ => return,
            };
            slot.get_or_insert(param.unquoted());
        })?;
        Ok(own)
    }

    /// Whether the scheme is Digest.
    pub fn is_digest(&self) -> bool {
        self.scheme.eq_ignore_ascii_case(b"Digest")
    }

    /// Whether the nonce was only too old (RFC 7616 §3.3).
    pub fn is_stale(&self) -> bool {
        self.stale
            .is_some_and(|value| value.eq_ignore_ascii_case(b"true"))
    }

    /// Whether `option` is among the offered qualities of protection.
    pub fn offers_qop(&self, option: &str) -> bool {
        Elements::of(self.qop.unwrap_or_default())
            .any(|own| own.eq_ignore_ascii_case(option.as_bytes()))
    }
}

/// What a value stands for: the escapes that a quoted string may hold are resolved (RFC 3261 §25.1,
/// quoted-pair). Hardly any value has one, and then nothing is copied.
pub fn plain(value: &[u8]) -> Cow<'_, [u8]> {
    if memchr::memchr(b'\\', value).is_none() {
        return Cow::Borrowed(value);
    }
    let mut bytes = value.iter().copied();
    let next = || match bytes.next()? {
        b'\\' => bytes.next(),
        byte => Some(byte),
    };
    Cow::Owned(core::iter::from_fn(next).collect())
}

/// Appends `text` as a quoted string. Control characters, which none can hold, are left out.
pub fn push_quoted(out: &mut Vec<u8>, text: &[u8]) {
    out.push(b'"');
    for byte in text.iter().copied().filter(|byte| !byte.is_ascii_control()) {
        if matches!(byte, b'"' | b'\\') {
            out.push(b'\\');
        }
        out.push(byte);
    }
    out.push(b'"');
}

/// Reads the scheme and, if it is Digest, shows each parameter to `visit`.
fn read<'a>(value: &'a [u8], mut visit: impl FnMut(Param<'a>)) -> Result<&'a [u8], ParseError> {
    let mut cursor = Cursor::new(value);
    cursor.skip_space();
    let scheme = cursor.expect_run(Class::TOKEN, ParseErrorKind::BadAuth)?;
    if !scheme.eq_ignore_ascii_case(b"Digest") {
        return Ok(scheme);
    }
    loop {
        cursor.skip_space();
        if cursor.is_at_end() {
            return Ok(scheme);
        }
        // Empty elements and a final comma do no harm.
        if cursor.eat(b',') {
            continue;
        }
        visit(read_param(&mut cursor)?);
        cursor.skip_space();
        if !cursor.is_at_end() && cursor.peek() != Some(b',') {
            return Err(cursor.error(ParseErrorKind::BadAuth));
        }
    }
}

fn read_param<'a>(cursor: &mut Cursor<'a>) -> Result<Param<'a>, ParseError> {
    let name = cursor.expect_run(Class::TOKEN, ParseErrorKind::BadAuth)?;
    cursor.expect_spaced(b'=', ParseErrorKind::BadAuth)?;
    let value = if cursor.peek() == Some(b'"') {
        cursor.take_quoted()?
    } else {
        cursor.take_while(|byte| byte > b' ' && byte != b',' && byte != b'"')
    };
    Ok(Param {
        name,
        value: Some(value),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_of_a_phone() {
        let text = b"Digest username=\"bob\", realm=\"ex, ample\",nonce=\"n1==\",\r\n uri=\"sip:example.com\", \
            response=\"6629fae4\", algorithm=MD5, qop=auth, nc=00000001, cnonce=\"c,1\", opaque=\"\"";
        let own = Credentials::parse(text).unwrap();
        assert!(own.is_digest());
        assert_eq!(own.username, Some(&b"bob"[..]));
        assert_eq!(own.realm, Some(&b"ex, ample"[..]));
        assert_eq!(own.nonce, Some(&b"n1=="[..]));
        assert_eq!(own.uri, Some(&b"sip:example.com"[..]));
        assert_eq!(own.response, Some(&b"6629fae4"[..]));
        assert_eq!(own.algorithm, Some(&b"MD5"[..]));
        assert_eq!(own.qop, Some(&b"auth"[..]));
        assert_eq!(own.nc, Some(&b"00000001"[..]));
        assert_eq!(own.cnonce, Some(&b"c,1"[..]));
        assert_eq!(own.opaque, Some(&b""[..]));
    }

    #[test]
    fn a_challenge_may_be_stale_and_offer_several_qops() {
        let own =
            Challenge::parse(b"digest REALM=\"r\", stale=TRUE, qop=\"auth,auth-int\", nonce=\"x\"")
                .unwrap();
        assert!(own.is_digest() && own.is_stale());
        assert!(own.offers_qop("auth-int") && !own.offers_qop("aut"));
        assert_eq!(own.realm, Some(&b"r"[..]));
    }

    #[test]
    fn unknown_schemes_keep_their_name_only() {
        let own = Credentials::parse(b"NoOneKnowsThisScheme opaque-data=here").unwrap();
        assert_eq!(own.scheme, b"NoOneKnowsThisScheme");
        assert!(!own.is_digest());
        assert_eq!(own.username, None);
    }

    #[test]
    fn the_first_of_two_equal_names_counts() {
        let own = Credentials::parse(b"Digest realm=\"a\", realm=\"b\"").unwrap();
        assert_eq!(own.realm, Some(&b"a"[..]));
    }

    #[test]
    fn quoted_strings_round_trip_without_their_control_characters() {
        for (text, quoted) in [
            ("bob", "\"bob\""),
            ("a\"b\\", "\"a\\\"b\\\\\""),
            ("a\r\nX: b", "\"aX: b\""),
            ("Jäsøn Doe", "\"Jäsøn Doe\""),
        ] {
            let mut out = Vec::new();
            push_quoted(&mut out, text.as_bytes());
            assert_eq!(out, quoted.as_bytes());
            let value = format!("Digest username={quoted}");
            let own = Credentials::parse(value.as_bytes()).unwrap();
            let kept: Vec<u8> = text.bytes().filter(|byte| *byte >= b' ').collect();
            assert_eq!(plain(own.username.unwrap()), kept);
        }
        assert_eq!(plain(b"a\\"), &b"a"[..]);
    }

    #[test]
    fn malformed_digests_are_refused() {
        for text in [
            "",
            "\"",
            "Digest realm",
            "Digest realm=\"x",
            "Digest a=b c=d",
            "Digest =x",
        ] {
            assert!(Credentials::parse(text.as_bytes()).is_err(), "{text}");
            assert!(Challenge::parse(text.as_bytes()).is_err(), "{text}");
        }
    }
}
