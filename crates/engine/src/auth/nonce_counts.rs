//! `NonceCounts`: the highest count seen of each nonce, so that nothing is taken twice (RFC 7616
//! §3.4, `nc`; §5.5 on replays).
//!
//! It is bounded, and nothing forgotten comes back: where the oldest nonce gives way, the *horizon*
//! moves past its date, and a nonce from before the horizon is refused whether it was used or not.
//! The start of the engine is the first horizon, so that a restart permits no replay either, as
//! long as the wall clock is not set back between two runs.

use std::collections::BTreeMap;

use crate::auth::nonces::NonceId;
use crate::limits;

/// What was used of the nonces.
#[derive(Debug)]
pub struct NonceCounts {
    /// By age, so that the oldest is the first.
    highest: BTreeMap<NonceId, u32>,
    /// The date of the oldest nonces that may be used.
    horizon: u64,
    room: usize,
}

/// One use of a nonce.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// With a count (`nc`), which has to be higher than all before.
    Counted(u32),
    /// Without one (RFC 2069): the only use there may be, and the last.
    Single,
}

impl NonceCounts {
    /// Nothing used; nonces issued before the date `start` are refused.
    #[must_use]
    pub const fn new(start: u64) -> Self {
        Self {
            highest: BTreeMap::new(),
            horizon: start,
            room: limits::USED_NONCES,
        }
    }

    /// Uses a nonce, whose answer is right. `false` when it is a replay, or might be one.
    pub fn admit(&mut self, nonce: NonceId, usage: Use) -> bool {
        if nonce.issued < self.horizon {
            return false;
        }
        // Nobody counts so far: after a single use there is no higher count left.
        let count = match usage {
            Use::Counted(count) => count,
            Use::Single => u32::MAX,
        };
        match self.highest.get_mut(&nonce) {
            Some(highest) if *highest >= count => return false,
            Some(highest) => *highest = count,
            None => {
                self.highest.insert(nonce, count);
                self.make_room();
            }
        }
        true
    }

    fn make_room(&mut self) {
        if self.highest.len() > self.room
            && let Some((oldest, _)) = self.highest.pop_first()
        {
            self.horizon = oldest.issued.saturating_add(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nonce(issued: u64, salt: u64) -> NonceId {
        NonceId { issued, salt }
    }

    #[test]
    fn rfc_7616_section_3_4_counts_have_to_grow() {
        let mut counts = NonceCounts::new(0);
        assert!(counts.admit(nonce(1, 1), Use::Counted(1)));
        assert!(!counts.admit(nonce(1, 1), Use::Counted(1)));
        assert!(counts.admit(nonce(1, 1), Use::Counted(5)));
        assert!(!counts.admit(nonce(1, 1), Use::Counted(4)));
        assert!(counts.admit(nonce(1, 2), Use::Counted(1)));
    }

    #[test]
    fn a_count_may_begin_with_zero() {
        let mut counts = NonceCounts::new(0);
        assert!(counts.admit(nonce(1, 1), Use::Counted(0)));
        assert!(!counts.admit(nonce(1, 1), Use::Counted(0)));
    }

    #[test]
    fn without_a_count_a_nonce_is_good_for_one_use() {
        let mut counts = NonceCounts::new(0);
        assert!(counts.admit(nonce(1, 1), Use::Single));
        assert!(!counts.admit(nonce(1, 1), Use::Single));
        assert!(!counts.admit(nonce(1, 1), Use::Counted(u32::MAX)));
        assert!(counts.admit(nonce(1, 2), Use::Counted(3)));
        assert!(counts.admit(nonce(1, 2), Use::Single));
        assert!(!counts.admit(nonce(1, 2), Use::Counted(4)));
    }

    #[test]
    fn what_gave_way_does_not_come_back() {
        let mut counts = NonceCounts {
            room: 3,
            ..NonceCounts::new(0)
        };
        for (issued, salt) in [(10, 1), (30, 2), (20, 3)] {
            assert!(counts.admit(nonce(issued, salt), Use::Counted(1)));
        }
        assert!(counts.admit(nonce(40, 4), Use::Counted(1)));
        assert_eq!(counts.highest.len(), 3);
        assert!(!counts.admit(nonce(10, 1), Use::Counted(2)));
        assert!(!counts.admit(nonce(10, 9), Use::Counted(1)), "as old");
        for (issued, salt) in [(20, 3), (30, 2), (40, 4)] {
            assert!(!counts.admit(nonce(issued, salt), Use::Counted(1)));
            assert!(counts.admit(nonce(issued, salt), Use::Counted(2)));
        }
    }

    #[test]
    fn a_late_user_of_an_old_nonce_makes_nobody_else_give_way() {
        let mut counts = NonceCounts {
            room: 1,
            ..NonceCounts::new(0)
        };
        assert!(counts.admit(nonce(20, 1), Use::Counted(1)));
        assert!(counts.admit(nonce(10, 2), Use::Counted(1)));
        assert!(!counts.admit(nonce(10, 2), Use::Counted(2)));
        assert!(counts.admit(nonce(20, 1), Use::Counted(2)));
    }

    #[test]
    fn the_bound_holds() {
        let mut counts = NonceCounts::new(0);
        let many = limits::USED_NONCES as u64 + 10;
        assert!((0..many).all(|at| counts.admit(nonce(at, 0), Use::Counted(1))));
        assert_eq!(counts.highest.len(), limits::USED_NONCES);
        assert!((0..many).all(|at| !counts.admit(nonce(at, 0), Use::Counted(1))));
    }

    #[test]
    fn nonces_of_an_earlier_run_are_refused() {
        let mut counts = NonceCounts::new(1_000);
        assert!(!counts.admit(nonce(999, 1), Use::Counted(1)));
        assert!(counts.admit(nonce(1_000, 1), Use::Counted(1)));
    }
}
