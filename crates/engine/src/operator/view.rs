//! What an operator sees of a binding, of a node and of an AoR: `BindingView`, `NodeView`,
//! `Explanation`. Copies, so that they can leave the shard.

use core::net::{IpAddr, SocketAddr};

use crate::clock::{Mono, Now, Seconds, Wall};
use crate::core::Core;
use crate::event::{Explained, Trace};
use crate::flow::Transport;
use crate::ids::{AorHash, BindingId, NodeId};
use crate::limits;
use crate::location::{Binding, Lease, Record};
use crate::peer::{Door, Listing};
use crate::policy::Mode;
use crate::registrar::conversation::{Conversation, Phase};
use crate::registrar::decision::ForwardReason;
use crate::registrar::refusals::RefusalRecord;
use crate::registrar::terms::Terms;

/// A binding as an operator sees it.
#[derive(Clone, Debug)]
pub struct BindingView {
    /// Its address, stable across restarts.
    pub id: BindingId,
    /// Whose it is, canonical.
    pub aor: String,
    /// Contact URI as the device sent it.
    pub contact: String,
    /// `+sip.instance`, if the device has one (RFC 5626 §4.1).
    pub instance: Option<String>,
    /// Where the device is.
    pub remote: SocketAddr,
    /// By which transport it speaks.
    pub transport: Transport,
    /// The address of ours that it speaks with, as it is told to others.
    pub local: String,
    /// Seconds that its last accepted request asked for, or the default it got.
    pub asked: Seconds,
    /// Seconds it was promised then.
    pub granted: Seconds,
    /// Seconds until the device must have refreshed.
    pub expires_in: Seconds,
    /// Seconds since it was proved last.
    pub proved: Seconds,
    /// Seconds the main registrar still holds the lease.
    pub lease_left: Seconds,
    /// The lease behind it.
    pub lease: LeaseView,
    /// Why the last requests were absorbed, forwarded or refused, newest first.
    pub history: Vec<Explained>,
}

/// A lease as an operator sees it.
#[derive(Clone, Debug)]
pub struct LeaseView {
    /// The mode under which it was made.
    pub mode: Mode,
    /// Seconds that the main registrar granted.
    pub granted: Seconds,
    /// Seconds that may still be promised on it.
    pub usable: Seconds,
    /// Who granted it, by configured name; `None` when nobody did, or he is not known any more.
    pub node: Option<String>,
    /// Whether it is trusted.
    pub standing: LeaseStanding,
    /// How many devices hang on it.
    pub sharing: usize,
}

/// Whether a lease is trusted; the next REGISTER is forwarded if it is not (D11).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeaseStanding {
    /// It is.
    Trusted,
    /// The main registrar, or the store, was found to have lost it.
    Distrusted,
    /// A new epoch has begun since.
    OldEpoch,
    /// Who granted it is not configured any more.
    NodeGone,
}

/// A node of the main registrar as an operator sees it.
#[derive(Clone, Debug)]
pub struct NodeView {
    /// Which.
    pub id: NodeId,
    /// As configured.
    pub name: String,
    /// Where it is; `None` while its name has no address.
    pub address: Option<SocketAddr>,
    /// Seconds since it was found to be down; `None` when it answers, as far as is known.
    pub down: Option<Seconds>,
    /// Its epoch (R14), from 1.
    pub epoch: u16,
    /// Shortest lifetime it was found to take; 0 when it takes any.
    pub min_expires: Seconds,
    /// Whether it was seen to accept somebody without a challenge (R1).
    pub lets_strangers_in: bool,
}

/// Everything that is known of one AoR.
#[derive(Clone, Debug)]
pub struct Explanation {
    /// In canonical form.
    pub aor: String,
    /// The mode of its domain.
    pub mode: Mode,
    /// Its devices, the oldest first.
    pub bindings: Vec<BindingView>,
    /// What is being said of it with the main registrar.
    pub pending: Vec<PendingView>,
    /// The last requests that were refused, newest first.
    pub refusals: Vec<RefusalRecord>,
    /// What to beware of.
    pub warnings: Vec<Warning>,
}

/// Something that is under way with the main registrar.
#[derive(Clone, Debug)]
pub struct PendingView {
    /// Where the device is, if one began it.
    pub source: Option<IpAddr>,
    /// With whom.
    pub node: Option<String>,
    /// How far it is.
    pub stage: PendingStage,
    /// How many more REGISTERs wait for their turn.
    pub waiting: usize,
}

/// How far something is that is under way with the main registrar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PendingStage {
    /// A REGISTER was sent and is not answered.
    Asking {
        /// Why it was sent.
        reason: ForwardReason,
        /// Since when, in milliseconds.
        since: u64,
    },
    /// The device was challenged and has not answered.
    Challenged {
        /// Seconds in which it may.
        left: Seconds,
    },
    /// The lease is being given back.
    Releasing {
        /// Which try it is.
        attempt: u32,
    },
    /// It will be tried again to give it back.
    Resting {
        /// How many tries there were.
        attempt: u32,
        /// Seconds until the next.
        left: Seconds,
    },
}

/// Something about an AoR that an operator should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Warning {
    /// This node was seen to accept devices without a challenge: it would accept anybody through us
    /// (R1).
    LetsStrangersIn(String),
    /// This node's answers never listed more than one of several devices: if it keeps only one, they
    /// displace each other, and the mode for it is `aor` (R14).
    Displacing(String),
    /// There is no main registrar, and nobody is asked for a password.
    TakesAnybody,
}

impl BindingView {
    pub(crate) fn of(core: &Core, now: Now, record: &Record, binding: &Binding) -> Self {
        let listener = usize::from(binding.flow.listener.0);
        let local = core.policy.listeners.get(listener);
        Self {
            id: binding.id,
            aor: text(&record.aor),
            contact: text(binding.contact.uri()),
            instance: binding.contact.instance().map(text),
            remote: binding.flow.remote,
            transport: binding.flow.transport,
            local: local.map_or_else(String::new, |listener| listener.advertise.clone()),
            asked: binding.asked,
            granted: binding.granted,
            expires_in: binding.remaining(now.mono),
            proved: binding.proved_at.seconds_before(now.mono),
            lease_left: binding.lease.until.seconds_after(now.mono),
            lease: LeaseView::of(core, now.mono, record, &binding.lease),
            history: history(binding, now),
        }
    }
}

impl LeaseView {
    fn of(core: &Core, now: Mono, record: &Record, lease: &Lease) -> Self {
        let sharing = record.bindings().filter(|other| other.lease.id == lease.id);
        Self {
            mode: mode(lease.terms),
            granted: lease.granted,
            usable: lease.usable(now),
            node: name(core, lease.node),
            standing: standing(core, lease),
            sharing: sharing.count(),
        }
    }
}

impl NodeView {
    pub(crate) fn all(core: &Core, now: Now) -> Vec<Self> {
        let servers = core.policy.upstream.servers.iter();
        let view = |server: &crate::policy::Server| {
            let id = server.node();
            Self {
                id,
                name: server.name.clone(),
                address: server.address,
                down: core.peers.down_for(now.mono, id),
                epoch: core.peers.epoch(id),
                min_expires: core.peers.min_expires(id),
                lets_strangers_in: core.peers.door(id) == Door::Open,
            }
        };
        servers.map(view).collect()
    }
}

impl Explanation {
    pub(crate) fn of(core: &Core, now: Now, aor: &str) -> Option<Self> {
        let canonical = core.canonical_text(aor)?;
        let hash = core.keys.aor_hash(&canonical);
        let conversations = core.conversations.of(hash);
        let refusals = core.refusals.of(hash).take(limits::REFUSALS_TOLD);
        Some(Self {
            mode: core.policy.of(&canonical).mode,
            bindings: super::bindings(core, now, aor).unwrap_or_default(),
            pending: conversations
                .filter_map(|(_, one)| PendingView::of(core, now.mono, one))
                .collect(),
            refusals: refusals.copied().collect(),
            warnings: warnings(core, &canonical, hash),
            aor: text(&canonical),
        })
    }
}

impl PendingView {
    fn of(core: &Core, now: Mono, conversation: &Conversation) -> Option<Self> {
        let stage = match &conversation.phase {
            Phase::Asking(asking) => PendingStage::Asking {
                reason: asking.arrival.reason,
                since: now.0.saturating_sub(asking.arrival.at.0),
            },
            Phase::Challenged { until, .. } => PendingStage::Challenged {
                left: until.seconds_after(now),
            },
            Phase::Releasing { attempt, .. } => PendingStage::Releasing { attempt: *attempt },
            Phase::Resting { attempt, until } => PendingStage::Resting {
                attempt: *attempt,
                left: until.seconds_after(now),
            },
        };
        // Nobody waits any more for who has answered his challenge by another way.
        let over = matches!(stage, PendingStage::Challenged { left: 0 });
        (!over).then(|| Self {
            source: conversation.source,
            node: name(core, conversation.node),
            stage,
            waiting: conversation.waiting.len(),
        })
    }
}

fn history(binding: &Binding, now: Now) -> Vec<Explained> {
    let traces = binding.history.iter();
    traces.filter_map(|trace| explained(*trace, now)).collect()
}

fn explained(trace: Trace, now: Now) -> Option<Explained> {
    let age = (now.mono.0 / 1000).saturating_sub(u64::from(trace.at)) * 1000;
    Some(Explained {
        at: Wall(now.wall.0.saturating_sub(age)),
        row: trace.row?,
        outcome: trace.outcome,
        granted: u32::from(trace.granted_quads) * 4,
    })
}

fn standing(core: &Core, lease: &Lease) -> LeaseStanding {
    if core.peers.trusts(lease) {
        return LeaseStanding::Trusted;
    }
    match lease.epoch {
        0 => LeaseStanding::Distrusted,
        _ if core.peers.exists(lease.node) => LeaseStanding::OldEpoch,
        _ => LeaseStanding::NodeGone,
    }
}

fn warnings(core: &Core, aor: &[u8], hash: AorHash) -> Vec<Warning> {
    let policy = core.policy.of(aor);
    let mut warnings = Vec::new();
    if policy.mode == Mode::Standalone && policy.digest.is_none() {
        warnings.push(Warning::TakesAnybody);
    }
    for server in &core.policy.upstream.servers {
        let node = server.node();
        let leased = core.table.bindings_of(hash).filter(|binding| {
            let terms = binding.lease.terms;
            terms.is_leased() && !terms.is_shared() && binding.lease.node == node
        });
        let known = core.table.bindings_of(hash);
        let known = known.filter(|binding| binding.lease.node == node).count() > 0;
        if known && core.peers.door(node) == Door::Open {
            warnings.push(Warning::LetsStrangersIn(server.name.clone()));
        }
        if leased.count() > 1 && core.peers.listing(node) == Listing::One {
            warnings.push(Warning::Displacing(server.name.clone()));
        }
    }
    warnings
}

fn mode(terms: Terms) -> Mode {
    match terms {
        Terms::MirrorParameter | Terms::MirrorUser | Terms::MirrorPath => Mode::Mirror,
        Terms::ContactParameter | Terms::ContactUser | Terms::ContactPath => Mode::Contact,
        Terms::Aor => Mode::Aor,
        Terms::Local => Mode::Standalone,
    }
}

fn name(core: &Core, node: NodeId) -> Option<String> {
    let server = core.policy.upstream.server(node)?;
    Some(server.name.clone())
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
