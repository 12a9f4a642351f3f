//! A CANCEL for a request that is on its way (RFC 3261 §16.10).

use sip::{Message, Name};

use crate::clock::Now;
use crate::core::Core;
use crate::limits;
use crate::output::Outbox;
use crate::proxy::fork::{Closing, Phase};
use crate::proxy::forks::ForkId;
use crate::proxy::{Request, fork_of, forking, refuse};
use crate::registrar::decision::Refusal;
use crate::registrar::heading::Heading;
use crate::registrar::reply;
use crate::txn::{Kind, ServerTxn};

/// Answers 200 at once, and cancels what is under way. The INVITE gets its own answer when all
/// branches have ended.
pub(super) fn accept(
    core: &mut Core,
    now: Now,
    request: &Request<'_>,
    invite: ServerTxn,
    out: &mut Outbox,
) {
    let heading = Heading::of(request.message, request.flow);
    let started = core
        .txns
        .start_server(now, request.key, Kind::NonInvite, heading.way_back());
    let Ok(server) = started else {
        let refusal = Refusal::new(503, "Service Unavailable");
        return refuse(core, request.message, request.flow, refusal, out);
    };
    let mut bytes = Vec::with_capacity(512);
    let name = &core.policy.server_header;
    reply::write_refusal(
        &heading,
        &core.keys,
        &Refusal::new(200, "OK"),
        name,
        &mut bytes,
    );
    core.txns.respond(now, server, 200, &bytes, out);
    if let Some(fork) = fork_of(core, invite) {
        give_reason(core, fork, request.message);
        forking::close(core, now, fork, Closing::Cancelled, out);
    }
}

/// The devices hear why the caller has cancelled (RFC 3326).
fn give_reason(core: &mut Core, id: ForkId, cancel: &Message<'_>) {
    let Some(fork) = core.forks.get_mut(id) else {
        return;
    };
    let mut lines = Vec::new();
    for header in cancel.headers_named(Name::Reason) {
        lines.extend_from_slice(cancel.slice(header.line));
    }
    if fork.phase == Phase::Open && lines.len() <= limits::REASON {
        fork.reason = lines.into();
    }
}
