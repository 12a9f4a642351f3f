//! Files that one can read in one go: 400 lines are the aim, 700 without tests the limit.

use crate::offence::Offence;
use crate::source;
use crate::tree::Tree;

const LIMIT: usize = 700;

/// Files that may be longer, each with its reason. The list only gets shorter.
const EXEMPT: &[(&str, &str)] = &[];

pub(super) fn check(tree: &Tree) -> Vec<Offence> {
    let mut offences = Vec::new();
    for file in tree.rust() {
        let length = source::product_length(file);
        let exempt = EXEMPT.iter().any(|(path, _)| *path == file.path);
        if length > LIMIT && !exempt {
            offences.push(Offence::in_file(
                &file.path,
                format!("{length} lines without tests; the limit is {LIMIT}"),
                "one idea per file: find the second one and give it a file of its own",
            ));
        }
        if length <= LIMIT && exempt {
            let remedy = "take it from the list in crates/xtask/src/checks/size.rs";
            offences.push(Offence::in_file(&file.path, "no longer too long", remedy));
        }
    }
    offences
}

#[cfg(test)]
mod tests {
    use super::super::{assert_clean, places};
    use super::*;

    #[test]
    fn files_are_short_enough() {
        assert_clean(check);
    }

    #[test]
    fn a_long_file_is_found_and_long_tests_are_not() {
        let long = "fn a() {}\n".repeat(LIMIT + 1);
        let tested = format!("#[cfg(test)]\nmod tests {{\n{long}}}\n");
        let files = [
            ("crates/sip/src/a.rs", long.as_str()),
            ("crates/sip/src/b.rs", tested.as_str()),
            ("crates/sip/tests/c.rs", long.as_str()),
        ];
        assert_eq!(places(check, &files), ["crates/sip/src/a.rs"]);
    }
}
