//! `Table`: the demo's output, a line per second: columns for people, objects for programs.

use std::time::Duration;

use engine::policy::Mode;

use super::{Options, Outcome};
use crate::config::words;

/// Rows between two headings on a terminal.
const ROWS_PER_HEAD: usize = 20;

/// The form of the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Columns, with the heading in bold.
    Terminal,
    /// Columns.
    Plain,
    /// One JSON object per line.
    Json,
}

/// What was counted at one moment, since the beginning.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sample {
    /// Since the beginning.
    pub(super) elapsed: Duration,
    /// Phones that are registered.
    pub(super) registered: usize,
    /// REGISTERs that midreg received.
    pub(super) registers: u64,
    /// Those it answered itself.
    pub(super) absorbed: u64,
    /// Those it sent on.
    pub(super) forwarded: u64,
    /// Those the main registrar saw.
    pub(super) reached: u64,
}

/// Writes samples as lines.
#[derive(Debug)]
pub(super) struct Table {
    options: Options,
    previous: Sample,
    rows: usize,
}

impl Table {
    /// A table without rows.
    pub(super) fn new(options: &Options) -> Self {
        Self {
            options: *options,
            previous: Sample::default(),
            rows: 0,
        }
    }

    /// What stands before the first row.
    pub(super) fn head(&self) -> String {
        let (phones, users) = (self.options.phones, self.options.users());
        let of_users = match users == phones {
            true => String::new(),
            false => format!(" of {users} users"),
        };
        let refresh = self.options.refresh.as_secs_f64();
        let mode = words::mode_name(self.options.mode);
        match self.options.style {
            Style::Json => String::new(),
            _ => format!(
                "{phones} phones{of_users} register through midreg ({mode} mode) at a main registrar that \
                 checks passwords,\nand refresh every {refresh} s. All of it is on loopback.\n\n{}",
                self.heading()
            ),
        }
    }

    /// One row.
    pub(super) fn row(&mut self, sample: &Sample) -> String {
        let previous = std::mem::replace(&mut self.previous, *sample);
        let span = sample
            .elapsed
            .saturating_sub(previous.elapsed)
            .as_secs_f64()
            .max(0.001);
        let rate = |now: u64, then: u64| (now.saturating_sub(then) as f64 / span).round() as u64;
        let time = sample.elapsed.as_secs_f64().round() as u64;
        let incoming = rate(sample.registers, previous.registers);
        let absorbed = rate(sample.absorbed, previous.absorbed);
        let forwarded = rate(sample.forwarded, previous.forwarded);
        let share = share(sample.absorbed, sample.registers);
        if self.options.style == Style::Json {
            return format!(
                "{{\"second\":{time},\"phones\":{},\"registered\":{},\"in_per_s\":{incoming},\
                 \"absorbed_per_s\":{absorbed},\"forwarded_per_s\":{forwarded},\"registers\":{},\
                 \"reached\":{},\"absorbed_percent\":{share:.1}}}\n",
                self.options.phones, sample.registered, sample.registers, sample.reached
            );
        }
        self.rows += 1;
        let heading = self.rows > 1 && self.rows % ROWS_PER_HEAD == 1;
        let registered = format!("{}/{}", sample.registered, self.options.phones);
        format!(
            "{}{:>5}  {registered:>13}  {incoming:>10}  {absorbed:>10}  {forwarded:>11}  {:>12}  \
             {share:>7.1} %\n",
            if heading {
                self.heading()
            } else {
                String::new()
            },
            format!("{time} s"),
            sample.reached
        )
    }

    /// Something a phone found fault with.
    pub(super) fn fault(&self, text: &str) -> String {
        match self.options.style {
            Style::Json => format!("{{\"fault\":\"{}\"}}\n", text.replace(['"', '\\'], "'")),
            _ => format!("       fault: {text}\n"),
        }
    }

    /// What it all amounts to.
    pub(super) fn close(&self, sample: &Sample, outcome: &Outcome) -> String {
        let share = share(outcome.absorbed, outcome.registers);
        let Outcome {
            registered,
            faults,
            registers,
            absorbed,
            reached,
            contacts,
            ..
        } = *outcome;
        let (phones, seconds) = (self.options.phones, sample.elapsed.as_secs_f64().round());
        if self.options.style == Style::Json {
            return format!(
                "{{\"summary\":{{\"phones\":{phones},\"registered\":{registered},\
                 \"seconds\":{seconds},\"registers\":{registers},\"absorbed\":{absorbed},\
                 \"reached\":{reached},\"contacts\":{contacts},\"absorbed_percent\":{share:.1},\
                 \"faults\":{faults}}}}}\n"
            );
        }
        let story = match self.options.mode {
            Mode::Contact | Mode::Aor | Mode::Standalone => format!(
                "midreg answered {absorbed} of them itself ({share:.1} %); the main registrar saw \
                 {reached}, and holds {contacts} contacts.\n\
                 As long as its leases last, these numbers stay where they are."
            ),
            Mode::Mirror => format!(
                "In mirror mode the main registrar sees them all: {reached} reached it.\n\
                 Compare with `midreg demo --mode contact`."
            ),
        };
        let verdict = match (registered == phones, faults) {
            (true, 0) => "Every phone was registered, and every answer was right.".to_owned(),
            (all, _) => {
                let missing = phones.saturating_sub(registered);
                let who = if all {
                    "Every phone was registered".to_owned()
                } else {
                    format!("{missing} of {phones} phones were not registered")
                };
                format!("{who}; {faults} answers were wrong or missing.")
            }
        };
        format!(
            "\n{phones} phones sent {registers} REGISTERs in {seconds} s.\n{story}\n{verdict}\n"
        )
    }

    fn heading(&self) -> String {
        let (on, off) = match self.options.style {
            Style::Terminal => ("\x1b[1m", "\x1b[0m"),
            _ => ("", ""),
        };
        format!(
            "{on}{:>5}  {:>13}  {:>10}  {:>10}  {:>11}  {:>12}  {:>9}{off}\n",
            "time",
            "registered",
            "REGISTER/s",
            "absorbed/s",
            "forwarded/s",
            "reached main",
            "absorbed"
        )
    }
}

/// In percent.
fn share(part: u64, whole: u64) -> f64 {
    part as f64 * 100.0 / whole.max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(style: Style) -> Table {
        Table::new(&Options {
            phones: 100,
            phones_per_user: 1,
            duration: Duration::from_secs(20),
            refresh: Duration::from_secs(2),
            mode: Mode::Contact,
            workers: 1,
            style,
        })
    }

    fn sample(seconds: u64) -> Sample {
        Sample {
            elapsed: Duration::from_secs(seconds),
            registered: 100,
            registers: 50 * seconds,
            absorbed: 40 * seconds,
            forwarded: 10 * seconds,
            reached: 10 * seconds,
        }
    }

    #[test]
    fn rows_show_rates_and_sums_under_their_heading() {
        let mut table = table(Style::Plain);
        let heading = table.heading();
        table.row(&sample(2));
        let row = table.row(&sample(4));
        let words: Vec<&str> = row.split_whitespace().collect();
        assert_eq!(
            words,
            ["4", "s", "100/100", "50", "40", "10", "40", "80.0", "%"]
        );
        assert_eq!(row.len(), heading.len(), "{heading}{row}");
        assert!(row.is_ascii() && !row.contains('\x1b'));
    }

    #[test]
    fn a_long_table_repeats_its_heading() {
        let mut table = table(Style::Terminal);
        let rows: String = (1..=45).map(|second| table.row(&sample(second))).collect();
        assert_eq!(rows.matches("REGISTER/s").count(), 2);
    }

    #[test]
    fn programs_get_one_object_per_line_and_nothing_else() {
        let mut table = table(Style::Json);
        assert_eq!(table.head(), "");
        assert_eq!(
            table.row(&sample(1)),
            "{\"second\":1,\"phones\":100,\"registered\":100,\"in_per_s\":50,\"absorbed_per_s\":40,\
             \"forwarded_per_s\":10,\"registers\":50,\"reached\":10,\"absorbed_percent\":80.0}\n"
        );
        assert_eq!(table.fault("a \"b\""), "{\"fault\":\"a 'b'\"}\n");
    }

    #[test]
    fn the_head_tells_users_from_phones() {
        let mut table = table(Style::Plain);
        assert!(table.head().starts_with("100 phones register"));
        table.options.mode = Mode::Aor;
        table.options.phones_per_user = 3;
        let head = table.head();
        assert!(
            head.starts_with("100 phones of 34 users register through midreg (aor mode)"),
            "{head}"
        );
    }

    #[test]
    fn the_close_says_what_went_wrong() {
        let outcome = Outcome {
            registered: 98,
            faults: 3,
            registers: 500,
            absorbed: 400,
            forwarded: 100,
            reached: 100,
            contacts: 98,
        };
        let text = table(Style::Plain).close(&sample(10), &outcome);
        assert!(
            text.contains("2 of 100 phones were not registered; 3 answers"),
            "{text}"
        );
        let outcome = Outcome {
            registered: 100,
            faults: 0,
            ..outcome
        };
        let text = table(Style::Plain).close(&sample(10), &outcome);
        assert!(
            text.contains("Every phone was registered, and every answer"),
            "{text}"
        );
    }
}
