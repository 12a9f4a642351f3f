//! `cargo xtask ci`: everything a change must pass, in one command, cheapest first. Stops at the
//! first failure and says what failed.

use std::ffi::OsString;
use std::process::Command;
use std::time::Instant;

use crate::checks;
use crate::code_map::Wish;
use crate::tree::{Tree, root};

/// One step.
struct Step {
    /// What it is about.
    title: &'static str,
    work: Work,
}

enum Work {
    /// A script of the repository.
    Script(&'static str),
    /// Cargo with these arguments.
    Cargo(&'static [&'static str]),
    /// A check of this program.
    Own(fn(&Tree) -> Result<(), String>),
}

/// For the API docs, which show private items too: links to these are good.
const RUSTDOCFLAGS: &str = "-D warnings -A rustdoc::private_intra_doc_links";

/// The tests come last, so that their own summary is what a runner sees at the end.
const STEPS: &[Step] = &[
    Step {
        title: "programs for the end-to-end tests",
        work: Work::Script(".ci/install"),
    },
    Step {
        title: "format",
        work: Work::Cargo(&["fmt", "--all", "--check"]),
    },
    Step {
        title: "rules of the house",
        work: Work::Own(checks::tidy),
    },
    Step {
        title: "generated docs",
        work: Work::Own(|tree| crate::docs(tree, Wish::Check)),
    },
    Step {
        title: "clippy",
        work: Work::Cargo(&[
            "clippy",
            "--workspace",
            "--all-targets",
            "--locked",
            "--",
            "-D",
            "warnings",
        ]),
    },
    Step {
        title: "API docs",
        work: Work::Cargo(&[
            "doc",
            "--workspace",
            "--no-deps",
            "--document-private-items",
            "--locked",
        ]),
    },
    Step {
        title: "the example configuration",
        work: Work::Cargo(&[
            "run",
            "--quiet",
            "--locked",
            "--package",
            "midreg",
            "--",
            "check",
            "--config",
            "examples/midreg.toml",
        ]),
    },
    Step {
        title: "tests",
        work: Work::Cargo(&["test", "--workspace", "--locked"]),
    },
];

/// Runs all steps.
///
/// # Errors
///
/// Which step failed.
pub(crate) fn run() -> Result<(), String> {
    let start = Instant::now();
    for (at, step) in STEPS.iter().enumerate() {
        let (number, count) = (at + 1, STEPS.len());
        let elapsed = start.elapsed().as_secs();
        println!("ci: {number}/{count} {} (after {elapsed} s)", step.title);
        step.work
            .run()
            .map_err(|why| format!("ci: failed at {number}/{count} {}: {why}", step.title))?;
    }
    Ok(())
}

impl Work {
    fn run(&self) -> Result<(), String> {
        match self {
            Self::Own(check) => Tree::read().and_then(|tree| check(&tree)),
            Self::Script(path) => succeed(&mut Command::new(root().join(path))),
            Self::Cargo(arguments) => {
                let cargo = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
                let mut command = Command::new(cargo);
                command.args(*arguments).env("RUSTDOCFLAGS", RUSTDOCFLAGS);
                succeed(&mut command)
            }
        }
    }
}

fn succeed(command: &mut Command) -> Result<(), String> {
    let shown = format!("{command:?}");
    match command.current_dir(root()).status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{status}: {shown}")),
        Err(error) => Err(format!("{error}: {shown}")),
    }
}
