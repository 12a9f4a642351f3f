//! `Fields`: the header fields of a message's head, one after the other.
//!
//! Shared by the full parse and by the router's quick look, so that both see the same fields.
//! A field ends at a CRLF that no white space follows (RFC 3261 §7.3.1). A lone CR or LF is
//! refused: an element that takes it for a line end would see header fields that we do not.

use crate::charset::{Class, trim_end, trim_start};
use crate::error::{ParseError, ParseErrorKind};
use crate::header::name::Name;
use crate::limits::MAX_HEADER_LINE;

/// One header field, as offsets into the text that [`Fields`] walks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Field {
    pub(crate) name: Name,
    pub(crate) start: usize,
    pub(crate) name_end: usize,
    pub(crate) value_start: usize,
    pub(crate) value_end: usize,
    /// After the final CRLF.
    pub(crate) end: usize,
    pub(crate) shape: Shape,
}

/// Whether a field has the form `name: value`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    Sound,
    /// No colon, or no name before it: the whole line counts as its name.
    Broken,
}

/// How the head ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HeadEnd {
    /// With an empty line at this offset.
    EmptyLine(usize),
    /// With the end of the text.
    Missing(usize),
}

/// What comes next in a head.
pub(crate) enum Next {
    Field(Field),
    End(HeadEnd),
}

/// A walk over the header fields of a message.
pub(crate) struct Fields<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Fields<'a> {
    /// Starts at offset `at` of `text`, the first byte after the start line.
    pub(crate) fn new(text: &'a [u8], at: usize) -> Self {
        Self { text, at }
    }

    /// The next field, or how the head ended. Not to be called again after that.
    #[inline]
    pub(crate) fn next(&mut self) -> Result<Next, ParseError> {
        let start = self.at;
        match self.text.get(start) {
            None => return Ok(Next::End(HeadEnd::Missing(start))),
            Some(b'\r') if self.text.get(start + 1) == Some(&b'\n') => {
                return Ok(Next::End(HeadEnd::EmptyLine(start)));
            }
            Some(_) => {}
        }
        let (content_end, end) = field_end(self.text, start)?;
        if end - start > MAX_HEADER_LINE {
            return Err(ParseError::new(ParseErrorKind::HeaderTooLong, start));
        }
        self.at = end;
        Ok(Next::Field(self.split(start, content_end, end)))
    }

    #[inline]
    fn split(&self, start: usize, content_end: usize, end: usize) -> Field {
        let line = self.text.get(start..content_end).unwrap_or_default();
        let (name, rest) = line
            .split_at_checked(Class::TOKEN.run_len(line))
            .unwrap_or_default();
        let ([b':', value @ ..], false) = (trim_blanks(rest), name.is_empty()) else {
            return Field {
                name: Name::Other,
                start,
                name_end: content_end,
                value_start: content_end,
                value_end: content_end,
                end,
                shape: Shape::Broken,
            };
        };
        // One space is what everybody writes.
        let value = trim_start(value.strip_prefix(b" ").unwrap_or(value));
        let value_start = content_end - value.len();
        Field {
            name: Name::from_bytes(name),
            start,
            name_end: start + name.len(),
            value_start,
            value_end: value_start + trim_end(value).len(),
            end,
            shape: Shape::Sound,
        }
    }
}

/// `text` without the blanks it begins with.
#[inline]
fn trim_blanks(mut text: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = text {
        text = rest;
    }
    text
}

/// The end of the line that starts at `start`: before its CRLF, and after it. The text's end
/// ends the line too.
#[inline]
pub(crate) fn line_end(text: &[u8], start: usize) -> Result<(usize, usize), ParseError> {
    let rest = text.get(start..).unwrap_or_default();
    let Some(found) = memchr::memchr2(b'\r', b'\n', rest) else {
        return Ok((text.len(), text.len()));
    };
    let at = start + found;
    if rest.get(found..found + 2) != Some(b"\r\n") {
        return Err(ParseError::new(ParseErrorKind::BareLineBreak, at));
    }
    Ok((at, at + 2))
}

/// Like [`line_end`], continued over folds.
#[inline]
fn field_end(text: &[u8], start: usize) -> Result<(usize, usize), ParseError> {
    let (mut content_end, mut end) = line_end(text, start)?;
    while matches!(text.get(end), Some(b' ' | b'\t')) {
        (content_end, end) = line_end(text, end)?;
    }
    Ok((content_end, end))
}
