//! `Tally`: what happened in one phase.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::histogram::Histogram;
use crate::json::Json;

/// Counts and latencies of one phase.
#[derive(Clone, Default)]
pub struct Tally {
    /// Requests started; repetitions and answers to challenges not counted again.
    pub sent: u64,
    /// Final answers by status.
    pub statuses: BTreeMap<u16, u64>,
    /// Challenges answered.
    pub challenged: u64,
    /// Repetitions sent.
    pub retransmits: u64,
    /// Requests that fell due at a fixed rate and could not be started before the phase closed, because the
    /// devices still waited for answers. Their latency is not in the histogram: it is worse than that.
    pub overdue: u64,
    /// Requests given up without a final answer.
    pub lost: u64,
    /// Datagrams that answered nothing outstanding, such as second copies of an answer.
    pub stray: u64,
    /// Datagrams that our own socket did not take.
    pub dropped: u64,
    /// Bytes of all first transmissions.
    pub request_bytes: u64,
    /// Bytes of all final answers.
    pub response_bytes: u64,
    /// Largest Retry-After seen, in seconds.
    pub retry_after: u32,
    /// From the intended time of a request to its final answer.
    pub latency: Histogram,
    /// From the intended time to the actual sending: how much the generator itself was late.
    pub lag: Histogram,
    /// From the start of the phase to its last event.
    pub elapsed: Duration,
}

impl Tally {
    /// Final answers of any status.
    pub fn answered(&self) -> u64 {
        self.statuses.values().sum()
    }

    /// Final answers with a 2xx.
    pub fn succeeded(&self) -> u64 {
        self.statuses.range(200..300).map(|(_, count)| count).sum()
    }

    /// Final answers per second.
    pub fn rate(&self) -> f64 {
        self.answered() as f64 / self.elapsed.as_secs_f64().max(1e-9)
    }

    /// Mean size of a request in bytes, rounded.
    pub fn mean_request_bytes(&self) -> usize {
        mean(self.request_bytes, self.sent + self.challenged)
    }

    /// Mean size of a final answer in bytes, rounded.
    pub fn mean_response_bytes(&self) -> usize {
        mean(self.response_bytes, self.answered())
    }

    /// All of it for programs; times in microseconds.
    pub fn json(&self) -> Json {
        let statuses = self
            .statuses
            .iter()
            .map(|(status, n)| (status.to_string(), Json::Int(*n)))
            .collect();
        Json::object([
            ("sent", self.sent.into()),
            ("ok", self.succeeded().into()),
            ("statuses", Json::Object(statuses)),
            ("challenged", self.challenged.into()),
            ("retransmits", self.retransmits.into()),
            ("overdue", self.overdue.into()),
            ("lost", self.lost.into()),
            ("stray", self.stray.into()),
            ("dropped", self.dropped.into()),
            ("seconds", self.elapsed.as_secs_f64().into()),
            ("per_second", self.rate().into()),
            ("request_bytes", (self.mean_request_bytes() as u64).into()),
            ("response_bytes", (self.mean_response_bytes() as u64).into()),
            ("latency_us", quantiles(&self.latency)),
            ("lag_p99_us", micros(self.lag.quantile(0.99)).into()),
        ])
    }

    /// Two lines for people: what came back, and how fast.
    pub fn text(&self) -> String {
        let others: Vec<_> = self
            .statuses
            .iter()
            .filter(|(status, _)| !(200..300).contains(*status))
            .map(|(status, n)| format!("{status}×{n}"))
            .collect();
        let others = if others.is_empty() {
            "none".to_owned()
        } else {
            others.join(" ")
        };
        let at = |q| micros(self.latency.quantile(q));
        format!(
            "sent {}  2xx {}  other {others}  challenged {}  retransmits {}  lost {}  overdue {}  in {:.2} s = {:.0}/s\n\
             latency µs: p50 {:.0}  p90 {:.0}  p99 {:.0}  p99.9 {:.0}  max {:.0}  (sent late p99 {:.0})",
            self.sent,
            self.succeeded(),
            self.challenged,
            self.retransmits,
            self.lost,
            self.overdue,
            self.elapsed.as_secs_f64(),
            self.rate(),
            at(0.5),
            at(0.9),
            at(0.99),
            at(0.999),
            micros(self.latency.max()),
            micros(self.lag.quantile(0.99)),
        )
    }
}

fn quantiles(histogram: &Histogram) -> Json {
    let at = |q| micros(histogram.quantile(q)).into();
    Json::object([
        ("p50", at(0.5)),
        ("p90", at(0.9)),
        ("p99", at(0.99)),
        ("p99_9", at(0.999)),
        ("max", micros(histogram.max()).into()),
    ])
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

fn mean(sum: u64, count: u64) -> usize {
    (sum as f64 / count.max(1) as f64).round() as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_tell_the_same() {
        let mut tally = Tally {
            sent: 4,
            lost: 1,
            request_bytes: 2600,
            response_bytes: 1350,
            ..Tally::default()
        };
        tally.statuses.extend([(200, 2), (503, 1)]);
        tally.elapsed = Duration::from_secs(2);
        tally.latency.record(1000);
        assert_eq!((tally.answered(), tally.succeeded()), (3, 2));
        assert_eq!(
            (tally.mean_request_bytes(), tally.mean_response_bytes()),
            (650, 450)
        );
        let json = tally.json().to_string();
        assert!(
            json.starts_with(r#"{"sent":4,"ok":2,"statuses":{"200":2,"503":1},"#),
            "{json}"
        );
        assert!(json.contains(r#""per_second":1.500"#), "{json}");
        assert!(
            tally.text().contains("2xx 2  other 503×1"),
            "{}",
            tally.text()
        );
    }
}
