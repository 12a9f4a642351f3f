//! `View`: the demo on a terminal, drawn anew in place several times a second.

use std::collections::VecDeque;
use std::time::Duration;

use engine::policy::Mode;

use super::decisions::Told;
use super::sample::Sample;
use super::screen::Screen;
use super::summary::{self, Outcome, factor};
use super::{Options, Style};

/// Time between two drawings, and drawings in a second.
const INTERVAL: Duration = Duration::from_millis(250);
const PER_SECOND: usize = 4;

/// Decisions that are shown; two new ones at each drawing, for more cannot be read.
const DECISIONS: usize = 8;

/// Longest bar.
const BAR: usize = 34;

/// Long lines are cut rather than wrapped, so that as many are drawn as are counted.
const NO_WRAP: &str = "\x1b[?7l";
const WRAP: &str = "\x1b[?7h";
const CURSOR_OFF: &str = "\x1b[?25l";
const CURSOR_ON: &str = "\x1b[?25h";
const BOLD: &str = "\x1b[1m";
const DIM: &str = "\x1b[2m";
const GREEN: &str = "\x1b[32m";
const YELLOW: &str = "\x1b[33m";
const OFF: &str = "\x1b[0m";

/// A picture that replaces itself.
#[derive(Debug)]
pub(super) struct View {
    options: Options,
    /// The samples of the last second, oldest first.
    past: VecDeque<Sample>,
    told: VecDeque<(Duration, Told)>,
    faults: VecDeque<String>,
    /// Lines that the picture has.
    drawn: usize,
}

impl View {
    pub(super) fn new(options: &Options) -> Self {
        Self {
            options: *options,
            past: VecDeque::new(),
            told: VecDeque::new(),
            faults: VecDeque::new(),
            drawn: 0,
        }
    }

    fn remember(&mut self, sample: &Sample) {
        // The rarest are the most telling, the most frequent what it is about.
        let mut told: Vec<&Told> = sample.told.iter().collect();
        told.sort_by_key(|told| sample.decided(told.row));
        let rarest = told.first().into_iter();
        let most_frequent = told.last().filter(|_| told.len() > 1);
        for told in rarest.chain(most_frequent) {
            self.told.push_back((sample.elapsed, (*told).clone()));
        }
        let surplus = self.told.len().saturating_sub(DECISIONS);
        self.told.drain(..surplus);
        self.faults.extend(sample.faults.iter().cloned());
        let surplus = self.faults.len().saturating_sub(DECISIONS / 2);
        self.faults.drain(..surplus);
        self.past.push_back(sample.clone());
        if self.past.len() > PER_SECOND + 1 {
            self.past.pop_front();
        }
    }

    fn lines(&self, sample: &Sample) -> Vec<String> {
        let mut lines = vec![self.heading(sample), String::new()];
        lines.extend(self.registers(sample));
        lines.push(String::new());
        lines.extend(self.states(sample));
        lines.push(String::new());
        lines.push(format!("  {DIM}last decisions{OFF}"));
        for at in 0..DECISIONS {
            lines.push(self.told.get(at).map(decision).unwrap_or_default());
        }
        for fault in &self.faults {
            lines.push(format!("  {YELLOW}fault: {fault}{OFF}"));
        }
        lines
    }

    fn heading(&self, sample: &Sample) -> String {
        let Options { phones, tempo, .. } = self.options;
        let mode = crate::config::words::mode_name(self.options.mode);
        let users = self.options.cast().users();
        let end = tempo.duration.as_secs();
        let now = sample.elapsed.as_secs().min(end);
        format!(
            "{BOLD}midreg demo{OFF} · {mode} · {phones} phones of {users} users · {now} s of {end} s · \
             Ctrl-C ends it"
        )
    }

    fn registers(&self, sample: &Sample) -> Vec<String> {
        let oldest = self.past.front().unwrap_or(sample);
        let span = sample.elapsed.saturating_sub(oldest.elapsed);
        let span = span.as_secs_f64().max(0.001);
        let rate = |now: u64, then: u64| (now.saturating_sub(then) as f64 / span).round() as u64;
        let (now, then) = (&sample.counters, &oldest.counters);
        let incoming = rate(now.registers, then.registers);
        let absorbed = rate(now.absorbed(), then.absorbed());
        let outgoing = rate(now.upstream_registers, then.upstream_registers);
        let line = |name: &str, total: u64, rate: u64, colour: &str| {
            let bar = "█".repeat(bar(rate, incoming));
            let bar = format!("{colour}{bar}{OFF}");
            format!("  {name:<22}{total:>9}{rate:>9}/s  {bar}")
        };
        vec![
            line("REGISTERs in", now.registers, incoming, ""),
            line("absorbed", now.absorbed(), absorbed, GREEN),
            line("forwarded", now.upstream_registers, outgoing, YELLOW),
            format!(
                "  {:<22}{:>9}{:>11}",
                "reduction",
                factor(sample),
                match (incoming, outgoing) {
                    (_, 0) => String::new(),
                    (incoming, outgoing) => format!("now {:.0}", incoming as f64 / outgoing as f64),
                }
            ),
        ]
    }

    fn states(&self, sample: &Sample) -> Vec<String> {
        let (figures, calls) = (&sample.figures, &sample.figures.calls);
        let (bindings, contacts) = (sample.bindings, sample.contacts);
        let upstream = match self.options.mode {
            Mode::Standalone => String::new(),
            _ => format!(", {contacts} contacts at the main registrar"),
        };
        let ringing = calls.tried - calls.answered - calls.failed;
        let lost = match self.options.forks() {
            true => format!(", {} lost forks", calls.lost),
            false => String::new(),
        };
        vec![
            format!("  {:<12}{bindings} at midreg{upstream}", "bindings"),
            format!(
                "  {:<12}{} registered, {} restarted, {} died ({} noticed)",
                "phones",
                figures.registered,
                figures.rebooted,
                figures.died,
                sample.counters.expired
            ),
            format!(
                "  {:<12}{} tried, {ringing} ringing, {} answered, {} ended, {} failed{lost}",
                "calls", calls.tried, calls.answered, calls.ended, calls.failed
            ),
        ]
    }

    /// Draws over what was drawn before.
    fn draw(&mut self, lines: &[String]) -> String {
        let mut text = match self.drawn {
            0 => String::new(),
            lines => format!("\x1b[{lines}A"),
        };
        for line in lines {
            text += line;
            text += "\x1b[K\n";
        }
        text += "\x1b[J";
        if self.options.style == Style::Monochrome {
            text = plain(&text);
        }
        self.drawn = lines.len();
        text
    }
}

impl Screen for View {
    fn interval(&self) -> Duration {
        INTERVAL
    }

    fn open(&mut self) -> String {
        format!("{NO_WRAP}{CURSOR_OFF}")
    }

    fn show(&mut self, sample: &Sample) -> String {
        self.remember(sample);
        let lines = self.lines(sample);
        self.draw(&lines)
    }

    fn close(&mut self, sample: &Sample, outcome: &Outcome) -> String {
        let picture = self.show(sample);
        let summary = summary::text(&self.options, sample, outcome);
        format!("{picture}{WRAP}{CURSOR_ON}\n{summary}")
    }
}

/// Without colours.
fn plain(text: &str) -> String {
    let codes = [BOLD, DIM, GREEN, YELLOW, OFF].iter();
    codes.fold(text.to_owned(), |text, code| text.replace(code, ""))
}

fn decision((at, told): &(Duration, Told)) -> String {
    let (user, row) = (&told.user, told.row.as_str());
    let at = at.as_secs_f64();
    format!(" {at:>6.1}s {user:<9}{row:<4} {}", told.words)
}

/// Length of the bar of a rate, beside that of all.
fn bar(rate: u64, all: u64) -> usize {
    let share = rate as f64 / all.max(1) as f64;
    let length = (share * BAR as f64).round() as usize;
    match rate {
        0 => 0,
        _ => length.clamp(1, BAR),
    }
}

#[cfg(test)]
mod tests {
    use super::super::summary::testing::{options, outcome, sample};
    use super::*;

    #[test]
    fn each_picture_covers_the_one_before() {
        let mut view = View::new(&options());
        let first = view.show(&sample());
        let lines = first.matches('\n').count();
        let second = view.show(&sample());
        assert!(second.starts_with(&format!("\x1b[{lines}A")), "{second:?}");
        assert_eq!(second.matches('\n').count(), lines);
    }

    #[test]
    fn a_picture_fits_an_ordinary_terminal() {
        let mut view = View::new(&Options {
            style: Style::Monochrome,
            ..options()
        });
        let text = (0..9).map(|_| view.show(&sample())).last().expect("some");
        let plain = text.replace("\x1b[K", "").replace("\x1b[J", "");
        assert!(plain.lines().count() <= 24, "{plain}");
        for line in plain.lines() {
            assert!(line.chars().count() <= 80, "{line}");
        }
        assert_eq!(plain.matches("absorbed: pure refresh").count(), DECISIONS);
    }

    #[test]
    fn the_terminal_is_left_as_it_was() {
        let mut view = View::new(&options());
        let all = view.open() + &view.close(&sample(), &outcome());
        for (off, on) in [(NO_WRAP, WRAP), (CURSOR_OFF, CURSOR_ON)] {
            assert!(all.find(off) < all.find(on), "{all:?}");
        }
        assert!(all.ends_with("every answer was right.\n"));
    }

    #[test]
    fn bars_show_shares_and_never_hide_what_there_is() {
        assert_eq!((bar(0, 500), bar(500, 500), bar(1, 500)), (0, BAR, 1));
        assert_eq!(bar(250, 500), BAR / 2);
        assert_eq!(bar(7, 0), BAR);
    }
}
