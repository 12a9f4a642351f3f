//! `Repeat`: when a message that nobody answers is sent again, and when it is given up (RFC 3261
//! §17.1.2.2).

use std::time::{Duration, Instant};

/// Retransmission interval at first and at most, and when it is given up: T1, T2 and timer F.
const T1: Duration = Duration::from_millis(500);
const T2: Duration = Duration::from_secs(4);
pub(super) const TIMER_F: Duration = Duration::from_secs(32);

/// The repetitions of one message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Repeat {
    since: Instant,
    at: Instant,
    interval: Duration,
}

impl Repeat {
    /// It was sent for the first time.
    pub(super) fn begin(now: Instant) -> Self {
        Self {
            since: now,
            at: now + T1,
            interval: T1,
        }
    }

    /// When it is to be sent again.
    pub(super) fn at(&self) -> Instant {
        self.at
    }

    /// Whether it was repeated long enough.
    pub(super) fn is_over(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.since) >= TIMER_F
    }

    /// It was sent once more.
    pub(super) fn next(&mut self, now: Instant) {
        self.interval = (self.interval * 2).min(T2);
        self.at = now + self.interval;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_double_up_to_t2_and_end_after_timer_f() {
        let start = Instant::now();
        let mut repeat = Repeat::begin(start);
        let mut sent = Vec::new();
        while !repeat.is_over(repeat.at()) {
            let now = repeat.at();
            sent.push(now.saturating_duration_since(start).as_millis());
            repeat.next(now);
        }
        assert_eq!(
            sent,
            [
                500, 1500, 3500, 7500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500
            ]
        );
    }
}
