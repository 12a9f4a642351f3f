//! Manners of tests: they wait for events and not for time, none is switched off, and none asks
//! for a port that somebody else may have.

use crate::offence::Offence;
use crate::source::{self, Line, names};
use crate::tree::{File, Tree};

/// Files in which a pause is part of the story (a phone is silent because phones are), each with
/// its reason.
const MAY_SLEEP: &[(&str, &str)] = &[];

pub(super) fn check(tree: &Tree) -> Vec<Offence> {
    tree.rust()
        .filter(|file| !file.path.starts_with("crates/xtask/"))
        .flat_map(|file| {
            let lines = source::tests(file);
            lines.filter_map(|line| offence(file, line))
        })
        .collect()
}

fn offence(file: &File, line: Line<'_>) -> Option<Offence> {
    let sleeps = names(line.code, "sleep") && line.code.contains("sleep(");
    if sleeps && !MAY_SLEEP.iter().any(|(path, _)| *path == file.path) {
        return Some(Offence::at(
            &file.path,
            line.number,
            "a test that sleeps",
            "wait for what is to happen, with a deadline",
        ));
    }
    let code = line.code.trim_start();
    (code.starts_with("#[ignore") || code.starts_with("#[should_panic]")).then(|| {
        Offence::at(
            &file.path,
            line.number,
            format!("`{}`", code.trim_end()),
            "a test runs, and says what it expects: mend it or remove it",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::super::{assert_clean, places};
    use super::*;

    #[test]
    fn tests_have_manners() {
        assert_clean(check);
    }

    #[test]
    fn bad_manners_are_found_in_tests_only() {
        let text = "thread::sleep(a);\n\n#[cfg(test)]\nmod tests {\n    thread::sleep(a);\n    #[ignore]\n}\n";
        let files = [("crates/midreg/src/a.rs", text)];
        let wanted = ["crates/midreg/src/a.rs:5", "crates/midreg/src/a.rs:6"];
        assert_eq!(places(check, &files), wanted);
    }
}
