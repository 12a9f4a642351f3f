//! `Slab`: a table whose places are reused, addressed by keys that are not.
//!
//! A key carries the number that its thing was given when it came, counted over the whole table. So a
//! key of something removed finds nothing, never its successor, and a place can be taken away with
//! all memory of who was there.
//!
//! Invariants:
//!
//! * The lowest vacant place is filled first, and there is no vacant place at the end: after a storm
//!   the table shrinks to what is left of it.
//! * No place is noted as vacant twice. Places that were taken away may be noted still, but none is by
//!   the time the table grows.

use core::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::spare;

/// Things of type `T` under keys that stay valid until the thing is removed.
#[derive(Debug)]
pub(crate) struct Slab<T> {
    places: Vec<Place<T>>,
    /// Places to be used again, lowest first.
    vacant: BinaryHeap<Reverse<u32>>,
    len: usize,
    /// Number of the latest thing.
    latest: u32,
}

/// Address of one thing in a [`Slab`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    index: u32,
    number: u32,
}

impl Key {
    /// In one number: the place in the upper half.
    pub(crate) const fn pack(self) -> u64 {
        (self.index as u64) << 32 | self.number as u64
    }

    /// Back from one number.
    pub(crate) const fn unpack(packed: u64) -> Self {
        Self {
            index: (packed >> 32) as u32,
            number: packed as u32,
        }
    }
}

#[derive(Debug)]
struct Place<T> {
    number: u32,
    thing: Option<T>,
}

impl<T> Slab<T> {
    /// An empty slab.
    pub(crate) const fn new() -> Self {
        Self {
            places: Vec::new(),
            vacant: BinaryHeap::new(),
            len: 0,
            latest: 0,
        }
    }

    /// Takes a thing in.
    pub(crate) fn insert(&mut self, thing: T) -> Key {
        self.latest = self.latest.wrapping_add(1);
        self.len += 1;
        let number = self.latest;
        let place = Place {
            number,
            thing: Some(thing),
        };
        while let Some(Reverse(index)) = self.vacant.pop() {
            if let Some(vacant) = self.places.get_mut(index as usize) {
                debug_assert!(vacant.thing.is_none(), "a vacant place is occupied");
                *vacant = place;
                return Key { index, number };
            }
        }
        let index = u32::try_from(self.places.len()).unwrap_or(u32::MAX);
        debug_assert!(index != u32::MAX, "more things than any limit allows");
        self.places.push(place);
        Key { index, number }
    }

    /// The thing under this key.
    pub(crate) fn get(&self, key: Key) -> Option<&T> {
        let place = self.places.get(key.index as usize)?;
        place.thing.as_ref().filter(|_| place.number == key.number)
    }

    /// The thing under this key, to be changed.
    pub(crate) fn get_mut(&mut self, key: Key) -> Option<&mut T> {
        let place = self.places.get_mut(key.index as usize)?;
        let is = place.number == key.number;
        place.thing.as_mut().filter(|_| is)
    }

    /// Gives the thing back and vacates its place.
    pub(crate) fn remove(&mut self, key: Key) -> Option<T> {
        let place = self.places.get_mut(key.index as usize)?;
        if place.number != key.number {
            return None;
        }
        let thing = place.thing.take()?;
        self.len -= 1;
        if key.index as usize + 1 == self.places.len() {
            self.trim();
        } else {
            self.vacant.push(Reverse(key.index));
        }
        Some(thing)
    }

    /// How many things there are.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// All things with their keys.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Key, &T)> {
        let places = self.places.iter().zip(0_u32..);
        places.filter_map(|(place, index)| {
            let number = place.number;
            Some((Key { index, number }, place.thing.as_ref()?))
        })
    }

    /// Takes vacant places away from the end, and gives their memory back.
    fn trim(&mut self) {
        while self
            .places
            .last()
            .is_some_and(|place| place.thing.is_none())
        {
            self.places.pop();
        }
        let left = self.places.len();
        if let Some(capacity) = spare::shrunk(left, self.places.capacity()) {
            self.places.shrink_to(capacity);
            self.vacant
                .retain(|Reverse(index)| (*index as usize) < left);
            self.vacant.shrink_to(capacity);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_finds_its_thing_until_it_is_removed() {
        let mut slab = Slab::new();
        let a = slab.insert('a');
        let b = slab.insert('b');
        assert_eq!(
            (slab.get(a), slab.get(b), slab.len()),
            (Some(&'a'), Some(&'b'), 2)
        );
        assert_eq!(slab.remove(a), Some('a'));
        assert_eq!(slab.get(a), None);
        assert_eq!(slab.get_mut(a), None);
        assert_eq!(slab.remove(a), None);
        if let Some(thing) = slab.get_mut(b) {
            *thing = 'c';
        }
        assert_eq!(slab.iter().collect::<Vec<_>>(), [(b, &'c')]);
    }

    #[test]
    fn a_reused_place_does_not_answer_to_its_old_key() {
        let mut slab = Slab::new();
        let old = slab.insert(1);
        slab.remove(old);
        let new = slab.insert(2);
        assert_eq!(old.index, new.index);
        assert_ne!(old, new);
        assert_eq!((slab.get(old), slab.get(new)), (None, Some(&2)));
        assert_eq!((slab.len(), slab.places.len()), (1, 1));
    }

    #[test]
    fn after_a_storm_memory_follows_what_is_left() {
        let mut slab = Slab::new();
        let mut keys: Vec<Key> = (0..10_000).map(|number| slab.insert(number)).collect();
        assert!(slab.places.capacity() >= 10_000);
        let stayed = keys.remove(100);
        // Most leave in the order they came, the last of them last.
        for key in keys {
            assert!(slab.remove(key).is_some());
        }
        assert_eq!((slab.len(), slab.get(stayed)), (1, Some(&100)));
        assert!(slab.places.capacity() <= 500, "{}", slab.places.capacity());
        assert!(slab.vacant.capacity() <= 500, "{}", slab.vacant.capacity());
    }

    #[test]
    fn late_comers_fill_the_gaps_so_that_the_end_comes_free() {
        let mut slab = Slab::new();
        let storm: Vec<Key> = (0..1000).map(|number| slab.insert(number)).collect();
        let (early, last) = storm.split_at(990);
        for key in early {
            slab.remove(*key);
        }
        let late: Vec<Key> = (0..10).map(|number| slab.insert(number)).collect();
        for key in last {
            slab.remove(*key);
        }
        assert_eq!((slab.len(), slab.places.len()), (10, 10));
        assert!(late.iter().all(|key| slab.get(*key).is_some()));
        assert!(storm.iter().all(|key| slab.get(*key).is_none()));
    }

    #[test]
    fn is_what_a_plain_list_would_be() {
        let mut slab = Slab::new();
        let mut list: Vec<(Key, u64)> = Vec::new();
        let mut gone = Vec::new();
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        for step in 0..20_000_u64 {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            // Long tides of more coming than going, and of more going than coming.
            let comes = state % 8 < if step / 1000 % 2 == 0 { 6 } else { 2 };
            if comes || list.is_empty() {
                let key = slab.insert(step);
                assert!(list.iter().all(|(other, _)| *other != key));
                list.push((key, step));
            } else {
                let (key, thing) = list.swap_remove(state as usize / 8 % list.len());
                assert_eq!(slab.remove(key), Some(thing));
                gone.push(key);
            }
            assert_eq!(slab.len(), list.len());
            assert!(slab.places.last().is_none_or(|place| place.thing.is_some()));
        }
        assert!(
            list.iter()
                .all(|(key, thing)| slab.get(*key) == Some(thing))
        );
        assert!(gone.iter().all(|key| slab.get(*key).is_none()));
        assert_eq!(slab.iter().count(), list.len());
    }
}
