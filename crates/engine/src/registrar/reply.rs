//! Answers of our own: the absorbed 200, and every refusal.

use sip::header::name_addr::NameAddr;
use sip::{Message, Name, Response};

use crate::clock::{Now, Seconds};
use crate::keys::Keys;
use crate::location::Binding;
use crate::registrar::decision::{Refusal, RefusalHeader};
use crate::registrar::heading::{Heading, ToTag};
use crate::registrar::request::{PathSupport, unknown_tags};

/// Methods that are answered here.
pub(crate) const ALLOW: &[u8] =
    b"REGISTER, INVITE, ACK, CANCEL, BYE, OPTIONS, MESSAGE, SUBSCRIBE, NOTIFY, REFER, INFO, UPDATE, PRACK, PUBLISH";

/// What a 200 to a REGISTER says besides the request's own headers.
#[derive(Debug)]
pub(crate) struct Listing<'a> {
    /// The requester's contacts first, then those of its siblings (R4).
    pub(crate) bindings: &'a [&'a Binding],
    /// What the `Expires` header says: the requester's own promise.
    pub(crate) expires: Option<Seconds>,
    /// Value of the `Server` header; empty for none.
    pub(crate) server: &'a str,
    /// Whether the device understands Path.
    pub(crate) path_support: PathSupport,
}

impl<'a> Listing<'a> {
    /// The Path of the requester's own contact, for a device that understands it (RFC 3327 §5.3).
    pub(crate) fn own_path(&self) -> Option<&'a [u8]> {
        let path = self.bindings.first()?.contact.path();
        (self.path_support == PathSupport::Supported && !path.is_empty()).then_some(path)
    }
}

/// Appends the head of an answer: everything that comes from the request.
fn begin<'o>(
    heading: &Heading<'_>,
    keys: &Keys,
    (status, reason): (u16, &str),
    out: &'o mut Vec<u8>,
) -> Response<'o> {
    let message = heading.message;
    // RFC 3261 §8.2.6.2: a 100 begins no dialog.
    let to_tag = match status {
        100 => ToTag::Present,
        _ => heading.to_tag,
    };
    let mut response = Response::new(out, status, reason);
    match &heading.via {
        Some(via) => response.vias_of(message, via, heading.flow.remote.into()),
        None => response.copy(message, Name::Via),
    }
    copy_single(&mut response, message, Name::From);
    match (to_tag, message.header(Name::To)) {
        (ToTag::Absent, Some(to)) => response.header_with("To", |out| {
            out.extend_from_slice(to.value);
            out.extend_from_slice(b";tag=");
            out.extend_from_slice(&keys.to_tag(heading.call_id, heading.from_tag));
        }),
        _ => copy_single(&mut response, message, Name::To),
    }
    copy_single(&mut response, message, Name::CallId);
    copy_single(&mut response, message, Name::CSeq);
    response
}

/// Copies a header field of which there is only one: what is wrong with a request that has two is
/// not repeated in its answer.
fn copy_single(response: &mut Response<'_>, message: &Message<'_>, name: Name) {
    if let Some(header) = message.header(name) {
        response.header(name.as_str(), header.value);
    }
}

/// Appends a 200 that lists bindings.
pub(crate) fn write_ok(
    heading: &Heading<'_>,
    keys: &Keys,
    now: Now,
    listing: &Listing<'_>,
    out: &mut Vec<u8>,
) {
    let mut response = begin(heading, keys, (200, "OK"), out);
    for binding in listing.bindings {
        response.header_with("Contact", |out| {
            write_contact(binding, binding.promised(now.mono), out);
        });
    }
    if let Some(path) = listing.own_path() {
        response.header("Path", path);
    }
    if let Some(own) = listing.bindings.first() {
        response.lines(own.contact.repeat());
    }
    if let Some(expires) = listing.expires {
        response.header_with("Expires", |out| {
            sip::number::push_decimal(out, expires.into())
        });
    }
    response.header("Date", sip::header::date::format(now.wall.0 / 1000));
    if !listing.server.is_empty() {
        response.header("Server", listing.server.as_bytes());
    }
    response.finish(b"");
}

/// A Contact as a device sees its own: the URI verbatim, and what it was promised.
pub(crate) fn write_contact(binding: &Binding, expires: Seconds, out: &mut Vec<u8>) {
    out.push(b'<');
    out.extend_from_slice(binding.contact.uri());
    out.push(b'>');
    for part in binding.contact.params_but_lifetime() {
        out.extend_from_slice(part);
    }
    out.extend_from_slice(b";expires=");
    sip::number::push_decimal(out, expires.into());
}

/// Appends a refusal, with the header that its status requires.
pub(crate) fn write_refusal(
    heading: &Heading<'_>,
    keys: &Keys,
    refusal: &Refusal,
    server: &str,
    out: &mut Vec<u8>,
) {
    let mut response = begin(heading, keys, (refusal.status, refusal.reason), out);
    match refusal.header {
        RefusalHeader::None => {}
        RefusalHeader::MinExpires(seconds) => {
            response.header_with("Min-Expires", |out| {
                sip::number::push_decimal(out, seconds.into())
            });
        }
        RefusalHeader::RetryAfter(seconds) => {
            response.header_with("Retry-After", |out| {
                sip::number::push_decimal(out, seconds.into())
            });
        }
        RefusalHeader::Unsupported => {
            response.header_with("Unsupported", |out| write_unsupported(heading.message, out));
        }
        RefusalHeader::Allow => response.header("Allow", ALLOW),
    }
    if !server.is_empty() {
        response.header("Server", server.as_bytes());
    }
    response.finish(b"");
}

/// Appends a 401 with these challenges, whole header lines.
pub(crate) fn write_challenge(
    heading: &Heading<'_>,
    keys: &Keys,
    lines: &[u8],
    server: &str,
    out: &mut Vec<u8>,
) {
    let mut response = begin(heading, keys, (401, "Unauthorized"), out);
    response.lines(lines);
    if !server.is_empty() {
        response.header("Server", server.as_bytes());
    }
    response.finish(b"");
}

/// One list, no longer than those that it answers: nobody is to be flooded by way of us.
fn write_unsupported(message: &Message<'_>, out: &mut Vec<u8>) {
    let names = [Name::Require, Name::ProxyRequire].into_iter();
    let mut separator: &[u8] = b"";
    for tag in names.flat_map(|name| unknown_tags(message, name)) {
        out.extend_from_slice(separator);
        out.extend_from_slice(tag);
        separator = b",";
    }
}

/// Appends a refusal in place of an answer that must not go out as it is.
pub(crate) fn write_instead(answer: &Message<'_>, refusal: &Refusal, out: &mut Vec<u8>) {
    let mut response = Response::new(out, refusal.status, refusal.reason);
    for name in [Name::Via, Name::From, Name::To, Name::CallId, Name::CSeq] {
        response.copy(answer, name);
    }
    if let RefusalHeader::RetryAfter(seconds) = refusal.header {
        response.header_with("Retry-After", |out| {
            sip::number::push_decimal(out, seconds.into())
        });
    }
    response.finish(b"");
}

/// Appends a 200 to OPTIONS (RFC 3261 §11.2).
pub(crate) fn write_capabilities(
    heading: &Heading<'_>,
    keys: &Keys,
    server: &str,
    out: &mut Vec<u8>,
) {
    let mut response = begin(heading, keys, (200, "OK"), out);
    response.header("Allow", ALLOW);
    response.header("Accept", b"application/sdp");
    response.header("Supported", b"path");
    if !server.is_empty() {
        response.header("Server", server.as_bytes());
    }
    response.finish(b"");
}

/// Reads an upstream name-addr value's tag.
pub(crate) fn tag_of(value: &[u8]) -> Option<&[u8]> {
    NameAddr::parse(value).ok()?.tag()
}
