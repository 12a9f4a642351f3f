//! `Contacts`: what a main registrar holds for one AoR (RFC 3261 §10.3 steps 6 and 7).

use engine::Mono;

use crate::personality::{Keying, Overflow, Personality};

/// The contacts of one AoR, oldest first.
#[derive(Debug, Default)]
pub(super) struct Contacts(Vec<Held>);

/// A contact that it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// What names the device behind it.
    pub handle: String,
    /// The URI as it was registered.
    pub uri: String,
    /// The whole Contact value as it was registered.
    pub value: String,
    /// The Path that it was registered with, one for each value.
    pub path: Vec<String>,
    /// When it ends.
    pub until: Mono,
    /// Call-ID of the last REGISTER for it.
    pub call_id: String,
    /// CSeq of the last REGISTER for it.
    pub cseq: u32,
}

/// One contact that a REGISTER asks for.
pub(super) struct Asked {
    pub(super) handle: String,
    pub(super) uri: String,
    pub(super) value: String,
    pub(super) path: Vec<String>,
    /// What it is to have.
    pub(super) expires: u32,
}

/// When a REGISTER came, and what it comes after.
pub(super) struct Order {
    pub(super) now: Mono,
    pub(super) call_id: String,
    pub(super) cseq: u32,
}

impl Order {
    fn offends(&self, held: &Held) -> bool {
        held.call_id == self.call_id && held.cseq >= self.cseq
    }
}

impl Contacts {
    /// Adds one as it is.
    pub(super) fn push(&mut self, held: Held) {
        self.0.push(held);
    }

    /// What has not run out by now.
    pub(super) fn held(&self, now: Mono) -> Vec<Held> {
        let held = self.0.iter().filter(|held| held.until > now);
        held.cloned().collect()
    }

    /// All or nothing, and only in order; otherwise the status of the refusal.
    pub(super) fn update(
        &mut self,
        order: &Order,
        asked: &[Asked],
        personality: &Personality,
    ) -> Result<(), u16> {
        self.0.retain(|held| held.until > order.now);
        let asks = |held: &Held| asked.iter().any(|asked| asked.uri == held.uri);
        if self.0.iter().any(|held| asks(held) && order.offends(held)) {
            return Err(500);
        }
        let most = personality.max_contacts;
        if personality.overflow == Overflow::Refuse && self.grows_beyond(most, asked) {
            return Err(403);
        }
        for asked in asked {
            let at = self.place(asked, order, personality.keying);
            if asked.expires == 0 {
                at.map(|at| self.0.remove(at));
                continue;
            }
            let held = Held {
                handle: asked.handle.clone(),
                uri: asked.uri.clone(),
                value: asked.value.clone(),
                path: asked.path.clone(),
                until: order.now.plus_seconds(asked.expires),
                call_id: order.call_id.clone(),
                cseq: order.cseq,
            };
            match at.and_then(|at| self.0.get_mut(at)) {
                Some(known) => *known = held,
                None => self.0.push(held),
            }
        }
        if personality.overflow == Overflow::DropOldest {
            let surplus = self.0.len().saturating_sub(most);
            self.0.drain(..surplus);
        }
        Ok(())
    }

    /// `Contact: *`; the status of the answer.
    pub(super) fn remove_all(&mut self, order: &Order) -> u16 {
        if self.0.iter().any(|held| order.offends(held)) {
            return 500;
        }
        self.0.clear();
        200
    }

    /// Where the contact stands that a new one replaces.
    fn place(&self, asked: &Asked, order: &Order, keying: Keying) -> Option<usize> {
        self.0.iter().position(|held| match keying {
            Keying::Uri => held.uri == asked.uri,
            Keying::CallId => held.call_id == order.call_id,
            Keying::Single => asked.expires > 0 || held.uri == asked.uri,
        })
    }

    /// Whether a request adds contacts, and there would be more than so many.
    fn grows_beyond(&self, most: usize, asked: &[Asked]) -> bool {
        let known = |asked: &Asked| self.0.iter().any(|held| held.uri == asked.uri);
        let new = asked
            .iter()
            .filter(|asked| asked.expires > 0 && !known(asked))
            .count();
        let gone = asked
            .iter()
            .filter(|asked| asked.expires == 0 && known(asked))
            .count();
        new > 0 && self.0.len() + new > most + gone
    }
}
