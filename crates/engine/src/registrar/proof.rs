//! Proof that is had here (R1): a digest of a user whose password is known to us, in place of the
//! main registrar's word, or where there is no main registrar.

use crate::auth::{Asker, Demand, Verdict};
use crate::clock::Now;
use crate::core::Core;
use crate::ids::BindingId;
use crate::naming::domain_start;
use crate::output::Outbox;
use crate::policy::{DomainPolicy, Policy};
use crate::registrar::decide::{SelfProof, want};
use crate::registrar::decision::{Decision, ForwardReason, Freshness, Refusal};
use crate::registrar::reply;
use crate::registrar::request::{RegisterRequest, Wish};
use crate::registrar::terms::Terms;
use crate::registrar::{history, judge};

/// What becomes of a request that would be forwarded: where proof is had here it is challenged,
/// or done here as far as no main registrar need hear of it.
pub(super) fn settle(
    core: &mut Core,
    now: Now,
    request: &RegisterRequest<'_>,
    devices: &[Option<BindingId>],
    decision: Decision,
) -> Decision {
    let Decision::Forward(reason) = decision else {
        return decision;
    };
    if !is_had_here(core.policy.of(&request.aor)) {
        return decision;
    }
    if let Err(freshness) = verify(core, now, request) {
        return Decision::Challenge(reason, freshness);
    }
    if request.terms.is_local() {
        return Decision::Register(reason);
    }
    // What is under way upstream is older, and must not overwrite what is done here meanwhile.
    if core.conversations.is_asking(request.aor_hash) {
        return decision;
    }
    match judge(core, now, request, devices, SelfProof::Proved) {
        Decision::Absorb { .. } => Decision::Register(reason),
        // Whose lease is to be given back is told by us; what comes in the same request is not.
        Decision::Forward(_) | Decision::Leave | Decision::Unavailable
            if request.only_removes() || matches!(request.wish, Wish::Query) =>
        {
            Decision::Register(reason)
        }
        // The main registrar holds the AoR already, and more is not said of its devices there.
        Decision::Forward(reason @ (ForwardReason::NewDevice | ForwardReason::Changed))
            if lease_carries(core, now, request) =>
        {
            Decision::Register(reason)
        }
        other => other,
    }
}

/// Whether devices of a domain prove themselves here and not to the main registrar.
pub(super) fn is_had_here(domain: &DomainPolicy) -> bool {
    let terms = Terms::of(domain);
    terms.is_local() || (terms.is_leased() && domain.digest.is_some())
}

/// Whether a shared lease runs that carries one device more for as long as it wants.
fn lease_carries(core: &Core, now: Now, request: &RegisterRequest<'_>) -> bool {
    let policy = &core.policy.of(&request.aor).registration;
    let longest = request
        .contacts()
        .iter()
        .map(|wanted| want(wanted, request.reach, policy))
        .max()
        .unwrap_or(0);
    let mut bindings = core.table.bindings_of(request.aor_hash);
    request.terms.is_shared()
        && bindings.any(|binding| {
            let lease = &binding.lease;
            lease.terms == request.terms
                && core.peers.trusts(lease)
                && lease.usable(now.mono) >= longest.min(lease.granted / 2).max(1)
        })
}

/// Whether a request proves that it is of its AoR's user. Where nobody's password is known, it is
/// taken at its word.
fn verify(core: &mut Core, now: Now, request: &RegisterRequest<'_>) -> Result<(), Freshness> {
    let policy = core.policy.clone();
    let Some(digest) = &policy.of(&request.aor).digest else {
        return Ok(());
    };
    let demand = Demand {
        asker: Asker::Server,
        policy: digest,
    };
    match core.auth.verify(now.mono, demand, request.message) {
        Verdict::Proved { user } if is_of(&policy, user, &request.aor) => Ok(()),
        Verdict::Stale => Err(Freshness::Stale),
        Verdict::Wrong | Verdict::Proved { .. } => {
            core.counters.wrong_passwords += 1;
            let refusal = Refusal::new(401, "Unauthorized");
            history::refused_here(core, now, request.aor_hash, request.flow, &refusal);
            Err(Freshness::First)
        }
        Verdict::Absent | Verdict::Foreign => Err(Freshness::First),
    }
}

/// RFC 3261 §10.3 step 4: a user registers its own AoR only, and in the domain that it asks.
fn is_of(policy: &Policy, user: &str, aor: &[u8]) -> bool {
    let own = aor
        .get(..domain_start(aor).saturating_sub(1))
        .unwrap_or_default();
    let own = sip::escape::unescape(own);
    match policy.naming.user_case {
        sip::aor::UserCase::Keep => own.eq(user.bytes()),
        sip::aor::UserCase::Fold => own
            .map(|byte| byte.to_ascii_lowercase())
            .eq(user.bytes().map(|byte| byte.to_ascii_lowercase())),
    }
}

/// 401: who is it?
pub(super) fn challenge(
    core: &mut Core,
    now: Now,
    request: &RegisterRequest<'_>,
    freshness: Freshness,
    out: &mut Outbox,
) {
    let policy = core.policy.clone();
    let Some(digest) = &policy.of(&request.aor).digest else {
        return;
    };
    let demand = Demand {
        asker: Asker::Server,
        policy: digest,
    };
    let verdict = match freshness {
        Freshness::First => Verdict::Absent,
        Freshness::Stale => Verdict::Stale,
    };
    core.counters.challenges += 1;
    let salt = core.entropy.draw();
    let mut lines = Vec::with_capacity(256);
    core.auth
        .challenge(now.mono, demand, &verdict, salt, &mut lines);
    let (heading, keys) = (&request.heading, &core.keys);
    out.transmit(heading.way_back(), |buf| {
        reply::write_challenge(heading, keys, &lines, &policy.server_header, buf);
    });
}
