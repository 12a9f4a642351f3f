//! Bindings that a device has besides the one that it was just given: it has one only, and rings once
//! (R3).

use smallvec::SmallVec;

use crate::core::Core;
use crate::ids::{AorHash, BindingId};
use crate::registrar::devices_of;
use crate::registrar::identity::same_place;
use crate::registrar::request::RegisterRequest;

type Doubles = SmallVec<[BindingId; 2]>;

/// Bindings that the devices of a request got meanwhile by another, besides those at `claims`.
pub(super) fn of_devices(
    core: &Core,
    request: &RegisterRequest<'_>,
    claims: &[BindingId],
) -> Doubles {
    devices_of(core, request)
        .into_iter()
        .zip(claims)
        .filter_map(|(device, claim)| device.filter(|known| known != claim))
        .filter(|known| !claims.contains(known))
        .collect()
}

/// Bindings that are just where those at `own` are now, under the same name: requests of one device
/// that overtook each other may have left it several.
pub(super) fn of_places(core: &Core, aor: AorHash, own: &[BindingId]) -> Doubles {
    let claimed = own
        .iter()
        .filter_map(|id| core.table.binding_of(aor, *id))
        .collect::<SmallVec<[_; 2]>>();
    core.table
        .bindings_of(aor)
        .filter(|binding| !own.contains(&binding.id))
        .filter(|binding| claimed.iter().any(|own| same_place(own, binding)))
        .map(|binding| binding.id)
        .collect()
}
