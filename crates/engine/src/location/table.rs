//! `Table`: the records and bindings of all slots of a shard.

use core::net::IpAddr;

use smallvec::SmallVec;

use crate::clock::Mono;
use crate::event::Trace;
use crate::flow::Flow;
use crate::ids::{AorHash, BindingId, LeaseId, PersistSeq, SLOTS, Slot};
use crate::limits;
use crate::location::binding::{Binding, Lease};
use crate::location::change::{Change, Op, Refresh, Registration};
use crate::location::flows::Flows;
use crate::location::place::{Place, Ref};
use crate::location::record::Record;
use crate::location::slot::SlotTable;
use crate::location::sources::Sources;
use crate::location::wheel::Wheel;
use crate::operator::walk::Cursor;

/// The records and bindings of all slots of a shard.
#[derive(Debug)]
pub struct Table {
    slots: Vec<SlotTable>,
    wheel: Wheel,
    sources: Sources,
    flows: Flows,
    records: usize,
    bindings: usize,
    reserved: usize,
}

impl Table {
    /// An empty table. `source_key` keys the hash over source addresses; addresses of bindings begin
    /// with this generation, another one at each start.
    #[must_use]
    pub fn new(now: Mono, source_key: (u64, u64), first_generation: u32) -> Self {
        let mut slots = Vec::new();
        slots.resize_with(usize::from(SLOTS), || SlotTable::new(first_generation));
        Self {
            slots,
            wheel: Wheel::new(now),
            sources: Sources::new(source_key),
            flows: Flows::new(source_key),
            records: 0,
            bindings: 0,
            reserved: 0,
        }
    }

    /// The record of an AoR.
    #[must_use]
    pub fn record(&self, aor: AorHash) -> Option<&Record> {
        self.slot(aor.slot())?.record(aor)
    }

    /// The bindings of an AoR, oldest first.
    pub fn bindings_of(&self, aor: AorHash) -> impl Iterator<Item = &Binding> {
        self.record(aor).into_iter().flat_map(Record::bindings)
    }

    /// A binding that this very flow was proved for.
    pub fn at_flow(&self, flow: &Flow) -> Option<&Binding> {
        let mut likely = self.flows.of(flow).filter_map(|place| {
            let slot = self.slot(place.slot())?;
            slot.at(place.slot(), place.index())
        });
        likely.find(|binding| binding.flow == *flow)
    }

    /// The bindings of an AoR that hang on a lease.
    pub fn sharing(&self, aor: AorHash, lease: LeaseId) -> impl Iterator<Item = BindingId> {
        self.bindings_of(aor)
            .filter(move |binding| binding.lease.id == lease)
            .map(|binding| binding.id)
    }

    /// A committed binding of which the AoR is known: spares a look at its place.
    #[must_use]
    pub fn binding_of(&self, aor: AorHash, id: BindingId) -> Option<&Binding> {
        self.record(aor)?.binding(id)
    }

    /// A committed binding.
    #[must_use]
    pub fn binding(&self, id: BindingId) -> Option<&Binding> {
        self.slot(id.slot)?.record_at(id)?.binding(id)
    }

    /// The AoR of a committed binding.
    #[must_use]
    pub fn owner(&self, id: BindingId) -> Option<AorHash> {
        Some(self.slot(id.slot)?.record_at(id)?.hash)
    }

    /// Reserves an address for a device to be; `None` when its slot is full.
    pub fn reserve(&mut self, slot: Slot) -> Option<BindingId> {
        let id = self.slot_mut(slot)?.reserve(slot)?;
        self.reserved += 1;
        Some(id)
    }

    /// Gives a reserved address back. A committed binding is left alone.
    pub fn release(&mut self, id: BindingId) {
        if self.slot_mut(id.slot).is_some_and(|slot| slot.release(id)) {
            self.reserved -= 1;
        }
    }

    /// Bindings that came from this address.
    #[must_use]
    pub fn from_source(&self, source: IpAddr) -> usize {
        self.sources.of(source)
    }

    /// Number of committed bindings.
    #[must_use]
    pub fn bindings(&self) -> usize {
        self.bindings
    }

    /// Number of AoRs with at least one.
    #[must_use]
    pub fn records(&self) -> usize {
        self.records
    }

    /// Number of bindings armed for expiry.
    #[must_use]
    pub fn armed(&self) -> usize {
        self.wheel.len()
    }

    /// Shows `most` bindings from a cursor on, in the order of their places, looking at a bounded
    /// number of these. Where to go on; `None` at the end.
    pub(crate) fn page(
        &self,
        from: Cursor,
        most: usize,
        mut show: impl FnMut(&Record, &Binding),
    ) -> Option<Cursor> {
        let Cursor {
            mut slot,
            mut index,
        } = from;
        let (mut looks, mut left) = (limits::PLACES_PER_PAGE, most);
        loop {
            let table = self.slot(slot)?;
            if index as usize >= table.places() {
                (slot, index) = (Slot(slot.0.checked_add(1)?), 0);
                continue;
            }
            if left == 0 || looks == 0 {
                return Some(Cursor { slot, index });
            }
            looks -= 1;
            if let Some((record, binding)) = table.held_at(slot, index) {
                left -= 1;
                show(record, binding);
            }
            index = index.checked_add(1)?;
        }
    }

    /// Applies a change. A removed binding is handed back: its lease must be given back by whoever
    /// removed it, and its address stays reserved until [`Self::release`].
    pub fn apply(&mut self, change: Change) -> Option<Box<Binding>> {
        match change.op {
            Op::Register(registration) => self.register(*registration),
            Op::Refresh(refresh) => self.refresh(&refresh),
            Op::Remove { binding, .. } => return self.remove(binding),
            Op::Renew { aor, lease } => self.renew(aor, lease),
            Op::Spent {
                binding,
                lease,
                cseq,
            } => {
                if let Some(held) = self.binding_mut(binding)
                    && held.lease.id == lease
                {
                    held.lease.cseq = held.lease.cseq.max(cseq);
                }
            }
            Op::Distrust { binding } => {
                if let Some(held) = self.binding_mut(binding) {
                    held.lease.epoch = 0;
                }
            }
            // It is the nodes' own (`Peers`).
            Op::Epoch { .. } => {}
        }
        None
    }

    /// Applies a change of a former run: bindings get the addresses that they had.
    pub(crate) fn replay(&mut self, change: Change) {
        if let Op::Register(registration) = &change.op {
            let id = registration.binding;
            if self.binding(id).is_none() {
                self.vacate(id);
                let slot = self.slot_mut(id.slot);
                if !slot.is_some_and(|slot| slot.restore(id)) {
                    return;
                }
                self.reserved += 1;
            }
        }
        if let Some(removed) = self.apply(change) {
            self.release(removed.id);
        }
    }

    /// Frees a place of which the store knows a former owner only: his removal was lost, but it
    /// was given to another.
    fn vacate(&mut self, id: BindingId) {
        let held = self
            .slot(id.slot)
            .and_then(|slot| slot.at(id.slot, id.index));
        if let Some(former) = held.map(|binding| binding.id) {
            self.remove(former);
            self.release(former);
        }
    }

    /// Lets the CSeqs of all leases leap ahead, once all of a former run has been replayed. Hands back
    /// the bindings that were behind others of their lease.
    pub(crate) fn leap(&mut self, by: impl Fn(&Lease) -> u32) -> Vec<BindingId> {
        let slots = self.slots.iter_mut();
        let records = slots.flat_map(|slot| slot.records_mut());
        records.flat_map(|record| record.leap(&by)).collect()
    }

    /// Changes every binding, once all of a former run has been replayed, and arms it anew. Hands
    /// back those of which `live` says no.
    pub(crate) fn revive(&mut self, mut live: impl FnMut(&mut Binding) -> bool) -> Vec<BindingId> {
        let slots = self.slots.iter_mut();
        let records = slots.flat_map(|slot| slot.records_mut());
        let verdicts: Vec<(BindingId, Option<Mono>)> = records
            .flat_map(Record::bindings_mut)
            .map(|binding| (binding.id, live(binding).then(|| binding.ends_at())))
            .collect();
        let mut dead = Vec::new();
        for (id, ends_at) in verdicts {
            match ends_at {
                Some(at) => self.rearm(id, at),
                None => dead.push(id),
            }
        }
        dead
    }

    /// Keeps a decision for `explain`. Not a change: it promises nothing.
    pub(crate) fn note(&mut self, aor: AorHash, id: BindingId, trace: Trace) {
        if let Some(binding) = self.binding_of_mut(aor, id) {
            binding.note(trace);
        }
    }

    /// Tells the newest of them anew, now that more is known of it.
    pub(crate) fn amend(&mut self, aor: AorHash, id: BindingId, trace: Trace) {
        let held = self.binding_of_mut(aor, id);
        if let Some(newest) = held.and_then(|binding| binding.history.first_mut()) {
            *newest = trace;
        }
    }

    /// Replies about this binding wait for this batch from now on.
    pub(crate) fn wait_for(&mut self, id: BindingId, seq: PersistSeq) {
        if let Some(binding) = self.binding_mut(id) {
            binding.pending = binding.pending.max(seq);
        }
    }

    /// A binding that waited for a batch which the store did not keep is lost to it, so that the
    /// next REGISTER goes upstream and writes it anew. One that a later batch writes is not. Whether
    /// it was lost.
    pub(crate) fn lose(&mut self, id: BindingId, seq: PersistSeq) -> bool {
        let held = self.binding_mut(id);
        let lost = held.filter(|binding| binding.pending == seq);
        lost.map(Binding::lose).is_some()
    }

    /// As [`Self::lose`] for whoever waited for it. Looks at all bindings.
    pub(crate) fn lose_all(&mut self, seq: PersistSeq) {
        let records = self.slots.iter_mut().flat_map(SlotTable::records_mut);
        for binding in records.flat_map(Record::bindings_mut) {
            if binding.pending == seq {
                binding.lose();
            }
        }
    }

    /// When [`Self::take_due`] has something to look at.
    #[must_use]
    pub fn next_due(&self) -> Option<Mono> {
        self.wheel.next()
    }

    /// Bindings whose promise has run out, at most `budget` looked at. They are disarmed: the
    /// caller removes them or arms them again with [`Self::rearm`].
    pub fn take_due(&mut self, now: Mono, budget: usize) -> SmallVec<[BindingId; 16]> {
        let mut due = SmallVec::new();
        for _ in 0..budget {
            let Some(bucket) = self.wheel.due(now) else {
                break;
            };
            let Some(first) = self.wheel.head(bucket) else {
                break;
            };
            let held = self
                .slot(first.slot())
                .and_then(|slot| slot.at(first.slot(), first.index()));
            let held = held.map(|binding| (binding.id, binding.ends_at()));
            self.unlink(first);
            match held {
                Some((id, ends_at)) if ends_at <= now => due.push(id),
                Some((id, ends_at)) => self.link(id, ends_at),
                None => debug_assert!(false, "an empty place in the wheel"),
            }
        }
        due
    }

    /// Arms a binding that [`Self::take_due`] handed out, for a later look.
    pub fn rearm(&mut self, id: BindingId, at: Mono) {
        if self.binding(id).is_some() {
            self.disarm(id);
            self.link(id, at);
        }
    }

    fn register(&mut self, registration: Registration) {
        let (id, aor) = (registration.binding, registration.aor_hash);
        let expires_at = registration.expires_at;
        let flow = registration.flow;
        let old = self.binding_of(aor, id).map(|binding| binding.flow);
        let Some(slot) = self.slots.get_mut(usize::from(id.slot.0)) else {
            return;
        };
        let records = slot.len();
        if !slot.put(registration) {
            debug_assert!(false, "a binding without a place");
            return;
        }
        self.records += slot.len() - records;
        match old {
            Some(old) => {
                self.sources.uncount(old.remote.ip());
                self.part_from(&old, id);
            }
            None => {
                self.bindings += 1;
                self.reserved = self.reserved.saturating_sub(1);
            }
        }
        self.sources.count(flow.remote.ip());
        self.join_with(&flow, id);
        // A shorter promise than the armed one must be seen in time; a longer one is found then.
        self.disarm(id);
        self.link(id, expires_at);
    }

    fn refresh(&mut self, refresh: &Refresh) {
        let Some(binding) = self.binding_of_mut(refresh.aor, refresh.binding) else {
            return;
        };
        let shortened = refresh.expires_at < binding.expires_at;
        binding.stamp = refresh.stamp;
        binding.asked = refresh.asked;
        binding.granted = refresh.granted;
        binding.expires_at = refresh.expires_at;
        let old = core::mem::replace(&mut binding.flow, refresh.flow);
        debug_assert_eq!(old.remote.ip(), refresh.flow.remote.ip());
        if old != refresh.flow {
            self.part_from(&old, refresh.binding);
            self.join_with(&refresh.flow, refresh.binding);
        }
        if shortened {
            self.rearm(refresh.binding, refresh.expires_at);
        }
    }

    fn join_with(&mut self, flow: &Flow, id: BindingId) {
        if let Some(place) = Ref::new(id.slot, id.index) {
            self.flows.add(flow, place);
        }
    }

    fn part_from(&mut self, flow: &Flow, id: BindingId) {
        if let Some(place) = Ref::new(id.slot, id.index) {
            self.flows.remove(flow, place);
        }
    }

    fn renew(&mut self, aor: AorHash, lease: Lease) {
        let Some(slot) = self.slot_mut(aor.slot()) else {
            return;
        };
        let sharing = slot
            .record_mut(aor)
            .into_iter()
            .flat_map(Record::bindings_mut)
            .filter(|binding| binding.lease.id == lease.id);
        let mut shortened: SmallVec<[BindingId; 4]> = SmallVec::new();
        for binding in sharing {
            // What the store has lost must be written anew before it is trusted again.
            let epoch = if binding.is_lost() { 0 } else { lease.epoch };
            binding.lease = Lease { epoch, ..lease };
            if binding.ends_at() < binding.expires_at {
                shortened.push(binding.id);
            }
        }
        for id in shortened {
            self.rearm(id, lease.carries_until());
        }
    }

    fn remove(&mut self, id: BindingId) -> Option<Box<Binding>> {
        self.binding(id)?;
        self.disarm(id);
        let slot = self.slots.get_mut(usize::from(id.slot.0))?;
        let records = slot.len();
        let binding = slot.take(id)?;
        self.records -= records - slot.len();
        self.bindings = self.bindings.saturating_sub(1);
        self.reserved += 1;
        self.sources.uncount(binding.flow.remote.ip());
        self.part_from(&binding.flow, id);
        Some(binding)
    }

    fn link(&mut self, id: BindingId, at: Mono) {
        let Some(this) = Ref::new(id.slot, id.index) else {
            return;
        };
        let bucket = self.wheel.bucket_for(at);
        let next = self.wheel.head(bucket);
        if let Some(place) = self.place_mut(this) {
            place.previous = None;
            place.next = next;
            place.bucket = Some(bucket);
        }
        if let Some(after) = next.and_then(|next| self.place_mut(next)) {
            after.previous = Some(this);
        }
        self.wheel.set_head(bucket, Some(this));
        self.wheel.linked();
    }

    fn disarm(&mut self, id: BindingId) {
        if let Some(this) = Ref::new(id.slot, id.index) {
            self.unlink(this);
        }
    }

    fn unlink(&mut self, this: Ref) {
        let Some(place) = self.place_mut(this) else {
            return;
        };
        let Some(bucket) = place.bucket.take() else {
            return;
        };
        let (previous, next) = (place.previous.take(), place.next.take());
        match previous.and_then(|previous| self.place_mut(previous)) {
            Some(before) => before.next = next,
            None => self.wheel.set_head(bucket, next),
        }
        if let Some(after) = next.and_then(|next| self.place_mut(next)) {
            after.previous = previous;
        }
        self.wheel.unlinked();
    }

    fn place_mut(&mut self, at: Ref) -> Option<&mut Place> {
        self.slot_mut(at.slot())?.place_mut(at.index())
    }

    fn slot(&self, slot: Slot) -> Option<&SlotTable> {
        self.slots.get(usize::from(slot.0))
    }

    fn slot_mut(&mut self, slot: Slot) -> Option<&mut SlotTable> {
        self.slots.get_mut(usize::from(slot.0))
    }

    fn binding_of_mut(&mut self, aor: AorHash, id: BindingId) -> Option<&mut Binding> {
        self.slot_mut(aor.slot())?.record_mut(aor)?.binding_mut(id)
    }

    fn binding_mut(&mut self, id: BindingId) -> Option<&mut Binding> {
        self.slot_mut(id.slot)?.binding_mut(id)
    }

    /// Panics where the table contradicts itself; for debug builds and tests.
    pub fn check_invariants(&self) {
        let records: usize = self.slots.iter().map(SlotTable::len).sum();
        let bindings: usize = self.slots.iter().map(SlotTable::check_invariants).sum();
        assert_eq!(records, self.records, "records are miscounted");
        assert_eq!(bindings, self.bindings, "bindings are miscounted");
        assert_eq!(
            self.wheel.len(),
            self.bindings,
            "a binding is not armed exactly once"
        );
        assert_eq!(
            self.sources.total(),
            self.bindings,
            "sources are miscounted"
        );
        assert!(self.flows.len() <= self.bindings, "flows of nobody");
    }

    /// Places that are reserved for registrations under way or leases being given back.
    #[must_use]
    pub fn reserved(&self) -> usize {
        self.reserved
    }
}

#[cfg(test)]
mod tests;
