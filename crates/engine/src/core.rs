//! `Core`: the state of an engine, shared by the modules that decide and act on it.
//!
//! Only data and the few moves that every module needs: send, commit, reply. Behaviour lives in the
//! module that owns the subject.

use std::collections::VecDeque;
use std::sync::Arc;

use sip::aor::AorBuf;
use smallvec::SmallVec;

use crate::auth::Authenticator;
use crate::clock::{Mono, Now};
use crate::counters::Counters;
use crate::defect::{Defect, Seeded};
use crate::engine::EngineConfig;
use crate::entropy::Entropy;
use crate::event::{EpochCause, Event};
use crate::flow::Flow;
use crate::gate::{Admission, Gate, HeldReply, ReadyReply, Repeat, Written};
use crate::ids::{AorHash, BindingId, NodeId, PersistSeq, ShardId, Slot};
use crate::keys::Keys;
use crate::limits;
use crate::location::{Binding, Change, Op, Table};
use crate::output::{Outbox, Output, PersistBatch};
use crate::owed::Owed;
use crate::peer::Peers;
use crate::policy::{Policy, Side};
use crate::proxy::Arrival;
use crate::proxy::call_log::CallLog;
use crate::proxy::forks::{ForkId, Forks};
use crate::proxy::messages_waiting::MessagesWaiting;
use crate::registrar::conversation::ConversationId;
use crate::registrar::conversations::Conversations;
use crate::registrar::refusals::Refusals;
use crate::registrar::tombstone::Tombstones;
use crate::settings::{Settings, SettingsId};
use crate::timers::Timers;
use crate::txn::{Limits, Transactions};

/// The state of an engine.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) policy: Arc<Policy>,
    pub(crate) settings: Settings,
    pub(crate) keys: Keys,
    pub(crate) entropy: Entropy,
    pub(crate) auth: Authenticator,
    pub(crate) counters: Counters,
    pub(crate) table: Table,
    pub(crate) txns: Transactions,
    pub(crate) gate: Gate,
    pub(crate) peers: Peers,
    pub(crate) conversations: Conversations,
    pub(crate) tombstones: Tombstones,
    /// The last refused REGISTERs.
    pub(crate) refusals: Refusals,
    /// Changes that the store has lost and is to be told again.
    pub(crate) owed: Owed,
    /// A slot of this shard, for changes of none.
    home: Slot,
    pub(crate) timers: Timers<Armed>,
    /// Leases to be given back that wait for their turn.
    pub(crate) release_queue: VecDeque<ConversationId>,
    /// Releases under way.
    pub(crate) releasing: usize,
    /// Requests on their way.
    pub(crate) forks: Forks,
    /// Devices that have just been registered or begun anew, until somebody looks.
    pub(crate) arrivals: Vec<Arrival>,
    /// What waits for whom.
    pub(crate) summaries: MessagesWaiting,
    /// The last calls.
    pub(crate) calls: CallLog,
    /// Which shard this is, of how many.
    pub(crate) shard: ShardId,
    pub(crate) shards: u8,
    /// A defect put in by a test.
    pub(crate) seeded: Seeded,
}

/// Why a timer of the core was armed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Armed {
    /// A conversation's patience ends, or its next try is due.
    Conversation(ConversationId),
    /// A node that does not answer is to be probed.
    Probe(NodeId),
    /// A fork has waited long enough.
    Fork(ForkId),
}

/// What a client transaction of ours is for; packed into its owner number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// A REGISTER on a lease.
    Conversation(ConversationId),
    /// A probe of a node.
    Probe(NodeId),
    /// A branch of a fork, by its number.
    Branch(ForkId, usize),
    /// Nothing: whatever comes back, nobody waits for it.
    Nobody,
}

/// The uppermost byte of an owner number says what it is; places are bounded far below it.
const KIND: u32 = 56;
const PROBE: u64 = 1;
const NOBODY: u64 = 2;
/// From here on the numbers of branches.
const FIRST_BRANCH: u64 = 0x40;

impl Purpose {
    pub(crate) const fn pack(self) -> u64 {
        match self {
            Self::Conversation(id) => id.pack(),
            Self::Probe(node) => PROBE << KIND | node.0 as u64,
            Self::Branch(id, number) => (FIRST_BRANCH + number as u64) << KIND | id.pack(),
            Self::Nobody => NOBODY << KIND,
        }
    }

    pub(crate) const fn unpack(owner: u64) -> Self {
        match owner >> KIND {
            0 => Self::Conversation(ConversationId::unpack(owner)),
            PROBE => Self::Probe(NodeId(owner as u32)),
            number if number >= FIRST_BRANCH => {
                let id = ForkId::unpack(owner & ((1 << KIND) - 1));
                Self::Branch(id, (number - FIRST_BRANCH) as usize)
            }
            _ => Self::Nobody,
        }
    }
}

impl Core {
    pub(crate) fn new(config: &EngineConfig, policy: Arc<Policy>, now: Now) -> Self {
        let keys = Keys::derive(&config.secret);
        let mut peers = Peers::default();
        peers.adopt(&policy.upstream);
        let limits = Limits {
            servers: limits::SERVER_TRANSACTIONS,
            clients: limits::CLIENT_TRANSACTIONS,
        };
        let mut entropy = Entropy::new(config.seed, config.shard.0);
        let first_generation = entropy.draw() as u32;
        Self {
            table: Table::new(now.mono, keys.source(), first_generation),
            txns: Transactions::new(keys.transaction_secret(config.seed), config.shard, limits),
            entropy,
            auth: Authenticator::new(&keys, now),
            keys,
            peers,
            policy,
            settings: Settings::default(),
            counters: Counters::default(),
            gate: Gate::default(),
            conversations: Conversations::default(),
            tombstones: Tombstones::default(),
            refusals: Refusals::default(),
            owed: Owed::default(),
            home: Slot(config.shard.0.into()),
            timers: Timers::new(),
            release_queue: VecDeque::new(),
            releasing: 0,
            forks: Forks::default(),
            arrivals: Vec::new(),
            summaries: MessagesWaiting::default(),
            calls: CallLog::default(),
            shard: config.shard,
            shards: config.shards,
            seeded: Seeded::default(),
        }
    }

    /// Applies changes and gives them to the store as one batch, with what it has lost before. Hands
    /// back the bindings that were removed, and the batch that a reply about this must wait for.
    pub(crate) fn commit(
        &mut self,
        now: Now,
        mut changes: Vec<Change>,
        out: &mut Outbox,
    ) -> (PersistSeq, SmallVec<[Box<Binding>; 2]>) {
        if !self.owed.is_empty() {
            changes.splice(0..0, self.owed.pay(&self.table));
        }
        let written = self.written_by(&changes);
        let (seq, forgotten) = self.gate.issue(written);
        if let Some(forgotten) = forgotten {
            self.owed.extend(forgotten.once);
        }
        let mut removed = SmallVec::new();
        for change in &mut changes {
            match &mut change.op {
                Op::Register(registration) => {
                    registration.pending = seq;
                    let (aor, binding) = (registration.aor_hash, registration.binding);
                    let known = self.table.binding(binding);
                    let call_id = registration.stamp.call_id;
                    if known.is_none_or(|known| known.stamp.call_id != call_id) {
                        self.arrivals.push(Arrival { aor, binding });
                    }
                }
                Op::Renew { aor, lease } => {
                    // A restart must not believe in a longer lease than there is: what is said of
                    // those that share it waits for the store as well.
                    let sharing = self.table.sharing(*aor, lease.id);
                    let sharing: SmallVec<[BindingId; 4]> = sharing.collect();
                    sharing
                        .into_iter()
                        .for_each(|id| self.table.wait_for(id, seq));
                }
                _ => {}
            }
            removed.extend(self.table.apply(change.clone()));
        }
        out.items.push(Output::Persist(PersistBatch {
            seq,
            at: now,
            changes,
        }));
        (seq, removed)
    }

    fn written_by(&self, changes: &[Change]) -> Written {
        let mut written = Written::default();
        let bindings = &mut written.bindings;
        for change in changes {
            match &change.op {
                Op::Register(registration) => bindings.push(registration.binding),
                Op::Refresh(refresh) => bindings.push(refresh.binding),
                Op::Renew { aor, lease } => bindings.extend(self.table.sharing(*aor, lease.id)),
                Op::Remove { .. } | Op::Distrust { .. } | Op::Epoch { .. } => {
                    written.once.push(change.clone());
                }
                Op::Spent { .. } => {}
            }
        }
        written
    }

    /// Does not trust the leases of these bindings any more: their next REGISTERs are forwarded.
    pub(crate) fn distrust(
        &mut self,
        now: Now,
        bindings: impl IntoIterator<Item = BindingId>,
        out: &mut Outbox,
    ) {
        let trusted = |id: &BindingId| {
            let held = self.table.binding(*id);
            held.is_some_and(|binding| binding.lease.epoch != 0)
        };
        let changes: Vec<Change> = bindings
            .into_iter()
            .filter(trusted)
            .map(|binding| Change::of(binding, Op::Distrust { binding }))
            .collect();
        if !changes.is_empty() {
            self.commit(now, changes, out);
        }
    }

    /// Sends a reply once everything up to `seq` is durable.
    pub(crate) fn reply(
        &mut self,
        now: Now,
        seq: PersistSeq,
        reply: ReadyReply<'_>,
        out: &mut Outbox,
    ) {
        let seq = match self.seeded.is(Defect::ReplyBeforeDurable) {
            true => PersistSeq::default(),
            false => seq,
        };
        match self.gate.admit(now.mono, seq, reply) {
            Admission::Go => self.send(now, reply, out),
            Admission::Held => {}
            // The store is too far behind: the peer repeats its request, and is answered then.
            Admission::Full => {
                if let Some(txn) = reply.txn {
                    self.txns.abandon_server(txn);
                }
            }
        }
    }

    /// Sends a reply now.
    pub(crate) fn send(&mut self, now: Now, reply: ReadyReply<'_>, out: &mut Outbox) {
        match reply.txn {
            Some(txn) => {
                self.txns.respond(now, txn, reply.status, reply.bytes, out);
                if reply.repeat == Repeat::ByBinding {
                    self.txns.abandon_server(txn);
                }
            }
            None => out.transmit(reply.flow, |buf| buf.extend_from_slice(reply.bytes)),
        }
    }

    /// Sends replies that the gate let go.
    pub(crate) fn send_held(&mut self, now: Now, held: Vec<HeldReply>, out: &mut Outbox) {
        for held in held {
            if !held.is_stale(now.mono) {
                self.send(now, held.ready(), out);
            } else if let Some(txn) = held.ready().txn {
                self.txns.abandon_server(txn);
            }
        }
    }

    /// The policy under which a lease is held.
    pub(crate) fn policy_at(&self, id: SettingsId) -> &Arc<Policy> {
        self.settings.of(id, &self.policy)
    }

    /// Who is expected at the listener of a flow.
    pub(crate) fn side(&self, flow: &Flow) -> Side {
        self.policy.side(flow.listener)
    }

    /// Whether there is still a way to a device: its listener is open.
    pub(crate) fn is_reachable(&self, binding: &Binding) -> bool {
        self.side(&binding.flow) != Side::Nobody
    }

    /// A pause before a peer should come again, spread so that not all come at once.
    pub(crate) fn retry_after(&mut self) -> u32 {
        limits::RETRY_AFTER_MIN + self.entropy.below(limits::RETRY_AFTER_SPREAD)
    }

    /// Arms a conversation's timer, in place of the one it had.
    pub(crate) fn arm(&mut self, id: ConversationId, at: Mono) {
        let Some(conversation) = self.conversations.get_mut(id) else {
            return;
        };
        if let Some(old) = conversation.timer.take() {
            self.timers.cancel(old);
        }
        conversation.timer = Some(self.timers.arm(at, Armed::Conversation(id)));
    }

    /// A node said something.
    pub(crate) fn heard_from(&mut self, now: Now, node: NodeId, out: &mut Outbox) {
        if let Some(after) = self.peers.heard(now.mono, node) {
            out.event(Event::UpstreamUp { node, after });
            if after >= self.policy.upstream.resync_after {
                self.begin_epoch(now, node, EpochCause::Outage(after), out);
            }
        }
    }

    /// Calls all leases of a node into question (R14).
    pub(crate) fn begin_epoch(
        &mut self,
        now: Now,
        node: NodeId,
        cause: EpochCause,
        out: &mut Outbox,
    ) {
        let epoch = self.peers.begin_epoch(node);
        out.event(Event::EpochBegun { node, epoch, cause });
        let (slot, op) = (self.home, Op::Epoch { node, epoch });
        self.commit(now, vec![Change { slot, op }], out);
    }

    /// The hash of an AoR as an operator writes it, `user@host`.
    pub(crate) fn canonical(&self, aor: &str) -> Option<AorHash> {
        Some(self.keys.aor_hash(&self.canonical_text(aor)?))
    }

    /// The canonical form of an AoR as an operator writes it.
    pub(crate) fn canonical_text(&self, aor: &str) -> Option<AorBuf> {
        self.policy.naming.written(aor)
    }

    /// Panics where the state contradicts itself; for debug builds and tests.
    pub(crate) fn check_invariants(&self) {
        self.table.check_invariants();
        self.txns.check_invariants();
        self.conversations.check_invariants();
        self.forks.check_invariants();
        let claimed = self.conversations.reserved_claims();
        assert_eq!(
            claimed,
            self.table.reserved(),
            "an address is reserved for nobody"
        );
        assert!(
            self.releasing <= limits::RELEASES_IN_FLIGHT,
            "too many releases under way"
        );
    }

    /// A canonical AoR for people.
    pub(crate) fn aor_text(aor: &[u8]) -> Box<str> {
        String::from_utf8_lossy(aor).into_owned().into_boxed_str()
    }
}
