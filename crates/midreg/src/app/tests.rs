//! midreg as a whole, over real sockets on loopback, without its command line.

use std::collections::HashSet;

use std::net::UdpSocket;

use super::*;
use crate::config::{Override, Typed, load};

/// How long anything may take before a test gives up on it.
const LIMIT: Duration = Duration::from_secs(20);

fn start(upstream: SocketAddr, sets: &[&str]) -> App {
    let mut overrides = vec![
        Override::Listen(vec!["udp://127.0.0.1:0".to_owned()]),
        Override::Upstream(vec![format!("sip:{upstream}")]),
    ];
    overrides.extend(sets.iter().map(|set| Override::Set((*set).to_owned())));
    App::start(
        load(&Typed {
            file: None,
            overrides,
        })
        .expect("good")
        .config,
    )
    .expect("started")
}

fn socket() -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    socket.set_read_timeout(Some(LIMIT)).expect("set");
    socket
}

fn address(socket: &UdpSocket) -> SocketAddr {
    socket.local_addr().expect("bound")
}

/// A socket that refuses datagrams: it takes them from itself alone, and keeps its port from others.
fn closed() -> UdpSocket {
    let socket = socket();
    socket.connect(address(&socket)).expect("connected");
    socket
}

fn register(user: &str, cseq: u32, local: SocketAddr) -> String {
    format!(
        "REGISTER sip:example.com SIP/2.0\r\n\
         Via: SIP/2.0/UDP {local};rport;branch=z9hG4bK-{user}-{cseq}\r\n\
         Max-Forwards: 70\r\nFrom: <sip:{user}@example.com>;tag=1\r\n\
         To: <sip:{user}@example.com>\r\nCall-ID: {user}@test\r\nCSeq: {cseq} REGISTER\r\n\
         Contact: <sip:{user}@{local}>\r\nExpires: 60\r\nContent-Length: 0\r\n\r\n"
    )
}

/// The first line and the Call-ID of the next message.
fn next(socket: &UdpSocket) -> (String, String) {
    let mut buffer = [0; 4096];
    let (length, _) = socket.recv_from(&mut buffer).expect("a message in time");
    let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
    let line = |name: &str| {
        text.lines()
            .find(|line| line.starts_with(name))
            .map(str::to_owned)
    };
    (
        line("").expect("a line"),
        line("Call-ID: ").expect("a Call-ID"),
    )
}

fn wait_for_end(app: &mut App) -> Box<Report> {
    match app.wait(LIMIT) {
        Wait::Ended(report) => report,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_reaches_the_wrong_shard_is_handed_over_and_answered_all_the_same() {
    let upstream = socket();
    let mut app = start(
        address(&upstream),
        &["workers=2", "upstream.max_in_flight=1000"],
    );
    let target = app.listeners()[0];
    let phones: Vec<UdpSocket> = (0..16).map(|_| socket()).collect();
    for (index, phone) in phones.iter().enumerate() {
        for number in 0..4 {
            let text = register(&format!("u{index}x{number}"), 1, address(phone));
            phone.send_to(text.as_bytes(), target).expect("sent");
        }
    }
    // Each REGISTER arrives upstream under a Call-ID of its own; nobody answers, so it may also
    // arrive again.
    let mut seen = HashSet::new();
    while seen.len() < 64 {
        let (line, call_id) = next(&upstream);
        assert!(line.starts_with("REGISTER "), "{line}");
        seen.insert(call_id);
    }
    let report = app.report();
    assert_eq!(
        (report.counters.registers, report.totals.conversations),
        (64, 64)
    );
    // With 16 flows and 64 users, chance puts all of them right once in 2^64.
    assert!(report.tally.handed_over > 0, "{:?}", report.tally);
    assert!(report.tally.received >= 64, "{:?}", report.tally);
    assert_eq!(report.tally.mailbox_full, 0);
    drop(upstream);
    app.drain();
    wait_for_end(&mut app);
}

#[test]
fn a_closed_port_upstream_is_noticed_without_waiting_for_the_deadline() {
    for workers in ["workers=1", "workers=3"] {
        let closed = closed();
        let mut app = start(address(&closed), &["upstream.deadline=5m", workers]);
        let phone = socket();
        let text = register("alice", 1, address(&phone));
        phone
            .send_to(text.as_bytes(), app.listeners()[0])
            .expect("sent");
        let (line, _) = next(&phone);
        assert!(line.starts_with("SIP/2.0 503"), "{line}");
        app.drain();
        let report = wait_for_end(&mut app);
        assert!(report.tally.refused > 0, "{:?}", report.tally);
    }
}

#[test]
fn draining_lets_what_is_under_way_end_and_takes_nothing_new() {
    let upstream = socket();
    let mut app = start(address(&upstream), &["upstream.deadline=5m"]);
    let target = app.listeners()[0];
    let phone = socket();
    phone
        .send_to(register("alice", 1, address(&phone)).as_bytes(), target)
        .expect("sent");
    let mut buffer = [0; 4096];
    let (length, from) = upstream.recv_from(&mut buffer).expect("forwarded");
    let request = sip::Message::parse(&buffer[..length]).expect("SIP");
    let mut answer = Vec::new();
    let mut response = sip::Response::new(&mut answer, 403, "Forbidden");
    response.vias_from(&request, None);
    response.to_with_tag(&request, b"t");
    for name in [sip::Name::From, sip::Name::CallId, sip::Name::CSeq] {
        response.copy(&request, name);
    }
    response.finish(b"");

    app.drain();
    // The report is answered after the order to drain, so what comes later is dropped.
    assert_eq!(app.report().totals.conversations, 1);
    phone
        .send_to(register("bob", 1, address(&phone)).as_bytes(), target)
        .expect("sent");
    upstream.send_to(&answer, from).expect("sent");
    let (line, call_id) = next(&phone);
    assert!(
        line.starts_with("SIP/2.0 403") && call_id.contains("alice"),
        "{line} {call_id}"
    );
    let report = wait_for_end(&mut app);
    assert_eq!(report.counters.registers, 1);
    assert_eq!(report.tally.drained, 1);
}

#[test]
fn draining_ends_at_the_deadline_whatever_is_under_way() {
    let upstream = socket();
    let mut app = start(address(&upstream), &["upstream.deadline=100ms"]);
    let phone = socket();
    let text = register("alice", 1, address(&phone));
    phone
        .send_to(text.as_bytes(), app.listeners()[0])
        .expect("sent");
    next(&upstream);
    app.drain();
    wait_for_end(&mut app);
}

/// A registrar that accepts everybody, with these listeners.
fn open(listen: &[String], sets: &[&str]) -> Config {
    let mut overrides = vec![
        Override::Listen(listen.to_vec()),
        Override::Set("registration.accept=anybody".to_owned()),
    ];
    overrides.extend(sets.iter().map(|set| Override::Set((*set).to_owned())));
    let typed = Typed {
        file: None,
        overrides,
    };
    load(&typed).expect("good").config
}

fn url(address: SocketAddr) -> String {
    format!("udp://{address}")
}

/// What comes back for a text that is sent from here to there.
fn exchange(from: &UdpSocket, to: SocketAddr, text: &str) -> String {
    from.send_to(text.as_bytes(), to).expect("sent");
    next(from).0
}

fn request(method: &str, to: &str, from: &UdpSocket) -> String {
    let local = address(from);
    format!(
        "{method} sip:alice@example.com SIP/2.0\r\n\
         Via: SIP/2.0/UDP {local};rport;branch=z9hG4bK-{method}-{}\r\nMax-Forwards: 70\r\n\
         From: <sip:bob@example.com>;tag=1\r\nTo: {to}\r\nCall-ID: {method}@{local}\r\n\
         CSeq: 2 {method}\r\nContent-Length: 0\r\n\r\n",
        to.len()
    )
}

#[test]
fn every_shard_follows_at_once_and_has_the_new_sockets() {
    let any = "udp://127.0.0.1:0".to_owned();
    let sets = ["workers=3"];
    let app = App::start(open(std::slice::from_ref(&any), &sets)).expect("started");
    let two = open(&[any.clone(), any], &sets);
    app.helm().adopt(two).expect("in force");
    let [old, new] = app.listeners()[..] else {
        panic!("{:?}", app.listeners())
    };
    // Many flows and users, so that every shard reads from the new listener and hands over.
    for number in 0..24 {
        let phone = socket();
        let text = register(&format!("u{number}"), 1, address(&phone));
        assert_eq!(exchange(&phone, new, &text), "SIP/2.0 200 OK");
        let again = register(&format!("u{number}"), 2, address(&phone));
        assert_eq!(exchange(&phone, old, &again), "SIP/2.0 200 OK");
    }
    assert_eq!(app.report().totals.records, 24);
}

#[test]
fn who_registered_by_a_listener_that_is_gone_is_not_reached_until_it_is_back() {
    let (fixed, free) = (address(&socket()), "udp://127.0.0.1:0".to_owned());
    let both = [free.clone(), url(fixed)];
    let app = App::start(open(&both, &[])).expect("started");
    let [stays, goes] = app.listeners()[..] else {
        panic!("{:?}", app.listeners())
    };
    let (alice, bob) = (socket(), socket());
    let of_alice = register("alice", 1, address(&alice));
    assert_eq!(exchange(&alice, goes, &of_alice), "SIP/2.0 200 OK");
    let of_bob = register("bob", 1, address(&bob));
    assert_eq!(exchange(&bob, stays, &of_bob), "SIP/2.0 200 OK");

    app.helm().adopt(open(&[free], &[])).expect("in force");
    assert_eq!(app.report().totals.bindings, 2, "nobody is forgotten");
    let call = request("MESSAGE", "<sip:alice@example.com>", &bob);
    assert_eq!(
        exchange(&bob, stays, &call),
        "SIP/2.0 480 Temporarily Unavailable"
    );

    app.helm().adopt(open(&both, &[])).expect("in force");
    let call = request("MESSAGE", "<sip:ALICE@example.com>", &bob).replace("MESSAGE@", "again@");
    bob.send_to(call.replace("z9hG4bK", "z9hG4bK2").as_bytes(), stays)
        .expect("sent");
    assert!(
        next(&alice).0.starts_with("MESSAGE "),
        "it reaches her again"
    );
}

#[test]
fn what_cannot_be_bound_leaves_all_as_it_was() {
    let taken = socket();
    let any = "udp://127.0.0.1:0".to_owned();
    let app = App::start(open(std::slice::from_ref(&any), &[])).expect("started");
    let before = app.listeners();
    let wanted = open(&[any.clone(), any, url(address(&taken))], &[]);
    let error = app.helm().adopt(wanted).expect_err("taken");
    assert!(
        error.to_string().contains(&address(&taken).to_string()),
        "{error}"
    );
    assert_eq!(app.listeners(), before);
    let phone = socket();
    let text = register("alice", 1, address(&phone));
    assert_eq!(exchange(&phone, before[0], &text), "SIP/2.0 200 OK");
}

/// In a dialog that was begun before, the far end is still heard while midreg drains; a new call is not.
#[test]
fn draining_serves_what_belongs_to_a_dialog() {
    let upstream = socket();
    let mut app = start(address(&upstream), &["upstream.deadline=5m"]);
    let target = app.listeners()[0];
    let (phone, other) = (socket(), socket());
    phone
        .send_to(register("alice", 1, address(&phone)).as_bytes(), target)
        .expect("sent");
    next(&upstream);
    app.drain();
    assert_eq!(
        app.report().totals.conversations,
        1,
        "there is something to wait for"
    );

    let invite = request("INVITE", "<sip:alice@example.com>", &other);
    other.send_to(invite.as_bytes(), target).expect("sent");
    let bye = request("BYE", "<sip:alice@example.com>;tag=2", &other);
    let (line, call_id) = {
        other.send_to(bye.as_bytes(), target).expect("sent");
        next(&other)
    };
    assert!(call_id.contains("BYE"), "{line} {call_id}");
    assert_eq!(app.report().tally.drained, 1);
    app.helm().cut();
    wait_for_end(&mut app);
}

#[test]
fn what_devices_ask_never_leaves_from_the_address_of_our_own_requests() {
    let upstream = socket();
    let app = start(
        address(&upstream),
        &["upstream.control_bind=udp://127.0.0.1:0"],
    );
    let [shared, control] = app.listeners()[..] else {
        panic!("{:?}", app.listeners())
    };
    assert_ne!(shared, control);
    let phone = socket();
    let text = register("alice", 1, address(&phone));
    phone.send_to(text.as_bytes(), shared).expect("sent");
    let mut buffer = [0; 4096];
    let (_, from) = upstream.recv_from(&mut buffer).expect("forwarded");
    assert_eq!(from, shared);
}

#[test]
fn an_address_in_use_is_told() {
    let taken = socket();
    let listen = Override::Listen(vec![format!("udp://{}", address(&taken))]);
    let upstream = Override::Upstream(vec!["sip:127.0.0.1:9".to_owned()]);
    let typed = Typed {
        file: None,
        overrides: vec![listen, upstream],
    };
    let error = App::start(load(&typed).expect("good").config).expect_err("taken");
    assert!(
        error.to_string().contains(&address(&taken).to_string()),
        "{error}"
    );
}

#[test]
fn a_name_is_resolved_before_anything_is_served() {
    let upstream = socket();
    let uri = format!("sip:localhost:{}", address(&upstream).port());
    let listen = Override::Listen(vec!["udp://127.0.0.1:0".to_owned()]);
    let typed = Typed {
        file: None,
        overrides: vec![listen, Override::Upstream(vec![uri])],
    };
    let app = App::start(load(&typed).expect("good").config).expect("started");
    let phone = socket();
    let text = register("alice", 1, address(&phone));
    phone
        .send_to(text.as_bytes(), app.listeners()[0])
        .expect("sent");
    assert!(next(&upstream).0.starts_with("REGISTER "));
}
