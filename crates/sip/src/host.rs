//! `Host`: a host name or an address literal, as in a URI or a Via (RFC 3261 §25.1, RFC 5954).

use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::charset::is_host;
use crate::cursor::Cursor;
use crate::error::{ParseError, ParseErrorKind};
use crate::number::{parse_saturating, push_ip_host};

/// Where something is. Names are equal without regard to case and to a final dot.
#[derive(Clone, Copy, Debug)]
pub enum Host<'a> {
    /// A host name as it was written.
    Name(&'a [u8]),
    /// An IPv4 address.
    V4(Ipv4Addr),
    /// An IPv6 address, written in brackets.
    V6(Ipv6Addr),
}

impl<'a> Host<'a> {
    /// Parses a host: IPv6 needs its brackets.
    ///
    /// # Errors
    /// When `text` is no host, `1.2.3.400` included: a top label does not start with a digit.
    pub fn parse(text: &'a [u8]) -> Result<Self, ParseError> {
        match read_host(text) {
            Some((host, [])) => Ok(host),
            _ => Err(ParseError::new(ParseErrorKind::BadHost, 0)),
        }
    }

    /// Parses an address with or without brackets, as `received` holds one (RFC 5118 §4.5).
    pub fn parse_received(text: &[u8]) -> Option<IpAddr> {
        let inner = match text {
            [b'[', inner @ .., b']'] => inner,
            _ => text,
        };
        parse_v4(inner)
            .map(IpAddr::V4)
            .or_else(|| parse_v6(inner).map(IpAddr::V6))
    }

    /// The address, if it is a literal.
    pub fn ip(&self) -> Option<IpAddr> {
        match *self {
            Self::Name(_) => None,
            Self::V4(address) => Some(IpAddr::V4(address)),
            Self::V6(address) => Some(IpAddr::V6(address)),
        }
    }

    /// Appends the host in its canonical form: names in lower case and without a final dot,
    /// IPv6 in brackets.
    pub fn push(&self, out: &mut Vec<u8>) {
        match *self {
            Self::Name(name) => out.extend(without_dot(name).iter().map(u8::to_ascii_lowercase)),
            Self::V4(address) => push_ip_host(out, address.into()),
            Self::V6(address) => push_ip_host(out, address.into()),
        }
    }
}

impl PartialEq for Host<'_> {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Name(a), Self::Name(b)) => without_dot(a).eq_ignore_ascii_case(without_dot(b)),
            _ => self.ip() == other.ip() && self.ip().is_some(),
        }
    }
}

impl Eq for Host<'_> {}

impl fmt::Display for Host<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => name.escape_ascii().fmt(f),
            Self::V4(address) => address.fmt(f),
            Self::V6(address) => write!(f, "[{address}]"),
        }
    }
}

/// Reads a host and a port at the cursor: `host [ ":" port ]`, with white space around the colon
/// where a Via allows it. Returns the host's text too.
pub(crate) fn read_host_port<'a>(
    cursor: &mut Cursor<'a>,
) -> Result<(&'a [u8], Host<'a>, Option<u16>), ParseError> {
    let Some((host, rest)) = read_host(cursor.rest()) else {
        return Err(cursor.error(ParseErrorKind::BadHost));
    };
    let text = cursor.take(cursor.rest().len() - rest.len());
    cursor.skip_space();
    if !cursor.eat(b':') {
        return Ok((text, host, None));
    }
    cursor.skip_space();
    let port = cursor
        .take_number()
        .and_then(|port| u16::try_from(port).ok())
        .ok_or_else(|| cursor.error(ParseErrorKind::BadPort))?;
    Ok((text, host, Some(port)))
}

/// A port number: one to five digits (leading zeros allowed), at most 65 535.
pub(crate) fn parse_port(digits: &[u8]) -> Option<u16> {
    parse_saturating(digits).and_then(|port| u16::try_from(port).ok())
}

/// A host name without the final dot of a fully qualified one.
pub(crate) fn without_dot(name: &[u8]) -> &[u8] {
    match name {
        [inner @ .., b'.'] if !inner.is_empty() => inner,
        _ => name,
    }
}

/// The host that `text` begins with, as long as it can be, and what follows it.
fn read_host(text: &[u8]) -> Option<(Host<'_>, &[u8])> {
    if let [b'[', inner @ ..] = text {
        let (address, rest) = inner.split_at_checked(memchr::memchr(b']', inner)?)?;
        return Some((Host::V6(parse_v6(address)?), rest.strip_prefix(b"]")?));
    }
    if let Some((address, rest)) = read_v4(text)
        && !rest.first().copied().is_some_and(is_host)
    {
        return Some((Host::V4(address), rest));
    }
    let (name, rest) = text.split_at_checked(name_len(text)?)?;
    // Digits and dots alone are an address, or nothing.
    (!is_numeric(name)).then_some((Host::Name(name), rest))
}

/// How many host characters `text` begins with; `None` when there is none, or when a label is
/// empty and the final dot does not explain it.
fn name_len(text: &[u8]) -> Option<usize> {
    let mut previous = b'.';
    let mut len = 0;
    for byte in text.iter().take_while(|byte| is_host(**byte)) {
        if *byte == b'.' && previous == b'.' {
            return None;
        }
        previous = *byte;
        len += 1;
    }
    (len > 0).then_some(len)
}

fn is_numeric(text: &[u8]) -> bool {
    text.iter()
        .all(|byte| byte.is_ascii_digit() || *byte == b'.')
}

/// The address that `text` begins with and what follows it.
fn read_v4(text: &[u8]) -> Option<(Ipv4Addr, &[u8])> {
    let (a, rest) = read_octet(text)?;
    let (b, rest) = read_octet(rest.strip_prefix(b".")?)?;
    let (c, rest) = read_octet(rest.strip_prefix(b".")?)?;
    let (d, rest) = read_octet(rest.strip_prefix(b".")?)?;
    Some((Ipv4Addr::new(a, b, c, d), rest))
}

/// One to three digits, leading zeros allowed, and what follows them.
#[inline]
fn read_octet(text: &[u8]) -> Option<(u8, &[u8])> {
    let mut value = 0;
    let mut rest = text;
    while let [digit @ b'0'..=b'9', after @ ..] = rest
        && text.len() - rest.len() < 3
    {
        value = value * 10 + u16::from(digit - b'0');
        rest = after;
    }
    let octet = u8::try_from(value).ok()?;
    (rest.len() < text.len()).then_some((octet, rest))
}

fn parse_v4(text: &[u8]) -> Option<Ipv4Addr> {
    match read_v4(text)? {
        (address, []) => Some(address),
        _ => None,
    }
}

fn parse_v6(text: &[u8]) -> Option<Ipv6Addr> {
    core::str::from_utf8(text).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(text: &str) -> Host<'_> {
        Host::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn names_compare_without_case_and_final_dot() {
        assert_eq!(host("Example.COM"), host("example.com."));
        assert_ne!(host("example.com"), host("example.org"));
        assert_ne!(host("example.com"), host("192.0.2.1"));
    }

    #[test]
    fn addresses_compare_by_value() {
        assert_eq!(host("[2001:DB8::0:1]"), host("[2001:db8:0::1]"));
        assert_eq!(host("192.0.2.1"), host("192.000.2.01"));
        assert_ne!(host("[::ffff:192.0.2.1]"), host("192.0.2.1"));
    }

    #[test]
    fn what_is_no_host_is_refused() {
        for text in [
            "",
            "a b",
            "[::1",
            "::1",
            "[1.2.3.4]",
            "[2001:db8:::1]",
            "1.2.3",
            "1.2.3.256",
            "1.2.3.4.5",
            "a/b",
            ".",
            ".a",
            "a..b",
            "a..",
            ".",
            ".a",
            "a..b",
            "a..",
        ] {
            assert!(Host::parse(text.as_bytes()).is_err(), "{text}");
        }
    }

    #[test]
    fn received_takes_ipv6_with_and_without_brackets() {
        let expected = "2001:db8::9:255".parse().ok();
        assert_eq!(Host::parse_received(b"2001:db8::9:255"), expected);
        assert_eq!(Host::parse_received(b"[2001:db8::9:255]"), expected);
        assert_eq!(Host::parse_received(b"192.0.2.7"), "192.0.2.7".parse().ok());
        assert_eq!(Host::parse_received(b"example.com"), None);
    }

    #[test]
    fn the_canonical_text_parses_to_the_same_host() {
        for text in ["Example.COM.", "192.0.2.1", "[2001:DB8::1]"] {
            let mut out = Vec::new();
            host(text).push(&mut out);
            assert_eq!(Host::parse(&out).unwrap(), host(text));
        }
    }
}
