//! The transaction layer as its user and the network see it.

use core::net::{Ipv4Addr, SocketAddr};

use super::*;
use crate::flow::{ConnectionId, ListenerId, Transport};

mod client_side;
mod server_side;
mod whole;

const LIMITS: Limits = Limits {
    servers: 8,
    clients: 8,
};
const OWNER: u64 = 42;
const ANSWER: &[u8] = b"SIP/2.0 200 OK\r\n\r\n";
const REFUSAL: &[u8] = b"SIP/2.0 486 Busy Here\r\n\r\n";
const RINGING: &[u8] = b"SIP/2.0 180 Ringing\r\n\r\n";
const TRYING: &[u8] = b"SIP/2.0 100 Trying\r\n\r\n";

fn udp(last: u8, port: u16) -> Flow {
    Flow::udp(
        ListenerId(0),
        SocketAddr::from((Ipv4Addr::new(192, 0, 2, last), port)),
    )
}

fn tcp(last: u8) -> Flow {
    Flow {
        transport: Transport::Tcp,
        connection: ConnectionId(1),
        ..udp(last, 5060)
    }
}

/// The transactions under test with a virtual clock.
struct Rig {
    txns: Transactions,
    now: u64,
    out: Outbox,
    events: Vec<TxnEvent>,
}

impl Rig {
    fn new() -> Self {
        Self::with(LIMITS)
    }

    fn with(limits: Limits) -> Self {
        let txns = Transactions::new([3; 16], ShardId(5), limits);
        Self {
            txns,
            now: 1_000_000,
            out: Outbox::new(),
            events: Vec::new(),
        }
    }

    fn now(&self) -> Now {
        Now {
            mono: Mono(self.now),
            ..Now::default()
        }
    }

    fn key(&self, method: &str, branch: &str, flow: &Flow) -> ServerKey {
        let text = format!(
            "{method} sip:example.org SIP/2.0\r\nVia: SIP/2.0/UDP pc;branch={branch}\r\n\
             Call-ID: c\r\nCSeq: 1 {method}\r\n\r\n"
        );
        let request = sip::Message::parse(text.as_bytes()).unwrap();
        self.txns.server_key(&request, flow).unwrap()
    }

    fn request(&mut self, method: sip::Method, branch: &str) -> RequestMatch {
        let key = self.key(method.as_str(), branch, &udp(1, 5060));
        let now = self.now();
        let found = self.txns.match_request(now, key, method, &mut self.out);
        self.txns.check_invariants();
        found
    }

    fn serve(&mut self, method: sip::Method, branch: &str, flow: Flow) -> ServerTxn {
        let key = self.key(method.as_str(), branch, &flow);
        let kind = match method {
            sip::Method::Invite => Kind::Invite,
            _ => Kind::NonInvite,
        };
        let found = self
            .txns
            .match_request(self.now(), key, method, &mut self.out);
        assert_ne!(found, RequestMatch::Absorbed);
        let txn = self.txns.start_server(self.now(), key, kind, flow).unwrap();
        self.txns.check_invariants();
        txn
    }

    fn respond(&mut self, txn: ServerTxn, status: u16, bytes: &[u8]) -> bool {
        let alive = self
            .txns
            .respond(self.now(), txn, status, bytes, &mut self.out);
        self.txns.check_invariants();
        alive
    }

    fn ask(&mut self, kind: Kind, flow: Flow, give_up_at: Mono) -> (ClientTxn, Branch) {
        let branch = self.txns.new_branch();
        let bytes = request_bytes(kind, &branch);
        let request = ClientRequest {
            kind,
            branch: &branch,
            flow,
            bytes,
            give_up_at,
            owner: OWNER,
        };
        let txn = self
            .txns
            .start_client(self.now(), request, &mut self.out)
            .unwrap();
        self.txns.check_invariants();
        (txn, branch)
    }

    fn answer(&mut self, branch: &Branch, cseq: &str, status: u16, from: Flow) -> ResponseMatch {
        let text = format!(
            "SIP/2.0 {status} Words\r\nVia: SIP/2.0/UDP us;branch={branch}\r\n\
             From: <sip:a@b>;tag=1\r\nTo: <sip:c@d>;tag=2\r\nCall-ID: c\r\nCSeq: {cseq}\r\n\r\n"
        );
        let response = sip::Message::parse(text.as_bytes()).unwrap();
        let now = self.now();
        let found = self
            .txns
            .match_response(now, &response, &from, &mut self.out);
        self.txns.check_invariants();
        found
    }

    /// What was sent since the last call: start lines, or the whole if it has but one line.
    fn sent(&mut self) -> Vec<String> {
        let first_line = |bytes: &[u8]| {
            let text = String::from_utf8(bytes.to_vec()).unwrap();
            text.lines().next().unwrap().to_owned()
        };
        let sent = self
            .out
            .transmits()
            .map(|(_, bytes)| first_line(bytes))
            .collect();
        self.out.clear();
        sent
    }

    /// Lets time pass, firing every timer at its deadline; when something was sent, in milliseconds
    /// since the start.
    fn pass(&mut self, milliseconds: u64) -> Vec<u64> {
        let (start, until) = (self.now, self.now + milliseconds);
        let mut sent = Vec::new();
        while let Some(Mono(deadline)) = self.txns.next_deadline().filter(|d| d.0 <= until) {
            self.now = self.now.max(deadline);
            self.fire(1);
            sent.extend(self.sent().iter().map(|_| self.now - start));
        }
        self.now = until;
        sent
    }

    fn fire(&mut self, budget: usize) {
        let now = self.now();
        self.txns
            .handle_timeout(now, budget, &mut self.out, &mut self.events);
        self.txns.check_invariants();
    }

    fn is_empty(&self) -> bool {
        let txns = &self.txns;
        (txns.server_count(), txns.client_count(), txns.timer_count()) == (0, 0, 0)
    }
}

fn request_bytes(kind: Kind, branch: &Branch) -> Box<[u8]> {
    let method = match kind {
        Kind::Invite => "INVITE",
        Kind::NonInvite => "REGISTER",
    };
    let text = format!(
        "{method} sip:example.org SIP/2.0\r\nVia: SIP/2.0/UDP us;branch={branch}\r\n\
         Max-Forwards: 70\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\nCall-ID: c\r\n\
         CSeq: 1 {method}\r\n\r\n"
    );
    text.into_bytes().into_boxed_slice()
}

fn delivered(found: ResponseMatch) -> Option<u16> {
    match found {
        ResponseMatch::Deliver { owner, status, .. } => {
            assert_eq!(owner, OWNER);
            Some(status)
        }
        _ => None,
    }
}
