//! A request as it leaves: the one that came, patched (RFC 3261 §16.6). Pure: what to write comes in,
//! bytes come out. Contacts, bodies and every header that we don't own stay byte for byte.

use sip::header::max_forwards::MaxForwards;
use sip::{Message, Name, Patch};

use crate::flow::Flow;
use crate::hop::Hop;
use crate::policy::Policy;
use crate::proxy::itinerary::Itinerary;
use crate::proxy::loops::LoopHash;
use crate::proxy::names;
use crate::proxy::targets::Target;
use crate::registrar::own_max_forwards;

/// What is written into a request.
#[derive(Debug)]
pub(crate) struct Outgoing<'a, 'm> {
    /// Request-URI and Routes that are left of it.
    pub(crate) itinerary: &'a Itinerary<'m>,
    /// Where it goes.
    pub(crate) target: &'a Target,
    /// The way it goes.
    pub(crate) hop: &'a Hop<'a>,
    /// How it came.
    pub(crate) came_by: Flow,
    /// What it will be known by if it comes again.
    pub(crate) loop_hash: LoopHash,
    /// Branches that it may still have at a time; `None` leaves what it says.
    pub(crate) breadth: Option<u32>,
    /// Our Record-Routes, whole lines.
    pub(crate) record: &'a [u8],
    /// By what names the domains go, where that is upstream.
    pub(crate) names: Option<&'a Policy>,
}

/// Whether an answer needs its names back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Renamed {
    No,
    Yes,
}

/// Which way of routing the next hop knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Routing {
    Loose,
    Strict,
}

/// Appends the request.
pub(crate) fn write(message: &Message<'_>, how: &Outgoing<'_, '_>, out: &mut Vec<u8>) -> Renamed {
    let mut patch = Patch::new(message);
    let mut text = Vec::with_capacity(256);
    version(&mut patch, message);
    let renamed = how
        .names
        .is_some_and(|policy| names::rename(&mut patch, message, policy));
    routes(&mut patch, message, how, &mut text);
    via(&mut patch, message, how, &mut text);
    own_max_forwards(&mut patch, message, &mut text);
    breadth(&mut patch, message, how, &mut text);
    record(&mut patch, message, how);
    length(&mut patch, message);
    patch.write(out);
    match renamed {
        true => Renamed::Yes,
        false => Renamed::No,
    }
}

/// RFC 3261 §7.1: read in any case, sent in upper case.
fn version(patch: &mut Patch<'_, '_>, message: &Message<'_>) {
    let text = message.version();
    if text != b"SIP/2.0"
        && let Some(span) = message.span_of(text)
    {
        patch.replace(span, b"SIP/2.0");
    }
}

/// Request-URI and Route (RFC 3261 §16.6 steps 2 and 6): the elements that the device registered
/// through come first, then what was asked for.
fn routes(
    patch: &mut Patch<'_, '_>,
    message: &Message<'_>,
    how: &Outgoing<'_, '_>,
    text: &mut Vec<u8>,
) {
    let mut uri = match how.target.uri.is_empty() {
        true => how.itinerary.uri.to_vec(),
        false => how.target.uri.to_vec(),
    };
    if let Some(renamed) = how.names.and_then(|policy| names::upstream(policy, &uri)) {
        uri = renamed;
    }
    text.clear();
    let path = sip::header::list::Elements::of(&how.target.route);
    for value in path.chain(how.itinerary.routes.iter().copied()) {
        text.extend_from_slice(if text.is_empty() { b"Route: " } else { b", " });
        text.extend_from_slice(value);
    }
    let strict = strict(&mut uri, text);
    if !text.is_empty() {
        text.extend_from_slice(b"\r\n");
    }
    let unchanged = message
        .headers_named(Name::Route)
        .map(|header| header.value)
        .eq(how.itinerary.routes.iter().copied())
        && how.target.route.is_empty()
        && strict == Routing::Loose;
    if !unchanged {
        let place = message.header(Name::Route).map(|header| header.line.start);
        let place = place.or_else(|| message.headers_named(Name::Via).last().map(|v| v.line.end));
        patch.insert(place.unwrap_or_else(|| message.head_end()), &*text);
        message
            .headers_named(Name::Route)
            .for_each(|route| patch.remove_header(&route));
    }
    if let Some(line) = message.request()
        && line.uri != uri.as_slice()
        && let Some(span) = message.span_of(line.uri)
    {
        patch.replace(span, uri);
    }
}

/// A first Route without `lr` is a strict router's (RFC 3261 §16.6 step 6): it finds itself in the
/// Request-URI, and what stood there at the end of the Routes.
fn strict(uri: &mut Vec<u8>, routes: &mut Vec<u8>) -> Routing {
    let Some(values) = routes.strip_prefix(b"Route: ") else {
        return Routing::Loose;
    };
    let mut elements = sip::header::list::Elements::of(values);
    let Some(Ok(first)) = elements.next().map(sip::header::route::Route::parse) else {
        return Routing::Loose;
    };
    if first.is_loose() {
        return Routing::Loose;
    }
    let next = first.uri.text.to_vec();
    let mut rest = b"Route: ".to_vec();
    for value in elements {
        rest.extend_from_slice(value);
        rest.extend_from_slice(b", ");
    }
    rest.push(b'<');
    rest.extend_from_slice(uri);
    rest.push(b'>');
    *uri = next;
    *routes = rest;
    Routing::Strict
}

/// Our Via on top; the one below learns where its request came from (RFC 3261 §18.2.1, RFC 3581
/// §4).
fn via(
    patch: &mut Patch<'_, '_>,
    message: &Message<'_>,
    how: &Outgoing<'_, '_>,
    text: &mut Vec<u8>,
) {
    let Some(top) = message.header(Name::Via) else {
        return;
    };
    text.clear();
    how.hop.write_via_with(|out| how.loop_hash.write(out), text);
    patch.insert(top.line.start, &*text);
    let first = message.values(Name::Via).next();
    if let Some(value) = first
        && let Some(span) = message.span_of(value)
    {
        text.clear();
        sip::build::push_received_via(text, value, how.came_by.remote.into());
        patch.replace(span, &*text);
    }
}

/// RFC 5393 §5.3.3.
fn breadth(
    patch: &mut Patch<'_, '_>,
    message: &Message<'_>,
    how: &Outgoing<'_, '_>,
    text: &mut Vec<u8>,
) {
    let Some(breadth) = how.breadth else {
        return;
    };
    text.clear();
    sip::number::push_decimal(text, breadth.into());
    match message.header(Name::MaxBreadth) {
        Some(header) => patch.replace_value(&header, &*text),
        None => patch.insert_header(below_vias(message), "Max-Breadth", &*text),
    }
}

/// On top of the Record-Routes that are there (RFC 3261 §16.6 step 4).
fn record(patch: &mut Patch<'_, '_>, message: &Message<'_>, how: &Outgoing<'_, '_>) {
    if how.record.is_empty() {
        return;
    }
    let first = message.header(Name::RecordRoute);
    let place = first.map_or_else(|| below_vias(message), |header| header.line.start);
    patch.insert(place, how.record);
}

/// A datagram ends by itself, but what goes on by a stream has to say where (RFC 3261 §16.6 step 9).
pub(super) fn length(patch: &mut Patch<'_, '_>, message: &Message<'_>) {
    if !message.has(Name::ContentLength) {
        patch.insert_with(message.head_end(), |out| {
            out.extend_from_slice(b"Content-Length: ");
            sip::number::push_decimal(out, message.body().len() as u64);
            out.extend_from_slice(b"\r\n");
        });
    }
}

fn below_vias(message: &Message<'_>) -> u16 {
    let last = message.headers_named(Name::Via).last();
    last.map_or_else(|| message.head_end(), |header| header.line.end)
}

/// Whether a request has hops left (RFC 3261 §16.3 step 3).
pub(crate) fn is_exhausted(message: &Message<'_>) -> bool {
    message
        .header(Name::MaxForwards)
        .and_then(|header| MaxForwards::parse(header.value).ok())
        .is_some_and(|hops| hops.0 == 0)
}
