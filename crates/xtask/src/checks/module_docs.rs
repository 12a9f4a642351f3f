//! Every module says what it owns before it says anything else. Modules of tests belong to the one
//! they test and may be silent.

use crate::offence::Offence;
use crate::source;
use crate::tree::Tree;

pub(super) fn check(tree: &Tree) -> Vec<Offence> {
    tree.rust()
        .filter(|file| file.path.contains("/src/") && file.path.starts_with("crates/"))
        .filter(|file| !source::is_test_file(&file.path) && !file.text.starts_with("//! "))
        .map(|file| {
            let remedy = "begin with `//!`: what it owns, its invariants, its RFC sections";
            Offence::in_file(&file.path, "a module without a word about itself", remedy)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::{assert_clean, places};
    use super::*;

    #[test]
    fn every_module_says_what_it_is() {
        assert_clean(check);
    }

    #[test]
    fn a_silent_module_is_found() {
        let files = [
            ("crates/sip/src/a.rs", "use b;\n"),
            ("crates/sip/src/a/tests.rs", "use b;\n"),
            ("crates/sip/src/b.rs", "//! B.\n"),
        ];
        assert_eq!(places(check, &files), ["crates/sip/src/a.rs"]);
    }
}
