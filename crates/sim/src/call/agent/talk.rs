//! Established calls: either end says something now and then, and one of them hangs up (RFC 3261
//! §14, §15). A 2xx is repeated until its ACK comes (§13.3.1.4).

use core::net::SocketAddr;

use engine::Mono;

use super::Agent;
use crate::call::dialog::Dialog;
use crate::call::letter::{Key, Letter};

/// Milliseconds between the first two copies of a 2xx, and for how long it is repeated.
const T1: u64 = 500;
const T2: u64 = 4_000;
const LIFE: u64 = 64 * T1;

/// An established call.
#[derive(Debug)]
pub(super) struct Talk {
    pub(super) dialog: Dialog,
    /// When it says something; never before its 2xx is acknowledged.
    pub(super) next: Mono,
    left: u32,
    /// What it has asked and not been answered.
    pub(super) asked: Option<Key>,
}

/// A 2xx to INVITE that waits for its ACK.
#[derive(Debug)]
pub(super) struct Repeat {
    answer: Letter,
    to: SocketAddr,
    again: Mono,
    interval: u64,
    until: Mono,
}

/// Which end of a call an agent is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Caller,
    Callee,
}

impl Repeat {
    pub(super) fn deadline(&self) -> Mono {
        self.again.min(self.until)
    }
}

impl Agent {
    pub(super) fn begin_talk(
        &mut self,
        now: Mono,
        side: Side,
        (invite, answer): (&Letter, &Letter),
    ) {
        let dialog = match side {
            Side::Caller => Dialog::of_caller(invite, answer),
            Side::Callee => Dialog::of_callee(invite, answer),
        };
        if side == Side::Callee {
            self.keep_repeating(now, answer.clone());
        }
        self.talks.push(Talk {
            dialog,
            next: match side {
                Side::Caller => now.plus_millis(500 + self.rng.below(20_000)),
                Side::Callee => Mono::NEVER,
            },
            left: self.rng.below(3) as u32,
            asked: None,
        });
    }

    /// A request of an established dialog arrived.
    pub(super) fn on_talk(&mut self, now: Mono, request: &Letter) {
        let Some(at) = self
            .talks
            .iter()
            .position(|talk| talk.dialog.takes(request))
        else {
            return self.reply(now, request, 481);
        };
        match request.method.as_str() {
            "BYE" => {
                self.talks.remove(at);
                self.reply(now, request, 200);
            }
            "INVITE" => {
                self.talks[at].dialog.refresh(request);
                let mut answer = request.response(200, "");
                let contact = &self.place.contact;
                answer.lines.push(format!("Contact: <{contact}>"));
                self.txns.answer(now, &request.key(), &answer);
                self.keep_repeating(now, answer);
            }
            _ => self.reply(now, request, 200),
        }
    }

    pub(super) fn on_ack(&mut self, now: Mono, ack: &Letter) {
        let acknowledges = |repeat: &Repeat| {
            let answer = &repeat.answer;
            answer.call_id == ack.call_id
                && answer.cseq == ack.cseq
                && answer.to_tag() == ack.to_tag()
        };
        let Some(at) = self.repeats.iter().position(acknowledges) else {
            return;
        };
        self.repeats.remove(at);
        let pause = 1_000 + self.rng.below(60_000);
        if let Some(talk) = self.talks.iter_mut().find(|talk| talk.dialog.takes(ack)) {
            talk.next = talk.next.min(now.plus_millis(pause));
        }
    }

    /// An answer to something said in a call.
    pub(super) fn on_talk_answer(&mut self, key: &Key, answer: &Letter) {
        let asked = |talk: &Talk| talk.asked.as_ref() == Some(key);
        let Some(at) = self.talks.iter().position(asked) else {
            if key.method == "INVITE" && (200..300).contains(&answer.status()) {
                self.acknowledge(answer);
            }
            return;
        };
        match answer.status() {
            ..200 => {}
            200..300 if key.method == "INVITE" => {
                self.talks[at].dialog.refresh(answer);
                self.talks[at].asked = None;
                self.acknowledge(answer);
            }
            200..300 => self.talks[at].asked = None,
            // RFC 3261 §12.2.1.2: the dialog is gone, whatever else it may be.
            _ => {
                self.log.note("calls broken off".to_owned());
                self.talks.remove(at);
            }
        }
    }

    /// ACK to a 2xx; what it was.
    pub(super) fn acknowledge(&mut self, answer: &Letter) -> Option<Letter> {
        let mut talks = self.talks.iter();
        let talk = talks.find(|talk| talk.dialog.is_with(answer))?;
        let mut ack = talk.dialog.ack(answer.cseq);
        self.txns.sign(&self.place.here, &mut ack);
        let to = self.way_of(&ack);
        self.txns.throw(&ack, to);
        Some(ack)
    }

    /// Ends the call that an answer established.
    pub(super) fn hang_up(&mut self, now: Mono, answer: &Letter) {
        let mut talks = self.talks.iter();
        if let Some(at) = talks.position(|talk| talk.dialog.is_with(answer)) {
            self.talks[at].left = 0;
            self.speak(now, at);
        }
    }

    /// Ends all calls.
    pub fn hang_up_all(&mut self, now: Mono) {
        for talk in &mut self.talks {
            talk.left = 0;
            talk.next = now;
        }
        self.talk(now);
    }

    /// What is due of the established calls.
    pub(super) fn talk(&mut self, now: Mono) {
        for at in (0..self.talks.len()).rev() {
            if self.talks[at].next <= now {
                self.speak(now, at);
            }
        }
    }

    /// Says the next thing in a call, and BYE in the end.
    fn speak(&mut self, now: Mono, at: usize) {
        let talk = &mut self.talks[at];
        let method = match talk.left {
            0 => "BYE",
            _ => ["INFO", "INVITE", "UPDATE"][self.rng.index(3)],
        };
        let request = talk.dialog.request(method);
        talk.left = talk.left.saturating_sub(1);
        talk.next = now.plus_millis(1_000 + self.rng.below(40_000));
        let request = self.with_contact(request);
        let key = self.send(now, request);
        match method {
            "BYE" => {
                self.log.note("calls hung up".to_owned());
                self.talks.remove(at);
            }
            _ => self.talks[at].asked = Some(key),
        }
    }

    fn with_contact(&self, mut request: Letter) -> Letter {
        if request.method == "INVITE" {
            let contact = &self.place.contact;
            request.lines.push(format!("Contact: <{contact}>"));
        }
        request
    }

    /// What is due of the 2xx that nobody acknowledged; who never does is hung up on.
    pub(super) fn repeat(&mut self, now: Mono) {
        let mut given_up = Vec::new();
        for repeat in &mut self.repeats {
            if repeat.until <= now {
                given_up.push(repeat.answer.clone());
            } else if repeat.again <= now {
                repeat.interval = (repeat.interval * 2).min(T2);
                repeat.again = now.plus_millis(repeat.interval);
                self.txns.throw(&repeat.answer, repeat.to);
            }
        }
        self.repeats.retain(|repeat| repeat.until > now);
        for answer in given_up {
            self.log.note("2xx never acknowledged".to_owned());
            let mut talks = self.talks.iter();
            if let Some(at) = talks.position(|talk| talk.dialog.is_of(&answer)) {
                self.talks[at].left = 0;
                self.speak(now, at);
            }
        }
    }

    fn keep_repeating(&mut self, now: Mono, answer: Letter) {
        self.repeats.push(Repeat {
            answer,
            to: self.place.proxy,
            again: now.plus_millis(T1),
            interval: T1,
            until: now.plus_millis(LIFE),
        });
    }
}
