//! What did the main registrar grant? (docs/registration.md, `granted`) Pure: a 2xx and what was asked, to
//! lifetimes.

use sip::header::contact::Contact;
use sip::header::expires::DeltaSeconds;
use sip::{Message, Name};

use crate::clock::Seconds;

/// What a 2xx gives to a contact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Grant {
    /// For how long. 0 means that the main registrar holds no such contact any more.
    pub(crate) seconds: Seconds,
    /// Whether the 2xx bears it out.
    pub(crate) standing: Standing,
}

/// Whether a 2xx bears out what it grants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It lists the contact, or none at all.
    Good,
    /// It lists others but not this one, which it must (RFC 3261 §10.3 step 8): accepted, but not to
    /// be built on (R14).
    Doubtful,
}

/// What a 2xx gives to the contact that `is_own`: its `expires`, else the `Expires` header, else what
/// was asked.
pub(crate) fn granted(
    response: &Message<'_>,
    is_own: impl Fn(&[u8]) -> bool,
    asked: Seconds,
) -> Grant {
    let listed = response
        .values(Name::Contact)
        .filter_map(|value| match Contact::parse(value) {
            Ok(Contact::Addr(contact)) => Some(contact),
            _ => None,
        });
    // Some keep a contact once for each Call-ID: what is left longest holds the calls.
    let own = listed
        .filter(|contact| is_own(contact.addr.uri))
        .max_by_key(|contact| contact.expires.map(|delta| delta.0));
    let standing = match own {
        None if response.has(Name::Contact) => Standing::Doubtful,
        _ => Standing::Good,
    };
    let seconds = match own.and_then(|contact| contact.expires) {
        Some(delta) => delta.0,
        None => response
            .header(Name::Expires)
            .and_then(|header| DeltaSeconds::parse(header.value).ok())
            .map_or(asked, |delta| delta.0),
    };
    Grant { seconds, standing }
}
