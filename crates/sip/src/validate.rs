//! Which response a message deserves before anybody looks at what it wants.
//!
//! [`check_request`] and [`check_response`] cost next to nothing: the index knows which header
//! fields are there and which are there twice. [`check_fields`] parses the typed headers that
//! every element needs; an element that parses them anyway gets the same [`Fault`] from the
//! [`ParseError`].

use core::fmt;

use crate::error::{ParseError, ParseErrorKind};
use crate::header::contact::{Contact, ContactAddr};
use crate::header::cseq::CSeq;
use crate::header::max_forwards::MaxForwards;
use crate::header::name::Name;
use crate::header::name_addr::NameAddr;
use crate::header::via::Via;
use crate::limits::MAX_URI;
use crate::message::Message;
use crate::method::Method;
use crate::uri::Uri;

/// A rule that a message breaks, as the response it deserves. Faulty responses are dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The status code.
    pub status: u16,
    /// The reason phrase.
    pub reason: &'static str,
}

impl Fault {
    /// A 400 with that reason phrase.
    pub const fn bad_request(reason: &'static str) -> Self {
        Self {
            status: 400,
            reason,
        }
    }
}

impl From<ParseError> for Fault {
    fn from(error: ParseError) -> Self {
        Self::bad_request(error.kind.as_str())
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.status, self.reason)
    }
}

const MANDATORY: u64 =
    Name::Via.bit() | Name::From.bit() | Name::To.bit() | Name::CallId.bit() | Name::CSeq.bit();

/// Header fields that occur at most once (RFC 3261 §7.3.1; RFC 4475 §3.3.8).
const SINGLE: u64 = Name::From.bit()
    | Name::To.bit()
    | Name::CallId.bit()
    | Name::CSeq.bit()
    | Name::MaxForwards.bit()
    | Name::ContentLength.bit()
    | Name::ContentType.bit()
    | Name::Expires.bit()
    | Name::MinExpires.bit();

/// Checks what every request must have: a sound start line and body, SIP/2.0, the mandatory
/// header fields (Max-Forwards may be missing, RFC 3261 §16.3 step 3), none of the single ones
/// twice, a CSeq below 2^31 with the method of the request line, and a Request-URI without
/// headers.
///
/// # Errors
/// 505 for another version, 414 for a Request-URI over [`MAX_URI`], 400 for everything else.
/// Unknown schemes pass: their 416 is the caller's.
pub fn check_request(message: &Message<'_>) -> Result<(), Fault> {
    let Some(line) = message.request() else {
        return Err(Fault::bad_request("Not A Request"));
    };
    check_version(message)?;
    check_structure(message)?;
    let cseq = cseq_of(message)?;
    if cseq.method != line.method_text {
        return Err(Fault::bad_request("CSeq Method Mismatch"));
    }
    check_request_uri(line.uri)
}

/// Checks what every response must have; as [`check_request`], as far as it applies.
///
/// # Errors
/// When the response is to be dropped; the status says what a request would have got.
pub fn check_response(message: &Message<'_>) -> Result<(), Fault> {
    if message.status().is_none() {
        return Err(Fault::bad_request("Not A Response"));
    }
    check_version(message)?;
    check_structure(message)?;
    cseq_of(message).map(|_| ())
}

/// Parses the header fields that every element looks at: Via, From, To, Max-Forwards and, in a
/// REGISTER, Contact. In other requests a Contact is the far end's to judge (RFC 3261 §16.3
/// step 1).
///
/// # Errors
/// 400 with what is wrong.
pub fn check_fields(message: &Message<'_>) -> Result<(), Fault> {
    let mut vias = message.values(Name::Via);
    vias.try_for_each(|via| Via::parse(via).map(|_| ()))?;
    for name in [Name::From, Name::To] {
        for header in message.headers_named(name) {
            let address = NameAddr::parse(header.value)?;
            Uri::parse(address.uri)?;
        }
    }
    if let Some(header) = message.header(Name::MaxForwards) {
        MaxForwards::parse(header.value)?;
    }
    match message.request() {
        Some(line) if line.method == Method::Register => check_contacts(message),
        _ => Ok(()),
    }
}

fn check_contacts(message: &Message<'_>) -> Result<(), Fault> {
    for value in message.values(Name::Contact) {
        if let Contact::Addr(ContactAddr { addr, .. }) = Contact::parse(value)? {
            Uri::parse(addr.uri)?;
        }
    }
    Ok(())
}

fn check_version(message: &Message<'_>) -> Result<(), Fault> {
    if message.version().eq_ignore_ascii_case(b"SIP/2.0") {
        return Ok(());
    }
    Err(Fault {
        status: 505,
        reason: "Version Not Supported",
    })
}

fn check_structure(message: &Message<'_>) -> Result<(), Fault> {
    if let Some(lapse) = message.lapse() {
        return Err(lapse.into());
    }
    let missing = MANDATORY & !message.seen();
    if missing != 0 {
        return Err(Fault::bad_request(missing_reason(missing)));
    }
    let repeated = SINGLE & message.repeated();
    if repeated != 0 {
        return Err(Fault::bad_request(repeated_reason(repeated)));
    }
    Ok(())
}

fn cseq_of<'a>(message: &Message<'a>) -> Result<CSeq<'a>, Fault> {
    let header = message
        .header(Name::CSeq)
        .ok_or(Fault::bad_request("Missing CSeq"))?;
    CSeq::parse(header.value).map_err(Fault::from)
}

fn check_request_uri(text: &[u8]) -> Result<(), Fault> {
    if text.len() > MAX_URI {
        return Err(Fault {
            status: 414,
            reason: "Request-URI Too Long",
        });
    }
    let uri = Uri::parse(text)?;
    // RFC 3261 §19.1.1 table 1; RFC 4475 §3.1.2.11.
    if uri.headers.is_some() {
        return Err(Fault::bad_request(ParseErrorKind::BadUriHeaders.as_str()));
    }
    Ok(())
}

fn missing_reason(missing: u64) -> &'static str {
    pick(
        missing,
        [
            (Name::Via, "Missing Via"),
            (Name::From, "Missing From"),
            (Name::To, "Missing To"),
            (Name::CallId, "Missing Call-ID"),
            (Name::CSeq, "Missing CSeq"),
        ],
    )
}

fn repeated_reason(repeated: u64) -> &'static str {
    pick(
        repeated,
        [
            (Name::From, "Repeated From"),
            (Name::To, "Repeated To"),
            (Name::CallId, "Repeated Call-ID"),
            (Name::CSeq, "Repeated CSeq"),
            (Name::MaxForwards, "Repeated Max-Forwards"),
            (Name::ContentLength, "Repeated Content-Length"),
            (Name::ContentType, "Repeated Content-Type"),
            (Name::Expires, "Repeated Expires"),
            (Name::MinExpires, "Repeated Min-Expires"),
        ],
    )
}

/// The reason of the first name that is in the set.
fn pick<const N: usize>(set: u64, reasons: [(Name, &'static str); N]) -> &'static str {
    reasons
        .iter()
        .find(|(name, _)| set & name.bit() != 0)
        .map_or("Bad Request", |(_, reason)| reason)
}

#[cfg(test)]
mod tests;
