//! Calls that ring: a callee takes each in a [`Manner`] of its own.

use engine::Mono;

use super::Agent;
use super::talk::Side;
use crate::call::letter::{Key, Letter};
use crate::call::manner::{Manner, Ringing};

/// Calls that an agent takes at once; more find it busy.
const LINES: usize = 4;

/// A call that rings.
#[derive(Debug)]
pub(super) struct Incoming {
    key: Key,
    invite: Letter,
    manner: Manner,
    tag: String,
    /// When it does something by itself.
    pub(super) act_at: Mono,
}

impl Agent {
    pub(super) fn on_invite(&mut self, now: Mono, invite: &Letter) {
        if self.incoming.len() + self.talks.len() >= LINES && self.manner.is_none() {
            return self.reply(now, invite, 486);
        }
        let drawn = Manner::draw(&mut self.rng);
        let manner = self.manner.unwrap_or(drawn);
        self.log.note(format!("a device {}", manner.name()));
        self.count += 1;
        let call = Incoming {
            key: invite.key(),
            invite: invite.clone(),
            manner,
            tag: format!("{}t{}", self.mark, self.count),
            act_at: manner
                .course()
                .1
                .map_or(Mono::NEVER, |after| now.plus_millis(after)),
        };
        if manner.course().0 == Ringing::Rings {
            let ringing = self.answer_to(&call, 180, &call.tag);
            self.txns.answer(now, &call.key, &ringing);
        }
        if matches!(manner, Manner::Crashes | Manner::Silent) {
            self.dead.insert(call.key.branch);
            return;
        }
        self.incoming.push(call);
    }

    /// RFC 3261 §9.2. Some devices have just answered when they are told.
    pub(super) fn on_cancel(&mut self, now: Mono, cancel: &Letter) {
        let invite = self.txns.cancelled(cancel);
        let at = self
            .incoming
            .iter()
            .position(|call| Some(&call.key) == invite.as_ref());
        let Some(at) = at else {
            return self.reply(now, cancel, 481);
        };
        let call = self.incoming.remove(at);
        let ok = cancel.response(200, &call.tag);
        self.txns.answer(now, &cancel.key(), &ok);
        match call.manner {
            Manner::AnswersCancelled => self.accept(now, &call, &call.tag),
            _ => self.refuse(now, &call, 487),
        }
    }

    /// What is due of the calls that ring.
    pub(super) fn ring(&mut self, now: Mono) {
        while let Some(at) = self.incoming.iter().position(|call| call.act_at <= now) {
            let call = self.incoming.remove(at);
            match call.manner {
                Manner::Refuses(status, _) => self.refuse(now, &call, status),
                Manner::Redirects(_) => self.refuse(now, &call, 302),
                Manner::AnswersTwice(_) => {
                    self.accept(now, &call, &call.tag);
                    self.accept(now, &call, &format!("{}b", call.tag));
                }
                _ => self.accept(now, &call, &call.tag),
            }
        }
    }

    fn accept(&mut self, now: Mono, call: &Incoming, tag: &str) {
        let answer = self.answer_to(call, 200, tag);
        self.txns.answer(now, &call.key, &answer);
        self.begin_talk(now, Side::Callee, (&call.invite, &answer));
    }

    fn refuse(&mut self, now: Mono, call: &Incoming, status: u16) {
        let mut answer = call.invite.response(status, &call.tag);
        if status == 302 {
            let aor = &self.place.aor;
            answer.lines.push(format!("Contact: <sip:elsewhere-{aor}>"));
        }
        self.txns.answer(now, &call.key, &answer);
    }

    fn answer_to(&self, call: &Incoming, status: u16, tag: &str) -> Letter {
        let mut answer = call.invite.response(status, tag);
        let contact = &self.place.contact;
        answer.lines.push(format!("Contact: <{contact}>"));
        if status == 200 {
            answer.body = "v=0 answer".to_owned();
        }
        answer
    }
}
