//! `Timers`: what falls due when, and why.
//!
//! A binary heap ordered by deadline, first armed first among equals. Cancelling is lazy: it bumps the
//! generation of the timer's slot, and the heap entry of an older generation is skipped when it
//! surfaces. Two invariants keep that honest:
//!
//! * the top of the heap is never a cancelled entry, so [`Timers::next_deadline`] is exact;
//! * cancelled entries never outnumber live ones by more than [`SLACK`], and the heap gives back what
//!   it has not needed for long, so memory follows the number of *live* timers; but for the eight
//!   bytes of a slot, which follow their peak.

use core::cmp::Ordering;
use std::collections::BinaryHeap;

use crate::clock::Mono;
use crate::spare;

/// Cancelled entries tolerated beyond the number of live ones, so that small heaps are left alone.
const SLACK: usize = 64;

/// Armed timers, each with the reason `K` why it was armed.
#[derive(Debug)]
pub(crate) struct Timers<K> {
    heap: BinaryHeap<Entry<K>>,
    /// Current generation of each slot; an entry is live while its own equals it.
    generations: Vec<u32>,
    free: Vec<u32>,
    armed: u64,
}

/// Names one armed timer. It outlives the timer harmlessly: a token of a timer that fired or was
/// cancelled names nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TimerToken {
    slot: u32,
    generation: u32,
}

#[derive(Debug)]
struct Entry<K> {
    deadline: Mono,
    /// Breaks ties: what was armed first fires first.
    sequence: u64,
    token: TimerToken,
    why: K,
}

impl<K> Timers<K> {
    /// No timers.
    pub(crate) const fn new() -> Self {
        Self {
            heap: BinaryHeap::new(),
            generations: Vec::new(),
            free: Vec::new(),
            armed: 0,
        }
    }

    /// Lets `why` fall due at `deadline`.
    pub(crate) fn arm(&mut self, deadline: Mono, why: K) -> TimerToken {
        let token = self.take_slot();
        self.armed += 1;
        self.heap.push(Entry {
            deadline,
            sequence: self.armed,
            token,
            why,
        });
        token
    }

    /// Forgets a timer; whether there was one to forget.
    pub(crate) fn cancel(&mut self, token: TimerToken) -> bool {
        if !self.is_armed(token) {
            return false;
        }
        self.release(token);
        self.drop_cancelled_top();
        if self.cancelled() > self.live() + SLACK {
            self.compact();
        }
        self.give_back();
        true
    }

    /// When the next timer falls due.
    pub(crate) fn next_deadline(&self) -> Option<Mono> {
        self.heap.peek().map(|entry| entry.deadline)
    }

    /// Takes the earliest timer that is due at `now`, and says why it was armed.
    pub(crate) fn pop_due(&mut self, now: Mono) -> Option<K> {
        if self.next_deadline()? > now {
            return None;
        }
        let entry = self.heap.pop()?;
        debug_assert!(self.is_armed(entry.token), "a cancelled timer on top");
        self.release(entry.token);
        self.drop_cancelled_top();
        self.give_back();
        Some(entry.why)
    }

    /// Whether this timer has neither fired nor been cancelled.
    pub(crate) fn is_armed(&self, token: TimerToken) -> bool {
        self.generations.get(token.slot as usize) == Some(&token.generation)
    }

    /// Entries held, lazily cancelled ones included.
    pub(crate) fn len(&self) -> usize {
        self.heap.len()
    }

    /// Timers that will fire.
    pub(crate) fn live(&self) -> usize {
        self.generations.len() - self.free.len()
    }

    fn cancelled(&self) -> usize {
        self.heap.len() - self.live()
    }

    fn take_slot(&mut self) -> TimerToken {
        if let Some(slot) = self.free.pop() {
            let generation = self
                .generations
                .get(slot as usize)
                .copied()
                .unwrap_or_default();
            return TimerToken { slot, generation };
        }
        let slot = u32::try_from(self.generations.len()).unwrap_or(u32::MAX);
        debug_assert!(slot != u32::MAX, "more timers than any table allows");
        self.generations.push(0);
        TimerToken {
            slot,
            generation: 0,
        }
    }

    fn release(&mut self, token: TimerToken) {
        if let Some(generation) = self.generations.get_mut(token.slot as usize) {
            *generation = generation.wrapping_add(1);
            self.free.push(token.slot);
        }
    }

    fn drop_cancelled_top(&mut self) {
        while self
            .heap
            .peek()
            .is_some_and(|entry| !self.is_armed(entry.token))
        {
            self.heap.pop();
        }
    }

    fn compact(&mut self) {
        let generations = &self.generations;
        self.heap.retain(|entry| {
            generations.get(entry.token.slot as usize) == Some(&entry.token.generation)
        });
        debug_assert_eq!(self.cancelled(), 0);
    }

    fn give_back(&mut self) {
        if let Some(capacity) = spare::shrunk(self.heap.len(), self.heap.capacity()) {
            self.heap.shrink_to(capacity);
        }
    }
}

impl<K> Ord for Entry<K> {
    /// Reversed, because the heap yields its greatest and the earliest is wanted.
    fn cmp(&self, other: &Self) -> Ordering {
        (other.deadline, other.sequence).cmp(&(self.deadline, self.sequence))
    }
}

impl<K> PartialOrd for Entry<K> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<K> PartialEq for Entry<K> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl<K> Eq for Entry<K> {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fires_in_order_of_deadline_then_of_arming() {
        let mut timers = Timers::new();
        timers.arm(Mono(20), 'c');
        timers.arm(Mono(10), 'a');
        timers.arm(Mono(10), 'b');
        assert_eq!(timers.next_deadline(), Some(Mono(10)));
        assert_eq!(timers.pop_due(Mono(9)), None);
        assert_eq!(timers.pop_due(Mono(10)), Some('a'));
        assert_eq!(timers.pop_due(Mono(10)), Some('b'));
        assert_eq!(timers.pop_due(Mono(10)), None);
        assert_eq!(timers.pop_due(Mono::NEVER), Some('c'));
        assert_eq!(
            (timers.len(), timers.live(), timers.next_deadline()),
            (0, 0, None)
        );
    }

    #[test]
    fn a_cancelled_timer_never_fires_nor_shows_as_the_next() {
        let mut timers = Timers::new();
        let first = timers.arm(Mono(10), 'a');
        let middle = timers.arm(Mono(20), 'b');
        timers.arm(Mono(30), 'c');
        assert!(timers.cancel(middle));
        assert_eq!(timers.next_deadline(), Some(Mono(10)));
        assert!(timers.cancel(first));
        assert_eq!(timers.next_deadline(), Some(Mono(30)));
        assert_eq!(timers.live(), 1);
        assert_eq!(timers.pop_due(Mono(30)), Some('c'));
        assert_eq!(timers.pop_due(Mono::NEVER), None);
    }

    #[test]
    fn a_stale_token_names_nothing_even_when_its_slot_is_reused() {
        let mut timers = Timers::new();
        let old = timers.arm(Mono(1), 'a');
        assert_eq!(timers.pop_due(Mono(1)), Some('a'));
        let new = timers.arm(Mono(2), 'b');
        assert!(!timers.cancel(old));
        assert!(timers.is_armed(new));
        assert!(timers.cancel(new));
        assert!(!timers.cancel(new));
        assert_eq!(timers.live(), 0);
    }

    #[test]
    fn memory_follows_the_live_timers() {
        let mut timers = Timers::new();
        timers.arm(Mono(0), 0);
        for round in 1..=100_000_u64 {
            let token = timers.arm(Mono(1000 + round), round);
            timers.cancel(token);
            assert!(timers.len() <= 2 * timers.live() + SLACK);
        }
        assert_eq!(timers.live(), 1);
        assert!(timers.generations.len() <= 2, "slots are reused");
        assert_eq!(timers.pop_due(Mono::NEVER), Some(0));
        assert_eq!(timers.len(), 0, "nothing stays behind the last live one");
    }

    #[test]
    fn after_a_storm_the_heap_gives_its_memory_back() {
        let mut timers = Timers::new();
        let storm: Vec<_> = (0..10_000_u64).map(|i| timers.arm(Mono(i), i)).collect();
        for (token, i) in storm.into_iter().zip(0_u64..) {
            match i % 2 {
                0 => assert!(timers.cancel(token)),
                _ => assert_eq!(timers.pop_due(Mono(i)), Some(i)),
            }
        }
        assert_eq!((timers.live(), timers.len()), (0, 0));
        assert!(timers.heap.capacity() <= 4 * SLACK);
    }

    #[test]
    fn compaction_keeps_every_live_timer_in_order() {
        let mut timers = Timers::new();
        let tokens: Vec<_> = (0..1000_u64)
            .map(|i| (i, timers.arm(Mono(i * 7 % 1000), i)))
            .collect();
        for (i, token) in tokens {
            if i % 5 != 0 {
                assert!(timers.cancel(token));
            }
        }
        assert_eq!(timers.live(), 200);
        assert!(timers.len() <= 2 * 200 + SLACK);
        let mut fired: Vec<u64> = core::iter::from_fn(|| timers.pop_due(Mono::NEVER)).collect();
        assert!(fired.is_sorted_by_key(|i| i * 7 % 1000));
        fired.sort_unstable();
        assert_eq!(fired, (0..1000).step_by(5).collect::<Vec<_>>());
    }
}
