//! `Flows`: which bindings a flow was proved for, whatever AoR its requests name.

use core::hash::Hasher;
use core::net::IpAddr;

use hashbrown::HashTable;
use siphasher::sip::SipHasher13;

use crate::flow::Flow;
use crate::location::place::Ref;

/// Tables that the index is dealt over, so that none of them grows in a long stall.
const PARTS: usize = 256;

/// Bindings that are found by one flow. One device has no more; whoever speaks for a crowd by one flow
/// must not make the index slow, and one of the crowd is as good as another.
const PER_FLOW: usize = 8;

/// Bindings by flow. The hash is keyed, because addresses are a stranger's choice.
#[derive(Debug)]
pub(super) struct Flows {
    parts: Vec<HashTable<Entry>>,
    key: (u64, u64),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry {
    /// Lower half of the flow's hash.
    mark: u32,
    place: Ref,
}

impl Flows {
    /// None yet.
    pub(super) fn new(key: (u64, u64)) -> Self {
        let mut parts = Vec::new();
        parts.resize_with(PARTS, HashTable::new);
        Self { parts, key }
    }

    /// Where the bindings are that may be those of a flow; nearly always they are.
    pub(super) fn of(&self, flow: &Flow) -> impl Iterator<Item = Ref> {
        let (part, mark) = self.home(flow);
        let part = self.parts.get(part).into_iter();
        let found = part.flat_map(move |part| part.iter_hash(spread(mark)));
        let found = found.filter(move |entry| entry.mark == mark);
        found.map(|entry| entry.place)
    }

    /// A flow is that of the binding at this place.
    pub(super) fn add(&mut self, flow: &Flow, place: Ref) {
        let (part, mark) = self.home(flow);
        if let Some(part) = self.parts.get_mut(part) {
            let entry = Entry { mark, place };
            let alike = part.iter_hash(spread(mark));
            if alike.filter(|other| other.mark == mark).count() >= PER_FLOW {
                return;
            }
            part.insert_unique(spread(mark), entry, |entry| spread(entry.mark));
        }
    }

    /// A flow is that of the binding at this place no more.
    pub(super) fn remove(&mut self, flow: &Flow, place: Ref) {
        let (part, mark) = self.home(flow);
        let gone = Entry { mark, place };
        if let Some(part) = self.parts.get_mut(part)
            && let Ok(entry) = part.find_entry(spread(mark), |entry| *entry == gone)
        {
            entry.remove();
        }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.parts.iter().map(HashTable::len).sum()
    }

    fn home(&self, flow: &Flow) -> (usize, u32) {
        let mut hasher = SipHasher13::new_with_keys(self.key.0, self.key.1);
        match flow.remote.ip() {
            IpAddr::V4(v4) => hasher.write(&v4.octets()),
            IpAddr::V6(v6) => hasher.write(&v6.octets()),
        }
        hasher.write_u16(flow.remote.port());
        hasher.write_u32(flow.connection.0);
        hasher.write_u32(flow.origin);
        let hash = hasher.finish();
        ((hash >> 32) as usize % PARTS, hash as u32)
    }
}

/// Both ends of a hash are looked at by the table.
const fn spread(mark: u32) -> u64 {
    (mark as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::ListenerId;
    use crate::ids::Slot;

    #[test]
    fn a_flow_has_the_bindings_that_were_added() {
        let flow = |port| Flow::udp(ListenerId(0), ([192, 0, 2, 1], port).into());
        let binding = |index| Ref::new(Slot(1), index).unwrap();
        let mut flows = Flows::new((1, 2));
        for index in 0..1000 {
            flows.add(&flow(5000 + index as u16 / 2), binding(index));
        }
        let two: Vec<Ref> = flows.of(&flow(5010)).collect();
        assert_eq!(two.len(), 2);
        assert!(two.contains(&binding(20)) && two.contains(&binding(21)));
        flows.remove(&flow(5010), binding(20));
        flows.remove(&flow(5010), binding(22));
        assert_eq!(flows.of(&flow(5010)).count(), 1);
        assert_eq!(flows.of(&flow(4999)).count(), 0);
        assert_eq!(flows.len(), 999);
    }

    #[test]
    fn a_crowd_behind_one_flow_does_not_make_it_slow() {
        let flow = Flow::udp(ListenerId(0), ([192, 0, 2, 1], 5060).into());
        let mut flows = Flows::new((1, 2));
        for index in 0..100_000 {
            flows.add(&flow, Ref::new(Slot(1), index).unwrap());
        }
        assert_eq!((flows.of(&flow).count(), flows.len()), (PER_FLOW, PER_FLOW));
        for index in 0..100_000 {
            flows.remove(&flow, Ref::new(Slot(1), index).unwrap());
        }
        assert_eq!(flows.len(), 0);
    }
}
