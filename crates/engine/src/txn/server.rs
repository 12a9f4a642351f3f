//! The non-INVITE server transaction (RFC 3261 §17.2.2, with RFC 4320) as a pure state machine.
//!
//! RFC 4320 §4 forbids any 1xx but 100, a 100 over UDP before [`NON_INVITE_PROVISIONAL`], and 408
//! altogether: when a 408 would be due, the client has stopped listening. Such an end leaves the machine
//! in *Silent*, ours, where late retransmissions are absorbed rather than taken for new requests.
//!
//! A transport error is no event here. RFC 6026 §7.1 forbids INVITE servers to forget their state
//! over one; its reason, that a retransmission must not be processed as a new request, holds here too.

use Action::{Arm, Disarm, DisarmAll, ReportOverdue, ReportTimeout, Retransmit, SendResponse};

use super::action::{Action, Actions};
use super::timing::{NON_INVITE_PROVISIONAL, Reliability, TRANSACTION, Timer};

/// Where the transaction stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Unanswered, and too young for a 100 over UDP.
    Trying,
    /// Unanswered, and old enough that a 100 is owed.
    Overdue,
    /// A 100 was sent.
    Proceeding,
    /// The final answer was sent; copies of the request are answered with it.
    Completed,
    /// It ended without an answer; copies of the request are absorbed.
    Silent,
    /// Over.
    Terminated,
}

/// What can happen to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The request came again.
    Request,
    /// The transaction user answers 100.
    Provisional,
    /// The transaction user answers for good.
    Final,
    /// The transaction user would answer 408.
    RequestTimeout,
    /// A timer fell due.
    Timer(Timer),
}

impl Event {
    /// What an answer of this status is to the machine; none if it may not be sent at all.
    #[must_use]
    pub const fn from_status(status: u16) -> Option<Self> {
        match status {
            100 => Some(Self::Provisional),
            408 => Some(Self::RequestTimeout),
            200..=699 => Some(Self::Final),
            _ => None,
        }
    }
}

/// A request came.
#[must_use]
pub fn start() -> (State, Actions) {
    // After 64·T1 the client's Timer F has fired and nobody waits any more.
    let actions = Actions::from_slice(&[
        Arm(Timer::Provisional, NON_INVITE_PROVISIONAL),
        Arm(Timer::Unanswered, TRANSACTION),
    ]);
    (State::Trying, actions)
}

/// What follows from an event. Events that mean nothing in a state change nothing.
#[must_use]
pub fn step(state: State, event: Event, transport: Reliability) -> (State, Actions) {
    use State::{Completed, Overdue, Proceeding, Silent, Terminated, Trying};
    let (next, actions): (State, &[Action]) = match (state, event) {
        (Trying, Event::Timer(Timer::Provisional)) => (Overdue, &[ReportOverdue]),
        (Trying, Event::Provisional) if transport == Reliability::Unreliable => (Trying, &[]),
        (Trying | Overdue | Proceeding, Event::Provisional) => {
            (Proceeding, &[Disarm(Timer::Provisional), SendResponse])
        }
        (Proceeding | Completed, Event::Request) => (state, &[Retransmit]),
        (Trying | Overdue | Proceeding, Event::Final) => {
            return answered(Completed, &[SendResponse], transport);
        }
        (Trying | Overdue | Proceeding, Event::RequestTimeout) => {
            return answered(Silent, &[], transport);
        }
        (Trying | Overdue | Proceeding, Event::Timer(Timer::Unanswered)) => {
            (Terminated, &[ReportTimeout, Action::Terminate])
        }
        (Completed | Silent, Event::Timer(Timer::J)) => (Terminated, &[Action::Terminate]),
        (state, _) => (state, &[]),
    };
    (next, Actions::from_slice(actions))
}

/// The transaction user is done: Timer J runs on UDP, and is zero on streams.
fn answered(linger: State, send: &[Action], transport: Reliability) -> (State, Actions) {
    let mut actions = Actions::from_slice(send);
    match transport {
        Reliability::Unreliable => {
            actions.extend([DisarmAll, Arm(Timer::J, TRANSACTION)]);
            (linger, actions)
        }
        Reliability::Reliable => {
            actions.push(Action::Terminate);
            (State::Terminated, actions)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{On, Row, TIMERS, check_table, run};
    use super::State::{Completed, Overdue, Proceeding, Silent, Terminated, Trying};
    use super::*;
    use Action::Terminate;
    use core::time::Duration;

    fn rows() -> Vec<Row<State, Event>> {
        let answer_100 = vec![Disarm(Timer::Provisional), SendResponse];
        let mut rows = vec![
            (
                Trying,
                Event::Timer(Timer::Provisional),
                On::Both,
                Overdue,
                vec![ReportOverdue],
            ),
            (
                Trying,
                Event::Provisional,
                On::Stream,
                Proceeding,
                answer_100.clone(),
            ),
            (
                Overdue,
                Event::Provisional,
                On::Both,
                Proceeding,
                answer_100.clone(),
            ),
            (
                Proceeding,
                Event::Provisional,
                On::Both,
                Proceeding,
                answer_100,
            ),
            (
                Proceeding,
                Event::Request,
                On::Both,
                Proceeding,
                vec![Retransmit],
            ),
            (
                Completed,
                Event::Request,
                On::Both,
                Completed,
                vec![Retransmit],
            ),
            (
                Completed,
                Event::Timer(Timer::J),
                On::Both,
                Terminated,
                vec![Terminate],
            ),
            (
                Silent,
                Event::Timer(Timer::J),
                On::Both,
                Terminated,
                vec![Terminate],
            ),
        ];
        for open in [Trying, Overdue, Proceeding] {
            let linger = Arm(Timer::J, Duration::from_secs(32));
            let answered = vec![SendResponse, DisarmAll, linger];
            let forgotten = vec![ReportTimeout, Terminate];
            rows.extend([
                (open, Event::Final, On::Udp, Completed, answered),
                (
                    open,
                    Event::Final,
                    On::Stream,
                    Terminated,
                    vec![SendResponse, Terminate],
                ),
                (
                    open,
                    Event::RequestTimeout,
                    On::Udp,
                    Silent,
                    vec![DisarmAll, linger],
                ),
                (
                    open,
                    Event::RequestTimeout,
                    On::Stream,
                    Terminated,
                    vec![Terminate],
                ),
                (
                    open,
                    Event::Timer(Timer::Unanswered),
                    On::Both,
                    Terminated,
                    forgotten,
                ),
            ]);
        }
        rows
    }

    #[test]
    fn follows_its_table() {
        let states = [Trying, Overdue, Proceeding, Completed, Silent, Terminated];
        let mut events = vec![Event::Request, Event::Provisional, Event::Final];
        events.push(Event::RequestTimeout);
        events.extend(TIMERS.map(Event::Timer));
        check_table(&states, &events, &rows(), step);
    }

    #[test]
    fn an_unanswered_request_is_owed_a_100_and_forgotten_after_64_t1() {
        for transport in [Reliability::Unreliable, Reliability::Reliable] {
            let log = run(start(), |s, timer| step(s, Event::Timer(timer), transport));
            let expected = [
                (3500, ReportOverdue),
                (32000, ReportTimeout),
                (32000, Terminate),
            ];
            assert_eq!(log, expected);
        }
    }

    #[test]
    fn the_answer_is_kept_for_timer_j() {
        let transport = Reliability::Unreliable;
        let answered = step(start().0, Event::Final, transport);
        let log = run(answered, |s, timer| step(s, Event::Timer(timer), transport));
        assert_eq!(log, [(0, SendResponse), (32000, Terminate)]);
    }

    #[test]
    fn only_100_and_finals_but_408_may_be_sent() {
        assert_eq!(Event::from_status(100), Some(Event::Provisional));
        assert_eq!([101, 180, 183, 199].map(Event::from_status), [None; 4]);
        assert_eq!(Event::from_status(408), Some(Event::RequestTimeout));
        assert_eq!(
            [200, 401, 407, 409, 699].map(Event::from_status),
            [Some(Event::Final); 5]
        );
        assert_eq!([0, 99, 700].map(Event::from_status), [None; 3]);
    }
}
