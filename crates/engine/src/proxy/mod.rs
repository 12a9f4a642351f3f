//! The proxy: what happens to every request that is no REGISTER, in both directions (RFC 3261 §16).
//!
//! [`on_request`] matches it to its transaction, finds out who sent it ([`party`]), where it is still
//! to go ([`itinerary`]) and where that is ([`destination`]); [`intake`] makes a [`fork`] of it, whose
//! rules [`forking`] carries out. Deciders are pure ([`targets`], [`best`], [`fork`]). Nothing is sent
//! but to the flow of a device, the address of the main registrar, or back where a request came from.

mod ack;
mod answer;
mod best;
pub mod call_log;
mod cancel;
mod destination;
mod fork;
pub(crate) mod forking;
pub(crate) mod forks;
mod intake;
mod itinerary;
mod loops;
pub(crate) mod messages_waiting;
mod names;
mod next_hop;
mod ourselves;
mod outgoing;
mod party;
mod qualify;
mod record_route;
mod redirect;
pub(crate) mod route_token;
mod targets;

use sip::header::name_addr::NameAddr;
use sip::{Message, Method, Name, Scheme, Uri};

use crate::clock::Now;
use crate::core::Core;
use crate::counters::DropReason;
use crate::event::Event;
use crate::flow::Flow;
use crate::ids::{AorHash, BindingId};
use crate::output::Outbox;
use crate::registrar::decision::Refusal;
use crate::registrar::heading::Heading;
use crate::registrar::request::{Role, check_extensions};
use crate::registrar::{read_origin, reply};
use crate::txn::{RequestMatch, ServerKey, ServerTxn};
use destination::Destination;
use itinerary::Itinerary;
use party::{Party, Sender};
use route_token::RouteToken;

pub(crate) use fork::Closing;
pub(crate) use outgoing::is_exhausted;
pub(crate) use record_route::opens_dialog;

/// A request that is no REGISTER, as it came.
#[derive(Clone, Copy, Debug)]
struct Request<'a> {
    message: &'a Message<'a>,
    method: Method,
    flow: Flow,
    key: ServerKey,
    /// What another shard has to tell.
    word: Option<Word>,
}

/// What one shard tells another of the sender of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Voucher(Word);

/// What there is to tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Word {
    /// It is this device.
    Known(RouteToken),
    /// So many shards do not know it.
    Unknown(u8),
}

/// Where a request goes, and for whom.
#[derive(Debug)]
struct Journey<'a> {
    itinerary: Itinerary<'a>,
    sender: Sender,
    destination: Destination,
}

impl Request<'_> {
    /// The device that another shard vouches for.
    const fn vouched(&self) -> Option<RouteToken> {
        match self.word {
            Some(Word::Known(token)) => Some(token),
            _ => None,
        }
    }
}

/// A device has just been registered, or has begun anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Arrival {
    /// Its AoR.
    pub(crate) aor: AorHash,
    /// Its binding.
    pub(crate) binding: BindingId,
}

/// A request arrived.
pub(crate) fn on_request(
    core: &mut Core,
    now: Now,
    message: &Message<'_>,
    (method, flow): (Method, Flow),
    voucher: Option<Voucher>,
    out: &mut Outbox,
) {
    let mut flow = flow;
    flow.origin = read_origin(message, &core.keys);
    let Some(key) = core.txns.server_key(message, &flow) else {
        return match method {
            Method::Ack => core.counters.dropped(DropReason::StrayAck),
            _ => refuse(core, message, flow, Refusal::new(400, "Bad Via"), out),
        };
    };
    let request = Request {
        message,
        method,
        flow,
        key,
        word: voucher.map(|Voucher(word)| word),
    };
    match core.txns.match_request(now, key, method, out) {
        RequestMatch::Absorbed => core.counters.retransmissions += 1,
        RequestMatch::Cancel {
            invite: Some(invite),
        } => cancel::accept(core, now, &request, invite, out),
        RequestMatch::Ack(_) | RequestMatch::Cancel { invite: None } | RequestMatch::New => {
            set_out(core, now, &request, out);
        }
    }
}

/// A request that belongs to nothing yet: where does it go?
fn set_out(core: &mut Core, now: Now, request: &Request<'_>, out: &mut Outbox) {
    let journey = match plan(core, request) {
        Ok(journey) => journey,
        Err(refusal) if refusal.status == 403 && intake::ask_around(core, request, out) => return,
        Err(refusal) if request.method == Method::Ack => {
            // RFC 3261 §17: an ACK is never answered.
            debug_assert!(refusal.status >= 300);
            return core.counters.dropped(DropReason::StrayAck);
        }
        Err(refusal) => return refuse(core, request.message, request.flow, refusal, out),
    };
    if intake::hand_over(core, request, &journey, out) {
        return;
    }
    match request.method {
        Method::Ack => ack::forward(core, now, request, &journey, out),
        // RFC 3261 §16.10 would have it forwarded statelessly, but what we have not forwarded, or
        // have already answered, nobody behind us has to hear of.
        Method::Cancel => {
            let refusal = Refusal::new(481, "Call/Transaction Does Not Exist");
            refuse(core, request.message, request.flow, refusal, out);
        }
        _ if qualify::answers(core, request, &journey, out) => {}
        _ if is_exhausted(request.message) => {
            let refusal = Refusal::new(483, "Too Many Hops");
            refuse(core, request.message, request.flow, refusal, out);
        }
        _ => intake::begin(core, now, request, &journey, out),
    }
}

fn plan<'a>(core: &Core, request: &Request<'a>) -> Result<Journey<'a>, Refusal> {
    if loops::is_from_ourselves(request.message, &core.policy) {
        return Err(Refusal::new(482, "Loop Detected"));
    }
    let itinerary = Itinerary::read(request.message, &core.policy, &core.keys)?;
    check_extensions(request.message, Role::Proxy)?;
    if let Ok(uri) = Uri::parse(itinerary.uri)
        && matches!(uri.scheme, Scheme::Other(_))
    {
        return Err(Refusal::new(416, "Unsupported URI Scheme"));
    }
    let mut sender = Sender::of(core, request.message, &request.flow);
    if let Some(Word::Known(token)) = request.word {
        sender.party = token.binding.map_or(Party::Stranger, Party::Device);
    }
    let destination = destination::of(core, &itinerary, &sender, request)?;
    Ok(Journey {
        itinerary,
        sender,
        destination,
    })
}

/// Answers with an error; nothing changes.
fn refuse(core: &mut Core, message: &Message<'_>, flow: Flow, refusal: Refusal, out: &mut Outbox) {
    core.counters.refused(refusal.status);
    let heading = Heading::of(message, flow);
    let (keys, server) = (&core.keys, &core.policy.server_header);
    out.transmit(heading.way_back(), |buf| {
        reply::write_refusal(&heading, keys, &refusal, server, buf);
    });
    out.event(Event::RequestRefused {
        method: message.request().map_or(Method::Other, |line| line.method),
        source: flow.remote,
        status: refusal.status,
        reason: refusal.reason,
    });
}

/// The fork that a server transaction belongs to.
fn fork_of(core: &Core, server: ServerTxn) -> Option<forks::ForkId> {
    core.txns.server_owner(server).map(forks::ForkId::unpack)
}

/// The URI of a From or To.
fn uri_of<'a>(message: &Message<'a>, name: Name) -> &'a [u8] {
    let header = message.header(name);
    let address = header.and_then(|header| NameAddr::parse(header.value).ok());
    address.map_or(b"", |address| address.uri)
}

/// Whether a request belongs to a dialog that is there, as its sender says.
fn has_to_tag(message: &Message<'_>) -> bool {
    let to = message.header(Name::To);
    to.is_some_and(|to| NameAddr::parse(to.value).is_ok_and(|to| to.tag().is_some()))
}

/// Devices have been registered, or have begun anew: who waits for them goes on, and what waits for
/// them is told again.
pub(crate) fn on_arrivals(core: &mut Core, now: Now, out: &mut Outbox) {
    for arrival in core::mem::take(&mut core.arrivals) {
        intake::on_arrival(core, now, arrival, out);
        messages_waiting::replay(core, now, arrival, out);
    }
}
