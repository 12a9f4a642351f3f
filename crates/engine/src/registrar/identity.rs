//! Which device is it? (R3) A pure comparison of a wanted contact with a stored one.
//!
//! The first criterion that both sides have *decides*, so that a device keeps its lease and its
//! TOKEN through new Contacts, Call-IDs and flows, and two devices never melt into one.

use core::net::IpAddr;

use sip::{Params, Uri};

use crate::location::Binding;
use crate::registrar::request::Wanted;

/// What is compared besides the contact itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sender {
    /// Keyed hash of the request's Call-ID.
    pub(crate) call_id: u64,
    /// Source address of the request.
    pub(crate) source: IpAddr,
    /// How many contacts the request names. With several, the Call-ID says only that they are of
    /// one phone, and the Contact URI tells them apart.
    pub(crate) contacts: usize,
}

/// Whether `binding` is of the device that wants `wanted`.
pub(crate) fn same_device(wanted: &Wanted<'_>, sender: Sender, binding: &Binding) -> bool {
    if let (Some(ours), Some(theirs)) = (wanted.instance, binding.contact.instance()) {
        return ours == theirs && wanted.reg_id == binding.contact.reg_id;
    }
    match same_push(wanted.uri, binding.contact.uri()) {
        Some(verdict) => return verdict,
        None if sender.call_id == binding.stamp.call_id => {
            return sender.contacts == 1 || same_uri(wanted.uri, binding.contact.uri());
        }
        None => {}
    }
    sender.source == binding.flow.remote.ip() && same_uri(wanted.uri, binding.contact.uri())
}

/// RFC 3261 §19.1.4, with the usual case (the same bytes) first.
pub(crate) fn same_uri(one: &[u8], other: &[u8]) -> bool {
    if one == other {
        return true;
    }
    match (Uri::parse(one), Uri::parse(other)) {
        (Ok(one), Ok(other)) => one.equivalent(&other),
        _ => false,
    }
}

/// RFC 8599 §5.3: provider, prid and, where given, param. `None` when one side has no push
/// parameters to compare.
fn same_push(one: &[u8], other: &[u8]) -> Option<bool> {
    if one == other || !has_push(one) || !has_push(other) {
        return None;
    }
    let (one, other) = (Uri::parse(one).ok()?, Uri::parse(other).ok()?);
    let value = |params: &Params<'_>, name: &str| {
        params
            .get(name)
            .flatten()
            .filter(|value| !value.is_empty())
            .map(<[u8]>::to_vec)
    };
    let mandatory = ["pn-provider", "pn-prid"];
    for name in mandatory {
        if value(&one.params, name).is_none() || value(&other.params, name).is_none() {
            return None;
        }
    }
    Some(
        mandatory
            .into_iter()
            .chain(["pn-param"])
            .all(|name| value(&one.params, name) == value(&other.params, name)),
    )
}

fn has_push(uri: &[u8]) -> bool {
    uri.windows(8)
        .any(|window| window.eq_ignore_ascii_case(b"pn-prid="))
}

/// Whether the header parameters of a wanted contact, `expires` aside, are those stored. The same
/// bytes are the usual case.
pub(crate) fn same_params(wanted: Params<'_>, stored: &[u8]) -> bool {
    if wanted.as_bytes() == stored {
        return true;
    }
    fn lasting(params: Params<'_>) -> impl Iterator<Item = sip::Param<'_>> {
        params.iter().filter(|param| !param.is("expires"))
    }
    lasting(wanted).eq(lasting(Params::new(stored)))
}
