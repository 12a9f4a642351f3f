//! `Json`: the demo for programs: an object per second, and one that sums it all up. All counts run
//! from the beginning.

use std::time::Duration;

use engine::registrar::decision::Row;
use serde_json::{Map, Value, json};

use super::Options;
use super::sample::Sample;
use super::screen::Screen;
use super::summary::Outcome;
use crate::config::words;

/// Objects, one on a line.
#[derive(Debug)]
pub(super) struct Json {
    options: Options,
}

impl Json {
    pub(super) fn new(options: &Options) -> Self {
        Self { options: *options }
    }

    fn counts(&self, sample: &Sample) -> Value {
        let (figures, calls) = (&sample.figures, &sample.figures.calls);
        let decided = Row::ALL.iter().map(|row| (*row, sample.decided(*row)));
        let decisions: Map<String, Value> = decided
            .filter(|(_, count)| *count > 0)
            .map(|(row, count)| (row.as_str().to_owned(), count.into()))
            .collect();
        json!({
            "second": sample.elapsed.as_secs_f64().round() as u64,
            "phones": self.options.phones,
            "registered": figures.registered,
            "rebooted": figures.rebooted,
            "died": figures.died,
            "put_off": figures.put_off,
            "expired": sample.counters.expired,
            "registers": sample.counters.registers,
            "absorbed": sample.counters.absorbed(),
            "forwarded": sample.counters.upstream_registers,
            "reduction": sample.reduction().map(|factor| (factor * 10.0).round() / 10.0),
            "decisions": decisions,
            "bindings": sample.bindings,
            "main_registrar": {
                "registers": sample.reached,
                "contacts": sample.contacts,
                "contacts_ever": sample.known,
            },
            "calls": {
                "tried": calls.tried,
                "rang": calls.rang,
                "answered": calls.answered,
                "ended": calls.ended,
                "failed": calls.failed,
                "lost": calls.lost,
            },
            "faults": figures.faults,
        })
    }
}

impl Screen for Json {
    fn interval(&self) -> Duration {
        Duration::from_secs(1)
    }

    fn open(&mut self) -> String {
        String::new()
    }

    fn show(&mut self, sample: &Sample) -> String {
        let mut object = self.counts(sample);
        let told = sample.told.iter().map(
            |told| json!({ "user": told.user, "row": told.row.as_str(), "words": told.words }),
        );
        object["last_decisions"] = told.collect();
        object["last_faults"] = sample.faults.iter().map(String::as_str).collect();
        format!("{object}\n")
    }

    fn close(&mut self, sample: &Sample, outcome: &Outcome) -> String {
        let mut object = self.counts(sample);
        object["mode"] = words::mode_name(self.options.mode).into();
        object["users"] = self.options.cast().users().into();
        object["end"] = outcome.end.as_str().into();
        object["good"] = outcome.is_good().into();
        format!("{}\n", json!({ "summary": object }))
    }
}

#[cfg(test)]
mod tests {
    use super::super::summary::testing::{options, outcome, sample};
    use super::*;

    #[test]
    fn a_second_is_an_object_on_a_line() {
        let mut json = Json::new(&options());
        assert_eq!(json.open(), "");
        let line = json.show(&sample());
        let object: Value = serde_json::from_str(&line).expect("an object");
        assert_eq!(line.matches('\n').count(), 1);
        assert_eq!(object["registers"], 500);
        assert_eq!(object["reduction"], 5.0);
        assert_eq!(object["decisions"], json!({ "D13": 400 }));
        assert_eq!(object["calls"]["answered"], 2);
        assert_eq!(object["last_decisions"][0]["row"], "D13");
    }

    #[test]
    fn the_last_line_is_the_summary() {
        let line = Json::new(&options()).close(&sample(), &outcome());
        let object: Value = serde_json::from_str(&line).expect("an object");
        assert_eq!(object["summary"]["end"], "complete");
        assert_eq!(object["summary"]["good"], true);
        assert_eq!(object["summary"]["mode"], "aor");
    }
}
