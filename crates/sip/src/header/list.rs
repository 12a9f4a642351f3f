//! `Elements`: the elements of a comma-separated header field value (RFC 3261 §7.3.1).
//!
//! Commas inside quoted strings and inside angle brackets do not separate. Empty elements are
//! skipped. Only for header fields whose grammar is a list: Date and the authentication headers
//! hold commas that separate nothing.

use crate::charset::trim;
use crate::cursor::quoted_len;

/// Iterator over the trimmed elements of one value.
#[derive(Clone, Debug)]
pub struct Elements<'a> {
    rest: &'a [u8],
}

impl<'a> Elements<'a> {
    /// The elements of `value`.
    pub fn of(value: &'a [u8]) -> Self {
        Self { rest: value }
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        while !self.rest.is_empty() {
            let end = element_len(self.rest);
            let element = trim(self.rest.get(..end).unwrap_or_default());
            self.rest = self.rest.get(end + 1..).unwrap_or_default();
            if !element.is_empty() {
                return Some(element);
            }
        }
        None
    }
}

/// Offset of the comma that ends the first element, or the length of `text`.
fn element_len(text: &[u8]) -> usize {
    let mut at = 0;
    while let Some(rest) = text.get(at..)
        && let Some(found) = memchr::memchr3(b',', b'"', b'<', rest)
    {
        let special = rest.get(found..).unwrap_or_default();
        let skip = match special.first() {
            Some(b'"') => quoted_len(special),
            Some(b'<') => memchr::memchr(b'>', special).map(|end| end + 1),
            _ => return at + found,
        };
        match skip {
            Some(len) => at += found + len,
            None => break,
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(value: &str) -> Vec<&str> {
        Elements::of(value.as_bytes())
            .map(|element| core::str::from_utf8(element).unwrap())
            .collect()
    }

    #[test]
    fn commas_separate_only_outside_quotes_and_brackets() {
        assert_eq!(split("a"), ["a"]);
        assert_eq!(split(" a , b\r\n ,c"), ["a", "b", "c"]);
        assert_eq!(
            split(r#""x, \"y" <sip:a,b@c>;q=1, <sip:d>"#),
            [r#""x, \"y" <sip:a,b@c>;q=1"#, "<sip:d>"]
        );
    }

    #[test]
    fn empty_elements_are_skipped() {
        assert_eq!(split(""), [""; 0]);
        assert_eq!(split(" ,, a,,"), ["a"]);
    }

    #[test]
    fn what_does_not_close_is_one_element() {
        assert_eq!(split("a, \"b, c"), ["a", "\"b, c"]);
        assert_eq!(split("a, <b, c"), ["a", "<b, c"]);
    }
}
