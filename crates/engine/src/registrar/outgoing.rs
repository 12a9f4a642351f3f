//! The REGISTER that goes upstream: the device's, patched. Pure: what to write comes in, bytes come
//! out. Every header that we don't own stays as it was, byte for byte (R6, R7).

use sip::header::expires::DeltaSeconds;
use sip::header::list::Elements;
use sip::header::max_forwards::MaxForwards;
use sip::{Header, Message, Name, Params, Patch};

use crate::clock::Seconds;
use crate::flow::Flow;
use crate::hop::Hop;
use crate::ids::{BindingId, LeaseId};
use crate::keys::Keys;
use crate::registrar::address::Address;
use crate::registrar::rename::Rename;
use crate::registrar::request::Wanted;

/// Default Max-Forwards of a request that has none (RFC 3261 §16.6 step 3).
const MAX_FORWARDS: u32 = 70;

/// What is written into the REGISTER.
#[derive(Debug)]
pub(crate) struct Outgoing<'a> {
    /// The way it goes.
    pub(crate) hop: &'a Hop<'a>,
    /// What stands for the devices there.
    pub(crate) address: Address<'a>,
    /// How the device came: goes into its Via where that stays.
    pub(crate) came_by: Flow,
    /// Whose request it is to the main registrar.
    pub(crate) voice: Voice,
    /// The addresses of the wanted contacts' devices.
    pub(crate) bindings: &'a [BindingId],
    /// Contacts of these devices that theirs replace: with `path` insertion the main registrar would
    /// take the new one for another (R3).
    pub(crate) replaced: &'a [Vec<u8>],
    /// Whether contacts that are to go are told so.
    pub(crate) removals: Removals<'a>,
    /// Whose credentials go along.
    pub(crate) credentials: Proof<'a>,
    /// What the main registrar calls by another name (R19).
    pub(crate) rename: Option<&'a Rename<'a>>,
}

/// Whether contacts that are to go are told so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Removals<'a> {
    Told,
    /// These, which are bound, are renewed as long as nobody has asked for proof: what may have to be
    /// refused after all must not have ended anything.
    Withheld(&'a [BindingId]),
}

impl Removals<'_> {
    /// Whether the end of this device's contact is told.
    fn tells(self, binding: BindingId) -> bool {
        match self {
            Self::Told => true,
            Self::Withheld(held) => !held.contains(&binding),
        }
    }
}

/// Whose credentials a REGISTER carries.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Proof<'a> {
    /// Those that the device sent: digest stays end to end (R6).
    OfDevice,
    /// The device proved itself to us, so its own end here. What goes instead is ours: a whole header
    /// line, or nothing as long as nobody asked.
    Ours(&'a [u8]),
}

/// Whose request it is to the main registrar.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Voice {
    /// The device's own, proxied (`mirror`).
    Device,
    /// Ours, on a lease.
    Lease(LeaseVoice),
}

/// What a lease says of itself (R6).
#[derive(Clone, Copy, Debug)]
pub(crate) struct LeaseVoice {
    /// Call-ID.
    pub(crate) call_id: [u8; 32],
    /// From-tag.
    pub(crate) tag: [u8; 16],
    /// CSeq number.
    pub(crate) cseq: u32,
    /// Lifetime asked for (R5); contacts that leave ask 0 all the same. 0 ends a shared lease.
    pub(crate) expires: Seconds,
}

impl LeaseVoice {
    /// The voice of `lease` at its CSeq `cseq`.
    pub(crate) fn of(keys: &Keys, lease: LeaseId, cseq: u32, expires: Seconds) -> Self {
        Self {
            call_id: keys.lease_call_id(lease),
            tag: keys.lease_tag(lease),
            cseq,
            expires,
        }
    }
}

/// Appends the REGISTER.
pub(crate) fn write(
    message: &Message<'_>,
    contacts: &[Wanted<'_>],
    how: &Outgoing<'_>,
    out: &mut Vec<u8>,
) {
    let mut patch = Patch::new(message);
    let mut text = Vec::with_capacity(256);
    version(&mut patch, message);
    via(&mut patch, message, how, &mut text);
    max_forwards(&mut patch, message, &mut text);
    match how.voice {
        Voice::Device => {
            if let Some(route) = message.header(Name::Route) {
                own_route(&mut patch, &route);
            }
        }
        Voice::Lease(voice) => {
            identity(&mut patch, message, voice, &mut text);
            // Where our own request goes is ours to say: a Route of the device's could lead it past
            // the main registrar to somebody who accepts anything.
            for name in [Name::Path, Name::Route] {
                message
                    .headers_named(name)
                    .for_each(|header| patch.remove_header(&header));
            }
        }
    }
    if let Proof::Ours(line) = how.credentials {
        credentials(&mut patch, message, line);
    }
    lifetime(&mut patch, message, contacts, how, &mut text);
    if let Some(rename) = how.rename {
        rename.apply(&mut patch, message, &mut text);
    }
    if !contacts.is_empty() {
        contact_lines(&mut patch, message, contacts, how, &mut text);
        path(&mut patch, message, how, &mut text);
        supported(&mut patch, message, how, &mut text);
    }
    patch.write(out);
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

/// Our Via: on top of the device's where we proxy, alone where we speak ourselves.
fn via(patch: &mut Patch<'_, '_>, message: &Message<'_>, how: &Outgoing<'_>, text: &mut Vec<u8>) {
    let Some(top) = message.header(Name::Via) else {
        return;
    };
    text.clear();
    how.hop.write_via(text);
    patch.insert(top.line.start, &text);
    match how.voice {
        Voice::Lease(_) => {
            message
                .headers_named(Name::Via)
                .for_each(|via| patch.remove_header(&via));
        }
        Voice::Device => {
            // RFC 3261 §18.2.1 and RFC 3581 §4: the next hop learns where the device is.
            let Some(value) = message.values(Name::Via).next() else {
                return;
            };
            let Some(span) = message.span_of(value) else {
                return;
            };
            text.clear();
            sip::build::push_received_via(text, value, how.came_by.remote.into());
            patch.replace(span, &text);
        }
    }
}

/// One hop less (RFC 3261 §16.6 step 3).
pub(crate) fn max_forwards(patch: &mut Patch<'_, '_>, message: &Message<'_>, text: &mut Vec<u8>) {
    text.clear();
    match message.header(Name::MaxForwards) {
        Some(header) => {
            let hops = MaxForwards::parse(header.value).map_or(MAX_FORWARDS, |hops| hops.0.into());
            sip::number::push_decimal(text, hops.saturating_sub(1).into());
            patch.replace_value(&header, &text);
        }
        None => {
            let Some(top) = message.header(Name::Via) else {
                return;
            };
            text.extend_from_slice(b"Max-Forwards: ");
            sip::number::push_decimal(text, MAX_FORWARDS.into());
            text.extend_from_slice(b"\r\n");
            patch.insert(top.line.start, &text);
        }
    }
}

/// The topmost Route named the way to us (RFC 3261 §16.4).
fn own_route(patch: &mut Patch<'_, '_>, route: &Header<'_>) {
    match without_first(route.value) {
        Some(rest) => patch.replace_value(route, rest),
        None => patch.remove_header(route),
    }
}

/// A list without its first element; `None` when there is nothing left.
pub(crate) fn without_first(value: &[u8]) -> Option<&[u8]> {
    let mut elements = Elements::of(value);
    elements.next();
    let second = elements.next()?;
    value.get(second.as_ptr() as usize - value.as_ptr() as usize..)
}

fn identity(
    patch: &mut Patch<'_, '_>,
    message: &Message<'_>,
    voice: LeaseVoice,
    text: &mut Vec<u8>,
) {
    if let Some(call_id) = message.header(Name::CallId) {
        patch.replace_value(&call_id, voice.call_id);
    }
    if let Some(cseq) = message.header(Name::CSeq) {
        text.clear();
        sip::number::push_decimal(text, voice.cseq.into());
        text.extend_from_slice(b" REGISTER");
        patch.replace_value(&cseq, &text);
    }
    let Some(from) = message.header(Name::From) else {
        return;
    };
    match message.span_of(crate::registrar::request::from_tag(message)) {
        Some(tag) if tag.start < tag.end => patch.replace(tag, voice.tag),
        _ => {
            let Some(span) = message.span_of(from.value) else {
                return;
            };
            text.clear();
            text.extend_from_slice(b";tag=");
            text.extend_from_slice(&voice.tag);
            patch.insert(span.end, &*text);
        }
    }
}

fn credentials(patch: &mut Patch<'_, '_>, message: &Message<'_>, line: &[u8]) {
    for name in [Name::Authorization, Name::ProxyAuthorization] {
        message
            .headers_named(name)
            .for_each(|header| patch.remove_header(&header));
    }
    if let Some(top) = message.header(Name::Via)
        && !line.is_empty()
    {
        patch.insert(top.line.start, line);
    }
}

/// The Expires header says what the Contacts say; one that cannot be read is not passed on.
fn lifetime(
    patch: &mut Patch<'_, '_>,
    message: &Message<'_>,
    contacts: &[Wanted<'_>],
    how: &Outgoing<'_>,
    text: &mut Vec<u8>,
) {
    let Some(header) = message.header(Name::Expires) else {
        return;
    };
    let seconds = match how.voice {
        Voice::Device if DeltaSeconds::parse(header.value).is_ok() => return,
        Voice::Device => crate::registrar::request::MALFORMED_EXPIRES,
        Voice::Lease(_) if contacts.is_empty() => return,
        Voice::Lease(voice) if how.address.terms.is_shared() => voice.expires,
        Voice::Lease(_)
            if contacts.iter().all(Wanted::is_removal)
                && how.bindings.iter().all(|id| how.removals.tells(*id)) =>
        {
            0
        }
        Voice::Lease(voice) => voice.expires,
    };
    text.clear();
    sip::number::push_decimal(text, seconds.into());
    patch.replace_value(&header, &text);
}

fn contact_lines(
    patch: &mut Patch<'_, '_>,
    message: &Message<'_>,
    contacts: &[Wanted<'_>],
    how: &Outgoing<'_>,
    text: &mut Vec<u8>,
) {
    let Some(first) = message.header(Name::Contact) else {
        return;
    };
    text.clear();
    if how.address.terms.is_shared() {
        shared_contact(how, text);
    } else {
        device_contacts(contacts, how, text);
    }
    patch.insert(first.line.start, &*text);
    message
        .headers_named(Name::Contact)
        .for_each(|contact| patch.remove_header(&contact));
}

/// The AoR's one Contact (R7): what a device says of itself is not said of all of them.
fn shared_contact(how: &Outgoing<'_>, text: &mut Vec<u8>) {
    let Some(binding) = how.bindings.first() else {
        return;
    };
    text.extend_from_slice(b"Contact: ");
    how.address.write(how.hop.contact, (*binding, b""), text);
    if let Voice::Lease(voice) = how.voice {
        write_expires(voice.expires, text);
    }
    text.extend_from_slice(b"\r\n");
}

fn device_contacts(contacts: &[Wanted<'_>], how: &Outgoing<'_>, text: &mut Vec<u8>) {
    for (wanted, binding) in contacts.iter().zip(how.bindings) {
        text.extend_from_slice(b"Contact: ");
        how.address
            .write(how.hop.contact, (*binding, wanted.uri), text);
        let expires = match how.voice {
            Voice::Lease(_) if wanted.is_removal() && how.removals.tells(*binding) => Some(0),
            Voice::Lease(voice) => Some(voice.expires),
            Voice::Device => wanted
                .params
                .get("expires")
                .map(|_| wanted.asked.unwrap_or(0)),
        };
        write_params(wanted.params, expires, text);
        text.extend_from_slice(b"\r\n");
    }
    for uri in how.replaced {
        text.extend_from_slice(b"Contact: <");
        text.extend_from_slice(uri);
        text.extend_from_slice(b">;expires=0\r\n");
    }
}

/// The header parameters that go upstream: all but the lifetime, which is ours to say, `reg-id`,
/// whose flows end here (R7), and `received`, by which some registrars let a device say where calls
/// to it are to go.
fn write_params(params: Params<'_>, expires: Option<Seconds>, text: &mut Vec<u8>) {
    for param in params.iter() {
        let ends_here = ["expires", "reg-id", "received"];
        if ends_here.iter().any(|name| param.is(name)) {
            continue;
        }
        text.push(b';');
        text.extend_from_slice(param.name);
        if let Some(value) = param.value {
            text.push(b'=');
            text.extend_from_slice(value);
        }
    }
    if let Some(expires) = expires {
        write_expires(expires, text);
    }
}

fn write_expires(expires: Seconds, text: &mut Vec<u8>) {
    text.extend_from_slice(b";expires=");
    sip::number::push_decimal(text, expires.into());
}

/// The way through us to the device, which the main registrar is to use (RFC 3327 §5.2).
fn path(patch: &mut Patch<'_, '_>, message: &Message<'_>, how: &Outgoing<'_>, text: &mut Vec<u8>) {
    if how.address.terms.rewrites_contact() {
        return;
    }
    let (Some(top), [binding, ..]) = (message.header(Name::Via), how.bindings) else {
        return;
    };
    text.clear();
    let way = (how.hop.contact, how.hop.transport);
    how.address.write_path(way, *binding, text);
    if message.header(Name::Supported).is_none() {
        text.extend_from_slice(b"Supported: path\r\n");
    }
    let first = message.header(Name::Path).unwrap_or(top);
    patch.insert(first.line.start, &*text);
}

/// A main registrar that is sent a Path must be told that this is understood (RFC 3327 §5.1).
fn supported(
    patch: &mut Patch<'_, '_>,
    message: &Message<'_>,
    how: &Outgoing<'_>,
    text: &mut Vec<u8>,
) {
    let knows_path = message
        .values(Name::Supported)
        .any(|tag| tag.eq_ignore_ascii_case(b"path"));
    let mut added: Option<&[u8]> = match how.address.terms.rewrites_contact() || knows_path {
        true => None,
        false => Some(b"path"),
    };
    for supported in message.headers_named(Name::Supported) {
        option_tags(patch, &supported, added.take(), text);
    }
}

/// `outbound` and `gruu` speak of the Contact the device sent, not of ours (R7).
fn option_tags(
    patch: &mut Patch<'_, '_>,
    supported: &Header<'_>,
    added: Option<&[u8]>,
    text: &mut Vec<u8>,
) {
    let ends_here =
        |tag: &[u8]| tag.eq_ignore_ascii_case(b"outbound") || tag.eq_ignore_ascii_case(b"gruu");
    if added.is_none() && !Elements::of(supported.value).any(ends_here) {
        return;
    }
    text.clear();
    let kept = Elements::of(supported.value).filter(|tag| !ends_here(tag));
    for tag in kept.chain(added) {
        if !text.is_empty() {
            text.extend_from_slice(b", ");
        }
        text.extend_from_slice(tag);
    }
    match text.is_empty() {
        true => patch.remove_header(supported),
        false => patch.replace_value(supported, &text),
    }
}
