//! What the tests of the four state machines share.

use core::fmt::Debug;

use super::action::{Action, Actions};
use super::timing::{Reliability, Timer};

/// Every timer there is.
pub(super) const TIMERS: [Timer; 15] = [
    Timer::A,
    Timer::B,
    Timer::C,
    Timer::D,
    Timer::E,
    Timer::F,
    Timer::G,
    Timer::H,
    Timer::I,
    Timer::J,
    Timer::L,
    Timer::M,
    Timer::Provisional,
    Timer::Unanswered,
    Timer::Cancelled,
];

/// On which transports a row holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum On {
    Both,
    Udp,
    Stream,
}

/// One row of a transition table: state, event, transports, next state, actions.
pub(super) type Row<S, E> = (S, E, On, S, Vec<Action>);

/// Holds a machine against its table. A pair of state and event without a row must change nothing.
pub(super) fn check_table<S, E>(
    states: &[S],
    events: &[E],
    rows: &[Row<S, E>],
    step: impl Fn(S, E, Reliability) -> (S, Actions),
) where
    S: Copy + PartialEq + Debug,
    E: Copy + PartialEq + Debug,
{
    let mut used = 0;
    for (transport, on) in [
        (Reliability::Unreliable, On::Udp),
        (Reliability::Reliable, On::Stream),
    ] {
        for &state in states {
            for &event in events {
                let row = rows.iter().find(|row| {
                    row.0 == state && row.1 == event && [On::Both, on].contains(&row.2)
                });
                let (next, actions) = step(state, event, transport);
                let expected = row.map_or((state, &[][..]), |row| (row.3, &row.4[..]));
                assert_eq!((next, &actions[..]), expected, "{state:?} {event:?} {on:?}");
                assert!(!actions.spilled(), "{state:?} {event:?} needs the heap");
                used += row.map_or(0, |row| if row.2 == On::Both { 1 } else { 2 });
            }
        }
    }
    assert_eq!(
        used,
        rows.len() * 2,
        "a row names a state or event that is not in the lists"
    );
}

/// Runs a machine to its end on its timers alone, in virtual time; what it did and when, in
/// milliseconds. Timers themselves are left out.
pub(super) fn run<S: Copy>(
    start: (S, Actions),
    step: impl Fn(S, Timer) -> (S, Actions),
) -> Vec<(u128, Action)> {
    let (mut state, mut actions) = start;
    let (mut now, mut armed, mut log) = (0, Vec::<(u128, Timer)>::new(), Vec::new());
    for _ in 0..1000 {
        for action in actions {
            match action {
                Action::Arm(timer, after) => {
                    armed.retain(|(_, running)| *running != timer);
                    armed.push((now + after.as_millis(), timer));
                }
                Action::Disarm(timer) => armed.retain(|(_, running)| *running != timer),
                Action::DisarmAll => armed.clear(),
                Action::Terminate => {
                    log.push((now, action));
                    return log;
                }
                _ => log.push((now, action)),
            }
        }
        let next = armed
            .iter()
            .enumerate()
            .min_by_key(|(_, (deadline, _))| *deadline);
        let (position, _) = next.expect("a machine that is not over has a timer");
        let timer;
        (now, timer) = armed.remove(position);
        (state, actions) = step(state, timer);
    }
    panic!("a machine that does not end");
}

/// When a machine did this.
pub(super) fn times(log: &[(u128, Action)], wanted: Action) -> Vec<u128> {
    log.iter()
        .filter(|(_, action)| *action == wanted)
        .map(|(at, _)| *at)
        .collect()
}
