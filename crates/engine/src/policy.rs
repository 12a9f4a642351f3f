//! `Policy`: the settings the engine needs, as checked meaning rather than text.
//!
//! Immutable and shared; a change swaps the whole. What each key means to an operator is told by
//! the shell's configuration; here stands what the engine does with it.

use core::net::SocketAddr;
use core::time::Duration;

use crate::clock::Seconds;
use crate::flow::Transport;

/// Everything the engine is told about how to behave.
#[derive(Clone, Debug)]
pub struct Policy {
    /// How registrations relate to the main registrar's.
    pub mode: Mode,
    /// Our addresses; [`ListenerId`](crate::ListenerId) is the index.
    pub listeners: Vec<Listener>,
    /// The main registrar.
    pub upstream: UpstreamPolicy,
    /// What devices are promised.
    pub registration: RegistrationPolicy,
    /// What is refused before anything is stored (R18).
    pub limits: LimitPolicy,
    /// Value of the `Server` header in answers of our own; empty for none.
    pub server_header: String,
}

/// How registrations relate to the main registrar's (docs/registration.md).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mode {
    /// Every REGISTER is proxied; bindings are stored from the 2xx.
    Mirror,
    /// One stretched lease per device; refreshes are absorbed while it lasts.
    Contact,
}

/// An address we listen on.
#[derive(Clone, Debug)]
pub struct Listener {
    /// Transport spoken there.
    pub transport: Transport,
    /// `host[:port]` as it goes into Via and Contact.
    pub advertise: String,
    /// Who is expected there.
    pub side: Side,
}

/// Which neighbours a listener serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Phones and apps only.
    Devices,
    /// The main registrar only.
    Upstream,
    /// Both.
    Both,
}

/// The main registrar and how it is asked.
#[derive(Clone, Debug)]
pub struct UpstreamPolicy {
    /// Its nodes, in order of preference; [`NodeId`](crate::NodeId) is the index.
    pub servers: Vec<Server>,
    /// How a node is chosen.
    pub balance: Balance,
    /// Lifetime asked for a lease (R5); a device that asks for more gets more asked.
    pub expires: Seconds,
    /// A refresh is forwarded when the last proof is older (D10).
    pub reauth_interval: Seconds,
    /// Time a REGISTER may take upstream, waiting included (R6).
    pub deadline: Duration,
    /// Refuse registrations that the main registrar accepts without a challenge (R1).
    pub challenge: ChallengePolicy,
    /// REGISTER transactions under way at once; more are answered 503.
    pub max_in_flight: usize,
    /// Name of the URI parameter that carries our token (R7).
    pub token_param: String,
    /// Statuses by which the main registrar ends a binding for good (R16).
    pub definitive: Vec<u16>,
}

/// A node of the main registrar.
#[derive(Clone, Debug)]
pub struct Server {
    /// As configured, for people.
    pub name: String,
    /// Where it is; `None` while its name has no address.
    pub address: Option<SocketAddr>,
    /// The listener that speaks with it.
    pub listener: crate::flow::ListenerId,
}

/// How a node is chosen among several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Balance {
    /// The first that is up.
    Failover,
    /// By AoR, over those that are up.
    Aor,
}

/// What an unchallenged acceptance means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChallengePolicy {
    /// It is counted and told.
    Warn,
    /// It is refused and undone upstream.
    Require,
}

/// What devices are promised (R4).
#[derive(Clone, Debug)]
pub struct RegistrationPolicy {
    /// Shortest lifetime a device may ask for.
    pub min_expires: Seconds,
    /// Lifetime of a device that asks for none.
    pub default_expires: Seconds,
    /// Longest lifetime a device is promised.
    pub max_expires: Seconds,
    /// What happens to one that asks for less than the shortest.
    pub too_brief: TooBrief,
    /// Longest lifetime of a UDP device behind NAT, that its pinhole stays open.
    pub nat_expires: Seconds,
    /// Share of each grant that may be cut off at random, in percent (0..=50): spreads refreshes.
    pub jitter_percent: u8,
    /// When two flows count as one.
    pub flow_match: FlowMatch,
}

/// What happens to a REGISTER that asks for too little.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TooBrief {
    /// 423 with `Min-Expires` (RFC 3261 §10.3 step 7).
    Reject,
    /// It is granted the shortest lifetime instead.
    Raise,
}

/// When a flow counts as the one that was proved (D9).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlowMatch {
    /// Address and port are the same.
    Exact,
    /// The address is the same: for networks that rebind ports at every refresh.
    Address,
}

/// Bounds on what is stored (R18). Zero means unlimited only where it says so.
#[derive(Clone, Debug)]
pub struct LimitPolicy {
    /// Bindings of one AoR.
    pub bindings_per_aor: usize,
    /// What happens beyond that.
    pub overflow: Overflow,
    /// Bindings of this shard.
    pub bindings: usize,
    /// Bindings from one source address; 0 is unlimited.
    pub bindings_per_source: usize,
}

/// What happens to a device too many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overflow {
    /// It is refused.
    Reject,
    /// The binding that was refreshed longest ago goes, once the newcomer is accepted upstream.
    ReplaceOldest,
}

impl Default for UpstreamPolicy {
    fn default() -> Self {
        Self {
            servers: Vec::new(),
            balance: Balance::Failover,
            expires: 7200,
            reauth_interval: 7200,
            deadline: Duration::from_secs(8),
            challenge: ChallengePolicy::Warn,
            max_in_flight: 4096,
            token_param: "mr".to_owned(),
            definitive: vec![403, 404, 410],
        }
    }
}

impl Default for RegistrationPolicy {
    fn default() -> Self {
        Self {
            min_expires: 60,
            default_expires: 3600,
            max_expires: 3600,
            too_brief: TooBrief::Reject,
            nat_expires: 60,
            jitter_percent: 0,
            flow_match: FlowMatch::Exact,
        }
    }
}

impl Default for LimitPolicy {
    fn default() -> Self {
        Self {
            bindings_per_aor: 10,
            overflow: Overflow::Reject,
            bindings: 4_000_000,
            bindings_per_source: 0,
        }
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            mode: Mode::Contact,
            listeners: Vec::new(),
            upstream: UpstreamPolicy::default(),
            registration: RegistrationPolicy::default(),
            limits: LimitPolicy::default(),
            server_header: String::new(),
        }
    }
}
