//! What the service manager is told (sd_notify(3)): ready, reloading, stopping, alive, and how it goes.
//!
//! Without one, or if it does not listen, nothing is told and nobody minds.

use std::time::{Duration, Instant};

use sd_notify::NotifyState;
use tracing::debug;

/// Tells that midreg is alive, as often as the service manager wants to hear it.
#[derive(Debug)]
pub struct Watchdog {
    /// Time between two signs of life; `None` where nobody waits for them.
    every: Option<Duration>,
    last: Instant,
}

impl Watchdog {
    /// As the environment says.
    #[must_use]
    pub fn from_environment() -> Self {
        Self {
            // sd_watchdog_enabled(3): half of the time that is waited for one.
            every: sd_notify::watchdog_enabled().map(|patience| patience / 2),
            last: Instant::now(),
        }
    }

    /// Gives a sign of life if one is due and `is_well` says so within the time it is given.
    pub fn tend(&mut self, is_well: impl FnOnce(Duration) -> bool) {
        let Some(every) = self.every.filter(|every| self.last.elapsed() >= *every / 2) else {
            return;
        };
        if is_well(every / 2) {
            self.last = Instant::now();
            tell(&[NotifyState::Watchdog]);
        }
    }

    /// How long one may do something else at a time.
    #[must_use]
    pub fn patience(&self) -> Duration {
        self.every.map_or(Duration::MAX, |every| every / 2)
    }
}

/// Everything is served now.
pub fn ready(status: &str) {
    tell(&[NotifyState::Ready, NotifyState::Status(status)]);
}

/// The configuration is being read again; [`ready`] is told when that is over.
pub fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(error) => debug!(target: "main", %error, "no monotonic clock"),
    }
}

/// The end has begun.
pub fn stopping(status: &str) {
    tell(&[NotifyState::Stopping, NotifyState::Status(status)]);
}

/// How it goes, in one line.
pub fn status(status: &str) {
    tell(&[NotifyState::Status(status)]);
}

fn tell(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        debug!(target: "main", %error, "the service manager does not listen");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn due(every: Option<Duration>) -> Watchdog {
        let last = Instant::now();
        Watchdog { every, last }
    }

    #[test]
    fn a_sign_of_life_is_given_when_it_is_due_and_true() {
        let mut nobody = due(None);
        nobody.tend(|_| panic!("nobody wants to know"));
        assert_eq!(nobody.patience(), Duration::MAX);

        let mut early = due(Some(Duration::from_secs(3600)));
        early.tend(|_| panic!("it is not due"));

        let mut late = due(Some(Duration::ZERO));
        let before = late.last;
        late.tend(|_| false);
        assert_eq!(late.last, before, "who is not well gives no sign");
        late.tend(|_| true);
        assert!(late.last > before);
    }
}
