//! `Conversations`: all conversations of a shard, found by AoR, and bounded.

use hashbrown::HashTable;
use smallvec::SmallVec;

use crate::ids::{AorHash, BindingId};
use crate::limits;
use crate::registrar::conversation::{
    Asking, Claim, Conversation, ConversationId, Hold, Opener, Phase,
};
use crate::registrar::newcomers::Newcomers;
use crate::registrar::reconcile::Standing;

/// All conversations of a shard.
#[derive(Debug, Default)]
pub(crate) struct Conversations {
    places: Vec<(u32, Option<Box<Conversation>>)>,
    free: Vec<u32>,
    by_aor: HashTable<(AorHash, u32)>,
    asking: usize,
    /// The new devices among them.
    newcomers: Newcomers,
    /// How many were begun by devices: what is to be given back takes none of their room.
    of_devices: usize,
}
impl Conversations {
    /// Begins a conversation; `None` when there are too many, of this AoR or in all.
    pub(crate) fn begin(&mut self, conversation: Conversation) -> Option<ConversationId> {
        let (hash, opener) = (conversation.hash, conversation.opener);
        let room = match opener {
            Opener::Device => {
                !self.is_full() && self.of(hash).count() < limits::CONVERSATIONS_PER_AOR
            }
            Opener::Release => self.len() - self.of_devices < limits::RELEASES,
        };
        if !room {
            return None;
        }
        let index = match self.free.pop() {
            Some(index) => index,
            None => {
                self.places.push((0, None));
                u32::try_from(self.places.len() - 1).ok()?
            }
        };
        let place = self.places.get_mut(index as usize)?;
        debug_assert!(place.1.is_none());
        place.1 = Some(Box::new(conversation));
        self.by_aor
            .insert_unique(hash.short(), (hash, index), |(hash, _)| hash.short());
        self.of_devices += usize::from(opener == Opener::Device);
        Some(ConversationId {
            index,
            generation: place.0,
        })
    }

    /// Whether devices have begun all the conversations that they may.
    pub(crate) fn is_full(&self) -> bool {
        self.of_devices >= limits::CONVERSATIONS
    }

    /// A conversation that lingers after a challenge and holds nothing that is to be given back,
    /// among a few places from `start` on.
    pub(crate) fn lingering_near(&self, start: usize) -> Option<ConversationId> {
        let turn = start % self.places.len().max(1);
        let (before, after) = self.places.split_at_checked(turn)?;
        let places = (turn..).zip(after).chain((0..).zip(before));
        places
            .take(limits::PLACES_LOOKED_AT)
            .find_map(|(index, (generation, conversation))| {
                conversation.as_deref().filter(|c| c.gives_way())?;
                Some(ConversationId {
                    index: u32::try_from(index).ok()?,
                    generation: *generation,
                })
            })
    }

    /// Ends a conversation and hands it back.
    pub(crate) fn end(&mut self, id: ConversationId) -> Option<Box<Conversation>> {
        let place = self
            .places
            .get_mut(id.index as usize)
            .filter(|p| p.0 == id.generation)?;
        let conversation = place.1.take()?;
        place.0 = place.0.wrapping_add(1);
        self.free.push(id.index);
        self.of_devices -= usize::from(conversation.opener == Opener::Device);
        let entry = self
            .by_aor
            .find_entry(conversation.hash.short(), |(_, index)| *index == id.index);
        if let Ok(entry) = entry {
            entry.remove();
        }
        Some(conversation)
    }

    pub(crate) fn get(&self, id: ConversationId) -> Option<&Conversation> {
        let place = self
            .places
            .get(id.index as usize)
            .filter(|p| p.0 == id.generation)?;
        place.1.as_deref()
    }

    pub(crate) fn get_mut(&mut self, id: ConversationId) -> Option<&mut Conversation> {
        let place = self
            .places
            .get_mut(id.index as usize)
            .filter(|p| p.0 == id.generation)?;
        place.1.as_deref_mut()
    }

    /// The conversations of an AoR.
    pub(crate) fn of(
        &self,
        hash: AorHash,
    ) -> impl Iterator<Item = (ConversationId, &Conversation)> {
        self.by_aor
            .iter_hash(hash.short())
            .filter(move |entry| entry.0 == hash)
            .filter_map(|entry| {
                let (generation, conversation) = self.places.get(entry.1 as usize)?;
                let id = ConversationId {
                    index: entry.1,
                    generation: *generation,
                };
                Some((id, conversation.as_deref()?))
            })
    }

    pub(crate) fn len(&self) -> usize {
        self.by_aor.len()
    }

    /// Addresses that conversations hold in reserve.
    pub(crate) fn reserved_claims(&self) -> usize {
        let claims = self
            .places
            .iter()
            .filter_map(|(_, c)| c.as_deref())
            .flat_map(|c| &c.claims);
        claims
            .filter(|claim| matches!(claim.hold, Hold::Reserved(_) | Hold::Departed(_)))
            .count()
    }

    /// Panics where the table contradicts itself; for debug builds and tests.
    pub(crate) fn check_invariants(&self) {
        let all = || self.places.iter().filter_map(|(_, c)| c.as_deref());
        assert_eq!(
            all().count(),
            self.by_aor.len(),
            "a conversation is not indexed"
        );
        let asking = all()
            .filter(|c| matches!(c.phase, Phase::Asking(_)))
            .count();
        assert_eq!(
            asking, self.asking,
            "conversations under way are miscounted"
        );
        let mut newcomers = Newcomers::default();
        for conversation in all() {
            if let Phase::Asking(asking) = &conversation.phase {
                newcomers.come(asking.arrival.flow.remote.ip(), asking.newcomers);
            }
            assert!(conversation.waiting.len() <= limits::WAITING_PER_LEASE);
            let idle = !matches!(conversation.phase, Phase::Asking(_));
            assert!(
                !idle || conversation.waiting.is_empty(),
                "somebody waits for nothing"
            );
        }
        assert_eq!(newcomers, self.newcomers, "newcomers are miscounted");
    }

    /// What is under way for an AoR besides `own` has been overtaken by a `Contact: *`, or has
    /// overtaken it: nobody knows.
    pub(crate) fn doubt(&mut self, hash: AorHash, own: ConversationId) {
        let all: SmallVec<[ConversationId; 4]> = self.of(hash).map(|(id, _)| id).collect();
        for id in all.into_iter().filter(|id| *id != own) {
            if let Some(Phase::Asking(asking)) = self.get_mut(id).map(|c| &mut c.phase) {
                asking.standing = Standing::Doubtful;
            }
        }
    }

    /// The claim that a conversation of this AoR has on a binding.
    pub(crate) fn claim_on(&mut self, hash: AorHash, binding: BindingId) -> Option<&mut Claim> {
        let on_it =
            |claim: &Claim| claim.binding == binding && !matches!(claim.hold, Hold::Superseded(_));
        let claims = |conversation: &Conversation| conversation.claims.iter().any(on_it);
        let (id, _) = self.of(hash).find(|(_, c)| claims(c))?;
        let conversation = self.get_mut(id)?;
        conversation.claims.iter_mut().find(|claim| on_it(claim))
    }

    /// Whether a registration of this binding is under way, so that its expiry should wait.
    pub(crate) fn is_asking_for(&self, hash: AorHash, binding: BindingId) -> bool {
        self.of(hash).any(|(_, conversation)| {
            matches!(conversation.phase, Phase::Asking(_))
                && conversation
                    .claims
                    .iter()
                    .any(|claim| claim.binding == binding)
        })
    }

    /// The AoR of whoever is just being registered under this address. Looks at all conversations:
    /// only the main registrar may make us.
    pub(crate) fn claimant(&self, binding: BindingId) -> Option<AorHash> {
        let all = self.places.iter().filter_map(|place| place.1.as_deref());
        let mut asking = all.filter(|talk| matches!(talk.phase, Phase::Asking(_)));
        let claimed = |talk: &&Conversation| {
            let mut claims = talk.claims.iter();
            claims.any(|claim| claim.binding == binding)
        };
        asking.find(claimed).map(|conversation| conversation.hash)
    }

    /// Whether a device's REGISTER is under way upstream for an AoR.
    pub(crate) fn is_asking(&self, hash: AorHash) -> bool {
        self.of(hash)
            .any(|(_, conversation)| matches!(conversation.phase, Phase::Asking(_)))
    }

    /// REGISTERs of devices under way upstream.
    pub(crate) fn asking(&self) -> usize {
        self.asking
    }

    /// New devices that the main registrar is being asked about.
    pub(super) const fn newcomers(&self) -> &Newcomers {
        &self.newcomers
    }

    /// Moves a conversation to another phase and hands back the old one.
    pub(crate) fn enter(&mut self, id: ConversationId, phase: Phase) -> Option<Phase> {
        let source = |asking: &Asking| asking.arrival.flow.remote.ip();
        let conversation = self.get_mut(id)?;
        if matches!(phase, Phase::Releasing { .. }) {
            conversation.patience = None;
        }
        let old = core::mem::replace(&mut conversation.phase, phase);
        if let Some(Phase::Asking(asking)) = self.get(id).map(|c| &c.phase) {
            let (source, count) = (source(asking), asking.newcomers);
            self.asking += 1;
            self.newcomers.come(source, count);
        }
        if let Phase::Asking(asking) = &old {
            self.asking = self.asking.saturating_sub(1);
            self.newcomers.go(source(asking), asking.newcomers);
        }
        Some(old)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;
    use crate::clock::Mono;
    use crate::ids::{LeaseId, NodeId, PersistSeq};
    use crate::registrar::conversation::{Line, Subject};
    use crate::registrar::terms::Terms;

    fn conversation(opener: Opener, hash: u128) -> Conversation {
        Conversation {
            opener,
            source: None,
            aor: Box::default(),
            hash: AorHash(hash << 64),
            node: NodeId(0),
            lease: LeaseId(0),
            terms: Terms::of(&crate::policy::DomainPolicy::default()),
            subject: Subject::Lease,
            cseq: 0,
            claims: SmallVec::new(),
            phase: Phase::between(),
            waiting: VecDeque::new(),
            pending: PersistSeq::default(),
            timer: None,
            line: Line::Outside,
            patience: None,
        }
    }

    #[test]
    fn what_is_to_be_given_back_takes_no_room_from_devices() {
        let mut all = Conversations::default();
        for hash in 0..limits::RELEASES as u128 {
            assert!(all.begin(conversation(Opener::Release, hash)).is_some());
        }
        assert!(all.begin(conversation(Opener::Release, 7)).is_none());
        assert!(all.begin(conversation(Opener::Device, 7)).is_some());
    }

    #[test]
    fn when_devices_have_begun_too_many_those_that_linger_give_way() {
        let mut all = Conversations::default();
        for hash in 0..limits::CONVERSATIONS as u128 {
            let id = all.begin(conversation(Opener::Device, hash)).unwrap();
            let challenged = Phase::Challenged {
                nonces: SmallVec::new(),
                until: Mono::NEVER,
            };
            all.enter(id, challenged);
        }
        assert!(all.is_full());
        for start in [0, 5, limits::CONVERSATIONS - 1, usize::MAX] {
            let id = all.lingering_near(start).unwrap();
            assert!(all.end(id).is_some());
            assert!(!all.is_full());
            assert!(all.begin(conversation(Opener::Device, 7)).is_some());
        }
    }
}
