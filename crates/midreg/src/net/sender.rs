//! `Sender`: gets the messages of an outbox onto one socket, whatever the socket says.
//!
//! A full socket buffer puts the rest into a bounded backlog that is sent when the socket is
//! writable again; beyond its bounds messages are dropped and counted, as a network would. An
//! error may belong to an *earlier* datagram (a pending ICMP answer, told once), so a message is
//! given up only when it fails twice in a row.

use std::collections::VecDeque;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsFd;

use engine::Transmit;

use super::udp_batch::{Outgoing, SendBatch};

/// Most messages that wait for a socket.
const MAX_WAITING: usize = 4096;

/// Most bytes that wait for a socket.
const MAX_WAITING_BYTES: usize = 4 << 20;

/// Where batches of datagrams go: a socket, or a model of one.
pub trait Wire {
    /// Takes as many datagrams as it can, in order, and tells how many.
    ///
    /// # Errors
    ///
    /// Why the first was not taken.
    fn send<'b>(&mut self, datagrams: impl Iterator<Item = Outgoing<'b>>) -> io::Result<usize>;
}

/// A socket with the headers to send batches by.
#[derive(Clone, Copy, Debug)]
pub struct UdpWire<S, B> {
    /// The socket.
    pub socket: S,
    /// The headers.
    pub batch: B,
}

/// The messages that wait for one socket.
#[derive(Debug, Default)]
pub struct Sender {
    waiting: VecDeque<(SocketAddr, Box<[u8]>)>,
    waiting_bytes: usize,
}

/// What became of some messages.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// Given to the network.
    pub sent: u64,
    /// Dropped because too many waited.
    pub dropped: u64,
    /// Destinations that the network refused at once.
    pub refused: Vec<SocketAddr>,
}

impl Wire for UdpWire<&UdpSocket, &mut SendBatch> {
    fn send<'b>(&mut self, datagrams: impl Iterator<Item = Outgoing<'b>>) -> io::Result<usize> {
        self.batch.send(self.socket.as_fd(), datagrams)
    }
}

impl Sender {
    /// Whether nothing waits.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Sends messages of an outbox whose bytes are `bytes`; those that wait already go first.
    pub fn send(&mut self, wire: &mut impl Wire, bytes: &[u8], messages: &[Transmit]) -> Sent {
        let mut done = Sent::default();
        let mut rest = messages;
        if self.is_idle() {
            let outgoing = |message: &Transmit| Outgoing {
                bytes: bytes.get(message.span.clone()).unwrap_or_default(),
                to: message.flow.remote,
            };
            let taken = push(wire, rest.len(), |at| rest.get(at).map(outgoing), &mut done);
            rest = rest.get(taken..).unwrap_or_default();
        }
        for message in rest {
            self.keep(
                message.flow.remote,
                bytes.get(message.span.clone()),
                &mut done,
            );
        }
        done
    }

    /// Sends what waits, now that the socket is writable.
    pub fn flush(&mut self, wire: &mut impl Wire) -> Sent {
        let mut done = Sent::default();
        let waiting = &self.waiting;
        let outgoing = |at| {
            waiting
                .get(at)
                .map(|(to, bytes)| Outgoing { bytes, to: *to })
        };
        let taken = push(wire, waiting.len(), outgoing, &mut done);
        for (_, bytes) in self.waiting.drain(..taken) {
            self.waiting_bytes -= bytes.len();
        }
        done
    }

    fn keep(&mut self, to: SocketAddr, bytes: Option<&[u8]>, done: &mut Sent) {
        let bytes = bytes.unwrap_or_default();
        let bytes_then = self.waiting_bytes + bytes.len();
        if self.waiting.len() >= MAX_WAITING || bytes_then > MAX_WAITING_BYTES {
            done.dropped += 1;
            return;
        }
        self.waiting_bytes = bytes_then;
        self.waiting.push_back((to, bytes.into()));
    }
}

/// Pushes `count` datagrams until the wire is full; tells how many are dealt with.
fn push<'b>(
    wire: &mut impl Wire,
    count: usize,
    datagram: impl Fn(usize) -> Option<Outgoing<'b>>,
    done: &mut Sent,
) -> usize {
    let mut at = 0;
    let mut failures = 0;
    while at < count {
        match wire.send((at..count).map_while(&datagram)) {
            Ok(sent) => {
                at += sent.max(1);
                done.sent += sent as u64;
                failures = 0;
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) if failures == 0 => failures = 1,
            Err(_) => {
                done.refused.extend(datagram(at).map(|lost| lost.to));
                at += 1;
                failures = 0;
            }
        }
    }
    at
}

#[cfg(test)]
mod tests {
    use engine::{Flow, ListenerId};

    use super::*;

    /// A wire that follows a script, one step per call.
    #[derive(Default)]
    struct Scripted {
        steps: VecDeque<Result<usize, io::ErrorKind>>,
        out: Vec<String>,
    }

    impl Wire for Scripted {
        fn send<'b>(&mut self, datagrams: impl Iterator<Item = Outgoing<'b>>) -> io::Result<usize> {
            let room = self.steps.pop_front().unwrap_or(Ok(usize::MAX))?;
            let taken: Vec<String> = datagrams
                .take(room)
                .map(|d| format!("{}>{}", String::from_utf8_lossy(d.bytes), d.to.port()))
                .collect();
            self.out.extend_from_slice(&taken);
            Ok(taken.len())
        }
    }

    fn wire(steps: &[Result<usize, io::ErrorKind>]) -> Scripted {
        Scripted {
            steps: steps.iter().copied().collect(),
            out: Vec::new(),
        }
    }

    fn to(port: u16) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], port))
    }

    fn message(span: std::ops::Range<usize>, port: u16) -> Transmit {
        Transmit {
            flow: Flow::udp(ListenerId(0), to(port)),
            span,
        }
    }

    const FULL: Result<usize, io::ErrorKind> = Err(io::ErrorKind::WouldBlock);
    const ICMP: Result<usize, io::ErrorKind> = Err(io::ErrorKind::ConnectionRefused);

    #[test]
    fn a_partial_batch_goes_on_where_it_stopped() {
        let mut wire = wire(&[Ok(1), Ok(1)]);
        let messages = [message(0..1, 1), message(1..3, 2), message(3..3, 3)];
        let done = Sender::default().send(&mut wire, b"abc", &messages);
        assert_eq!(
            done,
            Sent {
                sent: 3,
                ..Sent::default()
            }
        );
        assert_eq!(wire.out, ["a>1", "bc>2", ">3"]);
    }

    #[test]
    fn a_full_socket_delays_and_keeps_the_order() {
        let mut sender = Sender::default();
        let mut wire = wire(&[Ok(1), FULL]);
        let messages = [message(0..1, 1), message(1..2, 2)];
        let done = sender.send(&mut wire, b"ab", &messages);
        assert_eq!((done.sent, sender.is_idle()), (1, false));
        sender.send(&mut wire, b"c", &[message(0..1, 3)]);
        assert_eq!(wire.out, ["a>1"], "what comes later waits too");
        wire.steps.push_back(Ok(1));
        wire.steps.push_back(FULL);
        assert_eq!(sender.flush(&mut wire).sent, 1);
        assert!(!sender.is_idle());
        assert_eq!(sender.flush(&mut wire).sent, 1);
        assert!(sender.is_idle());
        assert_eq!(wire.out, ["a>1", "b>2", "c>3"]);
    }

    #[test]
    fn an_error_of_an_earlier_datagram_costs_nothing() {
        let mut wire = wire(&[ICMP]);
        let done = Sender::default().send(&mut wire, b"a", &[message(0..1, 1)]);
        assert_eq!(
            done,
            Sent {
                sent: 1,
                ..Sent::default()
            }
        );
    }

    #[test]
    fn a_datagram_that_fails_twice_is_given_up_and_told() {
        let mut wire = wire(&[ICMP, ICMP]);
        let messages = [message(0..1, 1), message(1..2, 2)];
        let done = Sender::default().send(&mut wire, b"ab", &messages);
        assert_eq!(
            done,
            Sent {
                sent: 1,
                dropped: 0,
                refused: vec![to(1)]
            }
        );
        assert_eq!(wire.out, ["b>2"]);
    }

    #[test]
    fn the_backlog_is_bounded_in_messages_and_bytes() {
        let mut sender = Sender::default();
        let small: Vec<Transmit> = (0..MAX_WAITING + 10).map(|_| message(0..1, 1)).collect();
        assert_eq!(sender.send(&mut wire(&[FULL]), b"a", &small).dropped, 10);
        assert_eq!(sender.waiting.len(), MAX_WAITING);
        assert_eq!(sender.flush(&mut wire(&[])).sent, MAX_WAITING as u64);
        assert_eq!(sender.waiting_bytes, 0);

        let bytes = vec![b'x'; 60_000];
        let large: Vec<Transmit> = (0..100).map(|_| message(0..60_000, 1)).collect();
        let fits = MAX_WAITING_BYTES / 60_000;
        let done = sender.send(&mut wire(&[FULL]), &bytes, &large);
        assert_eq!(done.dropped, 100 - fits as u64);
        assert!(sender.waiting_bytes <= MAX_WAITING_BYTES);
    }
}
