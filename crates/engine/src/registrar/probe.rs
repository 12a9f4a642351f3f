//! Care of the main registrar's nodes: one that falls silent is told of once, and asked with
//! OPTIONS until it speaks again, so that no device's REGISTER has to find out.

use core::time::Duration;

use crate::clock::{Mono, Now};
use crate::core::{Armed, Core, Purpose};
use crate::event::Event;
use crate::ids::NodeId;
use crate::keys::hex16;
use crate::limits;
use crate::output::Outbox;
use crate::peer::Verdict;
use crate::registrar::outgoing::{self, Probe};
use crate::txn::{ClientRequest, Kind};

/// How long a probe is waited for.
const PROBE_PATIENCE: Duration = Duration::from_secs(4);

/// A node left a request unanswered that went out at `sent_at`.
pub(crate) fn mark_silent(
    core: &mut Core,
    now: Now,
    node: NodeId,
    sent_at: Mono,
    out: &mut Outbox,
) {
    let verdict = core.peers.silent(now.mono, node, sent_at);
    went_down(core, now, node, verdict, out);
}

/// The network says that a node cannot be reached.
pub(crate) fn mark_unreachable(core: &mut Core, now: Now, node: NodeId, out: &mut Outbox) {
    let verdict = core.peers.unreachable(now.mono, node);
    went_down(core, now, node, verdict, out);
}

fn went_down(core: &mut Core, now: Now, node: NodeId, verdict: Verdict, out: &mut Outbox) {
    if verdict == Verdict::WentDown {
        out.event(Event::UpstreamDown { node });
        core.timers
            .arm(now.mono.plus(limits::PROBE_INTERVAL), Armed::Probe(node));
    }
}

/// A node that is down is due to be asked.
pub(crate) fn on_probe_due(core: &mut Core, now: Now, node: NodeId, out: &mut Outbox) {
    if core.peers.is_up(node) || !core.peers.exists(node) {
        return;
    }
    core.timers
        .arm(now.mono.plus(limits::PROBE_INTERVAL), Armed::Probe(node));
    let policy = core.policy.clone();
    let Some(flow) = core.flow_to(node) else {
        return;
    };
    let Some(listener) = policy.listeners.get(usize::from(flow.listener.0)) else {
        return;
    };
    let branch = core.txns.new_branch();
    let call_id = hex16(core.entropy.draw());
    let mut bytes = Vec::with_capacity(512);
    let probe = Probe {
        branch: branch.as_bytes(),
        advertise: &listener.advertise,
        transport: listener.transport.as_str(),
        target: flow.remote,
        call_id: &call_id,
    };
    outgoing::write_probe(&probe, &mut bytes);
    // A full table means that much is under way: any of its answers tells as much as a probe's.
    let _ = core.txns.start_client(
        now,
        ClientRequest {
            kind: Kind::NonInvite,
            branch: &branch,
            flow,
            bytes: bytes.into(),
            give_up_at: now.mono.plus(PROBE_PATIENCE),
            owner: Purpose::Probe(node).pack(),
        },
        out,
    );
}
