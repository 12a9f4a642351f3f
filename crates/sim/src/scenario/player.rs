//! `Player`: plays a scenario with an engine of its own, and complains at the first line that is not
//! as it should be.

use core::net::SocketAddr;
use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};

use engine::Mono;

use super::Scenario;
use super::cast::Way;
use super::fault::Fault;
use super::heard;
use super::line::Line;
use super::message::{Message, What};
use super::names::Names;
use super::spoken;
use super::step::{Act, Party, Step};
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
    /// What the main registrar was asked and has not answered for good, by branch.
    asked: Vec<Packet>,
    /// What phones asked, by branch.
    requests: BTreeMap<String, Packet>,
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
            asked: Vec::new(),
            requests: BTreeMap::new(),
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
            Act::Say(Party::Main, message) => self.main_says(message),
            Act::Say(Party::Phone(name), message) => self.phone_says(name, message),
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

    fn phone_says(&mut self, name: &str, message: &Message) -> Result<(), String> {
        self.silence()?;
        let phone = self.scenario.cast.named(name);
        let phone = phone.ok_or("nobody has that name")?;
        let bytes = match message.what {
            What::Again => self.last_from(phone.address, us())?,
            _ => {
                let count = self.requests.len() as u32 + 1;
                spoken::register(phone, message, &mut self.names, count)?
            }
        };
        let packet = Packet {
            from: phone.address,
            to: us(),
            bytes,
        };
        self.requests.insert(packet.branch(), packet.clone());
        self.deliver(packet);
        Ok(())
    }

    fn main_says(&mut self, message: &Message) -> Result<(), String> {
        self.silence()?;
        let What::Status(status) = message.what else {
            return Err("the main registrar only answers".to_owned());
        };
        let request = self.request_for(message)?;
        let bytes = spoken::answer(&request, status, message, &mut self.names)?;
        if status >= 200 {
            self.asked
                .retain(|asked| asked.branch() != request.branch());
        }
        self.deliver(Packet {
            from: main_address(0),
            to: us(),
            bytes,
        });
        Ok(())
    }

    /// The request that an answer of the main registrar is about: the only open one, or the only one
    /// with the CSeq and Call-ID of the line.
    fn request_for(&self, message: &Message) -> Result<Packet, String> {
        let fits = |asked: &&Packet| {
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
            (None, _) => Err("the main registrar has nothing to answer".to_owned()),
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
            0 => {
                let branch = packet.branch();
                self.asked.retain(|asked| asked.branch() != branch);
                self.asked.push(packet.clone());
            }
            _ => self.answers_a_request(packet)?,
        }
        match line.what {
            What::Again => Ok(()),
            _ => heard::agrees(packet, line, &mut self.names),
        }
    }

    /// RFC 3261 §8.2.6.2: what a response repeats.
    fn answers_a_request(&self, packet: &Packet) -> Result<(), String> {
        let request = self.requests.get(&packet.branch());
        let request = request.filter(|request| request.from == packet.to);
        let request = request.ok_or("it answers nothing that this phone asked")?;
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
            Party::Phone(name) => self.scenario.cast.named(name).map(|phone| phone.address),
        }
    }

    /// A packet as a line would tell it.
    fn telling(&self, packet: &Packet) -> String {
        let to = match self.scenario.cast.at(packet.to) {
            Some(phone) => phone.name.clone(),
            None if packet.to == main_address(0) => "main".to_owned(),
            None => packet.to.to_string(),
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

fn seconds(now: Mono, start: Mono) -> String {
    let millis = now.0.saturating_sub(start.0);
    format!("{}.{:03} s", millis / 1000, millis % 1000)
}
