use core::net::{Ipv4Addr, SocketAddr};

use super::*;
use crate::flow::{ConnectionId, ListenerId, Transport};

const LIMITS: Limits = Limits { servers: 8, clients: 8 };
const OWNER: u64 = 42;
const ANSWER: &[u8] = b"SIP/2.0 200 OK\r\n\r\n";
const REFUSAL: &[u8] = b"SIP/2.0 486 Busy Here\r\n\r\n";
const RINGING: &[u8] = b"SIP/2.0 180 Ringing\r\n\r\n";
const TRYING: &[u8] = b"SIP/2.0 100 Trying\r\n\r\n";

fn udp(last: u8, port: u16) -> Flow {
    Flow::udp(ListenerId(0), SocketAddr::from((Ipv4Addr::new(192, 0, 2, last), port)))
}

fn tcp(last: u8) -> Flow {
    Flow { transport: Transport::Tcp, connection: ConnectionId(1), ..udp(last, 5060) }
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
        Self { txns, now: 1_000_000, out: Outbox::new(), events: Vec::new() }
    }

    fn now(&self) -> Now {
        Now { mono: Mono(self.now), ..Now::default() }
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
        let found = self.txns.match_request(self.now(), key, method, &mut self.out);
        assert_ne!(found, RequestMatch::Absorbed);
        let txn = self.txns.start_server(self.now(), key, kind, flow).unwrap();
        self.txns.check_invariants();
        txn
    }

    fn respond(&mut self, txn: ServerTxn, status: u16, bytes: &[u8]) -> bool {
        let alive = self.txns.respond(self.now(), txn, status, bytes, &mut self.out);
        self.txns.check_invariants();
        alive
    }

    fn ask(&mut self, kind: Kind, flow: Flow, give_up_at: Mono) -> (ClientTxn, Branch) {
        let branch = self.txns.new_branch();
        let bytes = request_bytes(kind, &branch);
        let request =
            ClientRequest { kind, branch: &branch, flow, bytes, give_up_at, owner: OWNER };
        let txn = self.txns.start_client(self.now(), request, &mut self.out).unwrap();
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
        let found = self.txns.match_response(now, &response, &from, &mut self.out);
        self.txns.check_invariants();
        found
    }

    /// What was sent since the last call: start lines, or the whole if it has but one line.
    fn sent(&mut self) -> Vec<String> {
        let first_line = |bytes: &[u8]| {
            let text = String::from_utf8(bytes.to_vec()).unwrap();
            text.lines().next().unwrap().to_owned()
        };
        let sent = self.out.transmits().map(|(_, bytes)| first_line(bytes)).collect();
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
        self.txns.handle_timeout(now, budget, &mut self.out, &mut self.events);
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

mod server_side {
    use super::*;

    #[test]
    fn a_retransmission_gets_the_same_answer_until_timer_j() {
        let mut rig = Rig::new();
        assert_eq!(rig.request(sip::Method::Register, "z9hG4bKa"), RequestMatch::New);
        let txn = rig.serve(sip::Method::Register, "z9hG4bKa", udp(1, 5060));
        assert_eq!(rig.request(sip::Method::Register, "z9hG4bKa"), RequestMatch::Absorbed);
        assert_eq!(rig.sent(), [""; 0], "no answer yet");
        assert!(rig.respond(txn, 200, ANSWER));
        assert_eq!(rig.sent(), ["SIP/2.0 200 OK"]);
        rig.pass(31_999);
        assert_eq!(rig.request(sip::Method::Register, "z9hG4bKa"), RequestMatch::Absorbed);
        assert_eq!(rig.sent(), ["SIP/2.0 200 OK"]);
        rig.pass(1);
        assert!(rig.is_empty() && !rig.txns.server_alive(txn));
        assert_eq!(rig.request(sip::Method::Register, "z9hG4bKa"), RequestMatch::New);
        assert!(!rig.respond(txn, 200, ANSWER), "it is over");
        assert_eq!(rig.sent(), [""; 0]);
    }

    #[test]
    fn a_final_answer_is_sent_once() {
        let mut rig = Rig::new();
        let txn = rig.serve(sip::Method::Register, "z9hG4bKa", udp(1, 5060));
        assert!(rig.respond(txn, 200, ANSWER));
        assert!(rig.respond(txn, 486, REFUSAL), "it is there, but says no more");
        assert_eq!(rig.sent(), ["SIP/2.0 200 OK"]);
        rig.request(sip::Method::Register, "z9hG4bKa");
        assert_eq!(rig.sent(), ["SIP/2.0 200 OK"]);
    }

    #[test]
    fn over_a_stream_nothing_lingers() {
        let mut rig = Rig::new();
        let txn = rig.serve(sip::Method::Register, "z9hG4bKa", tcp(1));
        assert!(rig.respond(txn, 200, ANSWER));
        assert_eq!(rig.sent(), ["SIP/2.0 200 OK"]);
        assert!(rig.is_empty());
    }

    #[test]
    fn rfc_4320_no_early_100_no_other_1xx_no_408() {
        let mut rig = Rig::new();
        let txn = rig.serve(sip::Method::Register, "z9hG4bKa", udp(1, 5060));
        rig.respond(txn, 100, TRYING);
        rig.respond(txn, 180, RINGING);
        assert_eq!(rig.sent(), [""; 0]);
        rig.pass(3500);
        assert_eq!(rig.events, [TxnEvent::ServerOverdue { txn }]);
        rig.respond(txn, 100, TRYING);
        rig.respond(txn, 180, RINGING);
        assert_eq!(rig.sent(), ["SIP/2.0 100 Trying"]);
        rig.request(sip::Method::Register, "z9hG4bKa");
        assert_eq!(rig.sent(), ["SIP/2.0 100 Trying"]);
        assert!(rig.respond(txn, 408, b"SIP/2.0 408 Request Timeout\r\n\r\n"));
        assert_eq!(rig.request(sip::Method::Register, "z9hG4bKa"), RequestMatch::Absorbed);
        assert_eq!(rig.sent(), [""; 0]);
    }

    #[test]
    fn an_unanswered_request_ends_with_the_clients_patience() {
        let mut rig = Rig::new();
        let txn = rig.serve(sip::Method::Register, "z9hG4bKa", udp(1, 5060));
        assert_eq!(rig.pass(32_000), [0; 0]);
        let expected = [TxnEvent::ServerOverdue { txn }, TxnEvent::ServerTimeout { txn }];
        assert_eq!(rig.events, expected);
        assert!(rig.is_empty());
    }

    #[test]
    fn an_abandoned_request_is_new_again() {
        let mut rig = Rig::new();
        let txn = rig.serve(sip::Method::Register, "z9hG4bKa", udp(1, 5060));
        rig.txns.abandon_server(txn);
        rig.txns.abandon_server(txn);
        assert!(rig.is_empty());
        assert_eq!(rig.request(sip::Method::Register, "z9hG4bKa"), RequestMatch::New);
    }

    #[test]
    fn a_full_table_refuses_and_recovers() {
        let mut rig = Rig::new();
        let txns: Vec<_> = (0..8)
            .map(|i| rig.serve(sip::Method::Register, &format!("z9hG4bK{i}"), udp(1, 5060)))
            .collect();
        let flow = udp(1, 5060);
        let key = rig.key("REGISTER", "z9hG4bKx", &flow);
        let now = rig.now();
        assert_eq!(rig.txns.start_server(now, key, Kind::NonInvite, flow), Err(Full));
        rig.txns.abandon_server(txns[0]);
        assert!(rig.txns.start_server(now, key, Kind::NonInvite, flow).is_ok());
    }

    #[test]
    fn a_refused_invite_is_repeated_until_its_ack() {
        let mut rig = Rig::new();
        let txn = rig.serve(sip::Method::Invite, "z9hG4bKa", udp(1, 5060));
        rig.respond(txn, 180, RINGING);
        assert_eq!(rig.request(sip::Method::Invite, "z9hG4bKa"), RequestMatch::Absorbed);
        assert_eq!(rig.sent(), ["SIP/2.0 180 Ringing"; 2]);
        rig.respond(txn, 486, REFUSAL);
        assert_eq!(rig.sent(), ["SIP/2.0 486 Busy Here"]);
        assert_eq!(rig.pass(2000), [500, 1500]);
        assert_eq!(rig.request(sip::Method::Ack, "z9hG4bKa"), RequestMatch::Absorbed);
        assert_eq!(rig.request(sip::Method::Ack, "z9hG4bKa"), RequestMatch::Absorbed);
        assert_eq!(rig.pass(5000), [0; 0]);
        assert!(rig.is_empty() && rig.events.is_empty());
    }

    #[test]
    fn a_refusal_without_ack_ends_at_timer_h() {
        let mut rig = Rig::new();
        let txn = rig.serve(sip::Method::Invite, "z9hG4bKa", udp(1, 5060));
        rig.respond(txn, 486, REFUSAL);
        assert_eq!(rig.pass(32_000).len(), 10);
        assert_eq!(rig.events, [TxnEvent::ServerTimeout { txn }]);
        assert!(rig.is_empty());
    }

    #[test]
    fn an_accepted_invite_absorbs_copies_and_passes_further_2xx_and_acks() {
        let mut rig = Rig::new();
        let txn = rig.serve(sip::Method::Invite, "z9hG4bKa", udp(1, 5060));
        rig.respond(txn, 180, RINGING);
        rig.respond(txn, 200, ANSWER);
        rig.respond(txn, 200, ANSWER);
        rig.respond(txn, 486, REFUSAL);
        assert_eq!(rig.sent(), ["SIP/2.0 180 Ringing", "SIP/2.0 200 OK", "SIP/2.0 200 OK"]);
        assert_eq!(rig.request(sip::Method::Invite, "z9hG4bKa"), RequestMatch::Absorbed);
        assert_eq!(rig.sent(), [""; 0], "the user repeats a 2xx, not the transaction");
        assert_eq!(rig.request(sip::Method::Ack, "z9hG4bKa"), RequestMatch::Ack(txn));
        assert_eq!(rig.pass(32_000), [0; 0]);
        assert!(rig.is_empty());
    }

    #[test]
    fn an_ack_of_no_transaction_is_new() {
        let mut rig = Rig::new();
        assert_eq!(rig.request(sip::Method::Ack, "z9hG4bKa"), RequestMatch::New);
        rig.serve(sip::Method::Register, "z9hG4bKa", udp(1, 5060));
        assert_eq!(rig.request(sip::Method::Ack, "z9hG4bKa"), RequestMatch::New);
    }

    #[test]
    fn a_cancel_names_its_invite_and_has_a_transaction_of_its_own() {
        let mut rig = Rig::new();
        let unknown = RequestMatch::Cancel { invite: None };
        assert_eq!(rig.request(sip::Method::Cancel, "z9hG4bKa"), unknown);
        let invite = rig.serve(sip::Method::Invite, "z9hG4bKa", udp(1, 5060));
        let known = RequestMatch::Cancel { invite: Some(invite) };
        assert_eq!(rig.request(sip::Method::Cancel, "z9hG4bKa"), known);
        let cancel = rig.serve(sip::Method::Cancel, "z9hG4bKa", udp(1, 5060));
        rig.respond(cancel, 200, ANSWER);
        assert_eq!(rig.request(sip::Method::Cancel, "z9hG4bKa"), RequestMatch::Absorbed);
        assert_eq!(rig.sent(), ["SIP/2.0 200 OK"; 2]);
        assert!(rig.txns.server_alive(invite));
    }
}

mod client_side {
    use super::*;

    const REGISTER: &str = "REGISTER sip:example.org SIP/2.0";
    const INVITE: &str = "INVITE sip:example.org SIP/2.0";
    const ACK: &str = "ACK sip:example.org SIP/2.0";

    #[test]
    fn retransmits_until_a_final_response_which_is_delivered_once() {
        let mut rig = Rig::new();
        let sent_at = Mono(rig.now);
        let (txn, branch) = rig.ask(Kind::NonInvite, udp(9, 5060), Mono::NEVER);
        assert_eq!(branch.shard(), ShardId(5));
        assert_eq!(rig.sent(), [REGISTER]);
        assert_eq!(rig.pass(2000), [500, 1500]);
        let expected = ResponseMatch::Deliver { txn, owner: OWNER, status: 200, sent_at };
        assert_eq!(rig.answer(&branch, "1 REGISTER", 200, udp(9, 5060)), expected);
        assert_eq!(rig.answer(&branch, "1 REGISTER", 200, udp(9, 5060)), ResponseMatch::Absorbed);
        assert_eq!(rig.answer(&branch, "1 REGISTER", 403, udp(9, 5060)), ResponseMatch::Absorbed);
        assert_eq!(rig.pass(5000), [0; 0]);
        assert!(rig.is_empty() && rig.events.is_empty());
        assert_eq!(rig.answer(&branch, "1 REGISTER", 200, udp(9, 5060)), ResponseMatch::NoMatch);
    }

    #[test]
    fn every_provisional_response_is_delivered() {
        let mut rig = Rig::new();
        let (_, branch) = rig.ask(Kind::NonInvite, udp(9, 5060), Mono::NEVER);
        for _ in 0..2 {
            let found = rig.answer(&branch, "1 REGISTER", 100, udp(9, 5060));
            assert_eq!(delivered(found), Some(100));
        }
        rig.sent();
        assert_eq!(rig.pass(9000), [500, 4500, 8500], "it proceeds every T2");
    }

    #[test]
    fn silence_ends_at_timer_f() {
        let mut rig = Rig::new();
        let sent_at = Mono(rig.now);
        let (txn, _) = rig.ask(Kind::NonInvite, udp(9, 5060), Mono::NEVER);
        rig.sent();
        let sent = rig.pass(32_000);
        assert_eq!(sent, [500, 1500, 3500, 7500, 11500, 15500, 19500, 23500, 27500, 31500]);
        assert_eq!(rig.events, [TxnEvent::ClientTimeout { owner: OWNER, txn, sent_at }]);
        assert!(rig.is_empty());
    }

    #[test]
    fn the_users_deadline_comes_first() {
        let mut rig = Rig::new();
        let sent_at = Mono(rig.now);
        let (txn, branch) = rig.ask(Kind::NonInvite, udp(9, 5060), sent_at.plus_seconds(8));
        rig.answer(&branch, "1 REGISTER", 100, udp(9, 5060));
        rig.pass(7999);
        assert_eq!(rig.events, []);
        rig.pass(1);
        assert_eq!(rig.events, [TxnEvent::ClientTimeout { owner: OWNER, txn, sent_at }]);
        assert!(rig.is_empty());
    }

    #[test]
    fn a_deadline_does_not_shorten_the_watch_for_late_copies() {
        let mut rig = Rig::new();
        let deadline = Mono(rig.now).plus_seconds(1);
        let (_, branch) = rig.ask(Kind::NonInvite, udp(9, 5060), deadline);
        rig.answer(&branch, "1 REGISTER", 200, udp(9, 5060));
        rig.pass(4999);
        assert_eq!(rig.answer(&branch, "1 REGISTER", 200, udp(9, 5060)), ResponseMatch::Absorbed);
    }

    #[test]
    fn over_a_stream_it_is_sent_once_and_nothing_lingers() {
        let mut rig = Rig::new();
        let (_, branch) = rig.ask(Kind::NonInvite, tcp(9), Mono::NEVER);
        assert_eq!(rig.sent(), [REGISTER]);
        assert_eq!(rig.pass(10_000), [0; 0]);
        assert_eq!(delivered(rig.answer(&branch, "1 REGISTER", 200, tcp(9))), Some(200));
        assert!(rig.is_empty());
    }

    #[test]
    fn a_response_must_fit_branch_method_host_and_status() {
        let mut rig = Rig::new();
        let (_, branch) = rig.ask(Kind::NonInvite, udp(9, 5060), Mono::NEVER);
        let foreign = rig.txns.new_branch();
        let no_match = ResponseMatch::NoMatch;
        assert_eq!(rig.answer(&foreign, "1 REGISTER", 200, udp(9, 5060)), no_match);
        assert_eq!(rig.answer(&branch, "1 OPTIONS", 200, udp(9, 5060)), no_match);
        assert_eq!(rig.answer(&branch, "1 REGISTER", 200, udp(8, 5060)), no_match);
        assert_eq!(rig.answer(&branch, "1 REGISTER", 700, udp(9, 5060)), ResponseMatch::Absorbed);
        let other_port = rig.answer(&branch, "1 REGISTER", 200, udp(9, 6666));
        assert_eq!(delivered(other_port), Some(200));
    }

    #[test]
    fn a_refusing_network_ends_what_waits_there_and_only_that() {
        let mut rig = Rig::new();
        let (lost, _) = rig.ask(Kind::NonInvite, udp(9, 5060), Mono::NEVER);
        let (_, other) = rig.ask(Kind::NonInvite, udp(8, 5060), Mono::NEVER);
        let (_, answered) = rig.ask(Kind::NonInvite, udp(9, 5060), Mono::NEVER);
        rig.answer(&answered, "1 REGISTER", 200, udp(9, 5060));
        let now = rig.now();
        rig.txns.transport_error(now, &udp(9, 5060), &mut rig.events);
        rig.txns.check_invariants();
        let expected = TxnEvent::ClientTransportError { owner: OWNER, txn: lost };
        assert_eq!(rig.events, [expected]);
        assert_eq!(rig.txns.client_count(), 2);
        let found = rig.answer(&other, "1 REGISTER", 200, udp(8, 5060));
        assert_eq!(delivered(found), Some(200));
    }

    #[test]
    fn a_lost_interest_is_respected() {
        let mut rig = Rig::new();
        let (register, branch) = rig.ask(Kind::NonInvite, udp(9, 5060), Mono::NEVER);
        rig.txns.cancel_client(register);
        rig.txns.cancel_client(register);
        assert!(rig.is_empty());
        let found = rig.answer(&branch, "1 REGISTER", 200, udp(9, 5060));
        assert_eq!(found, ResponseMatch::NoMatch);
        let (invite, branch) = rig.ask(Kind::Invite, udp(9, 5060), Mono::NEVER);
        rig.txns.cancel_client(invite);
        rig.sent();
        let found = rig.answer(&branch, "1 INVITE", 487, udp(9, 5060));
        assert_eq!(found, ResponseMatch::Absorbed);
        assert_eq!(rig.sent(), [ACK]);
        rig.pass(32_000);
        assert!(rig.is_empty() && rig.events.is_empty());
    }

    #[test]
    fn a_full_table_refuses_and_sends_nothing() {
        let mut rig = Rig::new();
        for _ in 0..8 {
            rig.ask(Kind::NonInvite, udp(9, 5060), Mono::NEVER);
        }
        assert_eq!(rig.sent().len(), 8);
        let branch = rig.txns.new_branch();
        let request = ClientRequest {
            kind: Kind::NonInvite,
            branch: &branch,
            flow: udp(9, 5060),
            bytes: request_bytes(Kind::NonInvite, &branch),
            give_up_at: Mono::NEVER,
            owner: OWNER,
        };
        let now = rig.now();
        assert_eq!(rig.txns.start_client(now, request, &mut rig.out), Err(Full));
        assert_eq!(rig.sent(), [""; 0]);
    }

    #[test]
    fn every_copy_of_a_refusal_is_acknowledged_but_only_one_delivered() {
        let mut rig = Rig::new();
        let (_, branch) = rig.ask(Kind::Invite, udp(9, 5060), Mono::NEVER);
        assert_eq!(rig.pass(1000), [0, 500]);
        assert_eq!(delivered(rig.answer(&branch, "1 INVITE", 180, udp(9, 5060))), Some(180));
        assert_eq!(rig.pass(60_000), [0; 0], "it rings");
        assert_eq!(delivered(rig.answer(&branch, "1 INVITE", 486, udp(9, 5060))), Some(486));
        assert_eq!(rig.sent(), [ACK]);
        let copy = rig.answer(&branch, "1 INVITE", 486, udp(9, 5060));
        assert_eq!((copy, rig.sent()), (ResponseMatch::Absorbed, vec![ACK.to_owned()]));
        rig.pass(32_000);
        assert!(rig.is_empty() && rig.events.is_empty());
    }

    #[test]
    fn every_2xx_to_an_invite_is_delivered_and_none_acknowledged_here() {
        let mut rig = Rig::new();
        let (_, branch) = rig.ask(Kind::Invite, udp(9, 5060), Mono::NEVER);
        assert_eq!(rig.sent(), [INVITE]);
        for _ in 0..2 {
            let found = rig.answer(&branch, "1 INVITE", 200, udp(9, 5060));
            assert_eq!(delivered(found), Some(200));
        }
        assert_eq!(rig.answer(&branch, "1 INVITE", 486, udp(9, 5060)), ResponseMatch::Absorbed);
        let now = rig.now();
        rig.txns.transport_error(now, &udp(9, 5060), &mut rig.events);
        assert_eq!((rig.pass(31_999), rig.txns.client_count()), (vec![], 1));
        rig.pass(1);
        assert!(rig.is_empty() && rig.events.is_empty());
    }

    #[test]
    fn a_branch_that_rang_too_long_still_hears_the_487() {
        let mut rig = Rig::new();
        let sent_at = Mono(rig.now);
        let (txn, branch) = rig.ask(Kind::Invite, udp(9, 5060), sent_at.plus_seconds(60));
        rig.answer(&branch, "1 INVITE", 180, udp(9, 5060));
        rig.pass(60_000);
        assert_eq!(rig.events, [TxnEvent::ClientTimeout { owner: OWNER, txn, sent_at }]);
        assert_eq!(delivered(rig.answer(&branch, "1 INVITE", 487, udp(9, 5060))), Some(487));
        assert_eq!(rig.sent(), [ACK]);
    }

    #[test]
    fn a_cancel_shares_the_branch_of_its_invite() {
        let mut rig = Rig::new();
        let (_, branch) = rig.ask(Kind::Invite, udp(9, 5060), Mono::NEVER);
        rig.answer(&branch, "1 INVITE", 180, udp(9, 5060));
        let request = ClientRequest {
            kind: Kind::NonInvite,
            branch: &branch,
            flow: udp(9, 5060),
            bytes: b"CANCEL sip:example.org SIP/2.0\r\n\r\n".as_slice().into(),
            give_up_at: Mono::NEVER,
            owner: OWNER,
        };
        let now = rig.now();
        let cancel = rig.txns.start_client(now, request, &mut rig.out).unwrap();
        match rig.answer(&branch, "1 CANCEL", 200, udp(9, 5060)) {
            ResponseMatch::Deliver { txn, status: 200, .. } => assert_eq!(txn, cancel),
            other => panic!("{other:?}"),
        }
        assert_eq!(delivered(rig.answer(&branch, "1 INVITE", 487, udp(9, 5060))), Some(487));
    }
}

mod whole {
    use super::*;

    #[test]
    fn work_per_call_is_bounded_and_the_rest_is_announced() {
        let mut rig = Rig::new();
        for _ in 0..8 {
            rig.ask(Kind::NonInvite, tcp(9), Mono::NEVER);
        }
        rig.now += 32_000;
        rig.fire(3);
        assert_eq!((rig.events.len(), rig.txns.client_count()), (3, 5));
        assert!(rig.txns.next_deadline().unwrap() <= Mono(rig.now));
        rig.fire(100);
        assert_eq!((rig.events.len(), rig.txns.next_deadline()), (8, None));
    }

    /// A little generator, so that runs repeat (xorshift).
    struct Dice(u64);

    impl Dice {
        fn roll(&mut self, sides: u64) -> u64 {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            self.0 % sides
        }
    }

    /// Random traffic in every state, with lost, repeated and foreign messages.
    fn storm(seed: u64) -> Rig {
        let mut rig = Rig::with(Limits { servers: 40, clients: 40 });
        let mut dice = Dice(seed * 2 + 1);
        let (mut servers, mut clients) = (Vec::new(), Vec::new());
        for _ in 0..400 {
            let flow = if dice.roll(4) == 0 { tcp(1) } else { udp(1, 5060) };
            let invite = dice.roll(2) == 0;
            match dice.roll(8) {
                0 => {
                    let method = if invite { sip::Method::Invite } else { sip::Method::Register };
                    let kind = if invite { Kind::Invite } else { Kind::NonInvite };
                    let branch = format!("z9hG4bK{}", dice.roll(60));
                    let key = rig.key(method.as_str(), &branch, &flow);
                    let now = rig.now();
                    let found = rig.txns.match_request(now, key, method, &mut rig.out);
                    if found == RequestMatch::New {
                        servers.extend(rig.txns.start_server(now, key, kind, flow));
                    }
                }
                1 => drop(rig.request(sip::Method::Ack, &format!("z9hG4bK{}", dice.roll(60)))),
                2 | 3 if !servers.is_empty() => {
                    let txn = servers[dice.roll(servers.len() as u64) as usize];
                    let status = [100, 180, 200, 408, 486][dice.roll(5) as usize];
                    rig.respond(txn, status, ANSWER);
                }
                4 if rig.txns.client_count() < 40 => {
                    let kind = if invite { Kind::Invite } else { Kind::NonInvite };
                    let give_up_at = Mono(rig.now + dice.roll(100_000));
                    let (txn, branch) = rig.ask(kind, flow, give_up_at);
                    clients.push((txn, branch, if invite { "1 INVITE" } else { "1 REGISTER" }));
                }
                5 | 6 if !clients.is_empty() => {
                    let (txn, branch, cseq) = clients[dice.roll(clients.len() as u64) as usize];
                    let status = [100, 180, 200, 403, 487][dice.roll(5) as usize];
                    rig.answer(&branch, cseq, status, udp(1, 5060));
                    if dice.roll(20) == 0 {
                        rig.txns.cancel_client(txn);
                    }
                }
                _ => drop(rig.pass(dice.roll(3000))),
            }
            if dice.roll(50) == 0 {
                let now = rig.now();
                rig.txns.transport_error(now, &flow, &mut rig.events);
            }
            let live = rig.txns.timers.live();
            assert!(live <= 2 * (rig.txns.server_count() + rig.txns.client_count()));
        }
        rig
    }

    #[test]
    fn after_a_giant_jump_of_the_clock_everything_is_over() {
        for seed in 0..64 {
            let mut rig = storm(seed);
            let mut calls = 0;
            while let Some(deadline) = rig.txns.next_deadline() {
                rig.now = (rig.now + 86_400_000).max(deadline.0);
                rig.fire(7);
                calls += 1;
                assert!(calls < 1000, "seed {seed} does not end");
            }
            assert!(rig.is_empty(), "seed {seed}");
        }
    }

    #[test]
    fn the_same_inputs_give_the_same_outputs() {
        let outputs = |seed| {
            let mut rig = storm(seed);
            (rig.sent(), rig.events.clone())
        };
        for seed in 0..8 {
            assert_eq!(outputs(seed), outputs(seed));
        }
    }

    #[test]
    fn a_final_response_is_delivered_at_most_once() {
        for seed in 0..32 {
            let mut rig = Rig::new();
            let mut dice = Dice(seed * 2 + 1);
            let (_, branch) = rig.ask(Kind::NonInvite, udp(9, 5060), Mono::NEVER);
            let mut finals = 0;
            for _ in 0..40 {
                let status = [100, 200, 401][dice.roll(3) as usize];
                let found = rig.answer(&branch, "1 REGISTER", status, udp(9, 5060));
                finals += usize::from(delivered(found).is_some_and(|status| status >= 200));
                rig.pass(dice.roll(1000));
            }
            let timeouts = rig.events.len();
            assert_eq!(finals + timeouts, 1, "seed {seed}");
        }
    }
}
