//! `Framer`: messages out of a byte stream (RFC 3261 §18.3, RFC 5626 §4.4.1).
//!
//! The caller keeps the buffer; the framer remembers how far it looked, so that a stream that
//! arrives byte by byte costs no more than one that arrives at once. WebSockets need no framer:
//! each of their messages is one SIP message (RFC 7118 §5).

use core::fmt;

use crate::error::ParseErrorKind;
use crate::fields::{self, Fields, Next};
use crate::header::name::Name;
use crate::limits::{MAX_MESSAGE, MAX_START_LINE};
use crate::number::parse_decimal;

/// What the buffer begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frame {
    /// Nothing complete: read on.
    Incomplete,
    /// A double CRLF, to be answered with one CRLF at once. Drop that many bytes.
    Ping(usize),
    /// A single CRLF, the answer to a ping or padding. Drop that many bytes.
    Pong(usize),
    /// A message of that many bytes. Parse them, then drop them.
    Message(usize),
    /// No message boundary can be found any more: answer what can be answered, then close.
    Broken(StreamFault),
}

/// Why a stream cannot be read any further.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StreamFault {
    /// A message over [`MAX_MESSAGE`].
    TooLong,
    /// The first line does not end, or the header fields cannot be told apart.
    BadHead(ParseErrorKind),
    /// No Content-Length, which streams cannot do without (RFC 3261 §20.14).
    NoContentLength,
    /// Content-Length is no number, or there are two different ones.
    BadContentLength,
}

impl StreamFault {
    /// The fault in words a person can read.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TooLong => ParseErrorKind::MessageTooLong.as_str(),
            Self::BadHead(kind) => kind.as_str(),
            Self::NoContentLength => "Missing Content-Length",
            Self::BadContentLength => ParseErrorKind::BadContentLength.as_str(),
        }
    }
}

impl fmt::Display for StreamFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Finds the boundaries of messages in one direction of one connection.
#[derive(Clone, Debug, Default)]
pub struct Framer {
    /// Bytes of the buffer that hold no end of a head.
    searched: usize,
    /// The message's length, once its head is complete.
    length: Option<usize>,
}

impl Framer {
    /// A framer at the start of a stream.
    pub fn new() -> Self {
        Self::default()
    }

    /// Says what `buffer` begins with: everything received and not yet dropped. What a frame
    /// counts has to be dropped before the next call.
    pub fn next(&mut self, buffer: &[u8]) -> Frame {
        let frame = self.look(buffer);
        if frame != Frame::Incomplete {
            *self = Self::default();
        }
        frame
    }

    fn look(&mut self, buffer: &[u8]) -> Frame {
        if self.length.is_none() {
            match buffer {
                [] | [b'\r'] | [b'\r', b'\n'] | [b'\r', b'\n', b'\r'] => return Frame::Incomplete,
                [b'\r', b'\n', b'\r', b'\n', ..] => return Frame::Ping(4),
                [b'\r', b'\n', ..] => return Frame::Pong(2),
                _ => {}
            }
            match self.find_length(buffer) {
                Ok(length) => self.length = length,
                Err(fault) => return Frame::Broken(fault),
            }
        }
        match self.length {
            Some(length) if length <= buffer.len() => Frame::Message(length),
            _ => Frame::Incomplete,
        }
    }

    fn find_length(&mut self, buffer: &[u8]) -> Result<Option<usize>, StreamFault> {
        let from = self.searched.saturating_sub(3);
        let found = memchr::memmem::find(buffer.get(from..).unwrap_or_default(), b"\r\n\r\n");
        let Some(found) = found else {
            self.searched = buffer.len();
            return if buffer.len() > MAX_MESSAGE {
                Err(StreamFault::TooLong)
            } else {
                check_start(buffer).map(|()| None)
            };
        };
        let head = from + found + 4;
        let body = content_length(buffer.get(..head).unwrap_or_default())?;
        match head.checked_add(body) {
            Some(length) if length <= MAX_MESSAGE => Ok(Some(length)),
            _ => Err(StreamFault::TooLong),
        }
    }
}

/// A peer that speaks something else is not worth buffering up to the limit.
fn check_start(buffer: &[u8]) -> Result<(), StreamFault> {
    let text = buffer.get(..MAX_START_LINE + 2).unwrap_or_default();
    if !text.is_empty() && memchr::memchr(b'\n', text).is_none() {
        return Err(StreamFault::BadHead(ParseErrorKind::StartLineTooLong));
    }
    Ok(())
}

fn content_length(head: &[u8]) -> Result<usize, StreamFault> {
    let broken = |error: crate::ParseError| StreamFault::BadHead(error.kind);
    let (_, head_start) = fields::line_end(head, 0).map_err(broken)?;
    let mut fields = Fields::new(head, head_start);
    let mut length = None;
    while let Next::Field(field) = fields.next().map_err(broken)? {
        if field.name != Name::ContentLength {
            continue;
        }
        let value = head.get(field.value_start..field.value_end);
        let number = parse_decimal(value.unwrap_or_default())
            .and_then(|number| usize::try_from(number).ok())
            .ok_or(StreamFault::BadContentLength)?;
        if length.is_some_and(|earlier| earlier != number) {
            return Err(StreamFault::BadContentLength);
        }
        length = Some(number);
    }
    length.ok_or(StreamFault::NoContentLength)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: &str = "OPTIONS sip:a SIP/2.0\r\nl: 4\r\nTo: x\r\n\r\nbody";
    const SECOND: &str = "SIP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n";

    /// Everything the framer says while `stream` arrives in pieces of `step` bytes.
    fn frames(stream: &str, step: usize) -> Vec<Frame> {
        let mut framer = Framer::new();
        let mut buffer = Vec::new();
        let mut seen = Vec::new();
        for piece in stream.as_bytes().chunks(step) {
            buffer.extend_from_slice(piece);
            loop {
                let frame = framer.next(&buffer);
                match frame {
                    Frame::Incomplete => break,
                    Frame::Broken(_) => {
                        seen.push(frame);
                        return seen;
                    }
                    Frame::Ping(len) | Frame::Pong(len) | Frame::Message(len) => {
                        seen.push(frame);
                        buffer.drain(..len);
                    }
                }
            }
        }
        seen
    }

    fn fault(head: &str) -> Option<StreamFault> {
        match frames(&format!("OPTIONS sip:a SIP/2.0\r\n{head}\r\n"), 7).as_slice() {
            [.., Frame::Broken(fault)] => Some(*fault),
            _ => None,
        }
    }

    #[test]
    fn messages_and_keepalives_are_cut_however_they_arrive() {
        let stream = format!("{FIRST}\r\n\r\n{SECOND}\r\n{FIRST}");
        let expected = [
            Frame::Message(FIRST.len()),
            Frame::Ping(4),
            Frame::Message(SECOND.len()),
            Frame::Pong(2),
            Frame::Message(FIRST.len()),
        ];
        for step in [1, 2, 3, 10, stream.len()] {
            assert_eq!(frames(&stream, step), expected, "pieces of {step}");
        }
    }

    #[test]
    fn a_body_may_hold_what_ends_a_head() {
        let stream = "X sip:a SIP/2.0\r\nl: 6\r\n\r\n\r\n\r\n\r\n";
        assert_eq!(frames(stream, 1), [Frame::Message(stream.len())]);
    }

    #[test]
    fn a_stream_needs_one_good_content_length() {
        assert_eq!(fault("To: x\r\n"), Some(StreamFault::NoContentLength));
        assert_eq!(fault("l: -1\r\n"), Some(StreamFault::BadContentLength));
        assert_eq!(
            fault("l: 1\r\nl: 2\r\n"),
            Some(StreamFault::BadContentLength)
        );
        assert_eq!(fault("l: 0\r\nl: 0\r\n"), None);
        assert_eq!(fault("l: 65535\r\n"), Some(StreamFault::TooLong));
        assert_eq!(
            fault("l: 99999999999999999999\r\n"),
            Some(StreamFault::BadContentLength)
        );
        let bare = StreamFault::BadHead(ParseErrorKind::BareLineBreak);
        assert_eq!(fault("To: x\ny\r\nl: 0\r\n"), Some(bare));
    }

    #[test]
    fn endless_heads_are_given_up() {
        let line = "a".repeat(MAX_START_LINE + 2);
        let too_long = StreamFault::BadHead(ParseErrorKind::StartLineTooLong);
        assert_eq!(frames(&line, 1000), [Frame::Broken(too_long)]);
        let head = format!(
            "OPTIONS sip:a SIP/2.0\r\n{}",
            "X: y\r\n".repeat(MAX_MESSAGE / 6)
        );
        assert_eq!(frames(&head, 1000), [Frame::Broken(StreamFault::TooLong)]);
    }
}
