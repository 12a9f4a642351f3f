//! OPTIONS: to ourselves, what we can do (RFC 3261 §11.2); from the main registrar to a device of ours,
//! whether that is there (R17), unless policy has the device itself answer.

use sip::Method;

use crate::core::Core;
use crate::location::Binding;
use crate::output::Outbox;
use crate::policy::Qualify;
use crate::proxy::destination::Destination;
use crate::proxy::party::Party;
use crate::proxy::{Journey, Request, refuse};
use crate::registrar::decision::Refusal;
use crate::registrar::heading::Heading;
use crate::registrar::reply;
use crate::registrar::request::{Role, check_extensions};

/// Whether a request is an OPTIONS that is answered here, and if so, answers it.
pub(super) fn answers(
    core: &mut Core,
    request: &Request<'_>,
    journey: &Journey<'_>,
    out: &mut Outbox,
) -> bool {
    if request.method != Method::Options {
        return false;
    }
    let qualifies = journey.sender.party == Party::Upstream && is_first(request);
    let refusal = match journey.destination {
        // RFC 3261 §8.2.2.3: here we are the one who is asked.
        Destination::Ourselves => check_extensions(request.message, Role::Registrar).err(),
        Destination::Device(id) | Destination::DeviceAsSaid(id) if qualifies => {
            let aor = core.table.owner(id).and_then(|aor| core.table.record(aor));
            if aor.is_some_and(|record| passes(core, &record.aor)) {
                return false;
            }
            let binding = core.table.binding(id);
            absent(!binding.is_some_and(|binding| core.is_reachable(binding)))
        }
        Destination::Aor(aor, _) if qualifies => {
            let record = core.table.record(aor);
            if record.is_some_and(|record| passes(core, &record.aor)) {
                return false;
            }
            let reachable = |binding: &Binding| core.is_reachable(binding);
            absent(!record.is_some_and(|record| record.bindings().any(reachable)))
        }
        _ => return false,
    };
    if let Some(refusal) = refusal {
        refuse(core, request.message, request.flow, refusal, out);
        return true;
    }
    let heading = Heading::of(request.message, request.flow);
    let (keys, server) = (&core.keys, &core.policy.server_header);
    out.transmit(heading.way_back(), |buf| {
        reply::write_capabilities(&heading, keys, server, buf);
    });
    true
}

fn is_first(request: &Request<'_>) -> bool {
    let heading = Heading::of(request.message, request.flow);
    heading.to_tag == crate::registrar::heading::ToTag::Absent
}

fn passes(core: &Core, aor: &[u8]) -> bool {
    core.policy.of(aor).calls.qualify == Qualify::Pass
}

const fn absent(is: bool) -> Option<Refusal> {
    match is {
        true => Some(Refusal::new(480, "Temporarily Unavailable")),
        false => None,
    }
}
