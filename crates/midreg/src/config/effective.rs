//! The effective configuration as a file: every key with the value that holds, and where that
//! comes from.
//!
//! What is inherited, idle or unset stands in comments, so that the whole is a configuration again,
//! with the same meaning. Passwords and hashes are blotted out.

use std::fmt::Write;

use serde_json::{Map, Value, json};

use super::keys::followed;
use super::record::{KeyRecord, Record, TableRecord, join};

/// Column at which origins stand.
const ORIGIN_COLUMN: usize = 40;

/// The configuration that holds, as TOML.
#[must_use]
pub fn effective(record: &Record) -> String {
    let mut text = String::from(
        "# The configuration as it holds, with where each value comes from. Passwords and hashes are\n\
         # not shown.\n",
    );
    for table in record.tables() {
        // Tables of a domain that it does not have would say nothing but that it inherits.
        let silent = table.spot.is_none() && table.path.starts_with("domain.");
        if !silent {
            write_table(&mut text, table);
        }
    }
    text
}

/// The same for programs: each key by its dotted path, as `--set` takes it, with its value as TOML
/// (null where none holds) and where that comes from.
#[must_use]
pub fn effective_json(record: &Record) -> Value {
    let mut keys = Map::new();
    for table in record.tables() {
        for record in &table.keys {
            let Line { origin, .. } = line(table, record);
            let path = join(&table.place, record.key.name);
            keys.insert(path, json!({ "value": record.value, "origin": origin }));
        }
    }
    Value::Object(keys)
}

fn write_table(text: &mut String, table: &TableRecord) {
    let header = table.header();
    if !header.is_empty() {
        let off = if table.idle.is_some() { "#" } else { "" };
        let why = table
            .idle
            .map_or_else(String::new, |why| format!("  # {why}"));
        // Writing to a String cannot fail.
        let _ = writeln!(text, "\n{off}{header}{why}");
    }
    for record in &table.keys {
        let line = line(table, record);
        let off = line.off || table.idle.is_some();
        let setting = format!(
            "{}{} = {}",
            if off { "#" } else { "" },
            record.key.name,
            line.value
        );
        let _ = writeln!(text, "{setting:<ORIGIN_COLUMN$} # {}", line.origin);
    }
}

struct Line {
    value: String,
    origin: String,
    off: bool,
}

fn line(table: &TableRecord, record: &KeyRecord) -> Line {
    let inherited = followed(&table.path_of(record.key));
    match (&record.value, &record.spot) {
        (Some(value), Some(spot)) => Line {
            value: value.clone(),
            origin: spot.to_string(),
            off: false,
        },
        (Some(value), None) => {
            let inherits = inherited.map(|key| format!("as {key}"));
            // Written down, it would no longer follow what it follows.
            let derived = record.derived.map(|words| words.replace('`', ""));
            let origin = derived.or(inherits);
            Line {
                value: value.clone(),
                off: origin.is_some(),
                origin: origin.unwrap_or_else(|| "default".to_owned()),
            }
        }
        (None, _) => Line {
            value: "…".to_owned(),
            origin: record
                .key
                .absent
                .words()
                .unwrap_or("not set")
                .replace('`', ""),
            off: true,
        },
    }
}
