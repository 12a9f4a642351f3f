//! The main registrar's 2xx as the device reads it: its own contacts in place of ours, its own
//! promise in place of the lease (R4, R6).

use sip::Name;
use sip::header::contact::Contact;
use smallvec::SmallVec;

use crate::clock::Now;
use crate::core::Core;
use crate::gate::{ReadyReply, Repeat};
use crate::ids::{BindingId, PersistSeq};
use crate::output::Outbox;
use crate::registrar::accept::{Verdict, claimed};
use crate::registrar::address::Address;
use crate::registrar::answer::listed;
use crate::registrar::departure::farewell;
use crate::registrar::relay::{self, Challenge, Restored};
use crate::registrar::reply::{Listing, write_contact};
use crate::registrar::request::Wanted;

/// The device's 200, held until the store has what it promises.
pub(super) fn confirm(
    core: &mut Core,
    now: Now,
    verdict: &Verdict<'_, '_>,
    seq: PersistSeq,
    out: &mut Outbox,
) {
    let mut bytes = Vec::with_capacity(1024);
    let mut lines = Vec::with_capacity(512);
    let terms = verdict.asking.terms;
    let (response, request) = (verdict.response, verdict.request.message);
    match (terms.is_proxied(), terms.rewrites_contact()) {
        (false, _) => restored(core, now, verdict, (&mut lines, &mut bytes)),
        (true, true) => {
            mirrored_contacts(core, verdict, &mut lines);
            relay::write_proxied(response, request, Some(&lines), &mut bytes);
        }
        (true, false) => {
            let (policy, aor) = (&core.policy, &verdict.request.aor);
            let address = Address::new(policy, &core.keys, terms, aor);
            relay::write_with_path(response, request, &address, &mut bytes);
        }
    }
    let reply = ReadyReply {
        flow: verdict.request.flow,
        txn: Some(verdict.asking.arrival.txn),
        status: verdict.response.status().unwrap_or(200),
        repeat: who_repeats(core, verdict),
        bytes: &bytes,
    };
    let seq = seq.max(farewell(core, now, verdict.request, out));
    core.reply(now, seq, reply, out);
}

/// D2 answers a repetition where every contact that the request registers is a binding now. Behind
/// the claims of its contacts may stand some that are still to be given back.
fn who_repeats(core: &Core, verdict: &Verdict<'_, '_>) -> Repeat {
    let request = verdict.request;
    let registers = |wanted: &Wanted<'_>| !wanted.is_removal();
    let is_known = |id: BindingId| {
        let held = core.table.binding(id);
        held.is_some_and(|binding| binding.stamp == request.stamp)
    };
    let mut claims = request.contacts().iter().zip(claimed(core, verdict.id));
    let all_known = !verdict.asking.terms.is_proxied()
        && request.contacts().iter().any(registers)
        && claims.all(|(wanted, id)| !registers(wanted) || is_known(id));
    if all_known {
        Repeat::ByBinding
    } else {
        Repeat::ByTransaction
    }
}

fn restored(
    core: &Core,
    now: Now,
    verdict: &Verdict<'_, '_>,
    (lines, bytes): (&mut Vec<u8>, &mut Vec<u8>),
) {
    let request = verdict.request;
    let own = claimed(core, verdict.id);
    let own: SmallVec<[Option<BindingId>; 2]> = own.into_iter().map(Some).collect();
    let listed = listed(core, request, &own);
    for binding in &listed {
        lines.extend_from_slice(b"Contact: ");
        write_contact(binding, binding.promised(now.mono), lines);
        lines.extend_from_slice(b"\r\n");
    }
    let first = own.iter().flatten().find_map(|id| core.table.binding(*id));
    let listing = Listing {
        bindings: &listed,
        expires: first.map(|binding| binding.promised(now.mono)),
        server: "",
        path_support: request.path_support,
    };
    if let Some(path) = listing.own_path() {
        lines.extend_from_slice(b"Path: ");
        lines.extend_from_slice(path);
        lines.extend_from_slice(b"\r\n");
    }
    let how = Restored {
        request: request.message,
        came_by: request.flow,
        tag: &core
            .keys
            .to_tag(request.heading.call_id, request.heading.from_tag),
        contacts: Some(lines),
        expires: listing.expires,
        challenge: Challenge::Verbatim,
    };
    relay::write_restored(verdict.response, &how, bytes);
}

/// In `mirror` the device sees the main registrar's list, with every token turned back into the
/// contact it stands for; its own contacts come first (R4).
fn mirrored_contacts(core: &Core, verdict: &Verdict<'_, '_>, lines: &mut Vec<u8>) {
    let own = claimed(core, verdict.id);
    let (policy, terms) = (&core.policy, verdict.asking.terms);
    let address = Address::new(policy, &core.keys, terms, &verdict.request.aor);
    let mut others = Vec::new();
    for value in verdict.response.values(Name::Contact) {
        let Ok(Contact::Addr(contact)) = Contact::parse(value) else {
            continue;
        };
        let ours = address.device(contact.addr.uri);
        let list = match ours {
            Some(id) if own.contains(&id) => &mut *lines,
            _ => &mut others,
        };
        list.extend_from_slice(b"Contact: ");
        match ours.and_then(|id| core.table.binding(id)) {
            Some(binding) => {
                let left = || binding.lease.until.seconds_after(verdict.sent_at);
                let expires = contact.expires.map_or_else(left, |delta| delta.0);
                write_contact(binding, expires, list);
            }
            None => list.extend_from_slice(value),
        }
        list.extend_from_slice(b"\r\n");
    }
    lines.append(&mut others);
}
