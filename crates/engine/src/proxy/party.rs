//! `Party`: who sent a request that is no REGISTER.

use sip::aor::AorBuf;
use sip::header::name_addr::NameAddr;
use sip::{Message, Name, Uri};

use crate::core::Core;
use crate::flow::Flow;
use crate::ids::{AorHash, BindingId};
use crate::peer::is_upstream;
use crate::policy::{FlowMatch, Side};
use crate::registrar::flows_match;

/// Who sent a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Party {
    /// A registered device, by the flow that was proved.
    Device(BindingId),
    /// The main registrar, or somebody who is trusted like it.
    Upstream,
    /// Anybody else.
    Stranger,
}

/// Who sent a request, and for which AoR.
#[derive(Clone, Debug)]
pub(crate) struct Sender {
    /// Who sent it.
    pub(crate) party: Party,
    /// The AoR that the device is registered for, else that of the From, canonical; empty where that
    /// is no SIP URI.
    pub(crate) aor: AorBuf,
    /// Its keyed hash.
    pub(crate) hash: AorHash,
}

impl Sender {
    /// Finds out who sent a request by this flow.
    ///
    /// A proved flow goes before the main registrar's address: phones may live on its host. Nothing
    /// less than the very flow does there, as its own requests name the same AoRs.
    pub(crate) fn of(core: &Core, message: &Message<'_>, flow: &Flow) -> Self {
        let mut aor = AorBuf::new();
        let from = message.header(Name::From);
        let from = from.and_then(|from| NameAddr::parse(from.value).ok());
        let named = from
            .and_then(|from| Uri::parse(from.uri).ok())
            .is_some_and(|uri| core.policy.naming.aor(&uri, &mut aor).is_ok());
        if !named {
            aor.clear();
        }
        let hash = core.keys.aor_hash(&aor);
        let side = core.side(flow);
        let upstream =
            side != Side::Devices && is_upstream(&core.policy.upstream, flow.remote.ip());
        let rule = match upstream {
            true => FlowMatch::Exact,
            false => core.policy.of(&aor).registration.flow_match,
        };
        let own = core
            .table
            .bindings_of(hash)
            .find(|binding| flows_match(flow, &binding.flow, rule));
        match own {
            Some(binding) if side != Side::Upstream => Self {
                party: Party::Device(binding.id),
                aor,
                hash,
            },
            _ if upstream => Self {
                party: Party::Upstream,
                aor,
                hash,
            },
            _ => Self::under_another_name(core, flow, (aor, hash)),
        }
    }

    /// A device may speak under another name than it registered: with no name at all (RFC 3323), or
    /// for somebody else, as far as the main registrar lets it.
    fn under_another_name(core: &Core, flow: &Flow, (aor, hash): (AorBuf, AorHash)) -> Self {
        let owner = core.table.at_flow(flow).and_then(|binding| {
            let owner = core.table.owner(binding.id)?;
            Some((binding.id, core.table.record(owner)?))
        });
        match owner {
            Some((id, record)) => Self {
                party: Party::Device(id),
                aor: record.aor.iter().copied().collect(),
                hash: record.hash,
            },
            None => Self {
                party: Party::Stranger,
                aor,
                hash,
            },
        }
    }
}
