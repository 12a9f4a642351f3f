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
    /// What was compared, by number of AoRs.
    pub sizes: Vec<Sized>,
    /// What was measured, each round with all sizes.
    pub rounds: Vec<Round>,
}

/// One midreg of a comparison.
pub struct Sized {
    /// How many AoRs it has.
    pub aors: u32,
    /// How the phones came to be registered.
    pub preload: Preload,
    /// What that took in memory.
    pub memory: Memory,
    /// REGISTERs that reached its main registrar during all rounds.
    pub upstream_registers: u64,
}

/// One round.
pub struct Round {
    /// The bare floor.
    pub echo: Measured,
    /// The midregs, in the order of [`Comparison::sizes`].
    pub loaded: Vec<Measured>,
}

impl Comparison {
    /// Tables for people.
    pub fn text(&self) -> String {
        let parts = self.sizes.iter().enumerate();
        let mut text: String = parts.map(|(at, size)| self.size_text(at, size)).collect();
        if let Some((first, last, growth)) = self.growth() {
            text += &format!(
                "cost from {} to {} AoRs: {growth:.2} times (median of the rounds)",
                first.aors, last.aors
            );
        }
        text.trim_end().to_owned()
    }

    /// The same for programs; CPU in microseconds per request, medians over the rounds.
    pub fn json(&self) -> Json {
        let round = |round: &Round| {
            let loaded = round.loaded.iter().map(Measured::json).collect();
            Json::object([("echo", round.echo.json()), ("midreg", Json::List(loaded))])
        };
        let parts = self.sizes.iter().enumerate();
        Json::object([
            ("request_bytes", (self.request_bytes as u64).into()),
            ("response_bytes", (self.response_bytes as u64).into()),
            (
                "echo_cpu_us",
                median(self.rounds.iter().map(|round| total(&round.echo))).into(),
            ),
            ("growth", self.growth().map(|(_, _, growth)| growth).into()),
            (
                "sizes",
                Json::List(parts.map(|(at, size)| self.size_json(at, size)).collect()),
            ),
            (
                "rounds",
                Json::List(self.rounds.iter().map(round).collect()),
            ),
        ])
    }

    fn size_text(&self, at: usize, size: &Sized) -> String {
        let mut text = format!("{} AoRs\n{}", size.aors, size.preload.text());
        text += &format!("{}\n\n", size.memory.text());
        text += &format!(
            "absorbed load, {} bytes in, {} bytes out\n",
            self.request_bytes, self.response_bytes
        );
        text += "round   echo µs   midreg µs   user µs   ratio   echo/s   midreg/s   busy % of both   not 2xx\n";
        for (index, (echo, midreg)) in self.pairs(at).enumerate() {
            text += &row(&(index + 1).to_string(), echo, midreg);
        }
        text += &format!(
            "median  {:>7.2}   {:>9.2}   {:>7.2}   {:>5.2}\n",
            median(self.pairs(at).map(|(echo, _)| total(echo))),
            median(self.pairs(at).map(|(_, midreg)| total(midreg))),
            median(self.pairs(at).map(|(_, midreg)| user(midreg))),
            median(self.pairs(at).map(ratio)),
        );
        let disturbed =
            |(echo, midreg): &(&Measured, &Measured)| busy(echo).min(busy(midreg)) < SATURATED;
        match self.pairs(at).filter(disturbed).count() {
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
            "upstream REGISTERs during the rounds: {} ({:.2} %)\n\n",
            size.upstream_registers,
            self.upstream_share(at, size) * 100.0
        );
        text
    }

    fn size_json(&self, at: usize, size: &Sized) -> Json {
        Json::object([
            ("aors", u64::from(size.aors).into()),
            (
                "midreg_cpu_us",
                median(self.pairs(at).map(|(_, midreg)| total(midreg))).into(),
            ),
            (
                "midreg_user_us",
                median(self.pairs(at).map(|(_, midreg)| user(midreg))).into(),
            ),
            ("ratio", median(self.pairs(at).map(ratio)).into()),
            ("upstream_registers", size.upstream_registers.into()),
            ("registered", size.preload.registered.into()),
            ("memory", size.memory.json()),
            ("preload", size.preload.json()),
        ])
    }

    /// The rounds of one size: the echo, then midreg.
    fn pairs(&self, at: usize) -> impl Iterator<Item = (&Measured, &Measured)> {
        self.rounds
            .iter()
            .filter_map(move |round| Some((&round.echo, round.loaded.get(at)?)))
    }

    /// How many times the cost of the first size the last one has; `None` when there is but one.
    fn growth(&self) -> Option<(&Sized, &Sized, f64)> {
        let (first, [.., last]) = self.sizes.split_first()? else {
            return None;
        };
        let of_round = |round: &Round| {
            let (first, last) = (round.loaded.first()?, round.loaded.last()?);
            Some(total(last) / total(first).max(1e-9))
        };
        Some((first, last, median(self.rounds.iter().filter_map(of_round))))
    }

    /// REGISTERs that went upstream per REGISTER of a phone, during the rounds.
    fn upstream_share(&self, at: usize, size: &Sized) -> f64 {
        let sent: u64 = self.pairs(at).map(|(_, midreg)| midreg.tally.sent).sum();
        size.upstream_registers as f64 / sent.max(1) as f64
    }
}

/// The middle one of some figures; of an even number the mean of the middle two, of none 0.
fn median(figures: impl Iterator<Item = f64>) -> f64 {
    let mut figures: Vec<f64> = figures.collect();
    figures.sort_by(f64::total_cmp);
    let middle = figures.len() / 2;
    match (figures.get(middle), figures.len() % 2) {
        (None, _) => 0.0,
        (Some(figure), 1) => *figure,
        (Some(figure), _) => (figures[middle - 1] + figure) / 2.0,
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

fn ratio((echo, midreg): (&Measured, &Measured)) -> f64 {
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

    fn size(aors: u32) -> Sized {
        Sized {
            aors,
            preload: Preload {
                passes: Vec::new(),
                registered: 10,
            },
            memory: Memory {
                before: 0,
                after: 6000,
                bindings: 10,
            },
            upstream_registers: 3,
        }
    }

    /// Of rounds with the echo's cost and midreg's by size, in microseconds of the system.
    fn comparison(sizes: &[u32], rounds: &[(f64, &[f64])]) -> Comparison {
        let round = |(echo, loaded): &(f64, &[f64])| Round {
            echo: measured(1.0, echo - 1.0),
            loaded: loaded
                .iter()
                .map(|cost| measured(2.0, cost - 2.0))
                .collect(),
        };
        Comparison {
            request_bytes: 650,
            response_bytes: 450,
            sizes: sizes.iter().copied().map(size).collect(),
            rounds: rounds.iter().map(round).collect(),
        }
    }

    #[test]
    fn medians_not_means() {
        let comparison = comparison(&[10], &[(5.0, &[7.0]), (5.0, &[100.0]), (5.0, &[6.0])]);
        let json = comparison.json().to_string();
        assert!(
            json.contains(r#""echo_cpu_us":5.000,"growth":null,"#),
            "{json}"
        );
        assert!(
            json.contains(r#""midreg_cpu_us":7.000,"midreg_user_us":2.000,"ratio":1.400"#),
            "{json}"
        );
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
        let comparison = comparison(&[10], &[(4.0, &[4.0]), (4.0, &[8.0])]);
        assert!(comparison.json().to_string().contains(r#""ratio":1.500"#));
    }

    #[test]
    fn growth_is_that_of_the_same_round() {
        let rounds: [(f64, &[f64]); 3] = [
            (4.0, &[4.0, 5.0, 6.0]),
            (4.0, &[40.0, 50.0, 80.0]),
            (4.0, &[8.0, 5.0, 8.0]),
        ];
        let comparison = comparison(&[10, 20, 30], &rounds);
        assert!(comparison.json().to_string().contains(r#""growth":1.500"#));
        let text = comparison.text();
        assert!(text.ends_with("cost from 10 to 30 AoRs: 1.50 times (median of the rounds)"));
        assert_eq!(text.matches("\nmedian ").count(), 3);
    }
}
