//! Answers with an error: nothing changes.

use sip::Message;

use crate::clock::Now;
use crate::core::Core;
use crate::event::Event;
use crate::flow::Flow;
use crate::gate::{HeldReply, ReadyReply, Repeat};
use crate::output::Outbox;
use crate::registrar::decision::{Refusal, RefusalHeader, Row};
use crate::registrar::heading::Heading;
use crate::registrar::reply;

/// Answers with an error; nothing changes.
pub(crate) fn refuse(
    core: &mut Core,
    message: &Message<'_>,
    flow: Flow,
    refusal: Refusal,
    out: &mut Outbox,
) {
    core.counters.refused(refusal.status);
    let heading = Heading::of(message, flow);
    let to = heading.way_back();
    let (keys, server) = (&core.keys, &core.policy.server_header);
    out.transmit(to, |buf| {
        reply::write_refusal(&heading, keys, &refusal, server, buf)
    });
    out.event(Event::RegisterRefused {
        source: flow.remote,
        status: refusal.status,
        reason: refusal.reason,
    });
}

/// 503: come again later.
pub(super) fn unavailable(
    core: &mut Core,
    message: &Message<'_>,
    flow: Flow,
    retry_after: u32,
    out: &mut Outbox,
) {
    let refusal = Refusal {
        row: Row::D14,
        status: 503,
        reason: "Service Unavailable",
        header: RefusalHeader::RetryAfter(retry_after),
    };
    refuse(core, message, flow, refusal, out);
}

/// The store did not keep what a held reply promises: 503 goes out in its place.
pub(crate) fn fail_held(core: &mut Core, now: Now, held: HeldReply, out: &mut Outbox) {
    let Ok(message) = Message::parse(&held.bytes) else {
        return;
    };
    let refusal = Refusal {
        row: Row::D14,
        status: 503,
        reason: "Storage Failure",
        header: RefusalHeader::RetryAfter(core.retry_after()),
    };
    core.counters.refused(refusal.status);
    let mut bytes = Vec::with_capacity(512);
    reply::write_instead(&message, &refusal, &mut bytes);
    let ready = ReadyReply {
        flow: held.ready().flow,
        txn: held.ready().txn,
        status: 503,
        repeat: Repeat::ByTransaction,
        bytes: &bytes,
    };
    core.send(now, ready, out);
}
