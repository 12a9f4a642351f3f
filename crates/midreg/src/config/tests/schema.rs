//! The JSON schema takes what the readers take, and knows the keys that they know.

use regex_lite::Regex;
use serde_json::{Value, json};

use super::super::keys::{all, catalogue};
use super::super::schema::json_schema;
use super::keys::{PROBES, file_with};

fn schema() -> Value {
    json_schema(catalogue())
}

/// Why a value does not fit a schema: as much of JSON Schema as ours uses, and no more.
fn misfit(schema: &Value, value: &Value) -> Option<String> {
    let rules = schema.as_object().expect("an object");
    rules.iter().find_map(|(rule, wanted)| match rule.as_str() {
        "$schema" | "title" | "description" | "default" | "examples" => None,
        "type" => (!is_of_type(value, wanted)).then(|| format!("{value} is no {wanted}")),
        "enum" => {
            let words = wanted.as_array().expect("a list");
            (!words.contains(value)).then(|| format!("{value} is none of {wanted}"))
        }
        "minimum" => (value.as_i64() < wanted.as_i64()).then(|| format!("{value} < {wanted}")),
        "maximum" => (value.as_i64() > wanted.as_i64()).then(|| format!("{value} > {wanted}")),
        "minLength" => {
            let length = value.as_str().map_or(0, |text| text.chars().count());
            (length < 2).then(|| format!("{value} is short"))
        }
        "pattern" => {
            let pattern = Regex::new(wanted.as_str().expect("a text")).expect("sound");
            let fits = pattern.is_match(value.as_str().unwrap_or_default());
            (!fits).then(|| format!("{value} does not fit {wanted}"))
        }
        "anyOf" => {
            let any = wanted.as_array().expect("a list").iter();
            let misfits: Vec<Option<String>> = any.map(|one| misfit(one, value)).collect();
            (!misfits.contains(&None)).then(|| format!("{misfits:?}"))
        }
        "items" => value
            .as_array()?
            .iter()
            .find_map(|item| misfit(wanted, item)),
        "required" => {
            let names = wanted.as_array().expect("a list").iter();
            let mut names = names.map(|name| name.as_str().expect("a name"));
            let missing = names.find(|name| value.get(name).is_none());
            missing.map(|name| format!("{name} is missing"))
        }
        "properties" => value.as_object()?.iter().find_map(|(name, value)| {
            let why = misfit(wanted.get(name)?, value)?;
            Some(format!("{name}: {why}"))
        }),
        "additionalProperties" => {
            assert_eq!(wanted, &json!(false));
            let known = &schema["properties"];
            let mut names = value.as_object()?.keys();
            let unknown = names.find(|name| known.get(name).is_none());
            unknown.map(|name| format!("{name} is unknown"))
        }
        other => panic!("{other} is not used"),
    })
}

fn is_of_type(value: &Value, wanted: &Value) -> bool {
    match wanted.as_str().expect("a text") {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64(),
        "boolean" => value.is_boolean(),
        other => panic!("{other} is not used"),
    }
}

fn check(text: &str) -> Option<String> {
    let table: toml::Table = toml::from_str(text).expect("TOML");
    misfit(&schema(), &serde_json::to_value(table).expect("JSON"))
}

#[test]
fn every_key_with_a_good_value_fits() {
    for (key, value, _) in PROBES {
        let text = file_with(key, value);
        assert_eq!(check(&text), None, "{text}");
    }
}

#[test]
fn what_the_readers_refuse_does_not_fit() {
    for line in [
        "worker = 1",
        "workers = 0",
        "workers = 65",
        "workers = \"4\"",
        "mode = \"mirrored\"",
        "mode = 1",
        "upstream.expires = 0",
        "upstream.expires = \"x\"",
        "upstream.expires = \"\"",
        "upstream.deadline = 301",
        "upstream.servers = \"10.0.0.5\"",
        "upstream.servers = [\"sip:a@10.0.0.5\"]",
        "upstream.token_param = \"a;b\"",
        "upstream.definitive_rejects = [200]",
        "upstream.credentials = [{user = \"u\"}]",
        "listen = [{side = \"both\"}]",
        "listen = [{bind = \"tcp://0.0.0.0\"}]",
        "registration.jitter = 51",
        "digest.algorithms = [\"SHA-1\"]",
        "digest.users = [{password = \"x\"}]",
        "domain = [{name = \"a\", listen = []}]",
        "domain = [{name = \"a\", registration = {min_expires = 0}}]",
    ] {
        assert!(check(&format!("{line}\n")).is_some(), "{line}");
        let faults = super::check(&format!("{line}\n"), &[]).expect_err(line);
        assert!(faults.has_errors(), "{line}");
    }
}

#[test]
fn the_schema_has_the_keys_of_the_readers_and_no_others() {
    let mut found = Vec::new();
    leaves("", &schema(), &mut found);
    let mut known = all().to_vec();
    found.sort_unstable();
    known.sort_unstable();
    assert_eq!(found, known);
}

/// The names of all keys that are no tables.
fn leaves(path: &str, schema: &Value, found: &mut Vec<String>) {
    let own = schema["properties"].as_object();
    let inner = schema["anyOf"][1]["properties"].as_object();
    match own.or(inner) {
        None => found.push(path.to_owned()),
        Some(properties) => {
            for (name, schema) in properties {
                let path = match path {
                    "" => name.clone(),
                    path => format!("{path}.{name}"),
                };
                leaves(&path, schema, found);
            }
        }
    }
}
