//! What a former run left in the store, made the state of this one (ADR 0007).
//!
//! A row tells the interval that a device was promised, not when it was last heard. So every
//! binding whose lease still runs gets one such interval, and a little more at random, to show
//! itself before it counts as dead. Epochs go on from where they were, so that what was not trusted
//! then is not trusted now (R14).

use crate::clock::{Mono, Now, Seconds};
use crate::core::Core;
use crate::event::RemovalCause;
use crate::ids::PersistSeq;
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
}

/// More than were used since the row was written, by this run's predecessor or by one that it knew
/// nothing of: on a lease not even one is used in a millisecond.
fn leap(lease: &Lease, now: Mono) -> u32 {
    let granted_at = lease
        .until
        .0
        .saturating_sub(u64::from(lease.granted) * 1000);
    let age = u32::try_from(now.0.saturating_sub(granted_at)).unwrap_or(u32::MAX);
    CSEQ_LEAP.saturating_add(age)
}

fn is_live(binding: &mut Binding, now: Mono, spread: Seconds) -> bool {
    let lease = &mut binding.lease;
    if lease.until <= now {
        return false;
    }
    if lease.terms.is_leased() {
        lease.cseq = lease.cseq.saturating_add(leap(lease, now));
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
