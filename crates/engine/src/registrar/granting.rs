//! What a 2xx makes of the contacts of its request: a plan of changes, and its application.

use sip::{Message, Name};
use smallvec::SmallVec;

use crate::clock::Now;
use crate::core::Core;
use crate::defect::Defect;
use crate::event::{Event, Novelty, RemovalCause};
use crate::hop;
use crate::ids::{BindingId, PersistSeq};
use crate::location::{Binding, Change, ContactText, Lease, Op, Registration};
use crate::output::Outbox;
use crate::registrar::absorb::jittered;
use crate::registrar::accept::{Verdict, claimed};
use crate::registrar::address::Address;
use crate::registrar::conversation::Hold;
use crate::registrar::decide::{asked, want};
use crate::registrar::identity::same_uri;
use crate::registrar::reconcile::{self, Grant, Standing};
use crate::registrar::request::{RegisterRequest, Wanted};
use crate::registrar::{settlement, supersession};

/// What a 2xx does to the contacts of its request.
#[derive(Default)]
pub(super) struct Plan {
    changes: Vec<Change>,
    gone: SmallVec<[BindingId; 1]>,
    /// Those of them that the main registrar was not told of and has renewed.
    renewed: SmallVec<[(BindingId, Lease); 1]>,
    /// The lease that the AoR's devices share, as it is now.
    shared: Option<Lease>,
}

impl Plan {
    /// The changes alone.
    pub(super) fn into_changes(self) -> Vec<Change> {
        self.changes
    }

    pub(super) fn leave(&mut self, core: &Core, binding: BindingId) {
        self.gone.push(binding);
        if core.table.binding(binding).is_some() {
            let cause = RemovalCause::Unregistered;
            self.changes
                .push(Change::of(binding, Op::Remove { binding, cause }));
        }
    }

    /// The main registrar holds one that is gone here, on this lease.
    pub(super) fn give_back(&mut self, binding: BindingId, lease: Lease) {
        self.renewed.push((binding, lease));
    }

    fn is_about(&self, binding: BindingId) -> bool {
        let registers = |change: &Change| match &change.op {
            Op::Register(registration) => registration.binding == binding,
            _ => false,
        };
        self.gone.contains(&binding) || self.changes.iter().any(registers)
    }

    pub(super) fn register(&mut self, registration: Registration) {
        let binding = registration.binding;
        self.changes
            .push(Change::of(binding, Op::Register(Box::new(registration))));
    }
}

/// What the main registrar granted for a contact, counted from when we asked.
pub(super) fn lease(
    core: &Core,
    verdict: &Verdict<'_, '_>,
    (wanted, binding): (&Wanted<'_>, BindingId),
) -> Option<Lease> {
    let policy = &core.policy;
    let terms = verdict.asking.terms;
    let fallback = match terms.is_proxied() {
        true => asked(wanted, &policy.of(&verdict.request.aor).registration),
        false => verdict.asking.asked,
    };
    let conversation = core.conversations.get(verdict.id)?;
    let address = Address::new(policy, &core.keys, terms, &verdict.request.aor);
    let advertise = hop::advertised(policy, conversation.node);
    let own = |uri: &[u8]| address.is(uri, advertise, (binding, wanted.uri));
    let Grant { seconds, standing } = reconcile::granted(verdict.response, own, fallback);
    let seconds = match core.seeded.is(Defect::GrantBeyondLease) {
        true => seconds.saturating_mul(2),
        false => seconds,
    };
    Some(Lease {
        id: conversation.lease,
        cseq: conversation.cseq,
        node: conversation.node,
        terms,
        settings: verdict.asking.settings,
        epoch: match (standing, verdict.asking.standing) {
            (Standing::Good, Standing::Good) => core.peers.epoch(conversation.node),
            _ => 0,
        },
        granted: seconds,
        until: verdict.sent_at.plus_seconds(seconds),
    })
}

pub(super) fn registration(
    core: &mut Core,
    now: Now,
    verdict: &Verdict<'_, '_>,
    (wanted, binding): (&Wanted<'_>, BindingId),
    lease: Lease,
) -> Option<Registration> {
    let request = verdict.request;
    let registration = &core.policy.of(&request.aor).registration;
    let asked = asked(wanted, registration);
    let (promise, expires_at) = match verdict.asking.terms.is_proxied() {
        // The main registrar's own promise, which the device is told as it stands.
        true => (lease.granted, lease.until),
        false => {
            let want = want(wanted, request.reach, registration);
            let promise = want.min(lease.usable(now.mono));
            let percent = registration.jitter_percent;
            let jittered = jittered(core, promise, percent);
            (promise, now.mono.plus_seconds(jittered))
        }
    };
    if promise == 0 {
        return None;
    }
    Some(Registration {
        binding,
        aor: request.aor.as_slice().into(),
        aor_hash: request.aor_hash,
        contact: contact_text(request, verdict.response, wanted)?,
        flow: request.flow,
        stamp: request.stamp,
        asked,
        granted: promise,
        expires_at,
        proved_at: now.mono,
        lease,
        pending: PersistSeq::default(),
    })
}

/// What is stored of a contact: its own words, and what the main registrar said for it (R12).
fn contact_text(
    request: &RegisterRequest<'_>,
    response: &Message<'_>,
    wanted: &Wanted<'_>,
) -> Option<ContactText> {
    let path = path_of(request);
    let mut repeat = Vec::new();
    for (name, text) in [
        (Name::ServiceRoute, "Service-Route: "),
        (Name::PAssociatedUri, "P-Associated-URI: "),
    ] {
        for header in response.headers_named(name) {
            repeat.extend_from_slice(text.as_bytes());
            repeat.extend_from_slice(header.value);
            repeat.extend_from_slice(b"\r\n");
        }
    }
    ContactText::new(wanted.uri, wanted.params.as_bytes(), &path, &repeat)
}

/// The Path of a request, its values joined by commas.
pub(super) fn path_of(request: &RegisterRequest<'_>) -> Vec<u8> {
    let mut path = Vec::new();
    for value in request.message.values(Name::Path) {
        if !path.is_empty() {
            path.push(b',');
        }
        path.extend_from_slice(value);
    }
    path
}

/// Leases were granted anew to those contacts of a request that are bound; other contacts of their
/// device may be on the same one, but nothing was said of them.
pub(super) fn keep(core: &Core, verdict: &Verdict<'_, '_>, plan: &mut Plan) {
    let (aor, hash) = (&verdict.request.aor, verdict.request.aor_hash);
    let contacts = verdict.request.contacts().iter();
    for (wanted, id) in contacts.zip(claimed(core, verdict.id)) {
        let Some(held) = core.table.binding_of(hash, id) else {
            continue;
        };
        if let Some(lease) = lease(core, verdict, (wanted, id))
            && lease.granted > 0
            && lease.id == held.lease.id
        {
            let row = held.as_registered(aor, hash);
            plan.register(Registration {
                expires_at: row.expires_at.min(lease.carries_until()),
                lease: as_trusted(held, lease),
                ..row
            });
        }
    }
}

/// A lease as it is known for a binding: what the store has lost is its device's to bring again.
fn as_trusted(held: &Binding, lease: Lease) -> Lease {
    let epoch = if held.is_lost() { 0 } else { lease.epoch };
    Lease { epoch, ..lease }
}

/// A lease was granted anew, for whomever of those that share it. Those of them that the store may
/// not have yet are written as a whole.
pub(super) fn share(core: &Core, verdict: &Verdict<'_, '_>, plan: &mut Plan) {
    let contacts = verdict.request.contacts().iter();
    let granted = contacts
        .zip(claimed(core, verdict.id))
        .filter_map(|(wanted, binding)| lease(core, verdict, (wanted, binding)));
    let Some(lease) = granted.min_by_key(|lease| lease.granted) else {
        return;
    };
    let hash = verdict.request.aor_hash;
    // Where nothing is left there, whoever stays here asks again.
    let epoch = if lease.granted == 0 { 0 } else { lease.epoch };
    let lease = Lease { epoch, ..lease };
    for binding in core.table.bindings_of(hash) {
        if plan.is_about(binding.id) {
            continue;
        }
        let whole = match binding.lease.id == lease.id {
            true => !binding.is_lost() && !core.gate.is_durable(binding.pending),
            // Another lease that is the same Contact there is this one by now.
            false => {
                let shared = binding.lease.terms.is_shared();
                let aor = &verdict.request.aor;
                shared && supersession::same_lease(core, aor, &binding.lease, &lease)
            }
        };
        if whole {
            let row = Registration {
                lease: as_trusted(binding, lease),
                ..binding.as_registered(&verdict.request.aor, hash)
            };
            plan.register(row);
        }
    }
    let slot = hash.slot();
    let op = Op::Renew { aor: hash, lease };
    plan.changes.push(Change { slot, op });
    plan.shared = Some(lease);
}

pub(super) fn apply(
    core: &mut Core,
    now: Now,
    verdict: &Verdict<'_, '_>,
    plan: Plan,
    out: &mut Outbox,
) -> PersistSeq {
    let request = verdict.request;
    let Plan {
        changes,
        gone,
        renewed,
        shared,
    } = plan;
    for change in &changes {
        tell(core, request, change, out);
    }
    let spoken = core.conversations.get(verdict.id).map(|own| own.lease);
    let superseded = supersession::superseded(core, spoken, &changes);
    let (seq, removed) = match changes.is_empty() {
        true => (PersistSeq::default(), SmallVec::new()),
        false => core.commit(now, changes, out),
    };
    if !gone.is_empty() {
        core.tombstones
            .bury(now.mono, request.aor_hash, request.words());
    }
    supersession::supersede(core, now, (&request.aor, request.aor_hash), superseded, out);
    if !verdict.asking.terms.rewrites_contact() {
        distrust_namesakes(core, now, request, out);
    }
    let Some(conversation) = core.conversations.get_mut(verdict.id) else {
        return seq;
    };
    // Behind the claims of this request may stand some that are still to be given back.
    let own = request.contacts().len();
    for claim in conversation.claims.iter_mut().take(own) {
        claim.hold = match gone.contains(&claim.binding) {
            // Gone on both sides: its address is free again when the conversation ends.
            true => Hold::Reserved(Box::default()),
            false => Hold::Committed,
        };
    }
    for (binding, lease) in renewed {
        let left = removed.iter().find(|left| left.id == binding);
        let claim = conversation
            .claims
            .iter_mut()
            .find(|c| c.binding == binding);
        if let (Some(left), Some(claim)) = (left, claim) {
            let departed = Binding {
                lease,
                ..(**left).clone()
            };
            claim.hold = Hold::Departed(Box::new(departed));
        }
    }
    if let Some(lease) = shared {
        settlement::settle_shared(core, now, verdict.id, (lease, removed), out);
    }
    seq
}

/// With `path` insertion the main registrar keeps contacts by the names that devices give them: one
/// that was removed may have been another device's as well (R3).
fn distrust_namesakes(core: &mut Core, now: Now, request: &RegisterRequest<'_>, out: &mut Outbox) {
    let named = |binding: &Binding| {
        let mut removed = request
            .contacts()
            .iter()
            .filter(|wanted| wanted.is_removal());
        removed.any(|wanted| same_uri(wanted.uri, binding.contact.uri()))
    };
    let namesakes: SmallVec<[BindingId; 2]> = core
        .table
        .bindings_of(request.aor_hash)
        .filter(|binding| named(binding))
        .map(|binding| binding.id)
        .collect();
    core.distrust(now, namesakes, out);
}

pub(super) fn tell(core: &Core, request: &RegisterRequest<'_>, change: &Change, out: &mut Outbox) {
    let aor = Core::aor_text(&request.aor);
    match &change.op {
        Op::Register(registration) => out.event(Event::BindingRegistered {
            aor,
            binding: registration.binding,
            source: request.flow.remote,
            granted: registration.granted,
            lease: registration.lease.granted,
            novelty: match core.table.binding(registration.binding) {
                Some(_) => Novelty::Known,
                None => Novelty::New,
            },
        }),
        Op::Remove { binding, cause } => {
            out.event(Event::BindingRemoved {
                aor,
                binding: *binding,
                cause: *cause,
            });
        }
        Op::Renew { .. }
        | Op::Refresh(_)
        | Op::Spent { .. }
        | Op::Distrust { .. }
        | Op::Epoch { .. } => {}
    }
}
