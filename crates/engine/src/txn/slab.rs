//! `Slab`: a table whose places are reused, addressed by keys that are not.
//!
//! A key carries the generation of its place. The generation changes when the place is vacated, so a
//! key of something removed finds nothing, never its successor.

/// Things of type `T` under keys that stay valid until the thing is removed.
#[derive(Debug)]
pub(super) struct Slab<T> {
    places: Vec<Place<T>>,
    /// Places to be used again, last vacated first.
    vacant: Vec<u32>,
}

/// Address of one thing in a [`Slab`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    index: u32,
    generation: u32,
}

#[derive(Debug)]
struct Place<T> {
    generation: u32,
    thing: Option<T>,
}

impl<T> Slab<T> {
    /// An empty slab.
    pub(super) const fn new() -> Self {
        Self {
            places: Vec::new(),
            vacant: Vec::new(),
        }
    }

    /// Takes a thing in.
    pub(super) fn insert(&mut self, thing: T) -> Key {
        if let Some(index) = self.vacant.pop()
            && let Some(place) = self.places.get_mut(index as usize)
        {
            debug_assert!(place.thing.is_none(), "a vacant place is occupied");
            place.thing = Some(thing);
            return Key {
                index,
                generation: place.generation,
            };
        }
        let index = u32::try_from(self.places.len()).unwrap_or(u32::MAX);
        debug_assert!(index != u32::MAX, "more things than any limit allows");
        self.places.push(Place {
            generation: 0,
            thing: Some(thing),
        });
        Key {
            index,
            generation: 0,
        }
    }

    /// The thing under this key.
    pub(super) fn get(&self, key: Key) -> Option<&T> {
        let place = self.places.get(key.index as usize)?;
        if place.generation == key.generation {
            place.thing.as_ref()
        } else {
            None
        }
    }

    /// The thing under this key, to be changed.
    pub(super) fn get_mut(&mut self, key: Key) -> Option<&mut T> {
        let place = self.places.get_mut(key.index as usize)?;
        if place.generation == key.generation {
            place.thing.as_mut()
        } else {
            None
        }
    }

    /// Gives the thing back and vacates its place.
    pub(super) fn remove(&mut self, key: Key) -> Option<T> {
        let place = self.places.get_mut(key.index as usize)?;
        if place.generation != key.generation {
            return None;
        }
        let thing = place.thing.take()?;
        place.generation = place.generation.wrapping_add(1);
        self.vacant.push(key.index);
        Some(thing)
    }

    /// How many things there are.
    pub(super) fn len(&self) -> usize {
        self.places.len() - self.vacant.len()
    }

    /// All things with their keys.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Key, &T)> {
        self.places
            .iter()
            .zip(0_u32..)
            .filter_map(|(place, index)| {
                Some((
                    Key {
                        index,
                        generation: place.generation,
                    },
                    place.thing.as_ref()?,
                ))
            })
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
}
