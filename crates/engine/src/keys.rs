//! `Keys`: everything keyed by the operator's secret, each use under a key of its own.
//!
//! Two strengths. What a stranger may try to forge at leisure (tokens, nonces) is HMAC-SHA256. What only
//! has to be unpredictable within our own tables (AoR and Call-ID hashes) or is worth nothing when
//! guessed (To-tags, lease texts) is SipHash-2-4, which costs a few nanoseconds on the absorb path.

use core::hash::Hasher;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use siphasher::sip::SipHasher24;
use siphasher::sip128::{Hasher128, SipHasher24 as SipHasher24x128};

use crate::ids::{AorHash, LeaseId};

/// Bytes of the MAC in a token.
pub const TOKEN_MAC: usize = 8;

/// Bytes of the MAC in a nonce.
pub const NONCE_MAC: usize = 16;

/// Keys derived from the secret. Equal in all shards and across restarts.
#[derive(Clone)]
pub struct Keys {
    aor: (u64, u64),
    stamp: (u64, u64),
    to_tag: (u64, u64),
    lease: (u64, u64),
    source: (u64, u64),
    loops: (u64, u64),
    transaction: [u8; 16],
    token: [u8; 32],
    nonce: [u8; 32],
}

impl core::fmt::Debug for Keys {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Keys(…)")
    }
}

impl Keys {
    /// Derives all keys.
    #[must_use]
    pub fn derive(secret: &[u8; 32]) -> Self {
        let pair = |label: &str| halves(&mac(secret, &[b"midreg ", label.as_bytes()]));
        let token = mac(secret, &[b"midreg token"]);
        let nonce = mac(secret, &[b"midreg nonce"]);
        let mut transaction = [0; 16];
        transaction.copy_from_slice(first16(&mac(secret, &[b"midreg transaction"])).as_slice());
        Self {
            aor: pair("aor"),
            stamp: pair("stamp"),
            to_tag: pair("to-tag"),
            lease: pair("lease"),
            source: pair("source"),
            loops: pair("loops"),
            transaction,
            token,
            nonce,
        }
    }

    /// Hash of a canonical AoR; stable, because it chooses the slot that tokens carry.
    #[must_use]
    pub fn aor_hash(&self, aor: &[u8]) -> AorHash {
        AorHash(
            SipHasher24x128::new_with_keys(self.aor.0, self.aor.1)
                .hash(aor)
                .as_u128(),
        )
    }

    /// Hash of a text that is compared but never shown: Call-ID, tag, branch, nonce.
    #[must_use]
    pub fn text_hash(&self, text: &[u8]) -> u64 {
        SipHasher24::new_with_keys(self.stamp.0, self.stamp.1).hash(text)
    }

    /// The To-tag of answers to a request: a MAC, so that a stateless answer has the same tag each
    /// time (RFC 3261 §8.2.7).
    #[must_use]
    pub fn to_tag(&self, call_id: &[u8], from_tag: &[u8]) -> [u8; 16] {
        let mut hasher = SipHasher24::new_with_keys(self.to_tag.0, self.to_tag.1);
        hasher.write(call_id);
        hasher.write_u8(0);
        hasher.write(from_tag);
        hex16(hasher.finish())
    }

    /// Call-ID of a lease toward the main registrar (R6).
    #[must_use]
    pub fn lease_call_id(&self, lease: LeaseId) -> [u8; 32] {
        let mut hasher = SipHasher24x128::new_with_keys(self.lease.0, self.lease.1);
        hasher.write_u64(lease.0);
        let hash = hasher.finish128();
        let mut text = [0; 32];
        let (left, right) = text.split_at_mut(16);
        left.copy_from_slice(&hex16(hash.h1));
        right.copy_from_slice(&hex16(hash.h2));
        text
    }

    /// From-tag of a lease toward the main registrar (R6).
    #[must_use]
    pub fn lease_tag(&self, lease: LeaseId) -> [u8; 16] {
        let mut hasher = SipHasher24::new_with_keys(self.lease.0, self.lease.1);
        hasher.write_u8(b't');
        hasher.write_u64(lease.0);
        hex16(hasher.finish())
    }

    /// MAC of a token's content.
    #[must_use]
    pub fn token_mac(&self, content: &[u8]) -> [u8; TOKEN_MAC] {
        let full = mac(&self.token, &[content]);
        let mut short = [0; TOKEN_MAC];
        short.iter_mut().zip(full).for_each(|(to, from)| *to = from);
        short
    }

    /// MAC of a digest nonce's content, bound to its realm.
    #[must_use]
    pub fn nonce_mac(&self, content: &[u8; 16], realm: &[u8]) -> [u8; NONCE_MAC] {
        first16(&mac(&self.nonce, &[content, realm]))
    }

    /// Key of the hash over source addresses.
    #[must_use]
    pub const fn source(&self) -> (u64, u64) {
        self.source
    }

    /// Key of the hash that detects loops (RFC 5393).
    #[must_use]
    pub const fn loops(&self) -> (u64, u64) {
        self.loops
    }

    /// Secret of the transaction layer for this run: `seed` keeps branches from repeating after a
    /// restart (RFC 3261 §8.1.1.7).
    #[must_use]
    pub fn transaction_secret(&self, seed: u64) -> [u8; 16] {
        first16(&mac(&self.transaction, &[&seed.to_be_bytes()]))
    }
}

fn mac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else {
        return [0; 32];
    };
    for part in parts {
        mac.update(part);
    }
    let mut out = [0; 32];
    out.copy_from_slice(&mac.finalize().into_bytes());
    out
}

fn first16(bytes: &[u8; 32]) -> [u8; 16] {
    let mut out = [0; 16];
    out.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
    out
}

fn halves(bytes: &[u8; 32]) -> (u64, u64) {
    let wide = u128::from_le_bytes(first16(bytes));
    (wide as u64, (wide >> 64) as u64)
}

/// Lower-case hexadecimal of 64 bits.
#[must_use]
pub fn hex16(value: u64) -> [u8; 16] {
    let mut text = [0; 16];
    for (at, digit) in text.iter_mut().enumerate() {
        let nibble = (value >> (60 - 4 * at)) as u8 & 0xf;
        *digit = if nibble < 10 {
            b'0' + nibble
        } else {
            b'a' + nibble - 10
        };
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_stable_and_separate() {
        let one = Keys::derive(&[7; 32]);
        let same = Keys::derive(&[7; 32]);
        let other = Keys::derive(&[8; 32]);
        assert_eq!(one.aor_hash(b"a@b"), same.aor_hash(b"a@b"));
        assert_ne!(one.aor_hash(b"a@b"), other.aor_hash(b"a@b"));
        assert_ne!(one.aor_hash(b"a@b").short(), one.text_hash(b"a@b"));
        assert_eq!(
            one.lease_call_id(LeaseId(1)),
            same.lease_call_id(LeaseId(1))
        );
        assert_ne!(one.lease_call_id(LeaseId(1)), one.lease_call_id(LeaseId(2)));
        let content = [1; 16];
        assert_eq!(
            one.nonce_mac(&content, b"r"),
            same.nonce_mac(&content, b"r")
        );
        assert_ne!(one.nonce_mac(&content, b"r"), one.nonce_mac(&content, b"s"));
        assert_ne!(
            one.nonce_mac(&content, b"")[..TOKEN_MAC],
            one.token_mac(&content)
        );
    }

    #[test]
    fn hexadecimal_is_fixed_width() {
        assert_eq!(&hex16(0), b"0000000000000000");
        assert_eq!(&hex16(0x0123_4567_89ab_cdef), b"0123456789abcdef");
    }
}
