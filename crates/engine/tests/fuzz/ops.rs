//! The fuzz target: a list of things that happen to an engine.

use std::collections::VecDeque;
use std::sync::Arc;

use engine::command::{Command, Cursor, Totals};
use engine::policy::{ForkOrder, Listener, Mode, Outbound, Qualify, Redirects, Server, Side};
use engine::{
    Datagram, Engine, EngineConfig, Flow, Input, ListenerId, Mono, Now, Outbox, Output, PersistSeq,
    Policy, ShardId, Slot, Transport, TransportError, Wall,
};

use crate::calls::{Call, Reaction, uris};

const MAIN: &str = "127.0.0.2:5060";
/// Things that happen in one life at most.
const OPS: usize = 64;

/// Something that happens.
#[derive(Clone, Debug, bolero::TypeGenerator)]
pub(crate) enum Op {
    /// A phone sends a REGISTER.
    Register(Register),
    /// The main registrar answers one of the requests it has.
    Answer(Answer),
    /// Somebody sends another request.
    Call(Call),
    /// Somebody answers a request that was passed on to him.
    React(Reaction),
    /// The store acknowledges, or fails to keep, its oldest batch.
    Store(bool),
    /// Time passes.
    Wait(Wait),
    /// The network refuses what goes to the main registrar.
    Unreachable,
    /// An operator acts.
    Operator(u8),
    /// Anything at all arrives.
    Noise(Vec<u8>),
    /// The policy changes.
    Policy(u8),
}

/// A REGISTER, with a few choices for each part.
#[derive(Clone, Debug, bolero::TypeGenerator)]
pub(crate) struct Register {
    phone: u8,
    user: u8,
    call: u8,
    cseq: u8,
    branch: u8,
    contacts: u8,
    expires: u8,
    extras: u8,
    damage: Option<(u16, u8)>,
}

/// An answer of the main registrar.
#[derive(Clone, Debug, bolero::TypeGenerator)]
pub(crate) struct Answer {
    which: u8,
    status: u8,
    expires: u8,
    again: bool,
    damage: Option<(u16, u8)>,
}

/// How much time passes.
#[derive(Clone, Copy, Debug, bolero::TypeGenerator)]
pub(crate) enum Wait {
    Millis(u8),
    Seconds(u8),
    Hours(u8),
}

/// Lives through `ops`, then lets all time pass.
pub(crate) fn live(ops: &[Op]) {
    let mut life = Life::new();
    for op in ops.iter().take(OPS) {
        life.suffer(op);
    }
    life.end();
}

struct Life {
    engine: Engine,
    now: Now,
    out: Outbox,
    asked: Vec<Vec<u8>>,
    /// Requests that were passed on, and to whom.
    passed: Vec<(Flow, Vec<u8>)>,
    /// URIs that midreg has written.
    known: Vec<String>,
    batches: VecDeque<PersistSeq>,
    nonces: u32,
}

impl Life {
    fn new() -> Self {
        let config = EngineConfig {
            shard: ShardId(0),
            shards: 1,
            secret: [7; 32],
            seed: 1,
        };
        let now = Now {
            mono: Mono(1_000_000),
            wall: Wall(1_700_000_000_000),
        };
        Self {
            engine: Engine::new(&config, Arc::new(policy(0)), now),
            now,
            out: Outbox::new(),
            asked: Vec::new(),
            passed: Vec::new(),
            known: Vec::new(),
            batches: VecDeque::new(),
            nonces: 0,
        }
    }

    fn suffer(&mut self, op: &Op) {
        match op {
            Op::Register(register) => {
                let mut bytes = register.write();
                damage(&mut bytes, register.damage);
                self.arrive(&bytes, phone(register.phone));
            }
            Op::Answer(answer) => self.answer(answer),
            Op::Call(call) => {
                let flow = match call.upstream {
                    true => Flow::udp(ListenerId(0), MAIN.parse().unwrap()),
                    false => phone(call.phone),
                };
                let mut bytes = call.write(flow.remote, &self.known);
                damage(&mut bytes, call.damage);
                self.arrive(&bytes, flow);
            }
            Op::React(reaction) => self.react(reaction),
            Op::Store(kept) => self.store(*kept),
            Op::Wait(wait) => self.wait(wait.millis()),
            Op::Unreachable => {
                let flow = Flow::udp(ListenerId(0), MAIN.parse().unwrap());
                self.input(Input::TransportError(TransportError { flow }));
            }
            Op::Operator(choice) => self.input(Input::Command(command(*choice))),
            Op::Noise(bytes) => self.arrive(bytes, phone(0)),
            Op::Policy(choice) => self.input(Input::Policy(Arc::new(policy(*choice)))),
        }
    }

    fn arrive(&mut self, bytes: &[u8], flow: Flow) {
        self.input(Input::Datagram(Datagram { bytes, flow }));
    }

    fn input(&mut self, input: Input<'_>) {
        self.engine.handle_input(self.now, input, &mut self.out);
        self.collect();
    }

    fn collect(&mut self) {
        let main = MAIN.parse().unwrap();
        let upstream = self.out.transmits().filter(|(flow, _)| flow.remote == main);
        let requests = upstream
            .map(|(_, bytes)| bytes.to_vec())
            .collect::<Vec<_>>();
        self.asked.extend(requests);
        let passed = self
            .out
            .transmits()
            .filter(|(_, bytes)| !bytes.starts_with(b"SIP/2.0") && !bytes.starts_with(b"REGISTER"));
        let passed: Vec<_> = passed.map(|(flow, bytes)| (flow, bytes.to_vec())).collect();
        self.passed.extend(passed);
        let excess = self.passed.len().saturating_sub(16);
        self.passed.drain(..excess);
        let known: Vec<String> = self
            .out
            .transmits()
            .flat_map(|(_, bytes)| uris(bytes))
            .collect();
        self.known.extend(known);
        let excess = self.known.len().saturating_sub(16);
        self.known.drain(..excess);
        let excess = self.asked.len().saturating_sub(16);
        self.asked.drain(..excess);
        for item in self.out.items.drain(..) {
            if let Output::Persist(batch) = item {
                self.batches.push_back(batch.seq);
            }
        }
        self.out.clear();
    }

    fn answer(&mut self, answer: &Answer) {
        if self.asked.is_empty() {
            return;
        }
        let at = usize::from(answer.which) % self.asked.len();
        let request = match answer.again {
            true => self.asked[at].clone(),
            false => self.asked.remove(at),
        };
        self.nonces += 1;
        let mut bytes = answer.write(&request, self.nonces);
        damage(&mut bytes, answer.damage);
        self.arrive(&bytes, Flow::udp(ListenerId(0), MAIN.parse().unwrap()));
    }

    fn react(&mut self, reaction: &Reaction) {
        if self.passed.is_empty() {
            return;
        }
        let at = usize::from(reaction.which) % self.passed.len();
        let (flow, request) = match reaction.again {
            true => self.passed[at].clone(),
            false => self.passed.remove(at),
        };
        let mut bytes = reaction.write(&request);
        damage(&mut bytes, reaction.damage);
        self.arrive(&bytes, flow);
    }

    fn store(&mut self, kept: bool) {
        if let Some(seq) = self.batches.pop_front() {
            self.input(match kept {
                true => Input::Persisted(seq),
                false => Input::PersistFailed(seq),
            });
        }
    }

    fn wait(&mut self, millis: u64) {
        let until = self.now.mono.plus_millis(millis);
        // Small steps to begin with, then one jump: a life has no patience for every timer.
        for _ in 0..64 {
            match self.engine.poll_timeout() {
                Some(due) if due <= until => self.pass_to(due.max(self.now.mono)),
                _ => break,
            }
        }
        self.pass_to(until);
    }

    fn pass_to(&mut self, at: Mono) {
        let passed = at.0 - self.now.mono.0;
        self.now = Now {
            mono: at,
            wall: Wall(self.now.wall.0 + passed),
        };
        self.engine.handle_timeout(self.now, &mut self.out);
        self.collect();
    }

    fn end(mut self) {
        // A node that is down is probed for as long as it is configured.
        let mut deserted = policy(0);
        deserted.upstream.servers.clear();
        self.input(Input::Policy(Arc::new(deserted)));
        while !self.batches.is_empty() {
            self.store(true);
        }
        for _ in 0..10_000 {
            while !self.batches.is_empty() {
                self.store(true);
            }
            match self.engine.poll_timeout() {
                Some(due) => self.pass_to(due.max(self.now.mono).plus_seconds(100_000)),
                None => break,
            }
        }
        assert_eq!(
            self.engine.totals(),
            Totals::default(),
            "something outlived everything"
        );
    }
}

impl Register {
    fn write(&self) -> Vec<u8> {
        let flow = phone(self.phone).remote;
        let user = self.user % 2;
        let mut text = format!(
            "REGISTER sip:example.com SIP/2.0\r\n\
             Via: SIP/2.0/UDP {flow};branch=z9hG4bK{};rport\r\n\
             Max-Forwards: 70\r\n\
             From: <sip:u{user}@example.com>;tag=t{}\r\n\
             To: <sip:u{user}@example.com>\r\n\
             Call-ID: c{}\r\n\
             CSeq: {} REGISTER\r\n",
            self.branch % 8,
            self.call % 3,
            self.call % 3,
            self.cseq % 8,
        );
        text += &self.contact_lines(flow);
        for (bit, line) in EXTRAS.iter().enumerate() {
            if self.extras & (1 << bit) != 0 {
                text += line;
            }
        }
        text += "Content-Length: 0\r\n\r\n";
        text.into_bytes()
    }

    fn contact_lines(&self, flow: core::net::SocketAddr) -> String {
        let seconds = [0, 1, 30, 60, 600, 3600, 100_000][usize::from(self.expires % 7)];
        let expires = format!("Expires: {seconds}\r\n");
        match self.contacts % 8 {
            0 => String::new(),
            1 => format!("Contact: *\r\n{expires}"),
            2 => format!("Contact: <sip:u@{flow}>;expires={seconds}, <sip:v@{flow}>\r\n"),
            3 => format!("Contact: <sip:u@{flow}>;+sip.instance=\"<urn:x>\"\r\n{expires}"),
            4 => format!("Contact: <sip:w@{flow}>;+sip.instance=\"<urn:x>\"\r\n{expires}"),
            5 => format!("Contact: sip:u@10.0.0.1;q=0.5\r\n{expires}"),
            _ => format!("Contact: <sip:u@{flow}>\r\n{expires}"),
        }
    }
}

const EXTRAS: [&str; 8] = [
    "Authorization: Digest username=\"u\", realm=\"r\", nonce=\"n1\", uri=\"sip:x\", response=\"0\"\r\n",
    "Authorization: Digest username=\"u\", realm=\"r\", nonce=\"n2\", uri=\"sip:x\", response=\"0\"\r\n",
    "Supported: path, outbound, gruu\r\n",
    "Path: <sip:edge.example.com;lr>\r\n",
    "Route: <sip:127.0.0.1;lr>, <sip:next.example.com;lr>\r\n",
    "Require: pref\r\n",
    "Via: SIP/2.0/UDP 10.0.0.9;branch=z9hG4bKolder\r\n",
    "X-Unknown: yes\r\n folded\r\n",
];

impl Answer {
    fn write(&self, request: &[u8], nonce: u32) -> Vec<u8> {
        let (status, extra) = match self.status % 10 {
            0..=2 => (200, "Service-Route: <sip:s;lr>\r\n".to_owned()),
            3 | 4 => (
                401,
                format!("WWW-Authenticate: Digest realm=\"r\", nonce=\"n{nonce}\"\r\n"),
            ),
            5 => (423, "Min-Expires: 9000\r\n".to_owned()),
            6 => (403, String::new()),
            7 => (503, "Retry-After: 5\r\n".to_owned()),
            8 => (100, String::new()),
            _ => (408, String::new()),
        };
        let text = String::from_utf8_lossy(request);
        let mut answer = format!("SIP/2.0 {status} Whatever\r\n");
        for line in text.lines() {
            let copied = ["Via:", "From:", "To:", "Call-ID:", "CSeq:"];
            if copied.iter().any(|name| line.starts_with(name)) {
                answer += &format!("{line}\r\n");
            } else if line.starts_with("Contact:") && status == 200 {
                answer += &self.contact(line);
            }
        }
        answer += &extra;
        answer += "Content-Length: 0\r\n\r\n";
        answer.into_bytes()
    }

    fn contact(&self, line: &str) -> String {
        let bare = line.split(";expires=").next().unwrap_or(line);
        match self.expires % 6 {
            0 => format!("{line}\r\n"),
            1 => format!("{bare};expires=0\r\n"),
            2 => format!("{bare};expires=30\r\n"),
            3 => format!("{bare}\r\nExpires: 2\r\n"),
            4 => String::new(),
            _ => format!("Contact: <sip:other@host>;expires=9\r\n{bare};expires=7200\r\n"),
        }
    }
}

impl Wait {
    fn millis(self) -> u64 {
        match self {
            Self::Millis(count) => u64::from(count) * 20,
            Self::Seconds(count) => u64::from(count) * 1000,
            Self::Hours(count) => u64::from(count) * 3_600_000,
        }
    }
}

fn damage(bytes: &mut [u8], damage: Option<(u16, u8)>) {
    if let Some((at, byte)) = damage
        && !bytes.is_empty()
    {
        let at = usize::from(at) % bytes.len();
        bytes[at] = byte;
    }
}

fn phone(number: u8) -> Flow {
    let port = 6000 + u16::from(number % 4);
    let host = 10 + number % 2;
    Flow::udp(ListenerId(0), ([127, 0, 0, host], port).into())
}

fn command(choice: u8) -> Command {
    let aor = format!("u{}@example.com", choice % 2);
    let tag = u64::from(choice);
    match choice % 9 {
        0 => Command::Show { tag, aor },
        1 => Command::Kick { tag, aor },
        2 => Command::Totals { tag },
        3 => Command::Show {
            tag,
            aor: "<nonsense>".to_owned(),
        },
        4 => Command::Explain { tag, aor },
        5 => Command::List {
            tag,
            from: Cursor {
                slot: Slot(u16::from(choice) * 20),
                index: u32::from(choice % 3),
            },
            most: usize::from(choice),
        },
        6 => Command::Calls {
            tag,
            aor: choice.is_multiple_of(2).then_some(aor),
            most: 3,
        },
        7 => Command::Nodes { tag },
        _ => Command::Resync { tag },
    }
}

fn policy(choice: u8) -> Policy {
    let mut policy = Policy {
        listeners: vec![Listener {
            transport: Transport::Udp,
            advertise: "127.0.0.1:5060".to_owned(),
            side: Side::Both,
        }],
        ..Policy::default()
    };
    policy.upstream.servers = vec![Server {
        name: "main".to_owned(),
        address: (choice % 7 != 6).then(|| MAIN.parse().unwrap()),
        listener: ListenerId(0),
    }];
    policy.domain.registration.min_expires = 1;
    policy.domain.registration.jitter_percent = choice % 3 * 10;
    policy.limits.bindings_per_aor = 1 + usize::from(choice % 4);
    if choice % 5 == 4 {
        policy.domain.mode = Mode::Mirror;
    }
    let calls = &mut policy.domain.calls;
    calls.fork = [ForkOrder::ByQ, ForkOrder::Serial, ForkOrder::Parallel][usize::from(choice % 3)];
    if choice % 2 == 1 {
        calls.redirects = Redirects::Follow;
        calls.qualify = Qualify::Pass;
        calls.outbound = Outbound::Any;
    }
    if choice % 3 == 1 {
        policy.domain.mode = Mode::Aor;
    }
    if choice % 2 == 1 {
        policy.limits.overflow = engine::policy::Overflow::ReplaceOldest;
        policy.domain.challenge = engine::policy::ChallengePolicy::Require;
    }
    policy
}
