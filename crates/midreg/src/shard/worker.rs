//! `Worker`: the loop of a shard.
//!
//! Wait, read a bounded number of batches from what is ready, let the engine decide, send what it
//! says, look after the timers, wait again. Nothing here blocks but the one wait.

use std::io;
use std::mem;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::Duration;

use engine::{Flow, ListenerId, Router, ShardId};
use tracing::error;

use super::core::Core;
use super::handover::Handover;
use super::mailbox::{Control, Mailbox};
use super::ports::{Gate, Ports};
use super::report::Report;
use crate::clock::Clock;
use crate::net::epoll::{Epoll, Interest, MAX_EVENTS, Ready};
use crate::net::udp_batch::{BATCH, DATAGRAM, Extent, RecvBatch};

/// Batches read from one socket before the others and the timers get their turn.
const BATCHES_PER_WAKE: usize = 4;

/// Parcels taken from the mailbox before the sockets and the timers get their turn.
const PARCELS_PER_WAKE: usize = 8;

/// Number of the mailbox's bell among the descriptors; sockets count from zero.
const BELL: u64 = u64::MAX;

/// What a shard is made of.
pub struct Parts {
    /// Which shard.
    pub shard: ShardId,
    /// The clock of all shards.
    pub clock: Clock,
    /// Its engine and store.
    pub core: Core,
    /// The mailboxes of all shards.
    pub boxes: Arc<[Mailbox]>,
    /// Who owns what; `None` when this shard is the only one.
    pub router: Option<Router>,
}

/// A shard at work. Its sockets come by its mailbox.
pub struct Worker {
    shard: ShardId,
    clock: Clock,
    core: Core,
    ports: Ports,
    epoll: Epoll,
    ready: Vec<Ready>,
    recv: RecvBatch,
    handover: Option<Handover>,
    boxes: Arc<[Mailbox]>,
}

impl Worker {
    /// Puts a shard together.
    ///
    /// # Errors
    ///
    /// The process has too many descriptors, or there is no mailbox for this shard.
    pub fn new(parts: Parts) -> io::Result<Self> {
        let Parts {
            shard,
            clock,
            core,
            boxes,
            router,
        } = parts;
        let epoll = Epoll::new()?;
        let own = boxes
            .get(usize::from(shard.0))
            .ok_or(io::ErrorKind::InvalidInput)?;
        epoll.add(own.bell().as_fd(), BELL, Interest::READ)?;
        let handover = router.map(|router| Handover::new(shard, router, Arc::clone(&boxes)));
        Ok(Self {
            shard,
            clock,
            core,
            ports: Ports::new(),
            epoll,
            ready: Vec::with_capacity(MAX_EVENTS),
            recv: RecvBatch::new(BATCH, DATAGRAM),
            handover,
            boxes,
        })
    }

    /// Works until it is told to drain and has done so; tells how things stood at the end.
    ///
    /// # Errors
    ///
    /// Only if the system refuses to wait for descriptors of our own.
    pub fn run(mut self) -> io::Result<Report> {
        while !self.is_done() {
            self.wait()?;
            self.core.now = self.clock.now();
            let ready = mem::take(&mut self.ready);
            for event in &ready {
                self.on_ready(*event);
            }
            self.ready = ready;
            self.core.on_timeout();
            self.settle();
            self.ports.watch(self.gate(), &self.epoll)?;
        }
        Ok(self.core.report())
    }

    fn is_done(&self) -> bool {
        let idle = || self.core.is_idle() && self.ports.is_idle();
        self.core
            .drain
            .is_some_and(|deadline| self.clock.mono() >= deadline || idle())
    }

    fn wait(&mut self) -> io::Result<()> {
        let now = self.clock.mono();
        let until = self.core.deadline();
        let timeout = until.map(|until| Duration::from_millis(until.0.saturating_sub(now.0)));
        self.ready.clear();
        self.ready.extend(self.epoll.wait(timeout)?);
        Ok(())
    }

    fn on_ready(&mut self, event: Ready) {
        if event.key == BELL {
            self.on_bell();
            return;
        }
        let Ok(index) = usize::try_from(event.key) else {
            return;
        };
        if event.error {
            self.on_error(index);
        }
        if event.writable {
            let Core { tally, refused, .. } = &mut self.core;
            self.ports.on_writable(index, tally, refused);
        }
        if event.readable {
            self.on_readable(index);
        }
    }

    fn on_readable(&mut self, index: usize) {
        for _ in 0..BATCHES_PER_WAKE {
            let Some(socket) = self.ports.socket(index) else {
                return;
            };
            match self.recv.receive(socket.as_fd()) {
                Ok(count) => {
                    self.core.now = self.clock.now();
                    self.on_batch(index, count);
                    self.settle();
                    if count < self.recv.slots() || self.gate() != self.ports.gate() {
                        return;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                // An ICMP error of an earlier datagram, told once; the error queue says which.
                Err(_) => {}
            }
        }
    }

    fn on_batch(&mut self, index: usize, count: usize) {
        let listener = ListenerId(u16::try_from(index).unwrap_or(u16::MAX));
        self.core.tally.received += count as u64;
        for slot in 0..count {
            let Some(datagram) = self.recv.datagram(slot) else {
                continue;
            };
            if datagram.extent == Extent::Truncated {
                self.core.tally.truncated += 1;
                continue;
            }
            if self.core.turns_away(datagram.bytes) {
                continue;
            }
            let flow = Flow::udp(listener, datagram.from);
            let gathered = match &mut self.handover {
                Some(handover) => handover.gather(flow, datagram.bytes),
                None => false,
            };
            if !gathered {
                self.core.on_datagram(flow, datagram.bytes);
            }
        }
        if let Some(handover) = &mut self.handover {
            handover.post(&mut self.core.tally);
        }
    }

    /// Refused destinations are told to all shards: with several sockets on one port the kernel
    /// tells any of them.
    fn on_error(&mut self, index: usize) {
        let Core { tally, refused, .. } = &mut self.core;
        let known = refused.len();
        self.ports.on_error(index, tally, refused);
        let Some(news) = refused.get(known..) else {
            return;
        };
        for (number, mailbox) in self.boxes.iter().enumerate() {
            if number != usize::from(self.shard.0) {
                news.iter()
                    .for_each(|flow| mailbox.order(Control::Refused(*flow)));
            }
        }
        for flow in mem::take(refused) {
            self.core.on_refused(flow);
        }
    }

    fn on_bell(&mut self) {
        let boxes = Arc::clone(&self.boxes);
        let Some(own) = boxes.get(usize::from(self.shard.0)) else {
            return;
        };
        own.bell().silence();
        while let Some(order) = own.next_order() {
            self.on_order(order);
        }
        for _ in 0..PARCELS_PER_WAKE {
            let Some(parcel) = own.next_parcel() else {
                break;
            };
            for (flow, voucher, bytes) in parcel.datagrams() {
                match voucher {
                    _ if self.core.turns_away(bytes) => {}
                    Some(voucher) => self.core.on_vouched(flow, voucher, bytes),
                    None => self.core.on_datagram(flow, bytes),
                }
            }
            self.settle();
            own.give_back(parcel);
        }
        if own.has_parcels() {
            own.bell().ring();
        }
        for shard in own.relieved() {
            boxes
                .get(usize::from(shard.0))
                .inspect(|mailbox| mailbox.bell().ring());
        }
        if let Some(handover) = &mut self.handover {
            handover.post(&mut self.core.tally);
        }
    }

    /// Does all that the last inputs led to, and hands over what is for others.
    fn settle(&mut self) {
        self.core.settle(&mut self.ports);
        let Some(handover) = &mut self.handover else {
            return;
        };
        if !self.core.vouched.is_empty() {
            for request in self.core.vouched.drain(..) {
                handover.gather_vouched(&request);
            }
            handover.post(&mut self.core.tally);
        }
    }

    fn on_order(&mut self, order: Control) {
        match order {
            Control::Policy(policy) => {
                if let Some(handover) = &mut self.handover {
                    handover.follow(&policy);
                }
                self.ports.follow(&policy);
                self.core.on_policy(policy);
            }
            Control::Open(listener, socket) => {
                // Without room for one more descriptor there would be no socket to hand over.
                if let Err(error) = self.ports.open(listener, socket, &self.epoll) {
                    error!(target: "net", %error, "cannot wait for a socket");
                }
            }
            Control::Command(command, asker) => self.core.on_command(command, asker),
            Control::Watch(watch) => self.core.on_watch(watch),
            Control::Refused(flow) => self.core.on_refused(flow),
            Control::Drain(until) => self.core.drain = Some(self.clock.at(until)),
            Control::Report(reply) => {
                // Whoever asked may have stopped waiting.
                let _ = reply.try_send(self.core.report());
            }
        }
    }

    fn gate(&self) -> Gate {
        match &self.handover {
            Some(handover) if handover.is_blocked() => Gate::Shut,
            _ => Gate::Open,
        }
    }
}
