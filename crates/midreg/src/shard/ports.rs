//! `Ports`: the sockets of one shard, one per listener, and what is to be told about them.

use std::io;
use std::net::UdpSocket;
use std::os::fd::AsFd;

use engine::policy::Side;
use engine::{Flow, ListenerId, Policy, Transmit};

use super::report::Tally;
use crate::net::epoll::{Epoll, Interest};
use crate::net::sender::{Sender, Sent, UdpWire};
use crate::net::udp_batch::{SendBatch, next_refused};

/// Most refused destinations taken off one socket per wake.
const REFUSED_PER_WAKE: usize = 64;

/// Whether sockets that devices send to are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gate {
    /// They are.
    Open,
    /// Only those for the main registrar alone are: we cannot take more requests.
    Shut,
}

/// The sockets of one shard; [`ListenerId`] is the index. A closed listener leaves its place empty.
pub(super) struct Ports {
    ports: Vec<Option<Port>>,
    batch: SendBatch,
    gate: Gate,
}

struct Port {
    socket: UdpSocket,
    side: Side,
    sender: Sender,
    interest: Interest,
    /// Messages of the current outbox that leave here.
    outgoing: Vec<Transmit>,
}

impl Ports {
    /// None yet.
    pub(super) fn new() -> Self {
        Self {
            ports: Vec::new(),
            batch: SendBatch::new(),
            gate: Gate::Open,
        }
    }

    /// Takes on the socket of a listener and registers it with `epoll` under its number. It is not
    /// read before a policy names it.
    pub(super) fn open(
        &mut self,
        listener: ListenerId,
        socket: UdpSocket,
        epoll: &Epoll,
    ) -> io::Result<()> {
        let index = usize::from(listener.0);
        epoll.add(socket.as_fd(), u64::from(listener.0), Interest::NONE)?;
        if self.ports.len() <= index {
            self.ports.resize_with(index + 1, || None);
        }
        self.ports[index] = Some(Port {
            socket,
            side: Side::Nobody,
            sender: Sender::default(),
            interest: Interest::NONE,
            outgoing: Vec::new(),
        });
        Ok(())
    }

    /// Follows a policy: closes what it has closed, and takes over who is expected where.
    pub(super) fn follow(&mut self, policy: &Policy) {
        for (place, listener) in self.ports.iter_mut().zip(&policy.listeners) {
            match place {
                Some(_) if listener.side == Side::Nobody => *place = None,
                Some(port) => port.side = listener.side,
                None => {}
            }
        }
    }

    /// The socket with this index.
    pub(super) fn socket(&self, index: usize) -> Option<&UdpSocket> {
        self.port(index).map(|port| &port.socket)
    }

    /// Lines a message up; `false` when its listener is closed.
    pub(super) fn line_up(&mut self, message: Transmit) -> bool {
        let place = self.ports.get_mut(usize::from(message.flow.listener.0));
        match place.and_then(Option::as_mut) {
            Some(port) => {
                port.outgoing.push(message);
                true
            }
            None => false,
        }
    }

    /// Sends all that was lined up; `bytes` is the outbox it refers to. Destinations that were
    /// refused at once are added to `refused`.
    pub(super) fn send(&mut self, bytes: &[u8], tally: &mut Tally, refused: &mut Vec<Flow>) {
        for (index, place) in (0u16..).zip(&mut self.ports) {
            let Some(port) = place else { continue };
            if port.outgoing.is_empty() {
                continue;
            }
            let mut wire = UdpWire {
                socket: &port.socket,
                batch: &mut self.batch,
            };
            let sent = port.sender.send(&mut wire, bytes, &port.outgoing);
            port.outgoing.clear();
            account(sent, ListenerId(index), tally, refused);
        }
    }

    /// Sends what waited for a socket.
    pub(super) fn on_writable(&mut self, index: usize, tally: &mut Tally, refused: &mut Vec<Flow>) {
        let place = self.ports.get_mut(index).and_then(Option::as_mut);
        let (Some(port), Ok(id)) = (place, u16::try_from(index)) else {
            return;
        };
        let mut wire = UdpWire {
            socket: &port.socket,
            batch: &mut self.batch,
        };
        let sent = port.sender.flush(&mut wire);
        account(sent, ListenerId(id), tally, refused);
    }

    /// Takes refused destinations off a socket's error queue.
    pub(super) fn on_error(&self, index: usize, tally: &mut Tally, refused: &mut Vec<Flow>) {
        let (Some(port), Ok(id)) = (self.port(index), u16::try_from(index)) else {
            return;
        };
        for _ in 0..REFUSED_PER_WAKE {
            let Some(remote) = next_refused(port.socket.as_fd()) else {
                break;
            };
            tally.refused += 1;
            refused.push(Flow::udp(ListenerId(id), remote));
        }
        // Without this an error that is in no queue would be ready for ever.
        let _ = port.socket.take_error();
    }

    /// Whether nothing waits for a socket.
    pub(super) fn is_idle(&self) -> bool {
        self.ports
            .iter()
            .flatten()
            .all(|port| port.sender.is_idle())
    }

    /// Brings what `epoll` watches in line with the gate and with what waits to be sent.
    pub(super) fn watch(&mut self, gate: Gate, epoll: &Epoll) -> io::Result<()> {
        self.gate = gate;
        for (key, place) in (0u64..).zip(&mut self.ports) {
            let Some(port) = place else { continue };
            let read = match gate {
                Gate::Open => port.side != Side::Nobody,
                Gate::Shut => port.side == Side::Upstream,
            };
            let interest = Interest {
                read,
                write: !port.sender.is_idle(),
            };
            if interest != port.interest {
                epoll.modify(port.socket.as_fd(), key, interest)?;
                port.interest = interest;
            }
        }
        Ok(())
    }

    /// The gate as it was set last.
    pub(super) fn gate(&self) -> Gate {
        self.gate
    }

    fn port(&self, index: usize) -> Option<&Port> {
        self.ports.get(index).and_then(Option::as_ref)
    }
}

fn account(sent: Sent, listener: ListenerId, tally: &mut Tally, refused: &mut Vec<Flow>) {
    tally.sent += sent.sent;
    tally.unsent += sent.dropped;
    tally.refused += sent.refused.len() as u64;
    refused.extend(
        sent.refused
            .into_iter()
            .map(|remote| Flow::udp(listener, remote)),
    );
}
