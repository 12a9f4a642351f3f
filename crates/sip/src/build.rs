//! `Response` and `Request`: new messages, written straight into a buffer.
//!
//! A builder appends: start line first, then header fields in the order of the calls, and
//! [`Builder::finish`] writes Content-Length, the empty line and the body. Nothing is allocated
//! besides what the buffer itself needs.

use core::marker::PhantomData;
use core::net::{IpAddr, SocketAddr};

use crate::charset::is_space;
use crate::header::list::Elements;
use crate::header::name::Name;
use crate::header::name_addr::NameAddr;
use crate::header::via::Via;
use crate::message::Message;
use crate::number::{push_decimal, push_ip};

/// Writes one message to the end of a buffer.
#[derive(Debug)]
#[must_use = "a message is complete only after `finish`"]
pub struct Builder<'o, Kind> {
    out: &'o mut Vec<u8>,
    kind: PhantomData<Kind>,
}

/// Marks a [`Builder`] of requests.
#[derive(Debug)]
pub enum RequestKind {}

/// Marks a [`Builder`] of responses.
#[derive(Debug)]
pub enum ResponseKind {}

/// Writes a request.
pub type Request<'o> = Builder<'o, RequestKind>;

/// Writes a response.
pub type Response<'o> = Builder<'o, ResponseKind>;

/// Where a request really came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReceivedFrom {
    /// The source address.
    pub ip: IpAddr,
    /// The source port.
    pub port: u16,
}

impl From<SocketAddr> for ReceivedFrom {
    fn from(address: SocketAddr) -> Self {
        Self {
            ip: address.ip().to_canonical(),
            port: address.port(),
        }
    }
}

impl<'o> Request<'o> {
    /// Starts a request with its request line.
    pub fn new(out: &'o mut Vec<u8>, method: &str, uri: impl AsRef<[u8]>) -> Self {
        out.extend_from_slice(method.as_bytes());
        out.push(b' ');
        out.extend_from_slice(uri.as_ref());
        out.extend_from_slice(b" SIP/2.0\r\n");
        Self {
            out,
            kind: PhantomData,
        }
    }
}

impl<'o> Response<'o> {
    /// Starts a response with its status line.
    pub fn new(out: &'o mut Vec<u8>, status: u16, reason: &str) -> Self {
        out.extend_from_slice(b"SIP/2.0 ");
        push_decimal(out, u64::from(status));
        out.push(b' ');
        out.extend_from_slice(reason.as_bytes());
        out.extend_from_slice(b"\r\n");
        Self {
            out,
            kind: PhantomData,
        }
    }

    /// Copies all Vias of the request (RFC 3261 §8.2.6.2). With `received`, the topmost one says
    /// where the request came from: `received` where RFC 3261 §18.2.1 wants it, `rport` and
    /// `received` where RFC 3581 §4 does. What the sender claimed in their place is left out.
    pub fn vias_from(&mut self, request: &Message<'_>, received: Option<ReceivedFrom>) {
        push_vias(self.out, request, received);
    }

    /// As [`Self::vias_from`], for a topmost Via that has been read already.
    pub fn vias_of(&mut self, request: &Message<'_>, top: &Via<'_>, received: ReceivedFrom) {
        let mut unstamped = Some(top);
        for header in request.headers_named(Name::Via) {
            self.name(Name::Via.as_str());
            // The topmost element ends where its parameters end; empty ones may stand before it.
            let parts = unstamped.take().and_then(|top| {
                let empty = |byte: &u8| *byte == b',' || is_space(*byte);
                let start = header.value.iter().position(|byte| !empty(byte))?;
                let end = end_within(header.value, top.params.as_bytes());
                let (element, rest) = header.value.split_at_checked(end)?;
                Some((element.get(start..)?, rest))
            });
            match parts {
                Some((element, rest)) => {
                    push_stamped(self.out, element, top, received);
                    self.out.extend_from_slice(rest);
                }
                None => self.out.extend_from_slice(header.value),
            }
            self.end_line();
        }
    }

    /// Copies the To of the request and gives it a tag if it has none (RFC 3261 §8.2.6.2).
    pub fn to_with_tag(&mut self, request: &Message<'_>, tag: &[u8]) {
        let Some(to) = request.header(Name::To) else {
            return;
        };
        self.name(Name::To.as_str());
        self.out.extend_from_slice(to.value);
        // A To that nobody can read goes back as it came.
        if NameAddr::parse(to.value).is_ok_and(|address| address.tag().is_none()) {
            self.out.extend_from_slice(b";tag=");
            self.out.extend_from_slice(tag);
        }
        self.end_line();
    }
}

impl<Kind> Builder<'_, Kind> {
    /// Copies all header fields of that name, under the name's usual spelling.
    pub fn copy(&mut self, from: &Message<'_>, name: Name) {
        for header in from.headers_named(name) {
            let spelling = match name {
                Name::Other => header.name_text,
                known => known.as_str().as_bytes(),
            };
            let line = from.slice(header.line);
            if is_usual(line, spelling, header.value) {
                self.out.extend_from_slice(line);
                continue;
            }
            self.out.extend_from_slice(spelling);
            self.out.extend_from_slice(b": ");
            self.out.extend_from_slice(header.value);
            self.end_line();
        }
    }

    /// Adds a header field.
    pub fn header(&mut self, name: &str, value: impl AsRef<[u8]>) {
        self.header_with(name, |out| out.extend_from_slice(value.as_ref()));
    }

    /// Adds a header field whose value is what `write` appends.
    pub fn header_with(&mut self, name: &str, write: impl FnOnce(&mut Vec<u8>)) {
        self.name(name);
        write(self.out);
        self.end_line();
    }

    /// Adds a header field with a number.
    pub fn header_number(&mut self, name: &str, value: u64) {
        self.header_with(name, |out| push_decimal(out, value));
    }

    /// Adds header fields that are written out already, line ends included.
    pub fn lines(&mut self, lines: &[u8]) {
        debug_assert!(lines.is_empty() || lines.ends_with(b"\r\n"));
        self.out.extend_from_slice(lines);
    }

    /// Ends the message: Content-Length, the empty line and the body.
    pub fn finish(mut self, body: &[u8]) {
        self.header_number(Name::ContentLength.as_str(), body.len() as u64);
        self.out.extend_from_slice(b"\r\n");
        self.out.extend_from_slice(body);
    }

    fn name(&mut self, name: &str) {
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b": ");
    }

    fn end_line(&mut self) {
        self.out.extend_from_slice(b"\r\n");
    }
}

/// Whether `line`, which holds `value`, is what a builder would write.
fn is_usual(line: &[u8], name: &[u8], value: &[u8]) -> bool {
    line.len() == name.len() + value.len() + 4
        && line.ends_with(b"\r\n")
        && line
            .strip_prefix(name)
            .is_some_and(|rest| rest.starts_with(b": "))
}

/// Appends the Via header fields of a request, as [`Response::vias_from`] does.
pub fn push_vias(out: &mut Vec<u8>, request: &Message<'_>, received: Option<ReceivedFrom>) {
    let mut top = received;
    for header in request.headers_named(Name::Via) {
        out.extend_from_slice(b"Via: ");
        let from = top.take();
        let element = Elements::of(header.value).next();
        let stamped = from.zip(element).and_then(|(from, element)| {
            let via = Via::parse(element).ok()?;
            let rest_at = request.span_of(element)?.end - request.span_of(header.value)?.start;
            Some((from, element, via, usize::from(rest_at)))
        });
        match stamped {
            Some((from, element, via, rest_at)) => {
                push_stamped(out, element, &via, from);
                out.extend_from_slice(header.value.get(rest_at..).unwrap_or_default());
            }
            None => out.extend_from_slice(header.value),
        }
        out.extend_from_slice(b"\r\n");
    }
}

/// Where `part`, a piece of `whole`, ends in it.
fn end_within(whole: &[u8], part: &[u8]) -> usize {
    (part.as_ptr().addr() + part.len()).saturating_sub(whole.as_ptr().addr())
}

/// Appends a Via element that says where its request really came from; one that cannot be read
/// goes on as it is.
pub fn push_received_via(out: &mut Vec<u8>, element: &[u8], from: ReceivedFrom) {
    match Via::parse(element) {
        Ok(via) => push_stamped(out, element, &via, from),
        Err(_) => out.extend_from_slice(element),
    }
}

/// Appends a Via element with `received` and `rport` as they really are.
pub(crate) fn push_stamped(out: &mut Vec<u8>, element: &[u8], via: &Via<'_>, from: ReceivedFrom) {
    if !via.is_stamped() {
        out.extend_from_slice(element);
    } else {
        push_unstamped(out, element, via);
    }
    if via.rport().is_some() || via.host.ip() != Some(from.ip) {
        out.extend_from_slice(b";received=");
        push_ip(out, from.ip);
    }
    if via.rport().is_some() {
        out.extend_from_slice(b";rport=");
        push_decimal(out, u64::from(from.port));
    }
}

/// Appends a Via element without what its sender says about where it came from.
fn push_unstamped(out: &mut Vec<u8>, element: &[u8], via: &Via<'_>) {
    let head = element.len().saturating_sub(via.params.as_bytes().len());
    let mut params = via.params.iter();
    let (mut kept, mut end) = (0, head);
    while let Some(param) = params.next() {
        let start = end;
        end = head + params.at();
        if param.is("received") || param.is("rport") {
            out.extend_from_slice(element.get(kept..start).unwrap_or_default());
            kept = end;
        }
    }
    out.extend_from_slice(element.get(kept..).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(via: &str, to: &str) -> Vec<u8> {
        format!("REGISTER sip:h SIP/2.0\r\nv: {via}\r\nVia: SIP/2.0/TCP last\r\nTo: {to}\r\ni: c1\r\n\r\n")
            .into_bytes()
    }

    fn top_via(via: &str, from: &str) -> String {
        let text = request(via, "<sip:a@h>");
        let message = Message::parse(&text).unwrap();
        let from: SocketAddr = from.parse().unwrap();
        let mut out = Vec::new();
        let mut response = Response::new(&mut out, 200, "OK");
        response.vias_from(&message, Some(from.into()));
        response.finish(b"");
        let text = String::from_utf8(out).unwrap();
        let mut lines = text.lines().skip(1);
        let top = lines.next().unwrap().to_owned();
        assert_eq!(lines.next(), Some("Via: SIP/2.0/TCP last"));
        top
    }

    #[test]
    fn a_response_is_complete() {
        let text = request("SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1", "<sip:a@h>");
        let message = Message::parse(&text).unwrap();
        let mut out = b"before".to_vec();
        let mut response = Response::new(&mut out, 404, "Not Found");
        response.vias_from(&message, None);
        response.to_with_tag(&message, b"t1");
        response.copy(&message, Name::CallId);
        response.header("Server", "x");
        response.header_number("Expires", 60);
        response.finish(b"hi");
        let expected = "beforeSIP/2.0 404 Not Found\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\n\
            Via: SIP/2.0/TCP last\r\nTo: <sip:a@h>;tag=t1\r\nCall-ID: c1\r\nServer: x\r\nExpires: 60\r\n\
            Content-Length: 2\r\n\r\nhi";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn a_request_is_complete() {
        let mut out = Vec::new();
        let mut request = Request::new(&mut out, "OPTIONS", "sip:a@h");
        request.header_with("CSeq", |out| out.extend_from_slice(b"1 OPTIONS"));
        request.finish(b"");
        assert_eq!(
            out,
            b"OPTIONS sip:a@h SIP/2.0\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
        );
    }

    #[test]
    fn received_is_added_where_it_is_needed() {
        let from = "192.0.2.1:4000";
        assert_eq!(
            top_via("SIP/2.0/UDP 192.0.2.1;branch=b", from),
            "Via: SIP/2.0/UDP 192.0.2.1;branch=b"
        );
        assert_eq!(
            top_via("SIP/2.0/UDP h.org;branch=b", from),
            "Via: SIP/2.0/UDP h.org;branch=b;received=192.0.2.1"
        );
        assert_eq!(
            top_via("SIP/2.0/UDP 10.0.0.1;branch=b", "[2001:db8::1]:5060"),
            "Via: SIP/2.0/UDP 10.0.0.1;branch=b;received=2001:db8::1"
        );
        assert_eq!(
            top_via("SIP/2.0/UDP 192.0.2.1;branch=b", "[::ffff:192.0.2.1]:5060"),
            "Via: SIP/2.0/UDP 192.0.2.1;branch=b"
        );
    }

    #[test]
    fn a_via_that_was_read_is_stamped_like_one_that_was_not() {
        for via in [
            "SIP/2.0/UDP 192.0.2.1;rport;branch=b",
            " , SIP/2.0/UDP h ;branch=b ; rport = 1, SIP/2.0/UDP i;rport",
            "SIP/2.0/UDP [2001:db8::1]:5070",
            "SIP / 2.0 / TCP h:5070;received=6.6.6.6;x=\",;rport\"",
        ] {
            let text = request(via, "<sip:a@h>");
            let message = Message::parse(&text).unwrap();
            let from: SocketAddr = "192.0.2.1:4000".parse().unwrap();
            let top = Via::parse(message.values(Name::Via).next().unwrap()).unwrap();
            let (mut read, mut unread) = (Vec::new(), Vec::new());
            Response::new(&mut read, 200, "OK").vias_of(&message, &top, from.into());
            Response::new(&mut unread, 200, "OK").vias_from(&message, Some(from.into()));
            assert_eq!(
                read.escape_ascii().to_string(),
                unread.escape_ascii().to_string()
            );
        }
    }

    #[test]
    fn a_field_is_copied_in_its_usual_spelling() {
        let text =
            b"OPTIONS sip:h SIP/2.0\r\nCall-ID: a\r\ni:b \r\nCALL-ID: c\r\nCall-ID:  d\r\n\r\n";
        let message = Message::parse(text).unwrap();
        let mut out = Vec::new();
        Response::new(&mut out, 200, "OK").copy(&message, Name::CallId);
        let expected: &[u8] =
            b"SIP/2.0 200 OK\r\nCall-ID: a\r\nCall-ID: b\r\nCall-ID: c\r\nCall-ID: d\r\n";
        assert_eq!(out, expected);
    }

    #[test]
    fn rport_brings_received_with_it() {
        assert_eq!(
            top_via("SIP/2.0/UDP 192.0.2.1;rport;branch=b", "192.0.2.1:4000"),
            "Via: SIP/2.0/UDP 192.0.2.1;branch=b;received=192.0.2.1;rport=4000"
        );
    }

    #[test]
    fn claims_of_the_sender_are_left_out() {
        assert_eq!(
            top_via(
                "SIP/2.0/UDP 192.0.2.1 ; received=6.6.6.6;rport=1;x=\"y\" , SIP/2.0/UDP b",
                "192.0.2.1:4000"
            ),
            "Via: SIP/2.0/UDP 192.0.2.1 ;x=\"y\";received=192.0.2.1;rport=4000 , SIP/2.0/UDP b"
        );
    }

    #[test]
    fn a_tag_is_added_only_where_there_is_none() {
        let line = |to: &str| {
            let text = request("x", to);
            let message = Message::parse(&text).unwrap();
            let mut out = Vec::new();
            Response::new(&mut out, 200, "OK").to_with_tag(&message, b"new");
            String::from_utf8(out)
                .unwrap()
                .lines()
                .nth(1)
                .unwrap()
                .to_owned()
        };
        assert_eq!(line("sip:a@h;x"), "To: sip:a@h;x;tag=new");
        assert_eq!(line("<sip:a@h>;tag=old"), "To: <sip:a@h>;tag=old");
        assert_eq!(line("\"broken <sip:a@h>"), "To: \"broken <sip:a@h>");
    }
}
