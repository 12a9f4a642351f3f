//! `Tempo`: how fast the demo goes. What takes minutes in life has to be seen within seconds, and
//! how many seconds there are is up to whoever watches.

use std::time::Duration;

/// Longest and shortest time between the refreshes of a phone.
const SLOWEST: Duration = Duration::from_secs(2);
const FASTEST: Duration = Duration::from_millis(400);

/// Refreshes that a phone has time for in a demo of ordinary length.
const REFRESHES: u32 = 15;

/// Most REGISTERs that all phones send in a second: the demo is to be seen, not to be heard.
const REGISTERS_PER_SECOND: f64 = 5000.0;

/// Most phones that come up in a second, as far as a third of the time is enough for that, and the
/// shortest time in which all do.
const PHONES_PER_SECOND: f64 = 1000.0;
const SHORTEST_STORM: Duration = Duration::from_millis(500);
const STORM_SHARE: u32 = 3;

/// Shortest lifetime that a phone asks for: a machine that stops for a moment must not look like a
/// phone that is dead.
const SHORTEST_LIFE: u64 = 5;

/// The times of the demo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tempo {
    /// How long everything goes on.
    pub duration: Duration,
    /// Time in which all phones come up.
    pub storm: Duration,
    /// Time between the refreshes of a phone.
    pub refresh: Duration,
    /// Lifetime that a phone asks for, in seconds.
    pub expires: u64,
    /// Time between the beginnings of two calls.
    pub calls: Duration,
    /// How long a phone rings before it is answered.
    pub ring: Duration,
    /// How long a call lasts.
    pub talk: Duration,
}

impl Tempo {
    /// The times for a demo of this length with so many phones.
    #[must_use]
    pub fn of(duration: Duration, phones: usize) -> Self {
        let phones = phones as f64;
        let crowded = Duration::from_secs_f64(phones / REGISTERS_PER_SECOND);
        let refresh = (duration / REFRESHES).clamp(FASTEST, SLOWEST).max(crowded);
        let storm = Duration::from_secs_f64(phones / PHONES_PER_SECOND);
        Self {
            duration,
            storm: storm.min(duration / STORM_SHARE).max(SHORTEST_STORM),
            refresh,
            expires: (refresh * 4).as_secs().max(SHORTEST_LIFE),
            calls: refresh / 4,
            ring: refresh / 4,
            talk: refresh / 2,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phones_refresh_before_they_expire_however_long_it_takes() {
        for seconds in [3, 5, 30, 3600] {
            for phones in [1, 1000, 20_000] {
                let tempo = Tempo::of(Duration::from_secs(seconds), phones);
                let life = Duration::from_secs(tempo.expires);
                assert!(tempo.refresh * 2 < life, "{tempo:?}");
                assert!(phones as f64 / tempo.refresh.as_secs_f64() <= REGISTERS_PER_SECOND);
                assert!(tempo.ring + tempo.talk < tempo.refresh, "{tempo:?}");
            }
        }
    }

    #[test]
    fn an_ordinary_demo_refreshes_every_two_seconds() {
        let tempo = Tempo::of(Duration::from_secs(30), 1000);
        assert_eq!((tempo.refresh, tempo.expires), (SLOWEST, 8));
        assert_eq!(tempo.storm, Duration::from_secs(1));
    }
}
