//! What a former run left in the store, made the state of this one (ADR 0007).
//!
//! A row tells the interval that a device was promised, not when it was last heard. So every
//! binding whose lease still runs gets one such interval, and a little more at random, to show
//! itself before it counts as dead. Epochs go on from where they were, so that what was not trusted
//! then is not trusted now (R14).

use crate::clock::{Mono, Now, Seconds};
use crate::core::Core;
use crate::event::RemovalCause;
use crate::ids::{BindingId, PersistSeq};
use crate::location::{Binding, Change, Lease, Op};
use crate::output::Outbox;

/// How far a CSeq jumps ahead at least (R6).
const CSEQ_LEAP: u32 = 1000;

/// Takes over the durable changes of a former run, in their order. Nothing of this run may have
/// happened before.
pub(crate) fn restore(
    core: &mut Core,
    now: Now,
    changes: impl Iterator<Item = Change>,
    out: &mut Outbox,
) {
    for change in changes {
        match change.op {
            Op::Epoch { node, epoch } => core.peers.restore_epoch(node, epoch),
            _ => core.table.replay(change),
        }
    }
    let behind = core.table.leap(|lease| leap(lease, now.mono));
    let entropy = &mut core.entropy;
    let dead = core.table.revive(|binding| {
        let spread = entropy.below(binding.granted / 10 + 1);
        is_live(binding, now.mono, spread)
    });
    let cause = RemovalCause::Expired;
    let removals = dead
        .into_iter()
        .map(|binding| Change::of(binding, Op::Remove { binding, cause }));
    let removals: Vec<Change> = removals.collect();
    if !removals.is_empty() {
        let (_, removed) = core.commit(now, removals, out);
        removed
            .iter()
            .for_each(|binding| core.table.release(binding.id));
    }
    let rows = behind.into_iter().filter_map(|id| row(core, id));
    let rows: Vec<Change> = rows.collect();
    if !rows.is_empty() {
        core.commit(now, rows, out);
    }
}

/// The row of a binding, to be written anew: should those that were ahead of it end, the next run will
/// have only this to leap from.
fn row(core: &Core, id: BindingId) -> Option<Change> {
    let binding = core.table.binding(id)?;
    let record = core.table.record(core.table.owner(id)?)?;
    let registration = binding.as_registered(&record.aor, record.hash);
    Some(Change::of(id, Op::Register(Box::new(registration))))
}

/// More than were used since the row was written, by this run's predecessor or by one that it knew
/// nothing of: on a lease not even one is used in a millisecond.
fn leap(lease: &Lease, now: Mono) -> u32 {
    if !lease.terms.is_leased() {
        return 0;
    }
    let granted_at = lease
        .until
        .0
        .saturating_sub(u64::from(lease.granted) * 1000);
    let age = u32::try_from(now.0.saturating_sub(granted_at)).unwrap_or(u32::MAX);
    CSEQ_LEAP.saturating_add(age)
}

fn is_live(binding: &mut Binding, now: Mono, spread: Seconds) -> bool {
    let lease = &binding.lease;
    if lease.until <= now {
        return false;
    }
    let interval = now.plus_seconds(binding.granted.saturating_add(spread));
    binding.expires_at = match lease.terms.is_proxied() {
        // The main registrar's own promise.
        true => lease.until,
        false => interval.min(lease.carries_until()),
    };
    binding.pending = PersistSeq::default();
    binding.expires_at > now
}
