//! The JSON schema of the configuration (draft 2020-12), for editors that complete and check while
//! one types.

use serde_json::{Map, Value, json};

use super::form::Kind;
use super::key::Absent;
use super::record::{KeyRecord, Record, Shape, TableRecord};

/// A text that counts as a time.
const TIME_PATTERN: &str = "^ *(\\d+d)?(\\d+h)?(\\d+m)?(\\d+s)?(\\d+ms)? *$";

/// The schema of everything that `catalogue` holds.
#[must_use]
pub fn json_schema(catalogue: &Record) -> Value {
    let tables: Vec<&TableRecord> = catalogue.tables().collect();
    let Some(root) = tables.first() else {
        return Value::Bool(true);
    };
    let mut schema = object(root, &tables);
    schema["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    schema["title"] = json!("midreg.toml");
    schema["description"] = json!("The configuration of midreg, a SIP mid-registrar");
    schema
}

/// A table with its keys and the tables directly within it.
fn object(table: &TableRecord, all: &[&TableRecord]) -> Value {
    let mut properties = Map::new();
    let mut required = Vec::new();
    for record in &table.keys {
        properties.insert(record.key.name.to_owned(), property(record));
        if record.key.absent == Absent::Required {
            required.push(record.key.name);
        }
    }
    for inner in all.iter().filter(|inner| is_within(inner, table)) {
        let one = object(inner, all);
        let property = match inner.shape {
            Shape::One => one,
            // A single table in place of a list counts as a list of one.
            Shape::Many => json!({
                "description": inner.table.doc,
                "anyOf": [{ "type": "array", "items": one }, one],
            }),
        };
        properties.insert(inner.table.name.to_owned(), property);
    }
    let mut schema = json!({
        "type": "object",
        "additionalProperties": false,
        "properties": properties,
    });
    if !table.table.doc.is_empty() {
        schema["description"] = json!(table.table.doc);
    }
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    schema
}

fn is_within(inner: &TableRecord, table: &TableRecord) -> bool {
    let outer = match inner.path.rsplit_once('.') {
        Some((outer, _)) => outer,
        None => "",
    };
    !inner.path.is_empty() && outer == table.path
}

fn property(record: &KeyRecord) -> Value {
    let mut schema = of_kind(&record.kind);
    let mut description = record.key.doc.to_owned();
    if let Some(words) = record.key.absent.words() {
        description += &format!(" When left out: {words}.");
    }
    schema["description"] = json!(description);
    // What follows from other keys is no default for an editor to fill in.
    if record.key.absent == Absent::Default
        && let Some(default) = record.value.as_deref().and_then(value)
    {
        schema["default"] = default;
    }
    schema["examples"] = json!([value(record.key.example)]);
    schema
}

fn of_kind(kind: &Kind) -> Value {
    match kind {
        Kind::Flag => json!({ "type": "boolean" }),
        Kind::Count { least, most } => {
            json!({ "type": "integer", "minimum": least, "maximum": most })
        }
        Kind::Seconds { least, most } => json!({ "anyOf": [
            { "type": "integer", "minimum": least, "maximum": most },
            { "type": "string", "pattern": TIME_PATTERN, "minLength": 2 },
        ] }),
        Kind::Span { least, most } => json!({ "anyOf": [
            { "type": "integer", "minimum": least.as_millis().div_ceil(1000), "maximum": most.as_secs() },
            { "type": "string", "pattern": TIME_PATTERN, "minLength": 2 },
        ] }),
        Kind::Percent { most } => json!({ "anyOf": [
            { "type": "integer", "minimum": 0, "maximum": most },
            { "type": "string", "pattern": "^ *[0-9]+% *$" },
        ] }),
        Kind::Words(words) => {
            let words: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            json!({ "type": "string", "enum": words })
        }
        Kind::Text { pattern: "", .. } | Kind::Secret { .. } => json!({ "type": "string" }),
        Kind::Text { pattern, .. } => json!({ "type": "string", "pattern": pattern }),
        Kind::List(item) => {
            let item = of_kind(item);
            json!({ "anyOf": [{ "type": "array", "items": item }, item] })
        }
    }
}

/// A TOML value as JSON; `None` for what is none.
fn value(toml: &str) -> Option<Value> {
    let table: toml::Table = toml::from_str(&format!("value = {toml}")).ok()?;
    serde_json::to_value(table.get("value")?).ok()
}
