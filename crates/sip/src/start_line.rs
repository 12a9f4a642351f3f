//! `StartLine`: the request line or status line of a message (RFC 3261 §7.1, §7.2).
//!
//! Read generously, because a request with a bad request line still deserves its 400: the method
//! is what stands before the first space, the version what stands after the last, the
//! Request-URI what lies between. What was not according to the grammar is reported beside it.

use crate::charset::{is_token, trim};
use crate::error::{ParseError, ParseErrorKind};
use crate::limits::MAX_START_LINE;
use crate::method::Method;

/// The first line of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartLine<'a> {
    /// A request.
    Request(RequestLine<'a>),
    /// A response.
    Response {
        /// 100 to 699.
        status: u16,
        /// May be empty.
        reason: &'a [u8],
    },
}

/// The parts of a request line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestLine<'a> {
    /// The method, [`Method::Other`] when it is none we know.
    pub method: Method,
    /// The method as it was written.
    pub method_text: &'a [u8],
    /// The Request-URI, not yet parsed.
    pub uri: &'a [u8],
}

/// A start line as [`parse`] saw it.
pub(crate) struct Parsed<'a> {
    pub(crate) line: StartLine<'a>,
    pub(crate) version: &'a [u8],
    /// What was tolerated.
    pub(crate) lapse: Option<ParseError>,
}

/// Parses a start line without its CRLF.
pub(crate) fn parse(line: &[u8]) -> Result<Parsed<'_>, ParseError> {
    if line.len() > MAX_START_LINE {
        return Err(ParseError::new(ParseErrorKind::StartLineTooLong, 0));
    }
    match line.get(..4) {
        Some(prefix) if prefix.eq_ignore_ascii_case(b"SIP/") => status_line(line),
        _ => request_line(line),
    }
}

fn request_line(line: &[u8]) -> Result<Parsed<'_>, ParseError> {
    let bad = ParseError::new(ParseErrorKind::BadStartLine, 0);
    let first = memchr::memchr(b' ', line).ok_or(bad)?;
    let method_text = line.get(..first).unwrap_or_default();
    if method_text.is_empty() || !method_text.iter().copied().all(is_token) {
        return Err(ParseError::new(ParseErrorKind::BadMethod, 0));
    }
    let tail = line.get(first + 1..).unwrap_or_default();
    let trimmed = trim(tail);
    let last = memchr::memrchr2(b' ', b'\t', trimmed).ok_or(bad)?;
    let middle = trimmed.get(..last).unwrap_or_default();
    let uri = trim(middle);
    let version = trimmed.get(last + 1..).unwrap_or_default();
    if !is_version(version) {
        return Err(ParseError::new(ParseErrorKind::BadVersion, first + 1));
    }
    let spaced = trimmed.len() != tail.len() || uri.len() != middle.len();
    let lapse = spaced.then(|| ParseError::new(ParseErrorKind::StartLineSpacing, first + 1));
    Ok(Parsed {
        line: StartLine::Request(RequestLine {
            method: Method::from_bytes(method_text),
            method_text,
            uri,
        }),
        version,
        lapse,
    })
}

fn status_line(line: &[u8]) -> Result<Parsed<'_>, ParseError> {
    let first = memchr::memchr(b' ', line)
        .ok_or_else(|| ParseError::new(ParseErrorKind::BadStartLine, 0))?;
    let version = line.get(..first).unwrap_or_default();
    if !is_version(version) {
        return Err(ParseError::new(ParseErrorKind::BadVersion, 0));
    }
    let tail = line.get(first + 1..).unwrap_or_default();
    let (code, reason) = match memchr::memchr(b' ', tail) {
        Some(space) => tail.split_at_checked(space).unwrap_or_default(),
        // The space before an empty reason phrase is sometimes forgotten.
        None => (tail, &[][..]),
    };
    let status = match code {
        [a @ b'1'..=b'6', b @ b'0'..=b'9', c @ b'0'..=b'9'] => {
            u16::from(a - b'0') * 100 + u16::from(b - b'0') * 10 + u16::from(c - b'0')
        }
        _ => return Err(ParseError::new(ParseErrorKind::BadStatus, first + 1)),
    };
    Ok(Parsed {
        line: StartLine::Response {
            status,
            reason: reason.get(1..).unwrap_or_default(),
        },
        version,
        lapse: None,
    })
}

fn is_version(text: &[u8]) -> bool {
    match text.split_at_checked(4) {
        Some((name, number)) => {
            name.eq_ignore_ascii_case(b"SIP/")
                && number
                    .iter()
                    .all(|byte| byte.is_ascii_digit() || *byte == b'.')
                && !number.is_empty()
        }
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(line: &str) -> (RequestLine<'_>, Option<ParseErrorKind>) {
        let parsed = parse(line.as_bytes()).unwrap();
        match parsed.line {
            StartLine::Request(request) => (request, parsed.lapse.map(|lapse| lapse.kind)),
            StartLine::Response { .. } => panic!("{line} is a request line"),
        }
    }

    fn failure(line: &str) -> Option<ParseErrorKind> {
        parse(line.as_bytes()).err().map(|error| error.kind)
    }

    #[test]
    fn a_request_line_has_three_parts() {
        let (line, lapse) = request("NOTIFY sip:a@b;x=y SIP/2.0");
        assert_eq!(line.method, Method::Notify);
        assert_eq!(line.uri, b"sip:a@b;x=y");
        assert_eq!(lapse, None);
    }

    #[test]
    fn superfluous_space_is_reported_and_survived() {
        for text in [
            "ACK  sip:a SIP/2.0",
            "ACK sip:a  SIP/2.0",
            "ACK sip:a SIP/2.0 ",
        ] {
            let (line, lapse) = request(text);
            assert_eq!(line.uri, b"sip:a", "{text}");
            assert_eq!(lapse, Some(ParseErrorKind::StartLineSpacing), "{text}");
        }
    }

    #[test]
    fn a_status_line_needs_no_reason() {
        for text in [
            "SIP/2.0 200 OK",
            "SIP/2.0 200 ",
            "SIP/2.0 200",
            "sip/2.0 200 OK",
        ] {
            let parsed = parse(text.as_bytes()).unwrap();
            assert!(matches!(
                parsed.line,
                StartLine::Response { status: 200, .. }
            ));
        }
    }

    #[test]
    fn what_is_neither_is_refused() {
        assert_eq!(failure("INVITE"), Some(ParseErrorKind::BadStartLine));
        assert_eq!(failure("INVITE sip:a"), Some(ParseErrorKind::BadStartLine));
        assert_eq!(failure("GET / HTTP/1.1"), Some(ParseErrorKind::BadVersion));
        assert_eq!(
            failure("IN<VITE sip:a SIP/2.0"),
            Some(ParseErrorKind::BadMethod)
        );
        for code in ["99", "700", "4294967301", "2x0", ""] {
            let line = format!("SIP/2.0 {code} x");
            assert_eq!(failure(&line), Some(ParseErrorKind::BadStatus), "{line}");
        }
    }
}
