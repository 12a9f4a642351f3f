//! `Outcome`: what the calls cost, as tables and as JSON.

use super::exchange::Passed;
use crate::json::Json;
use crate::measured::Measured;
use crate::process::CpuTime;

/// Everything that was measured.
pub struct Outcome {
    /// By kind of call.
    pub cases: Vec<Case>,
}

/// One kind of call.
pub struct Case {
    /// Devices of each user.
    pub devices: u16,
    /// Mode that midreg ran in.
    pub mode: &'static str,
    /// What went through midreg while it was warmed up.
    pub passed: Passed,
    /// Echoes that are as many datagrams as one call.
    pub echoes_per_call: f64,
    /// What was measured.
    pub rounds: Vec<Costs>,
}

/// One round.
pub struct Costs {
    /// The echo, per echo.
    pub floor: Measured,
    /// midreg, per call.
    pub midreg: Measured,
    /// Kamailio, per call.
    pub kamailio: Option<Measured>,
}

/// One column of figures.
struct Column {
    title: &'static str,
    key: &'static str,
    decimals: usize,
    of: fn(&Case, &Costs) -> Option<f64>,
}

const COLUMNS: [Column; 10] = [
    Column {
        title: "echo µs",
        key: "echo_cpu_us",
        decimals: 1,
        of: |case, costs| Some(case.floor(costs)),
    },
    Column {
        title: "midreg µs",
        key: "midreg_cpu_us",
        decimals: 1,
        of: |_, costs| Some(total(&costs.midreg)),
    },
    Column {
        title: "user µs",
        key: "midreg_user_us",
        decimals: 1,
        of: |_, costs| Some(user(&costs.midreg)),
    },
    Column {
        title: "× echo",
        key: "ratio_to_echo",
        decimals: 2,
        of: |case, costs| Some(total(&costs.midreg) / case.floor(costs).max(1e-9)),
    },
    Column {
        title: "Kamailio µs",
        key: "kamailio_cpu_us",
        decimals: 1,
        of: |_, costs| costs.kamailio.as_ref().map(total),
    },
    Column {
        title: "user µs",
        key: "kamailio_user_us",
        decimals: 1,
        of: |_, costs| costs.kamailio.as_ref().map(user),
    },
    Column {
        title: "midreg/Kamailio",
        key: "ratio_to_kamailio",
        decimals: 2,
        of: |_, costs| {
            let kamailio = costs.kamailio.as_ref().map(total)?;
            Some(total(&costs.midreg) / kamailio.max(1e-9))
        },
    },
    Column {
        title: "calls/s",
        key: "calls_per_second",
        decimals: 0,
        of: |_, costs| Some(costs.midreg.tally.rate()),
    },
    Column {
        title: "busy %",
        key: "busy_percent",
        decimals: 0,
        of: |_, costs| costs.midreg.busy.map(|busy| busy * 100.0),
    },
    Column {
        title: "failed",
        key: "failed",
        decimals: 0,
        of: |_, costs| {
            let failed = |measured: &Measured| measured.tally.sent - measured.tally.succeeded();
            Some((failed(&costs.midreg) + costs.kamailio.as_ref().map_or(0, failed)) as f64)
        },
    },
];

impl Outcome {
    /// Tables for people.
    pub fn text(&self) -> String {
        let text: String = self.cases.iter().map(Case::text).collect();
        text.trim_end().to_owned()
    }

    /// The same for programs; CPU in microseconds per call.
    pub fn json(&self) -> Json {
        Json::object([(
            "cases",
            Json::List(self.cases.iter().map(Case::json).collect()),
        )])
    }
}

impl Case {
    /// The echo of as many datagrams as one call.
    fn floor(&self, costs: &Costs) -> f64 {
        total(&costs.floor) * self.echoes_per_call
    }

    fn text(&self) -> String {
        let (into, out) = (self.passed.into, self.passed.out);
        let mut text = format!(
            "{} of each user, midreg in mode {}: {:.1} echoes of {} bytes by {} are as many datagrams as one call\nround ",
            match self.devices {
                1 => "1 device".to_owned(),
                devices => format!("{devices} devices"),
            },
            self.mode,
            self.echoes_per_call,
            into.mean_bytes(),
            out.mean_bytes(),
        );
        let shown: Vec<&Column> = COLUMNS.iter().filter(|c| self.has(c)).collect();
        shown.iter().for_each(|c| text += &format!("  {}", c.title));
        text += "\n";
        for (index, costs) in self.rounds.iter().enumerate() {
            let figures = shown.iter().map(|column| (column.of)(self, costs));
            text += &row(&(index + 1).to_string(), &shown, figures);
        }
        for (name, pick) in [("least", least as fn(Vec<f64>) -> f64), ("median", median)] {
            let figures = shown.iter().map(|column| Some(pick(self.figures(column))));
            text += &row(name, &shown, figures);
        }
        text + "\n"
    }

    fn json(&self) -> Json {
        let summary = |pick: fn(Vec<f64>) -> f64| {
            let members = COLUMNS.iter().map(|column| {
                let figure = self.has(column).then(|| pick(self.figures(column)));
                (column.key.to_owned(), figure.into())
            });
            Json::Object(members.collect())
        };
        let rounds = self.rounds.iter().map(|costs| {
            Json::object([
                ("echo", costs.floor.json()),
                ("midreg", costs.midreg.json()),
                (
                    "kamailio",
                    costs.kamailio.as_ref().map_or(Json::Null, Measured::json),
                ),
            ])
        });
        Json::object([
            ("devices", u64::from(self.devices).into()),
            ("mode", self.mode.into()),
            ("echoes_per_call", self.echoes_per_call.into()),
            ("bytes_in", (self.passed.into.mean_bytes() as u64).into()),
            ("bytes_out", (self.passed.out.mean_bytes() as u64).into()),
            ("least", summary(least)),
            ("median", summary(median)),
            ("rounds", Json::List(rounds.collect())),
        ])
    }

    fn has(&self, column: &Column) -> bool {
        self.rounds
            .iter()
            .any(|costs| (column.of)(self, costs).is_some())
    }

    fn figures(&self, column: &Column) -> Vec<f64> {
        let figures = self.rounds.iter();
        figures
            .filter_map(|costs| (column.of)(self, costs))
            .collect()
    }
}

fn row(name: &str, shown: &[&Column], figures: impl Iterator<Item = Option<f64>>) -> String {
    let mut text = format!("{name:<6}");
    for (column, figure) in shown.iter().zip(figures) {
        let figure = figure.map_or(String::new(), |f| format!("{f:.*}", column.decimals));
        text += &format!("  {figure:>width$}", width = column.title.chars().count());
    }
    text + "\n"
}

fn least(figures: Vec<f64>) -> f64 {
    figures.into_iter().fold(f64::NAN, f64::min)
}

/// The middle one; of an even number the mean of the middle two.
fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    let middle = figures.len() / 2;
    match (figures.get(middle), figures.len() % 2) {
        (None, _) => f64::NAN,
        (Some(figure), 1) => *figure,
        (Some(figure), _) => (figures[middle - 1] + figure) / 2.0,
    }
}

fn total(measured: &Measured) -> f64 {
    measured.cpu.map_or(0.0, CpuTime::total_us)
}

fn user(measured: &Measured) -> f64 {
    measured.cpu.map_or(0.0, |cpu| cpu.user_us)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calls::lines::Datagrams;
    use crate::load::Tally;

    fn measured(user_us: f64, system_us: f64) -> Measured {
        let mut tally = Tally {
            sent: 10,
            ..Tally::default()
        };
        tally.statuses.insert(200, 9);
        Measured {
            tally,
            cpu: Some(CpuTime { user_us, system_us }),
            busy: Some(1.0),
        }
    }

    fn outcome(kamailio: Option<f64>) -> Outcome {
        let costs = |midreg: f64| Costs {
            floor: measured(1.0, 4.0),
            midreg: measured(20.0, midreg - 20.0),
            kamailio: kamailio.map(|cost| measured(50.0, cost - 50.0)),
        };
        Outcome {
            cases: vec![Case {
                devices: 2,
                mode: "aor",
                passed: Passed {
                    into: Datagrams {
                        count: 4,
                        bytes: 2400,
                    },
                    out: Datagrams {
                        count: 2,
                        bytes: 1400,
                    },
                },
                echoes_per_call: 10.0,
                rounds: vec![costs(60.0), costs(90.0), costs(75.0)],
            }],
        }
    }

    #[test]
    fn ratios_are_those_of_a_round() {
        let outcome = outcome(Some(150.0));
        let json = outcome.json().to_string();
        let median = "\"median\":{\"echo_cpu_us\":50.000,\"midreg_cpu_us\":75.000,\"midreg_user_us\":20.000,\
             \"ratio_to_echo\":1.500,\"kamailio_cpu_us\":150.000,\"kamailio_user_us\":50.000,\"ratio_to_kamailio\":0.500";
        assert!(json.contains(median), "{json}");
        assert!(json.contains("\"least\":{\"echo_cpu_us\":50.000,\"midreg_cpu_us\":60.000"));
        assert!(json.contains("\"bytes_in\":600,\"bytes_out\":700"));
        let text = outcome.text();
        assert!(
            text.starts_with(
                "2 devices of each user, midreg in mode aor: 10.0 echoes of 600 bytes by 700"
            ),
            "{text}"
        );
        assert!(
            text.contains("\nmedian     50.0       75.0     20.0    1.50        150.0"),
            "{text}"
        );
    }

    #[test]
    fn without_a_kamailio_there_is_no_column_of_it() {
        let outcome = outcome(None);
        assert!(!outcome.text().contains("Kamailio"), "{}", outcome.text());
        assert!(
            outcome
                .json()
                .to_string()
                .contains("\"ratio_to_kamailio\":null")
        );
    }
}
