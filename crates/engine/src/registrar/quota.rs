//! R18: what is refused before anything is sent or stored, and again when its turn comes and when
//! the main registrar has accepted it: others may have come first.
//!
//! Who is just being asked about counts as well, so that a burst does not go upstream only to be
//! sent away; but only those do who have shown something of themselves, and what they take may be
//! free again soon: it is told 503, where a limit that is reached is told 403.

use core::ops::Add;

use crate::core::Core;
use crate::ids::BindingId;
use crate::policy::{LimitPolicy, Overflow};
use crate::registrar::conversation::{Asking, ConversationId, Hold, Phase};
use crate::registrar::decision::{Refusal, RefusalHeader};
use crate::registrar::devices_of;
use crate::registrar::request::RegisterRequest;

/// How many places are taken, of each limit.
#[derive(Clone, Copy)]
struct Taken {
    of_aor: usize,
    from_source: usize,
    in_all: usize,
}

impl Add for Taken {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            of_aor: self.of_aor + other.of_aor,
            from_source: self.from_source + other.from_source,
            in_all: self.in_all + other.in_all,
        }
    }
}

/// Whether the new devices of a request have room. Devices that are known already do not count:
/// replacing one's own binding takes no place.
pub(crate) fn check(
    core: &mut Core,
    request: &RegisterRequest<'_>,
    devices: &[Option<BindingId>],
) -> Result<(), Refusal> {
    let newcomers = request
        .contacts()
        .iter()
        .zip(devices)
        .filter(|(wanted, device)| device.is_none() && !wanted.is_removal())
        .count();
    let bound = bound(core, request);
    fits(&core.policy.limits, bound, newcomers)?;
    let expected = bound + under_way(core, request);
    let retry_after = RefusalHeader::RetryAfter(core.retry_after());
    fits(&core.policy.limits, expected, newcomers)
        .map_err(|_| Refusal::new(503, "Too Many Registrations Under Way").with(retry_after))
}

/// Why the new devices of a request that the main registrar has accepted have no room after all.
/// What `mirror` passes on is the device's own registration, and not ours to undo: it stays.
pub(super) fn overrun(
    core: &Core,
    id: ConversationId,
    request: &RegisterRequest<'_>,
) -> Option<Refusal> {
    let conversation = core.conversations.get(id)?;
    if conversation.terms.is_proxied() {
        return None;
    }
    let newcomers = request
        .contacts()
        .iter()
        .zip(&conversation.claims)
        .zip(devices_of(core, request))
        .filter(|((wanted, claim), device)| {
            let is_new = device.is_none() && core.table.binding(claim.binding).is_none();
            is_new && !wanted.is_removal()
        })
        .count();
    fits(&core.policy.limits, bound(core, request), newcomers).err()
}

fn fits(limits: &LimitPolicy, taken: Taken, newcomers: usize) -> Result<(), Refusal> {
    if newcomers == 0 {
        return Ok(());
    }
    if taken.in_all + newcomers > limits.bindings {
        let later = RefusalHeader::RetryAfter(60);
        return Err(Refusal::new(503, "Too Many Registrations").with(later));
    }
    let from_here = taken.from_source + newcomers;
    if limits.bindings_per_source > 0 && from_here > limits.bindings_per_source {
        return Err(Refusal::new(
            403,
            "Too Many Registrations From This Address",
        ));
    }
    let of_aor = match limits.overflow {
        Overflow::Reject => taken.of_aor + newcomers,
        // A request that is by itself too many replaces nobody.
        Overflow::ReplaceOldest => newcomers,
    };
    match of_aor <= limits.bindings_per_aor {
        true => Ok(()),
        false => Err(Refusal::new(403, "Too Many Registrations of This User")),
    }
}

/// What bindings take.
fn bound(core: &Core, request: &RegisterRequest<'_>) -> Taken {
    let record = core.table.record(request.aor_hash);
    Taken {
        of_aor: record.map_or(0, |record| record.len()),
        from_source: core.table.from_source(request.flow.remote.ip()),
        in_all: core.table.bindings(),
    }
}

/// What other new devices would take that the main registrar is just being asked about; a request's
/// own earlier legs aside.
fn under_way(core: &Core, request: &RegisterRequest<'_>) -> Taken {
    let (source, newcomers) = (request.flow.remote.ip(), core.conversations.newcomers());
    let mut taken = Taken {
        of_aor: 0,
        from_source: newcomers.from(source),
        in_all: newcomers.total(),
    };
    let named = |uri: &[u8]| request.contacts().iter().any(|wanted| wanted.uri == uri);
    for (_, conversation) in core.conversations.of(request.aor_hash) {
        let Phase::Asking(asking) = &conversation.phase else {
            continue;
        };
        let Asking { arrival, .. } = &**asking;
        let is_named = |hold: &Hold| matches!(hold, Hold::Reserved(uri) if named(uri));
        match conversation.claims.iter().any(|c| is_named(&c.hold)) {
            true if arrival.flow.remote.ip() == source => {
                taken.from_source = taken.from_source.saturating_sub(asking.newcomers);
                taken.in_all = taken.in_all.saturating_sub(asking.newcomers);
            }
            true => taken.in_all = taken.in_all.saturating_sub(asking.newcomers),
            false => taken.of_aor += asking.newcomers,
        }
    }
    taken
}
