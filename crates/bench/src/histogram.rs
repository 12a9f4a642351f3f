//! `Histogram`: durations in logarithmic buckets, in the manner of HDR histograms: fixed memory, constant
//! cost per value, relative error below 1 %.

use std::time::Duration;

/// Buckets per power of two are `1 << PRECISION_BITS`; a quantile is off by at most 1/128 of its value.
const PRECISION_BITS: u32 = 7;
const SUB: u64 = 1 << PRECISION_BITS;
/// Values are cut at 2^40 ns, about 18 minutes: longer than any request is waited for.
const MAX_BITS: u32 = 40;
const BUCKETS: usize = ((MAX_BITS - PRECISION_BITS + 1) as usize) << PRECISION_BITS;

/// Counts of durations by size, in nanoseconds.
#[derive(Clone)]
pub struct Histogram {
    counts: Box<[u64]>,
    total: u64,
    max: u64,
}

impl Histogram {
    /// An empty histogram.
    pub fn new() -> Self {
        Self {
            counts: vec![0; BUCKETS].into_boxed_slice(),
            total: 0,
            max: 0,
        }
    }

    /// Counts one duration of `nanos` nanoseconds.
    pub fn record(&mut self, nanos: u64) {
        self.counts[bucket(nanos)] += 1;
        self.total += 1;
        self.max = self.max.max(nanos);
    }

    /// How many durations were counted.
    pub fn count(&self) -> u64 {
        self.total
    }

    /// The longest duration, exact.
    pub fn max(&self) -> Duration {
        Duration::from_nanos(self.max)
    }

    /// The smallest bucket bound that at least the share `q` (0 to 1) of all durations does not exceed;
    /// zero when nothing was counted.
    pub fn quantile(&self, q: f64) -> Duration {
        let wanted = ((q.clamp(0.0, 1.0) * self.total as f64).ceil() as u64).max(1);
        let mut seen = 0;
        for (index, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= wanted {
                return Duration::from_nanos(upper_bound(index).min(self.max));
            }
        }
        self.max()
    }
}

impl Default for Histogram {
    fn default() -> Self {
        Self::new()
    }
}

/// Values below `SUB` have a bucket each; above, the leading `PRECISION_BITS + 1` bits choose.
fn bucket(nanos: u64) -> usize {
    let value = nanos.min((1 << MAX_BITS) - 1);
    let shift = (64 - value.leading_zeros()).saturating_sub(PRECISION_BITS + 1);
    ((u64::from(shift) << PRECISION_BITS) + (value >> shift)) as usize
}

/// The largest value that falls into bucket `index`.
fn upper_bound(index: usize) -> u64 {
    let index = index as u64;
    if index < 2 * SUB {
        return index;
    }
    let shift = (index >> PRECISION_BITS) - 1;
    (((index & (SUB - 1)) + SUB + 1) << shift) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_lies_in_its_bucket_within_one_percent() {
        for exponent in 0..MAX_BITS {
            for offset in [0, 1, 77] {
                let value = ((1u64 << exponent) + offset).min((1 << MAX_BITS) - 1);
                let bound = upper_bound(bucket(value));
                assert!(bound >= value, "{value} above its bound {bound}");
                assert!(
                    bound - value <= value / 100,
                    "{value} too far below {bound}"
                );
            }
        }
    }

    #[test]
    fn buckets_follow_each_other_without_gap() {
        for index in 0..BUCKETS - 1 {
            assert_eq!(bucket(upper_bound(index)), index);
            assert_eq!(bucket(upper_bound(index) + 1), index + 1);
        }
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn quantiles_of_an_even_spread() {
        let mut histogram = Histogram::new();
        for micros in 1..=1000 {
            histogram.record(micros * 1000);
        }
        let close = |q: f64, micros: f64| {
            let got = histogram.quantile(q).as_secs_f64() * 1e6;
            assert!((got - micros).abs() <= micros * 0.01, "quantile {q}: {got}");
        };
        close(0.5, 500.0);
        close(0.9, 900.0);
        close(0.999, 999.0);
        assert_eq!(histogram.quantile(1.0), Duration::from_millis(1));
        assert_eq!(histogram.max(), Duration::from_millis(1));
    }

    #[test]
    fn empty_means_zero() {
        assert_eq!(Histogram::new().quantile(0.99), Duration::ZERO);
    }
}
