//! What a 2xx says of the other devices of its AoR (R14): a main registrar that lists all contacts
//! and leaves one out has lost it, and its device's next REGISTER is forwarded.

use sip::Name;
use sip::header::contact::Contact;
use smallvec::SmallVec;

use crate::clock::Now;
use crate::core::Core;
use crate::event::{EpochCause, Event};
use crate::ids::BindingId;
use crate::output::Outbox;
use crate::peer::Listing;
use crate::registrar::accept::{Verdict, claimed};
use crate::registrar::address::Address;

/// Compares what a 2xx lists with the leases that the AoR's other devices have there.
pub(super) fn compare(core: &mut Core, now: Now, verdict: &Verdict<'_, '_>, out: &mut Outbox) {
    let terms = verdict.asking.terms;
    if !terms.is_leased() || terms.is_shared() || !verdict.response.has(Name::Contact) {
        return;
    }
    let Some(node) = core.conversations.get(verdict.id).map(|c| c.node) else {
        return;
    };
    let (listed, missing) = siblings(core, now, verdict);
    if !listed.is_empty() {
        core.peers.lists_all(node);
    }
    if missing.is_empty() {
        return;
    }
    let aor = Core::aor_text(&verdict.request.aor);
    if core.peers.listing(node) != Listing::All {
        core.peers.lists_one(node);
        return out.event(Event::SiblingsUnlisted { aor, node });
    }
    core.distrust(now, missing.iter().copied(), out);
    for binding in missing {
        let aor = aor.clone();
        out.event(Event::LeaseLost { aor, binding, node });
        if core.peers.lost(now.mono, node, verdict.request.aor_hash) {
            core.begin_epoch(now, node, EpochCause::Losses, out);
        }
    }
}

type Bindings = SmallVec<[BindingId; 4]>;

/// The other devices with a lease that should run at the node that answered: those that it lists,
/// and those that it does not. One that was granted anew since the request went out may have
/// missed the list.
fn siblings(core: &Core, now: Now, verdict: &Verdict<'_, '_>) -> (Bindings, Bindings) {
    let own = claimed(core, verdict.id);
    let (policy, terms) = (&core.policy, verdict.asking.terms);
    let address = Address::new(policy, &core.keys, terms, &verdict.request.aor);
    let node = core.conversations.get(verdict.id).map(|c| c.node);
    let advertise = node.map_or("", |node| crate::hop::advertised(policy, node));
    let names = |id: BindingId, uri: &[u8]| {
        verdict.response.values(Name::Contact).any(|value| {
            matches!(Contact::parse(value), Ok(Contact::Addr(contact))
                if address.is(contact.addr.uri, advertise, (id, uri)))
        })
    };
    core.table
        .bindings_of(verdict.request.aor_hash)
        .filter(|binding| !own.contains(&binding.id) && Some(binding.lease.node) == node)
        .filter(|binding| binding.lease.terms == terms && binding.proved_at < verdict.sent_at)
        .filter(|binding| binding.lease.usable(now.mono) > 0)
        .filter(|binding| core.peers.trusts(&binding.lease))
        .map(|binding| (binding.id, names(binding.id, binding.contact.uri())))
        .fold(
            Default::default(),
            |(mut listed, mut missing): (Bindings, Bindings), (id, found)| {
                match found {
                    true => listed.push(id),
                    false => missing.push(id),
                }
                (listed, missing)
            },
        )
}
