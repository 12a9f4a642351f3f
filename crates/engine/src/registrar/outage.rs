//! D14: while the main registrar is out of order, a pure refresh is carried by what is left of its
//! lease.

use sip::Message;
use smallvec::SmallVec;

use crate::clock::Now;
use crate::core::Core;
use crate::gate::Repeat;
use crate::ids::{BindingId, PersistSeq};
use crate::location::{Binding, Refresh};
use crate::output::Outbox;
use crate::registrar::answer::{Delivery, answer};
use crate::registrar::conversation::Arrival;
use crate::registrar::decide::carried;
use crate::registrar::decision::Row;
use crate::registrar::forward::reread;
use crate::registrar::request::RegisterRequest;
use crate::registrar::{absorb, devices_of, history};

/// D14: a pure refresh whose renewal got no usable answer is carried by what is left of its lease.
/// Whether it was.
pub(super) fn carry(core: &mut Core, now: Now, arrival: &Arrival, out: &mut Outbox) -> bool {
    let Ok(message) = Message::parse(&arrival.bytes) else {
        return false;
    };
    let Some(request) = reread(core, &message, arrival.flow) else {
        return false;
    };
    let devices = devices_of(core, &request);
    let Some(refreshes) = refreshes(core, now, &request, &devices) else {
        return false;
    };
    core.counters.decided(Row::D14);
    absorb::renew(core, now, &refreshes, out);
    history::absorbed(core, now, request.aor_hash, &devices, Row::D14);
    let delivery = Delivery {
        after: PersistSeq::default(),
        txn: Some(arrival.txn),
        // In `mirror` D2 is never asked.
        repeat: match request.terms.is_proxied() {
            true => Repeat::ByTransaction,
            false => Repeat::ByBinding,
        },
    };
    answer(core, now, &request, &devices, delivery, out);
    true
}

/// D14 after the fact: the refreshes of a request that went upstream and got no usable answer, if
/// its leases carry it.
fn refreshes(
    core: &mut Core,
    now: Now,
    request: &RegisterRequest<'_>,
    devices: &[Option<BindingId>],
) -> Option<SmallVec<[Refresh; 2]>> {
    let bindings: SmallVec<[Option<&Binding>; 2]> = devices
        .iter()
        .map(|id| id.and_then(|id| core.table.binding_of(request.aor_hash, id)))
        .collect();
    let in_order = bindings.iter().flatten().all(|binding| {
        binding.stamp.call_id != request.stamp.call_id || binding.stamp.cseq < request.stamp.cseq
    });
    let carried = carried(
        request,
        &bindings,
        &core.policy.of(&request.aor).registration,
        now.mono,
    );
    drop(bindings);
    if !carried || !in_order {
        return None;
    }
    request
        .contacts()
        .iter()
        .zip(devices)
        .map(|(wanted, id)| absorb::refresh(core, now, request, wanted, (*id)?))
        .collect()
}
