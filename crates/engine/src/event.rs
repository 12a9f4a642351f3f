//! `Event`: every fact worth a log line, a counter or a webhook, in one enum.
//!
//! Decisions are not told one by one: on the absorb path they only count (see
//! [`Counters`](crate::Counters)); what is told here happens at the rate of the main registrar, not
//! of the phones.

use core::net::SocketAddr;

use crate::clock::{Seconds, Wall};
use crate::ids::{BindingId, NodeId};
use crate::proxy::call_log::CallRecord;
use crate::registrar::decision::{ForwardReason, Row};

/// A canonical AoR as text, for people.
pub type AorText = Box<str>;

/// A fact.
#[derive(Clone, Debug)]
pub enum Event {
    /// A REGISTER went to the main registrar.
    RegisterForwarded {
        /// Whose it is.
        aor: AorText,
        /// Why it could not be absorbed.
        reason: ForwardReason,
        /// Who asked.
        source: SocketAddr,
        /// Which main registrar was asked.
        node: NodeId,
    },
    /// The main registrar challenged a device; the challenge was passed on.
    ChallengeRelayed {
        /// Whose registration.
        aor: AorText,
        /// Who is challenged.
        source: SocketAddr,
    },
    /// A binding is committed: new, or changed.
    BindingRegistered {
        /// Whose.
        aor: AorText,
        /// Which.
        binding: BindingId,
        /// Where the device is.
        source: SocketAddr,
        /// What the device was promised.
        granted: Seconds,
        /// What the main registrar holds.
        lease: Seconds,
        /// Whether the device was unknown before.
        novelty: Novelty,
    },
    /// A binding is gone.
    BindingRemoved {
        /// Whose.
        aor: AorText,
        /// Which.
        binding: BindingId,
        /// Why.
        cause: RemovalCause,
    },
    /// The main registrar refused a REGISTER.
    RegisterRejected {
        /// Whose.
        aor: AorText,
        /// Who asked.
        source: SocketAddr,
        /// Its answer.
        status: u16,
    },
    /// A REGISTER was refused here.
    RegisterRefused {
        /// Who asked.
        source: SocketAddr,
        /// The answer.
        status: u16,
        /// In words.
        reason: &'static str,
    },
    /// Another request was refused here.
    RequestRefused {
        /// Its method.
        method: sip::Method,
        /// Who asked.
        source: SocketAddr,
        /// The answer.
        status: u16,
        /// In words.
        reason: &'static str,
    },
    /// Somebody calls.
    CallBegan(Box<CallRecord>),
    /// The first of the called rings.
    CallRang(Box<CallRecord>),
    /// The first of the called answers.
    CallAnswered(Box<CallRecord>),
    /// A call is over, or came to nothing.
    CallEnded(Box<CallRecord>),
    /// The main registrar accepted a device that it did not know without asking for a password:
    /// anybody could register through us (R1).
    UnchallengedRegistration {
        /// Whose.
        aor: AorText,
        /// Who was let in.
        source: SocketAddr,
    },
    /// A lease that no device needs any more was given back, or not (R9).
    LeaseReleased {
        /// Whose.
        aor: AorText,
        /// How it ended.
        outcome: ReleaseOutcome,
    },
    /// A main registrar stopped answering.
    UpstreamDown {
        /// Which.
        node: NodeId,
    },
    /// A main registrar answers again.
    UpstreamUp {
        /// Which.
        node: NodeId,
        /// For how long it did not.
        after: Seconds,
    },
    /// A main registrar asks for credentials that we do not have, for a device that proved itself
    /// here.
    UpstreamWantsCredentials {
        /// Whose registration failed of it.
        source: SocketAddr,
    },
    /// A main registrar wants longer lifetimes; it is remembered (R5).
    UpstreamMinExpires {
        /// Which.
        node: NodeId,
        /// The shortest it takes.
        min_expires: Seconds,
    },
    /// The store failed; what it did not keep is asked for again upstream.
    PersistFailed {
        /// How many answers turned into 503.
        replies: usize,
    },
    /// A new epoch began for a node: leases of the old one are renewed at the next REGISTER (R14).
    EpochBegun {
        /// Whose.
        node: NodeId,
        /// Its number.
        epoch: u32,
        /// Why.
        cause: EpochCause,
    },
    /// A lease that should run is not what the main registrar holds: it is renewed at the device's
    /// next REGISTER.
    LeaseLost {
        /// Whose.
        aor: AorText,
        /// Which device's.
        binding: BindingId,
        /// Who lost it.
        node: NodeId,
    },
    /// A device was accepted while others of its AoR hold leases at the same main registrar, whose
    /// answers never list more than one: if it keeps only one contact of a user, devices displace
    /// each other, and the mode for it is `aor`.
    SiblingsUnlisted {
        /// Whose.
        aor: AorText,
        /// Who answered.
        node: NodeId,
    },
    /// A bug: a state that cannot be was met, and what hung on it was dropped.
    InvariantBroken {
        /// Where.
        site: &'static str,
    },
}

/// Why a new epoch began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EpochCause {
    /// An operator wanted it.
    Command,
    /// The node was out of reach for so long.
    Outage(Seconds),
    /// The node lost many leases.
    Losses,
}

/// Whether a device was known before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Novelty {
    /// Its first registration.
    New,
    /// It is known and something about it changed, or its lease was renewed.
    Known,
}

/// Why a binding went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RemovalCause {
    /// The device took it back (`expires=0`).
    Unregistered,
    /// The device took all back (`Contact: *`).
    UnregisteredAll,
    /// The device did not refresh in time.
    Expired,
    /// The main registrar refused it for good (R16).
    Rejected,
    /// A newcomer took its place (R18).
    Evicted,
    /// An operator ended it.
    Kicked,
    /// The main registrar no longer lists it.
    Dropped,
}

/// How the giving back of a lease ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReleaseOutcome {
    /// The main registrar confirmed.
    Removed,
    /// It asked for credentials that we do not have: the lease runs out by itself.
    LeftToExpire,
    /// It refused with this status: the lease runs out by itself.
    Refused(u16),
    /// No answer before the lease's own end.
    Outlived,
    /// The device came back first.
    Cancelled,
    /// Too many were waiting: the lease runs out by itself.
    Crowded,
}

/// One decision about a binding, as kept for `explain`: what was decided, when, and the figures
/// behind it. Eight bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Trace {
    /// Seconds since the engine's origin of time.
    pub at: u32,
    /// What the device was granted, in units of 4 s (saturating), 0 when nothing.
    pub granted_quads: u16,
    /// Row of the decision table.
    pub row: Option<Row>,
    /// What came of it.
    pub outcome: Outcome,
}

/// What came of a decision.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Outcome {
    /// It was answered here as the row says.
    #[default]
    Answered,
    /// It was refused here.
    Refused,
    /// It was challenged here.
    Challenged,
    /// The main registrar was asked and has not answered.
    Asked,
    /// The main registrar accepted it.
    Accepted,
    /// It was proved and registered here.
    Registered,
    /// The main registrar challenged it.
    ChallengedUpstream,
    /// The main registrar refused it.
    RefusedUpstream,
    /// The main registrar did not answer, or was out of order; the lease carried it if something was
    /// granted.
    Unanswered,
}

/// A [`Trace`] with its figures spelled out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Explained {
    /// When.
    pub at: Wall,
    /// The row of the decision table.
    pub row: Row,
    /// What came of it.
    pub outcome: Outcome,
    /// What the device was granted, to within 4 s.
    pub granted: Seconds,
}
