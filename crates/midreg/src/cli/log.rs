//! `midreg log`: how much a midreg that runs writes to its log, to be seen and to be changed.

use std::process::ExitCode;

use clap::Args;

use super::remote::{Outcome, Remote, print, print_json};
use crate::control::wire::{LogLevels, Request};

/// What to change; nothing when left out.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// A part (main, register, upstream, call, net, store, control), or all.
    #[arg(requires = "level")]
    part: Option<String>,
    /// The least important level of it that is still written: error, warn, info, debug or trace. It
    /// holds until the next reload.
    level: Option<String>,
    #[command(flatten)]
    remote: Remote,
    /// One JSON object.
    #[arg(long)]
    json: bool,
}

/// Changes what is wanted, and tells how the log stands.
pub(super) fn log(options: &Options) -> Outcome {
    let (part, level) = (options.part.clone(), options.level.clone());
    let told: LogLevels = options
        .remote
        .connect()?
        .ask(&Request::Log { part, level })?;
    match options.json {
        true => print_json(&told)?,
        false => {
            let line = |(part, level): (&String, &String)| format!("{part:<10}{level}\n");
            print(&told.levels.iter().map(line).collect::<String>())?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
