//! Addresses for the contacts of a forwarded REGISTER: kept, taken over from a departed device, or
//! reserved; and departures that need nobody's leave (R8).

use smallvec::SmallVec;

use crate::clock::Now;
use crate::core::Core;
use crate::event::{Event, RemovalCause};
use crate::ids::BindingId;
use crate::location::{Change, Op};
use crate::output::Outbox;
use crate::registrar::conversation::{Claim, ConversationId, Hold};
use crate::registrar::decide::is_own;
use crate::registrar::devices_of;
use crate::registrar::identity::{self, Sender};
use crate::registrar::request::RegisterRequest;

/// Makes sure that each wanted contact has an address to go upstream with. `false` when there is
/// none to be had.
pub(super) fn claim(core: &mut Core, id: ConversationId, request: &RegisterRequest<'_>) -> bool {
    let devices = devices_of(core, request);
    let Some(conversation) = core.conversations.get_mut(id) else {
        return false;
    };
    let mut old = core::mem::take(&mut conversation.claims);
    let slot = conversation.hash.slot();
    let mut claims: SmallVec<[Claim; 1]> = SmallVec::new();
    let mut complete = true;
    let sender = Sender::of(request);
    for (wanted, device) in request.contacts().iter().zip(devices) {
        let departed = old.iter().filter_map(|claim| match &claim.hold {
            Hold::Departed(binding) => Some(&**binding),
            Hold::Reserved(_) | Hold::Committed | Hold::Superseded(_) => None,
        });
        let departed = identity::departed(wanted, sender, departed);
        let kept = old.iter().position(|claim| match &claim.hold {
            Hold::Reserved(uri) => **uri == *wanted.uri,
            Hold::Committed => Some(claim.binding) == device,
            // Its address and lease are the device's own; only these are kept.
            Hold::Departed(_) => device.is_none() && Some(claim.binding) == departed,
            Hold::Superseded(_) => false,
        });
        let fresh = match (device, kept) {
            (Some(binding), _) => Some((binding, Hold::Committed)),
            (None, Some(at)) => {
                let claim = old.remove(at);
                // One that departed has not returned before the main registrar says so: till then
                // its lease is still to be given back.
                let hold = match claim.hold {
                    Hold::Departed(binding) => Hold::Departed(binding),
                    _ => Hold::Reserved(wanted.uri.into()),
                };
                Some((claim.binding, hold))
            }
            (None, None) => core
                .table
                .reserve(slot)
                .map(|binding| (binding, Hold::Reserved(wanted.uri.into()))),
        };
        match fresh {
            Some((binding, hold)) => claims.push(Claim { binding, hold }),
            None => complete = false,
        }
    }
    for left in old {
        match left.hold {
            Hold::Reserved(_) => core.table.release(left.binding),
            // Still to be given back, whatever this request is about.
            Hold::Departed(_) | Hold::Superseded(_) => claims.push(left),
            Hold::Committed => {}
        }
    }
    if let Some(conversation) = core.conversations.get_mut(id) {
        conversation.claims = claims;
    }
    complete
}

/// R8: what is surely the device's own wish is done at once; the main registrar hears of it next.
pub(super) fn depart_at_once(
    core: &mut Core,
    now: Now,
    id: ConversationId,
    request: &RegisterRequest<'_>,
    out: &mut Outbox,
) {
    let Some(conversation) = core.conversations.get(id) else {
        return;
    };
    if conversation.terms.is_proxied() {
        return;
    }
    let leaving: SmallVec<[BindingId; 2]> = request
        .contacts()
        .iter()
        .zip(&conversation.claims)
        .filter(|(wanted, _)| wanted.is_removal())
        .filter_map(|(_, claim)| core.table.binding(claim.binding))
        .filter(|binding| is_own(request, binding))
        .map(|binding| binding.id)
        .collect();
    if leaving.is_empty() {
        return;
    }
    let cause = RemovalCause::Unregistered;
    let changes = leaving.iter().map(|id| {
        Change::of(
            *id,
            Op::Remove {
                binding: *id,
                cause,
            },
        )
    });
    let (seq, removed) = core.commit(now, changes.collect(), out);
    let Some(conversation) = core.conversations.get_mut(id) else {
        return;
    };
    conversation.pending = seq;
    for binding in removed {
        let claim = conversation
            .claims
            .iter_mut()
            .find(|claim| claim.binding == binding.id);
        out.event(Event::BindingRemoved {
            aor: Core::aor_text(&request.aor),
            binding: binding.id,
            cause,
        });
        if let Some(claim) = claim {
            claim.hold = Hold::Departed(binding);
        }
    }
    core.tombstones
        .bury(now.mono, request.aor_hash, request.words());
}
