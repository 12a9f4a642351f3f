//! `Hop`: one way to the main registrar, and what a request that goes there says of us.

use crate::clock::{Mono, Now};
use crate::core::{Core, Purpose};
use crate::flow::Flow;
use crate::ids::NodeId;
use crate::output::Outbox;
use crate::peer;
use crate::policy::Policy;
use crate::txn::{Branch, ClientRequest, ClientTxn, Full, Kind};

/// One way to a node, for one request.
#[derive(Debug)]
pub(crate) struct Hop<'p> {
    /// Where it goes.
    pub(crate) flow: Flow,
    /// Branch of our Via.
    pub(crate) branch: Branch,
    /// `host[:port]` of our Via.
    pub(crate) advertise: &'p str,
    /// `host[:port]` of our Contact: where the node reaches us, whatever it is asked from.
    pub(crate) contact: &'p str,
    /// Transport token of our Via.
    pub(crate) transport: &'static str,
}

/// Our `host[:port]` as a node hears it; empty while there is no way to it.
pub(crate) fn advertised(policy: &Policy, node: NodeId) -> &str {
    peer::address(&policy.upstream, node)
        .and_then(|flow| policy.listeners.get(usize::from(flow.listener.0)))
        .map_or("", |listener| &listener.advertise)
}

impl<'p> Hop<'p> {
    /// The way of devices' requests to `node`; `None` while its name has no address.
    pub(crate) fn to(core: &mut Core, policy: &'p Policy, node: NodeId) -> Option<Self> {
        let flow = peer::address(&policy.upstream, node)?;
        let listener = policy.listeners.get(usize::from(flow.listener.0))?;
        Some(Self {
            flow,
            branch: core.txns.new_branch(),
            advertise: &listener.advertise,
            contact: &listener.advertise,
            transport: listener.transport.as_str(),
        })
    }

    /// The way of our own requests to `node` (R9), which no request of a device ever takes.
    pub(crate) fn of_our_own(core: &mut Core, policy: &'p Policy, node: NodeId) -> Option<Self> {
        let mut hop = Self::to(core, policy, node)?;
        if let Some(control) = policy.upstream.control
            && let Some(listener) = policy.listeners.get(usize::from(control.0))
        {
            hop.flow.listener = control;
            hop.advertise = &listener.advertise;
            hop.transport = listener.transport.as_str();
        }
        Some(hop)
    }

    /// The way by a flow that is there.
    pub(crate) fn by(core: &mut Core, policy: &'p Policy, flow: Flow) -> Option<Self> {
        let listener = policy.listeners.get(usize::from(flow.listener.0))?;
        Some(Self {
            flow,
            branch: core.txns.new_branch(),
            advertise: &listener.advertise,
            contact: &listener.advertise,
            transport: listener.transport.as_str(),
        })
    }

    /// Appends our Via header field.
    pub(crate) fn write_via(&self, out: &mut Vec<u8>) {
        self.write_via_with(|_| (), out);
    }

    /// Appends our Via header field with the parameters that `write` adds.
    pub(crate) fn write_via_with(&self, write: impl FnOnce(&mut Vec<u8>), out: &mut Vec<u8>) {
        let parts: [&[u8]; 7] = [
            b"Via: SIP/2.0/",
            self.transport.as_bytes(),
            b" ",
            self.advertise.as_bytes(),
            b";branch=",
            self.branch.as_bytes(),
            b";rport",
        ];
        parts.iter().for_each(|part| out.extend_from_slice(part));
        write(out);
        out.extend_from_slice(b"\r\n");
    }

    /// Sends a request and waits for its answers until `give_up_at`.
    ///
    /// # Errors
    /// [`Full`] when too much is under way.
    pub(crate) fn send(
        &self,
        core: &mut Core,
        now: Now,
        bytes: Vec<u8>,
        (purpose, give_up_at): (Purpose, Mono),
        out: &mut Outbox,
    ) -> Result<ClientTxn, Full> {
        let request = ClientRequest {
            kind: Kind::NonInvite,
            branch: &self.branch,
            flow: self.flow,
            bytes: bytes.into(),
            give_up_at,
            owner: purpose.pack(),
        };
        core.txns.start_client(now, request, out)
    }
}
