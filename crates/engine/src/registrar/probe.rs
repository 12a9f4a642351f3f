//! Care of the main registrar's nodes: one that falls silent is told of once, and asked with
//! OPTIONS until it speaks again, so that no device's REGISTER has to find out.

use core::time::Duration;

use smallvec::SmallVec;

use crate::clock::{Mono, Now};
use crate::core::{Armed, Core, Purpose};
use crate::event::Event;
use crate::hop::Hop;
use crate::ids::NodeId;
use crate::keys::hex16;
use crate::limits;
use crate::output::Outbox;
use crate::peer::Verdict;
use crate::policy::UpstreamPolicy;

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
        // At once, because one request that it chose to ignore on a quiet night looks the same.
        arm(core, node, now.mono);
    }
}

fn arm(core: &mut Core, node: NodeId, at: Mono) {
    let timer = core.timers.arm(at, Armed::Probe(node));
    core.peers.set_probe(node, timer);
}

/// Takes over a new list of nodes; of those that are down the ones that stay are probed on.
pub(crate) fn adopt(core: &mut Core, now: Now, upstream: &UpstreamPolicy) {
    for timer in core.peers.take_probes() {
        core.timers.cancel(timer);
    }
    core.peers.adopt(upstream);
    let down: SmallVec<[NodeId; 4]> = core.peers.down_nodes().collect();
    for node in down {
        arm(core, node, now.mono.plus(limits::PROBE_INTERVAL));
    }
}

/// A node that is down is due to be asked.
pub(crate) fn on_probe_due(core: &mut Core, now: Now, node: NodeId, out: &mut Outbox) {
    if core.peers.is_up(node) || !core.peers.exists(node) {
        return;
    }
    arm(core, node, now.mono.plus(limits::PROBE_INTERVAL));
    let policy = core.policy.clone();
    let Some(hop) = Hop::to(core, &policy, node) else {
        return;
    };
    let call_id = hex16(core.entropy.draw());
    let mut bytes = Vec::with_capacity(512);
    write(&hop, &call_id, &mut bytes);
    let until = now.mono.plus(PROBE_PATIENCE);
    // A full table means that much is under way: any of its answers tells as much as a probe's.
    let _ = hop.send(core, now, bytes, (Purpose::Probe(node), until), out);
}

/// Appends an OPTIONS (RFC 3261 §11) that asks whether a node is alive.
fn write(hop: &Hop<'_>, call_id: &[u8; 16], out: &mut Vec<u8>) {
    let target = hop.flow.remote.to_string();
    let line = |out: &mut Vec<u8>, parts: &[&[u8]]| {
        parts.iter().for_each(|part| out.extend_from_slice(part));
    };
    line(out, &[b"OPTIONS sip:", target.as_bytes(), b" SIP/2.0\r\n"]);
    hop.write_via(out);
    line(
        out,
        &[
            b"Max-Forwards: 70\r\nFrom: <sip:",
            hop.advertise.as_bytes(),
            b">;tag=",
            call_id,
        ],
    );
    line(
        out,
        &[
            b"\r\nTo: <sip:",
            target.as_bytes(),
            b">\r\nCall-ID: ",
            call_id,
        ],
    );
    line(
        out,
        &[b"\r\nCSeq: 1 OPTIONS\r\nAccept: application/sdp\r\nContent-Length: 0\r\n\r\n"],
    );
}
