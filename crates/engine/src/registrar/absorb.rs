//! D13 and D14: the promise is renewed here, as far as the lease holds. Stateless: no transaction is
//! kept (R2).

use smallvec::SmallVec;

use crate::clock::Now;
use crate::core::Core;
use crate::ids::BindingId;
use crate::location::{Change, Op, Refresh};
use crate::output::Outbox;
use crate::proxy::Arrival;
use crate::registrar::answer::{Delivery, answer};
use crate::registrar::decide::{asked, want};
use crate::registrar::request::{RegisterRequest, Wanted};

/// Renews the promise to each contact of a request, and says so.
pub(super) fn absorb(
    core: &mut Core,
    now: Now,
    request: &RegisterRequest<'_>,
    devices: &[Option<BindingId>],
    delivery: Delivery,
    out: &mut Outbox,
) {
    let mut refreshes: SmallVec<[Refresh; 2]> = SmallVec::new();
    for (wanted, id) in request.contacts().iter().zip(devices) {
        if let Some(refresh) = id.and_then(|id| refresh(core, now, request, wanted, id)) {
            refreshes.push(refresh);
        }
    }
    renew(core, now, &refreshes, out);
    answer(core, now, request, devices, delivery, out);
}

/// Applies refreshes. The stored row promises a restart no more than one interval (ADR 0007): a
/// longer one must be known to the store before it is said, and with it all of a row that the store
/// may not have yet: each batch is true whatever becomes of those before it.
pub(super) fn renew(core: &mut Core, now: Now, refreshes: &[Refresh], out: &mut Outbox) {
    let mut unsaved: Vec<Change> = Vec::new();
    for refresh in refreshes {
        let record = core.table.record(refresh.aor);
        let Some((record, known)) = record.and_then(|r| Some((r, r.binding(refresh.binding)?)))
        else {
            continue;
        };
        let longer = refresh.granted > known.granted;
        if known.stamp.call_id != refresh.stamp.call_id {
            // It has begun anew, and the main registrar hears nothing of it (R20).
            let (aor, binding) = (refresh.aor, refresh.binding);
            core.arrivals.push(Arrival { aor, binding });
        }
        let op = match longer && !core.gate.is_durable(known.pending) {
            true => Op::Register(Box::new(known.renewed(&record.aor, refresh))),
            false => Op::Refresh(*refresh),
        };
        let change = Change::of(refresh.binding, op);
        if longer {
            unsaved.push(change);
        } else {
            core.table.apply(change);
        }
    }
    if unsaved.is_empty() {
        return;
    }
    let (seq, _) = core.commit(now, unsaved, out);
    for refresh in refreshes {
        core.table.wait_for(refresh.binding, seq);
    }
}

/// The renewed promise to one contact: what it wants, as far as the lease holds.
pub(super) fn refresh(
    core: &mut Core,
    now: Now,
    request: &RegisterRequest<'_>,
    wanted: &Wanted<'_>,
    id: BindingId,
) -> Option<Refresh> {
    let usable = core
        .table
        .binding_of(request.aor_hash, id)?
        .lease
        .usable(now.mono);
    let policy = &core.policy.of(&request.aor).registration;
    let granted = want(wanted, request.reach, policy).min(usable);
    let asked = asked(wanted, policy);
    let percent = policy.jitter_percent;
    let promised = jittered(core, granted, percent);
    debug_assert!(promised <= usable, "a promise beyond the lease");
    Some(Refresh {
        aor: request.aor_hash,
        binding: id,
        stamp: request.stamp,
        asked,
        granted,
        expires_at: now.mono.plus_seconds(promised),
        flow: request.flow,
    })
}

/// A promise less up to `percent` of it, at random (R4).
pub(super) fn jittered(core: &mut Core, granted: u32, percent: u8) -> u32 {
    let percent = u32::from(percent.min(50));
    if percent == 0 {
        return granted;
    }
    let most = u64::from(granted) * u64::from(percent) / 100;
    let cut = core
        .entropy
        .below(u32::try_from(most).unwrap_or(u32::MAX).saturating_add(1));
    granted.saturating_sub(cut).max(1).min(granted)
}
