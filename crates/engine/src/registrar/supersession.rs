//! Leases that another took the place of: what the main registrar holds under terms or settings that
//! are not those of today is given back once the new one is there.

use crate::clock::Now;
use crate::core::Core;
use crate::hop;
use crate::ids::{AorHash, BindingId, LeaseId};
use crate::location::{Binding, Change, Lease, Op};
use crate::output::Outbox;
use crate::policy::Policy;
use crate::registrar::address::Address;
use crate::registrar::conversation::{Claim, Hold};
use crate::registrar::release::{is_shared_still, line_up, opening, pump};

/// The bindings, as they are, of which changes that were accepted on the lease `spoken` may leave
/// another behind at the main registrar.
pub(super) fn superseded(core: &Core, spoken: Option<LeaseId>, changes: &[Change]) -> Vec<Binding> {
    let changed = changes.iter().filter_map(|change| match &change.op {
        Op::Register(registration) => {
            let held = core.table.binding(registration.binding)?;
            (held.lease.id != registration.lease.id).then_some(held)
        }
        Op::Remove { binding, .. } => {
            let held = core.table.binding(*binding)?;
            spoken
                .filter(|spoken| *spoken != held.lease.id)
                .map(|_| held)
        }
        _ => None,
    });
    changed
        .filter(|held| held.lease.terms.is_leased())
        .cloned()
        .collect()
}

/// Gives back the leases that bindings had before, unless the main registrar knows the new one by
/// the same Contact.
pub(super) fn supersede(
    core: &mut Core,
    now: Now,
    (aor, hash): (&[u8], AorHash),
    superseded: Vec<Binding>,
    out: &mut Outbox,
) {
    for binding in superseded {
        let lease = binding.lease;
        let kept = core
            .table
            .binding(binding.id)
            .is_some_and(|held| same_contact(core, aor, held, &binding));
        if kept || lease.until <= now.mono || is_shared_still(core, hash, &lease) {
            continue;
        }
        let claim = Claim {
            binding: binding.id,
            hold: Hold::Superseded(Box::new(binding)),
        };
        let conversation = opening(now, (aor.into(), hash), lease, claim);
        if let Some(id) = core.conversations.begin(conversation) {
            line_up(core, id);
        }
    }
    pump(core, now, out);
}

/// Whether two leases that an AoR's devices share are one Contact to the main registrar.
pub(super) fn same_lease(core: &Core, aor: &[u8], one: &Lease, other: &Lease) -> bool {
    let nobody = BindingId {
        slot: crate::ids::Slot(0),
        index: 0,
        generation: 0,
    };
    let of = |lease: &Lease| contact_at(core, core.policy_at(lease.settings), aor, (nobody, lease));
    one.settings == other.settings || of(one) == of(other)
}

/// Whether two states of a binding are one contact to the main registrar.
fn same_contact(core: &Core, aor: &[u8], one: &Binding, other: &Binding) -> bool {
    let of = |binding: &Binding| {
        let lease = &binding.lease;
        contact_at(
            core,
            core.policy_at(lease.settings),
            aor,
            (binding.id, lease),
        )
    };
    !one.lease.terms.is_local() && of(one) == of(other)
}

/// Whether the main registrar holds a lease under the name that policy gives it now.
pub(super) fn is_up_to_date(core: &Core, aor: &[u8], binding: &Binding) -> bool {
    let lease = &binding.lease;
    if lease.settings == core.settings.present() {
        return true;
    }
    let of = |policy| contact_at(core, policy, aor, (binding.id, lease));
    of(core.policy_at(lease.settings)) == of(&core.policy)
}

/// What a binding is called at the main registrar: the AoR and our Contact. A device's own Contact is
/// not ours to compare.
fn contact_at(
    core: &Core,
    policy: &Policy,
    aor: &[u8],
    (binding, lease): (BindingId, &Lease),
) -> Vec<u8> {
    let mut text = policy.upstream_aor(aor).to_vec();
    let address = Address::new(policy, &core.keys, lease.terms, aor);
    let advertise = hop::advertised(policy, lease.node);
    address.write(advertise, (binding, b""), &mut text);
    text
}
