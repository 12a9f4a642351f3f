//! The torture messages of RFC 4475 and RFC 5118, each with the verdict it deserves.
//!
//! A verdict is what this crate can know: `Valid` messages may still be refused by an upper layer
//! (416, 420, 483, …), which the third column then says.

use std::fs;
use std::path::PathBuf;

use sip::aor::{AorBuf, canonical};
use sip::header::contact::{Contact, ContactAddr};
use sip::header::via::Via;
use sip::validate::{check_fields, check_request, check_response};
use sip::{Fault, Message, Name, Patch, Uri};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Valid,
    Answer(u16),
    Drop,
}
use Verdict::{Answer, Drop, Valid};

const RFC_4475: [(&str, Verdict, &str); 49] = [
    // §3.1.1
    ("wsinv", Valid, ""),
    ("intmeth", Valid, ""),
    ("esc01", Valid, ""),
    ("escnull", Valid, ""),
    ("esc02", Valid, ""),
    ("lwsdisp", Valid, ""),
    ("longreq", Valid, ""),
    ("dblreq", Valid, "only the REGISTER is there"),
    ("semiuri", Valid, ""),
    ("transports", Valid, ""),
    ("mpart01", Valid, ""),
    ("unreason", Valid, ""),
    ("noreason", Valid, ""),
    // §3.1.2
    ("badinv01", Answer(400), ""),
    ("clerr", Answer(400), ""),
    ("ncl", Answer(400), ""),
    ("scalar02", Answer(400), ""),
    ("scalarlg", Drop, ""),
    ("quotbal", Answer(400), ""),
    ("ltgtruri", Answer(400), ""),
    ("lwsruri", Answer(400), ""),
    ("lwsstart", Answer(400), ""),
    ("trws", Answer(400), ""),
    ("escruri", Answer(400), ""),
    ("baddate", Valid, "nobody here needs the Date of an INVITE"),
    ("regbadct", Answer(400), ""),
    ("badaspec", Answer(400), ""),
    ("baddn", Answer(400), ""),
    ("badvers", Answer(505), ""),
    ("mismatch01", Answer(400), ""),
    ("mismatch02", Answer(400), ""),
    ("bigcode", Drop, ""),
    // §3.2 and §3.3
    ("badbranch", Valid, "matched as RFC 2543 does"),
    ("insuf", Answer(400), ""),
    ("unkscm", Valid, "416"),
    ("novelsc", Valid, "416"),
    ("unksm2", Valid, "the registrar refuses the To"),
    ("bext01", Valid, "420"),
    ("invut", Valid, "415, or forwarded"),
    ("regaut01", Valid, "challenged"),
    ("multi01", Answer(400), ""),
    ("mcl01", Answer(400), ""),
    ("bcast", Valid, "not forwarded to 255.255.255.255"),
    ("zeromf", Valid, "483"),
    ("cparam01", Valid, ""),
    ("cparam02", Valid, ""),
    ("regescrt", Valid, ""),
    ("sdp01", Valid, "406, or forwarded"),
    ("inv2543", Valid, ""),
];

const RFC_5118: [(&str, Verdict, &str); 12] = [
    ("ipv6-good", Valid, ""),
    ("ipv6-bad", Answer(400), ""),
    ("port-ambiguous", Valid, "an address without a port"),
    ("port-unambiguous", Valid, ""),
    ("via-received-param-with-delim", Valid, ""),
    ("via-received-param-no-delim", Valid, ""),
    ("ipv6-in-sdp", Valid, ""),
    ("mult-ip-in-header", Valid, ""),
    ("mult-ip-in-sdp", Valid, ""),
    ("ipv4-mapped-ipv6", Valid, ""),
    ("ipv6-bug-abnf-3-colons", Answer(400), ""),
    ("ipv6-correct-abnf-2-colons", Valid, ""),
];

fn read(path: &str) -> Vec<u8> {
    let base = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/testdata"));
    fs::read(base.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn rfc4475(name: &str) -> Vec<u8> {
    read(&format!("rfc4475/{name}.dat"))
}

fn all() -> Vec<(String, Verdict, Vec<u8>)> {
    let first = RFC_4475
        .iter()
        .map(|(name, verdict, _)| (name.to_string(), *verdict, rfc4475(name)));
    let second = RFC_5118
        .iter()
        .map(|(name, verdict, _)| (name.to_string(), *verdict, read(&format!("rfc5118/{name}"))));
    first.chain(second).collect()
}

fn verdict(bytes: &[u8]) -> Verdict {
    let Ok(message) = Message::parse(bytes) else {
        return Drop;
    };
    let fault = |result: Result<(), Fault>| result.err().map(|fault| fault.status);
    if message.request().is_some() {
        match fault(check_request(&message).and_then(|()| check_fields(&message))) {
            Some(status) => Answer(status),
            None => Valid,
        }
    } else {
        match fault(check_response(&message).and_then(|()| check_fields(&message))) {
            Some(_) => Drop,
            None => Valid,
        }
    }
}

#[test]
fn every_message_gets_its_verdict() {
    let wrong: Vec<_> = all()
        .into_iter()
        .map(|(name, expected, bytes)| (name, expected, verdict(&bytes)))
        .filter(|(_, expected, actual)| expected != actual)
        .collect();
    assert_eq!(wrong, []);
}

#[test]
fn every_message_is_emitted_as_it_came() {
    for (name, _, bytes) in all() {
        let Ok(message) = Message::parse(&bytes) else {
            continue;
        };
        let mut out = Vec::new();
        Patch::new(&message).write(&mut out);
        assert_eq!(out, bytes[..out.len()], "{name}");
        assert!(!message.bytes().is_empty(), "{name}");
    }
}

#[test]
fn what_follows_the_body_is_not_part_of_the_message() {
    let bytes = rfc4475("dblreq");
    let message = Message::parse(&bytes).unwrap();
    assert!(message.bytes().ends_with(b"Content-Length: 0\r\n\r\n"));
    assert!(bytes.len() > message.bytes().len());
}

#[test]
fn a_refused_request_can_still_be_answered() {
    for (name, verdict, bytes) in all() {
        if let Answer(_) = verdict {
            let message = Message::parse(&bytes).unwrap();
            assert!(message.has(Name::Via) && message.has(Name::CSeq), "{name}");
        }
    }
}

#[test]
fn white_space_does_not_hide_anything() {
    let bytes = rfc4475("wsinv");
    let message = Message::parse(&bytes).unwrap();
    let vias: Vec<_> = message
        .values(Name::Via)
        .map(|value| Via::parse(value).unwrap())
        .collect();
    let branches: Vec<_> = vias.iter().map(|via| via.branch().unwrap()).collect();
    assert_eq!(
        branches,
        [&b"390skdjuw"[..], b"z9hG4bK9ikj8", b"z9hG4bK30239"]
    );
    let contact = ContactAddr::parse(message.header(Name::Contact).unwrap().value).unwrap();
    assert_eq!(contact.addr.uri, b"sip:jdrosen@example.com");
    assert_eq!(contact.q.map(|q| q.0), Some(330));
    assert_eq!(message.body().len(), 150);
}

#[test]
fn strange_characters_are_taken_as_they_are() {
    let bytes = rfc4475("intmeth");
    let message = Message::parse(&bytes).unwrap();
    let line = message.request().unwrap();
    assert_eq!(
        line.method_text,
        b"!interesting-Method0123456789_*+`.%indeed'~"
    );
    let uri = Uri::parse(line.uri).unwrap();
    assert_eq!(
        uri.user,
        Some(&b"1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*"[..])
    );
    assert_eq!(
        uri.password,
        Some(&b"&it+has=1,weird!*pas$wo~d_too.(doesn't-it)"[..])
    );
}

#[test]
fn an_escaped_nul_is_a_character_like_others() {
    let bytes = rfc4475("escnull");
    let message = Message::parse(&bytes).unwrap();
    let aors: Vec<_> = message
        .values(Name::Contact)
        .map(|value| match Contact::parse(value).unwrap() {
            Contact::Addr(contact) => {
                let mut out = AorBuf::new();
                canonical(&Uri::parse(contact.addr.uri).unwrap(), &mut out).unwrap();
                String::from_utf8(out.to_vec()).unwrap()
            }
            Contact::Star => panic!("no star"),
        })
        .collect();
    assert_eq!(aors, ["%00@host5.example.com", "%00%00@host5.example.com"]);
}

#[test]
fn a_parameter_belongs_to_what_its_brackets_say() {
    for (name, in_header) in [("cparam01", true), ("cparam02", false)] {
        let bytes = rfc4475(name);
        let message = Message::parse(&bytes).unwrap();
        let contact = ContactAddr::parse(message.header(Name::Contact).unwrap().value).unwrap();
        let uri = Uri::parse(contact.addr.uri).unwrap();
        assert_eq!(
            contact.addr.param("unknownparam").is_some(),
            in_header,
            "{name}"
        );
        assert_eq!(uri.param("unknownparam").is_some(), !in_header, "{name}");
    }
}

#[test]
fn received_is_read_with_and_without_brackets() {
    for name in [
        "via-received-param-with-delim",
        "via-received-param-no-delim",
    ] {
        let bytes = read(&format!("rfc5118/{name}"));
        let message = Message::parse(&bytes).unwrap();
        let via = Via::parse(message.values(Name::Via).next().unwrap()).unwrap();
        assert_eq!(via.received_ip(), "2001:db8::9:255".parse().ok(), "{name}");
    }
}
