//! `midreg kick`: ends registrations, here and at the main registrar.

use std::process::ExitCode;

use clap::Args;

use super::remote::{Outcome, Remote, print, print_json};
use crate::control::wire::{Kicked, Request};

/// Whom to kick.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// A user, as user@domain: all of his devices; or the ID of one contact, as `midreg contacts`
    /// lists it.
    #[arg(value_name = "AOR|ID")]
    who: String,
    #[command(flatten)]
    remote: Remote,
    /// One JSON object.
    #[arg(long)]
    json: bool,
}

/// Kicks; fails when nobody of that name is registered.
pub(super) fn kick(options: &Options) -> Outcome {
    let who = options.who.clone();
    let told: Kicked = options.remote.connect()?.ask(&Request::Kick { who })?;
    match (options.json, told.kicked) {
        (true, _) => print_json(&told)?,
        (false, 1) => print("1 registration ended; the device may come back\n")?,
        (false, count) => print(&format!(
            "{count} registrations ended; the devices may come back\n"
        ))?,
    }
    Ok(ExitCode::SUCCESS)
}
