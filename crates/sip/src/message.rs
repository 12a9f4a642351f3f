//! `Message`: a received message, indexed and otherwise left as it is.
//!
//! One pass finds the start line, the header fields and the body. Offsets are `u16`; the first
//! field of every known name is found in one step. Nothing is decoded until somebody asks.
//!
//! A request that breaks a rule but can be answered parses; [`crate::validate`] then says which
//! response it deserves. [`ParseError`] means that no answer is possible.

use core::slice;

use smallvec::SmallVec;

use crate::error::{ParseError, ParseErrorKind};
use crate::fields::{self, Field, Fields, HeadEnd, Next, Shape};
use crate::header::list::Elements;
use crate::header::name::Name;
use crate::limits::{INLINE_HEADERS, MAX_HEADERS, MAX_MESSAGE};
use crate::number::parse_decimal;
use crate::start_line::{self, RequestLine, StartLine};

/// A range of bytes of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Span {
    /// First byte.
    pub start: u16,
    /// After the last byte.
    pub end: u16,
}

/// One header field of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header<'a> {
    /// The name, [`Name::Other`] when it is none we know.
    pub name: Name,
    /// The name as it was written.
    pub name_text: &'a [u8],
    /// The value without the white space around it; may hold folds.
    pub value: &'a [u8],
    /// The whole field with its folds and its final CRLF.
    pub line: Span,
}

/// How the end of the body was found (RFC 3261 §18.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// Content-Length bytes were there; anything after them is not part of the message.
    Declared,
    /// No Content-Length: the body reaches to the end of the datagram.
    ToEnd,
    /// Content-Length promises more than there is; the body is what there is.
    Truncated,
    /// Content-Length is not a number; the body is what there is.
    Malformed,
}

/// A parsed message. Borrows the bytes it was parsed from.
#[derive(Clone, Debug)]
pub struct Message<'a> {
    bytes: &'a [u8],
    start_line: StartLine<'a>,
    version: &'a [u8],
    entries: SmallVec<[Entry; INLINE_HEADERS]>,
    /// Ordinal of the first field of each name in `seen`.
    first: [u8; Name::COUNT],
    seen: u64,
    repeated: u64,
    head_end: u16,
    body_start: u16,
    framing: Framing,
    lapse: Option<ParseError>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    name: Name,
    start: u16,
    name_end: u16,
    value_start: u16,
    value_end: u16,
    end: u16,
}

impl<'a> Message<'a> {
    /// Finds the parts of the message in `bytes`, one datagram or one frame of a stream.
    ///
    /// CRLFs before the start line are skipped (RFC 3261 §7.5), bytes after Content-Length are
    /// left out; offsets count from the start line.
    ///
    /// # Errors
    /// When there is no start line, a line break is broken, or a bound of [`crate::limits`] is
    /// exceeded. Other faults are left to [`crate::validate`].
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ParseError> {
        if bytes.len() > MAX_MESSAGE {
            return Err(ParseError::new(ParseErrorKind::MessageTooLong, MAX_MESSAGE));
        }
        let bytes = skip_crlf(bytes);
        if bytes.is_empty() {
            return Err(ParseError::new(ParseErrorKind::Empty, 0));
        }
        let (line_end, head_start) = fields::line_end(bytes, 0)?;
        let start = start_line::parse(bytes.get(..line_end).unwrap_or_default())?;
        let mut message = Self {
            bytes,
            start_line: start.line,
            version: start.version,
            entries: SmallVec::new(),
            first: [0; Name::COUNT],
            seen: 0,
            repeated: 0,
            head_end: 0,
            body_start: 0,
            framing: Framing::ToEnd,
            lapse: start.lapse,
        };
        message.index(head_start)?;
        message.delimit();
        Ok(message)
    }

    /// The message's own bytes: from the start line to the end of the body.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The request line or status line.
    pub fn start_line(&self) -> StartLine<'a> {
        self.start_line
    }

    /// The request line, if this is a request.
    pub fn request(&self) -> Option<RequestLine<'a>> {
        match self.start_line {
            StartLine::Request(line) => Some(line),
            StartLine::Response { .. } => None,
        }
    }

    /// The status code, if this is a response.
    pub fn status(&self) -> Option<u16> {
        match self.start_line {
            StartLine::Request(_) => None,
            StartLine::Response { status, .. } => Some(status),
        }
    }

    /// The SIP version as it was written, such as `SIP/2.0`.
    pub fn version(&self) -> &'a [u8] {
        self.version
    }

    /// The first header field of that name.
    pub fn header(&self, name: Name) -> Option<Header<'a>> {
        if !self.has(name) {
            return None;
        }
        let ordinal = usize::from(*self.first.get(name.index())?);
        self.entries.get(ordinal).map(|entry| self.expand(*entry))
    }

    /// All header fields, in order.
    pub fn headers(&self) -> impl Iterator<Item = Header<'a>> {
        self.entries.iter().map(|entry| self.expand(*entry))
    }

    /// All header fields of that name, in order.
    pub fn headers_named(&self, name: Name) -> impl Iterator<Item = Header<'a>> {
        let present = self.entries_from_first(name).iter();
        present
            .filter(move |entry| entry.name == name)
            .map(|entry| self.expand(*entry))
    }

    /// The first header field that is spelled `text`, in any case: for the names that
    /// [`Name`] does not list.
    pub fn header_by_text(&self, text: &[u8]) -> Option<Header<'a>> {
        self.headers()
            .find(|header| header.name_text.eq_ignore_ascii_case(text))
    }

    /// The elements of the comma lists in all header fields of that name (see [`Elements`]).
    pub fn values(&self, name: Name) -> impl Iterator<Item = &'a [u8]> {
        self.headers_named(name)
            .flat_map(|header| Elements::of(header.value))
    }

    /// Where `part` lies in the message; `None` when it is not a slice of [`Self::bytes`].
    pub fn span_of(&self, part: &[u8]) -> Option<Span> {
        let start = part
            .as_ptr()
            .addr()
            .checked_sub(self.bytes.as_ptr().addr())?;
        let end = start.checked_add(part.len())?;
        if end > self.bytes.len() {
            return None;
        }
        Some(Span {
            start: offset(start),
            end: offset(end),
        })
    }

    /// The bytes of `span`; empty when it lies outside the message.
    pub fn slice(&self, span: Span) -> &'a [u8] {
        self.bytes
            .get(usize::from(span.start)..usize::from(span.end))
            .unwrap_or_default()
    }

    /// The body.
    pub fn body(&self) -> &'a [u8] {
        self.bytes
            .get(usize::from(self.body_start)..)
            .unwrap_or_default()
    }

    /// Offset of the empty line that ends the head: the place to append a header field.
    pub fn head_end(&self) -> u16 {
        self.head_end
    }

    /// How the end of the body was found.
    pub fn framing(&self) -> Framing {
        self.framing
    }

    /// The first fault that parsing tolerated.
    pub fn lapse(&self) -> Option<ParseError> {
        self.lapse
    }

    /// Whether a header field of that name is there.
    pub fn has(&self, name: Name) -> bool {
        self.seen & name.bit() != 0
    }

    /// The set of names that are there, as [`Name::bit`]s.
    pub(crate) fn seen(&self) -> u64 {
        self.seen
    }

    /// The set of names that are there more than once.
    pub(crate) fn repeated(&self) -> u64 {
        self.repeated
    }

    fn index(&mut self, head_start: usize) -> Result<(), ParseError> {
        let mut fields = Fields::new(self.bytes, head_start);
        loop {
            match fields.next()? {
                Next::Field(field) => self.add(field)?,
                Next::End(HeadEnd::EmptyLine(at)) => {
                    self.head_end = offset(at);
                    self.body_start = offset(at + 2);
                    return Ok(());
                }
                Next::End(HeadEnd::Missing(at)) => {
                    self.head_end = offset(at);
                    self.body_start = offset(at);
                    self.note(ParseErrorKind::MissingEmptyLine, at);
                    return Ok(());
                }
            }
        }
    }

    fn add(&mut self, field: Field) -> Result<(), ParseError> {
        if self.entries.len() == MAX_HEADERS {
            return Err(ParseError::new(ParseErrorKind::TooManyHeaders, field.start));
        }
        if field.shape == Shape::Broken {
            self.note(ParseErrorKind::BadHeaderField, field.start);
        }
        let bit = field.name.bit();
        if self.seen & bit == 0 {
            self.seen |= bit;
            if let Some(first) = self.first.get_mut(field.name.index()) {
                *first = self.entries.len() as u8;
            }
        } else {
            self.repeated |= bit;
        }
        self.entries.push(Entry {
            name: field.name,
            start: offset(field.start),
            name_end: offset(field.name_end),
            value_start: offset(field.value_start),
            value_end: offset(field.value_end),
            end: offset(field.end),
        });
        Ok(())
    }

    /// Finds the end of the body and cuts off what follows.
    fn delimit(&mut self) {
        let Some(header) = self.header(Name::ContentLength) else {
            return;
        };
        let at = usize::from(header.line.start);
        let available = self.bytes.len() - usize::from(self.body_start);
        match parse_decimal(header.value).and_then(|length| usize::try_from(length).ok()) {
            None => {
                self.framing = Framing::Malformed;
                self.note(ParseErrorKind::BadContentLength, at);
            }
            Some(length) if length > available => {
                self.framing = Framing::Truncated;
                self.note(ParseErrorKind::BodyTooShort, at);
            }
            Some(length) => {
                self.framing = Framing::Declared;
                let end = usize::from(self.body_start) + length;
                self.bytes = self.bytes.get(..end).unwrap_or_default();
            }
        }
    }

    fn note(&mut self, kind: ParseErrorKind, at: usize) {
        self.lapse.get_or_insert_with(|| ParseError::new(kind, at));
    }

    /// The field of that name, or a range that begins with the first and holds all of them.
    fn entries_from_first(&self, name: Name) -> &[Entry] {
        if !self.has(name) {
            return &[];
        }
        let first = self.first.get(name.index()).copied().map(usize::from);
        let rest = first.and_then(|first| self.entries.get(first..));
        match rest.unwrap_or_default() {
            [only, ..] if self.repeated & name.bit() == 0 => slice::from_ref(only),
            rest => rest,
        }
    }

    fn expand(&self, entry: Entry) -> Header<'a> {
        let part = |start: u16, end: u16| self.slice(Span { start, end });
        Header {
            name: entry.name,
            name_text: part(entry.start, entry.name_end),
            value: part(entry.value_start, entry.value_end),
            line: Span {
                start: entry.start,
                end: entry.end,
            },
        }
    }
}

/// `bytes` without the CRLFs it begins with.
pub(crate) fn skip_crlf(mut bytes: &[u8]) -> &[u8] {
    while let [b'\r', b'\n', rest @ ..] = bytes {
        bytes = rest;
    }
    bytes
}

/// Offsets never exceed [`MAX_MESSAGE`], which `parse` checks first.
fn offset(at: usize) -> u16 {
    debug_assert!(at <= MAX_MESSAGE);
    at as u16
}

#[cfg(test)]
mod tests;
