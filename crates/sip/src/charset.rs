//! Character classes of the grammar (RFC 3261 §25.1), one table lookup each.
//!
//! Where deployed devices write more than the grammar allows and nothing becomes ambiguous by
//! it (`#` or UTF-8 in a user part, `_` in a host name, `=` in a branch), the class is wider than
//! the RFC's.

/// A set of characters.
#[derive(Clone, Copy)]
pub(crate) struct Class(u16);

impl Class {
    /// Of a `token`.
    pub(crate) const TOKEN: Self = Self(1);
    /// Of the user or password part of a received URI.
    pub(crate) const USER: Self = Self(1 << 1);
    /// Of a host name or of an IPv4 address.
    pub(crate) const HOST: Self = Self(1 << 2);
    /// Of a parameter's name, in a URI or in a header field.
    pub(crate) const PARAM_NAME: Self = Self(1 << 3);
    /// Of an unquoted parameter value, in a URI or in a header field.
    pub(crate) const PARAM_VALUE: Self = Self(1 << 4);
    /// Unescaped in a canonical user part: `unreserved / user-unreserved`.
    pub(crate) const USER_PLAIN: Self = Self(1 << 5);
    /// White space, or a part of a fold (`LWS`).
    pub(crate) const SPACE: Self = Self(1 << 6);
    /// Of a URI scheme.
    pub(crate) const SCHEME: Self = Self(1 << 7);
    /// What a URI can hold at all.
    pub(crate) const OPAQUE: Self = Self(1 << 8);
    /// Of the number in a `tel` URI, visual separators included (RFC 3966 §3).
    pub(crate) const TEL: Self = Self(1 << 9);

    #[inline]
    pub(crate) fn has(self, byte: u8) -> bool {
        let classes = CLASSES.get(usize::from(byte));
        classes.is_some_and(|classes| classes & self.0 != 0)
    }

    /// How many bytes at the start of `text` are in the class.
    ///
    /// Most of a parse is spent here: one copy of it, and pieces of a fixed length for the
    /// compiler to unroll.
    #[inline(never)]
    pub(crate) fn run_len(self, text: &[u8]) -> usize {
        let outside = |byte: &u8| !self.has(*byte);
        let (pieces, tail) = text.as_chunks::<8>();
        let mut len = 0;
        for piece in pieces {
            if let Some(at) = piece.iter().position(outside) {
                return len + at;
            }
            len += piece.len();
        }
        len + tail.iter().position(outside).unwrap_or(tail.len())
    }
}

/// A character of a `token`.
pub(crate) fn is_token(byte: u8) -> bool {
    Class::TOKEN.has(byte)
}

/// A character that stands unescaped in a canonical user part: `unreserved / user-unreserved`.
pub(crate) fn is_user_plain(byte: u8) -> bool {
    Class::USER_PLAIN.has(byte)
}

/// A character of a host name or of an IPv4 address.
pub(crate) fn is_host(byte: u8) -> bool {
    Class::HOST.has(byte)
}

/// A character that a URI can hold at all.
pub(crate) fn is_opaque(byte: u8) -> bool {
    Class::OPAQUE.has(byte)
}

/// White space, or a part of a fold (`LWS`).
pub(crate) fn is_space(byte: u8) -> bool {
    Class::SPACE.has(byte)
}

/// `text` without the white space and folds around it.
#[inline]
pub(crate) fn trim(text: &[u8]) -> &[u8] {
    trim_end(trim_start(text))
}

/// `text` without the white space and folds it begins with.
#[inline]
pub(crate) fn trim_start(text: &[u8]) -> &[u8] {
    match text {
        [0..=b' ', ..] => after_space(text),
        _ => text,
    }
}

/// `text` without the white space and folds it ends with.
#[inline]
pub(crate) fn trim_end(text: &[u8]) -> &[u8] {
    match text {
        [.., 0..=b' '] => before_space(text),
        _ => text,
    }
}

// Most texts have nothing to trim: the loops stay out of the way.

#[inline(never)]
fn after_space(mut text: &[u8]) -> &[u8] {
    while let [first, rest @ ..] = text
        && is_space(*first)
    {
        text = rest;
    }
    text
}

#[inline(never)]
fn before_space(mut text: &[u8]) -> &[u8] {
    while let [rest @ .., last] = text
        && is_space(*last)
    {
        text = rest;
    }
    text
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
        class |= Class::TOKEN.0
            | Class::HOST.0
            | Class::PARAM_NAME.0
            | Class::USER_PLAIN.0
            | Class::SCHEME.0;
    }
    if matches!(byte, b'+' | b'-' | b'.') {
        class |= Class::SCHEME.0 | Class::TEL.0;
    }
    if byte.is_ascii_hexdigit() || matches!(byte, b'(' | b')' | b'*' | b'#') {
        class |= Class::TEL.0;
    }
    if matches!(byte, b'-' | b'.' | b'_') {
        class |= Class::HOST.0;
    }
    if matches!(
        byte,
        b'-' | b'.' | b'!' | b'%' | b'*' | b'_' | b'+' | b'`' | b'\'' | b'~'
    ) {
        class |= Class::TOKEN.0 | Class::PARAM_NAME.0;
    }
    if matches!(
        byte,
        b'[' | b']' | b'/' | b':' | b'&' | b'$' | b'(' | b')' | b'@' | b'#'
    ) {
        class |= Class::PARAM_NAME.0;
    }
    if matches!(
        byte,
        b'-' | b'_' | b'.' | b'!' | b'~' | b'*' | b'\'' | b'(' | b')'
    ) {
        class |= Class::USER_PLAIN.0;
    }
    if matches!(byte, b'&' | b'=' | b'+' | b'$' | b',' | b';' | b'?' | b'/') {
        class |= Class::USER_PLAIN.0;
    }
    if byte > b' ' && byte != 0x7F {
        if !matches!(byte, b'"' | b'<' | b'>') {
            class |= Class::OPAQUE.0;
        }
        if !matches!(byte, b'"' | b'<' | b'>' | b'@' | b':') {
            class |= Class::USER.0;
        }
        if !matches!(byte, b'"' | b'<' | b'>' | b';') {
            class |= Class::PARAM_VALUE.0;
        }
    }
    if matches!(byte, b' ' | b'\t' | b'\r' | b'\n') {
        class |= Class::SPACE.0;
    }
    class
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_ends_at_the_first_byte_outside_the_class() {
        for len in 0..40 {
            for end in 0..=len {
                let mut text = vec![b'a'; len];
                if let Some(byte) = text.get_mut(end) {
                    *byte = b'@';
                }
                assert_eq!(Class::TOKEN.run_len(&text), end, "{len}");
            }
        }
    }

    #[test]
    fn only_space_is_trimmed() {
        for (text, trimmed) in [
            ("a", "a"),
            ("", ""),
            (" \r\n ", ""),
            (" \ta b\r\n ", "a b"),
            ("\0a\x01", "\0a\x01"),
        ] {
            assert_eq!(trim(text.as_bytes()), trimmed.as_bytes(), "{text:?}");
        }
    }
}
