//! Loops and breadth (RFC 5393): a request that comes back to where it was before is told from one
//! that comes by for a good reason, and a fork of forks is kept from growing without end.

use core::hash::Hasher;

use sip::header::cseq::CSeq;
use sip::header::via::Via;
use sip::{Message, Name};
use siphasher::sip::SipHasher24;

use crate::keys::{Keys, hex16};
use crate::policy::Policy;
use crate::proxy::itinerary::Itinerary;
use crate::proxy::ourselves::is_our_place;
use crate::registrar::heading::Heading;

/// Breadth of a request that names none (RFC 5393 §5.3.3).
const MAX_BREADTH: u32 = 60;

/// The Via parameter that holds the hash.
const PARAM: &str = "mr-loop";

/// What our decision where to send a request depends on, in sixteen hex digits (RFC 5393 §4.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LoopHash([u8; 16]);

impl LoopHash {
    /// Of a request as it came.
    pub(crate) fn of(keys: &Keys, heading: &Heading<'_>, itinerary: &Itinerary<'_>) -> Self {
        let message = heading.message;
        let (first, second) = keys.loops();
        let mut hasher = SipHasher24::new_with_keys(first, second);
        let mut take = |text: &[u8]| {
            hasher.write_usize(text.len());
            hasher.write(text);
        };
        take(itinerary.uri);
        take(heading.call_id);
        take(heading.from_tag);
        for name in [
            Name::To,
            Name::Route,
            Name::ProxyRequire,
            Name::ProxyAuthorization,
        ] {
            message
                .headers_named(name)
                .for_each(|header| take(header.value));
        }
        let cseq = message.header(Name::CSeq);
        if let Some(cseq) = cseq.and_then(|cseq| CSeq::parse(cseq.value).ok()) {
            take(&cseq.number.to_be_bytes());
        }
        Self(hex16(hasher.finish()))
    }

    /// Whether a request has this very way behind it already.
    pub(crate) fn was_here(&self, message: &Message<'_>) -> bool {
        message.values(Name::Via).any(|via| {
            let via = Via::parse(via).ok();
            let hash = via.and_then(|via| via.params.get(PARAM).flatten());
            hash.is_some_and(|hash| hash == self.0)
        })
    }

    /// Appends it as a parameter of our Via.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        out.push(b';');
        out.extend_from_slice(PARAM.as_bytes());
        out.push(b'=');
        out.extend_from_slice(&self.0);
    }
}

/// Whether we sent a request to ourselves. The main registrar may live on our host, and a device may
/// name any port there: what comes back must not pass for the main registrar's own.
pub(crate) fn is_from_ourselves(message: &Message<'_>, policy: &Policy) -> bool {
    let top = message.values(Name::Via).next();
    top.and_then(|via| Via::parse(via).ok()).is_some_and(|via| {
        via.params.contains(PARAM) && is_our_place(policy, (&via.host, via.port))
    })
}

/// How many branches a request may still have at a time.
pub(crate) fn breadth_of(message: &Message<'_>) -> u32 {
    let header = message.header(Name::MaxBreadth);
    let value = header.and_then(|header| sip::number::parse_decimal(header.value));
    value.map_or(MAX_BREADTH, |breadth| {
        u32::try_from(breadth).map_or(MAX_BREADTH, |breadth| breadth.min(MAX_BREADTH))
    })
}
