//! `Clients`: hosts the client transactions and carries out what their machines decide.

use core::net::IpAddr;

use hashbrown::HashTable;

use super::action::{Action, Actions};
use super::armed::{Armed, Due, Whose};
use super::slab::{Key, Slab};
use super::timing::{Reliability, Timer};
use super::{
    Branch, ClientTxn, Effects, Full, Kind, ResponseMatch, TxnEvent, ack, client, client_invite,
};
use crate::clock::Mono;
use crate::flow::Flow;
use crate::timers::Timers;

/// A request to be sent, with all that its transaction has to know.
#[derive(Debug)]
pub struct ClientRequest<'b> {
    /// Which machine it needs.
    pub kind: Kind,
    /// The branch in its topmost Via. A CANCEL has that of its INVITE (RFC 3261 §9.1).
    pub branch: &'b Branch,
    /// The way it goes; answers must come from the host at its end.
    pub flow: Flow,
    /// The whole message.
    pub bytes: Box<[u8]>,
    /// The user's own deadline, when it comes before Timer B, C or F.
    pub give_up_at: Mono,
    /// Handed back with everything there is to tell; means nothing here.
    pub owner: u64,
}

/// A response, as far as it has been read.
#[derive(Clone, Copy)]
pub(super) struct Incoming<'m, 'a> {
    /// Of the transaction it answers.
    pub(super) identity: u128,
    /// Its status code.
    pub(super) status: u16,
    /// The host that sent it.
    pub(super) from: IpAddr,
    /// All of it.
    pub(super) message: &'m sip::Message<'a>,
}

/// All client transactions.
#[derive(Debug)]
pub(super) struct Clients {
    slab: Slab<Client>,
    by_identity: HashTable<Key>,
    limit: usize,
}

#[derive(Debug)]
struct Client {
    identity: u128,
    machine: Machine,
    flow: Flow,
    /// What a retransmission sends: the request, then the ACK of a refused INVITE; empty when there
    /// is nothing more to send.
    kept: Box<[u8]>,
    owner: u64,
    interest: Interest,
    sent_at: Mono,
    give_up_at: Mono,
    armed: Armed,
}

#[derive(Clone, Copy, Debug)]
enum Machine {
    NonInvite(client::State),
    Invite(client_invite::State),
}

/// Whether the user still wants to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Interest {
    Kept,
    Lost,
}

/// What a machine is told; each kind knows it under its own name.
#[derive(Clone, Copy)]
enum Step<'m, 'a> {
    Response { status: u16, message: &'m sip::Message<'a> },
    Timer(Timer),
    TransportError,
}

/// What the user is told.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Report {
    Deliver,
    Timeout,
    TransportError,
}

/// A report with what identifies its transaction to the user.
struct Told {
    report: Report,
    owner: u64,
    sent_at: Mono,
}

impl Clients {
    /// None, and never more than `limit`.
    pub(super) const fn new(limit: usize) -> Self {
        Self { slab: Slab::new(), by_identity: HashTable::new(), limit }
    }

    /// Opens a transaction and transmits its request.
    pub(super) fn start(
        &mut self,
        identity: u128,
        request: ClientRequest<'_>,
        effects: &mut Effects<'_>,
    ) -> Result<ClientTxn, Full> {
        debug_assert!(self.find(identity).is_none(), "a branch used twice");
        if self.slab.len() >= self.limit {
            return Err(Full);
        }
        let (machine, actions) = Machine::start(request.kind, Reliability::of(&request.flow));
        let key = self.slab.insert(Client {
            identity,
            machine,
            flow: request.flow,
            kept: request.bytes,
            owner: request.owner,
            interest: Interest::Kept,
            sent_at: effects.now,
            give_up_at: request.give_up_at,
            armed: Armed::default(),
        });
        let Self { slab, by_identity, .. } = self;
        by_identity.insert_unique(bucket(identity), key, |key| {
            slab.get(*key).map_or(0, |client| bucket(client.identity))
        });
        let txn = ClientTxn(key);
        self.carry_out(txn, &actions, None, effects);
        Ok(txn)
    }

    /// A response came.
    pub(super) fn on_response(
        &mut self,
        incoming: Incoming<'_, '_>,
        effects: &mut Effects<'_>,
    ) -> ResponseMatch {
        let Some(txn) = self.find(incoming.identity) else {
            return ResponseMatch::NoMatch;
        };
        if self.slab.get(txn.0).is_none_or(|client| client.flow.remote.ip() != incoming.from) {
            return ResponseMatch::NoMatch;
        }
        let Incoming { status, message, .. } = incoming;
        match self.step(txn, Step::Response { status, message }, effects) {
            Some(Told { report: Report::Deliver, owner, sent_at }) => {
                ResponseMatch::Deliver { txn, owner, status, sent_at }
            }
            _ => ResponseMatch::Absorbed,
        }
    }

    /// A timer fell due.
    pub(super) fn on_timer(
        &mut self,
        txn: ClientTxn,
        timer: Timer,
        effects: &mut Effects<'_>,
    ) -> Option<TxnEvent> {
        self.slab.get_mut(txn.0)?.armed.fired(timer);
        let told = self.step(txn, Step::Timer(timer), effects)?;
        told.event(txn)
    }

    /// The network refuses what goes this way.
    pub(super) fn on_transport_error(
        &mut self,
        flow: &Flow,
        effects: &mut Effects<'_>,
        events: &mut Vec<TxnEvent>,
    ) {
        let there = |(key, client): (Key, &Client)| (client.flow == *flow).then_some(ClientTxn(key));
        let refused: Vec<ClientTxn> = self.slab.iter().filter_map(there).collect();
        for txn in refused {
            let told = self.step(txn, Step::TransportError, effects);
            events.extend(told.and_then(|told| told.event(txn)));
        }
    }

    /// The user wants to hear no more of it.
    pub(super) fn lose_interest(&mut self, txn: ClientTxn, timers: &mut Timers<Due>) {
        let Some(client) = self.slab.get_mut(txn.0) else {
            return;
        };
        match client.machine {
            Machine::NonInvite(_) => self.remove(txn, timers),
            Machine::Invite(_) => client.interest = Interest::Lost,
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
        for (key, client) in self.slab.iter() {
            assert_eq!(self.find(client.identity), Some(ClientTxn(key)));
            assert!(client.armed.tokens().count() > 0, "nothing will end {:?}", client.machine);
            assert!(client.armed.tokens().all(|token| timers.is_armed(token)));
            armed += client.armed.tokens().count();
        }
        armed
    }

    fn find(&self, identity: u128) -> Option<ClientTxn> {
        let same = |key: &Key| self.slab.get(*key).is_some_and(|c| c.identity == identity);
        self.by_identity.find(bucket(identity), same).copied().map(ClientTxn)
    }

    fn remove(&mut self, txn: ClientTxn, timers: &mut Timers<Due>) {
        let Some(mut client) = self.slab.remove(txn.0) else {
            return;
        };
        client.armed.disarm_all(timers);
        let entry = self.by_identity.find_entry(bucket(client.identity), |key| *key == txn.0);
        debug_assert!(entry.is_ok(), "a transaction without an index entry");
        if let Ok(entry) = entry {
            entry.remove();
        }
    }

    fn step(
        &mut self,
        txn: ClientTxn,
        step: Step<'_, '_>,
        effects: &mut Effects<'_>,
    ) -> Option<Told> {
        let client = self.slab.get_mut(txn.0)?;
        let actions = client.machine.step(step, Reliability::of(&client.flow));
        let message = match step {
            Step::Response { message, .. } => Some(message),
            Step::Timer(_) | Step::TransportError => None,
        };
        self.carry_out(txn, &actions, message, effects)
    }

    fn carry_out(
        &mut self,
        txn: ClientTxn,
        actions: &Actions,
        response: Option<&sip::Message<'_>>,
        effects: &mut Effects<'_>,
    ) -> Option<Told> {
        let client = self.slab.get_mut(txn.0)?;
        let mut report = None;
        for action in actions {
            match *action {
                Action::SendRequest | Action::Retransmit => client.transmit(effects),
                Action::SendAck => {
                    client.kept = response.and_then(|r| ack::to_refusal(&client.kept, r)).unwrap_or_default();
                    client.transmit(effects);
                }
                Action::Arm(timer, after) => {
                    let deadline = client.clamp(timer, effects.now.plus(after));
                    let due = Due { whose: Whose::Client(txn), timer };
                    client.armed.arm(effects.timers, deadline, due);
                }
                Action::Disarm(timer) => client.armed.disarm(effects.timers, timer),
                Action::DisarmAll => client.armed.disarm_all(effects.timers),
                Action::Deliver => report = Some(Report::Deliver),
                Action::ReportTimeout => report = Some(Report::Timeout),
                Action::ReportTransportError => report = Some(Report::TransportError),
                Action::Terminate => {}
                Action::SendResponse | Action::PassResponse | Action::ReportOverdue => {
                    debug_assert!(false, "{action:?} is not for a client");
                }
            }
        }
        if client.machine.is_answered() {
            client.kept = Box::default();
        }
        let (owner, sent_at, interest) = (client.owner, client.sent_at, client.interest);
        if actions.last() == Some(&Action::Terminate) {
            self.remove(txn, effects.timers);
        }
        let report = report.filter(|_| interest == Interest::Kept)?;
        Some(Told { report, owner, sent_at })
    }
}

impl Client {
    fn transmit(&self, effects: &mut Effects<'_>) {
        if !self.kept.is_empty() {
            effects.out.transmit(self.flow, |bytes| bytes.extend_from_slice(&self.kept));
        }
    }

    /// The user's deadline comes before the timers that wait for an answer, but not before those
    /// that watch what is left of the transaction.
    fn clamp(&self, timer: Timer, deadline: Mono) -> Mono {
        match timer {
            Timer::B | Timer::C | Timer::F => deadline.min(self.give_up_at),
            _ => deadline,
        }
    }
}

impl Told {
    fn event(self, txn: ClientTxn) -> Option<TxnEvent> {
        let Self { report, owner, sent_at } = self;
        match report {
            Report::Deliver => None,
            Report::Timeout => Some(TxnEvent::ClientTimeout { owner, txn, sent_at }),
            Report::TransportError => Some(TxnEvent::ClientTransportError { owner, txn }),
        }
    }
}

impl Machine {
    fn start(kind: Kind, transport: Reliability) -> (Self, Actions) {
        match kind {
            Kind::NonInvite => {
                let (state, actions) = client::start(transport);
                (Self::NonInvite(state), actions)
            }
            Kind::Invite => {
                let (state, actions) = client_invite::start(transport);
                (Self::Invite(state), actions)
            }
        }
    }

    /// Moves on; what is to be done.
    fn step(&mut self, step: Step<'_, '_>, transport: Reliability) -> Actions {
        match self {
            Self::NonInvite(state) => {
                let event = match step {
                    Step::Response { status, .. } => client::Event::from_status(status),
                    Step::Timer(timer) => Some(client::Event::Timer(timer)),
                    Step::TransportError => Some(client::Event::TransportError),
                };
                let Some(event) = event else { return Actions::new() };
                let (next, actions) = client::step(*state, event, transport);
                *state = next;
                actions
            }
            Self::Invite(state) => {
                let event = match step {
                    Step::Response { status, .. } => client_invite::Event::from_status(status),
                    Step::Timer(timer) => Some(client_invite::Event::Timer(timer)),
                    Step::TransportError => Some(client_invite::Event::TransportError),
                };
                let Some(event) = event else { return Actions::new() };
                let (next, actions) = client_invite::step(*state, event, transport);
                *state = next;
                actions
            }
        }
    }

    /// Whether the request need not be sent nor acknowledged any more.
    const fn is_answered(self) -> bool {
        matches!(
            self,
            Self::NonInvite(client::State::Completed)
                | Self::Invite(client_invite::State::Accepted)
        )
    }
}

/// The bits of an identity that choose its bucket. They are as good as any, the identity being a hash.
const fn bucket(identity: u128) -> u64 {
    identity as u64
}
