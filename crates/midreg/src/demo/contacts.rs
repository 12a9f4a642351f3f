//! `Contacts`: what the demo's main registrar holds of its users, and until when.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use super::proxy::Lookup;

/// The contacts of all users.
#[derive(Debug, Default)]
pub(super) struct Contacts {
    users: HashMap<Vec<u8>, Vec<Held>>,
    /// All URIs there ever were.
    known: HashSet<Vec<u8>>,
}

#[derive(Debug)]
struct Held {
    uri: Vec<u8>,
    until: Instant,
}

impl Contacts {
    /// A contact is registered from now on for so many seconds, or not any more.
    pub(super) fn note(&mut self, user: &[u8], uri: &[u8], (now, seconds): (Instant, u32)) {
        let held = self.users.entry(user.to_vec()).or_default();
        held.retain(|held| held.uri != uri);
        if seconds > 0 {
            self.known.insert(uri.to_vec());
            held.push(Held {
                uri: uri.to_vec(),
                until: now + Duration::from_secs(seconds.into()),
            });
        }
    }

    /// How many different ones there ever were, of all users.
    pub(super) fn known(&self) -> usize {
        self.known.len()
    }

    /// How many there are, of all users.
    pub(super) fn count(&self, now: Instant) -> usize {
        let all = self.users.values().flatten();
        all.filter(|held| held.until > now).count()
    }
}

impl Lookup for Contacts {
    fn contact(&self, user: &[u8]) -> Option<Vec<u8>> {
        let now = Instant::now();
        let mut newest_first = self.users.get(user)?.iter().rev();
        let held = newest_first.find(|held| held.until > now)?;
        Some(held.uri.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_contact_is_called_until_it_is_gone() {
        let now = Instant::now();
        let mut contacts = Contacts::default();
        contacts.note(b"bob", b"sip:one", (now, 60));
        contacts.note(b"bob", b"sip:two", (now, 60));
        assert_eq!(contacts.contact(b"bob"), Some(b"sip:two".to_vec()));
        contacts.note(b"bob", b"sip:one", (now, 60));
        assert_eq!(contacts.contact(b"bob"), Some(b"sip:one".to_vec()));
        contacts.note(b"bob", b"sip:one", (now, 0));
        assert_eq!(contacts.contact(b"bob"), Some(b"sip:two".to_vec()));
        assert_eq!(contacts.contact(b"eve"), None);
        assert_eq!((contacts.count(now), contacts.known()), (1, 2));
        assert_eq!(contacts.count(now + Duration::from_secs(60)), 0);
    }
}
