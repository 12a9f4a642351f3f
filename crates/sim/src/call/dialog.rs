//! `Dialog`: what one end of a call knows of it (RFC 3261 §12).

use super::letter::{Letter, Start, tag_of};

/// What one end of a call knows of it.
#[derive(Clone, Debug)]
pub(super) struct Dialog {
    call_id: String,
    /// This end's From in requests of its own.
    local: String,
    /// The other end's.
    remote: String,
    /// The other end's Contact.
    target: String,
    routes: Vec<String>,
    /// CSeq of this end's last request.
    cseq: u32,
}

impl Dialog {
    /// The caller's, from its INVITE and a 2xx.
    pub(super) fn of_caller(invite: &Letter, answer: &Letter) -> Self {
        Self {
            call_id: invite.call_id.clone(),
            local: answer.from.clone(),
            remote: answer.to.clone(),
            target: answer.contact().unwrap_or_default().to_owned(),
            routes: answer.record_routes.iter().rev().cloned().collect(),
            cseq: invite.cseq,
        }
    }

    /// The callee's, from an INVITE and its own 2xx.
    pub(super) fn of_callee(invite: &Letter, answer: &Letter) -> Self {
        Self {
            call_id: invite.call_id.clone(),
            local: answer.to.clone(),
            remote: answer.from.clone(),
            target: invite.contact().unwrap_or_default().to_owned(),
            routes: invite.record_routes.clone(),
            cseq: 0,
        }
    }

    /// A request of this end, without a Via.
    pub(super) fn request(&mut self, method: &str) -> Letter {
        self.cseq += 1;
        Letter {
            cseq: self.cseq,
            ..self.letter(method)
        }
    }

    /// The ACK to the 2xx that an INVITE with this CSeq had.
    pub(super) fn ack(&self, cseq: u32) -> Letter {
        Letter {
            cseq,
            ..self.letter("ACK")
        }
    }

    /// Whether a request of the other end belongs to it.
    pub(super) fn takes(&self, request: &Letter) -> bool {
        self.call_id == request.call_id
            && tag_of(&self.local) == tag_of(&request.to)
            && tag_of(&self.remote) == tag_of(&request.from)
    }

    /// Whether a 2xx to this end's INVITE belongs to it.
    pub(super) fn is_with(&self, answer: &Letter) -> bool {
        self.call_id == answer.call_id
            && tag_of(&self.remote) == tag_of(&answer.to)
            && tag_of(&self.local) == tag_of(&answer.from)
    }

    /// Whether this end's own 2xx belongs to it.
    pub(super) fn is_of(&self, answer: &Letter) -> bool {
        self.call_id == answer.call_id
            && tag_of(&self.local) == tag_of(&answer.to)
            && tag_of(&self.remote) == tag_of(&answer.from)
    }

    /// The other end has said where it is now (RFC 3261 §12.2).
    pub(super) fn refresh(&mut self, message: &Letter) {
        if let Some(contact) = message.contact() {
            contact.clone_into(&mut self.target);
        }
    }

    fn letter(&self, method: &str) -> Letter {
        Letter {
            start: Start::Request(self.target.clone()),
            routes: self.routes.clone(),
            from: self.local.clone(),
            to: self.remote.clone(),
            ..Letter::request(method, &self.target, &self.call_id)
        }
    }
}
