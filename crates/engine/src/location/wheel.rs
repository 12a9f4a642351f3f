//! `Wheel`: when bindings must be looked at for expiry, to the second.
//!
//! One bucket per second, as many seconds ahead as there are buckets; a bucket is a doubly linked
//! list through the places themselves, so arming costs no memory. A refresh does **not** move its
//! binding: when the old second comes up, the binding is found to live on and is armed anew. So a
//! refresh touches no neighbour, and the work per binding is one look per promise.

use core::num::NonZeroU16;

use crate::clock::Mono;
use crate::location::place::Ref;

/// Seconds that the wheel spans. A later expiry is armed at the far end and looked at again there.
pub(super) const BUCKETS: usize = 4096;

/// One of the buckets, with a niche for `None`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bucket(NonZeroU16);

/// Heads of the buckets and the second up to which they were emptied.
#[derive(Debug)]
pub(super) struct Wheel {
    heads: Box<[Option<Ref>]>,
    occupied: Box<[u64]>,
    /// The first second whose bucket has not been emptied.
    second: u64,
    len: usize,
}

impl Bucket {
    /// The bucket of a second.
    fn of(second: u64) -> Self {
        Self(NonZeroU16::MIN.saturating_add((second % BUCKETS as u64) as u16))
    }

    fn index(self) -> usize {
        usize::from(self.0.get() - 1)
    }
}

impl Wheel {
    pub(super) fn new(now: Mono) -> Self {
        Self {
            heads: vec![None; BUCKETS].into_boxed_slice(),
            occupied: vec![0; BUCKETS / 64].into_boxed_slice(),
            second: now.0 / 1000,
            len: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The bucket for an instant: the second *after* it has fully passed, at most the far end.
    pub(super) fn bucket_for(&self, at: Mono) -> Bucket {
        let second =
            at.0.div_ceil(1000)
                .clamp(self.second, self.second + BUCKETS as u64 - 1);
        Bucket::of(second)
    }

    pub(super) fn head(&self, bucket: Bucket) -> Option<Ref> {
        self.heads.get(bucket.index()).copied().flatten()
    }

    /// Makes `head` the first of a bucket; the caller keeps the links.
    pub(super) fn set_head(&mut self, bucket: Bucket, head: Option<Ref>) {
        let at = bucket.index();
        if let Some(place) = self.heads.get_mut(at) {
            *place = head;
        }
        if let Some(word) = self.occupied.get_mut(at / 64) {
            let bit = 1u64 << (at % 64);
            if head.is_some() {
                *word |= bit
            } else {
                *word &= !bit
            }
        }
    }

    pub(super) fn linked(&mut self) {
        self.len += 1;
    }

    pub(super) fn unlinked(&mut self) {
        debug_assert!(self.len > 0);
        self.len = self.len.saturating_sub(1);
    }

    /// The first occupied bucket that is due at `now`; moves past empty ones.
    pub(super) fn due(&mut self, now: Mono) -> Option<Bucket> {
        let present = now.0 / 1000;
        if self.len == 0 {
            self.second = self.second.max(present);
            return None;
        }
        // After a clock jump beyond the whole span every bucket is due: one turn suffices.
        let last = present.min(self.second + BUCKETS as u64 - 1);
        while self.second <= last {
            let bucket = Bucket::of(self.second);
            if self.head(bucket).is_some() {
                return Some(bucket);
            }
            self.second += 1;
        }
        self.second = self.second.max(present);
        None
    }

    /// When the next occupied bucket is due.
    pub(super) fn next(&self) -> Option<Mono> {
        if self.len == 0 {
            return None;
        }
        let start = (self.second % BUCKETS as u64) as usize;
        let ahead = (0..=self.occupied.len()).find_map(|step| {
            let word_at = (start / 64 + step) % self.occupied.len();
            let mut word = self.occupied.get(word_at).copied().unwrap_or(0);
            if step == 0 {
                word &= u64::MAX << (start % 64);
            }
            let bucket = word_at * 64 + word.trailing_zeros() as usize;
            (word != 0).then(|| (bucket + BUCKETS - start) % BUCKETS)
        })?;
        Some(Mono((self.second + ahead as u64) * 1000))
    }
}
