//! The `midreg` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    midreg::cli::main()
}
