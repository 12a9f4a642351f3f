//! The decision (docs/registration.md): a REGISTER, what is known of its devices, and the state of the
//! upstream, to one [`Decision`]. Pure: takes data, returns data.

use smallvec::SmallVec;

use crate::clock::{Mono, Seconds};
use crate::defect::{Defect, Seeded};
use crate::flow::Flow;
use crate::location::Binding;
use crate::peer::Peers;
use crate::policy::{FlowMatch, RegistrationPolicy, TooBrief};
use crate::registrar::decision::{
    AbsorbReason, Decision, ForwardReason, Refusal, RefusalHeader, Row,
};
use crate::registrar::identity::same_params;
use crate::registrar::request::{Reach, RegisterRequest, Wanted, Wish};

/// All that a decision rests on.
#[derive(Debug)]
pub(crate) struct Facts<'f, 'm> {
    /// The present.
    pub(crate) now: Mono,
    /// The request.
    pub(crate) request: &'f RegisterRequest<'m>,
    /// The binding of each wanted contact's device, in the request's order.
    pub(crate) devices: SmallVec<[Option<&'f Binding>; 2]>,
    /// Whether the request answers a challenge that is under way (D4).
    pub(crate) challenge: ChallengeState,
    /// Who is to be convinced.
    pub(crate) prover: Prover,
    /// Whether the request proves itself.
    pub(crate) proof: SelfProof,
    /// Whether this flow is proved for this AoR, by any binding (D5).
    pub(crate) flow_proof: FlowProof,
    /// Whether a departed device's last words include this request (R8).
    pub(crate) grave: Grave,
    /// Whether others than the devices of this request hang on their lease.
    pub(crate) siblings: Siblings,
    /// Whether the main registrar can be asked.
    pub(crate) upstream: UpstreamState,
    /// A defect put in by a test.
    pub(crate) seeded: Seeded,
    /// The nodes, for their epochs (R14).
    pub(crate) peers: &'f Peers,
    /// What devices are promised.
    pub(crate) policy: &'f RegistrationPolicy,
    /// D10.
    pub(crate) reauth_interval: Seconds,
}

/// Whether a request answers a challenge that we relayed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ChallengeState {
    /// It does not.
    None,
    /// It does, and the node that issued it is up.
    Answered,
    /// It does, but that node is gone: nobody else can verify it.
    NodeDown,
}

/// To whom devices of a domain prove themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Prover {
    /// To the main registrar.
    Upstream,
    /// To us.
    Here,
}

/// Whether a request proves itself, without the main registrar (D9).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SelfProof {
    None,
    Proved,
}

/// Whether a flow is proved for an AoR.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FlowProof {
    Unproved,
    Proved,
}

/// Whether a request is a late duplicate of one that a departed device sent before it left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Grave {
    None,
    LateDuplicate,
    /// It is a copy of the removal itself.
    LastWords,
}

/// Whether others hang on the lease of a request's devices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Siblings {
    None,
    Some,
}

/// Whether the main registrar can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UpstreamState {
    Open,
    /// Down, or too much is under way.
    Closed,
}

/// What is to be done with a REGISTER.
pub(crate) fn decide(facts: &Facts<'_, '_>) -> Decision {
    let asked = match facts.request.terms.is_proxied() {
        true => mirror(facts),
        false => registrar(facts),
    };
    match asked {
        // Where proof is had here, it comes first: then it shows what must go upstream.
        Decision::Forward(_) if facts.prover == Prover::Here && facts.proof == SelfProof::None => {
            asked
        }
        Decision::Forward(_) if facts.upstream == UpstreamState::Closed => outage(facts),
        asked => asked,
    }
}

/// In `mirror` the main registrar decides everything but what is malformed.
fn mirror(facts: &Facts<'_, '_>) -> Decision {
    match facts.challenge {
        ChallengeState::NodeDown => Decision::Unavailable,
        ChallengeState::Answered => Decision::Forward(ForwardReason::Challenge),
        ChallengeState::None => Decision::Forward(ForwardReason::Mirror),
    }
}

fn registrar(facts: &Facts<'_, '_>) -> Decision {
    if let Some(refusal) = too_brief(facts) {
        return Decision::Reject(refusal);
    }
    if let Some(decision) = repeated(facts) {
        return decision;
    }
    match facts.challenge {
        ChallengeState::Answered => return Decision::Forward(ForwardReason::Challenge),
        ChallengeState::NodeDown => return Decision::Unavailable,
        ChallengeState::None => {}
    }
    match &facts.request.wish {
        Wish::Query if facts.flow_proof == FlowProof::Proved => return Decision::Answer,
        Wish::Query => return Decision::Forward(ForwardReason::Query),
        Wish::RemoveAll => return Decision::Forward(ForwardReason::RemoveAll),
        Wish::Contacts(contacts) => {
            if contacts.iter().any(Wanted::is_removal) {
                return match leaves_unasked(facts) {
                    true => Decision::Leave,
                    false => Decision::Forward(ForwardReason::Remove),
                };
            }
        }
    }
    match forward_reason(facts) {
        Some(reason) => Decision::Forward(reason),
        None => absorb(facts, AbsorbReason::Refresh),
    }
}

/// D1: R4's lower bound (RFC 3261 §10.3 step 7).
fn too_brief(facts: &Facts<'_, '_>) -> Option<Refusal> {
    let min = facts.policy.min_expires;
    let brief = |contact: &Wanted<'_>| contact.asked.is_some_and(|asked| asked > 0 && asked < min);
    let refused =
        facts.policy.too_brief == TooBrief::Reject && facts.request.contacts().iter().any(brief);
    refused.then(|| Refusal::new(423, "Interval Too Brief").with(RefusalHeader::MinExpires(min)))
}

/// D2 and D3: the same request again, or one out of order, from the proved flow. From another flow
/// nothing is known to be the device's own, and D9 decides.
fn repeated(facts: &Facts<'_, '_>) -> Option<Decision> {
    let stamp = facts.request.stamp;
    let disorder = Decision::Reject(Refusal {
        row: Row::D3,
        status: 400,
        reason: "CSeq Out of Order",
        header: RefusalHeader::None,
    });
    let has_it = |device: &Option<&Binding>| device.is_some_and(|held| held.stamp == stamp);
    match facts.grave {
        // One that removed a contact and brought another is known by the other.
        Grave::LateDuplicate if !facts.devices.iter().any(has_it) => return Some(disorder),
        Grave::LateDuplicate => {}
        // The device is gone already; the answer may have been lost.
        Grave::LastWords if facts.devices.iter().all(Option::is_none) => {
            return Some(Decision::Replay);
        }
        Grave::LastWords | Grave::None => {}
    }
    let (mut replayed, mut gone) = (0, 0);
    for (wanted, device) in facts.request.contacts().iter().zip(&facts.devices) {
        let Some(binding) = device else {
            gone += usize::from(wanted.is_removal());
            continue;
        };
        let own = binding.stamp;
        if own.call_id != stamp.call_id || !same_flow(facts, &binding.flow) {
            continue;
        }
        let asks_the_same = asked(wanted, facts.policy) == binding.asked
            && unchanged(wanted, facts.request, binding);
        match stamp.cseq.cmp(&own.cseq) {
            core::cmp::Ordering::Less => return Some(disorder),
            core::cmp::Ordering::Equal if !asks_the_same => return Some(disorder),
            core::cmp::Ordering::Equal if stamp.branch == own.branch && !binding.is_lost() => {
                replayed += 1;
            }
            _ => {}
        }
    }
    (replayed > 0 && replayed + gone == facts.devices.len()).then_some(Decision::Replay)
}

/// D7 to D12: the first row, over all contacts, that sends the request upstream.
fn forward_reason(facts: &Facts<'_, '_>) -> Option<ForwardReason> {
    facts
        .request
        .contacts()
        .iter()
        .zip(&facts.devices)
        .filter_map(|(wanted, device)| device_reason(facts, wanted, *device))
        .min_by_key(|reason| reason.row())
}

fn device_reason(
    facts: &Facts<'_, '_>,
    wanted: &Wanted<'_>,
    device: Option<&Binding>,
) -> Option<ForwardReason> {
    let Some(binding) = device else {
        return Some(ForwardReason::NewDevice);
    };
    if !unchanged(wanted, facts.request, binding) {
        return Some(ForwardReason::Changed);
    }
    if facts.proof == SelfProof::None {
        let seeded = facts.seeded.is(Defect::AbsorbFromNewFlow);
        if !same_flow(facts, &binding.flow) && !seeded {
            return Some(ForwardReason::NewFlow);
        }
        if binding.proved_at.seconds_before(facts.now) >= facts.reauth_interval {
            return Some(ForwardReason::Reauth);
        }
    }
    // What is held here only, the main registrar has never heard of.
    if binding.lease.terms.is_local() != facts.request.terms.is_local() {
        return Some(ForwardReason::Epoch);
    }
    if !facts.peers.trusts(&binding.lease) {
        return Some(ForwardReason::Epoch);
    }
    let want = want(wanted, facts.request.reach, facts.policy);
    let enough = want.min(binding.lease.granted / 2);
    (binding.lease.usable(facts.now) < enough.max(1)).then_some(ForwardReason::Lease)
}

/// D14: what would be forwarded cannot be. A pure refresh is carried by what is left of the lease;
/// all else must come again.
fn outage(facts: &Facts<'_, '_>) -> Decision {
    if carried(facts.request, &facts.devices, facts.policy, facts.now) {
        absorb(facts, AbsorbReason::Outage)
    } else if leaves_at_once(facts) {
        Decision::Leave
    } else {
        Decision::Unavailable
    }
}

/// Whether a request is a pure refresh of leases that still run.
pub(crate) fn carried(
    request: &RegisterRequest<'_>,
    devices: &[Option<&Binding>],
    policy: &RegistrationPolicy,
    now: Mono,
) -> bool {
    !devices.is_empty()
        && request
            .contacts()
            .iter()
            .zip(devices)
            .all(|(wanted, device)| {
                device.is_some_and(|binding| {
                    !wanted.is_removal()
                        && !binding.is_lost()
                        && unchanged(wanted, request, binding)
                        && flows_match(&request.flow, &binding.flow, policy.flow_match)
                        && binding.lease.usable(now) > 0
                })
            })
}

/// R8: who surely leaves, and leaves a lease on which others stay, or none, need ask nobody.
fn leaves_unasked(facts: &Facts<'_, '_>) -> bool {
    let terms = facts.request.terms;
    if facts.seeded.is(Defect::EndSharedLease) {
        return false;
    }
    let others_stay = terms.is_shared() && facts.siblings == Siblings::Some;
    (others_stay || terms.is_local()) && leaves_at_once(facts)
}

/// R8: every contact leaves, and each device is surely itself.
fn leaves_at_once(facts: &Facts<'_, '_>) -> bool {
    !facts.devices.is_empty()
        && !facts.request.terms.is_proxied()
        && facts
            .request
            .contacts()
            .iter()
            .zip(&facts.devices)
            .all(|(wanted, device)| {
                wanted.is_removal() && device.is_some_and(|binding| is_own(facts.request, binding))
            })
}

/// R8: whether a request that removes a binding is surely its device's own, so that no answer of
/// the main registrar is needed: it came by the binding's connection, or knows what only the device
/// and we have seen.
pub(crate) fn is_own(request: &RegisterRequest<'_>, binding: &Binding) -> bool {
    if request.flow.transport.is_stream() {
        return request.flow == binding.flow;
    }
    // Whoever has only seen a REGISTER pass knows all the rest (S-3).
    request.flow.remote.ip() == binding.flow.remote.ip()
        && request.stamp.call_id == binding.stamp.call_id
        && request.stamp.from_tag == binding.stamp.from_tag
        && request.stamp.cseq > binding.stamp.cseq
}

fn absorb(facts: &Facts<'_, '_>, reason: AbsorbReason) -> Decision {
    let grant = facts
        .request
        .contacts()
        .iter()
        .zip(&facts.devices)
        .filter_map(|(wanted, device)| Some(grant(facts, wanted, (*device)?)))
        .min()
        .unwrap_or(0);
    Decision::Absorb { grant, reason }
}

fn grant(facts: &Facts<'_, '_>, wanted: &Wanted<'_>, binding: &Binding) -> Seconds {
    want(wanted, facts.request.reach, facts.policy).min(binding.lease.usable(facts.now))
}

/// Lifetime a contact asks for, or the default.
pub(crate) fn asked(wanted: &Wanted<'_>, policy: &RegistrationPolicy) -> Seconds {
    wanted.asked.unwrap_or(policy.default_expires)
}

/// Lifetime a contact would be promised on an endless lease (docs/registration.md, `want`), bounded by what a
/// NAT pinhole allows (R4).
pub(crate) fn want(wanted: &Wanted<'_>, reach: Reach, policy: &RegistrationPolicy) -> Seconds {
    let raised = asked(wanted, policy).max(policy.min_expires);
    let want = raised.min(policy.max_expires);
    match reach {
        Reach::Direct => want,
        Reach::BehindNat => want.min(policy.nat_expires),
    }
}

/// D8: whether the main registrar would see nothing new.
fn unchanged(wanted: &Wanted<'_>, request: &RegisterRequest<'_>, binding: &Binding) -> bool {
    wanted.uri == binding.contact.uri()
        && same_params(wanted.params, binding.contact.params())
        && same_path(request, binding.contact.path())
}

fn same_path(request: &RegisterRequest<'_>, stored: &[u8]) -> bool {
    let mut rest = stored;
    for value in request.message.values(sip::Name::Path) {
        match rest.strip_prefix(value) {
            Some(after) => rest = after.strip_prefix(b",").unwrap_or(after),
            None => return false,
        }
    }
    rest.is_empty()
}

fn same_flow(facts: &Facts<'_, '_>, proved: &Flow) -> bool {
    flows_match(&facts.request.flow, proved, facts.policy.flow_match)
}

/// D9: whether two flows count as one.
pub(crate) fn flows_match(one: &Flow, other: &Flow, rule: FlowMatch) -> bool {
    match rule {
        FlowMatch::Exact => one == other,
        FlowMatch::Address => {
            one.remote.ip() == other.remote.ip()
                && one.origin == other.origin
                && one.listener == other.listener
                && one.transport == other.transport
                && one.connection == other.connection
        }
    }
}
