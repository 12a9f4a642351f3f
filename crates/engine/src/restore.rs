//! What a former run left in the store, made the state of this one (ADR 0007).
//!
//! A row tells the interval that a device was promised, not when it was last heard. So every
//! binding whose lease still runs gets one such interval, and a little more at random, to show
//! itself before it counts as dead.

use crate::clock::{Mono, Now, Seconds};
use crate::core::Core;
use crate::ids::PersistSeq;
use crate::location::{Binding, Change};

/// How far a CSeq jumps ahead: more than were used since the row was written (R6).
const CSEQ_LEAP: u32 = 1000;

/// Takes over the durable changes of a former run, in their order. Nothing of this run may have
/// happened before.
pub(crate) fn restore(core: &mut Core, now: Now, changes: impl Iterator<Item = Change>) {
    changes.for_each(|change| core.table.replay(change));
    let (entropy, peers) = (&mut core.entropy, &core.peers);
    core.table.revive(|binding| {
        let spread = entropy.below(binding.granted / 10 + 1);
        // What was not trusted then is not trusted now; the epochs of this run have begun anew.
        if binding.lease.epoch != 0 {
            binding.lease.epoch = peers.epoch(binding.lease.node);
        }
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
