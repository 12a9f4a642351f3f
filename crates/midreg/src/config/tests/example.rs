//! The example that is shipped: it names every key, and shows the defaults.

use super::super::raw::{Document, Table, Value};
use super::super::{Faults, Typed, keys, load};
use super::{check, good, lines};

/// It is as `midreg schema` writes it.
const EXAMPLE: &str = include_str!("../../../../../examples/midreg.toml");

/// The example with the lines that are switched off switched on: those with `#` and no space.
fn whole_example() -> String {
    let on = |line: &str| match line.strip_prefix('#') {
        Some(rest) if rest.starts_with(|c: char| c != ' ') => format!("{rest}\n"),
        _ => format!("{line}\n"),
    };
    EXAMPLE.lines().map(on).collect()
}

#[test]
fn the_example_shows_the_defaults() {
    let loaded = check(EXAMPLE, &[]).unwrap_or_else(|faults| panic!("{:?}", lines(&faults)));
    assert_eq!(lines(&loaded.warnings), [""; 0]);
    let mut shown = loaded.config;
    let mut plain = good("upstream.servers = [\"sip:10.0.0.5:5060\"]", &[]);
    shown.secret_file = None;
    shown.listen[0].advertise = None;
    plain.secret_file = None;
    assert_eq!(format!("{shown:?}"), format!("{plain:?}"));
}

#[test]
fn the_example_with_everything_switched_on_names_every_key_and_is_sound() {
    let text = whole_example();
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("midreg.toml");
    std::fs::write(&file, &text).expect("written");
    let hash = "7650d211d93fae2c3f56cdb1f1af23b2";
    let line = |hash: &str| format!("erin:example.org:{hash}\n");
    let users = line(hash) + &line(&hash.repeat(2));
    std::fs::write(folder.path().join("users.htdigest"), users).expect("written");
    let typed = Typed {
        file: Some(file),
        overrides: Vec::new(),
    };
    let loaded = load(&typed).unwrap_or_else(|faults| panic!("{:?}", lines(&faults)));
    assert!(
        lines(&loaded.warnings)
            .iter()
            .all(|line| !line.contains("hash"))
    );
    assert_eq!(loaded.config.domains.len(), 1);
    let mut faults = Faults::default();
    let document = Document::parse("midreg.toml", text, &mut faults);
    let mut named = Vec::new();
    name_keys("", &document.root, &mut named);
    for key in keys::all() {
        assert!(
            named.iter().any(|name| name == key),
            "{key} is not in the example"
        );
    }
}

fn name_keys(path: &str, table: &Table, named: &mut Vec<String>) {
    for entry in &table.entries {
        let path = match path {
            "" => entry.key.clone(),
            path => format!("{path}.{}", entry.key),
        };
        let items = match &entry.node.value {
            Value::Array(items) => items.as_slice(),
            _ => std::slice::from_ref(&entry.node),
        };
        for item in items {
            if let Value::Table(inner) = &item.value {
                name_keys(&path, inner, named);
            }
        }
        named.push(path);
    }
}
