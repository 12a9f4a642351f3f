//! TOKEN: the opaque text by which the main registrar names a device to us (R7).
//!
//! It carries the binding's address (slot, place, generation) and a MAC, so it is found without an
//! index, survives restarts under the same secret, and cannot be made up: 64 bits of HMAC-SHA256
//! stand between a guess and somebody's phone.

use subtle::ConstantTimeEq;

use crate::ids::{BindingId, SLOTS, Slot};
use crate::keys::{Keys, TOKEN_MAC};

/// Characters of a token.
pub const TOKEN_LENGTH: usize = 26;

const PLACE_BITS: u32 = 20;
const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// The token of a binding.
#[must_use]
pub fn encode(keys: &Keys, id: BindingId) -> [u8; TOKEN_LENGTH] {
    let content = pack(id).to_be_bytes();
    let mut bytes = [0; 16];
    let (left, right) = bytes.split_at_mut(8);
    left.copy_from_slice(&content);
    right.copy_from_slice(&keys.token_mac(&content));
    base32(u128::from_be_bytes(bytes))
}

/// The binding that a token names; `None` when we did not make it. In constant time as to the MAC.
#[must_use]
pub fn decode(keys: &Keys, text: &[u8]) -> Option<BindingId> {
    let bytes = unbase32(text)?.to_be_bytes();
    let (content, mac) = bytes.split_at(16 - TOKEN_MAC);
    if !bool::from(keys.token_mac(content).as_slice().ct_eq(mac)) {
        return None;
    }
    unpack(u64::from_be_bytes(content.try_into().ok()?))
}

fn pack(id: BindingId) -> u64 {
    debug_assert!(id.index < 1 << PLACE_BITS);
    (u64::from(id.slot.0) << 52) | (u64::from(id.index) << 32) | u64::from(id.generation)
}

fn unpack(packed: u64) -> Option<BindingId> {
    let slot = (packed >> 52) as u16;
    (slot < SLOTS).then_some(BindingId {
        slot: Slot(slot),
        index: (packed >> 32) as u32 & ((1 << PLACE_BITS) - 1),
        generation: packed as u32,
    })
}

fn base32(value: u128) -> [u8; TOKEN_LENGTH] {
    let mut text = [0; TOKEN_LENGTH];
    for (at, letter) in text.iter_mut().rev().enumerate() {
        let digit = (value >> (5 * at)) as usize & 31;
        *letter = ALPHABET.get(digit).copied().unwrap_or(b'a');
    }
    text
}

fn unbase32(text: &[u8]) -> Option<u128> {
    // 26 digits hold 130 bits: the first may only use its lower three.
    if text.len() != TOKEN_LENGTH {
        return None;
    }
    let mut value: u128 = 0;
    for (at, letter) in text.iter().enumerate() {
        let digit = match letter.to_ascii_lowercase() {
            letter @ b'a'..=b'z' => letter - b'a',
            letter @ b'2'..=b'7' => letter - b'2' + 26,
            _ => return None,
        };
        if at == 0 && digit > 7 {
            return None;
        }
        value = (value << 5) | u128::from(digit);
    }
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(slot: u16, index: u32, generation: u32) -> BindingId {
        BindingId {
            slot: Slot(slot),
            index,
            generation,
        }
    }

    #[test]
    fn r7_tokens_name_their_binding_under_the_same_secret_only() {
        let keys = Keys::derive(&[1; 32]);
        for id in [id(0, 0, 0), id(4095, (1 << 20) - 1, u32::MAX), id(17, 3, 9)] {
            let token = encode(&keys, id);
            assert_eq!(decode(&keys, &token), Some(id));
            assert_eq!(decode(&keys, &token.to_ascii_uppercase()), Some(id));
            assert_eq!(decode(&Keys::derive(&[2; 32]), &token), None);
        }
    }

    #[test]
    fn s12_a_changed_token_names_nobody() {
        let keys = Keys::derive(&[1; 32]);
        let token = encode(&keys, id(5, 6, 7));
        for at in 0..TOKEN_LENGTH {
            for letter in ALPHABET {
                let mut forged = token;
                forged[at] = *letter;
                assert_eq!(decode(&keys, &forged).is_some(), forged == token);
            }
        }
        assert_eq!(decode(&keys, b""), None);
        assert_eq!(decode(&keys, &[b'!'; TOKEN_LENGTH]), None);
        assert_eq!(decode(&keys, &[b'a'; TOKEN_LENGTH + 1]), None);
    }
}
