//! `Places`: the numbered places of one slot, with generations.
//!
//! A place is reserved before a registration goes upstream, because the Contact sent there already
//! carries its address; it becomes visible only when it is filled. Places are never taken back:
//! their generations must outlive the addresses that carry them. For the same reason generations
//! begin at a number that is drawn at each start: what the main registrar still holds from a former
//! run must name nobody else now.

use core::num::NonZeroU32;

use crate::ids::{BindingId, Slot};
use crate::location::growth;
use crate::location::wheel::Bucket;

/// Most places of one slot: a token carries 20 bits.
const MAX_PLACES: usize = 1 << 20;

/// The places of one slot.
#[derive(Debug, Default)]
pub(super) struct Places {
    places: Vec<Place>,
    free: Vec<u32>,
    /// Generation of a place that was never given away in this run.
    first_generation: u32,
}

/// One place: 20 bytes, of which a binding always needs one.
#[derive(Debug)]
pub(super) struct Place {
    generation: u32,
    /// Number of the record whose binding fills it; means something only while it is filled.
    record: u32,
    /// Neighbours in the bucket of the expiry wheel.
    pub(super) previous: Option<Ref>,
    pub(super) next: Option<Ref>,
    /// Where it is armed; none unless it is filled.
    pub(super) bucket: Option<Bucket>,
    state: State,
}

/// A binding in the wheel: slot and place in 32 bits, with a niche for `None`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ref(NonZeroU32);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Free,
    Reserved,
    Filled,
}

impl Ref {
    pub(super) fn new(slot: Slot, index: u32) -> Option<Self> {
        let packed = u32::from(slot.0).checked_shl(20)? | (index & 0xf_ffff);
        NonZeroU32::new(packed.checked_add(1)?).map(Self)
    }

    pub(super) fn slot(self) -> Slot {
        Slot(((self.0.get() - 1) >> 20) as u16)
    }

    pub(super) fn index(self) -> u32 {
        (self.0.get() - 1) & 0xf_ffff
    }
}

impl Places {
    /// No places yet; new ones begin with this generation.
    pub(super) fn new(first_generation: u32) -> Self {
        Self {
            first_generation,
            ..Self::default()
        }
    }

    /// Reserves the very place that a binding had in a former run. Whether it was to be had.
    pub(super) fn restore(&mut self, id: BindingId) -> bool {
        let wanted = id.index as usize;
        if wanted >= MAX_PLACES - 1 {
            return false;
        }
        while self.places.len() <= wanted {
            growth::push(&mut self.free, self.places.len() as u32);
            growth::push(&mut self.places, Place::fresh(self.first_generation));
        }
        let Some(at) = self.free.iter().rposition(|index| *index == id.index) else {
            return false;
        };
        self.free.swap_remove(at);
        if let Some(place) = self.places.get_mut(wanted) {
            place.generation = id.generation;
            place.state = State::Reserved;
        }
        true
    }

    /// How many there are, free ones included.
    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether none was ever reserved.
    pub(super) fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Reserves a place; `None` when the slot is full.
    pub(super) fn reserve(&mut self, slot: Slot) -> Option<BindingId> {
        let index = match self.free.pop() {
            Some(index) => index,
            None if self.places.len() < MAX_PLACES - 1 => {
                let index = u32::try_from(self.places.len()).ok()?;
                growth::push(&mut self.places, Place::fresh(self.first_generation));
                index
            }
            None => return None,
        };
        let place = self.places.get_mut(index as usize)?;
        debug_assert_eq!(place.state, State::Free);
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
            && place.state == State::Reserved
        {
            place.state = State::Free;
            place.generation = place.generation.wrapping_add(1);
            growth::push(&mut self.free, id.index);
            return true;
        }
        false
    }

    /// Whether a binding of this record (none: of a new one) may fill a place: it is reserved, or
    /// filled by one of the same record.
    pub(super) fn is_open_to(&self, id: BindingId, record: Option<u32>) -> bool {
        self.place(id).is_some_and(|place| match place.state {
            State::Free => false,
            State::Reserved => true,
            State::Filled => record == Some(place.record),
        })
    }

    /// Fills a place that is not free with a binding of this record, or tells a filled one that
    /// its record has another number now.
    pub(super) fn fill(&mut self, id: BindingId, record: u32) {
        if let Some(place) = self.place_mut(id)
            && place.state != State::Free
        {
            place.state = State::Filled;
            place.record = record;
        }
    }

    /// Empties a filled place but keeps it reserved, so that its address stays the device's own
    /// while its lease is given back.
    pub(super) fn empty(&mut self, id: BindingId) {
        if let Some(place) = self.place_mut(id)
            && place.state == State::Filled
        {
            debug_assert!(place.bucket.is_none(), "still armed");
            place.state = State::Reserved;
        }
    }

    /// The number of the record whose binding fills a place.
    pub(super) fn record(&self, id: BindingId) -> Option<u32> {
        let place = self.place(id)?;
        (place.state == State::Filled).then_some(place.record)
    }

    /// The full address of a filled place.
    pub(super) fn address(&self, slot: Slot, index: u32) -> Option<BindingId> {
        let place = self.places.get(index as usize)?;
        (place.state == State::Filled).then_some(BindingId {
            slot,
            index,
            generation: place.generation,
        })
    }

    /// A place, for its links in the wheel.
    pub(super) fn at_mut(&mut self, index: u32) -> Option<&mut Place> {
        self.places.get_mut(index as usize)
    }

    /// Panics where the places contradict themselves; how many are filled.
    pub(super) fn check_invariants(&self) -> usize {
        let count = |state| {
            self.places
                .iter()
                .filter(|place| place.state == state)
                .count()
        };
        assert_eq!(count(State::Free), self.free.len(), "a free place is lost");
        for index in &self.free {
            let place = self.places.get(*index as usize);
            assert!(place.is_some_and(|place| place.state == State::Free));
        }
        for place in &self.places {
            let armed = place.bucket.is_some();
            assert_eq!(
                armed,
                place.state == State::Filled,
                "armed without a binding, or not"
            );
        }
        count(State::Filled)
    }

    fn place(&self, id: BindingId) -> Option<&Place> {
        self.places
            .get(id.index as usize)
            .filter(|place| place.generation == id.generation)
    }

    fn place_mut(&mut self, id: BindingId) -> Option<&mut Place> {
        self.places
            .get_mut(id.index as usize)
            .filter(|place| place.generation == id.generation)
    }
}

impl Place {
    const fn fresh(generation: u32) -> Self {
        Self {
            generation,
            record: 0,
            previous: None,
            next: None,
            bucket: None,
            state: State::Free,
        }
    }
}
