//! The INVITE server transaction (RFC 3261 §17.2.1, with the Accepted state of RFC 6026 §7.1) as a pure
//! state machine.
//!
//! A transport error is no event here: RFC 6026 §7.1 forbids to forget the state over one, and the
//! timers end it in time.

use Action::{
    Arm, Deliver, Disarm, DisarmAll, PassResponse, ReportOverdue, ReportTimeout, Retransmit,
    SendResponse,
};

use super::action::{Action, Actions};
use super::timing::{
    INVITE_PROVISIONAL, INVITE_UNANSWERED, Reliability, T4, TRANSACTION, Timer, doubling_to_t2,
};

/// Where the transaction stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Not yet answered for good.
    Proceeding,
    /// Refused; the refusal is sent until an ACK comes.
    Completed {
        /// How often the refusal was sent again by timer.
        retransmissions: u8,
    },
    /// The ACK to a refusal has come; copies of it are absorbed.
    Confirmed,
    /// Accepted; copies of the INVITE are absorbed, further 2xx pass.
    Accepted,
    /// Over.
    Terminated,
}

/// What can happen to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The INVITE came again.
    Request,
    /// An ACK came with the branch of the INVITE.
    Ack,
    /// The transaction user answers 1xx.
    Provisional,
    /// The transaction user answers 2xx.
    Success,
    /// The transaction user answers 3xx to 6xx.
    Failure,
    /// A timer fell due.
    Timer(Timer),
}

impl Event {
    /// What an answer of this status is to the machine; none if it is no SIP status.
    #[must_use]
    pub const fn from_status(status: u16) -> Option<Self> {
        match status {
            100..=199 => Some(Self::Provisional),
            200..=299 => Some(Self::Success),
            300..=699 => Some(Self::Failure),
            _ => None,
        }
    }
}

/// An INVITE came.
#[must_use]
pub fn start() -> (State, Actions) {
    let actions = Actions::from_slice(&[
        Arm(Timer::Provisional, INVITE_PROVISIONAL),
        Arm(Timer::Unanswered, INVITE_UNANSWERED),
    ]);
    (State::Proceeding, actions)
}

/// What follows from an event. Events that mean nothing in a state change nothing.
#[must_use]
pub fn step(state: State, event: Event, transport: Reliability) -> (State, Actions) {
    use State::{Accepted, Completed, Confirmed, Proceeding, Terminated};
    let (next, actions): (State, &[Action]) = match (state, event) {
        (Proceeding, Event::Timer(Timer::Provisional)) => (Proceeding, &[ReportOverdue]),
        (Proceeding, Event::Provisional) => (
            Proceeding,
            &[
                Disarm(Timer::Provisional),
                SendResponse,
                Arm(Timer::Unanswered, INVITE_UNANSWERED),
            ],
        ),
        (Proceeding, Event::Success) => (
            Accepted,
            &[DisarmAll, PassResponse, Arm(Timer::L, TRANSACTION)],
        ),
        (Proceeding, Event::Failure) => return refused(transport),
        (Proceeding, Event::Timer(Timer::Unanswered))
        | (Completed { .. }, Event::Timer(Timer::H)) => {
            (Terminated, &[ReportTimeout, Action::Terminate])
        }
        (Proceeding | Completed { .. }, Event::Request) => (state, &[Retransmit]),
        (Completed { retransmissions }, Event::Timer(Timer::G)) => {
            let retransmissions = retransmissions.saturating_add(1);
            let interval = doubling_to_t2(retransmissions);
            (
                Completed { retransmissions },
                &[Retransmit, Arm(Timer::G, interval)],
            )
        }
        (Completed { .. }, Event::Ack) => match transport {
            Reliability::Unreliable => (Confirmed, &[DisarmAll, Arm(Timer::I, T4)]),
            Reliability::Reliable => (Terminated, &[Action::Terminate]),
        },
        (Accepted, Event::Success) => (Accepted, &[PassResponse]),
        (Accepted, Event::Ack) => (Accepted, &[Deliver]),
        (Confirmed, Event::Timer(Timer::I)) | (Accepted, Event::Timer(Timer::L)) => {
            (Terminated, &[Action::Terminate])
        }
        (state, _) => (state, &[]),
    };
    (next, Actions::from_slice(actions))
}

/// RFC 3261 §17.2.1: a refusal is repeated over UDP until the ACK comes or Timer H fires.
fn refused(transport: Reliability) -> (State, Actions) {
    let mut actions = Actions::from_slice(&[DisarmAll, SendResponse, Arm(Timer::H, TRANSACTION)]);
    if transport == Reliability::Unreliable {
        actions.push(Arm(Timer::G, doubling_to_t2(0)));
    }
    (State::Completed { retransmissions: 0 }, actions)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{On, Row, TIMERS, check_table, run, times};
    use super::State::{Accepted, Completed, Confirmed, Proceeding, Terminated};
    use super::*;
    use Action::Terminate;
    use core::time::Duration;

    const REFUSED: State = Completed { retransmissions: 0 };
    const REFUSED_AGAIN: State = Completed { retransmissions: 1 };
    const LINGER: Duration = Duration::from_secs(32);

    fn rows() -> Vec<Row<State, Event>> {
        let ms = Duration::from_millis;
        let refuse = vec![DisarmAll, SendResponse, Arm(Timer::H, LINGER)];
        let mut refuse_udp = refuse.clone();
        refuse_udp.push(Arm(Timer::G, ms(500)));
        let forgotten = vec![ReportTimeout, Terminate];
        let mut rows = vec![
            (
                Proceeding,
                Event::Request,
                On::Both,
                Proceeding,
                vec![Retransmit],
            ),
            (
                Proceeding,
                Event::Provisional,
                On::Both,
                Proceeding,
                vec![
                    Disarm(Timer::Provisional),
                    SendResponse,
                    Arm(Timer::Unanswered, ms(300_000)),
                ],
            ),
            (
                Proceeding,
                Event::Success,
                On::Both,
                Accepted,
                vec![DisarmAll, PassResponse, Arm(Timer::L, LINGER)],
            ),
            (Proceeding, Event::Failure, On::Udp, REFUSED, refuse_udp),
            (Proceeding, Event::Failure, On::Stream, REFUSED, refuse),
            (
                Proceeding,
                Event::Timer(Timer::Provisional),
                On::Both,
                Proceeding,
                vec![ReportOverdue],
            ),
            (
                Proceeding,
                Event::Timer(Timer::Unanswered),
                On::Both,
                Terminated,
                forgotten.clone(),
            ),
            (
                REFUSED,
                Event::Timer(Timer::G),
                On::Both,
                REFUSED_AGAIN,
                vec![Retransmit, Arm(Timer::G, ms(1000))],
            ),
            (
                REFUSED_AGAIN,
                Event::Timer(Timer::G),
                On::Both,
                Completed { retransmissions: 2 },
                vec![Retransmit, Arm(Timer::G, ms(2000))],
            ),
            (
                Confirmed,
                Event::Timer(Timer::I),
                On::Both,
                Terminated,
                vec![Terminate],
            ),
            (
                Accepted,
                Event::Success,
                On::Both,
                Accepted,
                vec![PassResponse],
            ),
            (Accepted, Event::Ack, On::Both, Accepted, vec![Deliver]),
            (
                Accepted,
                Event::Timer(Timer::L),
                On::Both,
                Terminated,
                vec![Terminate],
            ),
        ];
        for refused in [REFUSED, REFUSED_AGAIN] {
            let confirm = vec![DisarmAll, Arm(Timer::I, ms(5000))];
            rows.extend([
                (refused, Event::Request, On::Both, refused, vec![Retransmit]),
                (refused, Event::Ack, On::Udp, Confirmed, confirm),
                (refused, Event::Ack, On::Stream, Terminated, vec![Terminate]),
                (
                    refused,
                    Event::Timer(Timer::H),
                    On::Both,
                    Terminated,
                    forgotten.clone(),
                ),
            ]);
        }
        rows
    }

    #[test]
    fn follows_its_table() {
        let states = [
            Proceeding,
            REFUSED,
            REFUSED_AGAIN,
            Confirmed,
            Accepted,
            Terminated,
        ];
        let mut events = vec![
            Event::Request,
            Event::Ack,
            Event::Provisional,
            Event::Success,
        ];
        events.push(Event::Failure);
        events.extend(TIMERS.map(Event::Timer));
        check_table(&states, &events, &rows(), step);
    }

    #[test]
    fn repeats_a_refusal_over_udp_at_the_times_of_the_rfc() {
        let transport = Reliability::Unreliable;
        let refused = step(start().0, Event::Failure, transport);
        let log = run(refused, |s, timer| step(s, Event::Timer(timer), transport));
        assert_eq!(times(&log, SendResponse), [0]);
        assert_eq!(
            times(&log, Retransmit),
            [
                500, 1500, 3500, 7500, 11500, 15500, 19500, 23500, 27500, 31500
            ]
        );
        assert_eq!(log[11..], [(32000, ReportTimeout), (32000, Terminate)]);
    }

    #[test]
    fn sends_a_refusal_over_a_stream_once() {
        let transport = Reliability::Reliable;
        let refused = step(start().0, Event::Failure, transport);
        let log = run(refused, |s, timer| step(s, Event::Timer(timer), transport));
        assert_eq!(
            log,
            [
                (0, SendResponse),
                (32000, ReportTimeout),
                (32000, Terminate)
            ]
        );
    }

    #[test]
    fn an_unanswered_invite_is_owed_a_100_and_forgotten_in_the_end() {
        let transport = Reliability::Unreliable;
        let log = run(start(), |s, timer| step(s, Event::Timer(timer), transport));
        let expected = [
            (200, ReportOverdue),
            (300_000, ReportTimeout),
            (300_000, Terminate),
        ];
        assert_eq!(log, expected);
    }

    #[test]
    fn statuses_become_events() {
        assert_eq!(
            [100, 183, 199].map(Event::from_status),
            [Some(Event::Provisional); 3]
        );
        assert_eq!(
            [200, 299].map(Event::from_status),
            [Some(Event::Success); 2]
        );
        assert_eq!(
            [300, 408, 699].map(Event::from_status),
            [Some(Event::Failure); 3]
        );
        assert_eq!([0, 99, 700].map(Event::from_status), [None; 3]);
    }
}
