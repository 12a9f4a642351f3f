//! A request becomes a fork: who is tried, in which order, and on what terms.

use sip::{Message, Method, Name};
use smallvec::smallvec;

use crate::clock::Now;
use crate::core::{Armed, Core};
use crate::event::Event;
use crate::ids::{AorHash, BindingId, NodeId, ShardId};
use crate::limits;
use crate::output::{HandOver, Outbox, Output};
use crate::policy::{CallPolicy, Side};
use crate::proxy::best::Origin;
use crate::proxy::call_log::{Attempt, CallNumber};
use crate::proxy::destination::{Destination, Fame};
use crate::proxy::fork::{Awaited, Best, Fork, Phase, SenderSide, Wording};
use crate::proxy::forking::{self, Way, kind_of};
use crate::proxy::loops::{LoopHash, breadth_of};
use crate::proxy::outgoing::Renamed;
use crate::proxy::party::Party;
use crate::proxy::route_token::RouteToken;
use crate::proxy::targets::{self, Group, Plan, Target};
use crate::proxy::{
    Arrival, Journey, Request, Voucher, Word, messages_waiting, next_hop, opens_dialog, refuse,
    uri_of,
};
use crate::registrar::decision::{Refusal, RefusalHeader};
use crate::registrar::heading::Heading;

/// Who is tried for a request.
struct Chosen {
    plan: Plan,
    /// What is heard when nobody is there.
    absent: u16,
    /// For whom it may wait.
    awaited: Option<Awaited>,
    calls: CallPolicy,
}

/// Whether another shard has to take a request on: the devices that it is for are there.
pub(super) fn hand_over(
    core: &Core,
    request: &Request<'_>,
    journey: &Journey<'_>,
    out: &mut Outbox,
) -> bool {
    let slot = match journey.destination {
        Destination::Aor(aor, _) => aor.slot(),
        Destination::Dialog(token) => token.slot,
        _ => return false,
    };
    let to = slot.shard(core.shards);
    if to == core.shard || request.vouched().is_some() {
        return false;
    }
    give(
        request,
        to,
        Word::Known(sender_token(core, request, journey)),
        out,
    );
    true
}

/// Whether another shard is to look whether it knows the sender: a device that speaks under another
/// name than it registered may be any shard's.
pub(super) fn ask_around(core: &Core, request: &Request<'_>, out: &mut Outbox) -> bool {
    let asked = match request.word {
        None => 1,
        Some(Word::Unknown(asked)) => asked + 1,
        Some(Word::Known(_)) => return false,
    };
    if asked >= core.shards {
        return false;
    }
    let next = ShardId((core.shard.0 + 1) % core.shards);
    give(request, next, Word::Unknown(asked), out);
    true
}

fn give(request: &Request<'_>, to: ShardId, word: Word, out: &mut Outbox) {
    let start = out.bytes.len();
    out.bytes.extend_from_slice(request.message.bytes());
    out.items.push(Output::HandOver(HandOver {
        to,
        flow: request.flow,
        voucher: Voucher(word),
        span: start..out.bytes.len(),
    }));
}

/// Begins a fork for a request.
pub(super) fn begin<'a>(
    core: &mut Core,
    now: Now,
    request: &Request<'a>,
    journey: &Journey<'a>,
    out: &mut Outbox,
) {
    let (message, flow) = (request.message, request.flow);
    let heading = Heading::of(message, flow);
    let loop_hash = LoopHash::of(&core.keys, &heading, &journey.itinerary);
    if loop_hash.was_here(message) {
        return refuse(core, message, flow, Refusal::new(482, "Loop Detected"), out);
    }
    let breadth = breadth_of(message);
    if breadth == 0 {
        let refusal = Refusal::new(440, "Max-Breadth Exceeded");
        return refuse(core, message, flow, refusal, out);
    }
    let chosen = choose(core, now, request, journey);
    if chosen.plan.is_empty() && chosen.awaited.is_none() {
        let refusal = match chosen.absent {
            404 => Refusal::new(404, "Not Found"),
            503 => unavailable(core),
            _ => Refusal::new(480, "Temporarily Unavailable"),
        };
        return refuse(core, message, flow, refusal, out);
    }
    messages_waiting::notice(core, request, journey);
    let kind = kind_of(request.method);
    let Ok(server) = core
        .txns
        .start_server(now, request.key, kind, heading.way_back())
    else {
        let refusal = unavailable(core);
        return refuse(core, message, flow, refusal, out);
    };
    let call = note(core, now, request, journey, out);
    let fork = fork_of(core, (request, journey), chosen, (breadth, call));
    let Some(id) = core.forks.begin(Fork {
        server: Some(server),
        ..fork
    }) else {
        core.txns.abandon_server(server);
        let refusal = unavailable(core);
        return refuse(core, message, flow, refusal, out);
    };
    core.txns.own_server(server, id.pack());
    let waits = core
        .forks
        .get(id)
        .is_some_and(|fork| fork.awaited.is_some());
    if waits {
        let timer = core
            .timers
            .arm(now.mono.plus(limits::ARRIVAL_PATIENCE), Armed::Fork(id));
        if let Some(fork) = core.forks.get_mut(id) {
            fork.timer = Some(timer);
        }
    }
    let way = Way {
        message,
        itinerary: &journey.itinerary,
        loop_hash,
    };
    forking::start(core, now, id, &way, out);
}

fn unavailable(core: &mut Core) -> Refusal {
    let after = core.retry_after();
    Refusal::new(503, "Service Unavailable").with(RefusalHeader::RetryAfter(after))
}

fn fork_of(
    core: &Core,
    (request, journey): (&Request<'_>, &Journey<'_>),
    chosen: Chosen,
    (breadth, call): (u32, Option<CallNumber>),
) -> Fork {
    let plan = match request.method {
        // Nobody rings: all of them are asked at once, as nothing may last longer than the
        // sender waits (RFC 4320).
        Method::Invite => chosen.plan,
        _ => together(chosen.plan),
    };
    let best = Best {
        status: chosen.absent,
        origin: Origin::Local,
        answer: Box::default(),
        renamed: Renamed::No,
    };
    Fork {
        server: None,
        request: request.message.bytes().into(),
        method: request.method,
        came_by: request.flow,
        sender: sender_side(core, request, journey),
        plan: targets::narrow(plan, breadth as usize),
        branches: smallvec![],
        phase: Phase::Open,
        best: chosen.awaited.map(|_| best),
        challenges: Vec::new(),
        ring_time: chosen.calls.ring_time,
        redirects: chosen.calls.redirects,
        followed: Vec::new(),
        breadth,
        awaited: chosen.awaited,
        timer: None,
        call,
    }
}

/// All targets in one group.
fn together(plan: Plan) -> Plan {
    let all: Group = plan.into_iter().flatten().collect();
    match all.is_empty() {
        true => Plan::new(),
        false => Plan::from([all]),
    }
}

fn choose(core: &Core, now: Now, request: &Request<'_>, journey: &Journey<'_>) -> Chosen {
    match journey.destination {
        Destination::Device(id) => device(core, now, id, Wording::Contact),
        Destination::DeviceAsSaid(id) => device(core, now, id, Wording::AsSaid),
        Destination::Aor(aor, fame) => all_of(core, now, aor, fame),
        Destination::Dialog(token) => Chosen {
            plan: in_dialog(core, &token),
            absent: 480,
            awaited: None,
            calls: CallPolicy::default(),
        },
        Destination::Upstream(node) => upstream(core, node, request, journey),
        Destination::Ourselves => Chosen::nobody(404),
    }
}

impl Chosen {
    fn nobody(absent: u16) -> Self {
        Self {
            plan: Plan::new(),
            absent,
            awaited: None,
            calls: CallPolicy::default(),
        }
    }
}

/// The one place where a request can belong that is not to be forked.
pub(super) fn only_target(
    core: &Core,
    now: Now,
    request: &Request<'_>,
    journey: &Journey<'_>,
) -> Option<Target> {
    let mut plan = choose(core, now, request, journey).plan;
    plan.pop_front()?.into_iter().next()
}

/// One device, live, or just being registered.
fn device(core: &Core, now: Now, id: BindingId, wording: Wording) -> Chosen {
    let Some(binding) = core.table.binding(id) else {
        let awaited = core.conversations.claimant(id).map(|aor| Awaited {
            aor,
            binding: Some(id),
            wording,
        });
        return Chosen {
            awaited,
            ..Chosen::nobody(480)
        };
    };
    let aor = core.table.owner(id).and_then(|aor| core.table.record(aor));
    let calls = aor.map(|record| core.policy.of(&record.aor).calls.clone());
    let plan = match binding.ends_at() > now.mono && core.is_reachable(binding) {
        true => Plan::from([smallvec![wording.target(binding)]]),
        false => Plan::new(),
    };
    Chosen {
        plan,
        calls: calls.unwrap_or_default(),
        ..Chosen::nobody(480)
    }
}

/// All live devices of an AoR, or one that is just being registered.
fn all_of(core: &Core, now: Now, aor: AorHash, fame: Fame) -> Chosen {
    let Some(record) = core.table.record(aor) else {
        let asking = core.conversations.is_asking(aor);
        let absent = match fame {
            Fame::Unknown if !asking => 404,
            _ => 480,
        };
        return Chosen {
            awaited: asking.then_some(Awaited {
                aor,
                binding: None,
                wording: Wording::Contact,
            }),
            ..Chosen::nobody(absent)
        };
    };
    let calls = core.policy.of(&record.aor).calls.clone();
    let reachable = record
        .bindings()
        .filter(|binding| core.is_reachable(binding));
    Chosen {
        plan: targets::plan(reachable, calls.fork, now.mono),
        calls,
        ..Chosen::nobody(480)
    }
}

/// The device at this side of a dialog: where it is now, or where it was.
fn in_dialog(core: &Core, token: &RouteToken) -> Plan {
    let binding = token.binding.and_then(|id| core.table.binding(id));
    let now_at = binding.filter(|_| !core.seeded.is(crate::defect::Defect::DialogToOldFlow));
    let target = Target {
        uri: Box::default(),
        // The dialog has a route set of its own.
        route: Box::default(),
        flow: now_at.map_or(token.flow, |binding| Target::of(binding).flow),
        binding: token.binding,
        node: NodeId::NONE,
    };
    match core.side(&target.flow) {
        Side::Nobody => Plan::new(),
        _ => Plan::from([smallvec![target]]),
    }
}

fn upstream(core: &Core, node: NodeId, request: &Request<'_>, journey: &Journey<'_>) -> Chosen {
    let absent = match core.policy.upstream.servers.is_empty() {
        true => 404,
        false => 503,
    };
    // A first request goes where the device is registered, whatever domain it names; later ones
    // where the far end wants them.
    let itinerary = &journey.itinerary;
    let named = match itinerary.routes.is_empty() && itinerary.dialog().is_none() {
        true => None,
        false => itinerary.next(),
    };
    let hop = next_hop::to(core, named.as_ref(), node, journey.sender.hash);
    let plan = hop.map_or_else(Plan::new, |(node, flow)| {
        Plan::from([smallvec![Target {
            uri: Box::default(),
            route: Box::default(),
            flow,
            binding: None,
            node,
        }]])
    });
    debug_assert!(request.method != Method::Register);
    Chosen {
        plan,
        calls: core.policy.of(&journey.sender.aor).calls.clone(),
        ..Chosen::nobody(absent)
    }
}

fn sender_side(core: &Core, request: &Request<'_>, journey: &Journey<'_>) -> SenderSide {
    match journey.sender.party {
        Party::Upstream => SenderSide::Upstream(next_hop::sender(core, &request.flow)),
        Party::Device(_) | Party::Stranger => {
            SenderSide::Device(sender_token(core, request, journey))
        }
    }
}

/// What our Record-Route says of a device that sends a request.
fn sender_token(core: &Core, request: &Request<'_>, journey: &Journey<'_>) -> RouteToken {
    if let Some(token) = request.vouched() {
        return token;
    }
    let binding = match journey.sender.party {
        Party::Device(id) => Some(id),
        Party::Upstream | Party::Stranger => None,
    };
    debug_assert!(core.keys.aor_hash(&journey.sender.aor) == journey.sender.hash);
    RouteToken {
        slot: journey.sender.hash.slot(),
        binding,
        flow: request.flow,
        node: NodeId::NONE,
    }
}

/// Enters a call into the log: an INVITE that begins a dialog.
fn note(
    core: &mut Core,
    now: Now,
    request: &Request<'_>,
    journey: &Journey<'_>,
    out: &mut Outbox,
) -> Option<CallNumber> {
    let message = request.message;
    let call_id = core.keys.text_hash(call_id_of(message));
    if request.method == Method::Bye {
        let by = journey.sender.hash;
        if let Some(record) = core.calls.hung_up(now, call_id, by) {
            out.event(Event::CallEnded(Box::new(record.clone())));
        }
    }
    if request.method != Method::Invite || !opens_dialog(message) {
        return None;
    }
    core.counters.calls += 1;
    let callee = match journey.destination {
        Destination::Aor(aor, _) => aor,
        Destination::Device(id) | Destination::DeviceAsSaid(id) => {
            core.table.owner(id).unwrap_or(journey.sender.hash)
        }
        _ => journey.sender.hash,
    };
    let attempt = Attempt {
        caller: uri_of(message, Name::From),
        callee: uri_of(message, Name::To),
        source: request.flow.remote,
        call_id,
        aors: [journey.sender.hash, callee],
    };
    let number = core.calls.begin(now, &attempt);
    if let Some(record) = core.calls.get(number) {
        out.event(Event::CallBegan(Box::new(record.clone())));
    }
    Some(number)
}

fn call_id_of<'a>(message: &Message<'a>) -> &'a [u8] {
    let header = message.header(Name::CallId);
    header.map_or(b"", |header| header.value)
}

/// A device is there for which forks may be waiting (R1).
pub(super) fn on_arrival(core: &mut Core, now: Now, arrival: Arrival, out: &mut Outbox) {
    for id in core.forks.waiting_for(arrival.aor) {
        let Some(wanted) = core.forks.get(id).and_then(|fork| fork.awaited) else {
            continue;
        };
        let other = wanted.binding.is_some_and(|id| id != arrival.binding);
        let Some(binding) = core.table.binding(arrival.binding).filter(|_| !other) else {
            continue;
        };
        let target = wanted.wording.target(binding);
        core.forks.stop_waiting(id);
        let Some(fork) = core.forks.get_mut(id) else {
            continue;
        };
        fork.awaited = None;
        if let Some(timer) = fork.timer.take() {
            core.timers.cancel(timer);
        }
        fork.plan.push_back(smallvec![target]);
        forking::go_on(core, now, id, out);
    }
}
