//! `SlotTable`: the records of one slot, and the places that tokens name.
//!
//! Records lie densely in one vector and are known by their number in it. An index finds the number
//! by the AoR; it may be sparse, having no more than numbers. A filled place has the number as well,
//! so a token leads to its record without a search.
//!
//! # Invariants
//! * The index has each record's number exactly once, under its hash.
//! * A place is filled exactly if a binding has its address; it has the number of that one's record.

use hashbrown::HashTable;

use crate::ids::{AorHash, BindingId, Slot};
use crate::location::binding::Binding;
use crate::location::change::Registration;
use crate::location::growth;
use crate::location::place::{Place, Places};
use crate::location::record::Record;
use crate::spare;

/// One slot: small enough that its growth never stalls the shard.
#[derive(Debug, Default)]
pub(super) struct SlotTable {
    records: Vec<Record>,
    /// Numbers of records by AoR; the records have the hash, so growing reads no text.
    index: HashTable<u32>,
    places: Places,
}

impl SlotTable {
    /// An empty slot; its places begin with this generation.
    pub(super) fn new(first_generation: u32) -> Self {
        Self {
            places: Places::new(first_generation),
            ..Self::default()
        }
    }

    /// Reserves the very place that a binding had in a former run. Whether it was to be had.
    pub(super) fn restore(&mut self, id: BindingId) -> bool {
        self.places.restore(id)
    }

    /// How many records there are.
    pub(super) fn len(&self) -> usize {
        self.records.len()
    }

    /// All records.
    pub(super) fn records_mut(&mut self) -> &mut [Record] {
        &mut self.records
    }

    /// The record of an AoR.
    pub(super) fn record(&self, aor: AorHash) -> Option<&Record> {
        self.records.get(self.number(aor)? as usize)
    }

    pub(super) fn record_mut(&mut self, aor: AorHash) -> Option<&mut Record> {
        let number = self.number(aor)?;
        self.records.get_mut(number as usize)
    }

    /// The record that a filled place belongs to.
    pub(super) fn record_at(&self, id: BindingId) -> Option<&Record> {
        self.records.get(self.places.record(id)? as usize)
    }

    /// The binding in a filled place.
    pub(super) fn binding_mut(&mut self, id: BindingId) -> Option<&mut Binding> {
        let number = self.places.record(id)?;
        self.records.get_mut(number as usize)?.binding_mut(id)
    }

    /// Whatever binding fills a place.
    pub(super) fn at(&self, slot: Slot, index: u32) -> Option<&Binding> {
        self.held_at(slot, index).map(|(_, binding)| binding)
    }

    /// Whatever binding fills a place, with its record.
    pub(super) fn held_at(&self, slot: Slot, index: u32) -> Option<(&Record, &Binding)> {
        let id = self.places.address(slot, index)?;
        let record = self.record_at(id)?;
        Some((record, record.binding(id)?))
    }

    /// How many places there are, free ones included.
    pub(super) fn places(&self) -> usize {
        self.places.len()
    }

    /// A place, for its links in the wheel.
    pub(super) fn place_mut(&mut self, index: u32) -> Option<&mut Place> {
        self.places.at_mut(index)
    }

    /// Reserves a place; `None` when the slot is full.
    pub(super) fn reserve(&mut self, slot: Slot) -> Option<BindingId> {
        self.places.reserve(slot)
    }

    /// Gives a reserved place back. Whether it was one.
    pub(super) fn release(&mut self, id: BindingId) -> bool {
        self.places.release(id)
    }

    /// Adds a binding in its place, or replaces the one there. `false`, with nothing changed, when
    /// the place is free or another AoR's.
    pub(super) fn put(&mut self, registration: Registration) -> bool {
        let (id, aor) = (registration.binding, registration.aor_hash);
        let known = self.number(aor);
        if !self.places.is_open_to(id, known) {
            return false;
        }
        let number = known.unwrap_or_else(|| self.add(Record::new(registration.aor.clone(), aor)));
        self.places.fill(id, number);
        if let Some(record) = self.records.get_mut(number as usize) {
            record.put(registration);
        }
        true
    }

    /// Takes a binding out, with its record if it was the last. Its place stays reserved.
    pub(super) fn take(&mut self, id: BindingId) -> Option<Box<Binding>> {
        let number = self.places.record(id)?;
        let record = self.records.get_mut(number as usize)?;
        let binding = record.take(id)?;
        if record.is_empty() {
            self.drop_record(number);
        }
        self.places.empty(id);
        Some(binding)
    }

    /// Panics where the slot contradicts itself; how many bindings it has.
    pub(super) fn check_invariants(&self) -> usize {
        // Nearly all slots of a small table were never used.
        if self.places.is_empty() && self.records.is_empty() {
            return 0;
        }
        let mut bindings = 0;
        assert_eq!(self.index.len(), self.records.len(), "an index of others");
        for (record, number) in self.records.iter().zip(0..) {
            assert!(!record.is_empty(), "a record without bindings");
            assert_eq!(self.number(record.hash), Some(number), "a record not found");
            for binding in record.bindings() {
                let holder = self.places.record(binding.id);
                assert_eq!(holder, Some(number), "a binding's place is another's");
                bindings += 1;
            }
        }
        assert_eq!(
            self.places.check_invariants(),
            bindings,
            "a place without a binding"
        );
        bindings
    }

    /// Records and index entries that there is memory for.
    #[cfg(test)]
    pub(super) fn room(&self) -> (usize, usize) {
        (self.records.capacity(), self.index.capacity())
    }

    fn number(&self, aor: AorHash) -> Option<u32> {
        let is = |number: &u32| {
            let record = self.records.get(*number as usize);
            record.is_some_and(|record| record.hash == aor)
        };
        self.index.find(aor.short(), is).copied()
    }

    /// Adds a record and tells its number.
    fn add(&mut self, record: Record) -> u32 {
        let Self { records, index, .. } = self;
        let hash = record.hash.short();
        // No slot has more records than places, of which a token counts 20 bits.
        let number = u32::try_from(records.len()).unwrap_or(u32::MAX);
        growth::push(records, record);
        index.insert_unique(hash, number, |number| {
            let record = records.get(*number as usize);
            record.map_or(0, |record| record.hash.short())
        });
        number
    }

    /// Drops a record without bindings. The last record moves into its number: index and places
    /// must learn of it.
    fn drop_record(&mut self, number: u32) {
        let Self {
            records,
            index,
            places,
        } = self;
        let Some(gone) = records.get(number as usize) else {
            return;
        };
        if let Ok(entry) = index.find_entry(gone.hash.short(), |other| *other == number) {
            entry.remove();
        }
        records.swap_remove(number as usize);
        if let Some(moved) = records.get(number as usize) {
            let entry =
                index.find_mut(moved.hash.short(), |other| *other as usize == records.len());
            debug_assert!(entry.is_some(), "a record that is not indexed");
            if let Some(entry) = entry {
                *entry = number;
            }
            for binding in moved.bindings() {
                places.fill(binding.id, number);
            }
        }
        growth::give_back(records);
        if let Some(capacity) = spare::shrunk(index.len(), index.capacity()) {
            index.shrink_to(capacity, |number| {
                let record = records.get(*number as usize);
                record.map_or(0, |record| record.hash.short())
            });
        }
    }
}
