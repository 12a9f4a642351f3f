//! The only match on method: which message goes to whom, and what is answered or dropped before
//! anybody looks at it.

use sip::scan::{self, Datagram as Kind};
use sip::{Message, Method, Name};

use crate::clock::Now;
use crate::core::{Core, Purpose};
use crate::counters::DropReason;
use crate::flow::Flow;
use crate::input::Datagram;
use crate::output::Outbox;
use crate::policy::Side;
use crate::proxy::{self, Voucher, forking};
use crate::registrar;
use crate::registrar::decision::Refusal;
use crate::txn::ResponseMatch;

/// Bytes arrived, at this shard or at one that vouches for their sender.
pub(crate) fn on_datagram(
    core: &mut Core,
    now: Now,
    datagram: Datagram<'_>,
    voucher: Option<Voucher>,
    out: &mut Outbox,
) {
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
        Some(line) => on_request(core, now, &message, (line.method, flow), voucher, out),
        None => on_response(core, now, &message, flow, out),
    }
}

fn on_request(
    core: &mut Core,
    now: Now,
    message: &Message<'_>,
    (method, flow): (Method, Flow),
    voucher: Option<Voucher>,
    out: &mut Outbox,
) {
    let fault = sip::validate::check_request(message).err();
    if method == Method::Ack && (fault.is_some() || proxy::is_exhausted(message)) {
        // RFC 3261 §17: an ACK is never answered.
        return core.counters.dropped(DropReason::StrayAck);
    }
    if let Some(fault) = fault {
        if message.header(Name::Via).is_none() {
            return core.counters.dropped(DropReason::Unparsable);
        }
        let refusal = Refusal::new(fault.status, fault.reason);
        return registrar::refuse(core, message, flow, refusal, out);
    }
    // OPTIONS may be answered all the same: it asks who stands at this hop (RFC 3261 §11).
    if proxy::is_exhausted(message) && method != Method::Options {
        // RFC 3261 §16.3 step 3.
        return registrar::refuse(core, message, flow, Refusal::new(483, "Too Many Hops"), out);
    }
    match method {
        Method::Register if core.side(&flow) == Side::Upstream => {
            let refusal = Refusal::new(403, "Not a Registrar on This Side");
            registrar::refuse(core, message, flow, refusal, out);
        }
        Method::Register => registrar::on_register(core, now, message, flow, out),
        _ => proxy::on_request(core, now, message, (method, flow), voucher, out),
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
            Purpose::Branch(fork, branch) => {
                forking::on_response(core, now, (fork, branch), message, out);
            }
            Purpose::Nobody => {}
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
