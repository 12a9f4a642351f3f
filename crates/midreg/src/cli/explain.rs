//! `midreg explain`: what is known of a user, in sentences.

use std::process::ExitCode;

use clap::Args;

use super::FAILED;
use super::remote::{Outcome, Remote, print, print_json};
use super::table::printable;
use crate::control::story;
use crate::control::wire::{Explained, Request};

/// Whom to explain.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// The user, as user@domain.
    aor: String,
    #[command(flatten)]
    remote: Remote,
    /// The facts, as one JSON object.
    #[arg(long)]
    json: bool,
}

/// Explains; fails when nobody of that name is registered.
pub(super) fn explain(options: &Options) -> Outcome {
    let request = Request::Explain {
        aor: options.aor.clone(),
    };
    let told: Explained = options.remote.connect()?.ask(&request)?;
    match options.json {
        true => print_json(&told)?,
        false => {
            let story = story::explain(&told);
            let lines = story.lines().map(|line| printable(line) + "\n");
            print(&lines.collect::<String>())?;
        }
    }
    Ok(match told.contacts.is_empty() {
        true => ExitCode::from(FAILED),
        false => ExitCode::SUCCESS,
    })
}
