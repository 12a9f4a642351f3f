//! `midreg calls`: the last calls.

use std::process::ExitCode;

use clap::Args;

use super::FAILED;
use super::remote::{Outcome, Remote, print, print_json};
use super::table::printable;
use crate::control::story;
use crate::control::wire::{Calls, Request};

/// Whose calls, and how many.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// Only those from or to this user, as user@domain.
    aor: Option<String>,
    #[command(flatten)]
    remote: Remote,
    /// At most so many; midreg remembers the last 1024 of each worker.
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=1024))]
    limit: u16,
    /// One JSON object per call, each on a line.
    #[arg(long)]
    json: bool,
}

/// Tells them, the newest first; fails when there are none.
pub(super) fn calls(options: &Options) -> Outcome {
    let told: Calls = options.remote.connect()?.ask(&Request::Calls {
        aor: options.aor.clone(),
        limit: Some(options.limit.into()),
    })?;
    for call in &told.calls {
        match options.json {
            true => print_json(call)?,
            false => print(&(printable(&story::call(call, told.at)) + "\n"))?,
        }
    }
    if !told.calls.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    eprintln!("no call is remembered");
    Ok(ExitCode::from(FAILED))
}
