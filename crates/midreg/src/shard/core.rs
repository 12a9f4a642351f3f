//! `Core`: an engine with its outbox and its store, the part of a shard that has no sockets.
//!
//! One outbox gathers everything a batch of inputs leads to. Settling it gives changes to the
//! store, the store's outcomes back to the engine, events to the log, and leaves the messages
//! lined up for sending.

use std::mem;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;

use engine::command::{Answer, Reply};
use engine::{
    Command, Datagram, Engine, Flow, Input, Mono, Now, Outbox, Output, Policy, ShardId,
    TransportError, Voucher,
};

use sip::Method;
use sip::header::name_addr::NameAddr;
use sip::scan::{self, Peek};

use super::ports::Ports;
use super::report::{Report, Tally};
use super::watch::{Direction, Watch, Watches};
use crate::log::Teller;
use crate::store::Store;

/// Rounds in which refused destinations may lead to new messages before they are forgotten: more
/// than there are main registrars to fail over to, in practice.
const REFUSAL_ROUNDS: usize = 8;

/// A request for another shard, which knows its devices as this one knows its sender.
#[derive(Debug)]
pub(super) struct Vouched {
    pub(super) to: ShardId,
    pub(super) flow: Flow,
    pub(super) voucher: Voucher,
    pub(super) bytes: Vec<u8>,
}

/// An engine with its outbox and its store.
pub struct Core {
    engine: Engine,
    store: Box<dyn Store>,
    teller: Teller,
    watches: Watches,
    /// Who waits for the answer to a command, by its tag.
    askers: Vec<(u64, SyncSender<Answer>)>,
    outbox: Outbox,
    /// Empty between calls; keeps its memory.
    items: Vec<Output>,
    /// Destinations that the network refused and the engine has not heard of.
    pub(super) refused: Vec<Flow>,
    /// Requests that other shards have to take on.
    pub(super) vouched: Vec<Vouched>,
    /// The present of the current batch.
    pub(super) now: Now,
    /// What is counted here.
    pub(super) tally: Tally,
    /// When to end although work is under way; requests are dropped from when it is set.
    pub(super) drain: Option<Mono>,
}

impl Core {
    /// An engine around which nothing has happened yet.
    #[must_use]
    pub fn new(
        engine: Engine,
        store: Box<dyn Store>,
        teller: Teller,
        policy: Arc<Policy>,
        now: Now,
    ) -> Self {
        Self {
            engine,
            store,
            teller,
            watches: Watches::new(policy),
            askers: Vec::new(),
            outbox: Outbox::new(),
            items: Vec::new(),
            refused: Vec::new(),
            vouched: Vec::new(),
            now,
            tally: Tally::default(),
            drain: None,
        }
    }

    /// Whether a datagram comes too late to be dealt with: a request while draining that would begin
    /// something. It is not answered: repeated, it reaches whoever comes after us, while a 503 would
    /// send its phone away.
    pub(super) fn turns_away(&mut self, bytes: &[u8]) -> bool {
        let late = self.drain.is_some() && begins_something(bytes);
        self.tally.drained += u64::from(late);
        late
    }

    /// A datagram that this shard owns.
    pub(super) fn on_datagram(&mut self, flow: Flow, bytes: &[u8]) {
        if !self.watches.is_empty() {
            self.watches
                .show(self.now.wall, Direction::In, &flow, bytes);
        }
        let input = Input::Datagram(Datagram { bytes, flow });
        self.engine.handle_input(self.now, input, &mut self.outbox);
    }

    /// A request for whose sender another shard vouches.
    pub(super) fn on_vouched(&mut self, flow: Flow, voucher: Voucher, bytes: &[u8]) {
        let input = Input::Vouched(Datagram { bytes, flow }, voucher);
        self.engine.handle_input(self.now, input, &mut self.outbox);
    }

    /// A destination that the network refused.
    pub(super) fn on_refused(&mut self, flow: Flow) {
        let input = Input::TransportError(TransportError { flow });
        self.engine.handle_input(self.now, input, &mut self.outbox);
    }

    /// New settings.
    pub(super) fn on_policy(&mut self, policy: Arc<Policy>) {
        self.teller.follow(Arc::clone(&policy));
        self.watches.follow(Arc::clone(&policy));
        self.engine
            .handle_input(self.now, Input::Policy(policy), &mut self.outbox);
    }

    /// What an operator asks or orders.
    pub(super) fn on_command(&mut self, command: Command, asker: SyncSender<Answer>) {
        self.askers.push((command.tag(), asker));
        self.engine
            .handle_input(self.now, Input::Command(command), &mut self.outbox);
    }

    /// An operator wants to watch an AoR.
    pub(super) fn on_watch(&mut self, watch: Watch) {
        self.watches.add(watch);
    }

    /// Time has passed.
    pub(super) fn on_timeout(&mut self) {
        if self
            .engine
            .poll_timeout()
            .is_some_and(|deadline| deadline <= self.now.mono)
        {
            self.engine.handle_timeout(self.now, &mut self.outbox);
        }
    }

    /// When something is due.
    pub(super) fn deadline(&self) -> Option<Mono> {
        match (self.engine.poll_timeout(), self.drain) {
            (Some(engine), Some(drain)) => Some(engine.min(drain)),
            (engine, drain) => engine.or(drain),
        }
    }

    /// Whether nothing is under way that somebody waits for.
    pub(super) fn is_idle(&self) -> bool {
        let totals = self.engine.totals();
        totals.asking == 0 && totals.held_replies == 0 && totals.forks == 0
    }

    /// Does all that the last inputs led to.
    pub(super) fn settle(&mut self, ports: &mut Ports) {
        for _ in 0..REFUSAL_ROUNDS {
            self.sort_outputs(ports);
            ports.send(&self.outbox.bytes, &mut self.tally, &mut self.refused);
            self.outbox.clear();
            if self.refused.is_empty() {
                return;
            }
            for flow in mem::take(&mut self.refused) {
                self.on_refused(flow);
            }
        }
        self.refused.clear();
    }

    /// How things stand.
    #[must_use]
    pub fn report(&self) -> Report {
        Report {
            counters: *self.engine.counters(),
            totals: self.engine.totals(),
            tally: self.tally,
        }
    }

    fn sort_outputs(&mut self, ports: &mut Ports) {
        while !self.outbox.items.is_empty() {
            mem::swap(&mut self.outbox.items, &mut self.items);
            for item in self.items.drain(..) {
                match item {
                    Output::Transmit(message) => {
                        if !self.watches.is_empty() {
                            let bytes = self.outbox.bytes.get(message.span.clone());
                            self.watches.show(
                                self.now.wall,
                                Direction::Out,
                                &message.flow,
                                bytes.unwrap_or_default(),
                            );
                        }
                        // A transaction that was under way when its listener was closed.
                        self.tally.unsent += u64::from(!ports.line_up(message));
                    }
                    Output::Persist(batch) => self.store.keep(batch),
                    Output::Event(event) => self.teller.tell(&event),
                    Output::HandOver(request) => {
                        let bytes = self.outbox.bytes.get(request.span).unwrap_or_default();
                        self.vouched.push(Vouched {
                            to: request.to,
                            flow: request.flow,
                            voucher: request.voucher,
                            bytes: bytes.to_vec(),
                        });
                    }
                    Output::Reply(reply) => answer(&mut self.askers, reply),
                }
            }
            while let Some(outcome) = self.store.next_outcome() {
                self.engine
                    .handle_input(self.now, outcome.input(), &mut self.outbox);
            }
        }
    }
}

/// Whether a datagram is a request of its own: none within a dialog (RFC 3261 §12.2: its To has a tag),
/// and none about another request. What cannot be read begins nothing.
fn begins_something(bytes: &[u8]) -> bool {
    match scan::peek_route(bytes) {
        Peek::Request {
            method: Method::Ack | Method::Cancel,
            ..
        }
        | Peek::Response { .. }
        | Peek::Nothing => false,
        Peek::Request { method, to, .. } => {
            let tagged = NameAddr::parse(to).is_ok_and(|to| to.tag().is_some());
            method == Method::Register || !tagged
        }
    }
}

/// Gives an answer to who waits for it, unless he has stopped.
fn answer(askers: &mut Vec<(u64, SyncSender<Answer>)>, reply: Reply) {
    let asker = askers.iter().position(|(tag, _)| *tag == reply.tag);
    if let Some(at) = asker {
        let _ = askers.swap_remove(at).1.try_send(reply.answer);
    }
}

/// Whether a datagram is a SIP response (RFC 3261 §7.2), told from its first bytes.
pub(super) fn is_response(bytes: &[u8]) -> bool {
    bytes.starts_with(b"SIP/")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(method: &str, to: &str) -> Vec<u8> {
        let text = format!(
            "{method} sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP c;branch=z9hG4bK1\r\nFrom: <sip:d@e>;tag=f\r\n\
             To: {to}\r\nCall-ID: g\r\nCSeq: 1 {method}\r\n\r\n"
        );
        text.into_bytes()
    }

    #[test]
    fn only_what_begins_something_is_turned_away() {
        let (new, known) = ("<sip:a@b>", "<sip:a@b>;tag=h");
        for (method, to, begins) in [
            ("REGISTER", new, true),
            ("REGISTER", known, true),
            ("INVITE", new, true),
            ("INVITE", known, false),
            ("MESSAGE", new, true),
            ("OPTIONS", new, true),
            ("BYE", known, false),
            ("ACK", known, false),
            ("ACK", new, false),
            ("CANCEL", new, false),
            ("UPDATE", known, false),
        ] {
            assert_eq!(
                begins_something(&request(method, to)),
                begins,
                "{method} {to}"
            );
        }
        assert!(!begins_something(b"SIP/2.0 200 OK\r\n\r\n"));
        assert!(!begins_something(b"\r\n\r\n"));
    }
}
