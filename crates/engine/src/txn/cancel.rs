//! The CANCEL that goes after an INVITE of ours (RFC 3261 §9.1).

use sip::header::cseq::CSeq;

/// The CANCEL of this INVITE, with more header lines; none if it cannot be read.
pub(super) fn of(invite: &[u8], lines: &[u8]) -> Option<Box<[u8]>> {
    let invite = sip::Message::parse(invite).ok()?;
    let top_via = invite.values(sip::Name::Via).next()?;
    let cseq = CSeq::parse(invite.header(sip::Name::CSeq)?.value).ok()?;
    let mut bytes = Vec::with_capacity(512);
    let method = sip::Method::Cancel.as_str();
    let mut cancel = sip::Request::new(&mut bytes, method, invite.request()?.uri);
    cancel.header("Via", top_via);
    for name in [
        sip::Name::MaxForwards,
        sip::Name::Route,
        sip::Name::From,
        sip::Name::To,
        sip::Name::CallId,
    ] {
        cancel.copy(&invite, name);
    }
    cancel.header_with("CSeq", |out| {
        sip::number::push_decimal(out, u64::from(cseq.number));
        out.extend_from_slice(b" CANCEL");
    });
    cancel.lines(lines);
    cancel.finish(b"");
    Some(bytes.into_boxed_slice())
}

#[cfg(test)]
mod tests {
    use super::*;

    const INVITE: &[u8] = b"INVITE sip:bob@192.0.2.4:5066;ob SIP/2.0\r\n\
        Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK00-0123456789abcdef, SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKold\r\n\
        Max-Forwards: 69\r\n\
        Route: <sip:192.0.2.4;lr>\r\n\
        Record-Route: <sip:192.0.2.1;lr>\r\n\
        From: Alice <sip:alice@example.org>;tag=a1\r\n\
        To: <sip:bob@example.org>\r\n\
        Call-ID: c1@192.0.2.9\r\n\
        CSeq: 7 INVITE\r\n\
        Contact: <sip:alice@192.0.2.9>\r\n\
        Content-Length: 5\r\n\r\nhello";

    #[test]
    fn r3261_9_1_has_the_invites_topmost_via_and_way_and_nothing_of_its_body() {
        let cancel = of(INVITE, b"Reason: SIP;cause=200\r\n").unwrap();
        let text = core::str::from_utf8(&cancel).unwrap();
        assert_eq!(
            text.split("\r\n").collect::<Vec<_>>(),
            [
                "CANCEL sip:bob@192.0.2.4:5066;ob SIP/2.0",
                "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK00-0123456789abcdef",
                "Max-Forwards: 69",
                "Route: <sip:192.0.2.4;lr>",
                "From: Alice <sip:alice@example.org>;tag=a1",
                "To: <sip:bob@example.org>",
                "Call-ID: c1@192.0.2.9",
                "CSeq: 7 CANCEL",
                "Reason: SIP;cause=200",
                "Content-Length: 0",
                "",
                "",
            ]
        );
    }

    #[test]
    fn what_cannot_be_read_gets_none() {
        assert_eq!(of(b"", b""), None);
        assert_eq!(
            of(b"INVITE sip:a@b SIP/2.0\r\nCSeq: 1 INVITE\r\n\r\n", b""),
            None
        );
    }
}
