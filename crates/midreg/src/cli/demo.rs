//! `midreg demo`: the whole story on loopback, live.

use std::io::{self, IsTerminal};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, ValueEnum};
use engine::policy::{LimitPolicy, Mode};

use super::FAILED;
use super::run::signals;
use crate::config::checked::MAX_WORKERS;
use crate::config::parse_duration;
use crate::demo::{self, DemoError, MAX_PHONES, Outcome, Style, Tempo};
use crate::net::epoll::Signal;

/// How many phones there are when nothing is said. A build that checks itself after every step
/// carries fewer.
const PHONES: usize = if cfg!(debug_assertions) { 100 } else { 1000 };

/// Shortest demo in which anything is seen.
const SHORTEST: Duration = Duration::from_secs(3);

/// What to show.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// How many phones.
    #[arg(long, default_value_t = PHONES, value_name = "N", value_parser = phones)]
    phones: usize,
    /// How many phones each user has.
    #[arg(long, default_value_t = 2, value_name = "N", value_parser = phones_per_user)]
    phones_per_user: usize,
    /// How long, such as 30s or 5m. It ends a little later if something is still under way then.
    #[arg(long = "for", default_value = "30s", value_name = "TIME", value_parser = duration)]
    duration: Duration,
    /// What midreg does.
    #[arg(long, value_enum, default_value_t = ModeName::Aor)]
    mode: ModeName,
    /// Worker threads of midreg.
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = workers)]
    workers: u8,
    /// One JSON object per second, and one with the key `summary` at the end. All counts run from the
    /// beginning.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ModeName {
    /// Absorb refreshes; one lease per phone.
    Contact,
    /// Absorb refreshes; one lease per user.
    Aor,
    /// Proxy every REGISTER.
    Mirror,
    /// No main registrar: midreg is it.
    Standalone,
}

/// Shows it; succeeds when every phone was registered, every call was answered and no answer was
/// wrong.
pub(super) fn demo(options: &Options) -> ExitCode {
    match show(options) {
        Ok(outcome) if outcome.is_good() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::from(FAILED),
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(FAILED)
        }
    }
}

fn show(options: &Options) -> Result<Outcome, DemoError> {
    let stops = signals(&[Signal::Stop])?;
    let style = match options.json {
        true => Style::Json,
        false => style(),
    };
    let options = demo::Options {
        phones: options.phones,
        phones_per_user: options.phones_per_user,
        tempo: Tempo::of(options.duration, options.phones),
        mode: match options.mode {
            ModeName::Contact => Mode::Contact,
            ModeName::Aor => Mode::Aor,
            ModeName::Mirror => Mode::Mirror,
            ModeName::Standalone => Mode::Standalone,
        },
        workers: options.workers,
        style,
    };
    demo::run(&options, &stops, &mut io::stdout())
}

/// What suits standard output.
fn style() -> Style {
    let told = |name| std::env::var_os(name).unwrap_or_default();
    match io::stdout().is_terminal() && told("TERM") != "dumb" {
        true if told("NO_COLOR").is_empty() => Style::Terminal,
        true => Style::Monochrome,
        false => Style::Plain,
    }
}

fn phones(text: &str) -> Result<usize, String> {
    text.parse()
        .ok()
        .filter(|count| (1..=MAX_PHONES).contains(count))
        .ok_or_else(|| format!("a number from 1 to {MAX_PHONES} is wanted"))
}

fn phones_per_user(text: &str) -> Result<usize, String> {
    let most = LimitPolicy::default().bindings_per_aor;
    text.parse()
        .ok()
        .filter(|count| (1..=most).contains(count))
        .ok_or_else(|| format!("a number from 1 to {most} is wanted"))
}

fn workers(text: &str) -> Result<u8, String> {
    text.parse()
        .ok()
        .filter(|count| (1..=MAX_WORKERS).contains(count))
        .ok_or_else(|| format!("a number from 1 to {MAX_WORKERS} is wanted"))
}

fn duration(text: &str) -> Result<Duration, String> {
    parse_duration(text)
        .filter(|duration| *duration >= SHORTEST)
        .ok_or_else(|| "at least 3s is wanted, such as 30s or 5m".to_owned())
}
