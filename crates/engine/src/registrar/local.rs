//! Registration without a word to the main registrar: what was proved here is registered here, on
//! the lease that its AoR has, or, where there is no main registrar, on one that does not end.

use smallvec::SmallVec;

use crate::clock::{Mono, Now};
use crate::core::Core;
use crate::event::RemovalCause;
use crate::ids::{BindingId, LeaseId, NodeId, PersistSeq};
use crate::location::{Change, ContactText, Lease, Op, Registration};
use crate::output::Outbox;
use crate::registrar::absorb::jittered;
use crate::registrar::accept::evict;
use crate::registrar::answer::{Delivery, answer};
use crate::registrar::decide::{asked, want};
use crate::registrar::decision::{Refusal, RefusalHeader};
use crate::registrar::granting::{path_of, tell};
use crate::registrar::refusal::refuse;
use crate::registrar::request::{RegisterRequest, Wanted, Wish};
use crate::registrar::{doubles, remove, supersession};
use crate::txn::Kind;

/// Does what a request wants.
pub(super) fn register(
    core: &mut Core,
    now: Now,
    request: &RegisterRequest<'_>,
    devices: &[Option<BindingId>],
    out: &mut Outbox,
) {
    let (after, devices): Updated = match &request.wish {
        Wish::Query => (PersistSeq::default(), SmallVec::new()),
        Wish::RemoveAll => (remove_all(core, now, request, out), SmallVec::new()),
        Wish::Contacts(_) => match update(core, now, request, devices, out) {
            Some(done) => done,
            None => {
                let later = RefusalHeader::RetryAfter(core.retry_after());
                let refusal = Refusal::new(503, "Too Many Registrations").with(later);
                return refuse(core, request.message, request.flow, refusal, out);
            }
        },
    };
    // A repetition meets the binding (D2); where there is none it must meet a transaction, because
    // the credentials are used up.
    let txn = match devices.is_empty() {
        true => core
            .txns
            .server_key(request.message, &request.flow)
            .and_then(|key| {
                let to = request.heading.way_back();
                core.txns.start_server(now, key, Kind::NonInvite, to).ok()
            }),
        false => None,
    };
    let delivery = Delivery {
        after,
        txn,
        ..Delivery::STATELESS
    };
    answer(core, now, request, &devices, delivery, out);
}

fn remove_all(
    core: &mut Core,
    now: Now,
    request: &RegisterRequest<'_>,
    out: &mut Outbox,
) -> PersistSeq {
    let aor = request.aor_hash;
    let all: Vec<_> = core
        .table
        .bindings_of(aor)
        .map(|binding| (binding.id, (binding.stamp, binding.flow)))
        .collect();
    core.tombstones.bury(now.mono, aor, request.words());
    for (_, words) in &all {
        core.tombstones.bury(now.mono, aor, *words);
    }
    let ids = all.into_iter().map(|(id, _)| id);
    remove(core, now, ids, RemovalCause::UnregisteredAll, out)
}

/// The bindings of a request's contacts, and what a reply about them must wait for.
type Updated = (PersistSeq, SmallVec<[Option<BindingId>; 2]>);

/// Registers and removes contacts, all or none.
fn update(
    core: &mut Core,
    now: Now,
    request: &RegisterRequest<'_>,
    devices: &[Option<BindingId>],
    out: &mut Outbox,
) -> Option<Updated> {
    let lease = match request.only_removes() {
        true => None,
        false => Some(lease(core, request, devices)?),
    };
    let mut changes = Vec::new();
    let mut leaving: SmallVec<[BindingId; 2]> = SmallVec::new();
    let mut staying: SmallVec<[Option<BindingId>; 2]> = SmallVec::new();
    let mut reserved: SmallVec<[BindingId; 2]> = SmallVec::new();
    for (wanted, device) in request.contacts().iter().zip(devices) {
        if wanted.is_removal() {
            leaving.extend(*device);
            continue;
        }
        let binding = device.or_else(|| {
            let fresh = core.table.reserve(request.aor_hash.slot())?;
            reserved.push(fresh);
            Some(fresh)
        });
        let row = binding.and_then(|id| registration(core, now, request, (wanted, id), lease?));
        let Some(row) = row else {
            reserved.into_iter().for_each(|id| core.table.release(id));
            return None;
        };
        staying.push(Some(row.binding));
        changes.push(Change::of(row.binding, Op::Register(Box::new(row))));
    }
    if request.contacts().iter().any(Wanted::is_removal) {
        core.tombstones
            .bury(now.mono, request.aor_hash, request.words());
    }
    let cause = RemovalCause::Unregistered;
    let mut seq = remove(core, now, leaving.into_iter(), cause, out);
    for change in &changes {
        tell(core, request, change, out);
    }
    let superseded = supersession::superseded(core, None, &changes);
    if !changes.is_empty() {
        seq = core.commit(now, changes, out).0;
    }
    let whose = (request.aor.as_slice(), request.aor_hash);
    supersession::supersede(core, now, whose, superseded, out);
    let own: SmallVec<[BindingId; 2]> = staying.iter().flatten().copied().collect();
    let doubles = doubles::of_places(core, request.aor_hash, &own);
    let cause = RemovalCause::Evicted;
    remove(core, now, doubles.into_iter(), cause, out);
    evict(core, now, request, &own, out);
    Some((seq, staying))
}

/// The lease that the contacts are registered on. One that the main registrar has not granted is
/// made up only where there is none.
fn lease(
    core: &mut Core,
    request: &RegisterRequest<'_>,
    devices: &[Option<BindingId>],
) -> Option<Lease> {
    let of = |lease: &Lease| lease.terms == request.terms;
    let own = devices
        .iter()
        .flatten()
        .filter_map(|id| core.table.binding(*id));
    let siblings = core.table.bindings_of(request.aor_hash);
    let known = own
        .chain(siblings.filter(|_| !request.terms.is_leased() || request.terms.is_shared()))
        .map(|binding| binding.lease)
        .find(of);
    if known.is_some() || !request.terms.is_local() {
        return known;
    }
    Some(Lease {
        id: LeaseId(core.entropy.draw()),
        cseq: 0,
        node: NodeId::NONE,
        terms: request.terms,
        settings: core.settings.present(),
        epoch: core.peers.epoch(NodeId::NONE),
        granted: u32::MAX,
        until: Mono::NEVER,
    })
}

fn registration(
    core: &mut Core,
    now: Now,
    request: &RegisterRequest<'_>,
    (wanted, binding): (&Wanted<'_>, BindingId),
    lease: Lease,
) -> Option<Registration> {
    // Each device has its own, unless all share one.
    let held = core.table.binding(binding).map(|held| held.lease);
    let lease = held
        .filter(|held| held.terms == request.terms)
        .unwrap_or(lease);
    let policy = &core.policy.of(&request.aor).registration;
    let granted = want(wanted, request.reach, policy).min(lease.usable(now.mono));
    let (asked, percent) = (asked(wanted, policy), policy.jitter_percent);
    if granted == 0 {
        return None;
    }
    let jittered = jittered(core, granted, percent);
    let repeat = core
        .table
        .binding(binding)
        .map(|held| held.contact.repeat().to_vec());
    let contact = ContactText::new(
        wanted.uri,
        wanted.params.as_bytes(),
        &path_of(request),
        &repeat.unwrap_or_default(),
    )?;
    Some(Registration {
        binding,
        aor: request.aor.as_slice().into(),
        aor_hash: request.aor_hash,
        contact,
        flow: request.flow,
        stamp: request.stamp,
        asked,
        granted,
        expires_at: now.mono.plus_seconds(jittered),
        proved_at: now.mono,
        lease: Lease {
            epoch: match lease.terms.is_local() {
                true => core.peers.epoch(lease.node),
                false => lease.epoch,
            },
            ..lease
        },
        pending: PersistSeq::default(),
    })
}
