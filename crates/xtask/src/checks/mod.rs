//! The rules of the house that neither the compiler nor clippy knows.
//!
//! A check is a function from the [`Tree`] to its [`Offence`]s. All run under `cargo xtask tidy`,
//! and each is a test of this crate, so that `cargo test` alone finds what tidy finds.

mod adr;
mod channels;
mod dependencies;
mod functions;
mod links;
mod module_docs;
mod sans_io;
mod size;
mod test_manners;
mod unsafe_code;
mod words;

use crate::offence::Offence;
use crate::tree::Tree;

type Check = fn(&Tree) -> Vec<Offence>;

const CHECKS: &[(&str, Check)] = &[
    ("dependency direction", dependencies::check),
    ("sans-IO crates", sans_io::check),
    ("unsafe code", unsafe_code::check),
    ("bounded channels", channels::check),
    ("module docs", module_docs::check),
    ("file length", size::check),
    ("function length", functions::check),
    ("banned words", words::check),
    ("manners of tests", test_manners::check),
    ("links in docs", links::check),
    ("decision records", adr::check),
];

/// Runs all checks and tells every offence.
///
/// # Errors
///
/// How many offences there are.
pub(crate) fn tidy(tree: &Tree) -> Result<(), String> {
    let mut count = 0;
    for (name, check) in CHECKS {
        let offences = check(tree);
        for offence in &offences {
            eprintln!("{offence}");
        }
        if !offences.is_empty() {
            eprintln!("tidy: {name}: {} to mend\n", offences.len());
        }
        count += offences.len();
    }
    match count {
        0 => {
            println!("tidy: {} checks, nothing to mend", CHECKS.len());
            Ok(())
        }
        count => Err(format!("tidy: {count} to mend")),
    }
}

/// Panics with the offences that a check finds in this repository.
#[cfg(test)]
fn assert_clean(check: Check) {
    let tree = Tree::read().expect("a readable repository");
    let offences: Vec<String> = check(&tree).iter().map(Offence::to_string).collect();
    assert!(offences.is_empty(), "\n{}", offences.join("\n"));
}

/// The places of the offences that a check finds in made-up files.
#[cfg(test)]
fn places(check: Check, files: &[(&str, &str)]) -> Vec<String> {
    let offences = check(&Tree::of(files));
    offences.into_iter().map(|offence| offence.place).collect()
}
