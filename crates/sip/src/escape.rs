//! `%HH` escapes in URIs (RFC 3261 §19.1.2).

use crate::charset::is_user_plain;
use crate::error::{ParseError, ParseErrorKind};
use crate::number::hex_value;

/// The bytes that `text` stands for. A `%` without two hexadecimal digits stands for itself.
pub fn unescape(text: &[u8]) -> impl Iterator<Item = u8> {
    Units::of(text).map(Unit::byte)
}

/// Appends the bytes that `text` stands for to `out`, a `Vec<u8>` or a `SmallVec`.
pub fn unescape_into(text: &[u8], out: &mut impl Extend<u8>) {
    out.extend(unescape(text));
}

/// Appends `bytes` as a user part: everything that the grammar does not allow there becomes
/// `%HH` with upper-case digits, everything else stays.
pub fn escape_user_into(bytes: impl IntoIterator<Item = u8>, out: &mut impl Extend<u8>) {
    for byte in bytes {
        if is_user_plain(byte) {
            out.extend([byte]);
        } else {
            out.extend([b'%', upper_hex(byte >> 4), upper_hex(byte & 0x0F)]);
        }
    }
}

/// Checks that two hexadecimal digits follow every `%` in `text`.
///
/// # Errors
/// [`ParseErrorKind::BadEscape`] with the offset of the `%`.
pub(crate) fn check(text: &[u8]) -> Result<(), ParseError> {
    let mut bytes = text.iter().enumerate();
    let bad = bytes.find(|(at, byte)| **byte == b'%' && decode(text, *at).is_none());
    match bad {
        Some((at, _)) => Err(ParseError::new(ParseErrorKind::BadEscape, at)),
        None => Ok(()),
    }
}

/// Whether two texts are the same when every escape of a character outside the reserved set is
/// taken for the character (RFC 3261 §19.1.4), in the given sense of case.
pub(crate) fn equivalent(a: &[u8], b: &[u8], case: Case) -> bool {
    a == b
        || Units::of(a)
            .map(|unit| unit.key(case))
            .eq(Units::of(b).map(|unit| unit.key(case)))
}

/// Whether letters of different case are the same.
#[derive(Clone, Copy)]
pub(crate) enum Case {
    Keep,
    Ignore,
}

/// A byte of a text, and whether it was escaped.
#[derive(Clone, Copy)]
enum Unit {
    Plain(u8),
    Escaped(u8),
}

impl Unit {
    fn byte(self) -> u8 {
        match self {
            Self::Plain(byte) | Self::Escaped(byte) => byte,
        }
    }

    /// What two units have in common when they mean the same.
    fn key(self, case: Case) -> (u8, bool) {
        let byte = match case {
            Case::Keep => self.byte(),
            Case::Ignore => self.byte().to_ascii_lowercase(),
        };
        (
            byte,
            matches!(self, Self::Escaped(byte) if is_reserved(byte)),
        )
    }
}

struct Units<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Units<'a> {
    fn of(text: &'a [u8]) -> Self {
        Self { text, at: 0 }
    }
}

impl Iterator for Units<'_> {
    type Item = Unit;

    fn next(&mut self) -> Option<Unit> {
        let byte = *self.text.get(self.at)?;
        if byte == b'%'
            && let Some(escaped) = decode(self.text, self.at)
        {
            self.at += 3;
            return Some(Unit::Escaped(escaped));
        }
        self.at += 1;
        Some(Unit::Plain(byte))
    }
}

/// The byte that the escape at offset `at` stands for.
fn decode(text: &[u8], at: usize) -> Option<u8> {
    let high = hex_value(*text.get(at + 1)?)?;
    let low = hex_value(*text.get(at + 2)?)?;
    Some(high << 4 | low)
}

/// The `reserved` set. `%` is no member, but an escaped one is not a plain one either.
fn is_reserved(byte: u8) -> bool {
    matches!(
        byte,
        b';' | b'/' | b'?' | b':' | b'@' | b'&' | b'=' | b'+' | b'$' | b',' | b'%'
    )
}

fn upper_hex(value: u8) -> u8 {
    if value < 10 {
        b'0' + value
    } else {
        b'A' + value - 10
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(text: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        unescape_into(text, &mut out);
        out
    }

    #[test]
    fn escapes_become_bytes() {
        assert_eq!(decoded(b"%61%4A%00z"), b"aJ\0z");
        assert_eq!(decoded(b"100%"), b"100%");
        assert_eq!(decoded(b"%zz%4"), b"%zz%4");
    }

    #[test]
    fn only_what_has_to_be_is_escaped() {
        let mut out = Vec::new();
        escape_user_into(*b"a+b@c d:%#\xFF", &mut out);
        assert_eq!(out, b"a+b%40c%20d%3A%25%23%FF");
    }

    #[test]
    fn reserved_characters_differ_from_their_escapes() {
        assert!(equivalent(b"%61b", b"ab", Case::Keep));
        assert!(equivalent(b"%3b", b"%3B", Case::Keep));
        assert!(!equivalent(b"a%3Bb", b"a;b", Case::Keep));
        assert!(!equivalent(b"A", b"a", Case::Keep));
        assert!(equivalent(b"%41", b"a", Case::Ignore));
    }

    #[test]
    fn a_broken_escape_is_found() {
        assert!(check(b"a%20b").is_ok());
        assert_eq!(check(b"ab%2").map_err(|error| error.at), Err(2));
    }
}
