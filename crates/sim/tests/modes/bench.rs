//! `Bench`: the engine with its listeners apart, so that it can be seen from which of them a message
//! leaves. The model world knows one address of midreg only.

use core::net::SocketAddr;
use std::collections::VecDeque;
use std::sync::Arc;

use engine::policy::{Listener, Policy, Side};
use engine::{
    Datagram, Engine, EngineConfig, Event, Flow, Input, ListenerId, Mono, Now, Outbox, Output,
    ShardId, Transport, Wall,
};
use midreg_sim::policy::address;
use midreg_sim::rig::SECRET;
use midreg_sim::{MainRegistrar, Packet, Phone};

/// The listener of our own requests.
pub(crate) const CONTROL: ListenerId = ListenerId(2);
/// Where it is.
pub(crate) const CONTROL_AT: &str = "192.0.2.1:5999";

/// The engine, its listeners and one main registrar, on a network that loses nothing.
#[derive(Debug)]
pub(crate) struct Bench {
    engine: Engine,
    policy: Arc<Policy>,
    now: Mono,
    pub(crate) main: MainRegistrar,
    /// What the engine sent, with the listener that it left from.
    pub(crate) sent: Vec<(ListenerId, Packet)>,
    pub(crate) events: Vec<Event>,
}

/// The same settings with a listener for our own requests.
pub(crate) fn controlled(mut policy: Policy) -> Policy {
    policy.listeners.push(Listener {
        transport: Transport::Udp,
        advertise: CONTROL_AT.to_owned(),
        side: Side::Upstream,
    });
    policy.upstream.control = Some(CONTROL);
    policy
}

impl Bench {
    pub(crate) fn new(policy: Policy) -> Self {
        let config = EngineConfig {
            shard: ShardId(0),
            shards: 1,
            secret: SECRET,
            seed: 1,
        };
        let (policy, now) = (Arc::new(policy), Mono(1_000_000));
        let main = midreg_sim::policy::main_address(0);
        Self {
            engine: Engine::new(&config, policy.clone(), at(now)),
            policy,
            now,
            main: MainRegistrar::new(main),
            sent: Vec::new(),
            events: Vec::new(),
        }
    }

    pub(crate) const fn now(&self) -> Mono {
        self.now
    }

    pub(crate) fn bound(&self, aor: &str) -> Vec<String> {
        let bindings = self.engine.bindings(aor).into_iter();
        bindings.map(|binding| binding.contact).collect()
    }

    /// A message arrives at a listener; what follows from it happens.
    pub(crate) fn receive(&mut self, listener: ListenerId, from: SocketAddr, bytes: &[u8]) {
        let flow = Flow::udp(listener, from);
        self.input(Input::Datagram(Datagram { bytes, flow }));
    }

    /// A phone sends something and has its final answer.
    pub(crate) fn exchange(&mut self, phone: &Phone, bytes: &[u8]) -> Packet {
        let before = self.sent.len();
        self.receive(ListenerId(0), phone.address, bytes);
        let new = self.sent[before..].iter().map(|(_, packet)| packet);
        let mut own = new.filter(|packet| packet.to == phone.address && packet.is_final());
        own.next_back().expect("an answer").clone()
    }

    /// The same, answering a challenge.
    pub(crate) fn converse(&mut self, phone: &mut Phone, bytes: &[u8]) -> Packet {
        let answer = self.exchange(phone, bytes);
        if answer.status() != 401 {
            return answer;
        }
        let second = phone.answer(&answer);
        self.exchange(phone, &second)
    }

    /// A phone registers and must be accepted.
    pub(crate) fn registered(&mut self, phone: &mut Phone) -> Packet {
        let bytes = phone.register();
        let answer = self.converse(phone, &bytes);
        assert_eq!(answer.status(), 200, "{}", answer.text());
        answer
    }

    /// Whole seconds pass, and everything happens when it is due.
    pub(crate) fn wait(&mut self, seconds: u32) {
        let end = self.now.plus_seconds(seconds);
        while let Some(due) = self.engine.poll_timeout().filter(|due| *due <= end) {
            self.now = due.max(self.now);
            let mut outbox = Outbox::new();
            self.engine.handle_timeout(at(self.now), &mut outbox);
            self.collect(outbox);
        }
        self.now = end;
    }

    /// The REGISTERs that left from a listener.
    pub(crate) fn registers_from(&self, listener: ListenerId) -> Vec<&Packet> {
        let own = self.sent.iter().filter(|(from, _)| *from == listener);
        let packets = own.map(|(_, packet)| packet);
        packets
            .filter(|packet| packet.bytes.starts_with(b"REGISTER "))
            .collect()
    }

    fn input(&mut self, input: Input<'_>) {
        let mut outbox = Outbox::new();
        self.engine.handle_input(at(self.now), input, &mut outbox);
        self.collect(outbox);
    }

    fn collect(&mut self, outbox: Outbox) {
        let mut answers = VecDeque::new();
        let Outbox { bytes, items } = outbox;
        let mut durable = Vec::new();
        for item in items {
            match item {
                Output::Transmit(transmit) => {
                    let listener = transmit.flow.listener;
                    let packet = Packet {
                        from: self.address_of(listener),
                        to: transmit.flow.remote,
                        bytes: bytes[transmit.span].to_vec(),
                    };
                    if packet.to == self.main.address {
                        let said = self.main.receive(self.now, &packet);
                        answers.extend(said.into_iter().map(|answer| (listener, answer)));
                    }
                    self.sent.push((listener, packet));
                }
                Output::Persist(batch) => durable.push(batch.seq),
                Output::Event(event) => self.events.push(event),
                Output::Reply(_) => {}
                Output::HandOver(_) => panic!("there is no other shard"),
            }
        }
        for seq in durable {
            self.input(Input::Persisted(seq));
        }
        for (listener, answer) in answers {
            self.receive(listener, answer.from, &answer.bytes);
        }
    }

    fn address_of(&self, listener: ListenerId) -> SocketAddr {
        address(&self.policy.listeners[usize::from(listener.0)].advertise)
    }
}

const fn at(mono: Mono) -> Now {
    Now {
        mono,
        wall: Wall(1_767_225_600_000 + mono.0),
    }
}
