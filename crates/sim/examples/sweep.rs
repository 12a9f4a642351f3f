//! Runs many seeds and says what they met:
//! `cargo run --release -p midreg-sim --example sweep -- --seeds 20000`.
//!
//! `--from N` begins at another seed, `--mode contact|mirror|aor|standalone` draws every mix in one
//! mode, `--keep-going` does not end at the first failure, `--defect NAME` puts a defect into the
//! engine, to see how soon it is noticed.

use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};

use engine::defect::Defect;
use engine::policy::Mode;
use midreg_sim::{Mix, Statistics, Story};

/// The seed that is being told, for the last words of a panic.
static SEED: AtomicU64 = AtomicU64::new(0);

/// What is to be run.
struct Plan {
    from: u64,
    seeds: u64,
    mode: Option<Mode>,
    keep_going: bool,
    defect: Option<Defect>,
}

fn main() -> ExitCode {
    let plan = match plan(std::env::args().skip(1)) {
        Ok(plan) => plan,
        Err(fault) => {
            eprintln!("{fault}");
            return ExitCode::FAILURE;
        }
    };
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        hook(panic);
        eprintln!("this was seed {:#x}", SEED.load(Ordering::Relaxed));
    }));
    let failed = sweep(&plan);
    match failed.is_empty() {
        true => ExitCode::SUCCESS,
        false => {
            eprintln!("these seeds fail: {failed:x?}");
            ExitCode::FAILURE
        }
    }
}

fn sweep(plan: &Plan) -> Vec<u64> {
    let mut statistics = Statistics::default();
    let mut failed = Vec::new();
    for seed in plan.from..plan.from + plan.seeds {
        SEED.store(seed, Ordering::Relaxed);
        let mix = match plan.mode {
            Some(mode) => Mix::draw_in(seed, mode),
            None => Mix::draw(seed),
        };
        let story = match plan.defect {
            Some(defect) => Story::of(mix).altered(move |engine| engine.put_in(defect)),
            None => Story::of(mix),
        };
        match story.tell() {
            Ok(outcome) => statistics.add(&outcome),
            Err(failure) if plan.keep_going => {
                eprintln!("seed {seed:#x}, step {}: {}", failure.step, failure.fault);
                failed.push(seed);
            }
            Err(failure) => {
                eprintln!("{failure}");
                failed.push(seed);
                break;
            }
        }
        if (seed - plan.from + 1).is_multiple_of(1000) {
            eprintln!("{} seeds", seed - plan.from + 1);
        }
    }
    println!("{statistics}");
    println!(
        "{} seeds clean, {} failed",
        statistics.seeds(),
        failed.len()
    );
    failed
}

fn plan(mut words: impl Iterator<Item = String>) -> Result<Plan, String> {
    let mut plan = Plan {
        from: 0,
        seeds: 20_000,
        mode: None,
        keep_going: false,
        defect: None,
    };
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or_else(|| format!("{word} needs a value"));
        match word.as_str() {
            "--from" => plan.from = number(&value()?)?,
            "--seeds" => plan.seeds = number(&value()?)?,
            "--mode" => plan.mode = Some(mode(&value()?)?),
            "--defect" => plan.defect = Some(defect(&value()?)?),
            "--keep-going" => plan.keep_going = true,
            _ => return Err(format!("{word} is unknown")),
        }
    }
    Ok(plan)
}

fn number(text: &str) -> Result<u64, String> {
    let parsed = match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16),
        None => text.parse(),
    };
    parsed.map_err(|_| format!("{text} is no number"))
}

fn defect(name: &str) -> Result<Defect, String> {
    Defect::ALL
        .into_iter()
        .find(|defect| format!("{defect:?}") == name)
        .ok_or_else(|| format!("{name} is no defect"))
}

fn mode(text: &str) -> Result<Mode, String> {
    match text {
        "mirror" => Ok(Mode::Mirror),
        "contact" => Ok(Mode::Contact),
        "aor" => Ok(Mode::Aor),
        "standalone" => Ok(Mode::Standalone),
        _ => Err(format!("{text} is no mode")),
    }
}
