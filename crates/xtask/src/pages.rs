//! The pages that `midreg schema` prints: what can be configured, in every form.
//!
//! This program depends on none of the crates, so it has cargo build midreg and asks that.

use std::ffi::OsString;
use std::fs;
use std::process::Command;

use crate::code_map::Wish;
use crate::tree::{Tree, root};

/// Each page, and its form.
const PAGES: &[(&str, &str)] = &[
    ("docs/config.md", "markdown"),
    ("docs/midreg.schema.json", "json"),
    ("examples/midreg.toml", "example"),
];

/// Writes or checks them.
///
/// # Errors
///
/// midreg cannot be built, or a page cannot be written, or is out of date.
pub(crate) fn docs(tree: &Tree, wish: Wish) -> Result<(), String> {
    for (page, form) in PAGES {
        let text = print(form)?;
        let written = tree.file(page).map(|file| file.text.as_str());
        match wish {
            _ if written == Some(text.as_str()) => println!("docs: {page} is up to date"),
            Wish::Write => {
                fs::write(root().join(page), text).map_err(|error| format!("{page}: {error}"))?;
                println!("docs: wrote {page}");
            }
            Wish::Check => {
                return Err(format!(
                    "docs: {page} is out of date: run `cargo xtask docs`"
                ));
            }
        }
    }
    Ok(())
}

fn print(form: &str) -> Result<String, String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let output = Command::new(cargo)
        .args(["run", "--quiet", "--package", "midreg", "--"])
        .args(["schema", "--as", form])
        .current_dir(root())
        .output()
        .map_err(|error| format!("docs: cargo: {error}"))?;
    if !output.status.success() {
        let why = String::from_utf8_lossy(&output.stderr);
        return Err(format!("docs: midreg schema: {why}"));
    }
    String::from_utf8(output.stdout).map_err(|error| format!("docs: midreg schema: {error}"))
}
