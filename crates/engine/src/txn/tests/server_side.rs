use super::*;

#[test]
fn a_retransmission_gets_the_same_answer_until_timer_j() {
    let mut rig = Rig::new();
    assert_eq!(
        rig.request(sip::Method::Register, "z9hG4bKa"),
        RequestMatch::New
    );
    let txn = rig.serve(sip::Method::Register, "z9hG4bKa", udp(1, 5060));
    assert_eq!(
        rig.request(sip::Method::Register, "z9hG4bKa"),
        RequestMatch::Absorbed
    );
    assert_eq!(rig.sent(), [""; 0], "no answer yet");
    assert!(rig.respond(txn, 200, ANSWER));
    assert_eq!(rig.sent(), ["SIP/2.0 200 OK"]);
    rig.pass(31_999);
    assert_eq!(
        rig.request(sip::Method::Register, "z9hG4bKa"),
        RequestMatch::Absorbed
    );
    assert_eq!(rig.sent(), ["SIP/2.0 200 OK"]);
    rig.pass(1);
    assert!(rig.is_empty() && !rig.txns.server_alive(txn));
    assert_eq!(
        rig.request(sip::Method::Register, "z9hG4bKa"),
        RequestMatch::New
    );
    assert!(!rig.respond(txn, 200, ANSWER), "it is over");
    assert_eq!(rig.sent(), [""; 0]);
}

#[test]
fn a_final_answer_is_sent_once() {
    let mut rig = Rig::new();
    let txn = rig.serve(sip::Method::Register, "z9hG4bKa", udp(1, 5060));
    assert!(rig.respond(txn, 200, ANSWER));
    assert!(
        rig.respond(txn, 486, REFUSAL),
        "it is there, but says no more"
    );
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
    assert_eq!(rig.events, [TxnEvent::ServerOverdue { txn, owner: None }]);
    rig.respond(txn, 100, TRYING);
    rig.respond(txn, 180, RINGING);
    assert_eq!(rig.sent(), ["SIP/2.0 100 Trying"]);
    rig.request(sip::Method::Register, "z9hG4bKa");
    assert_eq!(rig.sent(), ["SIP/2.0 100 Trying"]);
    assert!(rig.respond(txn, 408, b"SIP/2.0 408 Request Timeout\r\n\r\n"));
    assert_eq!(
        rig.request(sip::Method::Register, "z9hG4bKa"),
        RequestMatch::Absorbed
    );
    assert_eq!(rig.sent(), [""; 0]);
}

#[test]
fn an_unanswered_request_ends_with_the_clients_patience() {
    let mut rig = Rig::new();
    let txn = rig.serve(sip::Method::Register, "z9hG4bKa", udp(1, 5060));
    assert_eq!(rig.pass(32_000), [0; 0]);
    let expected = [
        TxnEvent::ServerOverdue { txn, owner: None },
        TxnEvent::ServerTimeout { txn, owner: None },
    ];
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
    assert_eq!(
        rig.request(sip::Method::Register, "z9hG4bKa"),
        RequestMatch::New
    );
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
    assert_eq!(
        rig.txns.start_server(now, key, Kind::NonInvite, flow),
        Err(Full)
    );
    rig.txns.abandon_server(txns[0]);
    assert!(
        rig.txns
            .start_server(now, key, Kind::NonInvite, flow)
            .is_ok()
    );
}

#[test]
fn a_refused_invite_is_repeated_until_its_ack() {
    let mut rig = Rig::new();
    let txn = rig.serve(sip::Method::Invite, "z9hG4bKa", udp(1, 5060));
    rig.respond(txn, 180, RINGING);
    assert_eq!(
        rig.request(sip::Method::Invite, "z9hG4bKa"),
        RequestMatch::Absorbed
    );
    assert_eq!(rig.sent(), ["SIP/2.0 180 Ringing"; 2]);
    rig.respond(txn, 486, REFUSAL);
    assert_eq!(rig.sent(), ["SIP/2.0 486 Busy Here"]);
    assert_eq!(rig.pass(2000), [500, 1500]);
    rig.request(sip::Method::Invite, "z9hG4bKa");
    assert_eq!(rig.sent(), ["SIP/2.0 486 Busy Here"], "the last answer");
    assert_eq!(
        rig.request(sip::Method::Ack, "z9hG4bKa"),
        RequestMatch::Absorbed
    );
    assert_eq!(
        rig.request(sip::Method::Ack, "z9hG4bKa"),
        RequestMatch::Absorbed
    );
    assert_eq!(rig.pass(5000), [0; 0]);
    assert!(rig.is_empty() && rig.events.is_empty());
}

#[test]
fn a_refusal_without_ack_ends_at_timer_h() {
    let mut rig = Rig::new();
    let txn = rig.serve(sip::Method::Invite, "z9hG4bKa", udp(1, 5060));
    rig.respond(txn, 486, REFUSAL);
    assert_eq!(rig.sent(), ["SIP/2.0 486 Busy Here"]);
    assert_eq!(rig.pass(32_000).len(), 10);
    assert_eq!(rig.events, [TxnEvent::ServerTimeout { txn, owner: None }]);
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
    assert_eq!(
        rig.sent(),
        ["SIP/2.0 180 Ringing", "SIP/2.0 200 OK", "SIP/2.0 200 OK"]
    );
    assert_eq!(
        rig.request(sip::Method::Invite, "z9hG4bKa"),
        RequestMatch::Absorbed
    );
    assert_eq!(
        rig.sent(),
        [""; 0],
        "the user repeats a 2xx, not the transaction"
    );
    assert_eq!(
        rig.request(sip::Method::Ack, "z9hG4bKa"),
        RequestMatch::Ack(txn)
    );
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
    let known = RequestMatch::Cancel {
        invite: Some(invite),
    };
    assert_eq!(rig.request(sip::Method::Cancel, "z9hG4bKa"), known);
    let cancel = rig.serve(sip::Method::Cancel, "z9hG4bKa", udp(1, 5060));
    rig.respond(cancel, 200, ANSWER);
    assert_eq!(
        rig.request(sip::Method::Cancel, "z9hG4bKa"),
        RequestMatch::Absorbed
    );
    assert_eq!(rig.sent(), ["SIP/2.0 200 OK"; 2]);
    assert!(rig.txns.server_alive(invite));
}
