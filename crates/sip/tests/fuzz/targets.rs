//! What must hold for any bytes at all. Shared by the bounded test run and by the fuzzer.

use sip::aor::{AorBuf, canonical};
use sip::header::allow::Allow;
use sip::header::auth::{Challenge, Credentials};
use sip::header::contact::Contact;
use sip::header::cseq::CSeq;
use sip::header::date;
use sip::header::expires::DeltaSeconds;
use sip::header::feature_caps::FeatureCaps;
use sip::header::list::Elements;
use sip::header::max_forwards::MaxForwards;
use sip::header::name_addr::NameAddr;
use sip::header::option_tags::OptionTags;
use sip::header::q_value::QValue;
use sip::header::retry_after::RetryAfter;
use sip::header::route::Route;
use sip::header::user_agent::UserAgent;
use sip::header::via::Via;
use sip::scan::{Datagram, Peek, classify, peek_route};
use sip::stream::{Frame, Framer};
use sip::validate::{check_fields, check_request, check_response};
use sip::{Framing, Message, Name, Params, Patch, Response, Span, StartLine, Uri};

/// A message that parses is made of its parts and nothing else.
pub(crate) fn message(bytes: &[u8]) {
    let Ok(message) = Message::parse(bytes) else {
        return;
    };
    let mut at = message.headers().next().map(|header| header.line.start);
    for header in message.headers() {
        assert_eq!(Some(header.line.start), at, "fields follow one another");
        let line = message.slice(header.line);
        let inside = Message::span_of(&message, header.value).unwrap();
        assert!(header.line.start <= inside.start && inside.end <= header.line.end);
        assert!(line.starts_with(header.name_text));
        assert_eq!(
            message.header(header.name).map(|first| first.name),
            Some(header.name)
        );
        at = Some(header.line.end);
    }
    if let Some(end) = at {
        assert_eq!(end, message.head_end());
    }
    let tail = message.bytes().len() - usize::from(message.head_end());
    assert!(message.body().len() == tail || message.body().len() + 2 == tail);
    assert!(
        bytes
            .windows(message.bytes().len())
            .any(|window| window == message.bytes())
    );
    assert_ne!(classify(bytes), Datagram::KeepAlive);
    let fault = match message.start_line() {
        StartLine::Request(_) => check_request(&message),
        StartLine::Response { .. } => check_response(&message),
    };
    assert!(fault.is_err() || message.has(Name::CallId));
    let _ = check_fields(&message);
    answer(&message);
}

/// Whatever was received, a response to it parses.
fn answer(request: &Message<'_>) {
    let mut out = Vec::new();
    let from = "192.0.2.1:5060".parse::<core::net::SocketAddr>().unwrap();
    let mut response = Response::new(&mut out, 400, "Bad Request");
    response.vias_from(request, Some(from.into()));
    response.copy(request, Name::From);
    response.to_with_tag(request, b"t");
    response.copy(request, Name::CallId);
    response.copy(request, Name::CSeq);
    response.finish(b"");
    if let Ok(response) = Message::parse(&out) {
        assert_eq!(response.status(), Some(400));
        assert_eq!(response.framing(), Framing::Declared);
        assert_eq!(response.lapse(), None);
    } else {
        assert!(out.len() > sip::limits::MAX_MESSAGE || request.headers().count() > 250);
    }
}

/// A patch does what rebuilding the message by hand does.
pub(crate) fn patch(bytes: &[u8]) {
    let Ok(message) = Message::parse(bytes) else {
        return;
    };
    let rest = &message.bytes()[usize::from(message.head_end())..];
    if !rest.starts_with(b"\r\n") {
        // Without an empty line there is no place to append a field.
        return;
    }
    let mut patch = Patch::new(&message);
    let mut expected = Vec::new();
    let first = message
        .headers()
        .next()
        .map_or_else(|| message.head_end(), |header| header.line.start);
    expected.extend_from_slice(message.slice(Span {
        start: 0,
        end: first,
    }));
    patch.insert_header(message.head_end(), "X-Last", "1");
    for (index, header) in message.headers().enumerate() {
        let value = message.span_of(header.value).unwrap();
        let around = |start, end| message.slice(Span { start, end });
        match (index + bytes.len()) % 4 {
            0 => patch.remove_header(&header),
            1 => {
                patch.replace_value(&header, "new");
                expected.extend_from_slice(around(header.line.start, value.start));
                expected.extend_from_slice(b"new");
                expected.extend_from_slice(around(value.end, header.line.end));
            }
            2 => {
                patch.insert(header.line.start, "Y: 2\r\n");
                expected.extend_from_slice(b"Y: 2\r\n");
                expected.extend_from_slice(message.slice(header.line));
            }
            _ => expected.extend_from_slice(message.slice(header.line)),
        }
    }
    expected.extend_from_slice(b"X-Last: 1\r\n");
    expected.extend_from_slice(rest);
    let mut out = Vec::new();
    patch.write(&mut out);
    assert_eq!(
        out.escape_ascii().to_string(),
        expected.escape_ascii().to_string()
    );
}

/// A URI equals itself, and its AoR is canonical.
pub(crate) fn uri(bytes: &[u8]) {
    let Ok(uri) = Uri::parse(bytes) else {
        return;
    };
    assert!(uri.equivalent(&uri));
    let mut aor = AorBuf::new();
    if canonical(&uri, &mut aor).is_err() {
        return;
    }
    let text = [b"sip:", aor.as_slice()].concat();
    if text.len() > sip::limits::MAX_URI {
        return;
    }
    let again = Uri::parse(&text).unwrap();
    let mut second = AorBuf::new();
    canonical(&again, &mut second).unwrap();
    assert_eq!(aor, second);
}

/// Two URIs are equivalent in both directions or in none.
pub(crate) fn uri_pair(bytes: &[u8]) {
    let (a, b) = bytes.split_at(bytes.len() / 2);
    if let (Ok(a), Ok(b)) = (Uri::parse(a), Uri::parse(b)) {
        assert_eq!(a.equivalent(&b), b.equivalent(&a));
    }
}

/// Every typed header takes every value, and what it keeps is a part of it.
pub(crate) fn headers(bytes: &[u8]) {
    let inside = |part: &[u8]| part.len() <= bytes.len();
    for element in Elements::of(bytes) {
        assert!(!element.is_empty() && inside(element));
    }
    for param in Params::new(bytes).iter() {
        assert!(!param.name.is_empty() && inside(param.unquoted()));
    }
    if let Ok(via) = Via::parse(bytes) {
        assert_eq!(via.branch(), via.params.get("branch").flatten());
        assert_eq!(via.rport().is_some(), via.params.contains("rport"));
        assert!(inside(via.host_text));
    }
    if let Ok(address) = NameAddr::parse(bytes) {
        assert_eq!(address.tag(), address.param("tag").flatten());
        assert!(!address.uri.is_empty());
    }
    if let Ok(Contact::Addr(contact)) = Contact::parse(bytes) {
        assert!(contact.expires.is_none() || !contact.expires_malformed());
    }
    if let Ok(cseq) = CSeq::parse(bytes) {
        assert!(cseq.number < 1 << 31);
    }
    if let Ok(seconds) = date::parse(bytes) {
        assert_eq!(date::parse(&date::format(seconds)), Ok(seconds));
    }
    if let Ok(q) = QValue::parse(bytes) {
        assert!(q <= QValue::ONE);
    }
    if let Ok(tags) = OptionTags::parse(bytes) {
        assert_eq!(tags.iter().count(), Elements::of(bytes).count());
    }
    let _ = (
        Route::parse(bytes),
        Allow::parse(bytes),
        UserAgent::parse(bytes),
    );
    let _ = (
        Credentials::parse(bytes),
        Challenge::parse(bytes),
        FeatureCaps::parse(bytes),
    );
    let _ = (
        DeltaSeconds::parse(bytes),
        MaxForwards::parse(bytes),
        RetryAfter::parse(bytes),
    );
}

/// The quick look sees what the full parse sees.
pub(crate) fn peek(bytes: &[u8]) {
    let seen = peek_route(bytes);
    let Ok(message) = Message::parse(bytes) else {
        return;
    };
    let first = |name| message.header(name).map(|header| header.value);
    let expected = match message.request() {
        Some(line) => first(Name::To).map(|to| {
            let decides = |name| match line.method {
                sip::Method::Register => &b""[..],
                _ => first(name).unwrap_or_default(),
            };
            Peek::Request {
                method: line.method,
                request_uri: line.uri,
                to,
                from: decides(Name::From),
                route: decides(Name::Route),
            }
        }),
        None => first(Name::Via)
            .and_then(|via| Elements::of(via).next())
            .and_then(|via| Via::parse(via).ok()?.branch())
            .map(|branch| Peek::Response { branch }),
    };
    assert_eq!(seen, expected.unwrap_or(Peek::Nothing));
}

/// Frames do not depend on the pieces in which a stream arrives.
pub(crate) fn stream(bytes: &[u8]) {
    let step = usize::from(bytes.first().copied().unwrap_or(0)) + 1;
    assert_eq!(frames(bytes, step), frames(bytes, 1));
}

fn frames(bytes: &[u8], step: usize) -> Vec<Frame> {
    let mut framer = Framer::new();
    let (mut start, mut seen) = (0, Vec::new());
    let mut received = 0;
    while received < bytes.len() {
        received = bytes.len().min(received + step);
        loop {
            let frame = framer.next(&bytes[start..received]);
            match frame {
                Frame::Incomplete => break,
                Frame::Broken(_) => return seen,
                Frame::Ping(len) | Frame::Pong(len) | Frame::Message(len) => {
                    assert!(len > 0 && start + len <= received);
                    start += len;
                    seen.push(frame);
                }
            }
        }
    }
    seen
}
