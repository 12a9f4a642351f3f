//! No clock, socket, thread, lock, file, environment or random seed in the sans-IO crates. Clippy
//! knows the usual names (`clippy.toml` of each crate); this is the second net, which also catches
//! a clippy that is told to look away.

use crate::offence::Offence;
use crate::source::{self, names};
use crate::tree::Tree;

/// The crates that see nothing of the world.
const CRATES: &[&str] = &["crates/sip/src/", "crates/engine/src/"];

/// What must not be named, and what stands for it.
const BANNED: &[(&str, &str)] = &[
    ("Instant", "time comes in with `Now`"),
    ("SystemTime", "time comes in with `Now`"),
    (
        "std::net",
        "addresses are in `core::net`; sockets belong to the shell",
    ),
    ("UdpSocket", "sockets belong to the shell"),
    ("TcpStream", "sockets belong to the shell"),
    ("std::thread", "one owner per shard, no threads"),
    ("std::sync::Mutex", "one owner per shard, no locks"),
    ("Mutex", "one owner per shard, no locks"),
    ("RwLock", "one owner per shard, no locks"),
    ("std::fs", "files belong to the shell"),
    ("std::env", "settings come in with `Policy`"),
    ("std::process", "the shell decides when to end"),
    ("std::io", "bytes come in and go out as slices"),
    (
        "HashMap",
        "its seed is random: use `hashbrown::HashTable` with a keyed hash",
    ),
    (
        "HashSet",
        "its seed is random: use `hashbrown::HashTable` with a keyed hash",
    ),
    ("RandomState", "its seed is random: use a keyed hash"),
    ("getrandom", "entropy comes in with `EngineConfig::seed`"),
    ("println!", "tell an `Event`"),
    ("eprintln!", "tell an `Event`"),
];

pub(super) fn check(tree: &Tree) -> Vec<Offence> {
    let mut offences = Vec::new();
    for file in tree.rust() {
        if !CRATES.iter().any(|name| file.path.starts_with(name)) {
            continue;
        }
        for line in source::product(file) {
            let found = BANNED.iter().find(|(word, _)| names(line.code, word));
            if let Some((word, instead)) = found {
                let wrong = format!("`{word}` in a crate that sees nothing of the world");
                offences.push(Offence::at(&file.path, line.number, wrong, *instead));
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
    fn the_core_sees_nothing_of_the_world() {
        assert_clean(check);
    }

    #[test]
    fn a_look_at_the_world_is_found_outside_comments_and_tests() {
        let text = "// Instant\nlet a = Instant::now();\n\n#[cfg(test)]\nmod tests {\n    Instant::now();\n}\n";
        let files = [
            ("crates/engine/src/a.rs", text),
            ("crates/engine/tests/a.rs", text),
            ("crates/midreg/src/a.rs", text),
        ];
        assert_eq!(places(check, &files), ["crates/engine/src/a.rs:2"]);
    }
}
