//! The ACK that a client transaction itself sends to a refusal (RFC 3261 §17.1.1.3). The ACK to a 2xx is
//! the business of the end points and never made here.

use sip::header::cseq::CSeq;

/// The ACK to a 3xx to 6xx answer to this INVITE; none if either cannot be read.
pub(super) fn to_refusal(invite: &[u8], refusal: &sip::Message<'_>) -> Option<Box<[u8]>> {
    let invite = sip::Message::parse(invite).ok()?;
    let top_via = invite.values(sip::Name::Via).next()?;
    let cseq = CSeq::parse(invite.header(sip::Name::CSeq)?.value).ok()?;
    let mut bytes = Vec::with_capacity(512);
    let mut ack = sip::Request::new(&mut bytes, sip::Method::Ack.as_str(), invite.request()?.uri);
    ack.header("Via", top_via);
    for name in [sip::Name::MaxForwards, sip::Name::Route, sip::Name::From] {
        ack.copy(&invite, name);
    }
    // The refusal's To brings the tag that the refusing side made up.
    ack.copy(refusal, sip::Name::To);
    ack.copy(&invite, sip::Name::CallId);
    ack.header_with("CSeq", |out| {
        sip::number::push_decimal(out, u64::from(cseq.number));
        out.extend_from_slice(b" ACK");
    });
    ack.finish(b"");
    Some(bytes.into_boxed_slice())
}

#[cfg(test)]
mod tests {
    use super::*;

    const INVITE: &[u8] = b"INVITE sip:bob@192.0.2.4:5066;ob SIP/2.0\r\n\
        Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK00-0123456789abcdef, SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKold\r\n\
        v: SIP/2.0/UDP 192.0.2.10;branch=z9hG4bKolder\r\n\
        Max-Forwards: 69\r\n\
        Route: <sip:192.0.2.4;lr>\r\n\
        Route: <sip:192.0.2.5;lr>\r\n\
        From: Alice <sip:alice@example.org>;tag=a1\r\n\
        To: <sip:bob@example.org>\r\n\
        Call-ID: c1@192.0.2.9\r\n\
        CSeq: 7 INVITE\r\n\
        Contact: <sip:alice@192.0.2.9>\r\n\
        Content-Type: text/plain\r\n\
        Content-Length: 5\r\n\r\nhello";

    const REFUSAL: &[u8] = b"SIP/2.0 486 Busy Here\r\n\
        Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK00-0123456789abcdef\r\n\
        From: Alice <sip:alice@example.org>;tag=a1\r\n\
        To: <sip:bob@example.org>;tag=b2\r\n\
        Call-ID: c1@192.0.2.9\r\n\
        CSeq: 7 INVITE\r\n\
        Content-Length: 0\r\n\r\n";

    #[test]
    fn takes_all_but_the_to_from_the_invite() {
        let refusal = sip::Message::parse(REFUSAL).unwrap();
        let ack = to_refusal(INVITE, &refusal).unwrap();
        let text = core::str::from_utf8(&ack).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert_eq!(body, "");
        assert_eq!(
            head.lines().collect::<Vec<_>>(),
            [
                "ACK sip:bob@192.0.2.4:5066;ob SIP/2.0",
                "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK00-0123456789abcdef",
                "Max-Forwards: 69",
                "Route: <sip:192.0.2.4;lr>",
                "Route: <sip:192.0.2.5;lr>",
                "From: Alice <sip:alice@example.org>;tag=a1",
                "To: <sip:bob@example.org>;tag=b2",
                "Call-ID: c1@192.0.2.9",
                "CSeq: 7 ACK",
                "Content-Length: 0",
            ]
        );
    }

    #[test]
    fn an_unreadable_invite_gets_none() {
        let refusal = sip::Message::parse(REFUSAL).unwrap();
        assert_eq!(to_refusal(b"", &refusal), None);
        assert_eq!(
            to_refusal(b"INVITE sip:bob@192.0.2.4 SIP/2.0\r\n\r\n", &refusal),
            None
        );
    }
}
