//! Calls of an agent's own: a caller answers one challenge, gives up when it has waited long enough,
//! and takes every 2xx (RFC 3261 §13.2.2.4): the second and later ones only to hang up.

use engine::Mono;

use super::Agent;
use super::talk::Side;
use crate::call::letter::{Key, Letter, Start};
use crate::digest::{self, Secret};
use crate::main_registrar::PASSWORD;

/// A call of its own.
#[derive(Debug)]
pub(super) struct Outgoing {
    pub(super) key: Key,
    invite: Letter,
    /// When it has waited long enough.
    pub(super) give_up: Mono,
    given_up: bool,
    challenged: bool,
    answered: bool,
    /// What acknowledged each 2xx, by its To-tag: it is sent for each copy (RFC 3261 §13.2.2.4).
    acks: Vec<(String, Letter)>,
}

impl Agent {
    /// Calls somebody, and waits so many milliseconds for an answer. The Call-ID.
    pub fn call(&mut self, now: Mono, uri: &str, patience: u64) -> String {
        let invite = self.request("INVITE", uri);
        self.call_with(now, invite, patience)
    }

    /// Calls somebody with this INVITE, made by [`Self::request`]. The Call-ID.
    pub fn call_with(&mut self, now: Mono, mut invite: Letter, patience: u64) -> String {
        invite.body = "v=0 offer".to_owned();
        let call_id = invite.call_id.clone();
        self.log.note("calls placed".to_owned());
        self.invite(now, invite, now.plus_millis(patience), false);
        call_id
    }

    fn invite(&mut self, now: Mono, invite: Letter, give_up: Mono, challenged: bool) {
        let key = self.send(now, invite.clone());
        self.outgoing.push(Outgoing {
            key,
            invite,
            give_up,
            given_up: false,
            challenged,
            answered: false,
            acks: Vec::new(),
        });
    }

    pub(super) fn on_answer(&mut self, now: Mono, at: usize, answer: &Letter) {
        match answer.status() {
            ..200 => {}
            200..300 => self.on_accepted(now, at, answer),
            407 if !self.outgoing[at].challenged => {
                let call = self.outgoing.remove(at);
                if !call.given_up {
                    self.prove(now, call, answer);
                }
            }
            _ => {
                self.outgoing.remove(at);
            }
        }
    }

    pub(super) fn lose_patience(&mut self, now: Mono) {
        for call in &mut self.outgoing {
            if call.give_up <= now {
                call.give_up = Mono::NEVER;
                if !call.answered {
                    call.given_up = true;
                    self.log.note("calls given up".to_owned());
                    self.txns.cancel(now, &call.key);
                }
            }
        }
    }

    fn on_accepted(&mut self, now: Mono, at: usize, answer: &Letter) {
        let call = &mut self.outgoing[at];
        let known = call.acks.iter().find(|(tag, _)| tag == answer.to_tag());
        if let Some((_, ack)) = known {
            let to = ack.next_hop().unwrap_or(self.place.proxy);
            return self.txns.throw(ack, to);
        }
        let unwanted = call.given_up || call.answered;
        let invite = call.invite.clone();
        call.give_up = Mono::NEVER;
        self.log.note("2xx to calls".to_owned());
        if call.answered {
            self.log.note("second 2xx to calls".to_owned());
        }
        call.answered |= !call.given_up;
        self.begin_talk(now, Side::Caller, (&invite, answer));
        if let Some(ack) = self.acknowledge(answer) {
            let tag = answer.to_tag().to_owned();
            self.outgoing[at].acks.push((tag, ack));
        }
        if unwanted {
            self.hang_up(now, answer);
        }
    }

    /// Calls that are over for the transaction layer are over here.
    pub(super) fn forget(&mut self) {
        let txns = &self.txns;
        self.outgoing.retain(|call| txns.knows(&call.key));
    }

    fn prove(&mut self, now: Mono, call: Outgoing, challenge: &Letter) {
        let Some(value) = challenge.value("Proxy-Authenticate") else {
            return;
        };
        let mut invite = call.invite;
        let Start::Request(uri) = &invite.start else {
            return;
        };
        let user = self.place.aor.split('@').next().unwrap_or_default();
        let secret = Secret {
            user,
            password: PASSWORD,
        };
        let proof = digest::credentials(value, secret, uri, 1);
        invite.lines.push(format!("Proxy-Authorization: {proof}"));
        invite.cseq += 1;
        self.invite(now, invite, call.give_up, true);
    }
}
