//! The INVITE client transaction (RFC 3261 §17.1.1, with the Accepted state of RFC 6026 §7.2) as a pure
//! state machine.
//!
//! One state is ours: *Cancelled* follows Proceeding when the transaction user sends a CANCEL, because
//! its own caller did or another branch was answered, or should, because Timer C fired. The machine stays to
//! acknowledge the 487, or to pass on a 2xx that crossed the CANCEL, and ends 64·T1 later whatever
//! comes (RFC 3261 §9.1).

use Action::{
    Arm, Deliver, DisarmAll, ReportOverdue, ReportTimeout, ReportTransportError, Retransmit,
    SendAck, SendRequest,
};

use super::action::{Action, Actions};
use super::timing::{Reliability, TIMER_C, TRANSACTION, Timer, doubling};

/// Where the transaction stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Nothing has come yet.
    Calling {
        /// How often the INVITE was sent again.
        retransmissions: u8,
    },
    /// A provisional answer has come.
    Proceeding,
    /// It rang, and was given up.
    Cancelled,
    /// A refusal has come and was acknowledged; copies of it are acknowledged again.
    Completed,
    /// A 2xx has come; every further one is passed on.
    Accepted,
    /// Over.
    Terminated,
}

/// What can happen to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A 100 came: the next hop has it, but nobody rings yet.
    Trying,
    /// A 101 to 199 came: progress, which resets Timer C (RFC 3261 §16.7 step 2).
    Progress,
    /// A 2xx came.
    Success,
    /// A 3xx to 6xx came.
    Failure,
    /// A timer fell due.
    Timer(Timer),
    /// The transaction user sends a CANCEL, which it may once it rings.
    Cancel,
    /// The network refused the INVITE or its ACK.
    TransportError,
}

impl Event {
    /// What a response of this status is to the machine; none if it is no SIP status.
    #[must_use]
    pub const fn from_status(status: u16) -> Option<Self> {
        match status {
            100 => Some(Self::Trying),
            101..=199 => Some(Self::Progress),
            200..=299 => Some(Self::Success),
            300..=699 => Some(Self::Failure),
            _ => None,
        }
    }
}

/// The transaction user sends an INVITE.
#[must_use]
pub fn start(transport: Reliability) -> (State, Actions) {
    let mut actions = Actions::from_slice(&[SendRequest, Arm(Timer::B, TRANSACTION)]);
    if transport == Reliability::Unreliable {
        actions.push(Arm(Timer::A, doubling(0)));
    }
    (State::Calling { retransmissions: 0 }, actions)
}

/// What follows from an event. Events that mean nothing in a state change nothing.
#[must_use]
pub fn step(state: State, event: Event, transport: Reliability) -> (State, Actions) {
    use State::{Accepted, Calling, Cancelled, Completed, Proceeding, Terminated};
    let (next, actions): (State, &[Action]) = match (state, event) {
        (Calling { .. } | Proceeding | Cancelled, Event::Success) => return accepted(),
        (Calling { .. } | Proceeding | Cancelled, Event::Failure) => return completed(transport),
        (Calling { retransmissions }, Event::Timer(Timer::A)) => {
            let retransmissions = retransmissions.saturating_add(1);
            let interval = doubling(retransmissions);
            (
                Calling { retransmissions },
                &[Retransmit, Arm(Timer::A, interval)],
            )
        }
        (Calling { .. }, Event::Timer(Timer::B)) => {
            (Terminated, &[ReportTimeout, Action::Terminate])
        }
        (Calling { .. }, Event::Trying | Event::Progress) => {
            (Proceeding, &[DisarmAll, Deliver, Arm(Timer::C, TIMER_C)])
        }
        (Proceeding, Event::Progress) => (Proceeding, &[Deliver, Arm(Timer::C, TIMER_C)]),
        (Proceeding, Event::Timer(Timer::C)) => (
            Cancelled,
            &[ReportOverdue, Arm(Timer::Cancelled, TRANSACTION)],
        ),
        (Proceeding | Cancelled, Event::Cancel) => {
            (Cancelled, &[DisarmAll, Arm(Timer::Cancelled, TRANSACTION)])
        }
        (Proceeding | Cancelled, Event::Trying) | (Cancelled, Event::Progress) => {
            (state, &[Deliver])
        }
        (Calling { .. } | Proceeding | Cancelled | Completed, Event::TransportError) => {
            (Terminated, &[ReportTransportError, Action::Terminate])
        }
        (Cancelled, Event::Timer(Timer::Cancelled)) => {
            (Terminated, &[ReportTimeout, Action::Terminate])
        }
        (Completed, Event::Failure) => (Completed, &[Retransmit]),
        (Accepted, Event::Success) => (Accepted, &[Deliver]),
        (Completed, Event::Timer(Timer::D)) | (Accepted, Event::Timer(Timer::M)) => {
            (Terminated, &[Action::Terminate])
        }
        (state, _) => (state, &[]),
    };
    (next, Actions::from_slice(actions))
}

/// RFC 6026 §7.2: a 2xx no longer ends the transaction, on any transport.
fn accepted() -> (State, Actions) {
    let actions = Actions::from_slice(&[DisarmAll, Deliver, Arm(Timer::M, TRANSACTION)]);
    (State::Accepted, actions)
}

/// RFC 3261 §17.1.1.2: Timer D is at least 32 s on UDP, nothing on streams.
fn completed(transport: Reliability) -> (State, Actions) {
    let mut actions = Actions::from_slice(&[DisarmAll, SendAck, Deliver]);
    match transport {
        Reliability::Unreliable => {
            actions.push(Arm(Timer::D, TRANSACTION));
            (State::Completed, actions)
        }
        Reliability::Reliable => {
            actions.push(Action::Terminate);
            (State::Terminated, actions)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{On, Row, TIMERS, check_table, run, times};
    use super::State::{Accepted, Calling, Cancelled, Completed, Proceeding, Terminated};
    use super::*;
    use Action::Terminate;
    use core::time::Duration;

    const CALLING: State = Calling { retransmissions: 0 };
    const CALLED: State = Calling { retransmissions: 1 };
    const LINGER: Duration = Duration::from_secs(32);

    fn rows() -> Vec<Row<State, Event>> {
        let ms = Duration::from_millis;
        let timer_c = Arm(Timer::C, Duration::from_secs(185));
        let mut rows = vec![
            (
                CALLING,
                Event::Timer(Timer::A),
                On::Both,
                CALLED,
                vec![Retransmit, Arm(Timer::A, ms(1000))],
            ),
            (
                CALLED,
                Event::Timer(Timer::A),
                On::Both,
                Calling { retransmissions: 2 },
                vec![Retransmit, Arm(Timer::A, ms(2000))],
            ),
            (
                Proceeding,
                Event::Trying,
                On::Both,
                Proceeding,
                vec![Deliver],
            ),
            (
                Proceeding,
                Event::Progress,
                On::Both,
                Proceeding,
                vec![Deliver, timer_c],
            ),
            (
                Proceeding,
                Event::Timer(Timer::C),
                On::Both,
                Cancelled,
                vec![ReportOverdue, Arm(Timer::Cancelled, LINGER)],
            ),
            (
                Proceeding,
                Event::Cancel,
                On::Both,
                Cancelled,
                vec![DisarmAll, Arm(Timer::Cancelled, LINGER)],
            ),
            (
                Cancelled,
                Event::Cancel,
                On::Both,
                Cancelled,
                vec![DisarmAll, Arm(Timer::Cancelled, LINGER)],
            ),
            (Cancelled, Event::Trying, On::Both, Cancelled, vec![Deliver]),
            (
                Cancelled,
                Event::Progress,
                On::Both,
                Cancelled,
                vec![Deliver],
            ),
            (
                Cancelled,
                Event::Timer(Timer::Cancelled),
                On::Both,
                Terminated,
                vec![ReportTimeout, Terminate],
            ),
            (
                Completed,
                Event::Failure,
                On::Both,
                Completed,
                vec![Retransmit],
            ),
            (
                Completed,
                Event::Timer(Timer::D),
                On::Both,
                Terminated,
                vec![Terminate],
            ),
            (Accepted, Event::Success, On::Both, Accepted, vec![Deliver]),
            (
                Accepted,
                Event::Timer(Timer::M),
                On::Both,
                Terminated,
                vec![Terminate],
            ),
        ];
        for calling in [CALLING, CALLED] {
            let progress = vec![DisarmAll, Deliver, timer_c];
            let timeout = vec![ReportTimeout, Terminate];
            rows.extend([
                (
                    calling,
                    Event::Trying,
                    On::Both,
                    Proceeding,
                    progress.clone(),
                ),
                (calling, Event::Progress, On::Both, Proceeding, progress),
                (
                    calling,
                    Event::Timer(Timer::B),
                    On::Both,
                    Terminated,
                    timeout,
                ),
            ]);
        }
        for waiting in [CALLING, CALLED, Proceeding, Cancelled] {
            let accepted = vec![DisarmAll, Deliver, Arm(Timer::M, LINGER)];
            let completed = vec![DisarmAll, SendAck, Deliver, Arm(Timer::D, LINGER)];
            let ended = vec![DisarmAll, SendAck, Deliver, Terminate];
            rows.extend([
                (waiting, Event::Success, On::Both, Accepted, accepted),
                (waiting, Event::Failure, On::Udp, Completed, completed),
                (waiting, Event::Failure, On::Stream, Terminated, ended),
            ]);
        }
        for refusable in [CALLING, CALLED, Proceeding, Cancelled, Completed] {
            let refused = vec![ReportTransportError, Terminate];
            rows.push((
                refusable,
                Event::TransportError,
                On::Both,
                Terminated,
                refused,
            ));
        }
        rows
    }

    #[test]
    fn follows_its_table() {
        let states = [
            CALLING, CALLED, Proceeding, Cancelled, Completed, Accepted, Terminated,
        ];
        let mut events = vec![
            Event::Trying,
            Event::Progress,
            Event::Success,
            Event::Failure,
        ];
        events.extend([Event::Cancel, Event::TransportError]);
        events.extend(TIMERS.map(Event::Timer));
        check_table(&states, &events, &rows(), step);
    }

    #[test]
    fn retransmits_over_udp_at_the_times_of_the_rfc() {
        let transport = Reliability::Unreliable;
        let log = run(start(transport), |s, timer| {
            step(s, Event::Timer(timer), transport)
        });
        assert_eq!(
            times(&log, Retransmit),
            [500, 1500, 3500, 7500, 15500, 31500]
        );
        assert_eq!(log[7..], [(32000, ReportTimeout), (32000, Terminate)]);
    }

    #[test]
    fn never_retransmits_over_a_stream() {
        let transport = Reliability::Reliable;
        let log = run(start(transport), |s, timer| {
            step(s, Event::Timer(timer), transport)
        });
        assert_eq!(
            log,
            [(0, SendRequest), (32000, ReportTimeout), (32000, Terminate)]
        );
    }

    #[test]
    fn ringing_in_silence_is_reported_and_forgotten_later() {
        let transport = Reliability::Unreliable;
        let ringing = step(start(transport).0, Event::Progress, transport);
        let log = run(ringing, |s, timer| step(s, Event::Timer(timer), transport));
        assert_eq!(
            log,
            [
                (0, Deliver),
                (185_000, ReportOverdue),
                (217_000, ReportTimeout),
                (217_000, Terminate)
            ]
        );
    }

    #[test]
    fn statuses_become_events() {
        assert_eq!(Event::from_status(100), Some(Event::Trying));
        assert_eq!(
            [101, 180, 199].map(Event::from_status),
            [Some(Event::Progress); 3]
        );
        assert_eq!(
            [200, 299].map(Event::from_status),
            [Some(Event::Success); 2]
        );
        assert_eq!(
            [300, 487, 699].map(Event::from_status),
            [Some(Event::Failure); 3]
        );
        assert_eq!([0, 99, 700].map(Event::from_status), [None; 3]);
    }
}
