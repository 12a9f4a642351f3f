use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use super::*;

/// The cast before a relay that the test plays itself: what the cast sends arrives at a socket, what it hears is
/// handed to it.
struct Play {
    cast: Cast,
    lines: Lines,
    relay: UdpSocket,
    lines_of: Vec<SocketAddr>,
}

impl Play {
    fn with(devices: usize) -> Self {
        let relay = UdpSocket::bind("127.0.0.1:0").unwrap();
        relay
            .set_read_timeout(Some(Duration::from_secs(5)))
            .unwrap();
        let target = relay.local_addr().unwrap();
        let mut sockets = crate::load::open_sources(target, 1 + devices).unwrap();
        let caller = sockets.remove(0);
        let lines = Lines::new(caller, sockets);
        let address = |socket: &UdpSocket| socket.local_addr().unwrap();
        let lines_of: Vec<_> = lines.sockets().map(address).collect();
        let script = Script::new(lines_of[CALLER], "example.com", 9);
        let targets = vec![b"sip:u0000000@relay".to_vec()];
        let cast = Cast::new(script, targets, &lines_of[1..], (devices, 1));
        Self {
            cast,
            lines,
            relay,
            lines_of,
        }
    }

    /// What is sent next: by which line, and the text.
    fn said(&mut self) -> (usize, String) {
        self.lines.flush().unwrap();
        let mut buffer = [0; 4096];
        let (length, from) = self.relay.recv_from(&mut buffer).unwrap();
        let line = self.lines_of.iter().position(|line| *line == from).unwrap();
        (line, String::from_utf8(buffer[..length].to_vec()).unwrap())
    }

    /// The next thing said must begin like this, on this line; the whole of it.
    fn says(&mut self, line: usize, start: &str) -> String {
        let (by, text) = self.said();
        assert!(by == line && text.starts_with(start), "line {by}: {text}");
        text
    }

    fn hears(&mut self, line: usize, text: &str) {
        let heard = Heard {
            line,
            datagram: text.as_bytes(),
            now: 7,
        };
        self.cast.hear(heard, &mut self.lines).unwrap();
    }
}

/// A request of the relay's own on a branch.
fn hop_by_hop(method: &str, invite: &str) -> String {
    let head = invite.replacen("INVITE", method, 1);
    head.replace("CSeq: 1 INVITE", &format!("CSeq: 1 {method}"))
}

#[test]
fn a_call_to_two_devices_from_end_to_end() {
    let mut play = Play::with(2);
    play.cast.begin(5, &mut play.lines).unwrap();
    let invite = play.says(CALLER, "INVITE sip:u0000000@relay SIP/2.0\r\n");
    let mut rings = Vec::new();
    for line in [1, 2] {
        play.hears(line, &invite);
        play.says(line, "SIP/2.0 100 Trying\r\n");
        rings.push(play.says(line, "SIP/2.0 180 Ringing\r\n"));
    }
    assert!(rings[1].contains(";tag=device1\r\n"), "{}", rings[1]);
    rings.iter().for_each(|ring| play.hears(CALLER, ring));

    let (winner, answer) = play.said();
    let loser = 3 - winner;
    assert!(answer.starts_with("SIP/2.0 200 OK\r\n") && answer.contains("application/sdp"));
    play.hears(CALLER, &answer);
    let ack = play.says(CALLER, "ACK sip:phone@127.0.0.1:");
    play.hears(loser, &hop_by_hop("CANCEL", &invite));
    play.says(loser, "SIP/2.0 200 OK\r\n");
    play.says(loser, "SIP/2.0 487 Request Terminated\r\n");
    play.hears(winner, &ack);
    let bye = play.says(CALLER, "BYE sip:phone@127.0.0.1:");
    play.hears(winner, &bye);
    let done = play.says(winner, "SIP/2.0 200 OK\r\n");
    play.hears(CALLER, &done);
    assert_eq!((play.cast.busy(), play.cast.tally.answered()), (1, 0));
    play.hears(loser, &hop_by_hop("ACK", &invite));
    assert_eq!((play.cast.busy(), play.cast.tally.succeeded()), (0, 1));
    play.hears(CALLER, &done);
    assert_eq!(play.cast.tally.stray, 1);
}

#[test]
fn a_refusal_is_acknowledged_and_counted() {
    let mut play = Play::with(1);
    play.cast.begin(5, &mut play.lines).unwrap();
    let invite = play.says(CALLER, "INVITE ");
    let (_, heads) = invite.split_once("\r\n").unwrap();
    play.hears(
        CALLER,
        &format!("SIP/2.0 503 Service Unavailable\r\n{heads}"),
    );
    play.says(CALLER, "ACK sip:u0000000@relay SIP/2.0\r\n");
    assert_eq!(play.cast.tally.statuses.get(&503), Some(&1));
    assert_eq!((play.cast.busy(), play.cast.free()), (0, 1));
}

#[test]
fn a_call_that_hangs_is_given_up() {
    let mut play = Play::with(1);
    play.cast.begin(5, &mut play.lines).unwrap();
    play.cast.give_up(5);
    assert_eq!(play.cast.busy(), 1);
    play.cast.give_up(6);
    assert_eq!((play.cast.busy(), play.cast.tally.lost), (0, 1));
    let late = play.says(CALLER, "INVITE ");
    play.hears(1, &late);
    assert_eq!(play.cast.tally.stray, 1);
}

#[test]
fn what_a_main_registrar_learns() {
    let register = b"REGISTER sip:example.com SIP/2.0\r\nTo: <sip:u0000012@example.com>\r\n\
        Contact: <sip:u0000012@us;mr=abc>;expires=60\r\n\r\n";
    assert_eq!(learn(register), Some((12, &b"sip:u0000012@us;mr=abc"[..])));
    assert_eq!(
        learn(b"OPTIONS sip:x SIP/2.0\r\nTo: <sip:u1@x>\r\n\r\n"),
        None
    );
    assert_eq!(
        learn(b"REGISTER sip:x SIP/2.0\r\nTo: <sip:bob@x>\r\n\r\n"),
        None
    );
}
