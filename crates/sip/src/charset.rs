//! Character classes of the grammar (RFC 3261 §25.1), one table lookup each.
//!
//! Where deployed devices write more than the grammar allows and nothing becomes ambiguous by
//! it (`#` or UTF-8 in a user part, `_` in a host name, `=` in a branch), the class is wider than
//! the RFC's.

const TOKEN: u16 = 1;
const USER: u16 = 1 << 1;
const HOST: u16 = 1 << 2;
const PARAM_NAME: u16 = 1 << 3;
const PARAM_VALUE: u16 = 1 << 4;
const USER_PLAIN: u16 = 1 << 5;
const SPACE: u16 = 1 << 6;
const SCHEME: u16 = 1 << 7;
const OPAQUE: u16 = 1 << 8;

/// A character of a `token`.
pub(crate) fn is_token(byte: u8) -> bool {
    has(byte, TOKEN)
}

/// A character that may stand in the user or password part of a received URI.
pub(crate) fn is_user(byte: u8) -> bool {
    has(byte, USER)
}

/// A character that stands unescaped in a canonical user part: `unreserved / user-unreserved`.
pub(crate) fn is_user_plain(byte: u8) -> bool {
    has(byte, USER_PLAIN)
}

/// A character of a host name or of an IPv4 address.
pub(crate) fn is_host(byte: u8) -> bool {
    has(byte, HOST)
}

/// A character of a parameter's name, in a URI or in a header field.
pub(crate) fn is_param_name(byte: u8) -> bool {
    has(byte, PARAM_NAME)
}

/// A character of an unquoted parameter value, in a URI or in a header field.
pub(crate) fn is_param_value(byte: u8) -> bool {
    has(byte, PARAM_VALUE)
}

/// A character of a URI scheme.
pub(crate) fn is_scheme(byte: u8) -> bool {
    has(byte, SCHEME)
}

/// A character that a URI can hold at all.
pub(crate) fn is_opaque(byte: u8) -> bool {
    has(byte, OPAQUE)
}

/// White space, or a part of a fold (`LWS`).
pub(crate) fn is_space(byte: u8) -> bool {
    has(byte, SPACE)
}

/// How many bytes at the start of `text` are in `class`.
#[inline]
pub(crate) fn run_len(text: &[u8], class: impl Fn(u8) -> bool) -> usize {
    let other = text.iter().position(|byte| !class(*byte));
    other.unwrap_or(text.len())
}

/// `text` without the white space and folds around it.
pub(crate) fn trim(mut text: &[u8]) -> &[u8] {
    while let [first, rest @ ..] = text
        && is_space(*first)
    {
        text = rest;
    }
    while let [rest @ .., last] = text
        && is_space(*last)
    {
        text = rest;
    }
    text
}

fn has(byte: u8, class: u16) -> bool {
    CLASSES
        .get(usize::from(byte))
        .is_some_and(|classes| classes & class != 0)
}

static CLASSES: [u16; 256] = classes();

#[expect(
    clippy::indexing_slicing,
    reason = "evaluated at compile time, within 0..256"
)]
const fn classes() -> [u16; 256] {
    let mut table = [0; 256];
    let mut index = 0;
    while index < 256 {
        table[index] = classify(index as u8);
        index += 1;
    }
    table
}

const fn classify(byte: u8) -> u16 {
    let mut class = 0;
    if byte.is_ascii_alphanumeric() {
        class |= TOKEN | HOST | PARAM_NAME | USER_PLAIN | SCHEME;
    }
    if matches!(byte, b'+' | b'-' | b'.') {
        class |= SCHEME;
    }
    if matches!(byte, b'-' | b'.' | b'_') {
        class |= HOST;
    }
    if matches!(
        byte,
        b'-' | b'.' | b'!' | b'%' | b'*' | b'_' | b'+' | b'`' | b'\'' | b'~'
    ) {
        class |= TOKEN | PARAM_NAME;
    }
    if matches!(
        byte,
        b'[' | b']' | b'/' | b':' | b'&' | b'$' | b'(' | b')' | b'@' | b'#'
    ) {
        class |= PARAM_NAME;
    }
    if matches!(
        byte,
        b'-' | b'_' | b'.' | b'!' | b'~' | b'*' | b'\'' | b'(' | b')'
    ) {
        class |= USER_PLAIN;
    }
    if matches!(byte, b'&' | b'=' | b'+' | b'$' | b',' | b';' | b'?' | b'/') {
        class |= USER_PLAIN;
    }
    if byte > b' ' && byte != 0x7F {
        if !matches!(byte, b'"' | b'<' | b'>') {
            class |= OPAQUE;
        }
        if !matches!(byte, b'"' | b'<' | b'>' | b'@' | b':') {
            class |= USER;
        }
        if !matches!(byte, b'"' | b'<' | b'>' | b';') {
            class |= PARAM_VALUE;
        }
    }
    if matches!(byte, b' ' | b'\t' | b'\r' | b'\n') {
        class |= SPACE;
    }
    class
}
