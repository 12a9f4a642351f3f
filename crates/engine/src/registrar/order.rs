//! `Order`: whether a request comes in its turn, or after a later one of its Call-ID: then it may be an
//! onlooker's copy, and proves nothing by itself (R11).

use crate::core::Core;
use crate::ids::BindingId;
use crate::location::Binding;
use crate::registrar::request::RegisterRequest;

/// Whether a request comes in its turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    InTurn,
    /// Its device has been answered a later one.
    Late,
}

impl Order {
    /// The order of a request of these devices, as they are now: they may have other Call-IDs by the
    /// time it is judged.
    pub(super) fn of(
        core: &Core,
        request: &RegisterRequest<'_>,
        devices: &[Option<BindingId>],
    ) -> Self {
        let overtook = |binding: &Binding| {
            binding.stamp.call_id == request.stamp.call_id
                && request.stamp.cseq < binding.stamp.cseq
        };
        let mut bound = devices
            .iter()
            .flatten()
            .filter_map(|id| core.table.binding_of(request.aor_hash, *id));
        match bound.any(overtook) {
            true => Self::Late,
            false => Self::InTurn,
        }
    }
}
