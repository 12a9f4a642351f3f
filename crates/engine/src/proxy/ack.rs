//! The ACK to a 2xx: end to end, without a transaction (RFC 3261 §13.2.2.4, §16.11).

use sip::Name;

use crate::clock::Now;
use crate::core::Core;
use crate::counters::DropReason;
use crate::hop::Hop;
use crate::ids::NodeId;
use crate::output::Outbox;
use crate::proxy::destination::Destination;
use crate::proxy::loops::LoopHash;
use crate::proxy::outgoing::{self, Outgoing};
use crate::proxy::{Journey, Request, intake};
use crate::registrar::heading::Heading;
use crate::registrar::reply;

/// Passes an ACK on, to the one place where it can belong.
pub(super) fn forward(
    core: &mut Core,
    now: Now,
    request: &Request<'_>,
    journey: &Journey<'_>,
    out: &mut Outbox,
) {
    let policy = std::sync::Arc::clone(&core.policy);
    let target = match journey.destination {
        // All devices heard the INVITE, but one answered: only a route tells which.
        Destination::Aor(..) | Destination::Ourselves => None,
        _ => intake::only_target(core, now, request, journey),
    };
    let hop = target
        .as_ref()
        .and_then(|target| Hop::by(core, &policy, target.flow));
    let (Some(target), Some(hop)) = (target, hop) else {
        return core.counters.dropped(DropReason::StrayAck);
    };
    let heading = Heading::of(request.message, request.flow);
    if journey.itinerary.dialog().is_none() && is_for_ours(core, &heading) {
        return core.counters.dropped(DropReason::StrayAck);
    }
    let how = Outgoing {
        itinerary: &journey.itinerary,
        target: &target,
        hop: &hop,
        came_by: request.flow,
        loop_hash: LoopHash::of(&core.keys, &heading, &journey.itinerary),
        breadth: None,
        record: b"",
        names: (target.node != NodeId::NONE).then_some(&policy),
    };
    out.transmit(target.flow, |buf| {
        outgoing::write(request.message, &how, buf);
    });
}

/// Whether an ACK is for a refusal that we gave without a transaction (RFC 3261 §8.2.7).
fn is_for_ours(core: &Core, heading: &Heading<'_>) -> bool {
    let to = heading.message.header(Name::To);
    let tag = to.and_then(|to| reply::tag_of(to.value));
    tag.is_some_and(|tag| tag == core.keys.to_tag(heading.call_id, heading.from_tag))
}
