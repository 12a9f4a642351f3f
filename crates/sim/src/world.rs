//! `World`: the rig, the main registrars behind it, the network between all of them, and a letter
//! box at every other address.

use core::net::SocketAddr;
use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};

use engine::policy::Policy;
use engine::{BindingId, DropReason, Event, Mono, Row};

use crate::ladder::{Fate, Ladder};
use crate::main_registrar::{Held, MainRegistrar};
use crate::network::{Conditions, Link, Network};
use crate::packet::Packet;
use crate::phone::Phone;
use crate::policy::{self, control, main_address, us};
use crate::rig::Rig;
use crate::watch::Watch;

/// Where a fingerprint begins (FNV-1a, 64 bits).
const FNV_BASIS: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0100_0000_01b3;

/// A small world.
#[derive(Debug)]
pub struct World {
    /// The engine, its clock and its store.
    pub rig: Rig,
    /// The main registrars, by node.
    pub mains: Vec<MainRegistrar>,
    network: Network,
    boxes: BTreeMap<SocketAddr, VecDeque<Packet>>,
    ladder: Ladder,
    watch: Watch,
    alarm: Alarm,
    fault: Option<String>,
    fingerprint: u64,
    mailed: bool,
}

/// What happens when the watch complains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alarm {
    /// The test ends there and then.
    Panic,
    /// It is kept for [`World::fault`].
    Note,
}

impl World {
    /// A world under this policy, with a perfect network.
    #[must_use]
    pub fn new(policy: Policy) -> Self {
        Self::seeded(policy, 1)
    }

    /// The same with its chances drawn from a seed.
    #[must_use]
    pub fn seeded(policy: Policy, seed: u64) -> Self {
        let nodes = policy.upstream.servers.len() as u16;
        let mains = (0..nodes).map(|node| MainRegistrar::new(main_address(node)));
        Self {
            mains: mains.collect(),
            watch: Watch::new(),
            rig: Rig::new(policy, seed),
            network: Network::new(seed),
            boxes: BTreeMap::new(),
            ladder: Ladder::default(),
            alarm: Alarm::Panic,
            fault: None,
            fingerprint: FNV_BASIS,
            mailed: false,
        }
    }

    /// A world in `contact` mode.
    #[must_use]
    pub fn contact() -> Self {
        Self::new(policy::contact())
    }

    /// A world in `mirror` mode.
    #[must_use]
    pub fn mirror() -> Self {
        Self::new(policy::mirror())
    }

    /// The first main registrar.
    ///
    /// # Panics
    /// When there is none.
    pub fn main(&mut self) -> &mut MainRegistrar {
        match self.mains.first_mut() {
            Some(main) => main,
            None => panic!("no main registrar"),
        }
    }

    /// What the main registrars hold for an AoR at present.
    #[must_use]
    pub fn held(&self, aor: &str) -> Vec<Held> {
        let now = self.now();
        let held = self.mains.iter().flat_map(|main| main.held(now, aor));
        held.collect()
    }

    /// The present.
    #[must_use]
    pub const fn now(&self) -> Mono {
        self.rig.now()
    }

    /// From now on the network is so.
    pub const fn set_conditions(&mut self, conditions: Conditions) {
        self.network.set_conditions(conditions);
    }

    /// Writes a remark into the ladder.
    pub fn note(&mut self, text: impl Into<String>) {
        self.ladder.note(self.rig.now(), text);
    }

    /// A message leaves an address for us; what can happen at this instant happens.
    pub fn send(&mut self, from: SocketAddr, bytes: &[u8]) {
        let packet = Packet {
            from,
            to: us(),
            bytes: bytes.to_vec(),
        };
        self.post(packet);
        self.advance(Duration::ZERO);
    }

    /// A message goes on its way; what can happen at this instant happens.
    pub fn carry(&mut self, packet: Packet) {
        self.post(packet);
        self.advance(Duration::ZERO);
    }

    /// A phone sends something and has its final answer.
    ///
    /// # Panics
    /// When there is none.
    pub fn exchange(&mut self, phone: &Phone, bytes: &[u8]) -> Packet {
        self.try_exchange(phone, bytes).unwrap_or_else(|| {
            panic!("{} has no answer", phone.user);
        })
    }

    /// A phone sends something and has its final answer, if it comes at once.
    pub fn try_exchange(&mut self, phone: &Phone, bytes: &[u8]) -> Option<Packet> {
        self.mail(phone.address);
        self.send(phone.address, bytes);
        let mail = self.mail(phone.address);
        mail.into_iter().rfind(Packet::is_final)
    }

    /// A phone sends something, answers a challenge, and has its final answer.
    ///
    /// # Panics
    /// When there is none.
    pub fn converse(&mut self, phone: &mut Phone, bytes: &[u8]) -> Packet {
        let answer = self.exchange(phone, bytes);
        if !matches!(answer.status(), 401 | 407) {
            return answer;
        }
        let second = phone.answer(&answer);
        self.exchange(phone, &second)
    }

    /// A phone registers, answering a challenge.
    pub fn register(&mut self, phone: &mut Phone) -> Packet {
        let bytes = phone.register();
        self.converse(phone, &bytes)
    }

    /// A phone registers and must be accepted.
    ///
    /// # Panics
    /// When it is not.
    pub fn registered(&mut self, phone: &mut Phone) -> Packet {
        let answer = self.register(phone);
        assert_eq!(answer.status(), 200, "{}", answer.text());
        answer
    }

    /// A phone ends its registration, answering a challenge.
    pub fn unregister(&mut self, phone: &mut Phone) -> Packet {
        let bytes = phone.unregister();
        self.converse(phone, &bytes)
    }

    /// What lies in a letter box.
    pub fn mail(&mut self, address: SocketAddr) -> Vec<Packet> {
        let mail = self.boxes.get_mut(&address);
        mail.map(core::mem::take).unwrap_or_default().into()
    }

    /// Addresses with mail.
    #[must_use]
    pub fn with_mail(&self) -> Vec<SocketAddr> {
        let full = self.boxes.iter().filter(|(_, mail)| !mail.is_empty());
        full.map(|(address, _)| *address).collect()
    }

    /// Time passes and everything happens when it is due.
    ///
    /// # Panics
    /// When the watch complains, unless the alarm is only noted.
    pub fn advance(&mut self, by: Duration) {
        let end = self.now().plus(by);
        while self.step(end) {}
        self.rig.set_now(end);
    }

    /// Time passes until then, or until somebody has mail.
    ///
    /// # Panics
    /// When the watch complains, unless the alarm is only noted.
    pub fn advance_to_mail(&mut self, end: Mono) {
        self.mailed = false;
        while !self.mailed {
            if !self.step(end) {
                return self.rig.set_now(end);
            }
        }
    }

    /// What is due next by then happens; whether there was anything.
    fn step(&mut self, end: Mono) -> bool {
        self.flush();
        let mains = self.mains.iter().filter_map(MainRegistrar::next_deadline);
        let mains = mains.min();
        let next = [self.network.next_arrival(), self.rig.next_deadline(), mains];
        let Some(at) = next.into_iter().flatten().min().filter(|at| *at <= end) else {
            return false;
        };
        self.rig.set_now(at.max(self.now()));
        match self.network.receive(self.now()) {
            Some(packet) => self.deliver(packet),
            None if mains == Some(at) => self.exchanges_act(),
            None => self.rig.fire(),
        }
        true
    }

    /// Whole seconds pass.
    pub fn wait(&mut self, seconds: u64) {
        self.advance(Duration::from_secs(seconds));
    }

    /// Something was done to the rig itself: what it sent goes on its way.
    pub fn touch<T>(&mut self, act: impl FnOnce(&mut Rig) -> T) -> T {
        let outcome = act(&mut self.rig);
        self.advance(Duration::ZERO);
        outcome
    }

    /// What was told since the last call.
    pub fn events(&mut self) -> Vec<Event> {
        self.rig.take_events()
    }

    /// How often a row of the decision table was taken.
    #[must_use]
    pub fn row(&self, row: Row) -> u64 {
        self.rig.engine().counters().decisions[row as usize]
    }

    /// How many messages were dropped for this reason.
    #[must_use]
    pub fn dropped(&self, reason: DropReason) -> u64 {
        self.rig.engine().counters().dropped[reason as usize]
    }

    /// The URIs under which an AoR is bound here.
    #[must_use]
    pub fn bound(&self, aor: &str) -> Vec<String> {
        let bindings = self.rig.bindings(aor).into_iter();
        bindings.map(|binding| binding.contact).collect()
    }

    /// The tokens under which an AoR is bound here, in the order of [`Self::bound`].
    #[must_use]
    pub fn tokens(&self, aor: &str) -> Vec<String> {
        let bindings = self.rig.bindings(aor).into_iter();
        bindings
            .map(|binding| self.watch.token(binding.id))
            .collect()
    }

    /// What names a binding to the main registrars.
    #[must_use]
    pub fn handle(&self, aor: &str, id: BindingId) -> String {
        self.watch.handle(aor, id, self.rig.policy())
    }

    /// The tokens that the main registrars hold for an AoR.
    #[must_use]
    pub fn held_tokens(&self, aor: &str) -> Vec<String> {
        let held = self.held(aor).into_iter();
        held.map(|held| held.handle)
            .filter(|handle| !handle.starts_with("sip:"))
            .collect()
    }

    /// From now on this happens when the watch complains.
    pub const fn set_alarm(&mut self, alarm: Alarm) {
        self.alarm = alarm;
    }

    /// The first complaint of the watch.
    #[must_use]
    pub fn fault(&self) -> Option<&str> {
        self.fault.as_deref()
    }

    /// The watch.
    #[must_use]
    pub const fn watch(&self) -> &Watch {
        &self.watch
    }

    /// The network.
    pub const fn network(&mut self) -> &mut Network {
        &mut self.network
    }

    /// A number made of every message that was sent, and when: what two runs of one seed have in
    /// common.
    #[must_use]
    pub const fn fingerprint(&self) -> u64 {
        self.fingerprint
    }

    /// The engine crashes, and another begins with what is durable.
    ///
    /// # Panics
    /// When a promise is lost, unless the alarm is only noted.
    pub fn crash(&mut self, seed: u64) {
        let debts = self.watch.before_crash(&self.rig);
        self.rig.crash(seed);
        self.note("midreg crashes and begins anew");
        let verdict = debts.and_then(|debts| self.watch.after_crash(&debts, &self.rig));
        self.judge(verdict);
    }

    /// Looks at everything that the engine holds.
    ///
    /// # Panics
    /// When the watch complains, unless the alarm is only noted.
    pub fn look(&mut self) {
        let verdict = self.watch.look_at_all(&self.rig);
        self.judge(verdict);
    }

    /// The conversation so far.
    #[must_use]
    pub const fn ladder(&self) -> &Ladder {
        &self.ladder
    }

    fn deliver(&mut self, packet: Packet) {
        if packet.to == us() || packet.to == control() {
            self.watch.arrived(&packet, &self.rig);
            self.rig.receive(&packet);
            return;
        }
        let now = self.rig.now();
        match self.mains.iter_mut().find(|main| main.address == packet.to) {
            Some(main) => {
                let answers = main.receive(now, &packet);
                answers.into_iter().for_each(|answer| self.post(answer));
            }
            None => {
                self.mailed = true;
                self.boxes.entry(packet.to).or_default().push_back(packet);
            }
        }
    }

    /// The main registrars do what is due of calls.
    fn exchanges_act(&mut self) {
        let now = self.now();
        let mains = self.mains.iter_mut();
        let sent: Vec<Packet> = mains.flat_map(|main| main.on_time(now)).collect();
        sent.into_iter().for_each(|packet| self.post(packet));
    }

    fn post(&mut self, packet: Packet) {
        let now = self.rig.now();
        let link = match self.is_main(packet.to) || self.is_main(packet.from) {
            true => Link::Upstream,
            false => Link::Devices,
        };
        let fate = match self.network.send(now, link, &packet) {
            0 => Fate::Lost,
            _ => Fate::Arrived,
        };
        self.mark(now, &packet);
        self.ladder.message(now, &packet, fate);
    }

    /// Takes a message into the fingerprint.
    fn mark(&mut self, now: Mono, packet: &Packet) {
        let times = now.0.to_le_bytes();
        let ends = packet.to.port().to_le_bytes();
        for byte in times.iter().chain(&ends).chain(&packet.bytes) {
            self.fingerprint = (self.fingerprint ^ u64::from(*byte)).wrapping_mul(FNV_PRIME);
        }
    }

    fn is_main(&self, end: SocketAddr) -> bool {
        self.mains.iter().any(|main| main.address.ip() == end.ip())
    }

    /// What the engine has sent goes on its way, watched.
    fn flush(&mut self) {
        let sent = self.rig.take_sent();
        if sent.is_empty() {
            return;
        }
        for packet in sent {
            let verdict = self.watch.sent(&packet, &self.rig);
            self.post(packet);
            self.judge(verdict);
        }
        let verdict = self.watch.look(&self.rig);
        self.judge(verdict);
    }

    fn judge(&mut self, verdict: Result<(), String>) {
        let Err(fault) = verdict else {
            return;
        };
        match self.alarm {
            Alarm::Panic => panic!("{fault}"),
            Alarm::Note => {
                self.note(format!("FAULT: {fault}"));
                self.fault.get_or_insert(fault);
            }
        }
    }
}

/// A world that falls with its test tells what happened in it.
impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.ladder);
        }
    }
}
