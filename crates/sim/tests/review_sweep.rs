//! Stories in which all devices of a user share one lease.

use std::panic::{AssertUnwindSafe, catch_unwind};

use engine::policy::Mode;
use midreg_sim::{Mix, Story};

/// Stories of a usual run.
const SEEDS: u64 = 64;

// The usual sweep draws no `aor` at all (mix::MODES).
#[test]
fn stories_of_shared_leases_end_well() {
    let seeds = std::env::var("SIM_SEEDS")
        .ok()
        .and_then(|text| text.parse().ok());
    let mut failed: Vec<(u64, String)> = Vec::new();
    for seed in 0..seeds.unwrap_or(SEEDS) {
        let told = AssertUnwindSafe(|| Story::of(Mix::draw_in(seed, Mode::Aor)).tell());
        match catch_unwind(told) {
            Ok(Ok(_)) => {}
            Ok(Err(failure)) => failed.push((seed, failure.fault)),
            Err(_) => failed.push((seed, "a panic".to_owned())),
        }
    }
    assert!(failed.is_empty(), "{failed:#?}");
}
