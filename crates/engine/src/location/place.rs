//! `Places`: the numbered places of one slot, with generations.
//!
//! A place is reserved before a registration goes upstream, because the Contact sent there already
//! carries its address; it becomes visible only when it is filled.

use crate::ids::{AorHash, BindingId, Slot};

/// Most places of one slot: a token carries 20 bits.
const MAX_PLACES: usize = 1 << 20;

/// The places of one slot.
#[derive(Debug, Default)]
pub(super) struct Places {
    places: Vec<Place>,
    free: Vec<u32>,
}

#[derive(Debug)]
struct Place {
    generation: u32,
    /// Links of the expiry wheel, meaningful while filled.
    pub(super) links: Links,
    state: State,
}

/// Neighbours in a bucket of the expiry wheel.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Links {
    pub(super) previous: Option<Ref>,
    pub(super) next: Option<Ref>,
    pub(super) bucket: Option<u16>,
}

/// A binding in the wheel: slot and place in 32 bits, with a niche for `None`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ref(core::num::NonZeroU32);

#[derive(Clone, Copy, Debug)]
enum State {
    Free,
    Reserved,
    /// By a binding of this AoR.
    Filled(AorHash),
}

impl Ref {
    pub(super) fn new(slot: Slot, index: u32) -> Option<Self> {
        let packed = u32::from(slot.0).checked_shl(20)? | (index & 0xf_ffff);
        core::num::NonZeroU32::new(packed.checked_add(1)?).map(Self)
    }

    pub(super) fn slot(self) -> Slot {
        Slot(((self.0.get() - 1) >> 20) as u16)
    }

    pub(super) fn index(self) -> u32 {
        (self.0.get() - 1) & 0xf_ffff
    }
}

impl Places {
    /// Reserves a place; `None` when the slot is full.
    pub(super) fn reserve(&mut self, slot: Slot) -> Option<BindingId> {
        let index = match self.free.pop() {
            Some(index) => index,
            None if self.places.len() < MAX_PLACES - 1 => {
                let index = u32::try_from(self.places.len()).ok()?;
                let fresh = Place {
                    generation: 0,
                    links: Links::default(),
                    state: State::Free,
                };
                self.places.push(fresh);
                index
            }
            None => return None,
        };
        let place = self.places.get_mut(index as usize)?;
        debug_assert!(matches!(place.state, State::Free));
        place.state = State::Reserved;
        Some(BindingId {
            slot,
            index,
            generation: place.generation,
        })
    }

    /// Gives a reserved place back. Whether it was one.
    pub(super) fn release(&mut self, id: BindingId) -> bool {
        if let Some(place) = self.place_mut(id)
            && matches!(place.state, State::Reserved)
        {
            place.state = State::Free;
            place.generation = place.generation.wrapping_add(1);
            self.free.push(id.index);
            return true;
        }
        false
    }

    /// Fills a reserved place with a binding of `owner`. `false` when the place is another's.
    pub(super) fn fill(&mut self, id: BindingId, owner: AorHash) -> bool {
        match self.place_mut(id) {
            Some(place) if !matches!(place.state, State::Free) => {
                place.state = State::Filled(owner);
                true
            }
            _ => false,
        }
    }

    /// Empties a filled place but keeps it reserved, so that its address stays the device's own
    /// while its lease is given back.
    pub(super) fn empty(&mut self, id: BindingId) {
        if let Some(place) = self.place_mut(id)
            && matches!(place.state, State::Filled(_))
        {
            place.state = State::Reserved;
        }
    }

    /// The AoR whose binding fills a place.
    pub(super) fn owner(&self, id: BindingId) -> Option<AorHash> {
        let place = self.places.get(id.index as usize)?;
        match place.state {
            State::Filled(owner) if place.generation == id.generation => Some(owner),
            _ => None,
        }
    }

    /// The full address of a place and whose binding fills it.
    pub(super) fn at(&self, slot: Slot, index: u32) -> Option<(BindingId, AorHash)> {
        let place = self.places.get(index as usize)?;
        match place.state {
            State::Filled(owner) => Some((
                BindingId {
                    slot,
                    index,
                    generation: place.generation,
                },
                owner,
            )),
            _ => None,
        }
    }

    pub(super) fn links_mut(&mut self, index: u32) -> Option<&mut Links> {
        self.places
            .get_mut(index as usize)
            .map(|place| &mut place.links)
    }

    fn place_mut(&mut self, id: BindingId) -> Option<&mut Place> {
        self.places
            .get_mut(id.index as usize)
            .filter(|place| place.generation == id.generation)
    }
}
