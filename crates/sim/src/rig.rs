//! `Rig`: the production engine with a virtual clock and a model store, and nothing else.

use core::net::SocketAddr;
use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::Arc;

use engine::command::{Answer, BindingView, Command, Reply, Totals};
use engine::policy::Policy;
use engine::{
    ConnectionId, Counters, Datagram, Engine, EngineConfig, Event, Flow, Input, Mono, Now, Outbox,
    Output, ShardId, Transport, TransportError, Wall,
};

use crate::packet::Packet;
use crate::policy::{CONTROL, TCP, UDP, control, us};
use crate::store::{Store, StoreMode};

/// The secret of all engines of the model world.
pub const SECRET: [u8; 32] = *b"a secret that everybody may read";

/// Timeouts handled at one instant before the engine is said to spin.
const PATIENCE: usize = 100_000;

/// The wall clock at the beginning of the world: 2026-01-01.
const DAWN: Wall = Wall(1_767_225_600_000);

/// The production engine with a virtual clock and a model store.
#[derive(Debug)]
pub struct Rig {
    engine: Engine,
    policy: Arc<Policy>,
    /// Counters of engines that crashed.
    before: Vec<Counters>,
    now: Mono,
    outbox: Outbox,
    store: Store,
    sent: Vec<Packet>,
    events: Vec<Event>,
    replies: Vec<Reply>,
    streams: BTreeMap<SocketAddr, ConnectionId>,
    alteration: Option<Alteration>,
}

/// What is done to every engine of a rig before it begins.
struct Alteration(Box<dyn Fn(&mut Engine)>);

impl core::fmt::Debug for Alteration {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Alteration")
    }
}

impl Rig {
    /// An engine under this policy, at the beginning of time.
    #[must_use]
    pub fn new(policy: Policy, seed: u64) -> Self {
        let now = Mono(1_000_000);
        let policy = Arc::new(policy);
        Self {
            engine: engine(policy.clone(), seed, now),
            policy,
            before: Vec::new(),
            now,
            outbox: Outbox::new(),
            store: Store::new(),
            sent: Vec::new(),
            events: Vec::new(),
            replies: Vec::new(),
            streams: BTreeMap::new(),
            alteration: None,
        }
    }

    /// Does something to the engine, and to those that follow it after a crash: what a test of the
    /// simulator itself puts in.
    pub fn alter(&mut self, how: impl Fn(&mut Engine) + 'static) {
        how(&mut self.engine);
        self.alteration = Some(Alteration(Box::new(how)));
    }

    /// The present.
    #[must_use]
    pub const fn now(&self) -> Mono {
        self.now
    }

    /// The engine, to be looked at.
    #[must_use]
    pub const fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The store, to be looked at.
    #[must_use]
    pub const fn store(&self) -> &Store {
        &self.store
    }

    /// A message arrives from there.
    pub fn send_from(&mut self, from: SocketAddr, bytes: &[u8]) {
        let flow = self.flow(from);
        self.input(Input::Datagram(Datagram { bytes, flow }));
    }

    /// A message arrives at one of our addresses.
    pub fn receive(&mut self, packet: &Packet) {
        if packet.to != control() {
            return self.send_from(packet.from, &packet.bytes);
        }
        let (bytes, flow) = (packet.bytes.as_slice(), Flow::udp(CONTROL, packet.from));
        self.input(Input::Datagram(Datagram { bytes, flow }));
    }

    /// What comes from this address comes by a stream from now on: a new connection.
    pub fn connect(&mut self, from: SocketAddr) {
        let next = ConnectionId(self.streams.len() as u32 + 1);
        self.streams.insert(from, next);
    }

    /// The network says that nothing can be sent there.
    pub fn unreachable(&mut self, to: SocketAddr) {
        let flow = self.flow(to);
        self.input(Input::TransportError(TransportError { flow }));
    }

    /// New settings.
    pub fn set_policy(&mut self, policy: Policy) {
        self.policy = Arc::new(policy);
        self.input(Input::Policy(self.policy.clone()));
    }

    /// The settings in force.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The process ends at once, and another begins under the same secret with what is durable:
    /// connections are gone, and so is what the store had not settled.
    pub fn crash(&mut self, seed: u64) {
        self.before.push(*self.engine.counters());
        self.store.crash();
        self.streams.clear();
        self.sent.clear();
        self.engine = engine(self.policy.clone(), seed, self.now);
        if let Some(Alteration(how)) = &self.alteration {
            how(&mut self.engine);
        }
        let changes = self.store.prefix().to_vec();
        let mut outbox = core::mem::take(&mut self.outbox);
        self.engine.restore(at(self.now), changes, &mut outbox);
        self.collect(outbox);
    }

    /// What all engines so far have counted.
    pub fn counters(&self) -> impl Iterator<Item = &Counters> {
        self.before.iter().chain([self.engine.counters()])
    }

    /// From now on the store treats batches so.
    pub const fn set_store(&mut self, mode: StoreMode) {
        self.store.set_mode(mode);
    }

    /// All that the store has been given is durable now.
    pub fn catch_up(&mut self) {
        if let Some(input) = self.store.catch_up() {
            self.input(input);
        }
    }

    /// The oldest batch that waits is settled.
    pub fn settle_one(&mut self) {
        if let Some(input) = self.store.settle_one() {
            self.input(input);
        }
    }

    /// An operator's command, and its answer.
    ///
    /// # Panics
    /// When there is none.
    pub fn command(&mut self, command: Command) -> Answer {
        self.input(Input::Command(command));
        match self.replies.pop() {
            Some(reply) => reply.answer,
            None => panic!("a command without an answer"),
        }
    }

    /// The committed bindings of an AoR, with times counted from the beginning.
    #[must_use]
    pub fn bindings(&self, aor: &str) -> Vec<BindingView> {
        self.engine.bindings(aor)
    }

    /// Sizes of all tables.
    #[must_use]
    pub fn totals(&self) -> Totals {
        self.engine.totals()
    }

    /// What was sent since the last call, in order.
    pub fn take_sent(&mut self) -> Vec<Packet> {
        core::mem::take(&mut self.sent)
    }

    /// What was told since the last call.
    pub fn take_events(&mut self) -> Vec<Event> {
        core::mem::take(&mut self.events)
    }

    /// When the engine wants to be woken.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Mono> {
        self.engine.poll_timeout()
    }

    /// Time passes without anything being done.
    pub fn set_now(&mut self, now: Mono) {
        debug_assert!(now >= self.now, "time goes on");
        self.now = now;
    }

    /// Does what is due at this instant.
    ///
    /// # Panics
    /// When there is no end to it.
    pub fn fire(&mut self) {
        for _ in 0..PATIENCE {
            if self.next_deadline().is_none_or(|due| due > self.now) {
                return;
            }
            let mut outbox = core::mem::take(&mut self.outbox);
            self.engine.handle_timeout(at(self.now), &mut outbox);
            self.collect(outbox);
        }
        panic!("the engine is never done with this instant");
    }

    /// Time passes, and everything is done when it is due.
    pub fn advance(&mut self, by: Duration) {
        let end = self.now.plus(by);
        while let Some(due) = self.next_deadline().filter(|due| *due <= end) {
            self.now = due.max(self.now);
            self.fire();
        }
        self.now = end;
    }

    /// Time leaps: what fell due meanwhile is done only afterwards.
    pub fn jump(&mut self, by: Duration) {
        self.now = self.now.plus(by);
        self.fire();
    }

    fn input(&mut self, input: Input<'_>) {
        let mut outbox = core::mem::take(&mut self.outbox);
        self.engine.handle_input(at(self.now), input, &mut outbox);
        self.collect(outbox);
    }

    fn collect(&mut self, mut outbox: Outbox) {
        let mut told = Vec::new();
        for item in outbox.items.drain(..) {
            match item {
                Output::Transmit(transmit) => self.sent.push(Packet {
                    from: match transmit.flow.listener {
                        CONTROL => control(),
                        _ => us(),
                    },
                    to: transmit.flow.remote,
                    bytes: outbox.bytes.get(transmit.span).unwrap_or_default().to_vec(),
                }),
                Output::Persist(batch) => told.extend(self.store.take(batch)),
                Output::Event(event) => self.events.push(event),
                Output::Reply(reply) => self.replies.push(reply),
                Output::HandOver(_) => panic!("there is no other shard"),
            }
        }
        outbox.clear();
        self.outbox = outbox;
        for input in told {
            self.input(input);
        }
    }

    fn flow(&self, remote: SocketAddr) -> Flow {
        match self.streams.get(&remote) {
            Some(connection) => Flow {
                remote,
                connection: *connection,
                listener: TCP,
                transport: Transport::Tcp,
                origin: 0,
            },
            None => Flow::udp(UDP, remote),
        }
    }
}

fn engine(policy: Arc<Policy>, seed: u64, now: Mono) -> Engine {
    let config = EngineConfig {
        shard: ShardId(0),
        shards: 1,
        secret: SECRET,
        seed,
    };
    Engine::new(&config, policy, at(now))
}

const fn at(mono: Mono) -> Now {
    Now {
        mono,
        wall: Wall(DAWN.0 + mono.0),
    }
}
