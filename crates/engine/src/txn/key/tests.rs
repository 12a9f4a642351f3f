use core::net::{Ipv4Addr, SocketAddr};

use super::*;
use crate::flow::ListenerId;

const KEYS: Keys = Keys::new([7; 16]);

/// The parts of a request that can tell one from another.
#[derive(Clone, Copy)]
struct Parts {
    method: &'static str,
    uri: &'static str,
    via: &'static str,
    from: &'static str,
    to: &'static str,
    call_id: &'static str,
    cseq: u32,
    source: (Ipv4Addr, u16),
}

const MODERN: Parts = Parts {
    method: "REGISTER",
    uri: "sip:example.org",
    via: "SIP/2.0/UDP pc.example.org:5060;branch=z9hG4bK776",
    from: "<sip:alice@example.org>;tag=1",
    to: "<sip:alice@example.org>",
    call_id: "c1",
    cseq: 1,
    source: (Ipv4Addr::LOCALHOST, 5060),
};

const LEGACY: Parts = Parts {
    via: "SIP/2.0/UDP pc.example.org:5060",
    ..MODERN
};

fn key(parts: Parts) -> ServerKey {
    let Parts {
        method,
        uri,
        via,
        from,
        to,
        call_id,
        cseq,
        ..
    } = parts;
    let text = format!(
        "{method} {uri} SIP/2.0\r\nVia: {via}\r\nFrom: {from}\r\nTo: {to}\r\n\
         Call-ID: {call_id}\r\nCSeq: {cseq} {method}\r\n\r\n"
    );
    let request = sip::Message::parse(text.as_bytes()).unwrap();
    let flow = Flow::udp(ListenerId(0), SocketAddr::from(parts.source));
    KEYS.server(&request, &flow).unwrap()
}

#[test]
fn what_rfc_3261_compares_tells_requests_apart() {
    let same = key(MODERN);
    for other in [
        Parts {
            via: "SIP/2.0/UDP pc.example.org:5060;branch=z9hG4bK777",
            ..MODERN
        },
        Parts {
            via: "SIP/2.0/UDP pd.example.org:5060;branch=z9hG4bK776",
            ..MODERN
        },
        Parts {
            via: "SIP/2.0/UDP pc.example.org:5070;branch=z9hG4bK776",
            ..MODERN
        },
        Parts {
            method: "OPTIONS",
            ..MODERN
        },
    ] {
        assert_ne!(key(other).own, same.own, "{}", other.via);
    }
}

#[test]
fn what_every_true_retransmission_shares_counts_too() {
    let same = key(MODERN);
    for other in [
        Parts {
            call_id: "c2",
            ..MODERN
        },
        Parts { cseq: 2, ..MODERN },
        Parts {
            source: (Ipv4Addr::new(127, 0, 0, 2), 5060),
            ..MODERN
        },
    ] {
        assert_ne!(key(other).own, same.own);
    }
}

#[test]
fn what_may_differ_in_a_retransmission_does_not_count() {
    let same = key(MODERN);
    for copy in [
        Parts {
            via: "SIP/2.0/UDP PC.example.ORG;branch=z9hG4bK776",
            ..MODERN
        },
        Parts {
            via: "SIP/2.0/UDP pc.example.org:5060;rport;branch=z9hG4bK776",
            ..MODERN
        },
        Parts {
            uri: "sip:example.com",
            ..MODERN
        },
        Parts {
            to: "<sip:alice@example.org>;tag=9",
            ..MODERN
        },
        Parts {
            source: (Ipv4Addr::LOCALHOST, 6666),
            ..MODERN
        },
    ] {
        assert_eq!(key(copy), same, "{} {}", copy.uri, copy.via);
    }
}

#[test]
fn an_ipv4_source_is_the_same_through_an_ipv6_socket() {
    let text = b"OPTIONS sip:a SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\n\
                 Call-ID: c\r\nCSeq: 1 OPTIONS\r\n\r\n";
    let request = sip::Message::parse(text).unwrap();
    let [plain, mapped] = ["192.0.2.1:5060", "[::ffff:192.0.2.1]:5060"]
        .map(|source| Flow::udp(ListenerId(0), source.parse().unwrap()))
        .map(|flow| KEYS.server(&request, &flow).unwrap());
    assert_eq!(plain, mapped);
}

#[test]
fn ack_and_cancel_lead_to_their_invite() {
    for generation in [MODERN, LEGACY] {
        let invite = key(Parts {
            method: "INVITE",
            ..generation
        });
        assert_eq!(invite.own, invite.invite);
        let to = "<sip:alice@example.org>;tag=9";
        let ack = key(Parts {
            method: "ACK",
            to,
            ..generation
        });
        assert_eq!((ack.own, ack.invite), (invite.own, invite.own));
        let cancel = key(Parts {
            method: "CANCEL",
            ..generation
        });
        assert_ne!(cancel.own, invite.own);
        assert_eq!(cancel.invite, invite.own);
    }
}

#[test]
fn a_branch_without_cookie_or_without_more_than_it_goes_by_the_old_rules() {
    for via in [
        "SIP/2.0/UDP pc.example.org:5060",
        "SIP/2.0/UDP pc.example.org:5060;branch=1",
        "SIP/2.0/UDP pc.example.org:5060;branch=z9hG4bK",
    ] {
        let old = Parts { via, ..LEGACY };
        let same = key(old);
        assert_eq!(key(old), same);
        for other in [
            Parts {
                uri: "sip:example.com",
                ..old
            },
            Parts {
                from: "<sip:alice@example.org>;tag=2",
                ..old
            },
            Parts {
                to: "<sip:alice@example.org>;tag=9",
                ..old
            },
            Parts {
                call_id: "c2",
                ..old
            },
            Parts { cseq: 2, ..old },
            Parts {
                method: "OPTIONS",
                ..old
            },
            Parts {
                via: "SIP/2.0/UDP pd.example.org",
                ..old
            },
        ] {
            assert_ne!(key(other).own, same.own, "{via}");
        }
    }
}

#[test]
fn a_request_without_its_mandatory_headers_has_none() {
    let flow = Flow::udp(ListenerId(0), SocketAddr::from((Ipv4Addr::LOCALHOST, 5060)));
    for text in [
        "OPTIONS sip:a SIP/2.0\r\nCall-ID: c\r\nCSeq: 1 OPTIONS\r\n\r\n",
        "OPTIONS sip:a SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nCSeq: 1 OPTIONS\r\n\r\n",
        "OPTIONS sip:a SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nCall-ID: c\r\n\r\n",
        "OPTIONS sip:a SIP/2.0\r\nVia: ?\r\nCall-ID: c\r\nCSeq: 1 OPTIONS\r\n\r\n",
        "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nCall-ID: c\r\nCSeq: 1 OPTIONS\r\n\r\n",
    ] {
        let message = sip::Message::parse(text.as_bytes()).unwrap();
        assert_eq!(KEYS.server(&message, &flow), None, "{text}");
    }
}

#[test]
fn a_response_leads_to_its_request_by_branch_and_cseq_method() {
    let text = "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1;rport=1, SIP/2.0/UDP i\r\n\
                CSeq: 1 OPTIONS\r\n\r\n";
    let response = sip::Message::parse(text.as_bytes()).unwrap();
    assert_eq!(
        KEYS.response(&response),
        Some(KEYS.client(b"z9hG4bK1", b"OPTIONS"))
    );
    assert_ne!(
        KEYS.response(&response),
        Some(KEYS.client(b"z9hG4bK1", b"INVITE"))
    );
    assert_ne!(
        KEYS.response(&response),
        Some(KEYS.client(b"z9hG4bK2", b"OPTIONS"))
    );
    let other = Keys::new([8; 16]);
    assert_ne!(other.response(&response), KEYS.response(&response));
}
