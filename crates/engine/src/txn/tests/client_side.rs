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
    let expected = ResponseMatch::Deliver {
        txn,
        owner: OWNER,
        status: 200,
        sent_at,
    };
    assert_eq!(
        rig.answer(&branch, "1 REGISTER", 200, udp(9, 5060)),
        expected
    );
    assert!(rig.is_empty(), "nothing is kept for copies");
    for copy in [200, 403, 100] {
        let found = rig.answer(&branch, "1 REGISTER", copy, udp(9, 5060));
        assert_eq!(found, ResponseMatch::NoMatch);
    }
    assert_eq!(rig.pass(60_000), [0; 0]);
    assert!(rig.events.is_empty());
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
    assert_eq!(
        sent,
        [
            500, 1500, 3500, 7500, 11500, 15500, 19500, 23500, 27500, 31500
        ]
    );
    assert_eq!(
        rig.events,
        [TxnEvent::ClientTimeout {
            owner: OWNER,
            txn,
            sent_at
        }]
    );
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
    assert_eq!(
        rig.events,
        [TxnEvent::ClientTimeout {
            owner: OWNER,
            txn,
            sent_at
        }]
    );
    assert!(rig.is_empty());
}

#[test]
fn a_deadline_does_not_shorten_the_watch_for_late_copies() {
    let mut rig = Rig::new();
    let deadline = Mono(rig.now).plus_seconds(1);
    let (_, branch) = rig.ask(Kind::Invite, udp(9, 5060), deadline);
    rig.answer(&branch, "1 INVITE", 486, udp(9, 5060));
    rig.pass(31_999);
    rig.sent();
    assert_eq!(
        rig.answer(&branch, "1 INVITE", 486, udp(9, 5060)),
        ResponseMatch::Absorbed
    );
    assert_eq!(rig.sent(), [ACK]);
}

#[test]
fn over_a_stream_it_is_sent_once_and_nothing_lingers() {
    let mut rig = Rig::new();
    let (_, branch) = rig.ask(Kind::NonInvite, tcp(9), Mono::NEVER);
    assert_eq!(rig.sent(), [REGISTER]);
    assert_eq!(rig.pass(10_000), [0; 0]);
    assert_eq!(
        delivered(rig.answer(&branch, "1 REGISTER", 200, tcp(9))),
        Some(200)
    );
    assert!(rig.is_empty());
}

#[test]
fn a_response_must_fit_branch_method_and_host() {
    let mut rig = Rig::new();
    let (_, branch) = rig.ask(Kind::NonInvite, udp(9, 5060), Mono::NEVER);
    let foreign = rig.txns.new_branch();
    let no_match = ResponseMatch::NoMatch;
    assert_eq!(
        rig.answer(&foreign, "1 REGISTER", 200, udp(9, 5060)),
        no_match
    );
    assert_eq!(
        rig.answer(&branch, "1 OPTIONS", 200, udp(9, 5060)),
        no_match
    );
    assert_eq!(
        rig.answer(&branch, "1 REGISTER", 200, udp(8, 5060)),
        no_match
    );
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
    rig.txns
        .transport_error(now, &udp(9, 5060), &mut rig.events);
    rig.txns.check_invariants();
    let expected = TxnEvent::ClientTransportError {
        owner: OWNER,
        txn: lost,
    };
    assert_eq!(rig.events, [expected]);
    assert_eq!(rig.txns.client_count(), 1);
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
    assert_eq!(rig.sent(), [INVITE]);
    assert_eq!(rig.pass(1000), [500]);
    assert_eq!(
        delivered(rig.answer(&branch, "1 INVITE", 180, udp(9, 5060))),
        Some(180)
    );
    assert_eq!(rig.pass(60_000), [0; 0], "it rings");
    assert_eq!(
        delivered(rig.answer(&branch, "1 INVITE", 486, udp(9, 5060))),
        Some(486)
    );
    assert_eq!(rig.sent(), [ACK]);
    let copy = rig.answer(&branch, "1 INVITE", 486, udp(9, 5060));
    assert_eq!(
        (copy, rig.sent()),
        (ResponseMatch::Absorbed, vec![ACK.to_owned()])
    );
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
    assert_eq!(
        rig.answer(&branch, "1 INVITE", 486, udp(9, 5060)),
        ResponseMatch::Absorbed
    );
    let now = rig.now();
    rig.txns
        .transport_error(now, &udp(9, 5060), &mut rig.events);
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
    assert_eq!(rig.events, [TxnEvent::ClientOverdue { owner: OWNER, txn }]);
    assert_eq!(
        delivered(rig.answer(&branch, "1 INVITE", 487, udp(9, 5060))),
        Some(487)
    );
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
        ResponseMatch::Deliver {
            txn, status: 200, ..
        } => assert_eq!(txn, cancel),
        other => panic!("{other:?}"),
    }
    assert_eq!(
        delivered(rig.answer(&branch, "1 INVITE", 487, udp(9, 5060))),
        Some(487)
    );
}
