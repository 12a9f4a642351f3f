//! `Clock`: the present as the engine wants it.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use engine::{Mono, Now, Wall};

/// Where the monotonic milliseconds of a process count from; one for all shards.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    origin: Instant,
}

impl Clock {
    /// A clock that begins now.
    #[must_use]
    pub fn start() -> Self {
        Self {
            origin: Instant::now(),
        }
    }

    /// The present.
    #[must_use]
    pub fn now(&self) -> Now {
        let wall = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Now {
            mono: self.mono(),
            wall: Wall(millis(wall)),
        }
    }

    /// The monotonic present.
    #[must_use]
    pub fn mono(&self) -> Mono {
        Mono(millis(self.origin.elapsed()))
    }

    /// An instant on this clock; one before its beginning counts as the beginning.
    #[must_use]
    pub fn at(&self, instant: Instant) -> Mono {
        Mono(millis(instant.saturating_duration_since(self.origin)))
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_and_the_present_lie_on_one_line() {
        let before = Instant::now();
        let clock = Clock::start();
        assert_eq!(clock.at(before), Mono(0));
        let later = Instant::now() + Duration::from_secs(3600);
        assert!(clock.at(later) > clock.mono());
        assert!(clock.now().wall > Wall(1_600_000_000_000));
    }
}
