//! `Outcome`: how the demo went, and what it amounts to, in words.

use engine::policy::Mode;
use engine::registrar::decision::Row;

use super::Options;
use super::decisions::meaning;
use super::sample::Sample;
use crate::config::words::mode_name;

/// How the demo went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Why it ended.
    pub end: End,
    /// Phones that should be registered at the end and are not.
    pub missing: usize,
    /// Answers that somebody found fault with, answers that never came, and calls that failed.
    pub faults: u64,
}

/// Why the demo ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The time was over, and all that was under way has come to its end.
    Complete,
    /// The time was over, and something has not come to its end.
    Unsettled,
    /// Somebody stopped it.
    Stopped,
}

impl End {
    /// For programs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Unsettled => "unsettled",
            Self::Stopped => "stopped",
        }
    }
}

impl Outcome {
    /// Whether everything was as it should be. Who stops it early cannot expect all phones.
    #[must_use]
    pub fn is_good(&self) -> bool {
        match self.end {
            End::Complete => self.missing == 0 && self.faults == 0,
            End::Unsettled => false,
            End::Stopped => self.faults == 0,
        }
    }
}

/// What is said before everything else.
pub(super) fn title(options: &Options) -> String {
    let (phones, users) = (options.phones, options.cast().users());
    let place = match options.mode {
        Mode::Standalone => "at midreg, which is the registrar itself".to_owned(),
        mode => format!(
            "through midreg in {} mode at a main registrar",
            mode_name(mode)
        ),
    };
    let crowd = format!("{} of {}", number(phones, "phone"), number(users, "user"));
    format!("{crowd} register with passwords {place}.")
}

/// What it all amounts to.
pub(super) fn text(options: &Options, sample: &Sample, outcome: &Outcome) -> String {
    let seconds = sample.elapsed.as_secs_f64().round();
    let mut lines = vec![format!(
        "{} of {} sent {} REGISTERs in {seconds} s.",
        number(options.phones, "phone"),
        number(options.cast().users(), "user"),
        sample.counters.registers
    )];
    lines.extend(registrations(options, sample));
    lines.extend(fates(options, sample));
    lines.extend(calls(options, sample));
    lines.push(String::new());
    lines.extend(rows(options, sample));
    lines.push(String::new());
    lines.push(verdict(outcome));
    lines.join("\n") + "\n"
}

fn registrations(options: &Options, sample: &Sample) -> Vec<String> {
    let (absorbed, contacts) = (sample.counters.absorbed(), sample.contacts);
    let out = sample.counters.upstream_registers;
    match options.mode {
        Mode::Contact | Mode::Aor => vec![
            format!(
                "midreg absorbed {absorbed} of them, and sent {out} to the main registrar: {} to 1.",
                factor(sample)
            ),
            format!(
                "The main registrar holds {}, one for each {} that is registered.",
                number(contacts, "contact"),
                match options.mode {
                    Mode::Aor => "user",
                    _ => "phone",
                }
            ),
        ],
        Mode::Mirror => vec![
            format!("In mirror mode the main registrar sees them all: {out} were sent to it."),
            "Compare with `midreg demo --mode contact`.".to_owned(),
        ],
        Mode::Standalone => vec![format!(
            "There is no main registrar: midreg answered all of them, and holds {}.",
            number(sample.bindings, "binding")
        )],
    }
}

fn fates(options: &Options, sample: &Sample) -> Vec<String> {
    let (rebooted, died) = (sample.figures.rebooted, sample.figures.died);
    let mut lines = Vec::new();
    let put_off = sample.figures.put_off;
    if put_off > 0 {
        lines.push(format!(
            "{put_off} times a phone was asked to come again later."
        ));
    }
    if rebooted > 0 {
        let devices = match options.mode {
            Mode::Contact => options.phones,
            Mode::Aor => options.cast().users(),
            Mode::Mirror | Mode::Standalone => 0,
        };
        let seen = match sample.known <= devices {
            true if devices > 0 => "; the main registrar saw no new device",
            _ => "",
        };
        lines.push(format!(
            "{} restarted (new Call-ID, new port){seen}.",
            number(rebooted, "phone")
        ));
    }
    if died > 0 {
        let expired = sample.counters.expired;
        lines.push(format!(
            "{} fell silent for good; midreg has noticed {expired}.",
            number(died, "phone")
        ));
    }
    lines
}

fn calls(options: &Options, sample: &Sample) -> Vec<String> {
    let calls = &sample.figures.calls;
    let mut lines = vec![format!(
        "{}: {} rang, {} answered, {} hung up, {} failed.",
        number(calls.tried, "call"),
        calls.rang,
        calls.answered,
        calls.ended,
        calls.failed
    )];
    if options.forks() {
        lines.push(format!(
            "{} rang along, and stopped when another had answered.",
            number(calls.lost, "phone")
        ));
    }
    match calls.tried {
        0 => Vec::new(),
        _ => lines,
    }
}

/// The rows of the table that were decided, the most frequent first.
fn rows(options: &Options, sample: &Sample) -> Vec<String> {
    let decided = Row::ALL.iter().map(|row| (*row, sample.decided(*row)));
    let mut decided: Vec<_> = decided.filter(|(_, count)| *count > 0).collect();
    decided.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let line = |(row, count): (Row, u64)| {
        let meaning = meaning(row, options.mode);
        format!("{count:>8}  {:<7}{meaning}", row.as_str())
    };
    decided.into_iter().map(line).collect()
}

fn verdict(outcome: &Outcome) -> String {
    let Outcome {
        end,
        missing,
        faults,
    } = *outcome;
    match (end, missing, faults) {
        (End::Stopped, _, 0) => "Stopped; until then every answer was right.".to_owned(),
        (End::Stopped, ..) => format!("Stopped; {faults} answers were wrong or missing."),
        (End::Unsettled, ..) => {
            format!("Not everything came to its end; {faults} answers were wrong or missing.")
        }
        (End::Complete, 0, 0) => {
            "Every phone was registered, and every answer was right.".to_owned()
        }
        (End::Complete, missing, faults) => {
            format!("{missing} phones were not registered; {faults} answers were wrong or missing.")
        }
    }
}

/// So many of something.
fn number(count: usize, noun: &str) -> String {
    match count {
        1 => format!("1 {noun}"),
        _ => format!("{count} {noun}s"),
    }
}

/// The reduction, as people read it.
pub(super) fn factor(sample: &Sample) -> String {
    match sample.reduction() {
        Some(factor) => format!("{factor:.1}"),
        None => "–".to_owned(),
    }
}

/// What the tests of the screens show.
#[cfg(test)]
pub(super) mod testing {
    use std::time::Duration;

    use super::super::decisions::Told;
    use super::super::tempo::Tempo;
    use super::super::{Options, Style};
    use super::*;

    /// A demo of 100 phones.
    pub(in super::super) fn options() -> Options {
        Options {
            phones: 100,
            phones_per_user: 2,
            tempo: Tempo::of(Duration::from_secs(20), 100),
            mode: Mode::Aor,
            workers: 1,
            style: Style::Plain,
        }
    }

    /// How it may stand after ten seconds.
    pub(in super::super) fn sample() -> Sample {
        let mut sample = Sample {
            elapsed: Duration::from_secs(10),
            bindings: 98,
            reached: 100,
            contacts: 49,
            known: 50,
            ..Sample::default()
        };
        sample.figures.registered = 98;
        sample.figures.died = 2;
        sample.figures.rebooted = 1;
        sample.figures.calls.tried = 3;
        sample.figures.calls.rang = 3;
        sample.figures.calls.answered = 2;
        sample.figures.calls.ended = 1;
        sample.counters.registers = 500;
        sample.counters.upstream_registers = 100;
        sample.counters.decisions[Row::D13 as usize] = 400;
        sample.told.push(Told {
            user: "user7".to_owned(),
            row: Row::D13,
            words: "absorbed: pure refresh, 8 s of 7176 s left on the lease".to_owned(),
        });
        sample
    }

    /// How it may end.
    pub(in super::super) fn outcome() -> Outcome {
        Outcome {
            end: End::Complete,
            missing: 0,
            faults: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::testing::{options, outcome, sample};
    use super::*;

    #[test]
    fn the_summary_says_what_happened() {
        let text = text(&options(), &sample(), &outcome());
        for part in [
            "100 phones of 50 users sent 500 REGISTERs in 10 s.",
            "midreg absorbed 400 of them, and sent 100 to the main registrar: 5.0 to 1.",
            "holds 49 contacts, one for each user that is registered.",
            "1 phone restarted (new Call-ID, new port); the main registrar saw no new device.",
            "2 phones fell silent for good; midreg has noticed 0.",
            "3 calls: 3 rang, 2 answered, 1 hung up, 0 failed.\n0 phones rang along",
            "     400  D13    absorbed: pure refresh",
            "Every phone was registered, and every answer was right.",
        ] {
            assert!(text.contains(part), "{part}\n{text}");
        }
    }

    #[test]
    fn a_ghost_is_not_passed_over() {
        let mut sample = sample();
        sample.known += 1;
        let text = text(&options(), &sample, &outcome());
        assert!(!text.contains("saw no new device"), "{text}");
    }

    #[test]
    fn what_went_wrong_is_neither_good_nor_passed_over() {
        for (end, missing, faults, good) in [
            (End::Complete, 0, 0, true),
            (End::Complete, 1, 0, false),
            (End::Complete, 0, 1, false),
            (End::Unsettled, 0, 0, false),
            (End::Stopped, 9, 0, true),
            (End::Stopped, 9, 1, false),
        ] {
            let outcome = Outcome {
                end,
                missing,
                faults,
            };
            assert_eq!(outcome.is_good(), good, "{outcome:?}");
            let text = verdict(&outcome);
            assert_eq!(text.contains("every answer was right"), good, "{text}");
        }
    }
}
