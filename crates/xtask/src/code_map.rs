//! The code map: every source file with the sentence in which it says what it is, gathered into
//! `docs/code-map.md`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;

use crate::source;
use crate::tree::{File, Tree, root};

/// Where the map lies.
const PAGE: &str = "docs/code-map.md";

const HEAD: &str = "\
# Code map

Every source file and the sentence in which it says what it is. Written by `cargo xtask docs` from the files themselves;
how they hang together is told in [ARCHITECTURE.md](../ARCHITECTURE.md).
";

/// What to do with the generated page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    /// Write it.
    Write,
    /// Tell whether it is as it would be written.
    Check,
}

/// Writes or checks the generated docs.
///
/// # Errors
///
/// The page cannot be written, or is out of date.
pub(crate) fn docs(tree: &Tree, wish: Wish) -> Result<(), String> {
    let map = code_map(tree);
    let written = tree.file(PAGE).map(|file| file.text.as_str());
    match wish {
        _ if written == Some(map.as_str()) => {
            println!("docs: {PAGE} is up to date");
            Ok(())
        }
        Wish::Write => {
            fs::write(root().join(PAGE), map).map_err(|error| format!("{PAGE}: {error}"))?;
            println!("docs: wrote {PAGE}");
            Ok(())
        }
        Wish::Check => Err(format!(
            "docs: {PAGE} is out of date: run `cargo xtask docs`"
        )),
    }
}

fn code_map(tree: &Tree) -> String {
    let mut folders: BTreeMap<&str, Vec<(&str, String)>> = BTreeMap::new();
    for file in tree.rust() {
        if let Some((folder, name)) = place(file) {
            folders
                .entry(folder)
                .or_default()
                .push((name, sentence(&file.text)));
        }
    }
    let mut page = HEAD.to_owned();
    for (folder, files) in folders {
        let _ = writeln!(page, "\n## {folder}\n\n| file | what it is |\n|---|---|");
        for (name, sentence) in files {
            let _ = writeln!(page, "| `{name}` | {} |", sentence.replace('|', "\\|"));
        }
    }
    page
}

/// The folder and name of a source file that is not a test.
fn place(file: &File) -> Option<(&str, &str)> {
    let is_source = file.path.starts_with("crates/") && file.path.contains("/src/");
    if !is_source || source::is_test_file(&file.path) {
        return None;
    }
    file.path.rsplit_once('/')
}

/// The first sentence of a file's own documentation.
fn sentence(text: &str) -> String {
    let doc: Vec<&str> = text
        .lines()
        .map_while(|line| line.strip_prefix("//!"))
        .map(str::trim)
        .take_while(|line| !line.is_empty())
        .collect();
    let doc = doc.join(" ");
    let end = doc.find(". ").map_or(doc.len(), |at| at + 1);
    let sentence = doc.get(..end).unwrap_or_default();
    sentence
        .trim_end_matches(['.', ':'])
        .replace("[`", "`")
        .replace("`]", "`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_map_shows_what_files_say_of_themselves() {
        let tree = Tree::of(&[
            (
                "crates/sip/src/a.rs",
                "//! `A`: the [`First`]\n//! of all. More.\n//!\n//! And more.\n",
            ),
            ("crates/sip/src/a/tests.rs", "//! Tests.\n"),
            ("crates/sip/tests/b.rs", "//! Tests.\n"),
        ]);
        let map = code_map(&tree);
        let table = "\n## crates/sip/src\n\n| file | what it is |\n|---|---|\n\
                     | `a.rs` | `A`: the `First` of all |\n";
        assert_eq!(map, format!("{HEAD}{table}"));
    }
}
