//! `Nonces`: challenges that need no memory (RFC 7616 §3.3).
//!
//! A nonce is when it was issued, a random salt that makes it unique, and a MAC over both and the
//! realm. Whoever has the secret recognises it: every shard, and the same midreg after a restart.
//!
//! Nonces are dated by the wall clock as it stood when the engine started, carried on by the
//! monotonic one: so they compare across shards and runs, and a wall clock that steps meanwhile
//! neither ages nor renews them.

use sip::digest::constant_time_eq;
use sip::number::parse_hex_u64;

use crate::clock::{Mono, Now};
use crate::keys::{Keys, NONCE_MAC, hex16};

/// Characters of a nonce.
pub const NONCE_LENGTH: usize = 32 + 2 * NONCE_MAC;

/// A nonce as it is written.
pub type NonceText = [u8; NONCE_LENGTH];

/// Issues nonces and recognises them.
#[derive(Clone, Debug)]
pub struct Nonces {
    keys: Keys,
    /// The wall clock's reading at zero of the monotonic one, in milliseconds.
    origin: u64,
}

/// A nonce of ours. Ordered by age, the oldest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NonceId {
    /// When it was issued: milliseconds on the clock of [`Nonces::date`].
    pub issued: u64,
    /// What tells it from others of the same millisecond.
    pub salt: u64,
}

impl Nonces {
    /// For an engine that starts now.
    #[must_use]
    pub fn new(keys: &Keys, start: Now) -> Self {
        Self {
            keys: keys.clone(),
            origin: start.wall.0.saturating_sub(start.mono.0),
        }
    }

    /// This instant in the milliseconds by which nonces are dated.
    #[must_use]
    pub const fn date(&self, now: Mono) -> u64 {
        self.origin.saturating_add(now.0)
    }

    /// A new nonce. `salt` comes from entropy: the same one twice in a millisecond is the same nonce.
    #[must_use]
    pub fn issue(&self, now: Mono, realm: &[u8], salt: u64) -> NonceText {
        let issued = self.date(now);
        self.text(NonceId { issued, salt }, realm)
    }

    /// The nonce that `text` is; `None` when we did not issue it for this realm, or cannot have
    /// issued it yet. How old it is, is for the caller to judge.
    #[must_use]
    pub fn recognise(&self, now: Mono, realm: &[u8], text: &[u8]) -> Option<NonceId> {
        if text.len() != NONCE_LENGTH {
            return None;
        }
        let id = NonceId {
            issued: parse_hex_u64(text.get(..16)?)?,
            salt: parse_hex_u64(text.get(16..32)?)?,
        };
        let ours = constant_time_eq(&self.text(id, realm), text);
        (ours && id.issued <= self.date(now)).then_some(id)
    }

    fn text(&self, id: NonceId, realm: &[u8]) -> NonceText {
        let mut content = [0; 16];
        let (issued, salt) = content.split_at_mut(8);
        issued.copy_from_slice(&id.issued.to_be_bytes());
        salt.copy_from_slice(&id.salt.to_be_bytes());
        let mac = self.keys.nonce_mac(&content, realm);
        let mut text = [0; NONCE_LENGTH];
        let numbers = content.chunks_exact(8).chain(mac.chunks_exact(8));
        for (place, number) in text.chunks_exact_mut(16).zip(numbers) {
            let number = number
                .iter()
                .fold(0, |sum, byte| sum << 8 | u64::from(*byte));
            place.copy_from_slice(&hex16(number));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Wall;

    fn nonces(secret: u8, wall: u64, mono: u64) -> Nonces {
        let start = Now {
            mono: Mono(mono),
            wall: Wall(wall),
        };
        Nonces::new(&Keys::derive(&[secret; 32]), start)
    }

    #[test]
    fn a_nonce_is_recognised_by_every_shard_and_after_a_restart() {
        let own = nonces(1, 1_000_000, 0);
        let text = own.issue(Mono(5_000), b"r", 7);
        let id = NonceId {
            issued: 1_005_000,
            salt: 7,
        };
        assert_eq!(own.recognise(Mono(5_000), b"r", &text), Some(id));
        assert_eq!(
            nonces(1, 1_000_000, 0).recognise(Mono(6_000), b"r", &text),
            Some(id)
        );
        let restarted = nonces(1, 1_060_000, 0);
        assert_eq!(restarted.recognise(Mono(0), b"r", &text), Some(id));
    }

    #[test]
    fn a_nonce_of_another_secret_or_realm_or_of_the_future_is_unknown() {
        let own = nonces(1, 1_000_000, 0);
        let text = own.issue(Mono(5_000), b"r", 7);
        let other = nonces(2, 1_000_000, 0);
        assert_eq!(other.recognise(Mono(5_000), b"r", &text), None);
        assert_eq!(own.recognise(Mono(5_000), b"s", &text), None);
        assert_eq!(own.recognise(Mono(4_999), b"r", &text), None);
    }

    #[test]
    fn a_changed_nonce_is_unknown() {
        let own = nonces(1, 1_000_000, 0);
        let text = own.issue(Mono(5_000), b"r", 0xabc);
        for at in 0..NONCE_LENGTH {
            for letter in b"0123456789abcdefABCDEFg\" " {
                let mut forged = text;
                forged[at] = *letter;
                let known = own.recognise(Mono(9_000), b"r", &forged).is_some();
                assert_eq!(known, forged == text);
            }
        }
        assert_eq!(own.recognise(Mono(9_000), b"r", b""), None);
        assert_eq!(own.recognise(Mono(9_000), b"r", &text[1..]), None);
        assert_eq!(
            own.recognise(Mono(9_000), b"r", &[0xff; NONCE_LENGTH]),
            None
        );
    }

    #[test]
    fn nonces_of_one_instant_differ_by_their_salt() {
        let own = nonces(1, 1_000_000, 0);
        assert_ne!(own.issue(Mono(1), b"r", 1), own.issue(Mono(1), b"r", 2));
    }

    #[test]
    fn where_the_monotonic_clock_began_does_not_matter() {
        let text = nonces(1, 1_000_000, 0).issue(Mono(5_000), b"r", 7);
        let later = nonces(1, 1_010_000, 500_000);
        let id = later.recognise(Mono(500_000), b"r", &text).unwrap();
        assert_eq!(later.date(Mono(500_000)) - id.issued, 5_000);
    }
}
