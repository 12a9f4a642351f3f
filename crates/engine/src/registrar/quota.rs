//! R18: what is refused before anything is sent or stored. Reservations of registrations under way
//! count, so that a burst cannot pass a limit that it would break once accepted.

use crate::core::Core;
use crate::ids::BindingId;
use crate::policy::Overflow;
use crate::registrar::conversation::{Hold, Phase};
use crate::registrar::decision::{Refusal, RefusalHeader};
use crate::registrar::request::RegisterRequest;

/// Whether the new devices of a request have room. Devices that are known already do not count:
/// replacing one's own binding takes no place.
pub(crate) fn check(
    core: &Core,
    request: &RegisterRequest<'_>,
    devices: &[Option<BindingId>],
) -> Result<(), Refusal> {
    let newcomers = request
        .contacts()
        .iter()
        .zip(devices)
        .filter(|(wanted, device)| device.is_none() && !wanted.is_removal())
        .count();
    if newcomers == 0 {
        return Ok(());
    }
    let limits = &core.policy.limits;
    if core.table.bindings() + newcomers > limits.bindings {
        let later = RefusalHeader::RetryAfter(60);
        return Err(Refusal::new(503, "Too Many Registrations").with(later));
    }
    let source = request.flow.remote.ip();
    let from_here = core.table.from_source(source) + newcomers;
    if limits.bindings_per_source > 0 && from_here > limits.bindings_per_source {
        return Err(Refusal::new(
            403,
            "Too Many Registrations From This Address",
        ));
    }
    let held = core
        .table
        .record(request.aor_hash)
        .map_or(0, |record| record.len());
    let fits = held + reserved(core, request) + newcomers <= limits.bindings_per_aor;
    match limits.overflow {
        Overflow::Reject if !fits => Err(Refusal::new(403, "Too Many Registrations of This User")),
        // A request that is by itself too many replaces nobody.
        Overflow::ReplaceOldest if newcomers > limits.bindings_per_aor => {
            Err(Refusal::new(403, "Too Many Registrations of This User"))
        }
        Overflow::Reject | Overflow::ReplaceOldest => Ok(()),
    }
}

/// Addresses reserved for other new devices of this AoR that the main registrar is just being asked
/// about; those of this request's own earlier legs aside. One that was challenged and has not
/// answered does not count: it may be anybody, and it is checked again when it does.
fn reserved(core: &Core, request: &RegisterRequest<'_>) -> usize {
    let own = |uri: &[u8]| request.contacts().iter().any(|wanted| wanted.uri == uri);
    core.conversations
        .of(request.aor_hash)
        .filter(|(_, conversation)| matches!(conversation.phase, Phase::Asking(_)))
        .flat_map(|(_, conversation)| &conversation.claims)
        .filter(|claim| matches!(&claim.hold, Hold::Reserved(uri) if !own(uri)))
        .count()
}
