//! `Retransmits`: when unanswered requests are sent again, and when they are given up. The delays are those of
//! Timer E (RFC 3261 §17.1.2.2: T1, doubling) cut after the third repetition, so that a phase against a dead
//! target ends. One queue per delay: entries of a queue fall due in the order they came, nothing is sorted.

use std::collections::VecDeque;

use crate::template::RequestId;

/// Nanoseconds from each transmission to the next; after the last the request counts as lost.
const DELAYS_NS: [u64; 4] = [500_000_000, 1_000_000_000, 2_000_000_000, 4_000_000_000];

/// The armed timers of all outstanding requests.
#[derive(Default)]
pub(super) struct Retransmits {
    queues: [VecDeque<(u64, RequestId)>; DELAYS_NS.len()],
}

/// A timer that has fired.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Due {
    /// The request it was armed for, answered or not.
    pub(super) id: RequestId,
    /// What is to be done if it is still unanswered.
    pub(super) step: Step,
}

/// What a fired timer asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Step {
    /// Send again and arm with this number of transmissions made.
    Repeat(usize),
    /// Give up.
    Lost,
}

impl Retransmits {
    /// Arms the timer of a request of which `repeats` repetitions have been sent, the last one at `now`.
    pub(super) fn arm(&mut self, id: RequestId, repeats: usize, now: u64) {
        let level = repeats.min(DELAYS_NS.len() - 1);
        self.queues[level].push_back((now + DELAYS_NS[level], id));
    }

    /// Takes out one timer that is due at `now`.
    pub(super) fn pop(&mut self, now: u64) -> Option<Due> {
        for (level, queue) in self.queues.iter_mut().enumerate() {
            if queue.front().is_some_and(|(due, _)| *due <= now) {
                let (_, id) = queue.pop_front()?;
                let step = if level + 1 < DELAYS_NS.len() {
                    Step::Repeat(level + 1)
                } else {
                    Step::Lost
                };
                return Some(Due { id, step });
            }
        }
        None
    }

    /// When the next timer fires.
    pub(super) fn next_due(&self) -> Option<u64> {
        self.queues
            .iter()
            .filter_map(|queue| queue.front())
            .map(|(due, _)| *due)
            .min()
    }

    /// Forgets all timers.
    pub(super) fn clear(&mut self) {
        self.queues.iter_mut().for_each(VecDeque::clear);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_repetitions_then_lost() {
        let id = RequestId {
            device: 1,
            serial: 9,
        };
        let mut timers = Retransmits::default();
        timers.arm(id, 0, 0);
        assert_eq!(timers.pop(499_999_999), None);
        let mut steps = Vec::new();
        while let Some(now) = timers.next_due() {
            let due = timers.pop(now).unwrap();
            assert_eq!(due.id, id);
            steps.push(now / 1_000_000);
            if let Step::Repeat(repeats) = due.step {
                timers.arm(id, repeats, now);
            }
        }
        assert_eq!(steps, [500, 1500, 3500, 7500]);
    }
}
