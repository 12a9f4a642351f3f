//! Bindings that end here, and what that means upstream (R8, R9).

use crate::clock::Now;
use crate::core::Core;
use crate::event::{Event, RemovalCause};
use crate::ids::{BindingId, PersistSeq};
use crate::location::{Change, Op};
use crate::output::Outbox;
use crate::registrar::answer::{Delivery, answer};
use crate::registrar::release;
use crate::registrar::request::RegisterRequest;

/// R8: a device that is surely itself leaves at once, while the main registrar cannot be asked or
/// because others stay on its lease. A lease that nobody is left on is given back.
pub(super) fn leave(
    core: &mut Core,
    now: Now,
    request: &RegisterRequest<'_>,
    devices: &[Option<BindingId>],
    out: &mut Outbox,
) {
    let leaving = devices.iter().flatten().copied();
    let after = remove(core, now, leaving, RemovalCause::Unregistered, out);
    core.tombstones
        .bury(now.mono, request.aor_hash, request.words());
    let delivery = Delivery {
        after,
        ..Delivery::STATELESS
    };
    answer(core, now, request, &[], delivery, out);
}

/// What a reply must wait for that says to a device that it is gone, now or again: whatever was given
/// to the store until now, of which the removal is a part, and once more what the store has lost.
pub(super) fn farewell(
    core: &mut Core,
    now: Now,
    request: &RegisterRequest<'_>,
    out: &mut Outbox,
) -> PersistSeq {
    if !request.only_removes() {
        return PersistSeq::default();
    }
    if core.owed.has_removal_in(request.aor_hash.slot()) {
        core.commit(now, Vec::new(), out);
    }
    core.gate.last_issued()
}

/// Removes bindings here, and gives back upstream the leases that nobody hangs on any more (R9).
/// Returns what a reply about it must wait for.
pub(crate) fn remove(
    core: &mut Core,
    now: Now,
    bindings: impl Iterator<Item = BindingId>,
    cause: RemovalCause,
    out: &mut Outbox,
) -> PersistSeq {
    let mut changes = Vec::new();
    let mut owners = Vec::new();
    for id in bindings {
        let record = core.table.owner(id).and_then(|aor| core.table.record(aor));
        let Some(record) = record else { continue };
        let aor = Core::aor_text(&record.aor);
        out.event(Event::BindingRemoved {
            aor,
            binding: id,
            cause,
        });
        owners.push((record.aor.clone(), record.hash));
        changes.push(Change::of(id, Op::Remove { binding: id, cause }));
    }
    if changes.is_empty() {
        return PersistSeq::default();
    }
    let (seq, removed) = core.commit(now, changes, out);
    for (binding, (aor, hash)) in removed.into_iter().zip(owners) {
        release::begin(core, now, (aor, hash), binding, out);
    }
    release::pump(core, now, out);
    seq
}
