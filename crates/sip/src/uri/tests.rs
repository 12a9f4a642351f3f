//! RFC 3261 §19.1.3 and §19.1.4, example by example, and what breaks.

use super::*;

fn uri(text: &str) -> Uri<'_> {
    Uri::parse(text.as_bytes()).unwrap()
}

fn assert_equivalent(expected: bool, pairs: &[(&str, &str)]) {
    for (a, b) in pairs {
        assert_eq!(uri(a).equivalent(&uri(b)), expected, "{a} and {b}");
        assert_eq!(uri(b).equivalent(&uri(a)), expected, "{b} and {a}");
    }
}

#[test]
fn a_uri_has_all_its_parts() {
    let uri = uri("sips:alice:se%20cret@[2001:db8::1]:5061;transport=TCP;lr?Subject=x&Priority=y");
    assert_eq!(uri.scheme, Scheme::Sips);
    assert_eq!(uri.user, Some(&b"alice"[..]));
    assert_eq!(uri.password, Some(&b"se%20cret"[..]));
    assert_eq!(uri.host.ip(), "2001:db8::1".parse().ok());
    assert_eq!(uri.port, Some(5061));
    assert_eq!(uri.transport(), Some(&b"TCP"[..]));
    assert_eq!(uri.param("LR"), Some(None));
    assert_eq!(uri.headers, Some(&b"Subject=x&Priority=y"[..]));
}

#[test]
fn the_user_part_may_hold_reserved_characters() {
    let uri = uri("sip:user;par=u%40example.net?x/y@example.com;a=b");
    assert_eq!(uri.user, Some(&b"user;par=u%40example.net?x/y"[..]));
    assert_eq!(uri.param("a"), Some(Some(&b"b"[..])));
    assert_eq!(uri.headers, None);
}

#[test]
fn a_port_and_a_group_of_an_address_are_not_confused() {
    assert_eq!(uri("sip:[2001:db8::10:5070]").port, None);
    assert_eq!(uri("sip:[2001:db8::10]:5070").port, Some(5070));
}

#[test]
fn tel_and_unknown_schemes_are_kept() {
    let tel = uri("tel:+1-555-1212;phone-context=example.com");
    assert_eq!(tel.scheme, Scheme::Tel);
    assert_eq!(tel.user, Some(&b"+1-555-1212"[..]));
    assert_eq!(
        uri("soap.beep://192.0.2.103:3002").scheme,
        Scheme::Other(b"SOAP.beep")
    );
}

#[test]
fn malformed_uris_are_refused() {
    for text in [
        "",
        "sip",
        "sip:",
        ":a@b",
        "1sip:a@b",
        "<sip:a@b>",
        "sip:@b",
        "sip:a@",
        "sip:a@b@c",
        "sip:a b@c",
        "sip:a%2@b",
        "sip:a%gg@b",
        "sip:a@b:",
        "sip:a@b:70000",
        "sip:a@b:x",
        "sip:2001:db8::10",
        "sip:a@b c",
        "sip:a@b;x=\"y\"",
        "sip:a@b;x y",
        "sip:a@b?",
        "sip:a@b?x=%",
        "foo:",
        "foo:a b",
        "tel:",
        "tel:xyz",
    ] {
        assert!(Uri::parse(text.as_bytes()).is_err(), "{text}");
    }
}

#[test]
fn an_overlong_uri_is_refused() {
    let text = format!("sip:{}@b", "a".repeat(MAX_URI));
    let error = Uri::parse(text.as_bytes()).unwrap_err();
    assert_eq!(error.kind, ParseErrorKind::UriTooLong);
}

#[test]
fn rfc_3261_says_these_are_equivalent() {
    assert_equivalent(
        true,
        &[
            (
                "sip:%61lice@atlanta.com;transport=TCP",
                "sip:alice@AtLanTa.CoM;Transport=tcp",
            ),
            ("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"),
            ("sip:carol@chicago.com", "sip:carol@chicago.com;security=on"),
            (
                "sip:carol@chicago.com;newparam=5",
                "sip:carol@chicago.com;security=on",
            ),
            (
                "sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
                "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com",
            ),
            (
                "sip:alice@atlanta.com?subject=project%20x&priority=urgent",
                "sip:alice@atlanta.com?priority=urgent&subject=project%20x",
            ),
        ],
    );
}

#[test]
fn rfc_3261_says_these_are_not() {
    assert_equivalent(
        false,
        &[
            (
                "SIP:ALICE@AtLanTa.CoM;Transport=udp",
                "sip:alice@AtLanTa.CoM;Transport=UDP",
            ),
            ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"),
            ("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"),
            (
                "sip:bob@biloxi.com",
                "sip:bob@biloxi.com:6000;transport=tcp",
            ),
            (
                "sip:carol@chicago.com",
                "sip:carol@chicago.com?Subject=next%20meeting",
            ),
            ("sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4"),
            (
                "sip:carol@chicago.com;security=on",
                "sip:carol@chicago.com;security=off",
            ),
        ],
    );
}

#[test]
fn equivalence_is_not_transitive() {
    let plain = uri("sip:carol@chicago.com");
    let (on, off) = (
        uri("sip:carol@chicago.com;security=on"),
        uri("sip:carol@chicago.com;security=off"),
    );
    assert!(plain.equivalent(&on) && plain.equivalent(&off));
    assert!(!on.equivalent(&off));
}

#[test]
fn some_parameters_are_never_ignored() {
    for param in [
        "transport=udp",
        "user=ip",
        "ttl=1",
        "method=INVITE",
        "maddr=239.255.255.1",
    ] {
        assert_equivalent(false, &[("sip:a@b", &format!("sip:a@b;{param}"))]);
    }
}

#[test]
fn scheme_and_userinfo_count() {
    assert_equivalent(
        false,
        &[
            ("sip:a@b", "sips:a@b"),
            ("sip:a@b", "sip:b"),
            ("sip:a:x@b", "sip:a@b"),
            ("sip:a:x@b", "sip:a:y@b"),
            ("sip:a%3Bb@c", "sip:a;b@c"),
            ("sip:a@b;x", "sip:a@b;x=1"),
            ("tel:112", "sip:112@b"),
        ],
    );
}

#[test]
fn tel_numbers_compare_without_separators() {
    assert_equivalent(true, &[("tel:+1-555-1212", "TEL:+1(555)1212")]);
    assert_equivalent(
        false,
        &[
            ("tel:+15551212", "tel:15551212"),
            ("tel:7042;phone-context=a.com", "tel:7042"),
        ],
    );
}

#[test]
fn a_repeated_parameter_does_not_make_a_uri_differ_from_itself() {
    assert_equivalent(
        true,
        &[
            ("sip:a@b;x=1;x=2", "sip:a@b;x=1;x=2"),
            ("sip:a@b;x=1;x=2", "sip:a@b;x=1;y;x=3"),
        ],
    );
}

#[test]
fn many_parameters_are_equal_only_as_text() {
    let many = format!("sip:a@b{}", ";p=1".repeat(MAX_COMPARED + 1));
    let more = format!("{many};q");
    assert_equivalent(true, &[(&many, &many)]);
    assert_equivalent(false, &[(&many, &more)]);
}
