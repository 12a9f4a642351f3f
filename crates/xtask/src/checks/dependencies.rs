//! Who may depend on whom. The sans-IO core is enforced at crate boundaries, so the boundaries
//! themselves are guarded here.

use toml::{Table, Value};

use crate::offence::Offence;
use crate::tree::{File, Tree};

/// What a crate may use.
enum Rule {
    /// These and nothing else.
    Only(&'static [&'static str]),
    /// Anything but these.
    AnythingBut(&'static [&'static str]),
}

/// The rule of each crate, by its folder. Names are the keys of the dependency tables.
const RULES: &[(&str, Rule)] = &[
    (
        "sip",
        Rule::Only(&["memchr", "smallvec", "md-5", "sha2", "subtle"]),
    ),
    (
        "engine",
        Rule::Only(&[
            "sip",
            "hashbrown",
            "smallvec",
            "siphasher",
            "sha2",
            "hmac",
            "subtle",
        ]),
    ),
    ("sim", Rule::Only(&["sip", "engine"])),
    ("bench", Rule::AnythingBut(&["engine", "sim", "midreg"])),
    ("midreg", Rule::AnythingBut(&["sim", "bench"])),
    (
        "xtask",
        Rule::AnythingBut(&["sip", "engine", "sim", "bench", "midreg"]),
    ),
];

/// What only tests use may be more, but never an engine's world or the shell.
const NEVER_FOR_TESTS: &[(&str, &[&str])] = &[
    ("sip", &["engine", "sim", "midreg"]),
    ("engine", &["sim", "midreg"]),
    ("sim", &["midreg"]),
    ("bench", &["engine", "midreg"]),
];

pub(super) fn check(tree: &Tree) -> Vec<Offence> {
    let manifests = tree.files().filter_map(|file| {
        let name = file.path.strip_prefix("crates/")?;
        Some((name.strip_suffix("/Cargo.toml")?, file))
    });
    manifests
        .flat_map(|(name, file)| check_manifest(name, file))
        .collect()
}

fn check_manifest(name: &str, file: &File) -> Vec<Offence> {
    let manifest = match file.text.parse::<Table>() {
        Ok(manifest) => manifest,
        Err(error) => {
            let wrong = format!("not TOML: {}", error.message());
            return vec![Offence::in_file(&file.path, wrong, "mend it")];
        }
    };
    let Some((_, rule)) = RULES.iter().find(|(known, _)| *known == name) else {
        return vec![Offence::in_file(
            &file.path,
            "a crate without a rule of what it may depend on",
            "give it one in crates/xtask/src/checks/dependencies.rs",
        )];
    };
    let forbidden = |dependency: &String| !rule.allows(dependency);
    let used = keys(&manifest, "dependencies")
        .into_iter()
        .filter(forbidden);
    let for_tests = NEVER_FOR_TESTS.iter().find(|(known, _)| *known == name);
    let for_tests = for_tests.map_or(&[][..], |(_, never)| never);
    let used_by_tests = keys(&manifest, "dev-dependencies")
        .into_iter()
        .filter(|dependency| for_tests.contains(&dependency.as_str()));
    let mut offences: Vec<Offence> = used
        .chain(used_by_tests)
        .map(|dependency| {
            Offence::in_file(
                &file.path,
                format!("`{name}` must not depend on `{dependency}`"),
                "see docs/adr/0001-few-crates-and-a-sans-io-core.md; a new direction needs a new record",
            )
        })
        .collect();
    if !keys(&manifest, "build-dependencies").is_empty() {
        offences.push(Offence::in_file(
            &file.path,
            "build dependencies",
            "nothing here is made at build time; generated files are committed",
        ));
    }
    let lints = manifest
        .get("lints")
        .and_then(|lints| lints.get("workspace"));
    if lints != Some(&Value::Boolean(true)) {
        offences.push(Offence::in_file(
            &file.path,
            "without the lints of the workspace",
            "add `[lints] workspace = true`",
        ));
    }
    offences
}

impl Rule {
    fn allows(&self, dependency: &str) -> bool {
        match self {
            Self::Only(these) => these.contains(&dependency),
            Self::AnythingBut(these) => !these.contains(&dependency),
        }
    }
}

/// The names in a table of dependencies, those for single targets included.
fn keys(manifest: &Table, table: &str) -> Vec<String> {
    let names = |tables: &Table| {
        let table = tables.get(table).and_then(Value::as_table);
        table
            .into_iter()
            .flat_map(|table| table.keys().cloned())
            .collect::<Vec<_>>()
    };
    let targets = manifest.get("target").and_then(Value::as_table);
    let of_targets = targets
        .into_iter()
        .flat_map(|targets| targets.values().filter_map(Value::as_table))
        .flat_map(names);
    names(manifest).into_iter().chain(of_targets).collect()
}

#[cfg(test)]
mod tests {
    use super::super::{assert_clean, places};
    use super::*;

    #[test]
    fn the_crates_depend_in_the_right_direction() {
        assert_clean(check);
    }

    #[test]
    fn a_wrong_direction_is_found() {
        let lints = "[lints]\nworkspace = true\n";
        let bad = [
            ("sip", "[dependencies]\nlibc = \"1\"\n"),
            ("engine", "[dependencies]\ntokio.workspace = true\n"),
            (
                "engine",
                "[target.'cfg(unix)'.dependencies]\nlibc = \"1\"\n",
            ),
            ("engine", "[dev-dependencies]\nsim.workspace = true\n"),
            ("bench", "[dependencies]\nengine.workspace = true\n"),
            ("xtask", "[dependencies]\nsip.workspace = true\n"),
            ("sip", "[build-dependencies]\ncc = \"1\"\n"),
            ("new", ""),
        ];
        for (name, text) in bad {
            let path = format!("crates/{name}/Cargo.toml");
            let text = format!("{lints}{text}");
            assert_eq!(places(check, &[(&path, &text)]), [path.as_str()], "{text}");
        }
    }

    #[test]
    fn a_crate_has_the_lints_of_the_workspace() {
        let path = "crates/sip/Cargo.toml";
        assert_eq!(places(check, &[(path, "[package]\n")]), [path]);
    }
}
