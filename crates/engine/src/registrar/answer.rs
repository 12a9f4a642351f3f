//! The 200 that we give ourselves: all bindings of the AoR, as the store knows them.

use smallvec::SmallVec;

use crate::clock::Now;
use crate::core::Core;
use crate::gate::{ReadyReply, Repeat};
use crate::ids::{BindingId, PersistSeq};
use crate::location::Binding;
use crate::output::Outbox;
use crate::registrar::departure::farewell;
use crate::registrar::reply;
use crate::registrar::request::RegisterRequest;
use crate::txn::ServerTxn;

/// How a 200 of our own goes out.
#[derive(Clone, Copy, Debug)]
pub(super) struct Delivery {
    /// What it waits for, besides the bindings that it lists.
    pub(super) after: PersistSeq,
    /// Its transaction, if there is one.
    pub(super) txn: Option<ServerTxn>,
    /// Who answers a repetition of its request.
    pub(super) repeat: Repeat,
}

impl Delivery {
    /// Without a transaction, as soon as what it lists is durable.
    pub(super) const STATELESS: Self = Self {
        after: PersistSeq(0),
        txn: None,
        repeat: Repeat::ByTransaction,
    };
}

/// A 200 with all bindings of the AoR, the requester's first.
pub(super) fn answer(
    core: &mut Core,
    now: Now,
    request: &RegisterRequest<'_>,
    devices: &[Option<BindingId>],
    delivery: Delivery,
    out: &mut Outbox,
) {
    let flow = request.heading.way_back();
    let gone = farewell(core, now, request, out);
    let listed = listed(core, request, devices);
    let waits = listed.iter().map(|binding| binding.waits_for()).max();
    let seq = waits.unwrap_or_default().max(delivery.after).max(gone);
    let own = devices
        .iter()
        .flatten()
        .next()
        .and_then(|id| core.table.binding_of(request.aor_hash, *id));
    let listing = reply::Listing {
        bindings: &listed,
        expires: own.map(|binding| binding.promised(now.mono)),
        server: &core.policy.server_header,
        path_support: request.path_support,
    };
    if delivery.txn.is_none() && core.gate.is_durable(seq) {
        out.transmit(flow, |buf| {
            reply::write_ok(&request.heading, &core.keys, now, &listing, buf);
        });
        return;
    }
    let mut bytes = Vec::with_capacity(1024);
    reply::write_ok(&request.heading, &core.keys, now, &listing, &mut bytes);
    drop(listed);
    let Delivery { txn, repeat, .. } = delivery;
    // A transaction knows the way back itself.
    let flow = if txn.is_some() { request.flow } else { flow };
    let ready = ReadyReply {
        flow,
        txn,
        status: 200,
        repeat,
        bytes: &bytes,
    };
    core.reply(now, seq, ready, out);
}

/// The bindings that a 200 lists.
pub(super) fn listed<'c>(
    core: &'c Core,
    request: &RegisterRequest<'_>,
    devices: &[Option<BindingId>],
) -> SmallVec<[&'c Binding; 8]> {
    let mut listed: SmallVec<[&Binding; 8]> = devices
        .iter()
        .flatten()
        .filter_map(|id| core.table.binding_of(request.aor_hash, *id))
        .collect();
    for binding in core.table.bindings_of(request.aor_hash) {
        // What the store has lost is told to nobody.
        if !devices.contains(&Some(binding.id)) && !binding.is_lost() {
            listed.push(binding);
        }
    }
    listed
}
