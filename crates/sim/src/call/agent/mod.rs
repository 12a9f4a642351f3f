//! `Agent`: a model user agent that calls and is called (RFC 3261 §13 to §15). It writes what a
//! device would send; whether it is switched on, and what becomes of what it sends, is the world's
//! affair.
//!
//! * `incoming`: calls that ring here, each taken in a [`Manner`] of its own.
//! * `outgoing`: calls of its own, with a challenge answered, patience that ends, and as many 2xx as
//!   come.
//! * `talk`: established calls, in which either end says something, and one hangs up.

mod incoming;
mod log;
mod outgoing;
mod talk;

use core::net::SocketAddr;
use std::collections::BTreeSet;

use engine::Mono;

use super::letter::Letter;
use super::manner::Manner;
use super::transactions::{Happening, Transactions};
use crate::packet::Packet;
use crate::rng::Rng;

use incoming::Incoming;
pub use log::Log;
use outgoing::Outgoing;
use talk::{Repeat, Talk};

/// Milliseconds that a caller waits longer for the end of a call that it has cancelled than the
/// proxies before it.
const SLACK: u64 = 10_000;

/// A model user agent.
#[derive(Debug)]
pub struct Agent {
    /// Who and where it believes to be.
    pub place: Place,
    /// How it takes calls; `None` for a manner of its own for each.
    pub manner: Option<Manner>,
    /// What it has met.
    pub log: Log,
    rng: Rng,
    mark: String,
    txns: Transactions,
    incoming: Vec<Incoming>,
    outgoing: Vec<Outgoing>,
    talks: Vec<Talk>,
    repeats: Vec<Repeat>,
    /// Branches in which nothing is ever heard of it again.
    dead: BTreeSet<String>,
    count: u32,
}

/// Who and where an agent believes to be.
#[derive(Clone, Debug)]
pub struct Place {
    /// Its AoR, `user@host`.
    pub aor: String,
    /// What its Via says.
    pub here: String,
    /// The URI in its Contact.
    pub contact: String,
    /// Where its requests outside of dialogs go.
    pub proxy: SocketAddr,
}

impl Agent {
    /// One whose chances come from `seed`.
    #[must_use]
    pub fn new(place: Place, mark: &str, seed: u64) -> Self {
        let mut txns = Transactions::new(mark);
        txns.slack = SLACK;
        Self {
            place,
            manner: None,
            log: Log::default(),
            rng: Rng::new(seed),
            mark: mark.to_owned(),
            txns,
            incoming: Vec::new(),
            outgoing: Vec::new(),
            talks: Vec::new(),
            repeats: Vec::new(),
            dead: BTreeSet::new(),
            count: 0,
        }
    }

    /// It restarts: it knows of no call any more.
    pub fn reboot(&mut self) {
        let count = self.count + 1;
        self.txns = Transactions::new(&format!("{}r{count}", self.mark));
        self.txns.slack = SLACK;
        self.incoming.clear();
        self.outgoing.clear();
        self.talks.clear();
        self.repeats.clear();
        self.count = count;
    }

    /// What it sends.
    pub fn take_sent(&mut self) -> Vec<(SocketAddr, Vec<u8>)> {
        self.txns.take_sent()
    }

    /// Calls that it is in.
    #[must_use]
    pub fn talking(&self) -> usize {
        self.talks.len()
    }

    /// When it wants to do something.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Mono> {
        let ringing = self.incoming.iter().map(|call| call.act_at);
        let calling = self.outgoing.iter().map(|call| call.give_up);
        let talking = self.talks.iter().map(|talk| talk.next);
        let repeated = self.repeats.iter().map(Repeat::deadline);
        let all = ringing.chain(calling).chain(talking).chain(repeated);
        let all = all.filter(|at| *at != Mono::NEVER);
        all.chain(self.txns.next_deadline()).min()
    }

    /// Something arrived.
    pub fn receive(&mut self, now: Mono, packet: &Packet) {
        let Some(letter) = Letter::read(&packet.bytes) else {
            return;
        };
        if letter.uri().is_some() && self.dead.contains(&letter.key().branch) {
            return;
        }
        if let Some(happening) = self.txns.receive(now, packet.from, letter) {
            self.happen(now, happening);
        }
    }

    /// Time has come.
    pub fn on_time(&mut self, now: Mono) {
        for happening in self.txns.on_time(now) {
            self.happen(now, happening);
        }
        self.ring(now);
        self.lose_patience(now);
        self.talk(now);
        self.repeat(now);
        self.forget();
    }

    /// Asks something outside of any dialog, and waits for an answer. Its Call-ID.
    pub fn say(&mut self, now: Mono, request: Letter) -> String {
        let call_id = request.call_id.clone();
        self.send(now, request);
        call_id
    }

    /// A request of its own outside of any dialog, to this URI.
    pub fn request(&mut self, method: &str, uri: &str) -> Letter {
        self.count += 1;
        let call_id = format!("{}-{}", self.mark, self.count);
        let mut request = Letter::request(method, uri, &call_id);
        request.from = format!("<sip:{}>;tag=f{}", self.place.aor, self.count);
        let bare = uri.split(';').next().unwrap_or_default();
        request.to = format!("<{bare}>");
        request
            .lines
            .push(format!("Contact: <{}>", self.place.contact));
        request
    }

    fn happen(&mut self, now: Mono, happening: Happening) {
        match happening {
            Happening::Request(request) => self.on_request(now, &request),
            Happening::Response(key, response) => {
                self.log
                    .answered(&response.call_id, &key.method, response.status());
                match self.outgoing.iter().position(|call| call.key == key) {
                    Some(at) => self.on_answer(now, at, &response),
                    None => self.on_talk_answer(&key, &response),
                }
            }
            Happening::Silence(key) => {
                self.outgoing.retain(|call| call.key != key);
                self.talks.retain(|talk| talk.asked.as_ref() != Some(&key));
            }
        }
    }

    fn on_request(&mut self, now: Mono, request: &Letter) {
        self.log.heard(&request.method, &request.call_id);
        match request.method.as_str() {
            "ACK" => self.on_ack(now, request),
            "CANCEL" => self.on_cancel(now, request),
            _ if request.is_in_dialog() => self.on_talk(now, request),
            "INVITE" => self.on_invite(now, request),
            "BYE" => self.reply(now, request, 481),
            _ => self.on_message(now, request),
        }
    }

    /// MESSAGE, NOTIFY, OPTIONS and the like.
    fn on_message(&mut self, now: Mono, request: &Letter) {
        match self.rng.below(10) {
            _ if self.manner.is_some() => self.reply(now, request, 200),
            0 => self.reply(now, request, 486),
            1 => {
                self.dead.insert(request.key().branch);
            }
            _ => self.reply(now, request, 200),
        }
    }

    fn reply(&mut self, now: Mono, request: &Letter, status: u16) {
        let tag = format!("{}t", self.mark);
        let response = request.response(status, &tag);
        self.txns.answer(now, &request.key(), &response);
    }

    /// Signs a request and sends it on its way.
    fn send(&mut self, now: Mono, mut request: Letter) -> super::letter::Key {
        self.txns.sign(&self.place.here, &mut request);
        let to = self.way_of(&request);
        self.txns.ask(now, request, to)
    }

    /// By Route and Request-URI where they are addresses, else by the proxy.
    fn way_of(&self, request: &Letter) -> SocketAddr {
        let fixed = match request.is_in_dialog() || !request.routes.is_empty() {
            true => request.next_hop(),
            false => None,
        };
        fixed.unwrap_or(self.place.proxy)
    }
}
