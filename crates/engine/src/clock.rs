//! Time as the engine sees it: it comes in with every call and is never read here.
//!
//! Two clocks, because they answer different questions. *Mono* never jumps and carries every lease,
//! grant and timer. *Wall* is what people and peers mean by a date; it may step, so it is only
//! written (`Date`, stored rows), never compared.

use core::time::Duration;

/// Milliseconds of a clock that never goes back, counted from an origin the shell chooses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mono(pub u64);

/// Milliseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Wall(pub u64);

/// The present, given to the engine with every input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// Drives every timer and lease.
    pub mono: Mono,
    /// Written into `Date` and stored rows.
    pub wall: Wall,
}

/// A lifetime in whole seconds, the unit of `Expires` (RFC 3261 §20.19).
pub type Seconds = u32;

impl Mono {
    /// The end of time: a deadline that never comes.
    pub const NEVER: Self = Self(u64::MAX);

    /// This instant plus whole seconds.
    #[must_use]
    pub const fn plus_seconds(self, seconds: Seconds) -> Self {
        Self(self.0.saturating_add(seconds as u64 * 1000))
    }

    /// This instant plus milliseconds.
    #[must_use]
    pub const fn plus_millis(self, millis: u64) -> Self {
        Self(self.0.saturating_add(millis))
    }

    /// This instant plus a duration.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        self.plus_millis(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
    }

    /// Whole seconds from `now` until this instant, rounded down; 0 when it is past. Rounding down
    /// is what keeps a promise no longer than what it rests on.
    #[must_use]
    pub const fn seconds_after(self, now: Self) -> Seconds {
        let left = self.0.saturating_sub(now.0) / 1000;
        if left > u32::MAX as u64 {
            u32::MAX
        } else {
            left as u32
        }
    }

    /// Whole seconds from this instant until `now`, rounded down; 0 when it lies ahead.
    #[must_use]
    pub const fn seconds_before(self, now: Self) -> Seconds {
        now.seconds_after(self)
    }
}
