//! `midreg demo` (placeholder).
use std::process::ExitCode;
use clap::Args;
/// O
#[derive(Debug, Args)]
pub(super) struct Options {}
pub(super) fn demo(_: &Options) -> ExitCode { ExitCode::SUCCESS }
