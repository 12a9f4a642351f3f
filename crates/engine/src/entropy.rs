//! `Entropy`: the engine's only source of unpredictability, seeded from outside, so that the same
//! seed gives the same run.

use core::hash::Hasher;

use siphasher::sip::SipHasher24;

/// A keyed counter: each draw is a MAC of the next number.
#[derive(Debug)]
pub(crate) struct Entropy {
    key: (u64, u64),
    drawn: u64,
}

impl Entropy {
    pub(crate) fn new(seed: u64, shard: u8) -> Self {
        Self {
            key: (seed, u64::from(shard) ^ 0x6d69_6472_6567),
            drawn: 0,
        }
    }

    /// 64 bits that nobody without the seed can tell.
    pub(crate) fn draw(&mut self) -> u64 {
        self.drawn += 1;
        let mut hasher = SipHasher24::new_with_keys(self.key.0, self.key.1);
        hasher.write_u64(self.drawn);
        hasher.finish()
    }

    /// A number below `bound`; 0 for a bound of 0.
    pub(crate) fn below(&mut self, bound: u32) -> u32 {
        ((u128::from(self.draw()) * u128::from(bound)) >> 64) as u32
    }
}
