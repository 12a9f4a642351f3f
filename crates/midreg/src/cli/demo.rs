//! `midreg demo`: the whole story on loopback, with a live table.

use std::io::{self, IsTerminal};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, ValueEnum};
use engine::policy::{LimitPolicy, Mode};

use super::FAILED;
use super::run::signals;
use crate::config::checked::MAX_WORKERS;
use crate::config::parse_duration;
use crate::demo::{self, DemoError, MAX_PHONES, Outcome, Style};
use crate::net::epoll::Signal;

/// Time between the refreshes of a phone: far shorter than in life, so that something is seen.
const REFRESH: Duration = Duration::from_secs(2);

/// Shortest demo: every phone registers within the first two seconds.
const SHORTEST: Duration = Duration::from_secs(3);

/// What to show.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// How many phones.
    #[arg(long, default_value_t = 100, value_name = "N", value_parser = phones)]
    phones: usize,
    /// How many phones each user has; 2 in aor mode, where they share a lease, or else 1.
    #[arg(long, value_name = "N", value_parser = phones_per_user)]
    phones_per_user: Option<usize>,
    /// How long, such as 30s or 5m.
    #[arg(long = "for", default_value = "20s", value_name = "TIME", value_parser = duration)]
    duration: Duration,
    /// What midreg does.
    #[arg(long, value_enum, default_value_t = ModeName::Contact)]
    mode: ModeName,
    /// Worker threads of midreg.
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = workers)]
    workers: u8,
    /// One JSON object per line.
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
}

/// Shows it; succeeds when every phone was registered and no answer was wrong.
pub(super) fn demo(options: &Options) -> ExitCode {
    match show(options) {
        Ok(outcome) if outcome.registered == options.phones && outcome.faults == 0 => {
            ExitCode::SUCCESS
        }
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
        false if io::stdout().is_terminal() => Style::Terminal,
        false => Style::Plain,
    };
    let options = demo::Options {
        phones: options.phones,
        phones_per_user: options.phones_per_user.unwrap_or(match options.mode {
            ModeName::Aor => 2,
            ModeName::Contact | ModeName::Mirror => 1,
        }),
        duration: options.duration,
        refresh: REFRESH,
        mode: match options.mode {
            ModeName::Contact => Mode::Contact,
            ModeName::Aor => Mode::Aor,
            ModeName::Mirror => Mode::Mirror,
        },
        workers: options.workers,
        style,
    };
    demo::run(&options, &stops, &mut io::stdout())
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
