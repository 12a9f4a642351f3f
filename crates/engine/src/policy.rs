//! `Policy`: the settings the engine needs, as checked meaning rather than text.
//!
//! Immutable and shared; a change swaps the whole. What each key means to an operator is told by
//! the shell's configuration; here stands what the engine does with it.

pub mod calls;
pub mod network;

use core::net::SocketAddr;
use core::time::Duration;
use std::sync::Arc;

use sip::aor::UserCase;
use sip::digest::{Algorithm, Hex};

use crate::clock::Seconds;
use crate::flow::{ListenerId, Transport};
use crate::ids::NodeId;

pub use calls::{CallPolicy, ForkOrder, Outbound, Qualify, Redirects};
pub use network::Network;

/// Everything the engine is told about how to behave.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    /// Our addresses, former ones included, because bindings hold their numbers;
    /// [`ListenerId`](crate::ListenerId) is the index.
    pub listeners: Vec<Listener>,
    /// The main registrar.
    pub upstream: UpstreamPolicy,
    /// What holds for every domain that is not named in `domains`.
    pub domain: DomainPolicy,
    /// What holds for the domains of these names instead, sorted by name (lower case).
    pub domains: Vec<(Box<str>, DomainPolicy)>,
    /// How the names that devices use become AoRs (R19).
    pub naming: Naming,
    /// What is refused before anything is stored (R18).
    pub limits: LimitPolicy,
    /// Value of the `Server` header in answers of our own; empty for none.
    pub server_header: String,
}

/// What holds for one domain.
#[derive(Clone, Debug)]
pub struct DomainPolicy {
    /// How registrations relate to the main registrar's.
    pub mode: Mode,
    /// How the main registrar is told the way to a device (R7); nothing in `aor` and standalone,
    /// where there is one way only.
    pub insertion: Insertion,
    /// Lifetime asked for a lease (R5); a device that asks for more gets more asked.
    pub expires: Seconds,
    /// A refresh is forwarded when the last proof is older (D10).
    pub reauth_interval: Seconds,
    /// What becomes of registrations that the main registrar accepts without a challenge (R1).
    pub challenge: ChallengePolicy,
    /// What devices are promised.
    pub registration: RegistrationPolicy,
    /// The users whose passwords are known here; `None` leaves proof to the main registrar.
    pub digest: Option<Arc<DigestPolicy>>,
    /// The domain's name at the main registrar, where that is another (R19).
    pub upstream_name: Option<Box<str>>,
    /// How calls and messages find their way.
    pub calls: CallPolicy,
}

/// How registrations relate to the main registrar's (docs/registration.md).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mode {
    /// Every REGISTER is proxied; bindings are stored from the 2xx.
    Mirror,
    /// One stretched lease per device; refreshes are absorbed while it lasts.
    Contact,
    /// One stretched lease per AoR, shared by all its devices.
    Aor,
    /// There is no main registrar: what is proved here is registered here.
    Standalone,
}

/// How the main registrar is told the way to a device (R7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Insertion {
    /// Our Contact in place of the device's, the token in a parameter of its URI.
    Parameter,
    /// Our Contact in place of the device's, the token as its user part.
    User,
    /// The device's own Contact, and a Path through us (RFC 3327).
    Path,
}

/// How the names that devices use become AoRs (R19).
#[derive(Clone, Debug, Default)]
pub struct Naming {
    /// Beginnings of domain names that do not count (`sip.` makes `sip.example.org` and
    /// `example.org` one), the first that fits, lower case.
    pub strip_prefixes: Vec<Box<str>>,
    /// Other names of domains: `(other, name)`, sorted by the other, lower case. Looked up after
    /// the prefix is off.
    pub aliases: Vec<(Box<str>, Box<str>)>,
    /// Whether `Bob` and `bob` are one.
    pub user_case: UserCase,
}

/// The users of a domain whose passwords are known here (RFC 7616, RFC 8760).
#[derive(Clone, Debug)]
pub struct DigestPolicy {
    /// The realm of its challenges.
    pub realm: String,
    /// The hash functions it offers, the most wanted first; those that no user has a hash for are
    /// not offered.
    pub algorithms: Vec<Algorithm>,
    /// How long a nonce may be answered.
    pub nonce_life: Duration,
    /// Its users, sorted by name.
    pub users: Vec<DigestUser>,
}

/// A user whose password is known here.
#[derive(Clone)]
pub struct DigestUser {
    /// User name, as in `username=`. The AoR's user part must be the same.
    pub name: Box<str>,
    /// H(user:realm:password) for each hash function there is one for.
    pub ha1: Vec<(Algorithm, Hex)>,
}

impl core::fmt::Debug for DigestUser {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "DigestUser({})", self.name)
    }
}

/// What a main registrar that challenges our own requests is answered with.
#[derive(Clone)]
pub struct Credential {
    /// The realm it is for; empty for any.
    pub realm: Box<str>,
    /// User name.
    pub user: Box<str>,
    /// Password.
    pub password: Box<str>,
}

impl core::fmt::Debug for Credential {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Credential({} at {:?})", self.user, self.realm)
    }
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
    /// Nobody any more: it is closed. Whoever registered by it is not reached until he registers by
    /// another, or it is opened again.
    Nobody,
}

/// The main registrar and how it is asked.
#[derive(Clone, Debug)]
pub struct UpstreamPolicy {
    /// Its nodes, in order of preference. No two have one name.
    pub servers: Vec<Server>,
    /// Networks whose requests count as the main registrar's, besides the addresses of its nodes.
    pub trusted: Vec<Network>,
    /// How a node is chosen.
    pub balance: Balance,
    /// Time a REGISTER may take upstream, waiting included (R6).
    pub deadline: Duration,
    /// REGISTER transactions under way at once; more are answered 503.
    pub max_in_flight: usize,
    /// Name of the URI parameter that carries our token (R7).
    pub token_param: String,
    /// What stands for the `@` of an AoR in the user part of our Contact in `aor` (R7).
    pub at_sign: String,
    /// The listener that our own requests leave from (R9) and no request of a device ever does, so
    /// that the main registrar may trust it; `None` sends them the way the others go.
    pub control: Option<ListenerId>,
    /// What a challenge to our own requests is answered with (R9).
    pub credentials: Vec<Credential>,
    /// An outage of a node that was longer starts a new epoch for it (R14).
    pub resync_after: Seconds,
    /// Statuses by which the main registrar ends a binding for good (R16).
    pub definitive: Vec<u16>,
}

/// A node of the main registrar.
#[derive(Clone, Debug)]
pub struct Server {
    /// As configured. It is what tells one node from another: under a new name it is a new one.
    pub name: String,
    /// Where it is; `None` while its name has no address.
    pub address: Option<SocketAddr>,
    /// The listener that speaks with it.
    pub listener: ListenerId,
}

impl UpstreamPolicy {
    /// The node of this identity, if it is configured.
    #[must_use]
    pub fn server(&self, node: NodeId) -> Option<&Server> {
        self.servers.iter().find(|server| server.node() == node)
    }
}

impl Server {
    /// Its identity.
    #[must_use]
    pub fn node(&self) -> NodeId {
        NodeId::of(&self.name)
    }
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
            trusted: Vec::new(),
            balance: Balance::Failover,
            deadline: Duration::from_secs(8),
            max_in_flight: 4096,
            token_param: "mr".to_owned(),
            at_sign: "%40".to_owned(),
            control: None,
            credentials: Vec::new(),
            resync_after: 60,
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

impl Default for DomainPolicy {
    fn default() -> Self {
        Self {
            mode: Mode::Contact,
            insertion: Insertion::Parameter,
            expires: 7200,
            reauth_interval: 7200,
            challenge: ChallengePolicy::Warn,
            registration: RegistrationPolicy::default(),
            digest: None,
            upstream_name: None,
            calls: CallPolicy::default(),
        }
    }
}

impl Policy {
    /// Who is expected at a listener.
    #[must_use]
    pub fn side(&self, listener: ListenerId) -> Side {
        let listener = self.listeners.get(usize::from(listener.0));
        listener.map_or(Side::Both, |listener| listener.side)
    }

    /// What holds for an AoR in canonical form.
    #[must_use]
    pub fn of(&self, aor: &[u8]) -> &DomainPolicy {
        if self.domains.is_empty() {
            return &self.domain;
        }
        let domain = aor.rsplit(|byte| *byte == b'@').next().unwrap_or(aor);
        let found = self
            .domains
            .binary_search_by(|(name, _)| name.as_bytes().cmp(domain));
        match found.ok().and_then(|at| self.domains.get(at)) {
            Some((_, policy)) => policy,
            None => &self.domain,
        }
    }
}
