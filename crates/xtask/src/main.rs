//! Chores of the workspace: `cargo xtask ci`, `cargo xtask tidy`, `cargo xtask docs`.
//!
//! Depends on none of the crates it looks after, so that it builds fast and works while they do not.

#![forbid(unsafe_code)]

mod checks;
mod ci;
mod code_map;
mod offence;
mod pages;
mod source;
mod tree;

use std::process::ExitCode;

use crate::code_map::Wish;
use crate::tree::Tree;

const USAGE: &str = "\
cargo xtask ci            everything a change must pass; installs missing test programs (Debian)
cargo xtask tidy          the rules of the house, in seconds
cargo xtask docs          write the generated docs anew
cargo xtask docs --check  tell whether they are up to date";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match arguments.as_slice() {
        ["ci"] => ci::run(),
        ["tidy"] => Tree::read().and_then(|tree| checks::tidy(&tree)),
        ["docs"] => Tree::read().and_then(|tree| docs(&tree, Wish::Write)),
        ["docs", "--check"] => Tree::read().and_then(|tree| docs(&tree, Wish::Check)),
        _ => Err(USAGE.to_owned()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

/// All generated docs.
fn docs(tree: &Tree, wish: Wish) -> Result<(), String> {
    code_map::docs(tree, wish)?;
    pages::docs(tree, wish)
}
