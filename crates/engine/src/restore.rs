//! What a former run left in the store, made the state of this one (ADR 0007).
//!
//! A row tells the interval that a device was promised, not when it was last heard. So every
//! binding whose lease still runs gets one such interval, and a little more at random, to show
//! itself before it counts as dead. Epochs go on from where they were, so that what was not trusted
//! then is not trusted now (R14).

use crate::clock::{Mono, Now, Seconds};
use crate::core::Core;
use crate::ids::PersistSeq;
use crate::location::{Binding, Change, Op};

/// How far a CSeq jumps ahead: more than were used since the row was written (R6).
const CSEQ_LEAP: u32 = 1000;

/// Takes over the durable changes of a former run, in their order. Nothing of this run may have
/// happened before.
pub(crate) fn restore(core: &mut Core, now: Now, changes: impl Iterator<Item = Change>) {
    for change in changes {
        match change.op {
            Op::Epoch { node, epoch } => core.peers.restore_epoch(node, epoch),
            _ => core.table.replay(change),
        }
    }
    let entropy = &mut core.entropy;
    core.table.revive(|binding| {
        let spread = entropy.below(binding.granted / 10 + 1);
        is_live(binding, now.mono, spread)
    });
}

fn is_live(binding: &mut Binding, now: Mono, spread: Seconds) -> bool {
    let lease = &mut binding.lease;
    if lease.until <= now {
        return false;
    }
    lease.cseq = lease.cseq.saturating_add(CSEQ_LEAP);
    let interval = now.plus_seconds(binding.granted.saturating_add(spread));
    binding.expires_at = match lease.terms.is_proxied() {
        // The main registrar's own promise.
        true => lease.until,
        false => interval.min(lease.carries_until()),
    };
    binding.pending = PersistSeq::default();
    binding.expires_at > now
}
