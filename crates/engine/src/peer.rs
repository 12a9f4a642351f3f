//! `Peers`: the nodes of the main registrar, which of them answer, and what each was found to want.
//!
//! A node counts as down when it leaves a request unanswered *and nothing else was heard from it*
//! since that request went out, so that one message it chooses to ignore takes nobody offline; or
//! when the network itself says so. While down it is probed with OPTIONS; anything it says brings
//! it back.

use crate::clock::{Mono, Seconds};
use crate::ids::{AorHash, NodeId};
use crate::limits;
use crate::location::Lease;
use crate::policy::{Balance, Server, UpstreamPolicy};
use crate::timers::TimerToken;

/// The nodes of the main registrar, by [`NodeId`].
#[derive(Debug, Default)]
pub(crate) struct Peers {
    /// Those that are configured, in that order.
    nodes: Vec<Peer>,
    /// Those that were: what was found out about them holds when they are again.
    former: Vec<Peer>,
}

#[derive(Debug)]
struct Peer {
    id: NodeId,
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
    /// Whether it was seen to accept somebody whom it had not asked for proof (R1).
    door: Door,
    /// AoRs of which it was found to have lost a lease, and since when they are counted.
    losses: (Vec<AorHash>, Mono),
}

/// The epoch of leases that no node has granted, which nothing calls into question.
const EPOCH_OF_NONE: u16 = 1;

/// Whether a node lets strangers in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Door {
    #[default]
    Watched,
    Open,
}

/// What a node's answers to a REGISTER list, as far as was seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Listing {
    /// Never more than the requester's own contacts; perhaps it has no others.
    #[default]
    Requester,
    /// Never more than the requester's own contacts, although it had accepted others.
    One,
    /// All contacts of the AoR (RFC 3261 §10.3 step 8): one that is missing is lost.
    All,
}

impl Peers {
    /// Takes over a new list of nodes; what is known of those that stay is kept.
    pub(crate) fn adopt(&mut self, upstream: &UpstreamPolicy) {
        let mut known = core::mem::take(&mut self.former);
        known.append(&mut self.nodes);
        let peer = |server: &Server| {
            let id = server.node();
            match known.iter().position(|peer| peer.id == id) {
                Some(at) => known.remove(at),
                None => Peer::new(id),
            }
        };
        self.nodes = upstream.servers.iter().map(peer).collect();
        self.former = known;
        self.forget_former();
    }

    /// A former run began this epoch of a node.
    pub(crate) fn restore_epoch(&mut self, node: NodeId, epoch: u32) {
        let mut all = self.nodes.iter_mut().chain(&mut self.former);
        let resyncs = epoch.saturating_sub(1);
        if let Some(peer) = all.find(|peer| peer.id == node) {
            peer.resyncs = peer.resyncs.max(resyncs);
            return;
        }
        self.former.push(Peer {
            resyncs,
            ..Peer::new(node)
        });
        self.forget_former();
    }

    fn forget_former(&mut self) {
        let excess = self.former.len().saturating_sub(limits::FORMER_NODES);
        self.former.drain(..excess);
    }

    /// The node that takes a registration of this AoR; `None` when none can.
    pub(crate) fn choose(&self, upstream: &UpstreamPolicy, aor: AorHash) -> Option<NodeId> {
        let count = self.nodes.len();
        let first = match upstream.balance {
            Balance::Failover => 0,
            // The low bits chose the slot; the high ones spread over nodes.
            Balance::Aor => (aor.0 >> 32) as usize % count.max(1),
        };
        let nodes = self.nodes.iter().zip(&upstream.servers);
        nodes
            .cycle()
            .skip(first)
            .take(count)
            .find(|(peer, server)| peer.down_since.is_none() && server.address.is_some())
            .map(|(peer, _)| peer.id)
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

    /// The present epoch of a node as leases have it, never 0: those of an older one are renewed at
    /// the next REGISTER.
    pub(crate) fn epoch(&self, node: NodeId) -> u16 {
        let mut all = self.nodes.iter().chain(&self.former);
        all.find(|peer| peer.id == node)
            .map_or(EPOCH_OF_NONE, Peer::epoch)
    }

    /// Whether a lease may be promised on as far as its epoch goes (D11). One of a node that is
    /// configured no more may not: another is to hold it.
    pub(crate) fn trusts(&self, lease: &Lease) -> bool {
        match lease.node {
            NodeId::NONE => lease.epoch == EPOCH_OF_NONE,
            node => self
                .node(node)
                .is_some_and(|peer| peer.epoch() == lease.epoch),
        }
    }

    /// Begins a new epoch of a node, and tells its number, from 1.
    pub(crate) fn begin_epoch(&mut self, node: NodeId) -> u32 {
        if let Some(peer) = self.node_mut(node) {
            peer.resyncs = peer.resyncs.saturating_add(1);
            peer.losses.0.clear();
        }
        self.node(node)
            .map_or(1, |peer| peer.resyncs.saturating_add(1))
    }

    /// All nodes.
    pub(crate) fn all(&self) -> impl Iterator<Item = NodeId> {
        self.nodes.iter().map(|peer| peer.id)
    }

    /// What a node's answers list.
    pub(crate) fn listing(&self, node: NodeId) -> Listing {
        self.node(node)
            .map_or(Listing::Requester, |peer| peer.listing)
    }

    /// Whether a node lets strangers in, as far as was seen.
    pub(crate) fn door(&self, node: NodeId) -> Door {
        self.node(node).map_or(Door::Watched, |peer| peer.door)
    }

    /// A node accepted somebody whom it had not asked for proof.
    pub(crate) fn let_in(&mut self, node: NodeId) {
        if let Some(peer) = self.node_mut(node) {
            peer.door = Door::Open;
        }
    }

    /// A node's answer did not list others than the requester although there are some.
    pub(crate) fn lists_one(&mut self, node: NodeId) {
        if let Some(peer) = self.node_mut(node)
            && peer.listing == Listing::Requester
        {
            peer.listing = Listing::One;
        }
    }

    /// A node's answer listed others than the requester.
    pub(crate) fn lists_all(&mut self, node: NodeId) {
        if let Some(peer) = self.node_mut(node) {
            peer.listing = Listing::All;
        }
    }

    /// A node was found to have lost a lease of an AoR. Whether it has lost those of so many lately
    /// that none is to be trusted. One user with more devices than the node keeps is one loss.
    pub(crate) fn lost(&mut self, now: Mono, node: NodeId, aor: AorHash) -> bool {
        let Some(peer) = self.node_mut(node) else {
            return false;
        };
        let (losers, since) = &mut peer.losses;
        if losers.is_empty() || since.plus(limits::LOSS_WINDOW) <= now {
            losers.clear();
            *since = now;
        }
        if !losers.contains(&aor) {
            losers.push(aor);
        }
        losers.len() >= limits::LOSSES_PER_EPOCH
    }

    /// How long a node has been down; `None` when it is not.
    pub(crate) fn down_for(&self, now: Mono, node: NodeId) -> Option<Seconds> {
        let since = self.node(node)?.down_since?;
        Some(since.seconds_before(now))
    }

    /// The nodes that are down.
    pub(crate) fn down_nodes(&self) -> impl Iterator<Item = NodeId> {
        let down = |peer: &&Peer| peer.down_since.is_some();
        self.nodes.iter().filter(down).map(|peer| peer.id)
    }

    /// Remembers the timer of a node's next probe.
    pub(crate) fn set_probe(&mut self, node: NodeId, timer: TimerToken) {
        if let Some(peer) = self.node_mut(node) {
            peer.probe = Some(timer);
        }
    }

    /// Hands out the timers of all probes.
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
        self.nodes.iter().find(|peer| peer.id == node)
    }

    fn node_mut(&mut self, node: NodeId) -> Option<&mut Peer> {
        self.nodes.iter_mut().find(|peer| peer.id == node)
    }
}

impl Peer {
    const fn new(id: NodeId) -> Self {
        Self {
            id,
            down_since: None,
            last_heard: Mono(0),
            min_expires: 0,
            probe: None,
            resyncs: 0,
            listing: Listing::Requester,
            door: Door::Watched,
            losses: (Vec::new(), Mono(0)),
        }
    }

    const fn epoch(&self) -> u16 {
        (self.resyncs % u16::MAX as u32) as u16 + 1
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
    let server = upstream.server(node)?;
    Some(crate::Flow::udp(server.listener, server.address?))
}

/// Whether an address is one of a configured node's, or of a network that is trusted like one; its
/// port may be any (docs/registration.md).
pub(crate) fn is_upstream(upstream: &UpstreamPolicy, remote: core::net::IpAddr) -> bool {
    let mut addresses = upstream.servers.iter().filter_map(|server| server.address);
    let remote = remote.to_canonical();
    addresses.any(|address| address.ip().to_canonical() == remote)
        || upstream
            .trusted
            .iter()
            .any(|network| network.contains(remote))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::ListenerId;

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

    fn node(name: &str) -> NodeId {
        NodeId::of(name)
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
        peers.heard(Mono(5_000), node("a"));
        assert_eq!(
            peers.silent(Mono(9_000), node("a"), Mono(1_000)),
            Verdict::Unchanged
        );
        assert!(peers.is_up(node("a")));
        assert_eq!(
            peers.silent(Mono(14_000), node("a"), Mono(6_000)),
            Verdict::WentDown
        );
        assert_eq!(
            peers.silent(Mono(15_000), node("a"), Mono(7_000)),
            Verdict::Unchanged
        );
        assert_eq!(peers.choose(&upstream, AorHash(0)), None);
        assert_eq!(peers.heard(Mono(20_000), node("a")), Some(6));
        assert_eq!(peers.choose(&upstream, AorHash(0)), Some(node("a")));
    }

    #[test]
    fn failover_takes_the_first_that_is_up() {
        let upstream = upstream(&["a", "b"], Balance::Failover);
        let mut peers = peers(&upstream);
        assert_eq!(peers.choose(&upstream, AorHash(u128::MAX)), Some(node("a")));
        peers.unreachable(Mono(1), node("a"));
        assert_eq!(peers.choose(&upstream, AorHash(u128::MAX)), Some(node("b")));
    }

    #[test]
    fn balancing_by_aor_is_stable_and_fails_over() {
        let upstream = upstream(&["a", "b"], Balance::Aor);
        let mut peers = peers(&upstream);
        let (even, odd) = (AorHash(0), AorHash(1 << 32));
        assert_eq!(peers.choose(&upstream, even), Some(node("a")));
        assert_eq!(peers.choose(&upstream, odd), Some(node("b")));
        peers.unreachable(Mono(1), node("b"));
        assert_eq!(peers.choose(&upstream, odd), Some(node("a")));
    }

    #[test]
    fn a_new_list_keeps_what_is_known_of_the_old_nodes() {
        let old = upstream(&["a", "b"], Balance::Failover);
        let mut peers = peers(&old);
        peers.unreachable(Mono(1), node("b"));
        peers.learn_min_expires(node("b"), 600);
        peers.begin_epoch(node("a"));
        peers.adopt(&upstream(&["b"], Balance::Failover));
        assert!(!peers.is_up(node("b")));
        assert_eq!(peers.min_expires(node("b")), 600);
        peers.adopt(&upstream(&["b", "a"], Balance::Failover));
        assert_eq!(peers.epoch(node("a")), 2);
    }

    #[test]
    fn r14_a_lease_is_trusted_in_its_epoch_and_while_its_node_is_there() {
        let mut peers = peers(&upstream(&["a"], Balance::Failover));
        let lease = |node, epoch| Lease {
            id: crate::ids::LeaseId(1),
            cseq: 1,
            node,
            terms: crate::registrar::terms::Terms::of(&crate::policy::DomainPolicy::default()),
            settings: crate::settings::SettingsId::default(),
            epoch,
            granted: 60,
            until: Mono(60_000),
        };
        assert!(peers.trusts(&lease(node("a"), 1)));
        assert!(!peers.trusts(&lease(node("b"), 1)));
        assert!(peers.trusts(&lease(NodeId::NONE, 1)));
        assert!(!peers.trusts(&lease(NodeId::NONE, 0)));
        peers.restore_epoch(node("a"), 3);
        assert!(!peers.trusts(&lease(node("a"), 1)));
        assert!(peers.trusts(&lease(node("a"), 3)));
    }

    #[test]
    fn r14_one_user_is_one_loss() {
        let mut peers = peers(&upstream(&["a"], Balance::Failover));
        for _ in 0..2 * limits::LOSSES_PER_EPOCH {
            assert!(!peers.lost(Mono(1), node("a"), AorHash(1)));
        }
        let others = 2..limits::LOSSES_PER_EPOCH as u128;
        for other in others {
            assert!(!peers.lost(Mono(1), node("a"), AorHash(other)));
        }
        assert!(peers.lost(Mono(1), node("a"), AorHash(0)));
    }
}
