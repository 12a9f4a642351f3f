//! The first look at a datagram: what is it, and whose is it?
//!
//! [`classify`] sorts out everything that is not SIP (RFC 5626 §4.4, RFC 8489 §5).
//! [`peek_route`] finds the few fields that decide which shard owns a message, without a full
//! parse; for a message that parses it sees what [`crate::Message`] sees.

use core::fmt;

use crate::charset::is_token;
use crate::fields::{self, Fields, Next};
use crate::header::list::Elements;
use crate::header::name::Name;
use crate::header::via::Via;
use crate::limits::MAX_MESSAGE;
use crate::message::skip_crlf;
use crate::method::Method;
use crate::start_line::{self, RequestLine, StartLine};

/// What a datagram is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Datagram {
    /// Nothing but CRLFs or NULs, or nothing at all: it keeps a NAT binding open.
    KeepAlive,
    /// A STUN message, as RFC 5626 §4.4.2 sends them to the SIP port.
    Stun,
    /// Worth parsing.
    Sip,
    /// None of these.
    Junk(JunkReason),
}

/// Why a datagram is not worth parsing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum JunkReason {
    /// The first byte cannot start a SIP message.
    Binary,
    /// The first line is neither a request line nor a status line.
    NoStartLine,
    /// More than [`MAX_MESSAGE`] bytes.
    TooLong,
}

impl JunkReason {
    /// The reason in words a person can read.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Binary => "binary data",
            Self::NoStartLine => "no SIP start line",
            Self::TooLong => "too long",
        }
    }
}

impl fmt::Display for JunkReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The fields of a message that decide who owns it. Texts are as they were written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peek<'a> {
    /// A request.
    Request {
        /// The method.
        method: Method,
        /// The Request-URI.
        request_uri: &'a [u8],
        /// The value of the first To.
        to: &'a [u8],
        /// The value of the first From; empty in a REGISTER, where it decides nothing.
        from: &'a [u8],
        /// The value of the first Route; empty in a REGISTER, or where there is none.
        route: &'a [u8],
    },
    /// A response.
    Response {
        /// The branch of the topmost Via.
        branch: &'a [u8],
    },
    /// No message, or one that lacks those fields.
    Nothing,
}

/// Says what `bytes`, a whole datagram, are.
pub fn classify(bytes: &[u8]) -> Datagram {
    if bytes.len() > MAX_MESSAGE {
        return Datagram::Junk(JunkReason::TooLong);
    }
    let text = skip_crlf(bytes);
    match text.first() {
        None => Datagram::KeepAlive,
        Some(first) if is_token(*first) => classify_text(text),
        Some(_) if is_stun(bytes) => Datagram::Stun,
        Some(0 | b'\r' | b'\n') if text.iter().all(|byte| matches!(byte, 0 | b'\r' | b'\n')) => {
            Datagram::KeepAlive
        }
        Some(_) => Datagram::Junk(JunkReason::Binary),
    }
}

/// Looks for the fields that decide who owns the message in `bytes`.
pub fn peek_route(bytes: &[u8]) -> Peek<'_> {
    peek(skip_crlf(bytes)).unwrap_or(Peek::Nothing)
}

fn peek(bytes: &[u8]) -> Option<Peek<'_>> {
    let (line_end, head_start) = fields::line_end(bytes, 0).ok()?;
    match start_line::parse(bytes.get(..line_end)?).ok()?.line {
        StartLine::Request(line) if line.method == Method::Register => Some(Peek::Request {
            method: line.method,
            request_uri: line.uri,
            to: first_value(bytes, head_start, Name::To)?,
            from: b"",
            route: b"",
        }),
        StartLine::Request(line) => peek_way(bytes, head_start, line),
        StartLine::Response { .. } => {
            let via = Elements::of(first_value(bytes, head_start, Name::Via)?).next()?;
            Some(Peek::Response {
                branch: Via::parse(via).ok()?.branch()?,
            })
        }
    }
}

/// What decides the way of a request that is no REGISTER, in one pass over its head.
fn peek_way<'a>(bytes: &'a [u8], head_start: usize, line: RequestLine<'a>) -> Option<Peek<'a>> {
    let (mut to, mut from, mut route) = (None, None, None);
    let mut fields = Fields::new(bytes, head_start);
    while let Next::Field(field) = fields.next().ok()? {
        let place = match field.name {
            Name::To => &mut to,
            Name::From => &mut from,
            Name::Route => &mut route,
            _ => continue,
        };
        if place.is_none() {
            *place = bytes.get(field.value_start..field.value_end);
        }
    }
    Some(Peek::Request {
        method: line.method,
        request_uri: line.uri,
        to: to?,
        from: from.unwrap_or_default(),
        route: route.unwrap_or_default(),
    })
}

fn first_value(bytes: &[u8], head_start: usize, name: Name) -> Option<&[u8]> {
    let mut fields = Fields::new(bytes, head_start);
    while let Next::Field(field) = fields.next().ok()? {
        if field.name == name {
            return bytes.get(field.value_start..field.value_end);
        }
    }
    None
}

/// A message starts with a token and a space, or with `SIP/`.
fn classify_text(text: &[u8]) -> Datagram {
    let token = text.iter().take_while(|byte| is_token(**byte)).count();
    let response = text
        .get(..4)
        .is_some_and(|start| start.eq_ignore_ascii_case(b"SIP/"));
    if response || text.get(token) == Some(&b' ') {
        Datagram::Sip
    } else {
        Datagram::Junk(JunkReason::NoStartLine)
    }
}

/// Two zero bits, a length that is a multiple of four, and the magic cookie.
fn is_stun(bytes: &[u8]) -> bool {
    match bytes {
        [0..=0x3F, _, _, low, 0x21, 0x12, 0xA4, 0x42, ..] => bytes.len() >= 20 && low % 4 == 0,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keepalives_are_told_from_messages() {
        for bytes in [
            &b""[..],
            b"\r\n",
            b"\r\n\r\n",
            b"\0",
            b"\0\0\0\0",
            b"\n",
            b"\r\n\0",
        ] {
            assert_eq!(classify(bytes), Datagram::KeepAlive, "{bytes:?}");
        }
        assert_eq!(
            classify(b"\r\n\r\nOPTIONS sip:a SIP/2.0\r\n"),
            Datagram::Sip
        );
        assert_eq!(classify(b"SIP/2.0 200 OK\r\n"), Datagram::Sip);
        assert_eq!(classify(b"sip/2.0 200 OK\r\n"), Datagram::Sip);
    }

    #[test]
    fn stun_has_its_cookie() {
        let mut request = [0_u8; 20];
        request[1] = 1;
        request[4..8].copy_from_slice(&[0x21, 0x12, 0xA4, 0x42]);
        assert_eq!(classify(&request), Datagram::Stun);
        request[3] = 2;
        assert_eq!(classify(&request), Datagram::Junk(JunkReason::Binary));
        assert_eq!(classify(&request[..19]), Datagram::Junk(JunkReason::Binary));
    }

    #[test]
    fn junk_has_a_reason() {
        let junk = |bytes: &[u8]| match classify(bytes) {
            Datagram::Junk(reason) => reason.as_str(),
            other => panic!("{other:?}"),
        };
        assert_eq!(junk(b"\x16\x03\x01"), "binary data");
        assert_eq!(junk(b"hello\r\n"), "no SIP start line");
        assert_eq!(junk(&[b'a'; MAX_MESSAGE + 1]), "too long");
    }

    #[test]
    fn what_is_no_register_is_peeked_for_all_that_decides_its_way() {
        let text =
            b"BYE sip:h SIP/2.0\r\nRoute: <sip:r;lr>\r\nRoute: <sip:s;lr>\r\nt: <sip:a@h>\r\n\
            f: <sip:b@h>\r\n\r\n";
        assert_eq!(
            peek_route(text),
            Peek::Request {
                method: Method::Bye,
                request_uri: b"sip:h",
                to: b"<sip:a@h>",
                from: b"<sip:b@h>",
                route: b"<sip:r;lr>",
            }
        );
    }

    #[test]
    fn a_register_is_peeked_up_to_its_to() {
        let text = b"\r\nREGISTER sip:h SIP/2.0\r\nX: To: no\r\nTO :\r\n <sip:a@h>\r\nbroken";
        assert_eq!(
            peek_route(text),
            Peek::Request {
                method: Method::Register,
                request_uri: b"sip:h",
                to: b"<sip:a@h>",
                from: b"",
                route: b"",
            }
        );
        assert_eq!(
            peek_route(b"REGISTER sip:h SIP/2.0\r\n\r\nTo: x\r\n"),
            Peek::Nothing
        );
    }

    #[test]
    fn a_response_is_peeked_for_its_topmost_branch() {
        let text =
            b"SIP/2.0 200 OK\r\nv: SIP/2.0/UDP a;branch=z9hG4bK1, SIP/2.0/UDP b;branch=2\r\n\r\n";
        assert_eq!(
            peek_route(text),
            Peek::Response {
                branch: b"z9hG4bK1"
            }
        );
        assert_eq!(peek_route(b"SIP/2.0 200 OK\r\n\r\n"), Peek::Nothing);
        assert_eq!(peek_route(b"nonsense"), Peek::Nothing);
    }
}
