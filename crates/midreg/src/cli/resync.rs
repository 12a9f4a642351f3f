//! `midreg resync`: has every device asked for anew at the main registrar (R14).

use std::process::ExitCode;

use clap::Args;

use super::remote::{Outcome, Remote, print, print_json};
use crate::control::wire::{Request, Resynced};

/// Whose leases are called into question.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// A server of the main registrar, as it is configured; all of them when left out.
    node: Option<String>,
    #[command(flatten)]
    remote: Remote,
    /// One JSON object.
    #[arg(long)]
    json: bool,
}

/// Does it.
pub(super) fn resync(options: &Options) -> Outcome {
    let node = options.node.clone();
    let told: Resynced = options.remote.connect()?.ask(&Request::Resync { node })?;
    match options.json {
        true => print_json(&told)?,
        false => print(&format!(
            "the next REGISTER of every device at {} is forwarded\n",
            told.nodes.join(", ")
        ))?,
    }
    Ok(ExitCode::SUCCESS)
}
