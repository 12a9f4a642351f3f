//! `Servers`: hosts the server transactions and carries out what their machines decide.

use hashbrown::HashTable;

use super::action::Action;
use super::armed::{Armed, Due, Whose};
use super::slab::{Key, Slab};
use super::timing::{Reliability, Timer};
use super::{
    Effects, Full, Kind, RequestMatch, ServerKey, ServerTxn, TxnEvent, server, server_invite,
};
use crate::clock::Mono;
use crate::flow::Flow;
use crate::timers::Timers;

/// All server transactions.
#[derive(Debug)]
pub(super) struct Servers {
    slab: Slab<Server>,
    by_identity: HashTable<Key>,
    limit: usize,
}

#[derive(Debug)]
struct Server {
    identity: u128,
    machine: Machine,
    /// Where the request came from and the responses go.
    flow: Flow,
    /// The last response, for retransmissions; empty before the first.
    kept: Box<[u8]>,
    armed: Armed,
}

#[derive(Clone, Copy, Debug)]
enum Machine {
    NonInvite(server::State),
    Invite(server_invite::State),
}

/// What a machine is told; each kind knows it under its own name.
#[derive(Clone, Copy)]
enum Step<'a> {
    Request,
    Ack,
    Respond { status: u16, response: &'a [u8] },
    Timer(Timer),
}

/// What the user is told.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Report {
    Deliver,
    Overdue,
    Timeout,
}

impl Servers {
    /// None, and never more than `limit`.
    pub(super) const fn new(limit: usize) -> Self {
        Self { slab: Slab::new(), by_identity: HashTable::new(), limit }
    }

    /// The transaction of this identity.
    pub(super) fn find(&self, identity: u128) -> Option<ServerTxn> {
        let same = |key: &Key| self.slab.get(*key).is_some_and(|s| s.identity == identity);
        self.by_identity.find(bucket(identity), same).copied().map(ServerTxn)
    }

    /// Opens a transaction.
    pub(super) fn start(
        &mut self,
        now: Mono,
        key: ServerKey,
        kind: Kind,
        flow: Flow,
        timers: &mut Timers<Due>,
    ) -> Result<ServerTxn, Full> {
        debug_assert!(self.find(key.own).is_none(), "the request belongs to a transaction");
        if self.slab.len() >= self.limit {
            return Err(Full);
        }
        let (machine, actions) = match kind {
            Kind::NonInvite => {
                let (state, actions) = server::start();
                (Machine::NonInvite(state), actions)
            }
            Kind::Invite => {
                debug_assert_eq!(key.own, key.invite, "no INVITE");
                let (state, actions) = server_invite::start();
                (Machine::Invite(state), actions)
            }
        };
        let identity = key.own;
        let (kept, armed) = (Box::default(), Armed::default());
        let txn = ServerTxn(self.slab.insert(Server { identity, machine, flow, kept, armed }));
        let Self { slab, by_identity, .. } = self;
        by_identity.insert_unique(bucket(identity), txn.0, |key| {
            slab.get(*key).map_or(0, |server| bucket(server.identity))
        });
        if let Some(server) = slab.get_mut(txn.0) {
            for action in actions {
                debug_assert!(matches!(action, Action::Arm(..)), "nothing to send yet");
                if let Action::Arm(timer, after) = action {
                    let due = Due { whose: Whose::Server(txn), timer };
                    server.armed.arm(timers, now.plus(after), due);
                }
            }
        }
        Ok(txn)
    }

    /// The request came again.
    pub(super) fn on_retransmission(&mut self, txn: ServerTxn, effects: &mut Effects<'_>) {
        self.step(txn, Step::Request, effects);
    }

    /// An ACK came with the identity of an INVITE.
    pub(super) fn on_ack(&mut self, txn: ServerTxn, effects: &mut Effects<'_>) -> RequestMatch {
        match self.step(txn, Step::Ack, effects) {
            Some(Report::Deliver) => RequestMatch::Ack(txn),
            _ => RequestMatch::Absorbed,
        }
    }

    /// The user answers. Whether the transaction was there.
    pub(super) fn respond(
        &mut self,
        txn: ServerTxn,
        status: u16,
        response: &[u8],
        effects: &mut Effects<'_>,
    ) -> bool {
        let alive = self.alive(txn);
        self.step(txn, Step::Respond { status, response }, effects);
        alive
    }

    /// A timer fell due.
    pub(super) fn on_timer(
        &mut self,
        txn: ServerTxn,
        timer: Timer,
        effects: &mut Effects<'_>,
    ) -> Option<TxnEvent> {
        self.slab.get_mut(txn.0)?.armed.fired(timer);
        match self.step(txn, Step::Timer(timer), effects)? {
            Report::Timeout => Some(TxnEvent::ServerTimeout { txn }),
            Report::Overdue => Some(TxnEvent::ServerOverdue { txn }),
            Report::Deliver => None,
        }
    }

    /// Whether the transaction is there.
    pub(super) fn alive(&self, txn: ServerTxn) -> bool {
        self.slab.get(txn.0).is_some()
    }

    /// Forgets a transaction and its timers.
    pub(super) fn remove(&mut self, txn: ServerTxn, timers: &mut Timers<Due>) {
        let Some(mut server) = self.slab.remove(txn.0) else {
            return;
        };
        server.armed.disarm_all(timers);
        let entry = self.by_identity.find_entry(bucket(server.identity), |key| *key == txn.0);
        debug_assert!(entry.is_ok(), "a transaction without an index entry");
        if let Ok(entry) = entry {
            entry.remove();
        }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.slab.len()
    }

    /// Asserts that table, index and timers agree; the number of timers armed here.
    pub(super) fn check(&self, timers: &Timers<Due>) -> usize {
        assert_eq!(self.slab.len(), self.by_identity.len());
        assert!(self.slab.len() <= self.limit);
        let mut armed = 0;
        for (key, server) in self.slab.iter() {
            assert_eq!(self.find(server.identity), Some(ServerTxn(key)));
            assert!(server.armed.tokens().count() > 0, "nothing will end {:?}", server.machine);
            assert!(server.armed.tokens().all(|token| timers.is_armed(token)));
            armed += server.armed.tokens().count();
        }
        armed
    }

    fn step(
        &mut self,
        txn: ServerTxn,
        step: Step<'_>,
        effects: &mut Effects<'_>,
    ) -> Option<Report> {
        let server = self.slab.get_mut(txn.0)?;
        let actions = server.machine.step(step, Reliability::of(&server.flow));
        let ends = actions.last() == Some(&Action::Terminate);
        let mut report = None;
        for action in actions {
            match action {
                Action::SendResponse | Action::PassResponse => {
                    let Step::Respond { response, .. } = step else { continue };
                    effects.out.transmit(server.flow, |bytes| bytes.extend_from_slice(response));
                    server.kept = match action {
                        Action::SendResponse if !ends => response.into(),
                        _ => Box::default(),
                    };
                }
                Action::Retransmit if server.kept.is_empty() => {}
                Action::Retransmit => {
                    effects.out.transmit(server.flow, |out| out.extend_from_slice(&server.kept));
                }
                Action::Arm(timer, after) => {
                    let due = Due { whose: Whose::Server(txn), timer };
                    server.armed.arm(effects.timers, effects.now.plus(after), due);
                }
                Action::Disarm(timer) => server.armed.disarm(effects.timers, timer),
                Action::DisarmAll => server.armed.disarm_all(effects.timers),
                Action::Deliver => report = Some(Report::Deliver),
                Action::ReportOverdue => report = Some(Report::Overdue),
                Action::ReportTimeout => report = Some(Report::Timeout),
                Action::Terminate => {}
                Action::SendRequest | Action::SendAck | Action::ReportTransportError => {
                    debug_assert!(false, "{action:?} is not for a server");
                }
            }
        }
        if ends {
            self.remove(txn, effects.timers);
        }
        report
    }
}

impl Machine {
    /// Moves on; what is to be done.
    fn step(&mut self, step: Step<'_>, transport: Reliability) -> super::action::Actions {
        match self {
            Self::NonInvite(state) => {
                let event = match step {
                    Step::Request => Some(server::Event::Request),
                    Step::Ack => None,
                    Step::Respond { status, .. } => server::Event::from_status(status),
                    Step::Timer(timer) => Some(server::Event::Timer(timer)),
                };
                let Some(event) = event else { return Default::default() };
                let (next, actions) = server::step(*state, event, transport);
                *state = next;
                actions
            }
            Self::Invite(state) => {
                let event = match step {
                    Step::Request => Some(server_invite::Event::Request),
                    Step::Ack => Some(server_invite::Event::Ack),
                    Step::Respond { status, .. } => server_invite::Event::from_status(status),
                    Step::Timer(timer) => Some(server_invite::Event::Timer(timer)),
                };
                let Some(event) = event else { return Default::default() };
                let (next, actions) = server_invite::step(*state, event, transport);
                *state = next;
                actions
            }
        }
    }
}

/// The bits of an identity that choose its bucket. They are as good as any, the identity being a hash.
const fn bucket(identity: u128) -> u64 {
    identity as u64
}
