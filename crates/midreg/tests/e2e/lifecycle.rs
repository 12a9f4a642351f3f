//! midreg as a service: ready, reloading, alive, stopping, and with which code it ends.

use std::net::UdpSocket;

use rustix::process::Signal;

use crate::rig::{Outcome, PROMPT, Phone, Port, Service};

/// Exit codes, as `midreg --help` and docs/install.md tell them.
const WELL: i32 = 0;
const FAILED: i32 = 1;
const BAD_CONFIG: i32 = 2;

fn standalone(port: &Port) -> String {
    format!("{}\n[registration]\naccept = \"anybody\"\n", port.listen())
}

/// Before a main registrar that says nothing, so that whatever is asked stays under way.
fn before_nobody(port: &Port, nobody: &UdpSocket) -> String {
    let upstream = nobody.local_addr().expect("bound");
    let listen = port.listen();
    format!("{listen}\n[upstream]\nservers = [\"sip:{upstream}\"]\ndeadline = \"2s\"\n")
}

fn nobody() -> UdpSocket {
    let nobody = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    nobody
        .set_read_timeout(Some(PROMPT))
        .expect("a read timeout");
    nobody
}

/// Sends a REGISTER that waits for an answer from upstream.
fn begin_something(port: &Port, upstream: &UdpSocket) {
    let phone = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    let local = phone.local_addr().expect("bound");
    let text = format!(
        "REGISTER sip:example.test SIP/2.0\r\nVia: SIP/2.0/UDP {local};rport;branch=z9hG4bK1\r\n\
         Max-Forwards: 70\r\nFrom: <sip:alice@example.test>;tag=1\r\nTo: <sip:alice@example.test>\r\n\
         Call-ID: 1@{local}\r\nCSeq: 1 REGISTER\r\nContact: <sip:alice@{local}>\r\nExpires: 60\r\n\
         Content-Length: 0\r\n\r\n"
    );
    phone
        .send_to(text.as_bytes(), port.address())
        .expect("sent");
    let mut forwarded = [0; 4096];
    upstream.recv(&mut forwarded).expect("it is forwarded");
}

#[test]
fn ready_means_that_it_listens() {
    let port = Port::reserve();
    let midreg = Service::launch(&standalone(&port), &[]);
    let words = midreg.wait_for_word("READY=1");
    assert!(!port.is_free());
    assert!(words.contains("STATUS=serving"), "{words}");
    let mut alice = Phone::of("alice");
    alice.ask(&alice.contact(60), 200, port.address());
}

#[test]
fn a_reload_is_told_from_its_beginning_to_its_end() {
    let port = Port::reserve();
    let good = standalone(&port);
    let midreg = Service::start(&good);
    let next = || midreg.next_words(PROMPT).expect("told");

    assert_eq!(midreg.reload(&good), Outcome::Reloaded);
    let (begun, over) = (next(), next());
    let (state, clock) = begun.split_once('\n').expect("two words");
    assert_eq!(state, "RELOADING=1");
    let clock = clock.trim().strip_prefix("MONOTONIC_USEC=");
    let clock: Option<u64> = clock.and_then(|clock| clock.parse().ok());
    assert!(clock.is_some_and(|clock| clock > 0), "{begun}");
    assert!(
        over.contains("READY=1") && over.contains("STATUS=reloaded"),
        "{over}"
    );

    assert_eq!(midreg.reload("nonsense"), Outcome::Refused);
    let (begun, over) = (next(), next());
    assert!(begun.starts_with("RELOADING=1"), "{begun}");
    assert!(
        over.contains("READY=1") && over.contains("STATUS=reload refused"),
        "{over}"
    );
}

#[test]
fn signs_of_life_are_given_where_they_are_waited_for() {
    let port = Port::reserve();
    let midreg = Service::launch(&standalone(&port), &["WATCHDOG_USEC=400000"]);
    for _ in 0..3 {
        midreg.wait_for_word("WATCHDOG=1");
    }
}

#[test]
fn it_stops_at_once_when_nothing_is_under_way() {
    for signal in [Signal::TERM, Signal::INT] {
        let port = Port::reserve();
        let midreg = Service::start(&standalone(&port));
        let mut alice = Phone::of("alice");
        alice.ask(&alice.contact(60), 200, port.address());
        midreg.signal(signal);
        midreg.wait_for_word("STOPPING=1");
        let (status, lines) = midreg.finish();
        assert_eq!(status.code(), Some(WELL), "{lines:?}");
        assert!(
            lines.last().is_some_and(|line| line.contains("ended")),
            "{lines:?}"
        );
    }
}

#[test]
fn what_is_under_way_is_waited_for_but_not_for_ever() {
    let (port, upstream) = (Port::reserve(), nobody());
    let midreg = Service::start(&before_nobody(&port, &upstream));
    begin_something(&port, &upstream);
    midreg.signal(Signal::TERM);
    midreg.wait_for_word("STOPPING=1");
    midreg.wait_for_line("draining");
    // It goes on asking.
    let mut repeated = [0; 4096];
    upstream.recv(&mut repeated).expect("it is repeated");
    let (status, lines) = midreg.finish();
    assert_eq!(status.code(), Some(WELL), "{lines:?}");
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let (port, upstream) = (Port::reserve(), nobody());
    let file = before_nobody(&port, &upstream).replace("2s", "5m");
    let midreg = Service::start(&file);
    begin_something(&port, &upstream);
    midreg.signal(Signal::TERM);
    midreg.wait_for_word("STOPPING=1");
    midreg.signal(Signal::INT);
    let (status, lines) = midreg.finish();
    assert_eq!(status.code(), Some(FAILED), "{lines:?}");
}

#[test]
fn what_stops_the_start_is_told_by_the_exit_code() {
    let port = Port::reserve();
    let bad = Service::launch("mode = \"star\"", &[]);
    let (status, lines) = bad.finish();
    assert_eq!(status.code(), Some(BAD_CONFIG), "{lines:?}");

    let _holder = port.swallow();
    let late = Service::launch(&standalone(&port), &[]);
    let told = late.wait_for_word("STATUS=");
    assert!(told.contains("cannot listen on"), "{told}");
    let (status, lines) = late.finish();
    assert_eq!(status.code(), Some(FAILED), "{lines:?}");
}
