//! Unsafe code: forbidden as a whole where it can be, in named files elsewhere, each use with the
//! reason why it is sound.

use crate::offence::Offence;
use crate::source::{self, names};
use crate::tree::{File, Tree};

/// Crates that forbid it in their first file.
const FORBIDDEN: &[&str] = &[
    "crates/sip/src/lib.rs",
    "crates/engine/src/lib.rs",
    "crates/sim/src/lib.rs",
    "crates/xtask/src/main.rs",
];

/// The files that may use it: system calls, and the allocators that count in tests.
const ALLOWED: &[&str] = &[
    "crates/midreg/src/net/epoll.rs",
    "crates/midreg/src/net/udp_batch.rs",
    "crates/bench/src/syscalls.rs",
    "crates/sip/tests/no_alloc.rs",
    "crates/engine/tests/no_alloc.rs",
    "crates/engine/tests/footprint.rs",
];

/// How many lines above its use the reason may begin.
const REASON_WITHIN: usize = 8;

pub(super) fn check(tree: &Tree) -> Vec<Offence> {
    let unguarded = FORBIDDEN
        .iter()
        .filter_map(|path| tree.file(path))
        .filter(|file| !file.text.contains("#![forbid(unsafe_code)]"))
        .map(|file| {
            let wrong = "a crate that does not forbid unsafe code";
            Offence::in_file(&file.path, wrong, "add `#![forbid(unsafe_code)]`")
        });
    unguarded.chain(tree.rust().flat_map(check_file)).collect()
}

fn check_file(file: &File) -> Vec<Offence> {
    let allowed = ALLOWED.contains(&file.path.as_str());
    let texts: Vec<&str> = file.text.lines().collect();
    let mut offences = Vec::new();
    for line in source::lines(file).filter(|line| is_use(line.code)) {
        if !allowed {
            offences.push(Offence::at(
                &file.path,
                line.number,
                "unsafe code outside the files that may use it",
                "use one of the safe wrappers in net/epoll.rs or net/udp_batch.rs",
            ));
            continue;
        }
        let above = line.number.saturating_sub(REASON_WITHIN)..line.number;
        let explained = texts.get(above).is_some_and(|lines| {
            lines
                .iter()
                .any(|text| text.contains("SAFETY:") || text.contains("# Safety"))
        });
        if !explained {
            offences.push(Offence::at(
                &file.path,
                line.number,
                "unsafe code without a reason",
                "say above it why it is sound: `// SAFETY: …`",
            ));
        }
    }
    offences
}

/// Blocks, functions and impls; not the name of the lint, nor a word in a text.
fn is_use(code: &str) -> bool {
    ["unsafe {", "unsafe fn", "unsafe impl", "unsafe extern"]
        .iter()
        .any(|form| code.contains(form) && names(code, "unsafe") && !code.contains('"'))
}

#[cfg(test)]
mod tests {
    use super::super::{assert_clean, places};
    use super::*;

    #[test]
    fn unsafe_code_is_where_it_may_be_and_explained() {
        assert_clean(check);
    }

    #[test]
    fn unsafe_code_elsewhere_or_unexplained_is_found() {
        let used = "fn a() {\n    unsafe { b() }\n}\n";
        let explained = "// SAFETY: b has no conditions.\nunsafe { b() }\n";
        let files = [
            ("crates/midreg/src/app.rs", explained),
            ("crates/midreg/src/net/epoll.rs", used),
            ("crates/bench/src/syscalls.rs", explained),
            ("crates/sip/src/lib.rs", "//! A crate.\n"),
        ];
        let found = places(check, &files);
        let wanted = [
            "crates/sip/src/lib.rs",
            "crates/midreg/src/app.rs:2",
            "crates/midreg/src/net/epoll.rs:2",
        ];
        assert_eq!(found, wanted);
    }
}
