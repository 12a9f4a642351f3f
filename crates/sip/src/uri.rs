//! `Uri`: a SIP or SIPS URI taken apart, and the comparison of two (RFC 3261 §19.1).
//!
//! Other schemes are kept as text, so that a request for one gets its 416.

use crate::charset::{Class, is_opaque};
use crate::cursor::Cursor;
use crate::error::{ParseError, ParseErrorKind};
use crate::escape::{self, Case};
use crate::host::{Host, read_host_port};
use crate::limits::{MAX_COMPARED, MAX_URI};
use crate::params::Params;

/// What stands before the first colon.
#[derive(Clone, Copy, Debug)]
pub enum Scheme<'a> {
    /// `sip`
    Sip,
    /// `sips`
    Sips,
    /// `tel` (RFC 3966)
    Tel,
    /// Anything else, as it was written.
    Other(&'a [u8]),
}

/// A URI.
///
/// `tel` URIs hold their number in `user` and an empty host name; other schemes hold nothing but
/// their text.
#[derive(Clone, Copy, Debug)]
pub struct Uri<'a> {
    /// The scheme.
    pub scheme: Scheme<'a>,
    /// The user part, escapes included.
    pub user: Option<&'a [u8]>,
    /// The password, escapes included.
    pub password: Option<&'a [u8]>,
    /// The host.
    pub host: Host<'a>,
    /// The port, if it was written.
    pub port: Option<u16>,
    /// The URI's own parameters.
    pub params: Params<'a>,
    /// What follows the question mark.
    pub headers: Option<&'a [u8]>,
    /// The whole URI as it was written.
    pub text: &'a [u8],
}

impl<'a> Uri<'a> {
    /// Takes a URI apart; no white space, no brackets around it.
    ///
    /// # Errors
    /// When it is too long or malformed. A URI of an unknown scheme only has to be free of white
    /// space, brackets and quotes.
    pub fn parse(text: &'a [u8]) -> Result<Self, ParseError> {
        if text.len() > MAX_URI {
            return Err(ParseError::new(ParseErrorKind::UriTooLong, MAX_URI));
        }
        let mut cursor = Cursor::new(text);
        let scheme = read_scheme(&mut cursor)?;
        let mut uri = Self {
            scheme,
            user: None,
            password: None,
            host: Host::Name(&[]),
            port: None,
            params: Params::default(),
            headers: None,
            text,
        };
        match scheme {
            Scheme::Sip | Scheme::Sips => uri.read_sip(&mut cursor)?,
            Scheme::Tel => uri.read_tel(&mut cursor)?,
            Scheme::Other(_) => check_opaque(&cursor)?,
        }
        Ok(uri)
    }

    /// The first URI parameter of that name, in any case: `None` when absent, `Some(None)` when
    /// it has no value.
    pub fn param(&self, name: &str) -> Option<Option<&'a [u8]>> {
        self.params.get(name)
    }

    /// The value of the `transport` parameter.
    pub fn transport(&self) -> Option<&'a [u8]> {
        self.param("transport").flatten()
    }

    /// Whether this is a `sip` or `sips` URI.
    pub fn is_sip(&self) -> bool {
        matches!(self.scheme, Scheme::Sip | Scheme::Sips)
    }

    /// Whether both URIs name the same resource (RFC 3261 §19.1.4).
    ///
    /// Parameters that only one side has are ignored, except `transport`, `user`, `ttl`, `method`
    /// and `maddr`.
    pub fn equivalent(&self, other: &Uri<'_>) -> bool {
        match (self.scheme, other.scheme) {
            (Scheme::Sip, Scheme::Sip) | (Scheme::Sips, Scheme::Sips) => self.same_sip(other),
            (Scheme::Tel, Scheme::Tel) => self.same_tel(other),
            (Scheme::Other(a), Scheme::Other(b)) => {
                a.eq_ignore_ascii_case(b) && self.text.get(a.len()..) == other.text.get(b.len()..)
            }
            _ => false,
        }
    }

    fn read_sip(&mut self, cursor: &mut Cursor<'a>) -> Result<(), ParseError> {
        self.read_userinfo(cursor)?;
        (_, self.host, self.port) = read_host_port(cursor)?;
        self.read_tail(cursor)
    }

    /// Reads `user [ ":" password ] "@"`, or nothing when there is no `@`.
    fn read_userinfo(&mut self, cursor: &mut Cursor<'a>) -> Result<(), ParseError> {
        let start = cursor.at();
        let rest = cursor.rest();
        let len = Class::USER.run_len(rest);
        // Neither parameters nor headers can hold a bare "@": wherever one is, a user comes before.
        match rest.get(len..) {
            Some([b'@', ..]) => {}
            Some(tail) if memchr::memchr(b'@', tail).is_some() => {}
            _ => return Ok(()),
        }
        let user = cursor.take(len);
        if cursor.eat(b':') {
            let password_start = cursor.at();
            self.password = Some(cursor.take_run(Class::USER));
            check_escapes(cursor.since(password_start), password_start)?;
        }
        if user.is_empty() || !cursor.eat(b'@') {
            return Err(cursor.error(ParseErrorKind::BadUser));
        }
        check_escapes(user, start)?;
        self.user = Some(user);
        Ok(())
    }

    fn read_tel(&mut self, cursor: &mut Cursor<'a>) -> Result<(), ParseError> {
        let number = cursor.expect_run(Class::TEL, ParseErrorKind::BadUser)?;
        self.user = Some(number);
        self.read_tail(cursor)
    }

    /// Reads `*( ";" param ) [ "?" headers ]` to the end.
    fn read_tail(&mut self, cursor: &mut Cursor<'a>) -> Result<(), ParseError> {
        match cursor.peek() {
            None => return Ok(()),
            Some(b';') => {
                // They hold no white space and no quotes; empty ones are let pass.
                self.params =
                    Params::new(cursor.take_while(|byte| is_opaque(byte) && byte != b'?'));
                if !matches!(cursor.peek(), None | Some(b'?')) {
                    return Err(cursor.error(ParseErrorKind::BadParam));
                }
            }
            Some(b'?') => {}
            Some(_) => return Err(cursor.error(ParseErrorKind::TrailingText)),
        }
        if cursor.eat(b'?') {
            let at = cursor.at();
            let headers = cursor.rest();
            if headers.is_empty() || !headers.iter().copied().all(is_opaque) {
                return Err(cursor.error(ParseErrorKind::BadUriHeaders));
            }
            check_escapes(headers, at)?;
            self.headers = Some(headers);
        }
        Ok(())
    }

    fn same_sip(&self, other: &Uri<'_>) -> bool {
        same_part(self.user, other.user, Case::Keep)
            && same_part(self.password, other.password, Case::Keep)
            && self.host == other.host
            && self.port == other.port
            && same_params(self, other)
            && same_headers(self, other)
    }

    fn same_tel(&self, other: &Uri<'_>) -> bool {
        // Visual separators do not count (RFC 3966 §4).
        fn digits(uri: &Uri<'_>) -> impl Iterator<Item = u8> {
            let number = uri.user.unwrap_or_default().iter();
            number
                .filter(|byte| !matches!(byte, b'-' | b'.' | b'(' | b')'))
                .map(u8::to_ascii_lowercase)
        }
        digits(self).eq(digits(other))
            && self.param("phone-context").is_some() == other.param("phone-context").is_some()
            && same_params(self, other)
    }
}

impl PartialEq for Scheme<'_> {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Sip, Self::Sip) | (Self::Sips, Self::Sips) | (Self::Tel, Self::Tel) => true,
            (Self::Other(a), Self::Other(b)) => a.eq_ignore_ascii_case(b),
            _ => false,
        }
    }
}

impl Eq for Scheme<'_> {}

fn read_scheme<'a>(cursor: &mut Cursor<'a>) -> Result<Scheme<'a>, ParseError> {
    if let [b's' | b'S', b'i' | b'I', b'p' | b'P', b':', ..] = cursor.rest() {
        cursor.take(4);
        return Ok(Scheme::Sip);
    }
    let text = cursor.expect_run(Class::SCHEME, ParseErrorKind::BadScheme)?;
    if !text.first().is_some_and(u8::is_ascii_alphabetic) || !cursor.eat(b':') {
        return Err(cursor.error(ParseErrorKind::BadScheme));
    }
    Ok(if text.eq_ignore_ascii_case(b"sips") {
        Scheme::Sips
    } else if text.eq_ignore_ascii_case(b"tel") {
        Scheme::Tel
    } else {
        Scheme::Other(text)
    })
}

fn check_opaque(cursor: &Cursor<'_>) -> Result<(), ParseError> {
    let rest = cursor.rest();
    if rest.is_empty() || !rest.iter().copied().all(is_opaque) {
        return Err(cursor.error(ParseErrorKind::TrailingText));
    }
    Ok(())
}

fn check_escapes(text: &[u8], at: usize) -> Result<(), ParseError> {
    escape::check(text).map_err(|error| ParseError::new(error.kind, at + usize::from(error.at)))
}

fn same_part(a: Option<&[u8]>, b: Option<&[u8]>, case: Case) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => escape::equivalent(a, b, case),
        (None, None) => true,
        _ => false,
    }
}

fn same_params(a: &Uri<'_>, b: &Uri<'_>) -> bool {
    if a.params.as_bytes() == b.params.as_bytes() {
        return true;
    }
    if a.params.iter().nth(MAX_COMPARED).is_some() || b.params.iter().nth(MAX_COMPARED).is_some() {
        return false;
    }
    const NEVER_IGNORED: [&str; 5] = ["transport", "user", "ttl", "method", "maddr"];
    NEVER_IGNORED
        .iter()
        .all(|name| a.params.contains(name) == b.params.contains(name))
        && a.params.iter().all(
            |param| match (value_of(a, param.name), value_of(b, param.name)) {
                (Some(x), Some(y)) => same_part(x, y, Case::Ignore),
                _ => true,
            },
        )
}

fn value_of<'a>(uri: &Uri<'a>, name: &[u8]) -> Option<Option<&'a [u8]>> {
    let mut params = uri.params.iter();
    params
        .find(|param| param.name.eq_ignore_ascii_case(name))
        .map(|param| param.value)
}

/// URI headers are never ignored; their order does not count.
fn same_headers(a: &Uri<'_>, b: &Uri<'_>) -> bool {
    let (a, b) = match (a.headers, b.headers) {
        (None, None) => return true,
        (Some(a), Some(b)) => (a, b),
        _ => return false,
    };
    if a == b {
        return true;
    }
    let parts = |text| headers(text).take(MAX_COMPARED + 1).count();
    let total = parts(a);
    total <= MAX_COMPARED
        && total == parts(b)
        && headers(a).all(|wanted| {
            let times = |text| {
                headers(text)
                    .filter(|header| same_header(header, wanted))
                    .count()
            };
            times(a) == times(b)
        })
}

fn headers(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|byte| *byte == b'&')
}

fn same_header(a: &[u8], b: &[u8]) -> bool {
    let cut = |text: &[u8]| memchr::memchr(b'=', text).unwrap_or(text.len());
    let (a_name, a_value) = a.split_at_checked(cut(a)).unwrap_or_default();
    let (b_name, b_value) = b.split_at_checked(cut(b)).unwrap_or_default();
    escape::equivalent(a_name, b_name, Case::Ignore)
        && escape::equivalent(a_value, b_value, Case::Keep)
}

#[cfg(test)]
mod tests;
