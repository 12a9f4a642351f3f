//! `Player`: plays a scenario with an engine of its own, and complains at the first line that is not
//! as it should be.

use core::net::SocketAddr;
use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};

use engine::Mono;

use super::Scenario;
use super::cast::{Phone, Way};
use super::exchange::{Exchanges, Speaker, has_an_origin};
use super::fault::Fault;
use super::heard;
use super::line::Line;
use super::message::{Message, What};
use super::names::Names;
use super::spoken;
use super::step::{Act, Party, Step};
use crate::call::Letter;
use crate::call::letter::Key;
use crate::ladder::{Fate, Ladder};
use crate::packet::Packet;
use crate::policy::{main_address, us};
use crate::rig::Rig;

/// Plays a scenario.
pub(super) struct Player<'s> {
    scenario: &'s Scenario,
    rig: Rig,
    start: Mono,
    ladder: Ladder,
    names: Names,
    /// What midreg has said and no line has demanded yet.
    pending: VecDeque<Packet>,
    calls: Exchanges,
    /// Where phones are that have moved.
    places: BTreeMap<String, SocketAddr>,
    /// What midreg asked somebody who has not answered it for good.
    asked: Vec<Packet>,
    /// What midreg was asked.
    requests: BTreeMap<Key, Packet>,
    /// The INVITEs that midreg sent.
    invites: BTreeMap<Key, Letter>,
    /// The last message from one address to another.
    last: BTreeMap<(SocketAddr, SocketAddr), Vec<u8>>,
}

impl<'s> Player<'s> {
    /// Ready to begin.
    pub(super) fn new(scenario: &'s Scenario) -> Self {
        let mut rig = Rig::new(scenario.settings.policy.clone(), 1);
        let streams = scenario.cast.phones().iter();
        for phone in streams.filter(|phone| phone.way == Way::Tcp) {
            rig.connect(phone.address);
        }
        Self {
            scenario,
            start: rig.now(),
            rig,
            ladder: Ladder::default(),
            names: Names::of(&scenario.cast),
            pending: VecDeque::new(),
            calls: Exchanges::default(),
            places: BTreeMap::new(),
            asked: Vec::new(),
            requests: BTreeMap::new(),
            invites: BTreeMap::new(),
            last: BTreeMap::new(),
        }
    }

    /// From the first line to the last.
    pub(super) fn play(mut self) -> Result<(), Fault> {
        for step in &self.scenario.steps {
            let done = self.step(step);
            done.map_err(|complaint| self.fault(&step.line, complaint))?;
        }
        match self.scenario.steps.last() {
            Some(step) => self
                .silence()
                .map_err(|complaint| self.fault(&step.line, complaint)),
            None => Ok(()),
        }
    }

    fn step(&mut self, step: &Step) -> Result<(), String> {
        match &step.act {
            Act::At(time) => self.pass(*time),
            Act::Say(party, message) => self.says(party, message),
            Act::Move(name, address) => {
                self.places.insert(name.clone(), *address);
                Ok(())
            }
            Act::Hear(party, message) => self.hear(party, message),
            Act::Silence => self.silence(),
            Act::Bound(aor, uris) => self.bound(aor, uris),
        }
    }

    /// What falls due on the way is done when it is due, and must be silent until the time is there.
    fn pass(&mut self, time: Duration) -> Result<(), String> {
        self.silence()?;
        let end = self.start.plus(time);
        while let Some(due) = self.rig.next_deadline().filter(|due| *due <= end) {
            self.rig.set_now(due.max(self.rig.now()));
            self.rig.fire();
            self.collect();
            if self.rig.now() < end {
                self.silence()?;
            }
        }
        self.rig.set_now(end);
        Ok(())
    }

    fn says(&mut self, party: &Party, message: &Message) -> Result<(), String> {
        self.silence()?;
        let from = self.address(party).ok_or("nobody has that name")?;
        let bytes = match (message.what, party) {
            (What::Again, _) => self.last_from(from, us())?,
            (What::Status(status), _) => self.answer(from, status, message)?,
            (What::Register, Party::Phone(name)) => {
                let phone = self.phone(name)?;
                let count = self.requests.len() as u32 + 1;
                spoken::register(&phone, message, &mut self.names, count)?
            }
            (What::Request(method), _) => self.request(party, method, message)?,
            (What::Register, Party::Main) => return Err("it registers nowhere".to_owned()),
        };
        let to = us();
        let packet = Packet { from, to, bytes };
        if !matches!(message.what, What::Status(_)) {
            // An ACK to what is no 2xx bears the branch of its INVITE.
            let key = key_of(&packet);
            if message.what != What::Request("ACK") || !self.requests.contains_key(&key) {
                self.requests.insert(key, packet.clone());
            }
        }
        self.deliver(packet);
        Ok(())
    }

    fn request(
        &mut self,
        party: &Party,
        method: &'static str,
        line: &Message,
    ) -> Result<Vec<u8>, String> {
        let (aor, at, transport) = match party {
            Party::Main => ("main@example.org".to_owned(), main_address(0), "UDP"),
            Party::Phone(name) => {
                let phone = self.phone(name)?;
                let transport = match phone.way {
                    Way::Udp => "UDP",
                    Way::Tcp => "TCP",
                };
                (phone.aor, phone.address, transport)
            }
        };
        let speaker = Speaker {
            party,
            aor: &aor,
            at,
            transport,
        };
        let request = self
            .calls
            .request(&speaker, method, line, &mut self.names)?;
        Ok(request.write())
    }

    fn answer(&mut self, from: SocketAddr, status: u16, line: &Message) -> Result<Vec<u8>, String> {
        let request = self.request_for(from, line)?;
        let bytes = match (line.of, Letter::read(&request.bytes)) {
            (Some(_), Some(letter)) => {
                Exchanges::answer(&letter, status, line, &mut self.names)?.write()
            }
            _ => spoken::answer(&request, status, line, &mut self.names)?,
        };
        // A 2xx to INVITE may be followed by another.
        let last = match line.of {
            Some("INVITE") => status >= 300,
            _ => status >= 200,
        };
        if last {
            let key = key_of(&request);
            self.asked.retain(|asked| key_of(asked) != key);
        }
        Ok(bytes)
    }

    /// A phone as it is now.
    fn phone(&self, name: &str) -> Result<Phone, String> {
        let phone = self.scenario.cast.named(name);
        let phone = phone.ok_or("nobody has that name")?;
        let address = self.places.get(name).copied();
        Ok(Phone {
            address: address.unwrap_or(phone.address),
            ..phone.clone()
        })
    }

    /// The request that an answer of somebody is about: the only open one of its method, or the only
    /// one with the CSeq and Call-ID of the line.
    fn request_for(&self, from: SocketAddr, message: &Message) -> Result<Packet, String> {
        let method = message.of.unwrap_or("REGISTER");
        let fits = |asked: &&Packet| {
            if asked.to != from || key_of(asked).method != method {
                return false;
            }
            let call_id = asked.value("Call-ID").unwrap_or_default();
            let name = self.names.name_of(&call_id);
            message.cseq.is_none_or(|cseq| cseq == asked.cseq())
                && message
                    .call_id
                    .as_deref()
                    .is_none_or(|own| name == Some(own))
        };
        let mut fitting = self.asked.iter().filter(fits);
        match (fitting.next(), fitting.next()) {
            (Some(request), None) => Ok(request.clone()),
            (None, _) => Err(format!("there is no {method} to answer")),
            (Some(_), Some(_)) => Err("which one? Say cseq=… and call-id=…".to_owned()),
        }
    }

    fn hear(&mut self, party: &Party, line: &Message) -> Result<(), String> {
        let Some(packet) = self.pending.pop_front() else {
            return Err("midreg said nothing".to_owned());
        };
        let verdict = self.accept(&packet, party, line);
        let before = self
            .last
            .insert((packet.from, packet.to), packet.bytes.clone());
        let repeated = before.as_ref() == Some(&packet.bytes);
        let verdict = match line.what {
            What::Again if verdict.is_ok() && !repeated => {
                Err("it is not the last again".to_owned())
            }
            _ => verdict,
        };
        verdict.map_err(|why| format!("{why}; midreg said: {}", self.telling(&packet)))
    }

    fn accept(&mut self, packet: &Packet, party: &Party, line: &Message) -> Result<(), String> {
        if self.address(party) != Some(packet.to) {
            return Err("it went elsewhere".to_owned());
        }
        match packet.status() {
            0 => self.asks(packet)?,
            _ => self.answers_a_request(packet)?,
        }
        if let Some(letter) = Letter::read(&packet.bytes) {
            self.calls.is_answered(party, &letter);
        }
        match line.what {
            What::Again => Ok(()),
            _ => heard::agrees(packet, line, &mut self.names),
        }
    }

    /// midreg asks somebody: for itself, or what it was asked.
    fn asks(&mut self, packet: &Packet) -> Result<(), String> {
        let key = key_of(packet);
        if key.method != "REGISTER" {
            let letter = Letter::read(&packet.bytes).ok_or("it is no SIP")?;
            let origin = self.requests.get(&letter.key_at(1));
            let origin = origin.and_then(|packet| Letter::read(&packet.bytes));
            let invite = Key {
                method: "INVITE".to_owned(),
                ..key.clone()
            };
            let before = self.invites.get(&invite);
            has_an_origin(&letter, origin.as_ref(), before)?;
            if letter.method == "INVITE" {
                self.invites.insert(invite, letter);
            } else if letter.method == "ACK" {
                return Ok(());
            }
        }
        self.asked.retain(|asked| key_of(asked) != key);
        self.asked.push(packet.clone());
        Ok(())
    }

    /// RFC 3261 §8.2.6.2: what a response repeats.
    fn answers_a_request(&self, packet: &Packet) -> Result<(), String> {
        let request = self.requests.get(&key_of(packet));
        let request = request.filter(|request| request.from == packet.to);
        let request = request.ok_or("it answers nothing that was asked there")?;
        for name in ["From", "Call-ID", "CSeq"] {
            if request.value(name) != packet.value(name) {
                return Err(format!("its {name} is not the request's"));
            }
        }
        Ok(())
    }

    fn silence(&self) -> Result<(), String> {
        match self.pending.front() {
            None => Ok(()),
            Some(packet) => Err(format!(
                "before this, at {}, midreg said what no line demands: {}",
                seconds(self.rig.now(), self.start),
                self.telling(packet)
            )),
        }
    }

    fn bound(&self, aor: &str, uris: &[String]) -> Result<(), String> {
        self.silence()?;
        let bindings = self.rig.bindings(aor).into_iter();
        let mut here: Vec<String> = bindings.map(|binding| binding.contact).collect();
        let mut told = uris.to_vec();
        here.sort();
        told.sort();
        match here == told {
            true => Ok(()),
            false => Err(format!("bound are {here:?}")),
        }
    }

    fn deliver(&mut self, packet: Packet) {
        self.ladder.message(self.rig.now(), &packet, Fate::Arrived);
        self.rig.send_from(packet.from, &packet.bytes);
        self.last.insert((packet.from, packet.to), packet.bytes);
        self.collect();
    }

    fn collect(&mut self) {
        for packet in self.rig.take_sent() {
            self.ladder.message(self.rig.now(), &packet, Fate::Arrived);
            self.pending.push_back(packet);
        }
    }

    fn last_from(&self, from: SocketAddr, to: SocketAddr) -> Result<Vec<u8>, String> {
        let last = self.last.get(&(from, to)).cloned();
        last.ok_or_else(|| "it said nothing before".to_owned())
    }

    fn address(&self, party: &Party) -> Option<SocketAddr> {
        match party {
            Party::Main => Some(main_address(0)),
            Party::Phone(name) => self.phone(name).ok().map(|phone| phone.address),
        }
    }

    /// A packet as a line would tell it.
    fn telling(&self, packet: &Packet) -> String {
        let moved = self.places.iter().find(|(_, at)| **at == packet.to);
        let to = match (moved, self.scenario.cast.at(packet.to)) {
            (Some((name, _)), _) => name.clone(),
            (None, Some(phone)) => phone.name.clone(),
            (None, None) if packet.to == main_address(0) => "main".to_owned(),
            (None, None) => packet.to.to_string(),
        };
        format!("midreg -> {to}  {}", heard::told(packet, &self.names))
    }

    fn fault(&self, line: &Line, complaint: impl Into<String>) -> Fault {
        Fault::new(&self.scenario.name, line, complaint).after(&self.ladder)
    }
}

/// A panic inside the engine tells how it came to that, too.
impl Drop for Player<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}\n{}", self.scenario.name, self.ladder);
        }
    }
}

/// What names the transaction of a message.
fn key_of(packet: &Packet) -> Key {
    let cseq = packet.value("CSeq").unwrap_or_default();
    let method = cseq.split_whitespace().nth(1).unwrap_or_default();
    Key {
        branch: packet.branch(),
        method: match method {
            "ACK" => "INVITE".to_owned(),
            method => method.to_owned(),
        },
    }
}

fn seconds(now: Mono, start: Mono) -> String {
    let millis = now.0.saturating_sub(start.0);
    format!("{}.{:03} s", millis / 1000, millis % 1000)
}
