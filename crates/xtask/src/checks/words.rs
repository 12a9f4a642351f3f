//! Words that have no place in what is published: paths of somebody's machine, promises to do it
//! later, drawers for odds and ends.

use crate::offence::Offence;
use crate::source::names;
use crate::tree::Tree;

/// Words that no file may hold, and why. Written in pieces, so that this file holds none.
const BANNED: &[(&str, &str)] = &[
    (concat!("TO", "DO"), "do it, or write an issue"),
    (concat!("FIX", "ME"), "mend it, or write an issue"),
    (concat!("XX", "X"), "say what is meant"),
    (concat!("ut", "ils"), "a file's name is its idea"),
    (concat!("to", "do!"), "finish it"),
    (concat!("unimple", "mented!"), "finish it"),
    (concat!("db", "g!"), "tell an `Event`, or nothing"),
];

/// Beginnings of paths that exist on one machine only.
const MACHINE_PATHS: &[&str] = &[
    concat!("/wo", "rk/"),
    concat!("/ro", "ot/"),
    concat!("/ho", "me/"),
    concat!("/tm", "p/"),
];

/// Files whose text is not ours.
const FOREIGN: &[&str] = &[
    "Cargo.lock",
    "fuzz/Cargo.lock",
    "LICENSE-APACHE",
    "LICENSE-MIT",
];

pub(super) fn check(tree: &Tree) -> Vec<Offence> {
    let mut offences = Vec::new();
    for file in tree.files() {
        if FOREIGN.contains(&file.path.as_str()) || file.path.contains("/testdata/") {
            continue;
        }
        for (at, line) in file.text.lines().enumerate() {
            let word = BANNED.iter().find(|(word, _)| names(line, word));
            if let Some((word, remedy)) = word {
                let wrong = format!("`{word}`");
                offences.push(Offence::at(&file.path, at + 1, wrong, *remedy));
            }
            if let Some(path) = MACHINE_PATHS.iter().find(|path| begins_path(line, path)) {
                let wrong = format!("a path of somebody's machine: `{path}…`");
                let remedy = "name it relative to the repository, or make a temporary folder";
                offences.push(Offence::at(&file.path, at + 1, wrong, remedy));
            }
        }
    }
    offences
}

/// Whether an absolute path begins so in a line; `a/b/` is not absolute.
fn begins_path(line: &str, path: &str) -> bool {
    line.match_indices(path).any(|(at, _)| {
        let before = at
            .checked_sub(1)
            .and_then(|before| line.as_bytes().get(before));
        !before.is_some_and(|byte| byte.is_ascii_alphanumeric() || b"._-/".contains(byte))
    })
}

#[cfg(test)]
mod tests {
    use super::super::{assert_clean, places};
    use super::*;

    #[test]
    fn no_file_holds_a_banned_word() {
        assert_clean(check);
    }

    #[test]
    fn banned_words_are_found() {
        for (word, _) in BANNED {
            let text = format!("fine\na {word} b\n");
            assert_eq!(places(check, &[("a.md", &text)]), ["a.md:2"], "{word}");
        }
        for path in MACHINE_PATHS {
            let text = format!("see {path}x\n");
            assert_eq!(places(check, &[("a.md", &text)]), ["a.md:1"], "{path}");
            let relative = format!("see a{path}x\n");
            assert!(places(check, &[("a.md", &relative)]).is_empty(), "{path}");
        }
    }
}
