//! `Servers`: hosts the server transactions and carries out what their machines decide.

use super::action::{Action, Actions};
use super::armed::{Armed, Due, Whose};
use super::machine::{ServerMachine, ServerStep};
use super::table::Table;
use super::timing::{Reliability, Timer};
use super::{Effects, Full, Kind, RequestMatch, ServerKey, ServerTxn, TxnEvent};
use crate::clock::Mono;
use crate::flow::Flow;
use crate::timers::Timers;

/// All server transactions.
#[derive(Debug)]
pub(super) struct Servers {
    table: Table<Server>,
}

#[derive(Debug)]
struct Server {
    machine: ServerMachine,
    /// Where the request came from and the responses go.
    flow: Flow,
    /// The last response, for retransmissions; empty before the first.
    kept: Box<[u8]>,
    /// The user's number for it; means nothing here.
    owner: Option<u64>,
    armed: Armed,
}

/// What the user is told.
#[derive(Clone, Copy)]
enum Report {
    Deliver,
    Overdue,
    Timeout,
}

impl Servers {
    /// None, and never more than `limit`.
    pub(super) const fn new(limit: usize) -> Self {
        Self {
            table: Table::new(limit),
        }
    }

    /// The transaction of this identity.
    pub(super) fn find(&self, identity: u128) -> Option<ServerTxn> {
        self.table.find(identity).map(ServerTxn)
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
        debug_assert!(
            kind == Kind::NonInvite || key.own == key.invite,
            "no INVITE"
        );
        let (machine, actions) = ServerMachine::start(kind);
        let (kept, armed) = (Box::default(), Armed::default());
        let server = Server {
            machine,
            flow,
            kept,
            owner: None,
            armed,
        };
        let txn = self.table.insert(key.own, server).map(ServerTxn)?;
        if let Some(server) = self.table.get_mut(txn.0) {
            for action in actions {
                debug_assert!(matches!(action, Action::Arm(..)), "nothing to answer yet");
                if let Action::Arm(timer, after) = action {
                    server.armed.arm(
                        timers,
                        now.plus(after),
                        Due {
                            whose: Whose::Server(txn),
                            timer,
                        },
                    );
                }
            }
        }
        Ok(txn)
    }

    /// The request came again.
    pub(super) fn on_retransmission(&mut self, txn: ServerTxn, effects: &mut Effects<'_>) {
        self.step(txn, ServerStep::Request, effects);
    }

    /// An ACK came with the identity of an INVITE.
    pub(super) fn on_ack(&mut self, txn: ServerTxn, effects: &mut Effects<'_>) -> RequestMatch {
        match self.step(txn, ServerStep::Ack, effects) {
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
        let Some(server) = self.table.get_mut(txn.0) else {
            return false;
        };
        let actions = server.step(ServerStep::Respond(status));
        self.carry_out(txn, &actions, response, effects);
        true
    }

    /// A timer fell due.
    pub(super) fn on_timer(
        &mut self,
        txn: ServerTxn,
        timer: Timer,
        effects: &mut Effects<'_>,
    ) -> Option<TxnEvent> {
        let server = self.table.get_mut(txn.0)?;
        server.armed.fired(timer);
        let owner = server.owner;
        match self.step(txn, ServerStep::Timer(timer), effects)? {
            Report::Timeout => Some(TxnEvent::ServerTimeout { txn, owner }),
            Report::Overdue => Some(TxnEvent::ServerOverdue { txn, owner }),
            Report::Deliver => None,
        }
    }

    /// The user's number for a transaction is this from now on.
    pub(super) fn own(&mut self, txn: ServerTxn, owner: u64) {
        if let Some(server) = self.table.get_mut(txn.0) {
            server.owner = Some(owner);
        }
    }

    /// The user's number for a transaction.
    pub(super) fn owner(&self, txn: ServerTxn) -> Option<u64> {
        self.table.get(txn.0)?.owner
    }

    /// Whether the transaction is there.
    pub(super) fn alive(&self, txn: ServerTxn) -> bool {
        self.table.get(txn.0).is_some()
    }

    /// Forgets a transaction and its timers.
    pub(super) fn remove(&mut self, txn: ServerTxn, timers: &mut Timers<Due>) {
        if let Some(mut server) = self.table.remove(txn.0) {
            server.armed.disarm_all(timers);
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
            .map(|(_, server)| server.armed.check(timers))
            .sum()
    }

    /// Something happened that brings no response with it.
    fn step(
        &mut self,
        txn: ServerTxn,
        step: ServerStep,
        effects: &mut Effects<'_>,
    ) -> Option<Report> {
        let actions = self.table.get_mut(txn.0)?.step(step);
        self.carry_out(txn, &actions, &[], effects)
    }

    fn carry_out(
        &mut self,
        txn: ServerTxn,
        actions: &Actions,
        response: &[u8],
        effects: &mut Effects<'_>,
    ) -> Option<Report> {
        let server = self.table.get_mut(txn.0)?;
        let ends = actions.last() == Some(&Action::Terminate);
        let mut report = None;
        for action in actions {
            match *action {
                Action::SendResponse => {
                    effects.transmit(server.flow, response);
                    server.kept = if ends {
                        Box::default()
                    } else {
                        response.into()
                    };
                }
                Action::PassResponse => {
                    effects.transmit(server.flow, response);
                    server.kept = Box::default();
                }
                Action::Retransmit => effects.transmit(server.flow, &server.kept),
                Action::Arm(timer, after) => {
                    let due = Due {
                        whose: Whose::Server(txn),
                        timer,
                    };
                    server
                        .armed
                        .arm(effects.timers, effects.now.plus(after), due);
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

impl Server {
    fn step(&mut self, step: ServerStep) -> Actions {
        self.machine.step(step, Reliability::of(&self.flow))
    }
}
