//! The main registrar's verdict on a forwarded REGISTER, and what it makes of our state: its 2xx is
//! the only thing that commits a binding (R1), its definitive refusal may end one (R16), and while
//! it is out of order a running lease carries what it can (D14).

use sip::header::contact::Contact;
use sip::{Message, Name};
use smallvec::SmallVec;

use crate::clock::{Mono, Now};
use crate::core::Core;
use crate::event::{Event, Novelty, RemovalCause};
use crate::gate::{ReadyReply, Repeat};
use crate::ids::{BindingId, PersistSeq};
use crate::location::{Binding, Change, ContactText, Lease, Op, Registration};
use crate::output::Outbox;
use crate::policy::{ChallengePolicy, Mode, Overflow};
use crate::registrar::conversation::{Asking, Claim, ConversationId, Hold};
use crate::registrar::decide::{asked, want};
use crate::registrar::decision::{ForwardReason, Refusal, RefusalHeader, Row};
use crate::registrar::forward::{give_up, reread};
use crate::registrar::reconcile::{self, Grant, Standing};
use crate::registrar::relay::{self, Challenge, Restored};
use crate::registrar::reply::{self, Listing, write_contact};
use crate::registrar::request::{Credentials, RegisterRequest, Wanted, Wish};
use crate::registrar::{devices_of, release, remove};

/// What a 2xx is about, gathered for the steps below.
struct Verdict<'v, 'm> {
    request: &'v RegisterRequest<'m>,
    response: &'v Message<'v>,
    asking: &'v Asking,
    id: ConversationId,
    sent_at: Mono,
}

/// A 2xx: commits what was accepted, and answers the device when the store has it.
pub(super) fn on_accepted(
    core: &mut Core,
    now: Now,
    id: ConversationId,
    asking: &Asking,
    response: &Message<'_>,
    sent_at: Mono,
    out: &mut Outbox,
) {
    let Ok(message) = Message::parse(&asking.arrival.bytes) else {
        return;
    };
    // What was sound when it came may offend against a policy that came since.
    let Some(request) = reread(core, &message, asking.arrival.flow) else {
        return give_up(core, now, &asking.arrival, out);
    };
    let verdict = Verdict {
        request: &request,
        response,
        asking,
        id,
        sent_at,
    };
    if let Some(refusal) = untrusted(core, &verdict, out) {
        refuse(core, now, &verdict, &refusal, out);
        return release::undo(core, id, &request, sent_at.plus_seconds(asking.asked));
    }
    let seq = match request.wish {
        Wish::Query => PersistSeq::default(),
        Wish::RemoveAll => remove_all(core, now, &verdict, out),
        Wish::Contacts(_) => match commit(core, now, &verdict, out) {
            Some(seq) => seq,
            None => {
                let refusal = Refusal::new(503, "Lease Too Short")
                    .with(RefusalHeader::RetryAfter(core.retry_after()));
                refuse(core, now, &verdict, &refusal, out);
                release::undo(core, id, &request, sent_at.plus_seconds(asking.asked));
                let short = claimed(core, id);
                remove(core, now, short.into_iter(), RemovalCause::Dropped, out);
                return;
            }
        },
    };
    let departed = core.conversations.get(id).map(|c| c.pending);
    let listed = core.table.bindings_of(request.aor_hash);
    let listed = listed.map(Binding::waits_for).max();
    let seq = seq
        .max(departed.unwrap_or_default())
        .max(listed.unwrap_or_default());
    answer(core, now, &verdict, seq, out);
}

/// R1 and R11: acceptances that prove nothing.
fn untrusted(core: &mut Core, verdict: &Verdict<'_, '_>, out: &mut Outbox) -> Option<Refusal> {
    let request = verdict.request;
    if verdict.asking.mode == Mode::Mirror || request.credentials == Credentials::Present {
        return None;
    }
    let stale = devices_of(core, request).iter().flatten().any(|id| {
        core.table.binding(*id).is_some_and(|binding| {
            binding.stamp.call_id == request.stamp.call_id
                && request.stamp.cseq < binding.stamp.cseq
        })
    });
    if stale {
        return Some(Refusal {
            row: Row::D3,
            ..Refusal::new(400, "CSeq Out of Order")
        });
    }
    let stranger = verdict.asking.arrival.reason == ForwardReason::NewDevice;
    if !stranger {
        return None;
    }
    core.counters.unchallenged += 1;
    out.event(Event::UnchallengedRegistration {
        aor: Core::aor_text(&request.aor),
        source: request.flow.remote,
    });
    (core.policy.domain.challenge == ChallengePolicy::Require)
        .then_some(Refusal::new(403, "Accepted Without a Challenge"))
}

fn refuse(
    core: &mut Core,
    now: Now,
    verdict: &Verdict<'_, '_>,
    refusal: &Refusal,
    out: &mut Outbox,
) {
    core.counters.refused(refusal.status);
    let mut bytes = Vec::with_capacity(512);
    let flow = verdict.request.flow;
    let server = &core.policy.server_header;
    reply::write_refusal(
        &verdict.request.heading,
        &core.keys,
        refusal,
        server,
        &mut bytes,
    );
    let txn = Some(verdict.asking.arrival.txn);
    core.send(
        now,
        ReadyReply {
            flow,
            txn,
            status: refusal.status,
            repeat: Repeat::ByTransaction,
            bytes: &bytes,
        },
        out,
    );
}

/// `Contact: *` was accepted: everybody is gone, and nothing is left to be given back (R8). Where it
/// was no barrier (`mirror`, an unproved flow), who was accepted after it went out may have come
/// before it or after it: he stays, and is asked for again.
fn remove_all(
    core: &mut Core,
    now: Now,
    verdict: &Verdict<'_, '_>,
    out: &mut Outbox,
) -> PersistSeq {
    let request = verdict.request;
    let cause = RemovalCause::UnregisteredAll;
    let (gone, doubtful): (Vec<_>, Vec<_>) = core
        .table
        .bindings_of(request.aor_hash)
        .map(|binding| (binding.id, binding.proved_at))
        .partition(|(_, proved_at)| *proved_at <= verdict.sent_at);
    core.conversations.doubt(request.aor_hash, verdict.id);
    for (binding, _) in doubtful {
        core.table
            .apply(Change::of(binding, Op::Distrust { binding }));
    }
    core.tombstones
        .bury(now.mono, request.aor_hash, request.stamp);
    release::forget(core, now, request.aor_hash, verdict.id, out);
    if gone.is_empty() {
        return PersistSeq::default();
    }
    let changes = gone
        .into_iter()
        .map(|(binding, _)| Change::of(binding, Op::Remove { binding, cause }));
    let (seq, removed) = core.commit(now, changes.collect(), out);
    for binding in removed {
        core.tombstones
            .bury(now.mono, request.aor_hash, binding.stamp);
        let aor = Core::aor_text(&request.aor);
        out.event(Event::BindingRemoved {
            aor,
            binding: binding.id,
            cause,
        });
        match core.conversations.claim_on(request.aor_hash, binding.id) {
            Some(claim) => claim.hold = Hold::Reserved(binding.contact.uri().into()),
            None => core.table.release(binding.id),
        }
    }
    seq
}

/// Commits each contact as it was granted. `None` when the lease is too short to promise anything.
fn commit(
    core: &mut Core,
    now: Now,
    verdict: &Verdict<'_, '_>,
    out: &mut Outbox,
) -> Option<PersistSeq> {
    let request = verdict.request;
    let mut plan = Plan::default();
    let claims = claimed(core, verdict.id);
    for (wanted, binding) in request.contacts().iter().zip(&claims) {
        let granted = granted(core, verdict, wanted, *binding);
        if wanted.is_removal() || granted.seconds == 0 {
            plan.leave(core, *binding);
            continue;
        }
        plan.register(registration(
            core,
            now,
            verdict,
            (wanted, *binding),
            granted,
        )?);
    }
    let doubles = doubles(core, request, &claims);
    let seq = apply(core, now, verdict, plan, out);
    let cause = RemovalCause::Evicted;
    remove(core, now, doubles.into_iter(), cause, out);
    evict(core, now, request, &claims, out);
    Some(seq)
}

/// Bindings that a device of this request got meanwhile by another: it has one only (R3).
fn doubles(
    core: &Core,
    request: &RegisterRequest<'_>,
    claims: &[BindingId],
) -> SmallVec<[BindingId; 2]> {
    devices_of(core, request)
        .into_iter()
        .zip(claims)
        .filter_map(|(device, claim)| device.filter(|known| known != claim))
        .filter(|known| !claims.contains(known))
        .collect()
}

/// What a 2xx does to the contacts of its request.
#[derive(Default)]
struct Plan {
    changes: Vec<Change>,
    gone: SmallVec<[BindingId; 1]>,
}

impl Plan {
    fn leave(&mut self, core: &Core, binding: BindingId) {
        self.gone.push(binding);
        if core.table.binding(binding).is_some() {
            let cause = RemovalCause::Unregistered;
            self.changes
                .push(Change::of(binding, Op::Remove { binding, cause }));
        }
    }

    fn register(&mut self, registration: Registration) {
        let binding = registration.binding;
        self.changes
            .push(Change::of(binding, Op::Register(Box::new(registration))));
    }
}

fn apply(
    core: &mut Core,
    now: Now,
    verdict: &Verdict<'_, '_>,
    plan: Plan,
    out: &mut Outbox,
) -> PersistSeq {
    let request = verdict.request;
    let Plan { changes, gone } = plan;
    for change in &changes {
        tell(core, request, change, out);
    }
    let seq = match changes.is_empty() {
        true => PersistSeq::default(),
        false => core.commit(now, changes, out).0,
    };
    if !gone.is_empty() {
        core.tombstones
            .bury(now.mono, request.aor_hash, request.stamp);
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
    seq
}

fn tell(core: &Core, request: &RegisterRequest<'_>, change: &Change, out: &mut Outbox) {
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
        Op::Refresh(_) | Op::Spent { .. } | Op::Distrust { .. } => {}
    }
}

fn claimed(core: &Core, id: ConversationId) -> SmallVec<[BindingId; 2]> {
    let claims = core
        .conversations
        .get(id)
        .map(|conversation| conversation.claims.as_slice());
    claims
        .unwrap_or_default()
        .iter()
        .map(|claim: &Claim| claim.binding)
        .collect()
}

/// What the main registrar granted a contact, counted from when we asked.
fn granted(
    core: &Core,
    verdict: &Verdict<'_, '_>,
    wanted: &Wanted<'_>,
    binding: BindingId,
) -> Grant {
    let policy = &core.policy;
    let fallback = match verdict.asking.mode {
        Mode::Mirror => asked(wanted, &policy.domain.registration),
        Mode::Contact | Mode::Aor | Mode::Standalone => verdict.asking.asked,
    };
    let param = &policy.upstream.token_param;
    reconcile::granted(verdict.response, &core.keys, param, binding, fallback)
}

fn registration(
    core: &mut Core,
    now: Now,
    verdict: &Verdict<'_, '_>,
    (wanted, binding): (&Wanted<'_>, BindingId),
    Grant { seconds, standing }: Grant,
) -> Option<Registration> {
    let request = verdict.request;
    let conversation = core.conversations.get(verdict.id)?;
    let lease = Lease {
        id: conversation.lease,
        cseq: conversation.cseq,
        node: conversation.node,
        epoch: match (standing, verdict.asking.standing) {
            (Standing::Good, Standing::Good) => core.epoch,
            _ => 0,
        },
        granted: seconds,
        until: verdict.sent_at.plus_seconds(seconds),
    };
    let registration = &core.policy.domain.registration;
    let asked = asked(wanted, registration);
    let (promise, expires_at) = match verdict.asking.mode {
        // The main registrar's own promise, which the device is told as it stands.
        Mode::Mirror => (seconds, lease.until),
        Mode::Contact | Mode::Aor | Mode::Standalone => {
            let want = want(wanted, request.reach, registration);
            let promise = want.min(lease.usable(now.mono));
            (
                promise,
                now.mono.plus_seconds(super::jittered(core, promise)),
            )
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
    let mut path = Vec::new();
    for value in request.message.values(Name::Path) {
        if !path.is_empty() {
            path.push(b',');
        }
        path.extend_from_slice(value);
    }
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

/// R18, `replace-oldest`: once the newcomer is in, who refreshed longest ago goes.
fn evict(
    core: &mut Core,
    now: Now,
    request: &RegisterRequest<'_>,
    own: &[BindingId],
    out: &mut Outbox,
) {
    if core.policy.limits.overflow != Overflow::ReplaceOldest {
        return;
    }
    let record = core.table.record(request.aor_hash);
    let excess = record
        .map_or(0, |record| record.len())
        .saturating_sub(core.policy.limits.bindings_per_aor);
    if excess == 0 {
        return;
    }
    let last_seen = |binding: &Binding| {
        binding
            .expires_at
            .0
            .saturating_sub(u64::from(binding.granted) * 1000)
    };
    let mut others: Vec<(u64, BindingId)> = core
        .table
        .bindings_of(request.aor_hash)
        .filter(|binding| !own.contains(&binding.id))
        .map(|binding| (last_seen(binding), binding.id))
        .collect();
    others.sort_by_key(|(seen, _)| *seen);
    let oldest = others.into_iter().take(excess).map(|(_, id)| id);
    remove(core, now, oldest, RemovalCause::Evicted, out);
}

/// The device's 200, held until the store has what it promises.
fn answer(core: &mut Core, now: Now, verdict: &Verdict<'_, '_>, seq: PersistSeq, out: &mut Outbox) {
    let mut bytes = Vec::with_capacity(1024);
    let mut lines = Vec::with_capacity(512);
    match verdict.asking.mode {
        Mode::Mirror => {
            mirrored_contacts(core, verdict, &mut lines);
            relay::write_proxied(verdict.response, Some(&lines), &mut bytes);
        }
        Mode::Contact | Mode::Aor | Mode::Standalone => {
            restored(core, now, verdict, (&mut lines, &mut bytes))
        }
    }
    let reply = ReadyReply {
        flow: verdict.request.flow,
        txn: Some(verdict.asking.arrival.txn),
        status: verdict.response.status().unwrap_or(200),
        repeat: who_repeats(core, verdict),
        bytes: &bytes,
    };
    core.reply(now, seq, reply, out);
}

/// D2 answers a repetition where every contact of the request is a binding now.
fn who_repeats(core: &Core, verdict: &Verdict<'_, '_>) -> Repeat {
    let contacts = verdict.request.contacts();
    let all_bound = !contacts.is_empty()
        && verdict.asking.mode == Mode::Contact
        && claimed(core, verdict.id).iter().all(|id| {
            core.table
                .binding(*id)
                .is_some_and(|b| b.stamp == verdict.request.stamp)
        });
    if all_bound {
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
    let listed = super::listed(core, request, &own);
    for binding in &listed {
        lines.extend_from_slice(b"Contact: ");
        write_contact(binding, binding.remaining(now.mono), lines);
        lines.extend_from_slice(b"\r\n");
    }
    let first = own.iter().flatten().find_map(|id| core.table.binding(*id));
    let listing = Listing {
        bindings: &listed,
        expires: first.map(|binding| binding.remaining(now.mono)),
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
    let mut others = Vec::new();
    for value in verdict.response.values(Name::Contact) {
        let Ok(Contact::Addr(contact)) = Contact::parse(value) else {
            continue;
        };
        let param = &core.policy.upstream.token_param;
        let ours = reconcile::ours(contact.addr.uri, &core.keys, param);
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
