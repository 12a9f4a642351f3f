//! `Tombstones`: the last words of devices that left (R8), kept for a transaction's life, so that
//! a late duplicate of an earlier REGISTER does not raise a device from the dead.

use std::collections::VecDeque;

use hashbrown::HashTable;

use crate::clock::Mono;
use crate::flow::Flow;
use crate::ids::AorHash;
use crate::limits;
use crate::location::Stamp;

/// Departed devices.
#[derive(Debug, Default)]
pub(crate) struct Tombstones {
    stones: HashTable<Stone>,
    /// In the order they were set, with what finds them in the table.
    order: VecDeque<(Mono, u64)>,
}

#[derive(Debug)]
struct Stone {
    aor: AorHash,
    call_id: u64,
    cseq: u32,
    /// Where its last words came from.
    from: Flow,
    until: Mono,
}

impl Tombstones {
    /// A device left with this request, which came by `from`. With too many the oldest is forgotten.
    pub(crate) fn bury(&mut self, now: Mono, aor: AorHash, (last, from): (Stamp, Flow)) {
        self.sweep(now);
        if self.order.len() >= limits::TOMBSTONES
            && let Some((until, call_id)) = self.order.pop_front()
        {
            self.forget(until, call_id);
        }
        let until = now.plus(limits::TOMBSTONE_LIFE);
        let stone = Stone {
            aor,
            call_id: last.call_id,
            cseq: last.cseq,
            from,
            until,
        };
        self.stones
            .insert_unique(last.call_id, stone, |stone| stone.call_id);
        self.order.push_back((until, last.call_id));
    }

    /// Whether this request was sent before its device's last words.
    pub(crate) fn is_late(&self, now: Mono, aor: AorHash, stamp: Stamp) -> bool {
        let covers = |stone: &Stone| {
            stone.call_id == stamp.call_id
                && stone.aor == aor
                && stamp.cseq <= stone.cseq
                && stone.until > now
        };
        self.stones.find(stamp.call_id, covers).is_some()
    }

    /// Whether this request's device has left since it sent it.
    pub(crate) fn is_overtaken(&self, now: Mono, aor: AorHash, stamp: Stamp) -> bool {
        let later = Stamp {
            cseq: stamp.cseq.saturating_add(1),
            ..stamp
        };
        self.is_late(now, aor, later)
    }

    /// Whether this request is the very one by which a device left, or a copy of it.
    pub(crate) fn is_last_word(
        &self,
        now: Mono,
        aor: AorHash,
        (last, from): (Stamp, Flow),
    ) -> bool {
        let repeats = |stone: &Stone| {
            stone.call_id == last.call_id
                && stone.aor == aor
                && stone.cseq == last.cseq
                && stone.from == from
                && stone.until > now
        };
        self.stones.find(last.call_id, repeats).is_some()
    }

    /// Forgets those whose time is over.
    pub(crate) fn sweep(&mut self, now: Mono) {
        while let Some(&(until, call_id)) = self.order.front()
            && until <= now
        {
            self.order.pop_front();
            self.forget(until, call_id);
        }
    }

    /// When the next is to be forgotten.
    pub(crate) fn next_deadline(&self) -> Option<Mono> {
        self.order.front().map(|(until, _)| *until)
    }

    fn forget(&mut self, until: Mono, call_id: u64) {
        let oldest = |stone: &Stone| stone.call_id == call_id && stone.until == until;
        if let Ok(entry) = self.stones.find_entry(call_id, oldest) {
            entry.remove();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flow(port: u16) -> Flow {
        let remote = core::net::SocketAddr::from(([192, 0, 2, 1], port));
        Flow::udp(crate::flow::ListenerId(0), remote)
    }

    #[test]
    fn r8_last_words_are_known_again_from_where_they_came() {
        let mut stones = Tombstones::default();
        stones.bury(Mono(0), AorHash(1), (stamp(7, 5), flow(1)));
        let is = |cseq, port| {
            stones.is_last_word(Mono(31_999), AorHash(1), (stamp(7, cseq), flow(port)))
        };
        assert!(is(5, 1));
        assert!(!is(4, 1));
        assert!(!is(5, 2));
    }

    fn stamp(call_id: u64, cseq: u32) -> Stamp {
        Stamp {
            call_id,
            from_tag: 0,
            branch: 0,
            cseq,
        }
    }

    #[test]
    fn r8_a_late_duplicate_is_recognised_for_32_seconds() {
        let mut stones = Tombstones::default();
        stones.bury(Mono(0), AorHash(1), (stamp(7, 5), flow(1)));
        assert!(stones.is_late(Mono(31_999), AorHash(1), stamp(7, 5)));
        assert!(stones.is_late(Mono(0), AorHash(1), stamp(7, 4)));
        assert!(!stones.is_late(Mono(0), AorHash(1), stamp(7, 6)));
        assert!(!stones.is_late(Mono(0), AorHash(1), stamp(8, 4)));
        assert!(!stones.is_late(Mono(0), AorHash(2), stamp(7, 4)));
        assert!(!stones.is_late(Mono(32_000), AorHash(1), stamp(7, 5)));
        stones.sweep(Mono(32_000));
        assert_eq!(stones.next_deadline(), None);
    }
}
