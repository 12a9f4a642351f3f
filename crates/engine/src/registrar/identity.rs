//! Which device is it? (R3) A pure comparison of a wanted contact with a stored one.
//!
//! The first criterion that both sides have *decides*, so that a device keeps its lease and its
//! TOKEN through new Contacts, Call-IDs and flows, and two devices never melt into one.

use core::cmp::Reverse;
use core::net::IpAddr;

use sip::{Params, Uri};
use smallvec::{SmallVec, smallvec};

use crate::ids::BindingId;
use crate::location::{Binding, Record};
use crate::registrar::request::{RegisterRequest, Wanted};

/// What is compared besides the contact itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sender {
    call_id: u64,
    source: IpAddr,
    contacts: usize,
}

/// What two contacts have in common, the more decisive the greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Likeness {
    /// The same Contact from the same address.
    Place,
    /// The Call-ID only: of the same phone, which may have several contacts.
    Phone,
    /// The Call-ID and the Contact.
    PhoneAndPlace,
    /// What the device says of itself.
    Device,
    /// What the device says of itself, and the Contact: one device may have several.
    DeviceAndPlace,
}

impl Sender {
    /// Who sent a request.
    pub(crate) fn of(request: &RegisterRequest<'_>) -> Self {
        Self {
            call_id: request.stamp.call_id,
            source: request.flow.remote.ip(),
            contacts: request.contacts().len(),
        }
    }
}

/// The binding of each wanted contact's device, no binding twice: where several contacts of a
/// request are like one binding, the one that is most like it has it.
pub(crate) fn devices_of(
    request: &RegisterRequest<'_>,
    record: &Record,
) -> SmallVec<[Option<BindingId>; 2]> {
    let sender = Sender::of(request);
    let contacts = request.contacts();
    if let [wanted] = contacts {
        return smallvec![device_of(wanted, sender, record)];
    }
    let mut pairs: SmallVec<[(Likeness, usize, BindingId); 8]> = SmallVec::new();
    for (at, wanted) in contacts.iter().enumerate() {
        let like = |binding| Some((likeness(wanted, sender, binding)?, at, binding.id));
        // With several contacts the Call-ID does not tell which of them is meant.
        let told = |pair: &(Likeness, usize, BindingId)| pair.0 != Likeness::Phone;
        pairs.extend(record.bindings().filter_map(like).filter(told));
    }
    pairs.sort_by_key(|(likeness, at, _)| (Reverse(*likeness), *at));
    let mut devices: SmallVec<[Option<BindingId>; 2]> = smallvec![None; contacts.len()];
    for (_, at, binding) in pairs {
        let taken = devices.contains(&Some(binding));
        if let Some(device @ None) = devices.get_mut(at)
            && !taken
        {
            *device = Some(binding);
        }
    }
    devices
}

/// The binding of the device that wants `wanted`, its request's only contact.
fn device_of(wanted: &Wanted<'_>, sender: Sender, record: &Record) -> Option<BindingId> {
    let (likeness, binding) = record
        .bindings()
        .filter_map(|binding| Some((likeness(wanted, sender, binding)?, binding)))
        .max_by_key(|(likeness, _)| *likeness)?;
    match likeness {
        // A removal names what is to go: another contact of the phone is not meant.
        Likeness::Phone if wanted.is_removal() || !is_only_contact(sender, record) => None,
        _ => Some(binding.id),
    }
}

/// Which of some departed bindings is of the device that wants `wanted`: the one most like it.
pub(crate) fn departed<'b>(
    wanted: &Wanted<'_>,
    sender: Sender,
    bindings: impl Iterator<Item = &'b Binding>,
) -> Option<BindingId> {
    bindings
        .filter(|binding| same_device(wanted, sender, binding))
        .max_by_key(|binding| likeness(wanted, sender, binding))
        .map(|binding| binding.id)
}

/// Whether a departed `binding` is of the device that wants `wanted`.
pub(crate) fn same_device(wanted: &Wanted<'_>, sender: Sender, binding: &Binding) -> bool {
    match likeness(wanted, sender, binding) {
        Some(Likeness::Phone) => sender.contacts == 1 && !wanted.is_removal(),
        likeness => likeness.is_some(),
    }
}

/// Where a phone has several contacts, the Call-ID does not tell which of them is meant.
fn is_only_contact(sender: Sender, record: &Record) -> bool {
    let of_phone = |binding: &&Binding| binding.stamp.call_id == sender.call_id;
    record.bindings().filter(of_phone).count() == 1
}

fn likeness(wanted: &Wanted<'_>, sender: Sender, binding: &Binding) -> Option<Likeness> {
    let same_place = || same_uri(wanted.uri, binding.contact.uri());
    if let Some(same) = same_by_its_own_word(wanted, binding) {
        return match same {
            true if same_place() => Some(Likeness::DeviceAndPlace),
            true => Some(Likeness::Device),
            false => None,
        };
    }
    let same_phone = sender.call_id == binding.stamp.call_id;
    match (same_phone, same_place()) {
        (true, true) => Some(Likeness::PhoneAndPlace),
        (true, false) => Some(Likeness::Phone),
        (false, true) if sender.source == binding.flow.remote.ip() => Some(Likeness::Place),
        (false, _) => None,
    }
}

/// Whether two bindings are one and the same: at one place, under one name, on one flow, and neither
/// says that it is another.
pub(crate) fn same_place(one: &Binding, other: &Binding) -> bool {
    let differ = |one: Option<&[u8]>, other: Option<&[u8]>| match (one, other) {
        (Some(one), Some(other)) => one != other,
        _ => false,
    };
    let (name, other_name) = (&one.contact, &other.contact);
    one.flow == other.flow
        && same_uri(name.uri(), other_name.uri())
        && !differ(name.instance(), other_name.instance())
        && name.reg_id == other_name.reg_id
}

/// What the devices say of themselves, where both say something.
fn same_by_its_own_word(wanted: &Wanted<'_>, binding: &Binding) -> Option<bool> {
    if let (Some(ours), Some(theirs)) = (wanted.instance, binding.contact.instance()) {
        return Some(ours == theirs && wanted.reg_id == binding.contact.reg_id);
    }
    same_push(wanted.uri, binding.contact.uri())
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
    if !has_push(one) || !has_push(other) {
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
