//! Framing, indexing and the ways to ask for header fields.

use super::*;

const REGISTER: &str = "REGISTER sip:h.org SIP/2.0\r\n\
    v: SIP/2.0/UDP one;branch=z9hG4bK1\r\n\
    From: <sip:a@h.org>;tag=1\r\n\
    Contact: <sip:a@1.2.3.4>,\r\n\t<sip:a@5.6.7.8>;q=0.1\r\n\
    X-Odd  :  kept as  it is \r\n\
    VIA: SIP/2.0/UDP two, SIP/2.0/UDP three\r\n\
    Subject:\r\n\
    m: \"c,d\" <sip:e>\r\n\
    Content-Length: 4\r\n\
    \r\n\
    bodyGARBAGE";

fn parse(text: &str) -> Message<'_> {
    Message::parse(text.as_bytes()).unwrap()
}

fn failure(text: &str) -> Option<ParseErrorKind> {
    Message::parse(text.as_bytes())
        .err()
        .map(|error| error.kind)
}

fn lapse(text: &str) -> Option<ParseErrorKind> {
    parse(text).lapse().map(|lapse| lapse.kind)
}

fn text(bytes: &[u8]) -> &str {
    core::str::from_utf8(bytes).unwrap()
}

#[test]
fn header_fields_are_found_by_name_in_order() {
    let message = parse(REGISTER);
    assert_eq!(
        text(message.header(Name::Via).unwrap().value),
        "SIP/2.0/UDP one;branch=z9hG4bK1"
    );
    let vias: Vec<_> = message.values(Name::Via).map(text).collect();
    assert_eq!(
        vias,
        [
            "SIP/2.0/UDP one;branch=z9hG4bK1",
            "SIP/2.0/UDP two",
            "SIP/2.0/UDP three"
        ]
    );
    let contacts: Vec<_> = message.values(Name::Contact).map(text).collect();
    assert_eq!(
        contacts,
        [
            "<sip:a@1.2.3.4>",
            "<sip:a@5.6.7.8>;q=0.1",
            "\"c,d\" <sip:e>"
        ]
    );
    assert_eq!(message.headers_named(Name::Contact).count(), 2);
    assert_eq!(message.headers().count(), 8);
    assert!(message.header(Name::To).is_none() && !message.has(Name::To));
}

#[test]
fn unknown_names_keep_their_spelling() {
    let message = parse(REGISTER);
    let odd = message.header_by_text(b"x-odd").unwrap();
    assert_eq!(
        (odd.name, text(odd.name_text), text(odd.value)),
        (Name::Other, "X-Odd", "kept as  it is")
    );
    assert_eq!(
        text(message.slice(odd.line)),
        "X-Odd  :  kept as  it is \r\n"
    );
    assert_eq!(message.header_by_text(b"subject").unwrap().value, b"");
    assert!(message.header_by_text(b"x").is_none());
}

#[test]
fn a_folded_field_is_one_field() {
    let message = parse(REGISTER);
    let contact = message.header(Name::Contact).unwrap();
    assert!(text(message.slice(contact.line)).ends_with("q=0.1\r\n"));
    assert!(text(contact.value).contains("\r\n\t"));
}

#[test]
fn content_length_cuts_the_body() {
    let message = parse(REGISTER);
    assert_eq!(message.body(), b"body");
    assert_eq!(message.framing(), Framing::Declared);
    assert!(message.bytes().ends_with(b"\r\n\r\nbody"));
    assert_eq!(message.bytes().len(), usize::from(message.head_end()) + 6);
    assert_eq!(message.lapse(), None);
}

#[test]
fn without_content_length_the_body_reaches_to_the_end() {
    let message = parse("SIP/2.0 200 OK\r\nTo: x\r\n\r\nall of it");
    assert_eq!(message.framing(), Framing::ToEnd);
    assert_eq!(message.body(), b"all of it");
    assert_eq!((message.status(), message.request()), (Some(200), None));
}

#[test]
fn a_wrong_content_length_is_a_lapse_not_an_error() {
    let with = |length: &str| format!("BYE sip:a SIP/2.0\r\nl: {length}\r\n\r\nbody");
    assert_eq!(lapse(&with("5")), Some(ParseErrorKind::BodyTooShort));
    assert_eq!(parse(&with("5")).framing(), Framing::Truncated);
    for bad in ["-1", "", "4x", "99999999999999999999"] {
        assert_eq!(
            lapse(&with(bad)),
            Some(ParseErrorKind::BadContentLength),
            "{bad}"
        );
        assert_eq!(parse(&with(bad)).framing(), Framing::Malformed);
        assert_eq!(parse(&with(bad)).body(), b"body");
    }
}

#[test]
fn leading_line_breaks_are_skipped() {
    let message = parse("\r\n\r\nBYE sip:a SIP/2.0\r\nTo: x\r\n\r\n");
    assert!(message.bytes().starts_with(b"BYE"));
    assert_eq!(message.header(Name::To).unwrap().line.start, 19);
}

#[test]
fn broken_fields_and_a_missing_end_are_lapses() {
    for line in ["no colon", ": no name", "spaced name: x", "\u{e9}: x"] {
        let message = format!("BYE sip:a SIP/2.0\r\n{line}\r\nTo: x\r\n\r\n");
        assert_eq!(
            lapse(&message),
            Some(ParseErrorKind::BadHeaderField),
            "{line}"
        );
        assert!(parse(&message).has(Name::To));
    }
    for end in ["", "\r\nTo: x", "\r\nTo: x\r\n"] {
        let message = format!("BYE sip:a SIP/2.0{end}");
        assert_eq!(
            lapse(&message),
            Some(ParseErrorKind::MissingEmptyLine),
            "{end:?}"
        );
        assert_eq!(parse(&message).body(), b"");
    }
}

#[test]
fn a_lone_cr_or_lf_cannot_smuggle_a_field() {
    for smuggled in ["x\nContact: y", "x\rContact: y", "x\n\r\n", "x\r\r\n"] {
        let message = format!("BYE sip:a SIP/2.0\r\nTo: {smuggled}\r\n\r\n");
        assert_eq!(
            failure(&message),
            Some(ParseErrorKind::BareLineBreak),
            "{smuggled:?}"
        );
    }
    assert_eq!(
        failure("BYE sip:a SIP/2.0\n\n"),
        Some(ParseErrorKind::BareLineBreak)
    );
}

#[test]
fn bounds_are_enforced() {
    let many = |count| format!("BYE sip:a SIP/2.0\r\n{}\r\n", "A: b\r\n".repeat(count));
    assert_eq!(parse(&many(MAX_HEADERS)).headers().count(), MAX_HEADERS);
    assert_eq!(
        failure(&many(MAX_HEADERS + 1)),
        Some(ParseErrorKind::TooManyHeaders)
    );
    let long = format!("BYE sip:a SIP/2.0\r\nA: {}\r\n\r\n", "b".repeat(20_000));
    assert_eq!(failure(&long), Some(ParseErrorKind::HeaderTooLong));
    let line = format!("BYE sip:{} SIP/2.0\r\n\r\n", "b".repeat(10_000));
    assert_eq!(failure(&line), Some(ParseErrorKind::StartLineTooLong));
    assert_eq!(
        failure(&"x".repeat(MAX_MESSAGE + 1)),
        Some(ParseErrorKind::MessageTooLong)
    );
    assert_eq!(failure("\r\n\r\n"), Some(ParseErrorKind::Empty));
}

#[test]
fn the_largest_message_can_be_addressed() {
    let head = "BYE sip:a SIP/2.0\r\nTo: x\r\n\r\n";
    let message = format!("{head}{}", "b".repeat(MAX_MESSAGE - head.len()));
    let message = parse(&message);
    assert_eq!(message.bytes().len(), MAX_MESSAGE);
    let span = message.span_of(message.body()).unwrap();
    assert_eq!(
        (usize::from(span.end), usize::from(span.start)),
        (MAX_MESSAGE, head.len())
    );
}

#[test]
fn the_last_of_many_fields_is_found_at_once() {
    let message = format!(
        "BYE sip:a SIP/2.0\r\n{}To: x\r\n\r\n",
        "A: b\r\n".repeat(MAX_HEADERS - 1)
    );
    let message = parse(&message);
    assert_eq!(message.header(Name::To).unwrap().value, b"x");
    assert_eq!(message.headers_named(Name::To).count(), 1);
}

#[test]
fn only_slices_of_the_message_have_a_span() {
    let message = parse(REGISTER);
    let line = message.request().unwrap();
    assert_eq!(
        message.span_of(line.method_text),
        Some(Span { start: 0, end: 8 })
    );
    assert_eq!(message.span_of(b"REGISTER"), None);
    let whole = REGISTER.as_bytes();
    assert_eq!(message.span_of(&whole[whole.len() - 3..]), None);
    assert_eq!(
        message.slice(Span {
            start: 5,
            end: 60_000
        }),
        b""
    );
}
