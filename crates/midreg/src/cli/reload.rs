//! `midreg reload`: has a midreg that runs read its configuration again.

use std::process::ExitCode;

use clap::Args;

use super::remote::{Outcome, Remote, print, print_json};
use crate::control::wire::{Reloaded, Request};

/// Who is to reload.
#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(flatten)]
    remote: Remote,
    /// One JSON object.
    #[arg(long)]
    json: bool,
}

/// Does it; fails, with all that is wrong, when the new configuration is not in force.
pub(super) fn reload(options: &Options) -> Outcome {
    let told: Reloaded = options.remote.connect()?.ask(&Request::Reload {})?;
    if options.json {
        print_json(&told)?;
        return Ok(ExitCode::SUCCESS);
    }
    for warning in &told.warnings {
        eprintln!("warning: {warning}");
    }
    match told.changed.is_empty() {
        true => print("reloaded; nothing that is shown has changed\n")?,
        false => print(&format!("reloaded; changed: {}\n", told.changed.join(", ")))?,
    }
    Ok(ExitCode::SUCCESS)
}
