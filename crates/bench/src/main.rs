//! The `midreg-bench` program.

use std::process::ExitCode;

use clap::Parser as _;
use midreg_bench::cli::Cli;

fn main() -> ExitCode {
    match midreg_bench::run(&Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("midreg-bench: {failure}");
            ExitCode::FAILURE
        }
    }
}
