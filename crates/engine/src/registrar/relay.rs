//! The main registrar's answer, made the device's own: its Via, Call-ID, From-tag and CSeq back
//! (R6), its Contacts instead of ours, everything else as the main registrar said it.

use sip::header::list::Elements;
use sip::header::name_addr::NameAddr;
use sip::{Message, Name, Patch};

use crate::registrar::address::Address;
use crate::registrar::outgoing::without_first;
use crate::registrar::reply::tag_of;

/// Appends the answer to a `request` that was proxied: our Via comes off, `contacts` replaces the
/// Contact lines (whole lines; `None` leaves them alone).
pub(crate) fn write_proxied(
    response: &Message<'_>,
    request: &Message<'_>,
    contacts: Option<&[u8]>,
    out: &mut Vec<u8>,
) {
    let mut patch = Patch::new(response);
    for name in [Name::From, Name::To] {
        name_again(&mut patch, response, request, name);
    }
    if let Some(via) = response.header(Name::Via) {
        match without_first(via.value) {
            Some(rest) => patch.replace_value(&via, rest),
            None => patch.remove_header(&via),
        }
    }
    if let Some(contacts) = contacts {
        replace_contacts(&mut patch, response, contacts);
    }
    patch.write(out);
}

/// Appends the answer to a `request` that was proxied with a Path through us, which a main registrar
/// that repeats it (RFC 3327 §5.3) says to us and not to the device.
pub(crate) fn write_with_path(
    response: &Message<'_>,
    request: &Message<'_>,
    address: &Address<'_>,
    out: &mut Vec<u8>,
) {
    let mut bare = Vec::with_capacity(response.bytes().len());
    let mut patch = Patch::new(response);
    for path in response.headers_named(Name::Path) {
        let mut kept = Vec::new();
        for value in Elements::of(path.value).filter(|value| !address.leads_here(value)) {
            if !kept.is_empty() {
                kept.extend_from_slice(b", ");
            }
            kept.extend_from_slice(value);
        }
        match kept.is_empty() {
            true => patch.remove_header(&path),
            false => patch.replace_value(&path, &kept),
        }
    }
    patch.write(&mut bare);
    if let Ok(bare) = Message::parse(&bare) {
        write_proxied(&bare, request, None, out);
    }
}

/// R19: the device reads the names that it wrote itself.
fn name_again(
    patch: &mut Patch<'_, '_>,
    response: &Message<'_>,
    request: &Message<'_>,
    name: Name,
) {
    let (Some(theirs), Some(own)) = (response.header(name), request.header(name)) else {
        return;
    };
    let (Ok(there), Ok(here)) = (NameAddr::parse(theirs.value), NameAddr::parse(own.value)) else {
        return;
    };
    if there.uri == here.uri {
        return;
    }
    let mut text = own.value.to_vec();
    if let (None, Some(tag)) = (here.tag(), there.tag()) {
        text.extend_from_slice(b";tag=");
        text.extend_from_slice(tag);
    }
    patch.replace_value(&theirs, &text);
}

/// What is put into an answer to a request that we made ours on a lease.
#[derive(Debug)]
pub(crate) struct Restored<'a> {
    /// The device's request.
    pub(crate) request: &'a Message<'a>,
    /// How it came.
    pub(crate) came_by: crate::flow::Flow,
    /// To-tag.
    pub(crate) tag: &'a [u8],
    /// Contact lines, with their line ends; empty for none. `None` leaves those of the answer.
    pub(crate) contacts: Option<&'a [u8]>,
    /// Value of the Expires header, where there is one to say.
    pub(crate) expires: Option<crate::clock::Seconds>,
    /// Whether challenges are marked stale: the device's password was right (R5).
    pub(crate) challenge: Challenge,
}

/// How challenges in an answer are passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Challenge {
    /// As they are.
    Verbatim,
    /// With `stale=true` (RFC 3261 §22.4, RFC 7616 §3.3).
    Stale,
}

/// Appends the answer to a request that we made ours on a lease.
pub(crate) fn write_restored(response: &Message<'_>, how: &Restored<'_>, out: &mut Vec<u8>) {
    let mut patch = Patch::new(response);
    let mut text = Vec::with_capacity(512);
    if let Some(via) = response.header(Name::Via) {
        sip::build::push_vias(&mut text, how.request, Some(how.came_by.remote.into()));
        patch.insert(via.line.start, &text);
        response
            .headers_named(Name::Via)
            .for_each(|via| patch.remove_header(&via));
    }
    for name in [Name::From, Name::CallId, Name::CSeq] {
        if let (Some(theirs), Some(own)) = (response.header(name), how.request.header(name)) {
            patch.replace_value(&theirs, own.value);
        }
    }
    if let (Some(theirs), Some(own)) = (response.header(Name::To), how.request.header(Name::To)) {
        text.clear();
        text.extend_from_slice(own.value);
        if tag_of(own.value).is_none() {
            text.extend_from_slice(b";tag=");
            text.extend_from_slice(how.tag);
        }
        patch.replace_value(&theirs, &text);
    }
    expires(&mut patch, response, how.expires, &mut text);
    if let Some(contacts) = how.contacts {
        replace_contacts(&mut patch, response, contacts);
    }
    // A Path in the answer is the one between us and the main registrar.
    response
        .headers_named(Name::Path)
        .for_each(|path| patch.remove_header(&path));
    if how.challenge == Challenge::Stale {
        stale(&mut patch, response, &mut text);
    }
    patch.write(out);
}

fn replace_contacts(patch: &mut Patch<'_, '_>, response: &Message<'_>, lines: &[u8]) {
    let at = response
        .header(Name::Contact)
        .or_else(|| response.header(Name::CSeq))
        .map_or_else(|| response.head_end(), |header| header.line.start);
    if !lines.is_empty() {
        patch.insert(at, lines);
    }
    response
        .headers_named(Name::Contact)
        .for_each(|contact| patch.remove_header(&contact));
}

fn expires(
    patch: &mut Patch<'_, '_>,
    response: &Message<'_>,
    expires: Option<crate::clock::Seconds>,
    text: &mut Vec<u8>,
) {
    let Some(expires) = expires else {
        response
            .headers_named(Name::Expires)
            .for_each(|header| patch.remove_header(&header));
        return;
    };
    text.clear();
    sip::number::push_decimal(text, expires.into());
    if let Some(header) = response.header(Name::Expires) {
        patch.replace_value(&header, &text);
    } else if let Some(cseq) = response.header(Name::CSeq) {
        text.splice(0..0, *b"Expires: ");
        text.extend_from_slice(b"\r\n");
        patch.insert(cseq.line.start, &text);
    }
}

/// Marks challenges stale, whatever they said of it before.
fn stale(patch: &mut Patch<'_, '_>, response: &Message<'_>, text: &mut Vec<u8>) {
    for name in [Name::WwwAuthenticate, Name::ProxyAuthenticate] {
        for header in response.headers_named(name) {
            text.clear();
            for part in Elements::of(header.value).filter(|part| !says_stale(part)) {
                if !text.is_empty() {
                    text.extend_from_slice(b", ");
                }
                text.extend_from_slice(part);
            }
            text.extend_from_slice(b", stale=true");
            patch.replace_value(&header, &text);
        }
    }
}

fn says_stale(part: &[u8]) -> bool {
    let name = part.split(|byte| *byte == b'=').next().unwrap_or_default();
    name.trim_ascii().eq_ignore_ascii_case(b"stale")
}
