//! One fault at a time in an otherwise sound message.

use super::*;

const SOUND: &str = "REGISTER sip:h.org SIP/2.0\r\n\
    Via: SIP/2.0/UDP h;branch=z9hG4bK1\r\n\
    From: <sip:a@h.org>;tag=1\r\n\
    To: <sip:a@h.org>\r\n\
    Call-ID: c1\r\n\
    CSeq: 7 REGISTER\r\n\
    Max-Forwards: 70\r\n\
    Contact: <sip:a@192.0.2.1>\r\n\
    Expires: 60\r\n\
    Content-Length: 0\r\n\
    \r\n";

/// What the sound request deserves once `old` in it has become `new`.
fn after(old: &str, new: &str) -> String {
    assert!(SOUND.contains(old), "{old}");
    let text = SOUND.replacen(old, new, 1);
    let message = Message::parse(text.as_bytes()).unwrap();
    match check_request(&message).and_then(|()| check_fields(&message)) {
        Ok(()) => "sound".to_owned(),
        Err(fault) => fault.to_string(),
    }
}

#[test]
fn a_sound_request_passes() {
    assert_eq!(after("", ""), "sound");
    assert_eq!(after("Max-Forwards: 70\r\n", ""), "sound");
    assert_eq!(after("Content-Length: 0\r\n", ""), "sound");
    assert_eq!(
        after("REGISTER sip:h.org", "REGISTER unknown:h.org"),
        "sound"
    );
}

#[test]
fn every_mandatory_field_is_missed() {
    for name in ["Via", "From", "To", "Call-ID", "CSeq"] {
        assert_eq!(
            after(&format!("{name}: "), "X-Gone: "),
            format!("400 Missing {name}")
        );
    }
}

#[test]
fn single_fields_occur_once() {
    for line in [
        "From: <sip:a@h.org>",
        "To: <sip:a@h.org>",
        "Call-ID: c1",
        "CSeq: 7 REGISTER",
        "Max-Forwards: 70",
        "Content-Length: 0",
        "Expires: 60",
    ] {
        let name = line.split(':').next().unwrap_or_default();
        let twice = format!("\r\n{line}\r\n{line}");
        assert_eq!(
            after(&format!("\r\n{line}"), &twice),
            format!("400 Repeated {name}")
        );
    }
    let via = "Via: SIP/2.0/UDP h;branch=z9hG4bK1\r\n";
    assert_eq!(after(via, &via.repeat(2)), "sound");
}

#[test]
fn the_cseq_is_checked() {
    assert_eq!(after("7 REGISTER", "7 INVITE"), "400 CSeq Method Mismatch");
    assert_eq!(
        after("7 REGISTER", "7 register"),
        "400 CSeq Method Mismatch"
    );
    assert_eq!(
        after("7 REGISTER", "2147483648 REGISTER"),
        "400 Number Too Large"
    );
    assert_eq!(after("7 REGISTER", "x REGISTER"), "400 Malformed CSeq");
}

#[test]
fn the_start_line_is_checked() {
    assert_eq!(
        after("SIP/2.0\r\nVia", "SIP/3.0\r\nVia"),
        "505 Version Not Supported"
    );
    assert_eq!(
        after("sip:h.org SIP", "sip:h.org?x=y SIP"),
        "400 Malformed URI Headers"
    );
    assert_eq!(
        after("sip:h.org SIP", "<sip:h.org> SIP"),
        "400 Malformed URI Scheme"
    );
    assert_eq!(
        after("sip:h.org SIP", " sip:h.org SIP"),
        "400 Superfluous White Space In Start Line"
    );
    let long = format!("sip:{}@h SIP", "u".repeat(MAX_URI));
    assert_eq!(after("sip:h.org SIP", &long), "414 Request-URI Too Long");
}

#[test]
fn the_version_comes_first() {
    let text = SOUND
        .replacen("SIP/2.0\r\n", "SIP/7.0\r\n", 1)
        .replacen("Call-ID", "X", 1);
    let fault = check_request(&Message::parse(text.as_bytes()).unwrap());
    assert_eq!(fault.map_err(|fault| fault.status), Err(505));
}

#[test]
fn the_fields_that_everybody_reads_are_parsed() {
    assert_eq!(
        after("SIP/2.0/UDP h;", "SIP/2.0/UDP h;;"),
        "400 Malformed Parameter"
    );
    assert_eq!(
        after("To: <sip:a@h.org>", "To: \"<sip:a@h.org>"),
        "400 Unbalanced Quotes"
    );
    assert_eq!(
        after("From: <sip:a@h.org>", "From: < sip:a@h.org>"),
        "400 Malformed URI Scheme"
    );
    assert_eq!(
        after("Forwards: 70", "Forwards: many"),
        "400 Malformed Number"
    );
    assert_eq!(
        after("<sip:a@192.0.2.1>", "sip:a@192.0.2.1?x=y"),
        "400 URI Needs Angle Brackets"
    );
    assert_eq!(after("<sip:a@192.0.2.1>", "*"), "sound");
}

#[test]
fn the_contact_of_other_requests_is_not_ours_to_judge() {
    let text = SOUND
        .replace("REGISTER", "INVITE")
        .replace("<sip:a@192.0.2.1>", "junk");
    let message = Message::parse(text.as_bytes()).unwrap();
    assert_eq!(check_fields(&message), Ok(()));
}

#[test]
fn responses_are_checked_too() {
    let response = |text: &str| {
        let message = Message::parse(text.as_bytes()).unwrap();
        check_response(&message).map_err(|fault| fault.status)
    };
    let sound = SOUND.replacen("REGISTER sip:h.org SIP/2.0", "SIP/2.0 200 OK", 1);
    assert_eq!(response(&sound), Ok(()));
    assert_eq!(response(&sound.replacen("Call-ID", "X", 1)), Err(400));
    assert_eq!(response(&sound.replacen("SIP/2.0", "SIP/1.0", 1)), Err(505));
    assert_eq!(response(SOUND), Err(400));
    assert!(check_request(&Message::parse(sound.as_bytes()).unwrap()).is_err());
}
