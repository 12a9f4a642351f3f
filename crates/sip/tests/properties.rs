//! What holds for every well-formed message, URI and list that can be made up.

use proptest::collection::vec;
use proptest::prelude::*;

use sip::aor::{AorBuf, UserCase, canonical, canonical_with};
use sip::escape::{escape_user_into, unescape_into};
use sip::header::contact::ContactAddr;
use sip::header::cseq::CSeq;
use sip::header::date;
use sip::header::list::Elements;
use sip::header::via::Via;
use sip::validate::{check_fields, check_request};
use sip::{Host, Message, Method, Name, Patch, Request, Span, Uri};

fn token() -> impl Strategy<Value = String> {
    "[A-Za-z0-9.!%*_+`'~-]{1,12}"
}

fn user() -> impl Strategy<Value = String> {
    "([A-Za-z0-9_.!~*'()&=+$,;?/-]|%[0-9a-fA-F]{2}){1,12}"
}

fn host() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-zA-Z][a-zA-Z0-9-]{0,8}(\\.[a-zA-Z]{1,4}){0,2}",
        any::<[u8; 4]>().prop_map(|octets| core::net::Ipv4Addr::from(octets).to_string()),
        any::<[u16; 8]>().prop_map(|groups| format!("[{}]", core::net::Ipv6Addr::from(groups))),
    ]
}

/// Few names and values, so that two URIs often share some.
fn params() -> impl Strategy<Value = String> {
    let param = (
        "(transport|lr|x|Y|user|maddr)",
        prop::option::of("(a|A|%41|udp)"),
    );
    vec(param, 0..4).prop_map(|params| {
        params
            .into_iter()
            .map(|(name, value)| match value {
                Some(value) => format!(";{name}={value}"),
                None => format!(";{name}"),
            })
            .collect()
    })
}

fn address() -> impl Strategy<Value = String> {
    let parts = (
        "(sip|sips|SIP)",
        prop::option::of(user()),
        host(),
        prop::option::of(1_u16..),
        params(),
    );
    parts.prop_map(|(scheme, user, host, port, params)| {
        let user = user.map(|user| format!("{user}@")).unwrap_or_default();
        let port = port.map(|port| format!(":{port}")).unwrap_or_default();
        format!("{scheme}:{user}{host}{port}{params}")
    })
}

fn uri() -> impl Strategy<Value = String> {
    let headers = prop::option::of("[?](a=1|b=2|a=%31)(&(a=1|b=2)){0,2}");
    (address(), headers).prop_map(|(address, headers)| address + &headers.unwrap_or_default())
}

/// The same URI written differently.
fn respelled(uri: &str) -> String {
    let escape = |byte: char| match byte {
        'a' => "%61".to_owned(),
        other => other.to_string(),
    };
    match uri.split_once('@') {
        Some((user, rest)) => {
            let (scheme, user) = user.split_once(':').unwrap();
            let user: String = if user.contains('%') {
                user.to_owned()
            } else {
                user.chars().map(escape).collect()
            };
            format!("{}:{user}@{rest}", scheme.to_uppercase())
        }
        None => uri.to_owned(),
    }
}

fn request() -> impl Strategy<Value = Vec<u8>> {
    let extra = vec((token(), "[ -~]{0,20}"), 0..50);
    let body = vec(any::<u8>(), 0..40);
    (address(), 0_u32..1 << 31, extra, body).prop_map(|(uri, cseq, extra, body)| {
        let mut out = Vec::new();
        let mut request = Request::new(&mut out, "REGISTER", uri);
        request.header("v", "SIP/2.0/UDP h.example;branch=z9hG4bKx");
        request.header("From", "<sip:a@b>;tag=1");
        request.header("To", "<sip:a@b>");
        request.header("Call-ID", "c");
        request.header("CSeq", format!("{cseq} REGISTER"));
        for (name, value) in &extra {
            request.header(&format!("X-{name}"), value);
        }
        request.finish(&body);
        out
    })
}

proptest! {
    #[test]
    fn what_is_built_parses_and_is_sound(bytes in request()) {
        let message = Message::parse(&bytes).unwrap();
        prop_assert_eq!(check_request(&message), Ok(()));
        prop_assert_eq!(check_fields(&message), Ok(()));
        prop_assert_eq!(message.bytes(), &bytes[..]);
        prop_assert_eq!(message.request().unwrap().method, Method::Register);
        let cseq = CSeq::parse(message.header(Name::CSeq).unwrap().value);
        prop_assert_eq!(cseq.unwrap().method, b"REGISTER");
    }

    #[test]
    fn a_patch_without_edits_changes_nothing(bytes in request()) {
        let message = Message::parse(&bytes).unwrap();
        let mut out = Vec::new();
        Patch::new(&message).write(&mut out);
        prop_assert_eq!(out, bytes);
    }

    #[test]
    fn a_patch_is_a_rebuild(
        bytes in request(),
        cuts in vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), "[a-z]{0,5}"), 0..6),
    ) {
        let message = Message::parse(&bytes).unwrap();
        let mut edits: Vec<(usize, usize, String)> = Vec::new();
        for (a, b, text) in cuts {
            let (a, b) = (a.index(bytes.len() + 1), b.index(bytes.len() + 1));
            let (start, end) = (a.min(b), a.max(b));
            if edits.iter().all(|edit| edit.1 < start || end < edit.0) {
                edits.push((start, end, text));
            }
        }
        let mut patch = Patch::new(&message);
        for (start, end, text) in &edits {
            patch.replace(Span { start: *start as u16, end: *end as u16 }, text);
        }
        let mut out = Vec::new();
        patch.write(&mut out);
        edits.sort();
        let mut expected = bytes;
        for (start, end, text) in edits.iter().rev() {
            expected.splice(start..end, text.bytes());
        }
        prop_assert_eq!(out, expected);
    }

    #[test]
    fn every_part_is_found_again_by_its_span(bytes in request()) {
        let message = Message::parse(&bytes).unwrap();
        for header in message.headers() {
            let span = message.span_of(header.value).unwrap();
            prop_assert_eq!(message.slice(span), header.value);
        }
        prop_assert_eq!(message.span_of(&bytes.clone()), None);
    }

    #[test]
    fn a_uri_is_equivalent_to_itself_however_it_is_written(text in uri()) {
        let again = respelled(&text);
        let (a, b) = (Uri::parse(text.as_bytes()).unwrap(), Uri::parse(again.as_bytes()).unwrap());
        prop_assert!(a.equivalent(&a) && a.equivalent(&b) && b.equivalent(&a), "{} {}", text, again);
    }

    #[test]
    fn equivalence_is_symmetric(a in uri(), b in uri()) {
        let (a, b) = (Uri::parse(a.as_bytes()).unwrap(), Uri::parse(b.as_bytes()).unwrap());
        prop_assert_eq!(a.equivalent(&b), b.equivalent(&a));
    }

    #[test]
    fn parameters_alone_decide_between_equal_addresses(a in params(), b in params()) {
        let (a, b) = (format!("sip:u@h{a}"), format!("sip:u@h{b}"));
        let (a, b) = (Uri::parse(a.as_bytes()).unwrap(), Uri::parse(b.as_bytes()).unwrap());
        prop_assert_eq!(a.equivalent(&b), b.equivalent(&a));
    }

    #[test]
    fn equivalent_uris_have_one_aor(text in uri()) {
        let again = respelled(&text);
        let (mut a, mut b) = (AorBuf::new(), AorBuf::new());
        canonical(&Uri::parse(text.as_bytes()).unwrap(), &mut a).unwrap();
        canonical(&Uri::parse(again.as_bytes()).unwrap(), &mut b).unwrap();
        prop_assert_eq!(&a, &b);
        let text = [b"sip:", a.as_slice()].concat();
        canonical_with(&Uri::parse(&text).unwrap(), UserCase::Keep, &mut b).unwrap();
        prop_assert_eq!(a, b);
    }

    #[test]
    fn hosts_are_addresses_exactly_when_four_octets_say_so(
        text in prop_oneof!["[0-9]{1,4}(\\.[0-9]{0,4}){2,4}", "[0-9a.-]{1,12}"],
    ) {
        let octets: Option<Vec<u8>> = text
            .split('.')
            .map(|part| (part.len() <= 3).then(|| part.parse().ok()).flatten())
            .collect();
        let numeric = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        let sound = !text.starts_with('.') && !text.contains("..");
        let expected = match octets {
            Some(octets) if octets.len() == 4 => format!("{}.{}.{}.{}", octets[0], octets[1], octets[2], octets[3]),
            _ if numeric || !sound => "none".to_owned(),
            _ => text.clone(),
        };
        let shown = Host::parse(text.as_bytes()).map_or_else(|_| "none".to_owned(), |host| host.to_string());
        prop_assert_eq!(&shown, &expected);
        let uri = format!("sip:{text}:0070;x");
        let shown = Uri::parse(uri.as_bytes()).map_or_else(|_| "none".to_owned(), |uri| format!("{}", uri.host));
        prop_assert_eq!(&shown, &expected);
    }

    #[test]
    fn plain_users_keep_their_bytes_in_the_aor(user in "[A-Za-z0-9_.!~*'()&=+$,;?/-]{1,20}") {
        let text = format!("sip:{user}@Example.COM");
        let mut aor = AorBuf::new();
        let uri = Uri::parse(text.as_bytes()).unwrap();
        for (case, expected) in [(UserCase::Keep, user.clone()), (UserCase::Fold, user.to_lowercase())] {
            canonical_with(&uri, case, &mut aor).unwrap();
            let expected = format!("{expected}@example.com").into_bytes();
            prop_assert_eq!(aor.as_slice(), expected);
        }
    }

    #[test]
    fn escaping_round_trips(bytes in vec(any::<u8>(), 0..40)) {
        let (mut escaped, mut back) = (Vec::new(), Vec::new());
        escape_user_into(bytes.iter().copied(), &mut escaped);
        unescape_into(&escaped, &mut back);
        prop_assert_eq!(back, bytes);
        prop_assert!(escaped.iter().all(|byte| byte.is_ascii_graphic() && *byte != b'@'));
    }

    #[test]
    fn lists_split_where_they_were_joined(
        elements in vec("[a-z](\"([a-z,<>]|\\\\\\\\|\\\\\")*\"|<[a-z,;\"]*>|[a-z;=]){0,4}", 0..6),
        separator in "[ \t]?,(\r\n )?",
    ) {
        let joined = elements.join(&separator);
        let split: Vec<_> = Elements::of(joined.as_bytes()).collect();
        let expected: Vec<_> = elements.iter().map(String::as_bytes).collect();
        prop_assert_eq!(split, expected);
    }

    #[test]
    fn values_gather_the_lists_of_all_fields(groups in vec(1_usize..4, 0..5)) {
        let via = "SIP/2.0/UDP h;branch=z9hG4bKx";
        let mut out = Vec::new();
        let mut request = Request::new(&mut out, "OPTIONS", "sip:a");
        for count in &groups {
            request.header("Via", vec![via; *count].join(" , "));
            request.header("To", "x, y");
        }
        request.finish(b"");
        let message = Message::parse(&out).unwrap();
        prop_assert_eq!(message.values(Name::Via).count(), groups.iter().sum::<usize>());
        prop_assert!(message.values(Name::Via).all(|value| Via::parse(value).is_ok()));
        prop_assert_eq!(message.headers_named(Name::Via).count(), groups.len());
    }

    #[test]
    fn contacts_keep_what_they_were_given(
        uri in uri(),
        expires in prop::option::of(any::<u32>()),
        reg_id in prop::option::of(1_u32..),
        instance in prop::option::of("urn:[a-z0-9:-]{1,20}"),
        reversed in any::<bool>(),
    ) {
        let mut params = Vec::new();
        params.extend(expires.map(|seconds| format!(";expires={seconds}")));
        params.extend(reg_id.map(|number| format!(" ; reg-id = {number}")));
        params.extend(instance.as_ref().map(|urn| format!(";+sip.instance=\"<{urn}>\"")));
        if reversed {
            params.reverse();
        }
        let text = format!("<{uri}>{}", params.concat());
        let contact = ContactAddr::parse(text.as_bytes()).unwrap();
        prop_assert_eq!(contact.addr.uri, uri.as_bytes());
        prop_assert_eq!(contact.expires.map(|expires| expires.0), expires);
        prop_assert_eq!(contact.reg_id, reg_id);
        prop_assert_eq!(contact.instance, instance.as_ref().map(String::as_bytes));
    }

    #[test]
    fn dates_round_trip(seconds in 0_u64..253_402_300_800) {
        prop_assert_eq!(date::parse(&date::format(seconds)), Ok(seconds));
    }
}
