//! `Cast`: which phones the demo has, whose they are, and what becomes of each. Nothing is left to
//! chance, so that two runs tell the same story.

use std::ops::Range;
use std::time::Duration;

use super::tempo::Tempo;

/// Of so many users in a row one loses power, at its place.
const DYING_EVERY: usize = 20;
const DYING: usize = 7;

/// Of so many users in a row one restarts its first phone, at its place.
const REBOOTING_EVERY: usize = 10;
const REBOOTING: usize = 3;

/// All phones there are: those of user 0 first, then those of user 1.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cast {
    /// How many phones.
    pub(super) phones: usize,
    /// How many each user has, the last one perhaps fewer.
    pub(super) per_user: usize,
}

/// What happens to a phone besides that it refreshes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// Nothing; it may call and be called.
    Steady,
    /// It starts anew that long after the beginning: another Call-ID, another port.
    Reboots(Duration),
    /// It falls silent that long after the beginning, and says nothing about it.
    Dies(Duration),
}

impl Cast {
    /// How many users there are.
    pub(super) fn users(&self) -> usize {
        self.phones.div_ceil(self.per_user.max(1))
    }

    /// Whose a phone is.
    pub(super) fn user_of(&self, phone: usize) -> usize {
        phone / self.per_user.max(1)
    }

    /// The phones of a user.
    pub(super) fn phones_of(&self, user: usize) -> Range<usize> {
        let start = user.saturating_mul(self.per_user).min(self.phones);
        start..(start + self.per_user).min(self.phones)
    }

    /// What becomes of a phone. Those of one user lose power together; of those that restart, the
    /// others stay.
    pub(super) fn fate(&self, phone: usize, tempo: &Tempo) -> Fate {
        let user = self.user_of(phone);
        let is_first = self.phones_of(user).start == phone;
        let at = |from: f64, to: f64| {
            let spread = (user * 61 % 100) as f64 / 100.0;
            tempo.storm + tempo.duration.mul_f64(from + (to - from) * spread)
        };
        if user % DYING_EVERY == DYING {
            return Fate::Dies(at(0.15, 0.45));
        }
        match is_first && user % REBOOTING_EVERY == REBOOTING {
            true => Fate::Reboots(at(0.2, 0.6)),
            false => Fate::Steady,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_phone_has_a_user_and_a_fate() {
        let cast = Cast {
            phones: 999,
            per_user: 2,
        };
        let tempo = Tempo::of(Duration::from_secs(30), 999);
        assert_eq!(cast.users(), 500);
        assert_eq!(cast.phones_of(499), 998..999);
        let (mut dying, mut rebooting) = (0, 0);
        for phone in 0..cast.phones {
            assert!(cast.phones_of(cast.user_of(phone)).contains(&phone));
            match cast.fate(phone, &tempo) {
                Fate::Steady => {}
                Fate::Reboots(at) => {
                    rebooting += 1;
                    assert!(at < tempo.duration);
                }
                Fate::Dies(at) => {
                    dying += 1;
                    let noticed = at + Duration::from_secs(tempo.expires);
                    assert!(noticed < tempo.duration, "{at:?}");
                }
            }
        }
        assert_eq!((dying, rebooting), (50, 50));
    }
}
