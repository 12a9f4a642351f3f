//! `Comparison`: the result of alternating rounds, as a table and as JSON.

use crate::fleet::Preload;
use crate::json::Json;
use crate::measured::Measured;
use crate::memory::Memory;
use crate::process::CpuTime;

/// Everything that one comparison measured.
pub struct Comparison {
    /// Size of a refresh, and of the echo's requests.
    pub request_bytes: usize,
    /// Size of its answer, and of the echo's.
    pub response_bytes: usize,
    /// How the phones came to be registered.
    pub preload: Preload,
    /// What that took in memory.
    pub memory: Memory,
    /// One pair per round: the echo, then midreg.
    pub rounds: Vec<(Measured, Measured)>,
    /// REGISTERs that reached the main registrar during all rounds.
    pub upstream_registers: u64,
}

impl Comparison {
    /// A table for people.
    pub fn text(&self) -> String {
        let mut text = self.preload.text();
        text += &format!("{}\n\n", self.memory.text());
        text += &format!(
            "absorbed load, {} bytes in, {} bytes out\n",
            self.request_bytes, self.response_bytes
        );
        text += "round   echo µs   midreg µs   user µs   ratio   echo/s   midreg/s   busy % of both   not 2xx\n";
        for (index, (echo, midreg)) in self.rounds.iter().enumerate() {
            text += &row(&(index + 1).to_string(), echo, midreg);
        }
        text += &format!(
            "median  {:>7.2}   {:>9.2}   {:>7.2}   {:>5.2}\n",
            self.median(|(echo, _)| total(echo)),
            self.median(|(_, midreg)| total(midreg)),
            self.median(|(_, midreg)| user(midreg)),
            self.median(ratio),
        );
        let disturbed =
            |(echo, midreg): &&(Measured, Measured)| busy(echo).min(busy(midreg)) < SATURATED;
        match self.rounds.iter().filter(disturbed).count() {
            0 => {}
            count => {
                text += &format!(
                    "{count} of {} rounds were not saturated (something else ran, or the generator was too slow): \
                     their figures are too high\n",
                    self.rounds.len()
                );
            }
        }
        text += &format!(
            "upstream REGISTERs during the rounds: {} ({:.2} %)",
            self.upstream_registers,
            self.upstream_share() * 100.0
        );
        text
    }

    /// The same for programs; CPU in microseconds per request, medians over the rounds.
    pub fn json(&self) -> Json {
        let pair = |(echo, midreg): &(Measured, Measured)| {
            Json::object([("echo", echo.json()), ("midreg", midreg.json())])
        };
        Json::object([
            ("request_bytes", (self.request_bytes as u64).into()),
            ("response_bytes", (self.response_bytes as u64).into()),
            ("echo_cpu_us", self.median(|(echo, _)| total(echo)).into()),
            (
                "midreg_cpu_us",
                self.median(|(_, midreg)| total(midreg)).into(),
            ),
            (
                "midreg_user_us",
                self.median(|(_, midreg)| user(midreg)).into(),
            ),
            ("ratio", self.median(ratio).into()),
            ("upstream_registers", self.upstream_registers.into()),
            ("registered", self.preload.registered.into()),
            ("memory", self.memory.json()),
            ("preload", self.preload.json()),
            ("rounds", Json::List(self.rounds.iter().map(pair).collect())),
        ])
    }

    /// REGISTERs that went upstream per REGISTER of a phone, during the rounds.
    fn upstream_share(&self) -> f64 {
        let sent: u64 = self
            .rounds
            .iter()
            .map(|(_, midreg)| midreg.tally.sent)
            .sum();
        self.upstream_registers as f64 / sent.max(1) as f64
    }

    /// The median of `figure` over the rounds; of an even number of rounds the mean of the middle two.
    fn median(&self, figure: impl Fn(&(Measured, Measured)) -> f64) -> f64 {
        let mut figures: Vec<f64> = self.rounds.iter().map(figure).collect();
        figures.sort_by(f64::total_cmp);
        let middle = figures.len() / 2;
        match (figures.get(middle), figures.len() % 2) {
            (None, _) => 0.0,
            (Some(figure), 1) => *figure,
            (Some(figure), _) => (figures[middle - 1] + figure) / 2.0,
        }
    }
}

fn row(name: &str, echo: &Measured, midreg: &Measured) -> String {
    let failed = midreg.tally.sent - midreg.tally.succeeded();
    format!(
        "{name:>5}   {:>7.2}   {:>9.2}   {:>7.2}   {:>5.2}   {:>6.0}   {:>8.0}   {:>7.0} {:>6.0}   {failed:>7}\n",
        total(echo),
        total(midreg),
        user(midreg),
        total(midreg) / total(echo).max(1e-9),
        echo.tally.rate(),
        midreg.tally.rate(),
        busy(echo) * 100.0,
        busy(midreg) * 100.0,
    )
}

/// Below this share of a core a target was not saturated: it woke for smaller batches and paid more for each.
const SATURATED: f64 = 0.9;

fn busy(measured: &Measured) -> f64 {
    measured.busy.unwrap_or_default()
}

fn ratio((echo, midreg): &(Measured, Measured)) -> f64 {
    total(midreg) / total(echo).max(1e-9)
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
            busy: Some(0.5),
        }
    }

    fn comparison(rounds: Vec<(Measured, Measured)>) -> Comparison {
        Comparison {
            request_bytes: 650,
            response_bytes: 450,
            preload: Preload {
                passes: Vec::new(),
                registered: 10,
            },
            memory: Memory {
                before: 0,
                after: 6000,
                bindings: 10,
            },
            rounds,
            upstream_registers: 3,
        }
    }

    #[test]
    fn medians_not_means() {
        let rounds = vec![
            (measured(1.0, 4.0), measured(2.0, 5.0)),
            (measured(1.0, 4.0), measured(2.0, 98.0)),
            (measured(1.0, 4.0), measured(2.0, 4.0)),
        ];
        let comparison = comparison(rounds);
        let json = comparison.json().to_string();
        assert!(json.contains(
            r#""echo_cpu_us":5.000,"midreg_cpu_us":7.000,"midreg_user_us":2.000,"ratio":1.400"#
        ));
        let text = comparison.text();
        assert!(
            text.contains("median     5.00        7.00      2.00    1.40"),
            "{text}"
        );
        assert!(
            text.contains("\n3 of 3 rounds were not saturated"),
            "{text}"
        );
        assert!(text.contains("= 600 bytes each"), "{text}");
        assert!(text.ends_with("rounds: 3 (10.00 %)"), "{text}");
    }

    #[test]
    fn an_even_number_of_rounds() {
        let rounds = vec![
            (measured(0.0, 4.0), measured(2.0, 2.0)),
            (measured(0.0, 4.0), measured(2.0, 6.0)),
        ];
        assert!(
            comparison(rounds)
                .json()
                .to_string()
                .contains(r#""ratio":1.500"#)
        );
    }
}
