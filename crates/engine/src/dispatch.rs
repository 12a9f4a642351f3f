//! The only match on method: which message goes to whom, and what is answered or dropped before
//! anybody looks at it.

use sip::header::max_forwards::MaxForwards;
use sip::scan::{self, Datagram as Kind};
use sip::{Message, Method, Name, Uri};

use crate::clock::Now;
use crate::core::{Core, Purpose};
use crate::counters::DropReason;
use crate::flow::Flow;
use crate::input::Datagram;
use crate::output::Outbox;
use crate::peer::is_upstream;
use crate::policy::Side;
use crate::registrar::address::{Addressee, addressee};
use crate::registrar::decision::{Refusal, RefusalHeader};
use crate::registrar::heading::Heading;
use crate::registrar::request::{Role, check_extensions, check_request_uri};
use crate::registrar::{self, reply};
use crate::txn::ResponseMatch;

/// Bytes arrived.
pub(crate) fn on_datagram(core: &mut Core, now: Now, datagram: Datagram<'_>, out: &mut Outbox) {
    let Datagram { bytes, flow } = datagram;
    match scan::classify(bytes) {
        Kind::KeepAlive => return core.counters.dropped(DropReason::KeepAlive),
        Kind::Stun => return core.counters.dropped(DropReason::Stun),
        Kind::Junk(_) => return core.counters.dropped(DropReason::Junk),
        Kind::Sip => {}
    }
    let Ok(message) = Message::parse(bytes) else {
        return core.counters.dropped(DropReason::Unparsable);
    };
    match message.request() {
        Some(line) => on_request(core, now, &message, line.method, flow, out),
        None => on_response(core, now, &message, flow, out),
    }
}

fn on_request(
    core: &mut Core,
    now: Now,
    message: &Message<'_>,
    method: Method,
    flow: Flow,
    out: &mut Outbox,
) {
    if method == Method::Ack {
        // RFC 3261 §17: an ACK is never answered.
        return core.counters.dropped(DropReason::StrayAck);
    }
    if let Err(fault) = sip::validate::check_request(message) {
        if message.header(Name::Via).is_none() {
            return core.counters.dropped(DropReason::Unparsable);
        }
        let refusal = Refusal::new(fault.status, fault.reason);
        return registrar::refuse(core, message, flow, refusal, out);
    }
    // OPTIONS may be answered all the same: it asks who stands at this hop (RFC 3261 §11).
    if is_exhausted(message) && method != Method::Options {
        // RFC 3261 §16.3 step 3.
        return registrar::refuse(core, message, flow, Refusal::new(483, "Too Many Hops"), out);
    }
    let refusal = match method {
        Method::Register if side(core, flow) == Side::Upstream => {
            Refusal::new(403, "Not a Registrar on This Side")
        }
        Method::Register => return registrar::on_register(core, now, message, flow, out),
        Method::Options => return capabilities(core, message, flow, out),
        // No INVITE is ever taken here, so there is none to cancel (RFC 3261 §9.2).
        Method::Cancel | Method::Bye => Refusal::new(481, "Call/Transaction Does Not Exist"),
        // RFC 3261 §8.2.1: known but not served here, or not even known.
        Method::Other => Refusal::new(501, "Not Implemented").with(RefusalHeader::Allow),
        _ => Refusal::new(405, "Method Not Allowed").with(RefusalHeader::Allow),
    };
    registrar::refuse(core, message, flow, refusal, out);
}

fn is_exhausted(message: &Message<'_>) -> bool {
    message
        .header(Name::MaxForwards)
        .and_then(|header| MaxForwards::parse(header.value).ok())
        .is_some_and(|hops| hops.0 == 0)
}

fn side(core: &Core, flow: Flow) -> Side {
    let listener = core.policy.listeners.get(usize::from(flow.listener.0));
    listener.map_or(Side::Both, |listener| listener.side)
}

/// OPTIONS: to ourselves, what we can do (RFC 3261 §11.2); to a device, whether it is there, so that
/// a main registrar that qualifies its contacts is told no lie (R17).
fn capabilities(core: &mut Core, message: &Message<'_>, flow: Flow, out: &mut Outbox) {
    if let Some(refusal) = misunderstanding(message).or_else(|| absence(core, message, flow)) {
        return registrar::refuse(core, message, flow, refusal, out);
    }
    let heading = Heading::of(message, flow);
    let (keys, server) = (&core.keys, &core.policy.server_header);
    out.transmit(heading.way_back(), |buf| {
        reply::write_capabilities(&heading, keys, server, buf);
    });
}

/// Why a request to ourselves is not understood (RFC 3261 §8.2.2).
fn misunderstanding(message: &Message<'_>) -> Option<Refusal> {
    check_request_uri(message)
        .and_then(|()| check_extensions(message, Role::Registrar))
        .err()
}

/// Why the device that a request addresses by its token cannot be had. Only the main registrar may
/// address tokens; everybody else hears the same of all of them (S-12).
fn absence(core: &Core, message: &Message<'_>, flow: Flow) -> Option<Refusal> {
    let uri = Uri::parse(message.request()?.uri).ok()?;
    let unknown = Some(Refusal::new(404, "Not Found"));
    let gone = Some(Refusal::new(480, "Temporarily Unavailable"));
    let ours = uri.param(&core.policy.upstream.token_param).is_some();
    if !is_upstream(&core.policy.upstream, flow.remote.ip()) {
        return unknown.filter(|_| ours);
    }
    match addressee(&core.policy, &core.keys, &uri) {
        None => unknown.filter(|_| ours),
        Some(Addressee::Device(id)) => gone.filter(|_| core.table.binding(id).is_none()),
        Some(Addressee::Aor(aor)) => gone.filter(|_| core.table.record(aor).is_none()),
    }
}

fn on_response(core: &mut Core, now: Now, message: &Message<'_>, flow: Flow, out: &mut Outbox) {
    if sip::validate::check_response(message).is_err() {
        return core.counters.dropped(DropReason::BadResponse);
    }
    match core.txns.match_response(now, message, &flow, out) {
        // RFC 6026 §7.3: nothing that belongs to no transaction is passed on.
        ResponseMatch::NoMatch => core.counters.dropped(DropReason::StrayResponse),
        ResponseMatch::Absorbed => {}
        ResponseMatch::Deliver {
            owner,
            status,
            sent_at,
            ..
        } => match Purpose::unpack(owner) {
            Purpose::Probe(node) => core.heard_from(now, node, out),
            Purpose::Conversation(id) => {
                if let Some(node) = core.conversations.get(id).map(|c| c.node) {
                    core.heard_from(now, node, out);
                }
                if status >= 200 {
                    registrar::on_final(core, now, id, message, sent_at, out);
                }
            }
        },
    }
}
