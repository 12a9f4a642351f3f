//! Whole stories from seeds: a crowd of phones with whims, a main registrar with moods, a network
//! and a store that fail, and then a while of peace.
//!
//! While it storms, nothing may happen that must never happen (`Watch`, and the engine's own
//! invariants). After the storm, every phone that goes on refreshing is bound on both sides; and
//! when they have all fallen silent for a day, nothing is left.
//!
//! `SIM_SEEDS=n` runs n seeds, `SIM_SEED=0x…` runs one and tells everything.

mod actor;
mod story;

use std::panic::{AssertUnwindSafe, catch_unwind};

use story::Story;

/// Seeds of a usual run.
const SEEDS: u64 = 64;

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    let parsed = match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16),
        None => text.parse(),
    };
    Some(parsed.unwrap_or_else(|_| panic!("{name}={text} is no number")))
}

#[test]
fn stories_end_well() {
    let seeds: Vec<u64> = match number("SIM_SEED") {
        Some(seed) => vec![seed],
        None => (0..number("SIM_SEEDS").unwrap_or(SEEDS)).collect(),
    };
    let mut failed = Vec::new();
    for seed in seeds {
        let outcome = catch_unwind(AssertUnwindSafe(|| Story::new(seed).tell()));
        if outcome.is_err() {
            eprintln!("this was SIM_SEED={seed:#x}");
            failed.push(seed);
            if failed.len() == 3 {
                break;
            }
        }
    }
    assert!(failed.is_empty(), "these seeds fail: {failed:x?}");
}

#[test]
fn a_story_is_the_same_each_time_it_is_told() {
    assert_eq!(Story::new(7).tell(), Story::new(7).tell());
    assert_ne!(Story::new(7).tell(), Story::new(8).tell());
}
