//! `Clients`: hosts the client transactions and carries out what their machines decide.

use core::net::IpAddr;

use super::action::{Action, Actions};
use super::armed::{Armed, Due, Whose};
use super::machine::{ClientMachine, ClientStep};
use super::table::Table;
use super::timing::{Reliability, Timer};
use super::{Branch, ClientTxn, Effects, Full, Kind, ResponseMatch, TxnEvent, ack, cancel};
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
    table: Table<Client>,
}

#[derive(Debug)]
struct Client {
    machine: ClientMachine,
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

/// Whether the user still wants to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Interest {
    Kept,
    Lost,
}

/// What the user is told.
#[derive(Clone, Copy)]
enum Report {
    Deliver,
    Overdue,
    Timeout,
    TransportError,
}

/// A report with what identifies its transaction to the user.
#[derive(Clone, Copy)]
struct Told {
    report: Report,
    txn: ClientTxn,
    owner: u64,
    sent_at: Mono,
}

impl Clients {
    /// None, and never more than `limit`.
    pub(super) const fn new(limit: usize) -> Self {
        Self {
            table: Table::new(limit),
        }
    }

    /// Opens a transaction and transmits its request.
    pub(super) fn start(
        &mut self,
        identity: u128,
        request: ClientRequest<'_>,
        effects: &mut Effects<'_>,
    ) -> Result<ClientTxn, Full> {
        let transport = Reliability::of(&request.flow);
        let (machine, actions) = ClientMachine::start(request.kind, transport);
        let client = Client {
            machine,
            flow: request.flow,
            kept: request.bytes,
            owner: request.owner,
            interest: Interest::Kept,
            sent_at: effects.now,
            give_up_at: request.give_up_at,
            armed: Armed::default(),
        };
        let txn = self.table.insert(identity, client).map(ClientTxn)?;
        self.carry_out(txn, &actions, None, effects);
        Ok(txn)
    }

    /// A response came.
    pub(super) fn on_response(
        &mut self,
        incoming: Incoming<'_, '_>,
        effects: &mut Effects<'_>,
    ) -> ResponseMatch {
        let Incoming {
            identity,
            status,
            from,
            message,
        } = incoming;
        let found = self.table.find(identity).map(ClientTxn);
        let Some((txn, client)) = found.and_then(|txn| Some((txn, self.table.get_mut(txn.0)?)))
        else {
            return ResponseMatch::NoMatch;
        };
        if client.flow.remote.ip().to_canonical() != from.to_canonical() {
            return ResponseMatch::NoMatch;
        }
        let actions = client.step(ClientStep::Response(status));
        match self.carry_out(txn, &actions, Some(message), effects) {
            Some(Told {
                report: Report::Deliver,
                owner,
                sent_at,
                ..
            }) => ResponseMatch::Deliver {
                txn,
                owner,
                status,
                sent_at,
            },
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
        let client = self.table.get_mut(txn.0)?;
        client.armed.fired(timer);
        let actions = client.step(ClientStep::Timer(timer));
        self.carry_out(txn, &actions, None, effects)?.event()
    }

    /// The network refuses what goes this way.
    pub(super) fn on_transport_error(
        &mut self,
        flow: &Flow,
        effects: &mut Effects<'_>,
        events: &mut Vec<TxnEvent>,
    ) {
        // The network does not know who is behind a proxy.
        let bare = |flow: Flow| Flow { origin: 0, ..flow };
        let there = self.table.iter();
        let there = there.filter(|(_, client)| bare(client.flow) == bare(*flow));
        let refused: Vec<ClientTxn> = there.map(|(key, _)| ClientTxn(key)).collect();
        for txn in refused {
            let Some(client) = self.table.get_mut(txn.0) else {
                continue;
            };
            let actions = client.step(ClientStep::TransportError);
            let told = self.carry_out(txn, &actions, None, effects);
            events.extend(told.and_then(Told::event));
        }
    }

    /// The CANCEL of an INVITE that somebody has and has not answered, and the way it goes; none of
    /// another. From then on the INVITE waits 64·T1 at most.
    pub(super) fn cancel(
        &mut self,
        txn: ClientTxn,
        effects: &mut Effects<'_>,
    ) -> Option<(Flow, Box<[u8]>)> {
        let client = self.table.get_mut(txn.0)?;
        if !client.machine.may_be_cancelled() {
            return None;
        }
        let cancel = (client.flow, cancel::of(&client.kept)?);
        let actions = client.step(ClientStep::Cancel);
        self.carry_out(txn, &actions, None, effects);
        Some(cancel)
    }

    /// The user wants to hear no more of it.
    pub(super) fn lose_interest(&mut self, txn: ClientTxn, timers: &mut Timers<Due>) {
        let Some(client) = self.table.get_mut(txn.0) else {
            return;
        };
        match client.machine {
            ClientMachine::NonInvite(_) => self.remove(txn, timers),
            ClientMachine::Invite(_) => client.interest = Interest::Lost,
        }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.table.len()
    }

    /// Asserts that table and timers agree; the number of timers armed here.
    pub(super) fn check(&self, timers: &Timers<Due>) -> usize {
        self.table.check();
        self.table
            .iter()
            .map(|(_, client)| client.armed.check(timers))
            .sum()
    }

    fn remove(&mut self, txn: ClientTxn, timers: &mut Timers<Due>) {
        if let Some(mut client) = self.table.remove(txn.0) {
            client.armed.disarm_all(timers);
        }
    }

    fn carry_out(
        &mut self,
        txn: ClientTxn,
        actions: &Actions,
        response: Option<&sip::Message<'_>>,
        effects: &mut Effects<'_>,
    ) -> Option<Told> {
        let client = self.table.get_mut(txn.0)?;
        let mut report = None;
        for action in actions {
            match *action {
                Action::SendRequest | Action::Retransmit => {
                    effects.transmit(client.flow, &client.kept);
                }
                Action::SendAck => {
                    let ack = response.and_then(|refusal| ack::to_refusal(&client.kept, refusal));
                    client.kept = ack.unwrap_or_default();
                    effects.transmit(client.flow, &client.kept);
                }
                Action::Arm(timer, after) => {
                    let deadline = client.clamp(timer, effects.now.plus(after));
                    let due = Due {
                        whose: Whose::Client(txn),
                        timer,
                    };
                    client.armed.arm(effects.timers, deadline, due);
                }
                Action::Disarm(timer) => client.armed.disarm(effects.timers, timer),
                Action::DisarmAll => client.armed.disarm_all(effects.timers),
                Action::Deliver => report = Some(Report::Deliver),
                Action::ReportOverdue => report = Some(Report::Overdue),
                Action::ReportTimeout => report = Some(Report::Timeout),
                Action::ReportTransportError => report = Some(Report::TransportError),
                Action::Terminate => {}
                Action::SendResponse | Action::PassResponse => {
                    debug_assert!(false, "{action:?} is not for a client");
                }
            }
        }
        if client.machine.is_answered() {
            client.kept = Box::default();
        }
        let told = report.and_then(|report| client.told(report, txn));
        if actions.last() == Some(&Action::Terminate) {
            self.remove(txn, effects.timers);
        }
        told
    }
}

impl Client {
    fn step(&mut self, step: ClientStep) -> Actions {
        self.machine.step(step, Reliability::of(&self.flow))
    }

    /// The user's deadline comes before the timers that wait for an answer, but not before those
    /// that watch what is left of the transaction.
    fn clamp(&self, timer: Timer, deadline: Mono) -> Mono {
        match timer {
            Timer::B | Timer::C | Timer::F => deadline.min(self.give_up_at),
            _ => deadline,
        }
    }

    fn told(&self, report: Report, txn: ClientTxn) -> Option<Told> {
        let Self {
            owner,
            sent_at,
            interest,
            ..
        } = *self;
        (interest == Interest::Kept).then_some(Told {
            report,
            txn,
            owner,
            sent_at,
        })
    }
}

impl Told {
    fn event(self) -> Option<TxnEvent> {
        let Self {
            report,
            txn,
            owner,
            sent_at,
        } = self;
        match report {
            Report::Deliver => None,
            Report::Overdue => Some(TxnEvent::ClientOverdue { owner, txn }),
            Report::Timeout => Some(TxnEvent::ClientTimeout {
                owner,
                txn,
                sent_at,
            }),
            Report::TransportError => Some(TxnEvent::ClientTransportError { owner, txn }),
        }
    }
}
