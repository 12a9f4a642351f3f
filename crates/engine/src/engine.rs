//! `Engine`: the one entrance. Inputs and time go in, an outbox fills.

use std::sync::Arc;

use crate::clock::{Mono, Now};
use crate::command::{BindingView, Totals};
use crate::core::{Armed, Core, Purpose};
use crate::counters::Counters;
use crate::dispatch;
use crate::event::{Event, RemovalCause};
use crate::gate::{Failed, Written};
use crate::ids::ShardId;
use crate::input::{Input, TransportError};
use crate::limits;
use crate::location::{Change, Op};
use crate::operator;
use crate::output::Outbox;
use crate::policy::Policy;
use crate::proxy;
use crate::proxy::Closing;
use crate::proxy::forking;
use crate::proxy::forks::ForkId;
use crate::registrar;
use crate::restore;
use crate::txn::TxnEvent;

/// What an engine is made from, besides its policy.
#[derive(Clone, Debug)]
pub struct EngineConfig {
    /// Which shard it is.
    pub shard: ShardId,
    /// How many shards there are.
    pub shards: u8,
    /// Secret from which all keys derive: equal in all shards, and kept across restarts, because
    /// tokens and lease identities hang on it.
    pub secret: [u8; 32],
    /// Entropy of this run: never the same twice.
    pub seed: u64,
}

/// Everything that a shard decides.
#[derive(Debug)]
pub struct Engine {
    core: Core,
    events: Vec<TxnEvent>,
}

impl Engine {
    /// An engine with empty tables.
    #[must_use]
    pub fn new(config: &EngineConfig, policy: Arc<Policy>, now: Now) -> Self {
        Self {
            core: Core::new(config, policy, now),
            events: Vec::new(),
        }
    }

    /// Puts a defect in, for a test that proves that it is seen.
    #[cfg(feature = "defects")]
    pub fn put_in(&mut self, defect: crate::defect::Defect) {
        self.core.seeded = crate::defect::Seeded::with(defect);
    }

    /// Takes over what a former run under the same secret has made durable: its changes, in their
    /// order and by this run's clock, of the slots that this shard owns, and all epochs. Before any
    /// input.
    pub fn restore(
        &mut self,
        now: Now,
        changes: impl IntoIterator<Item = Change>,
        out: &mut Outbox,
    ) {
        restore::restore(&mut self.core, now, changes.into_iter(), out);
        self.debug_check();
    }

    /// Takes one input; what is to be done is appended to `out`.
    pub fn handle_input(&mut self, now: Now, input: Input<'_>, out: &mut Outbox) {
        match input {
            Input::Datagram(datagram) => {
                dispatch::on_datagram(&mut self.core, now, datagram, None, out);
            }
            Input::Vouched(datagram, voucher) => {
                dispatch::on_datagram(&mut self.core, now, datagram, Some(voucher), out);
            }
            Input::TransportError(error) => self.on_transport_error(now, error, out),
            Input::Persisted(seq) => {
                let held = self.core.gate.persisted(seq);
                self.core.send_held(now, held, out);
            }
            Input::PersistFailed(seq) => self.on_persist_failed(now, seq, out),
            Input::Policy(policy) => {
                registrar::adopt(&mut self.core, now, &policy.upstream);
                self.core.settings.change(&self.core.policy, &policy);
                self.core.policy = policy;
            }
            Input::Command(command) => operator::carry_out(&mut self.core, now, command, out),
        }
        if !self.core.arrivals.is_empty() {
            proxy::on_arrivals(&mut self.core, now, out);
        }
        self.debug_check();
    }

    /// Does what time makes due, a bounded part of it; [`Self::poll_timeout`] says "now" while more
    /// is due.
    pub fn handle_timeout(&mut self, now: Now, out: &mut Outbox) {
        let mut events = core::mem::take(&mut self.events);
        self.core
            .txns
            .handle_timeout(now, limits::WORK_PER_TIMEOUT, out, &mut events);
        self.on_transaction_events(now, events.drain(..), out);
        self.events = events;
        for _ in 0..limits::WORK_PER_TIMEOUT {
            match self.core.timers.pop_due(now.mono) {
                Some(Armed::Conversation(id)) => {
                    registrar::on_timer(&mut self.core, now, id, out);
                }
                Some(Armed::Probe(node)) => {
                    registrar::on_probe_due(&mut self.core, now, node, out);
                }
                Some(Armed::Fork(id)) => forking::on_timer(&mut self.core, now, id, out),
                None => break,
            }
        }
        self.core.tombstones.sweep(now.mono);
        self.expire(now, out);
        self.debug_check();
    }

    /// When [`Self::handle_timeout`] has something to do.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Mono> {
        [
            self.core.txns.next_deadline(),
            self.core.timers.next_deadline(),
            self.core.table.next_due(),
            self.core.tombstones.next_deadline(),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// What was counted so far.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.core.counters
    }

    /// Sizes of all tables.
    #[must_use]
    pub fn totals(&self) -> Totals {
        Totals::of(&self.core)
    }

    /// The committed bindings of an AoR given as `user@host`, for tests and tools.
    #[must_use]
    pub fn bindings(&self, aor: &str) -> Vec<BindingView> {
        operator::bindings(&self.core, Now::default(), aor).unwrap_or_default()
    }

    /// Panics where the engine contradicts itself.
    pub fn check_invariants(&self) {
        self.core.check_invariants();
    }

    fn debug_check(&self) {
        if cfg!(debug_assertions) {
            self.core.check_invariants();
        }
    }

    fn on_transport_error(&mut self, now: Now, error: TransportError, out: &mut Outbox) {
        let mut events = core::mem::take(&mut self.events);
        self.core
            .txns
            .transport_error(now, &error.flow, &mut events);
        self.on_transaction_events(now, events.drain(..), out);
        self.events = events;
    }

    fn on_transaction_events(
        &mut self,
        now: Now,
        events: impl Iterator<Item = TxnEvent>,
        out: &mut Outbox,
    ) {
        for event in events {
            match event {
                TxnEvent::ClientTimeout { owner, sent_at, .. } => {
                    self.on_silence(now, Purpose::unpack(owner), sent_at, out);
                }
                TxnEvent::ClientTransportError { owner, .. } => {
                    self.on_refused(now, Purpose::unpack(owner), out);
                }
                TxnEvent::ClientOverdue { owner, .. } => {
                    if let Purpose::Branch(fork, branch) = Purpose::unpack(owner) {
                        forking::on_overdue(&mut self.core, now, (fork, branch), out);
                    }
                }
                TxnEvent::ServerOverdue { owner, .. } => {
                    if let Some(owner) = owner {
                        forking::on_owed(&mut self.core, now, ForkId::unpack(owner), out);
                    }
                }
                // A REGISTER is never left without an answer of ours. An INVITE whose refusal nobody
                // acknowledges is over all the same.
                TxnEvent::ServerTimeout { owner, .. } => {
                    if let Some(owner) = owner {
                        let id = ForkId::unpack(owner);
                        forking::close(&mut self.core, now, id, Closing::Overdue, out);
                    }
                }
            }
        }
    }

    /// No answer came in time.
    fn on_silence(&mut self, now: Now, purpose: Purpose, sent_at: Mono, out: &mut Outbox) {
        match purpose {
            Purpose::Conversation(id) => {
                if let Some(node) = self.core.conversations.get(id).map(|c| c.node) {
                    registrar::mark_silent(&mut self.core, now, node, sent_at, out);
                }
                registrar::on_silence(&mut self.core, now, id, out);
            }
            Purpose::Branch(fork, branch) => {
                forking::on_silence(&mut self.core, now, (fork, branch), out);
            }
            Purpose::Probe(_) | Purpose::Nobody => {}
        }
    }

    /// The network refused what was sent.
    fn on_refused(&mut self, now: Now, purpose: Purpose, out: &mut Outbox) {
        match purpose {
            Purpose::Conversation(id) => {
                if let Some(node) = self.core.conversations.get(id).map(|c| c.node) {
                    registrar::mark_unreachable(&mut self.core, now, node, out);
                }
                registrar::on_silence(&mut self.core, now, id, out);
            }
            Purpose::Branch(fork, branch) => {
                forking::on_refused(&mut self.core, now, (fork, branch), out);
            }
            Purpose::Probe(_) | Purpose::Nobody => {}
        }
    }

    /// Bindings whose device did not refresh (R9); one whose refresh is just being asked for
    /// upstream is given until that is answered, but no longer than one that came in time may take:
    /// whoever asks again and again keeps no dead binding.
    fn expire(&mut self, now: Now, out: &mut Outbox) {
        let core = &mut self.core;
        let mut dead = core.table.take_due(now.mono, limits::WORK_PER_TIMEOUT);
        dead.retain(|id| {
            let patience = core.policy.upstream.deadline;
            let asking = core.table.owner(*id).is_some_and(|aor| {
                let binding = core.table.binding_of(aor, *id);
                binding.is_some_and(|binding| now.mono < binding.ends_at().plus(patience))
                    && core.conversations.is_asking_for(aor, *id)
            });
            if asking {
                core.table.rearm(*id, now.mono.plus(limits::EXPIRY_GRACE));
            }
            !asking
        });
        core.counters.expired += dead.len() as u64;
        registrar::remove(core, now, dead.into_iter(), RemovalCause::Expired, out);
    }

    /// The store did not keep a batch: what waited for it is answered 503, and since memory and
    /// store differ now, the main registrar is asked again at the next REGISTER. What nobody will say
    /// again is owed to the store.
    fn on_persist_failed(&mut self, now: Now, seq: crate::PersistSeq, out: &mut Outbox) {
        let Failed { held, written } = self.core.gate.failed(seq);
        out.event(Event::PersistFailed {
            replies: held.len(),
        });
        for reply in held {
            registrar::fail_held(&mut self.core, now, reply, out);
        }
        match written {
            Some(Written { bindings, once }) => {
                self.core.owed.extend(once);
                for binding in bindings {
                    if self.core.table.lose(binding, seq) {
                        let doubt = Change::of(binding, Op::Distrust { binding });
                        self.core.owed.extend([doubt]);
                    }
                }
            }
            None => self.core.table.lose_all(seq),
        }
    }
}
