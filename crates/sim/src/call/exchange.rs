//! `Exchange`: what a model main registrar does with calls: the proxy of RFC 3261 §16, with a
//! Record-Route of its own, forking to the contacts that it holds, honouring their Path (RFC 3327
//! §5.3).

use core::net::SocketAddr;
use std::collections::BTreeMap;

use engine::Mono;

use super::letter::{Key, Letter, Start, address_of, aor_of, uri_of};
use super::transactions::{Happening, Transactions};
use crate::digest;
use crate::main_registrar::Held;
use crate::packet::Packet;
use crate::policy::DOMAIN;

/// Milliseconds that it waits longer than midreg for the end of a call that was cancelled.
const SLACK: u64 = 5_000;

/// What a model main registrar does with calls.
#[derive(Debug)]
pub struct Exchange {
    /// How it goes about it.
    pub habits: Habits,
    /// Final answers to its own requests, by method and status.
    pub answers: BTreeMap<(String, u16), u64>,
    here: SocketAddr,
    txns: Transactions,
    forks: Vec<Fork>,
    count: u32,
}

/// How an exchange goes about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Habits {
    /// Whether its own users have to prove themselves before they call.
    pub proof: Proof,
    /// In which order contacts are tried.
    pub order: Order,
}

/// Whether callers have to prove themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// 407 to each new call.
    Asked,
    /// None.
    NotAsked,
}

/// In which order contacts are tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// All at once.
    Parallel,
    /// One after the other.
    Serial,
}

/// A request that it has sent on.
#[derive(Debug)]
struct Fork {
    key: Key,
    request: Letter,
    /// Where it was sent, and whether an answer is still to come.
    branches: Vec<(Key, bool)>,
    waiting: Vec<Target>,
    best: Option<Letter>,
    cancelled: bool,
}

/// Where a request may be sent.
#[derive(Clone, Debug)]
struct Target {
    uri: String,
    path: Vec<String>,
}

impl Exchange {
    /// One at this address.
    #[must_use]
    pub fn new(here: SocketAddr, habits: Habits) -> Self {
        Self {
            habits,
            answers: BTreeMap::new(),
            here,
            txns: transactions(here, 0),
            forks: Vec::new(),
            count: 0,
        }
    }

    /// It restarts: it knows of no call any more.
    pub fn reboot(&mut self) {
        self.count += 1;
        self.txns = transactions(self.here, self.count);
        self.forks.clear();
    }

    /// What it sends.
    pub fn take_sent(&mut self) -> Vec<Packet> {
        let from = self.here;
        let sent = self.txns.take_sent().into_iter();
        sent.map(|(to, bytes)| Packet { from, to, bytes }).collect()
    }

    /// When it wants to do something.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Mono> {
        self.txns.next_deadline()
    }

    /// Something arrived; `held` tells the contacts of an AoR.
    pub fn receive(&mut self, now: Mono, packet: &Packet, held: impl Fn(&str) -> Vec<Held>) {
        let Some(letter) = Letter::read(&packet.bytes) else {
            return;
        };
        match self.txns.receive(now, packet.from, letter) {
            Some(Happening::Request(request)) => self.on_request(now, request, held),
            Some(Happening::Response(key, response)) => self.on_response(now, &key, response),
            Some(Happening::Silence(key)) => self.on_silence(now, &key),
            None => {}
        }
    }

    /// Time has come.
    pub fn on_time(&mut self, now: Mono) {
        for happening in self.txns.on_time(now) {
            if let Happening::Silence(key) = happening {
                self.on_silence(now, &key);
            }
        }
    }

    /// Asks each of these contacts something for itself: OPTIONS to see whether it is there, or
    /// NOTIFY with news of messages.
    pub fn ask(&mut self, now: Mono, (method, aor): (&str, &str), contacts: &[Held]) {
        for held in contacts {
            self.count += 1;
            let call_id = format!("{method}-{}-{}", self.here.port(), self.count);
            let mut request = Letter::request(method, &held.uri, &call_id);
            request.from = format!("<sip:{aor}>;tag=x{}", self.count);
            request.to = format!("<sip:{aor}>");
            request.routes.clone_from(&held.path);
            request.lines.push(format!("Contact: <sip:{}>", self.here));
            if method == "NOTIFY" {
                let news = ["Event: message-summary", "Subscription-State: active"];
                request.lines.extend(news.map(str::to_owned));
                let kind = "Content-Type: application/simple-message-summary";
                request.lines.push(kind.to_owned());
                request.body = format!(
                    "Messages-Waiting: yes\r\nVoice-Message: {}/0\r\n",
                    self.count
                );
            }
            self.send(now, request);
        }
    }

    fn on_request(&mut self, now: Mono, mut request: Letter, held: impl Fn(&str) -> Vec<Held>) {
        while request
            .routes
            .first()
            .is_some_and(|top| self.is_here(uri_of(top)))
        {
            request.routes.remove(0);
        }
        match request.method.as_str() {
            "ACK" => return self.pass(request),
            "CANCEL" => return self.on_cancel(now, &request),
            _ => {}
        }
        if request.method == "INVITE" {
            self.reply(now, &request, (100, &[]));
        }
        if request.hops == Some(0) {
            return self.reply(now, &request, (483, &[]));
        }
        let uri = request.uri().unwrap_or_default().to_owned();
        let local = aor_of(&uri).ends_with(&format!("@{DOMAIN}"));
        if request.is_in_dialog() || !request.routes.is_empty() || !local {
            let path = Vec::new();
            return self.fork(now, request, vec![Target { uri, path }]);
        }
        if let Some(challenge) = self.challenge(&request) {
            return self.reply(now, &request, (407, &[challenge]));
        }
        let contacts = held(aor_of(&uri));
        let targets = contacts.into_iter().map(|held| Target {
            uri: held.uri,
            path: held.path,
        });
        let targets: Vec<Target> = targets.collect();
        match targets.is_empty() {
            true => self.reply(now, &request, (404, &[])),
            false => self.fork(now, request, targets),
        }
    }

    fn fork(&mut self, now: Mono, request: Letter, mut targets: Vec<Target>) {
        let first = match self.habits.order {
            Order::Parallel => targets.split_off(0),
            Order::Serial => targets.drain(..1).collect(),
        };
        let at = self.forks.len();
        self.forks.push(Fork {
            key: request.key(),
            request,
            branches: Vec::new(),
            waiting: targets,
            best: None,
            cancelled: false,
        });
        for target in first {
            self.branch(now, at, target);
        }
    }

    fn branch(&mut self, now: Mono, at: usize, target: Target) {
        let Some(fork) = self.forks.get(at) else {
            return;
        };
        let mut request = relayed(&fork.request);
        request.routes.splice(0..0, target.path);
        request.start = Start::Request(target.uri);
        if !fork.request.is_in_dialog() {
            let own = format!("<sip:{};lr>", self.here);
            request.record_routes.insert(0, own);
        }
        let key = self.send(now, request);
        if let (Some(key), Some(fork)) = (key, self.forks.get_mut(at)) {
            fork.branches.push((key, true));
        }
    }

    /// Signs a request and sends it where it is to go, if that is a place.
    fn send(&mut self, now: Mono, mut request: Letter) -> Option<Key> {
        let to = request.next_hop()?;
        self.txns.sign(&self.here.to_string(), &mut request);
        Some(self.txns.ask(now, request, to))
    }

    /// An ACK to a 2xx goes where its Route says.
    fn pass(&mut self, ack: Letter) {
        let mut ack = relayed(&ack);
        if let Some(to) = ack.next_hop() {
            self.txns.sign(&self.here.to_string(), &mut ack);
            self.txns.throw(&ack, to);
        }
    }

    fn on_cancel(&mut self, now: Mono, cancel: &Letter) {
        let invite = self.txns.cancelled(cancel);
        let mut forks = self.forks.iter_mut();
        let Some(fork) = forks.find(|fork| Some(&fork.key) == invite.as_ref()) else {
            return self.reply(now, cancel, (481, &[]));
        };
        fork.cancelled = true;
        fork.waiting.clear();
        let branches = fork.branches.clone();
        self.reply(now, cancel, (200, &[]));
        self.cancel(now, &branches);
    }

    fn cancel(&mut self, now: Mono, branches: &[(Key, bool)]) {
        for (key, _) in branches
            .iter()
            .filter(|(key, open)| *open && key.method == "INVITE")
        {
            self.txns.cancel(now, key);
        }
    }

    fn on_response(&mut self, now: Mono, key: &Key, mut response: Letter) {
        let status = response.status();
        response.vias.remove(0);
        let Some(at) = self.fork_of(key) else {
            if status >= 200 {
                let answer = (key.method.clone(), status);
                *self.answers.entry(answer).or_default() += 1;
            }
            return;
        };
        let fork = &mut self.forks[at];
        let over = !self.txns.is_open(&fork.key);
        match status {
            100 => {}
            101..200 if over => {}
            101..200 => self.txns.answer(now, &self.forks[at].key, &response),
            200..300 => {
                fork.close(key);
                fork.waiting.clear();
                let (own, others) = (fork.key.clone(), fork.branches.clone());
                if !over || own.method == "INVITE" {
                    self.txns.answer(now, &own, &response);
                }
                self.cancel(now, &others);
            }
            _ => {
                fork.close(key);
                if status >= 600 {
                    fork.waiting.clear();
                    let others = fork.branches.clone();
                    self.cancel(now, &others);
                }
                self.forks[at].weigh(response);
                self.go_on(now, at);
            }
        }
    }

    fn on_silence(&mut self, now: Mono, key: &Key) {
        if let Some(at) = self.fork_of(key) {
            self.forks[at].close(key);
            self.go_on(now, at);
        }
    }

    /// The next contact is tried, or the caller is told how it ended.
    fn go_on(&mut self, now: Mono, at: usize) {
        let fork = &mut self.forks[at];
        if !self.txns.is_open(&fork.key) || fork.branches.iter().any(|(_, open)| *open) {
            return;
        }
        if !fork.waiting.is_empty() {
            let next = fork.waiting.remove(0);
            return self.branch(now, at, next);
        }
        let request = fork.request.clone();
        match (fork.cancelled, fork.best.clone()) {
            (true, _) => self.reply(now, &request, (487, &[])),
            (false, Some(best)) => self.txns.answer(now, &request.key(), &best),
            (false, None) if request.method == "INVITE" => self.reply(now, &request, (408, &[])),
            // RFC 4320 §4.2.
            (false, None) => {}
        }
    }

    fn reply(&mut self, now: Mono, request: &Letter, (status, lines): (u16, &[String])) {
        let mut response = request.response(status, "exchange");
        response.lines.extend(lines.iter().cloned());
        self.txns.answer(now, &request.key(), &response);
    }

    fn challenge(&mut self, request: &Letter) -> Option<String> {
        let proved = request.value("Proxy-Authorization").is_some();
        let own = request.caller().ends_with(&format!("@{DOMAIN}"));
        if self.habits.proof == Proof::NotAsked || proved || !own || request.method != "INVITE" {
            return None;
        }
        self.count += 1;
        let nonce = format!("x{}-{}", self.here.port(), self.count);
        Some(format!("Proxy-Authenticate: {}", digest::challenge(&nonce)))
    }

    fn fork_of(&self, key: &Key) -> Option<usize> {
        let is_of = |fork: &Fork| fork.branches.iter().any(|(own, _)| own == key);
        self.forks.iter().position(is_of)
    }

    fn is_here(&self, uri: &str) -> bool {
        address_of(uri) == Some(self.here)
    }
}

impl Fork {
    fn close(&mut self, key: &Key) {
        if let Some((_, open)) = self.branches.iter_mut().find(|(own, _)| own == key) {
            *open = false;
        }
    }

    /// RFC 3261 §16.7 step 6, as far as a model needs it: 6xx, else the lowest.
    fn weigh(&mut self, response: Letter) {
        let rank = |status: u16| match status {
            600.. => 0,
            status => status,
        };
        let known = self
            .best
            .as_ref()
            .map_or(u16::MAX, |best| rank(best.status()));
        if rank(response.status()) < known {
            self.best = Some(response);
        }
    }
}

fn transactions(here: SocketAddr, count: u32) -> Transactions {
    let mut txns = Transactions::new(&format!("x{}r{count}", here.port()));
    txns.slack = SLACK;
    txns
}

/// A request as it goes on: one hop less, and without proof that was meant for this proxy.
fn relayed(request: &Letter) -> Letter {
    let mut request = request.clone();
    request.hops = request.hops.map(|hops| hops.saturating_sub(1));
    request
        .lines
        .retain(|line| !line.starts_with("Proxy-Authorization"));
    request
}
