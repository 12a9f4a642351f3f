//! `Table`: the demo on a pipe: a line per second, and each kind of decision in words once.

use std::collections::HashSet;
use std::time::Duration;

use engine::registrar::decision::Row;

use super::Options;
use super::sample::Sample;
use super::screen::Screen;
use super::summary::{self, Outcome, factor};

/// Lines.
#[derive(Debug)]
pub(super) struct Table {
    options: Options,
    previous: Sample,
    told: HashSet<Row>,
}

impl Table {
    pub(super) fn new(options: &Options) -> Self {
        Self {
            options: *options,
            previous: Sample::default(),
            told: HashSet::new(),
        }
    }

    fn row(&self, sample: &Sample) -> String {
        let span = sample.elapsed.saturating_sub(self.previous.elapsed);
        let span = span.as_secs_f64().max(0.001);
        let rate = |now: u64, then: u64| (now.saturating_sub(then) as f64 / span).round() as u64;
        let (now, then) = (&sample.counters, &self.previous.counters);
        let calls = &sample.figures.calls;
        format!(
            "{:>6}  {:>13}  {:>10}  {:>10}  {:>11}  {:>9}  {:>5}  {:>8}\n",
            format!("{} s", sample.elapsed.as_secs_f64().round()),
            format!("{}/{}", sample.figures.registered, self.options.phones),
            rate(now.registers, then.registers),
            rate(now.absorbed(), then.absorbed()),
            rate(now.upstream_registers, then.upstream_registers),
            factor(sample),
            calls.tried,
            calls.answered,
        )
    }
}

impl Screen for Table {
    fn interval(&self) -> Duration {
        Duration::from_secs(1)
    }

    fn open(&mut self) -> String {
        format!(
            "{}\n\n{:>6}  {:>13}  {:>10}  {:>10}  {:>11}  {:>9}  {:>5}  {:>8}\n",
            summary::title(&self.options),
            "time",
            "registered",
            "REGISTER/s",
            "absorbed/s",
            "forwarded/s",
            "reduction",
            "calls",
            "answered"
        )
    }

    fn show(&mut self, sample: &Sample) -> String {
        let mut text = self.row(sample);
        for told in &sample.told {
            if self.told.insert(told.row) {
                let (user, row, words) = (&told.user, told.row.as_str(), &told.words);
                text += &format!("        {user} {row}: {words}\n");
            }
        }
        text += &faults(sample);
        self.previous = sample.clone();
        text
    }

    fn close(&mut self, sample: &Sample, outcome: &Outcome) -> String {
        let summary = summary::text(&self.options, sample, outcome);
        format!("{}\n{summary}", faults(sample))
    }
}

fn faults(sample: &Sample) -> String {
    let lines = sample.faults.iter();
    lines
        .map(|fault| format!("        fault: {fault}\n"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::summary::testing::{options, sample};
    use super::*;

    #[test]
    fn rows_show_rates_and_sums_under_their_heading() {
        let mut table = Table::new(&options());
        let open = table.open();
        let heading = open.lines().last().expect("a heading");
        let row = table.row(&sample());
        let words: Vec<&str> = row.split_whitespace().collect();
        assert_eq!(
            words,
            ["10", "s", "98/100", "50", "40", "10", "5.0", "3", "2"]
        );
        assert_eq!(row.trim_end().len(), heading.len(), "{heading}\n{row}");
    }

    #[test]
    fn a_kind_of_decision_is_told_once() {
        let mut table = Table::new(&options());
        let first = table.show(&sample());
        assert!(first.contains("user7 D13: absorbed"), "{first}");
        let second = table.show(&sample());
        assert!(!second.contains("absorbed"), "{second}");
        assert!(!(first + &second).contains('\x1b'));
    }
}
