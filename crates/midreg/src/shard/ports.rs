//! `Ports`: the sockets of one shard, one per listener, and what is to be told about them.

use std::io;
use std::net::UdpSocket;
use std::os::fd::AsFd;

use engine::policy::Side;
use engine::{Flow, ListenerId, Transmit};

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
    /// Those shared with the main registrar are too, for its responses; requests are dropped.
    Draining,
}

/// The sockets of one shard; [`ListenerId`] is the index.
pub(super) struct Ports {
    ports: Vec<Port>,
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
    /// Registers all sockets with `epoll`, each under its index.
    pub(super) fn new(sockets: Vec<(UdpSocket, Side)>, epoll: &Epoll) -> io::Result<Self> {
        let mut ports = Vec::with_capacity(sockets.len());
        for (key, (socket, side)) in (0u64..).zip(sockets) {
            epoll.add(socket.as_fd(), key, Interest::READ)?;
            let sender = Sender::default();
            let interest = Interest::READ;
            ports.push(Port {
                socket,
                side,
                sender,
                interest,
                outgoing: Vec::new(),
            });
        }
        Ok(Self {
            ports,
            batch: SendBatch::new(),
            gate: Gate::Open,
        })
    }

    /// The socket with this index.
    pub(super) fn socket(&self, index: usize) -> Option<&UdpSocket> {
        self.ports.get(index).map(|port| &port.socket)
    }

    /// Lines a message up; `false` when it names no listener of ours.
    pub(super) fn line_up(&mut self, message: Transmit) -> bool {
        match self.ports.get_mut(usize::from(message.flow.listener.0)) {
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
        for (index, port) in (0u16..).zip(&mut self.ports) {
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
        let (Some(port), Ok(id)) = (self.ports.get_mut(index), u16::try_from(index)) else {
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
        let (Some(port), Ok(id)) = (self.ports.get(index), u16::try_from(index)) else {
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
        self.ports.iter().all(|port| port.sender.is_idle())
    }

    /// Brings what `epoll` watches in line with the gate and with what waits to be sent.
    pub(super) fn watch(&mut self, gate: Gate, epoll: &Epoll) -> io::Result<()> {
        self.gate = gate;
        for (key, port) in (0u64..).zip(&mut self.ports) {
            let read = match gate {
                Gate::Open => true,
                Gate::Shut => port.side == Side::Upstream,
                Gate::Draining => port.side != Side::Devices,
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
