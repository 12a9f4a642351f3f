//! `Conversation`: what is being said with the main registrar on one lease.
//!
//! At most one REGISTER is under way on a lease (R6); others wait their turn here, bounded. A
//! conversation begins with a device's REGISTER, or with our own wish to give a lease back, and
//! ends with a final answer; after a challenge it lingers, so that the second leg meets the same
//! lease, addresses and node.

use core::net::IpAddr;
use std::collections::VecDeque;

use smallvec::SmallVec;

use crate::clock::{Mono, Seconds};
use crate::flow::Flow;
use crate::ids::{AorHash, BindingId, LeaseId, NodeId, PersistSeq};
use crate::limits;
use crate::location::Binding;
use crate::registrar::class::Class;
use crate::registrar::decision::ForwardReason;
use crate::registrar::order::Order;
use crate::registrar::reconcile::Standing;
use crate::registrar::terms::Terms;
use crate::settings::SettingsId;
use crate::timers::TimerToken;
use crate::txn::{ClientTxn, ServerTxn};

/// What is being said on one lease.
#[derive(Debug)]
pub(crate) struct Conversation {
    /// Who began it.
    pub(crate) opener: Opener,
    /// Where the device is that it is about, if one has begun it: what it reserved is for nobody at
    /// another address.
    pub(crate) source: Option<IpAddr>,
    /// Whose registration it is about.
    pub(crate) aor: Box<[u8]>,
    /// Keyed hash of the AoR.
    pub(crate) hash: AorHash,
    /// The node spoken with.
    pub(crate) node: NodeId,
    /// The lease.
    pub(crate) lease: LeaseId,
    /// The terms of the lease: those of its domain when the conversation began.
    pub(crate) terms: Terms,
    /// Whether it is about the lease, or speaks of the AoR as a whole.
    pub(crate) subject: Subject,
    /// The last CSeq used on it.
    pub(crate) cseq: u32,
    /// The addresses that the Contacts sent upstream carry, in the request's order.
    pub(crate) claims: SmallVec<[Claim; 1]>,
    /// How far it is.
    pub(crate) phase: Phase,
    /// Who waits for it.
    pub(crate) waiting: VecDeque<Arrival>,
    /// The batch that holds what it changed before it was answered; its 2xx waits for that.
    pub(crate) pending: PersistSeq,
    /// The timer that is armed for it.
    pub(crate) timer: Option<TimerToken>,
    /// Whether it stands in the line of releases.
    pub(crate) line: Line,
    /// The end of its patience with those who answer no challenge, while something is to be given
    /// back on it; it begins anew with each try to do so.
    pub(crate) patience: Option<Mono>,
}

/// What a conversation is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    /// A lease.
    Lease,
    /// The AoR: a query or `Contact: *`, on a Call-ID of its own.
    Aor,
}

/// Whether a conversation stands in the line of releases; nobody stands there twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Line {
    Outside,
    Waiting,
}

/// One address that a Contact sent upstream carries.
#[derive(Debug)]
pub(crate) struct Claim {
    /// The address.
    pub(crate) binding: BindingId,
    /// What stands behind it.
    pub(crate) hold: Hold,
}

/// What stands behind a claimed address.
#[derive(Debug)]
pub(crate) enum Hold {
    /// Nothing yet: it is reserved for a device that this is the Contact URI of.
    Reserved(Box<[u8]>),
    /// A committed binding.
    Committed,
    /// A binding that is gone here but not yet at the main registrar.
    Departed(Box<Binding>),
    /// A binding as it was before it got another lease: the old one is still to be given back. The
    /// address is not the conversation's.
    Superseded(Box<Binding>),
}

impl Hold {
    /// What is still to be given back.
    pub(crate) fn owed(&self) -> Option<&Binding> {
        match self {
            Self::Departed(binding) | Self::Superseded(binding) => Some(binding),
            Self::Reserved(_) | Self::Committed => None,
        }
    }
}

/// How far a conversation is.
#[derive(Debug)]
pub(crate) enum Phase {
    /// A device's REGISTER is under way.
    Asking(Box<Asking>),
    /// It was challenged; the device may answer until then.
    Challenged {
        /// Keyed hashes of the nonces.
        nonces: SmallVec<[u64; 2]>,
        /// The end of its patience.
        until: Mono,
    },
    /// Our own removal of the lease is under way.
    Releasing {
        /// Its transaction.
        client: ClientTxn,
        /// Which try this is, from 1.
        attempt: u32,
        /// Whether it carries credentials that the main registrar has asked for.
        challenge: Challenge,
    },
    /// Our own removal waits to be tried (again).
    Resting {
        /// How many tries there were.
        attempt: u32,
        /// When the next is due.
        until: Mono,
    },
}

/// Whether a challenge to a request of ours was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Challenge {
    None,
    Answered,
}

/// A device's REGISTER under way.
#[derive(Debug)]
pub(crate) struct Asking {
    /// What arrived.
    pub(crate) arrival: Arrival,
    /// The terms it was sent on.
    pub(crate) terms: Terms,
    /// The settings it was sent under.
    pub(crate) settings: SettingsId,
    /// Lifetime asked for upstream; 0 ends a shared lease.
    pub(crate) asked: Seconds,
    /// What the main registrar was given to check.
    pub(crate) evidence: Evidence,
    /// Devices that were renewed although they may want to leave, because nobody has been asked for
    /// proof: where it is accepted all the same, they are still held.
    pub(crate) renewed: SmallVec<[BindingId; 2]>,
    /// Which try it is.
    pub(crate) leg: Leg,
    /// New devices that R18 counts while it is under way: none of a stranger's.
    pub(crate) newcomers: usize,
    /// Whether its acceptance can be built on: a `Contact: *` that was accepted meanwhile may have
    /// come after it.
    pub(crate) standing: Standing,
}

/// Which try a forwarded REGISTER is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Leg {
    /// As the device sent it.
    First,
    /// Repeated with a longer lifetime after a 423: its credentials may be spent (R5).
    Raised,
    /// Repeated with credentials of ours, a whole header line, because the device proved itself here
    /// and the main registrar asks us for proof.
    Answered(Box<[u8]>, Raised),
}

/// Whether a lifetime was raised already: a main registrar that is never content is believed once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Raised {
    No,
    Yes,
}

impl Leg {
    /// Whether it may be repeated with a longer lifetime.
    pub(crate) fn may_be_raised(&self) -> bool {
        matches!(self, Self::First | Self::Answered(_, Raised::No))
    }
}

/// What the main registrar was given to check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Evidence {
    /// Nothing of the device's: it had none, or none that could not be an onlooker's.
    None,
    /// Credentials of the device.
    Credentials,
}

/// A REGISTER of a device that is to go upstream, as it came.
#[derive(Debug)]
pub(crate) struct Arrival {
    /// The message.
    pub(crate) bytes: Box<[u8]>,
    /// How it came.
    pub(crate) flow: Flow,
    /// Its server transaction.
    pub(crate) txn: ServerTxn,
    /// When it came; its deadline counts from here.
    pub(crate) at: Mono,
    /// Why it goes upstream.
    pub(crate) reason: ForwardReason,
    /// Whether others of its AoR wait for it.
    pub(crate) turn: Turn,
    /// Whom it gives way to while it waits.
    pub(crate) class: Class,
    /// Whether it came in its turn.
    pub(crate) order: Order,
    /// Keyed hash of its Call-ID.
    pub(crate) call_id: u64,
}

/// Whether others of its AoR wait for a request, and it for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// Only those about the same lease or device.
    AmongOthers,
    /// All: it is about all of them (R8).
    Alone,
}

/// Who begins a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Opener {
    /// A device's REGISTER.
    Device,
    /// Our own wish to give a lease back.
    Release,
}

/// Handle of a conversation: place and generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ConversationId {
    pub(super) index: u32,
    pub(super) generation: u32,
}

impl ConversationId {
    /// In one number, for owners of client transactions and timers.
    pub(crate) const fn pack(self) -> u64 {
        ((self.index as u64) << 32) | self.generation as u64
    }

    /// Back from one number.
    pub(crate) const fn unpack(packed: u64) -> Self {
        Self {
            index: (packed >> 32) as u32,
            generation: packed as u32,
        }
    }
}

impl Conversation {
    /// Lets an arrival wait behind those of its class, and before the lower ones, but on its own side
    /// of a `Contact: *` (R8). Hands back who has to go for that, which may be the arrival itself:
    /// there is room for few, and for half of them at most if they are strangers.
    ///
    /// Strangers of one address go behind the first of each other one, whoever came earlier.
    pub(crate) fn let_wait(&mut self, arrival: Arrival) -> Option<Arrival> {
        let barrier = self
            .waiting
            .iter()
            .rposition(|other| other.turn == Turn::Alone);
        let after = barrier.map_or(0, |at| at + 1);
        let rank = (arrival.class, self.round(&arrival, self.waiting.len()));
        let behind = match arrival.turn {
            Turn::Alone => None,
            Turn::AmongOthers => self
                .waiting
                .iter()
                .enumerate()
                .skip(after)
                .position(|(at, other)| (other.class, self.round(other, at)) > rank),
        };
        let place = behind.map_or(self.waiting.len(), |at| after + at);
        self.waiting.insert(place, arrival);
        let is_stranger = |other: &Arrival| other.class == Class::Stranger;
        let strangers = self.waiting.iter().filter(|other| is_stranger(other));
        if strangers.count() > limits::WAITING_PER_LEASE / 2 {
            let last = self.waiting.iter().rposition(is_stranger);
            return last.and_then(|at| self.waiting.remove(at));
        }
        match self.waiting.len() > limits::WAITING_PER_LEASE {
            true => self.waiting.pop_back(),
            false => None,
        }
    }

    /// How many strangers of the same address stand in the first `at` places; none counts for those
    /// who are no strangers.
    fn round(&self, arrival: &Arrival, at: usize) -> usize {
        let source = |other: &Arrival| (other.class, other.flow.remote.ip());
        let same = |other: &&Arrival| source(other) == source(arrival);
        match arrival.class {
            Class::SecondLeg | Class::Known => 0,
            Class::Stranger => self.waiting.iter().take(at).filter(same).count(),
        }
    }

    /// How long somebody who is challenged now may take to answer. Where something is to be given
    /// back meanwhile, who repeats himself gains no time by that.
    pub(crate) fn challenged_until(&mut self, now: Mono) -> Mono {
        let until = now.plus(limits::CHALLENGE_LIFE);
        match self.gives_back() {
            true => *self.patience.get_or_insert(until),
            false => until,
        }
    }

    /// Whether something is to be given back on it.
    fn gives_back(&self) -> bool {
        self.claims.iter().any(|claim| claim.hold.owed().is_some())
    }

    /// What departed from it is not to be given back any more: its addresses are free when the
    /// conversation ends.
    pub(crate) fn abandon_departed(&mut self) {
        for claim in &mut self.claims {
            claim.hold = match core::mem::replace(&mut claim.hold, Hold::Committed) {
                Hold::Departed(_) => Hold::Reserved(Box::default()),
                Hold::Superseded(_) => Hold::Committed,
                other => other,
            };
        }
    }

    /// Whether it only lingers after a challenge, with nothing that is to be given back: a device
    /// that does answer is still understood, as one that is new or changed.
    pub(crate) fn gives_way(&self) -> bool {
        matches!(self.phase, Phase::Challenged { .. }) && !self.gives_back()
    }
}

impl Phase {
    /// A phase that stands between two others within one call.
    pub(crate) const fn between() -> Self {
        Self::Resting {
            attempt: 0,
            until: Mono::NEVER,
        }
    }
}
