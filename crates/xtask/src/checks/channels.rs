//! No queue without a bound: what cannot be taken in time is refused or dropped and counted.

use crate::offence::Offence;
use crate::source::{self, names};
use crate::tree::Tree;

const UNBOUNDED: &[&str] = &["mpsc::channel", "unbounded_channel", "unbounded"];

pub(super) fn check(tree: &Tree) -> Vec<Offence> {
    let mut offences = Vec::new();
    for file in tree
        .rust()
        .filter(|file| !file.path.starts_with("crates/xtask/"))
    {
        for line in source::product(file) {
            if UNBOUNDED.iter().any(|name| names(line.code, name)) {
                offences.push(Offence::at(
                    &file.path,
                    line.number,
                    "a channel without a bound",
                    "use `sync_channel` and say what happens when it is full",
                ));
            }
        }
    }
    offences
}

#[cfg(test)]
mod tests {
    use super::super::{assert_clean, places};
    use super::*;

    #[test]
    fn every_channel_has_a_bound() {
        assert_clean(check);
    }

    #[test]
    fn a_channel_without_a_bound_is_found() {
        let text = "let a = mpsc::sync_channel(1);\nlet b = mpsc::channel();\n";
        let files = [("crates/midreg/src/a.rs", text)];
        assert_eq!(places(check, &files), ["crates/midreg/src/a.rs:2"]);
    }
}
