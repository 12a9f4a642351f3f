//! `NameAddr`: `name-addr` or `addr-spec` with header parameters, as in From, To, Contact and
//! Route (RFC 3261 §20.10, §25.1).

use crate::charset::{is_space, trim};
use crate::cursor::Cursor;
use crate::error::{ParseError, ParseErrorKind};
use crate::params::{self, Param, Params};

/// Whether the URI stood in angle brackets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Brackets {
    /// `<sip:a@b>`
    Present,
    /// `sip:a@b`: parameters belong to the header field then (RFC 3261 §20).
    Absent,
}

/// An address.
#[derive(Clone, Copy, Debug)]
pub struct NameAddr<'a> {
    /// The display name with its quotes; empty when there is none.
    pub display: &'a [u8],
    /// The URI, not yet parsed.
    pub uri: &'a [u8],
    /// The parameters of the header field, not those of the URI.
    pub params: Params<'a>,
    /// Whether the URI stood in angle brackets.
    pub bracketed: Brackets,
    tag: Option<&'a [u8]>,
}

impl<'a> NameAddr<'a> {
    /// Parses one address with its header parameters.
    ///
    /// # Errors
    /// When quotes or brackets do not close, a display name holds what only quotes can hold, a
    /// URI without brackets has a `?`, or a parameter is malformed.
    pub fn parse(value: &'a [u8]) -> Result<Self, ParseError> {
        Self::parse_with(value, |_| ())
    }

    /// Like [`Self::parse`]; shows every header parameter to `visit` on the way.
    ///
    /// # Errors
    /// As [`Self::parse`].
    pub fn parse_with(
        value: &'a [u8],
        mut visit: impl FnMut(Param<'a>),
    ) -> Result<Self, ParseError> {
        let mut cursor = Cursor::new(value);
        cursor.skip_space();
        let display = read_display(&mut cursor)?;
        let mut address = if cursor.eat(b'<') {
            read_bracketed(&mut cursor, display)?
        } else {
            read_bare(&mut cursor)?
        };
        let mut tag = None;
        address.params = params::read_all(&mut cursor, |param| {
            if tag.is_none() && param.name.len() == 3 && param.is("tag") {
                tag = Some(param.value);
            }
            visit(param);
        })?;
        address.tag = tag.flatten();
        Ok(address)
    }

    /// The value of the `tag` parameter.
    pub fn tag(&self) -> Option<&'a [u8]> {
        self.tag
    }

    /// The header parameter of that name, in any case.
    pub fn param(&self, name: &str) -> Option<Option<&'a [u8]>> {
        self.params.get(name)
    }
}

/// Reads a display name if a `<` follows it; otherwise leaves the cursor where it was.
fn read_display<'a>(cursor: &mut Cursor<'a>) -> Result<&'a [u8], ParseError> {
    match cursor.peek() {
        Some(b'<') => return Ok(&[]),
        Some(b'"') => {
            let display = cursor.take_quoted()?;
            cursor.skip_space();
            return match cursor.peek() {
                Some(b'<') => Ok(display),
                _ => Err(cursor.error(ParseErrorKind::BadNameAddr)),
            };
        }
        _ => {}
    }
    let rest = cursor.rest();
    let len = rest
        .iter()
        .position(|byte| matches!(byte, b'<' | b':' | b'"' | b';' | b',' | b'>'))
        .unwrap_or(rest.len());
    match rest.get(len) {
        Some(b'<') => Ok(trim(cursor.take(len))),
        Some(b':') => Ok(&[]),
        _ => Err(ParseError::new(
            ParseErrorKind::BadDisplayName,
            cursor.at() + len,
        )),
    }
}

/// The cursor stands after the `<`.
fn read_bracketed<'a>(
    cursor: &mut Cursor<'a>,
    display: &'a [u8],
) -> Result<NameAddr<'a>, ParseError> {
    let len = memchr::memchr(b'>', cursor.rest())
        .ok_or_else(|| cursor.error(ParseErrorKind::UnclosedAngle))?;
    let uri = cursor.take(len);
    cursor.take(1);
    finish(cursor, display, uri, Brackets::Present)
}

fn read_bare<'a>(cursor: &mut Cursor<'a>) -> Result<NameAddr<'a>, ParseError> {
    let uri = cursor.take_while(|byte| byte != b';' && byte != b',' && !is_space(byte));
    if uri.contains(&b'?') {
        return Err(cursor.error(ParseErrorKind::NeedsBrackets));
    }
    finish(cursor, &[], uri, Brackets::Absent)
}

fn finish<'a>(
    cursor: &Cursor<'a>,
    display: &'a [u8],
    uri: &'a [u8],
    bracketed: Brackets,
) -> Result<NameAddr<'a>, ParseError> {
    if uri.is_empty() {
        return Err(cursor.error(ParseErrorKind::BadNameAddr));
    }
    Ok(NameAddr {
        display,
        uri,
        params: Params::default(),
        bracketed,
        tag: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> NameAddr<'_> {
        NameAddr::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn brackets_separate_uri_from_header_parameters() {
        let address = address("\"A. <B>\" <sip:a@b;x=1?h=2>;tag=t1;y");
        assert_eq!(address.display, b"\"A. <B>\"");
        assert_eq!(address.uri, b"sip:a@b;x=1?h=2");
        assert_eq!(address.params.as_bytes(), b";tag=t1;y");
        assert_eq!(address.tag(), Some(&b"t1"[..]));
        assert_eq!(address.bracketed, Brackets::Present);
    }

    #[test]
    fn without_brackets_all_parameters_are_the_headers() {
        let address = address(" sip:a@b ;   tag    = 1918181833n");
        assert_eq!(address.uri, b"sip:a@b");
        assert_eq!(address.tag(), Some(&b"1918181833n"[..]));
        assert_eq!(address.bracketed, Brackets::Absent);
    }

    #[test]
    fn the_first_of_two_tags_counts() {
        assert_eq!(address("<sip:a@b>;tag=1;tag=2").tag(), Some(&b"1"[..]));
        assert_eq!(address("<sip:a@b>;tag;tag=2").tag(), None);
    }

    #[test]
    fn display_names_may_touch_the_bracket_and_be_folded() {
        assert_eq!(address("caller<sip:a@b>").display, b"caller");
        assert_eq!(
            address("J \r\n Rosenberg <sip:a@b>").display,
            b"J \r\n Rosenberg"
        );
        assert_eq!(
            address("\"x \\\\\\\"\"   <sip:a@b>").display,
            b"\"x \\\\\\\"\""
        );
        assert_eq!(address("<sip:a@b>").display, b"");
    }

    #[test]
    fn malformed_addresses_are_refused() {
        for text in [
            "",
            "<>",
            "<sip:a@b",
            "\"x <sip:a@b>",
            "\"x\" sip:a@b",
            "Bell, A <sip:a@b>",
            "sip:a@b?x=y",
            "<sip:a@b>;;",
            "<sip:a@b> x",
            "sip:a@b, sip:c@d",
            "nobody",
        ] {
            assert!(NameAddr::parse(text.as_bytes()).is_err(), "{text}");
        }
    }
}
