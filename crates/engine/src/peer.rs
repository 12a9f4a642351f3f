//! `Peers`: the nodes of the main registrar, which of them answer, and what each was found to want.
//!
//! A node counts as down when it leaves a request unanswered *and nothing else was heard from it*
//! since that request went out, so that one message it chooses to ignore takes nobody offline; or
//! when the network itself says so. While down it is probed with OPTIONS; anything it says brings
//! it back.

use crate::clock::{Mono, Seconds};
use crate::ids::{AorHash, NodeId};
use crate::limits;
use crate::policy::{Balance, UpstreamPolicy};
use crate::timers::TimerToken;

/// The nodes of the main registrar, by [`NodeId`].
#[derive(Debug, Default)]
pub(crate) struct Peers {
    nodes: Vec<Peer>,
}

#[derive(Clone, Debug, Default)]
struct Peer {
    name: String,
    down_since: Option<Mono>,
    last_heard: Mono,
    /// Shortest lifetime it takes, learnt from its 423 (R5).
    min_expires: Seconds,
    /// The timer of its next probe.
    probe: Option<TimerToken>,
    /// How often its leases were all called into question (R14): the epoch is one more.
    resyncs: u32,
    /// What its answers list.
    listing: Listing,
    /// Leases that it was found to have lost, and since when they are counted.
    losses: (u32, Mono),
}

/// What a node's answers to a REGISTER list, as far as was seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Listing {
    /// Never more than the requester's own contacts; perhaps it has no others.
    #[default]
    Requester,
    /// All contacts of the AoR (RFC 3261 §10.3 step 8): one that is missing is lost.
    All,
}

impl Peers {
    /// Takes over a new list of nodes; what is known of those that stay is kept.
    pub(crate) fn adopt(&mut self, upstream: &UpstreamPolicy) {
        let old = core::mem::take(&mut self.nodes);
        self.nodes = upstream
            .servers
            .iter()
            .map(|server| {
                let known = old.iter().find(|peer| peer.name == server.name).cloned();
                known.unwrap_or_else(|| Peer {
                    name: server.name.clone(),
                    ..Peer::default()
                })
            })
            .collect();
    }

    /// The node that takes a registration of this AoR; `None` when none can.
    pub(crate) fn choose(&self, upstream: &UpstreamPolicy, aor: AorHash) -> Option<NodeId> {
        let count = self.nodes.len();
        let first = match upstream.balance {
            Balance::Failover => 0,
            // The low bits chose the slot; the high ones spread over nodes.
            Balance::Aor => (aor.0 >> 32) as usize % count.max(1),
        };
        (0..count)
            .map(|step| NodeId(((first + step) % count) as u16))
            .find(|node| self.is_up(*node) && address(upstream, *node).is_some())
    }

    /// Whether a node answers, as far as is known.
    pub(crate) fn is_up(&self, node: NodeId) -> bool {
        self.node(node)
            .is_some_and(|peer| peer.down_since.is_none())
    }

    /// Whether there is such a node.
    pub(crate) fn exists(&self, node: NodeId) -> bool {
        self.node(node).is_some()
    }

    /// A node said something. Tells for how long it had not, if it was down.
    pub(crate) fn heard(&mut self, now: Mono, node: NodeId) -> Option<Seconds> {
        let peer = self.node_mut(node)?;
        peer.last_heard = now;
        peer.down_since
            .take()
            .map(|since| since.seconds_before(now))
    }

    /// A node left a request of `sent_at` unanswered. Whether it is down as of now.
    pub(crate) fn silent(&mut self, now: Mono, node: NodeId, sent_at: Mono) -> Verdict {
        match self.node_mut(node) {
            Some(peer) if peer.last_heard < sent_at => Self::down(peer, now),
            _ => Verdict::Unchanged,
        }
    }

    /// The network says that a node cannot be reached.
    pub(crate) fn unreachable(&mut self, now: Mono, node: NodeId) -> Verdict {
        self.node_mut(node)
            .map_or(Verdict::Unchanged, |peer| Self::down(peer, now))
    }

    fn down(peer: &mut Peer, now: Mono) -> Verdict {
        if peer.down_since.is_some() {
            return Verdict::Unchanged;
        }
        peer.down_since = Some(now);
        Verdict::WentDown
    }

    /// The present epoch of a node, from 1: leases of an older one are renewed at the next REGISTER.
    pub(crate) fn epoch(&self, node: NodeId) -> u32 {
        self.node(node).map_or(1, |peer| peer.resyncs + 1)
    }

    /// Begins a new epoch of a node, and tells its number.
    pub(crate) fn begin_epoch(&mut self, node: NodeId) -> u32 {
        if let Some(peer) = self.node_mut(node) {
            peer.resyncs += 1;
            peer.losses = (0, Mono::default());
        }
        self.epoch(node)
    }

    /// All nodes.
    pub(crate) fn all(&self) -> impl Iterator<Item = NodeId> + use<> {
        (0..self.nodes.len() as u16).map(NodeId)
    }

    /// What a node's answers list.
    pub(crate) fn listing(&self, node: NodeId) -> Listing {
        self.node(node)
            .map_or(Listing::Requester, |peer| peer.listing)
    }

    /// A node's answer listed others than the requester.
    pub(crate) fn lists_all(&mut self, node: NodeId) {
        if let Some(peer) = self.node_mut(node) {
            peer.listing = Listing::All;
        }
    }

    /// A node was found to have lost a lease. Whether it has lost so many lately that none is to be
    /// trusted.
    pub(crate) fn lost(&mut self, now: Mono, node: NodeId) -> bool {
        let Some(peer) = self.node_mut(node) else {
            return false;
        };
        let (count, since) = peer.losses;
        peer.losses = match since.plus(limits::LOSS_WINDOW) > now && count > 0 {
            true => (count + 1, since),
            false => (1, now),
        };
        peer.losses.0 >= limits::LOSSES_PER_EPOCH
    }

    /// The nodes that are down.
    pub(crate) fn down_nodes(&self) -> impl Iterator<Item = NodeId> {
        let down = |(_, peer): &(usize, &Peer)| peer.down_since.is_some();
        let nodes = self.nodes.iter().enumerate().filter(down);
        nodes.map(|(at, _)| NodeId(at as u16))
    }

    /// Remembers the timer of a node's next probe.
    pub(crate) fn set_probe(&mut self, node: NodeId, timer: TimerToken) {
        if let Some(peer) = self.node_mut(node) {
            peer.probe = Some(timer);
        }
    }

    /// Hands out the timers of all probes: they know the nodes by their old places.
    pub(crate) fn take_probes(&mut self) -> impl Iterator<Item = TimerToken> {
        self.nodes.iter_mut().filter_map(|peer| peer.probe.take())
    }

    /// Shortest lifetime that a node takes.
    pub(crate) fn min_expires(&self, node: NodeId) -> Seconds {
        self.node(node).map_or(0, |peer| peer.min_expires)
    }

    /// Remembers the shortest lifetime that a node takes.
    pub(crate) fn learn_min_expires(&mut self, node: NodeId, min_expires: Seconds) {
        if let Some(peer) = self.node_mut(node) {
            peer.min_expires = min_expires;
        }
    }

    fn node(&self, node: NodeId) -> Option<&Peer> {
        self.nodes.get(usize::from(node.0))
    }

    fn node_mut(&mut self, node: NodeId) -> Option<&mut Peer> {
        self.nodes.get_mut(usize::from(node.0))
    }
}

/// Whether a node's state changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Unchanged,
    WentDown,
}

/// The flow to a node, once its name has an address.
pub(crate) fn address(upstream: &UpstreamPolicy, node: NodeId) -> Option<crate::Flow> {
    let server = upstream.servers.get(usize::from(node.0))?;
    Some(crate::Flow::udp(server.listener, server.address?))
}

/// Whether an address is one of a configured node's; its port may be any (docs/registration.md).
pub(crate) fn is_upstream(upstream: &UpstreamPolicy, remote: core::net::IpAddr) -> bool {
    let addresses = upstream.servers.iter().filter_map(|server| server.address);
    addresses.into_iter().any(|address| address.ip() == remote)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::ListenerId;
    use crate::policy::Server;

    fn upstream(names: &[&str], balance: Balance) -> UpstreamPolicy {
        let servers = names.iter().enumerate().map(|(at, name)| Server {
            name: (*name).to_owned(),
            address: Some(format!("127.0.0.{}:5060", at + 1).parse().unwrap()),
            listener: ListenerId(0),
        });
        UpstreamPolicy {
            servers: servers.collect(),
            balance,
            ..UpstreamPolicy::default()
        }
    }

    fn peers(upstream: &UpstreamPolicy) -> Peers {
        let mut peers = Peers::default();
        peers.adopt(upstream);
        peers
    }

    #[test]
    fn one_ignored_message_takes_no_node_down() {
        let upstream = upstream(&["a"], Balance::Failover);
        let mut peers = peers(&upstream);
        peers.heard(Mono(5_000), NodeId(0));
        assert_eq!(
            peers.silent(Mono(9_000), NodeId(0), Mono(1_000)),
            Verdict::Unchanged
        );
        assert!(peers.is_up(NodeId(0)));
        assert_eq!(
            peers.silent(Mono(14_000), NodeId(0), Mono(6_000)),
            Verdict::WentDown
        );
        assert_eq!(
            peers.silent(Mono(15_000), NodeId(0), Mono(7_000)),
            Verdict::Unchanged
        );
        assert_eq!(peers.choose(&upstream, AorHash(0)), None);
        assert_eq!(peers.heard(Mono(20_000), NodeId(0)), Some(6));
        assert_eq!(peers.choose(&upstream, AorHash(0)), Some(NodeId(0)));
    }

    #[test]
    fn failover_takes_the_first_that_is_up() {
        let upstream = upstream(&["a", "b"], Balance::Failover);
        let mut peers = peers(&upstream);
        assert_eq!(peers.choose(&upstream, AorHash(u128::MAX)), Some(NodeId(0)));
        peers.unreachable(Mono(1), NodeId(0));
        assert_eq!(peers.choose(&upstream, AorHash(u128::MAX)), Some(NodeId(1)));
    }

    #[test]
    fn balancing_by_aor_is_stable_and_fails_over() {
        let upstream = upstream(&["a", "b"], Balance::Aor);
        let mut peers = peers(&upstream);
        let (even, odd) = (AorHash(0), AorHash(1 << 32));
        assert_eq!(peers.choose(&upstream, even), Some(NodeId(0)));
        assert_eq!(peers.choose(&upstream, odd), Some(NodeId(1)));
        peers.unreachable(Mono(1), NodeId(1));
        assert_eq!(peers.choose(&upstream, odd), Some(NodeId(0)));
    }

    #[test]
    fn a_new_list_keeps_what_is_known_of_the_old_nodes() {
        let old = upstream(&["a", "b"], Balance::Failover);
        let mut peers = peers(&old);
        peers.unreachable(Mono(1), NodeId(1));
        peers.learn_min_expires(NodeId(1), 600);
        peers.adopt(&upstream(&["b"], Balance::Failover));
        assert!(!peers.is_up(NodeId(0)));
        assert_eq!(peers.min_expires(NodeId(0)), 600);
    }
}
