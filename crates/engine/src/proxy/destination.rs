//! `Destination`: where a request is meant to go, by who sent it and what it says (DESIGN: only the
//! main registrar may address tokens). Nothing is sent here and nothing changes.

use sip::aor::AorBuf;
use sip::{Method, Uri};

use crate::core::Core;
use crate::defect::Defect;
use crate::flow::Flow;
use crate::ids::{AorHash, BindingId, NodeId};
use crate::peer::is_upstream;
use crate::policy::{Mode, Outbound, Policy};
use crate::proxy::itinerary::Itinerary;
use crate::proxy::ourselves::is_ours;
use crate::proxy::party::{Party, Sender};
use crate::proxy::route_token::RouteToken;
use crate::proxy::{Request, has_to_tag};
use crate::registrar::address::{Addressee, addressee};
use crate::registrar::decision::Refusal;

/// Where a request is meant to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Destination {
    /// This device, by its Contact.
    Device(BindingId),
    /// This device, by the URI that the request says (RFC 3327: our Path led here).
    DeviceAsSaid(BindingId),
    /// All devices of this AoR, which may be known although none is there.
    Aor(AorHash, Fame),
    /// The device at this side of a dialog.
    Dialog(RouteToken),
    /// The main registrar, in a dialog by way of this node, or the one that suits.
    Upstream(NodeId),
    /// Ourselves.
    Ourselves,
}

/// Whether an AoR is known although no device of it is there: its caller hears 480, else 404.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fame {
    /// It is.
    Known,
    /// Nobody has heard of it.
    Unknown,
}

/// What everybody but the main registrar hears of any token, good or bad (S-12).
const UNKNOWN: Refusal = Refusal::new(404, "Not Found");

/// Where a request goes.
///
/// # Errors
/// The answer for one that goes nowhere.
pub(crate) fn of(
    core: &Core,
    itinerary: &Itinerary<'_>,
    sender: &Sender,
    request: &Request<'_>,
) -> Result<Destination, Refusal> {
    if itinerary.is_forged() {
        return Err(UNKNOWN);
    }
    if let Some(token) = itinerary.dialog() {
        // Whoever has seen the route of a dialog may speak in it, but begins nothing by it.
        if !has_to_tag(request.message) {
            return Err(UNKNOWN);
        }
        return Ok(match itinerary.is_between_devices() {
            true => Destination::Dialog(*token),
            false => with_upstream(core, token, sender, &request.flow),
        });
    }
    if let Some(device) = itinerary.device() {
        return match sender.party {
            Party::Upstream => Ok(Destination::DeviceAsSaid(device)),
            _ => Err(UNKNOWN),
        };
    }
    let Ok(uri) = Uri::parse(itinerary.uri) else {
        return Err(Refusal::new(400, "Bad Request-URI"));
    };
    if !itinerary.routes.is_empty() && sender.party != Party::Upstream {
        // A Service-Route, or what else a device was told to go by, leads to the main registrar.
        return outbound(core, sender);
    }
    if let Some(found) = addressed(core, &uri) {
        return match sender.party {
            Party::Upstream => Ok(found),
            _ if core.seeded.is(Defect::TokensForAnybody) => Ok(found),
            _ => Err(UNKNOWN),
        };
    }
    if uri.param(&core.policy.upstream.token_param).is_some() && is_ours(&core.policy, &uri) {
        // Forged, but nobody is told so.
        return Err(UNKNOWN);
    }
    if uri.user.is_none() && is_ours(&core.policy, &uri) {
        return match request.method {
            Method::Options => Ok(Destination::Ourselves),
            _ => Err(UNKNOWN),
        };
    }
    by_name(core, &uri, sender, request)
}

/// Our own Contacts in the Request-URI: tokens, and in `aor` the AoR at our address.
fn addressed(core: &Core, uri: &Uri<'_>) -> Option<Destination> {
    match addressee(&core.policy, &core.keys, uri)? {
        Addressee::Device(binding) => Some(Destination::Device(binding)),
        Addressee::Aor(aor) => is_ours(&core.policy, uri).then(|| all_of(core, &aor)),
    }
}

/// Which way a request goes in a dialog between a device and the main registrar.
fn with_upstream(core: &Core, token: &RouteToken, sender: &Sender, flow: &Flow) -> Destination {
    let now_at = token.binding.and_then(|id| core.table.binding(id));
    let is_device = is_same_place(flow, &token.flow)
        || now_at.is_some_and(|binding| is_same_place(flow, &binding.flow))
        || matches!(sender.party, Party::Device(id) if Some(id) == token.binding);
    // A device that has moved and not yet registered anew may speak from anywhere.
    match !is_device && is_upstream(&core.policy.upstream, flow.remote.ip()) {
        true => Destination::Dialog(*token),
        false => Destination::Upstream(token.node),
    }
}

fn is_same_place(one: &Flow, other: &Flow) -> bool {
    one.remote == other.remote && one.connection == other.connection
}

/// A Request-URI that names somebody: here where there is no main registrar for his domain, else
/// there.
fn by_name(
    core: &Core,
    uri: &Uri<'_>,
    sender: &Sender,
    request: &Request<'_>,
) -> Result<Destination, Refusal> {
    let mut aor = AorBuf::new();
    let named = core.policy.naming.aor(uri, &mut aor).is_ok();
    if named && core.policy.of(&aor).mode == Mode::Standalone {
        return match sender.party {
            Party::Upstream => Ok(all_of(core, &aor)),
            // The shard that knows the sender has looked at that.
            _ if request.vouched().is_some() => Ok(all_of(core, &aor)),
            _ => outbound(core, sender).map(|_| all_of(core, &aor)),
        };
    }
    match sender.party {
        // Not for us to carry elsewhere: we are nobody's way to the world.
        Party::Upstream => Err(UNKNOWN),
        _ => outbound(core, sender),
    }
}

fn outbound(core: &Core, sender: &Sender) -> Result<Destination, Refusal> {
    let (policy, party) = (core.policy.of(&sender.aor).calls.outbound, sender.party);
    let allowed = match policy {
        Outbound::Registered => matches!(party, Party::Device(_) | Party::Upstream),
        Outbound::Any => true,
        Outbound::None => false,
    };
    match allowed {
        true => Ok(Destination::Upstream(preferred(core, sender))),
        false => Err(Refusal::new(403, "Not Registered Here")),
    }
}

/// The node that the device is registered at.
fn preferred(core: &Core, sender: &Sender) -> NodeId {
    match sender.party {
        Party::Device(id) => core
            .table
            .binding_of(sender.hash, id)
            .map_or(NodeId::NONE, |binding| binding.lease.node),
        _ => NodeId::NONE,
    }
}

fn all_of(core: &Core, aor: &[u8]) -> Destination {
    Destination::Aor(core.keys.aor_hash(aor), Fame::of(&core.policy, aor))
}

impl Fame {
    /// Of an AoR in canonical form.
    fn of(policy: &Policy, aor: &[u8]) -> Self {
        let domain = policy.of(aor);
        let user = aor.split(|byte| *byte == b'@').next().unwrap_or_default();
        let known = match (domain.mode, &domain.digest) {
            // Nobody but us has written such an address.
            (Mode::Aor, _) => true,
            (Mode::Standalone, Some(digest)) => digest
                .users
                .binary_search_by(|known| known.name.as_bytes().cmp(user))
                .is_ok(),
            _ => false,
        };
        match known {
            true => Self::Known,
            false => Self::Unknown,
        }
    }
}
