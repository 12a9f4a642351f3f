//! The non-INVITE client transaction (RFC 3261 §17.1.2, figure 6) as a pure state machine.
//!
//! It ends without a word of its own when nothing comes (RFC 4320 §4.2): no 408 is made up, and what the
//! silence means is for the transaction user to decide.
//!
//! It ends with its final response on every transport: the state *Completed* and Timer K, which
//! §17.1.2.2 wants on UDP, are left out. They exist to absorb copies of that response. Without
//! them a copy finds no transaction, and is dropped for that (RFC 6026 §7.3 and §8.9) and counted;
//! the transaction user sees one final response either way, and nothing is kept for five seconds
//! per request (ADR 0014).

use Action::{Arm, Deliver, ReportTimeout, ReportTransportError, Retransmit, SendRequest};

use super::action::{Action, Actions};
use super::timing::{Reliability, T2, TRANSACTION, Timer, doubling_to_t2};

/// Where the transaction stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Nothing has come yet.
    Trying {
        /// How often the request was sent again.
        retransmissions: u8,
    },
    /// A provisional answer has come.
    Proceeding,
    /// Over: the final answer has come, or none ever will.
    Terminated,
}

/// What can happen to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A 1xx came.
    Provisional,
    /// A 2xx to 6xx came.
    Final,
    /// A timer fell due.
    Timer(Timer),
    /// The network refused the request.
    TransportError,
}

impl Event {
    /// What a response of this status is to the machine; none if it is no SIP status.
    #[must_use]
    pub const fn from_status(status: u16) -> Option<Self> {
        match status {
            100..=199 => Some(Self::Provisional),
            200..=699 => Some(Self::Final),
            _ => None,
        }
    }
}

/// The transaction user sends a request.
#[must_use]
pub fn start(transport: Reliability) -> (State, Actions) {
    let mut actions = Actions::from_slice(&[SendRequest, Arm(Timer::F, TRANSACTION)]);
    if transport == Reliability::Unreliable {
        actions.push(Arm(Timer::E, doubling_to_t2(0)));
    }
    (State::Trying { retransmissions: 0 }, actions)
}

/// What follows from an event. Events that mean nothing in a state change nothing.
#[must_use]
pub fn step(state: State, event: Event) -> (State, Actions) {
    use State::{Proceeding, Terminated, Trying};
    let (next, actions): (State, &[Action]) = match (state, event) {
        (Trying { retransmissions }, Event::Timer(Timer::E)) => {
            let retransmissions = retransmissions.saturating_add(1);
            let interval = doubling_to_t2(retransmissions);
            (
                Trying { retransmissions },
                &[Retransmit, Arm(Timer::E, interval)],
            )
        }
        (Proceeding, Event::Timer(Timer::E)) => (Proceeding, &[Retransmit, Arm(Timer::E, T2)]),
        (Trying { .. } | Proceeding, Event::Provisional) => (Proceeding, &[Deliver]),
        (Trying { .. } | Proceeding, Event::Final) => (Terminated, &[Deliver, Action::Terminate]),
        (Trying { .. } | Proceeding, Event::Timer(Timer::F)) => {
            (Terminated, &[ReportTimeout, Action::Terminate])
        }
        (Trying { .. } | Proceeding, Event::TransportError) => {
            (Terminated, &[ReportTransportError, Action::Terminate])
        }
        (state, _) => (state, &[]),
    };
    (next, Actions::from_slice(actions))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{On, Row, TIMERS, check_table, run, times};
    use super::State::{Proceeding, Terminated, Trying};
    use super::*;
    use Action::Terminate;
    use core::time::Duration;

    const TRYING: State = Trying { retransmissions: 0 };
    const TRIED: State = Trying { retransmissions: 1 };

    fn rows() -> Vec<Row<State, Event>> {
        let ms = Duration::from_millis;
        let mut rows = vec![
            (
                TRYING,
                Event::Timer(Timer::E),
                On::Both,
                TRIED,
                vec![Retransmit, Arm(Timer::E, ms(1000))],
            ),
            (
                TRIED,
                Event::Timer(Timer::E),
                On::Both,
                Trying { retransmissions: 2 },
                vec![Retransmit, Arm(Timer::E, ms(2000))],
            ),
            (
                Proceeding,
                Event::Timer(Timer::E),
                On::Both,
                Proceeding,
                vec![Retransmit, Arm(Timer::E, ms(4000))],
            ),
        ];
        for waiting in [TRYING, TRIED, Proceeding] {
            let timeout = vec![ReportTimeout, Terminate];
            let refused = vec![ReportTransportError, Terminate];
            rows.extend([
                (
                    waiting,
                    Event::Provisional,
                    On::Both,
                    Proceeding,
                    vec![Deliver],
                ),
                (
                    waiting,
                    Event::Final,
                    On::Both,
                    Terminated,
                    vec![Deliver, Terminate],
                ),
                (
                    waiting,
                    Event::Timer(Timer::F),
                    On::Both,
                    Terminated,
                    timeout,
                ),
                (
                    waiting,
                    Event::TransportError,
                    On::Both,
                    Terminated,
                    refused,
                ),
            ]);
        }
        rows
    }

    #[test]
    fn follows_its_table() {
        let states = [TRYING, TRIED, Proceeding, Terminated];
        let mut events = vec![Event::Provisional, Event::Final, Event::TransportError];
        events.extend(TIMERS.map(Event::Timer));
        check_table(&states, &events, &rows(), |state, event, _| {
            step(state, event)
        });
    }

    #[test]
    fn retransmits_over_udp_at_the_times_of_the_rfc() {
        let transport = Reliability::Unreliable;
        let log = run(start(transport), |s, timer| step(s, Event::Timer(timer)));
        assert_eq!(times(&log, SendRequest), [0]);
        assert_eq!(
            times(&log, Retransmit),
            [
                500, 1500, 3500, 7500, 11500, 15500, 19500, 23500, 27500, 31500
            ]
        );
        assert_eq!(log[11..], [(32000, ReportTimeout), (32000, Terminate)]);
    }

    #[test]
    fn retransmits_every_t2_once_it_proceeds() {
        let transport = Reliability::Unreliable;
        let (state, mut actions) = start(transport);
        let (state, more) = step(state, Event::Provisional);
        actions.extend(more);
        let log = run((state, actions), |s, timer| step(s, Event::Timer(timer)));
        let expected: Vec<u128> = (0..8).map(|n| 500 + n * 4000).collect();
        assert_eq!(times(&log, Retransmit), expected);
        assert_eq!(times(&log, ReportTimeout), [32000]);
    }

    #[test]
    fn never_retransmits_over_a_stream() {
        let transport = Reliability::Reliable;
        let log = run(start(transport), |s, timer| step(s, Event::Timer(timer)));
        assert_eq!(
            log,
            [(0, SendRequest), (32000, ReportTimeout), (32000, Terminate)]
        );
    }

    #[test]
    fn statuses_become_events() {
        assert_eq!(
            [100, 199].map(Event::from_status),
            [Some(Event::Provisional); 2]
        );
        assert_eq!(
            [200, 407, 699].map(Event::from_status),
            [Some(Event::Final); 3]
        );
        assert_eq!([0, 99, 700].map(Event::from_status), [None; 3]);
    }
}
