//! `Document`: what the operator typed, as a tree in which every key and value knows its place.
//!
//! The file comes first, then the command line lays its values over it (see
//! [`set`](super::set)); meaning is given to the tree by [`checked`](super::checked). TOML errors
//! are recovered from, so that one bad line does not hide the others.

use std::ops::Range;
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::{Fault, Faults, Source, Spot};
use super::syntax::{self, Syntax};

/// A value and where it stands.
#[derive(Clone, Debug)]
pub struct Node {
    /// The value.
    pub value: Value,
    /// Its place.
    pub spot: Spot,
}

/// A TOML value.
#[derive(Clone, Debug)]
pub enum Value {
    /// A text.
    String(String),
    /// A whole number.
    Integer(i64),
    /// `true` or `false`.
    Boolean(bool),
    /// A list, or an array of tables.
    Array(Vec<Node>),
    /// A table.
    Table(Table),
    /// A kind of value that no key takes: its name.
    Foreign(&'static str),
    /// One with an error in it that was told: nobody knows what was meant.
    Broken,
}

/// Keys and values, in the order they stand in the text.
#[derive(Clone, Debug, Default)]
pub struct Table {
    /// Its entries; keys are unique.
    pub entries: Vec<Entry>,
}

/// A key with its value.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Where the key stands.
    pub key_spot: Spot,
    /// The value.
    pub node: Node,
}

/// Everything the operator typed.
#[derive(Clone, Debug, Default)]
pub struct Document {
    /// The outermost table.
    pub root: Table,
}

impl Document {
    /// Reads the text of a file called `name`.
    pub fn parse(name: &str, text: String, faults: &mut Faults) -> Self {
        let source = Arc::new(Source {
            name: name.to_owned(),
            text,
        });
        let (table, errors) = DeTable::parse_recoverable(&source.text);
        let syntax = Syntax::of(&errors, table.get_ref(), &source);
        let mut root = convert_table(table.get_ref(), &source, 0);
        break_values(&mut root, &syntax.broken);
        syntax
            .faults
            .into_iter()
            .for_each(|fault| faults.push(fault));
        Self { root }
    }
}

impl Table {
    /// The entry of a key.
    #[must_use]
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.key == key)
    }

    /// The entry of a key, to be changed.
    pub fn entry_mut(&mut self, key: &str) -> Option<&mut Entry> {
        self.entries.iter_mut().find(|entry| entry.key == key)
    }
}

impl Value {
    /// The kind of value, with its article.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::String(_) => "a text",
            Self::Integer(_) => "a number",
            Self::Boolean(_) => "a boolean",
            Self::Array(_) => "a list",
            Self::Table(_) => "a table",
            Self::Foreign(kind) => kind,
            Self::Broken => "not a value",
        }
    }
}

/// Reads one value that begins `offset` bytes into `source`.
///
/// # Errors
///
/// The first thing in it that is not TOML.
pub fn parse_value(source: &Arc<Source>, offset: usize) -> Result<Node, Fault> {
    let text = source.text.get(offset..).unwrap_or_default();
    DeValue::parse(text)
        .map(|value| convert(&value, source, offset))
        .map_err(|error| syntax_fault(&error, source, offset))
}

fn syntax_fault(error: &toml::de::Error, source: &Arc<Source>, offset: usize) -> Fault {
    let end = source.text.len();
    let span = error
        .span()
        .map_or(end..end, |span| span.start + offset..span.end + offset);
    syntax::fault(error.message(), span, source)
}

/// Marks the values in which the parser stumbled, so that nobody takes them for what was meant.
fn break_values(table: &mut Table, broken: &[Range<usize>]) {
    for entry in &mut table.entries {
        break_value(&mut entry.node, broken);
    }
}

fn break_value(node: &mut Node, broken: &[Range<usize>]) {
    let own = &node.spot.span;
    let hit =
        |span: &Range<usize>| span.start < own.end.max(own.start + 1) && own.start <= span.end;
    match &mut node.value {
        Value::Table(table) => break_values(table, broken),
        Value::Array(items)
            if items
                .iter()
                .any(|item| matches!(item.value, Value::Table(_))) =>
        {
            items.iter_mut().for_each(|item| break_value(item, broken));
        }
        value if broken.iter().any(hit) => *value = Value::Broken,
        _ => {}
    }
}

fn convert(value: &Spanned<DeValue<'_>>, source: &Arc<Source>, offset: usize) -> Node {
    let spot = spot_of(value.span(), source, offset);
    let value = match value.get_ref() {
        DeValue::String(text) => Value::String(text.clone().into_owned()),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix()).map_or(
            Value::Foreign("a number too large to count with"),
            Value::Integer,
        ),
        DeValue::Boolean(flag) => Value::Boolean(*flag),
        DeValue::Array(items) => Value::Array(
            items
                .iter()
                .map(|item| convert(item, source, offset))
                .collect(),
        ),
        DeValue::Table(table) => Value::Table(convert_table(table, source, offset)),
        DeValue::Float(_) => Value::Foreign("a fraction"),
        DeValue::Datetime(_) => Value::Foreign("a date"),
    };
    Node { value, spot }
}

fn convert_table(table: &DeTable<'_>, source: &Arc<Source>, offset: usize) -> Table {
    let mut entries: Vec<Entry> = table
        .iter()
        .map(|(key, value)| Entry {
            key: key.get_ref().clone().into_owned(),
            key_spot: spot_of(key.span(), source, offset),
            node: convert(value, source, offset),
        })
        .collect();
    entries.sort_by_key(|entry| entry.key_spot.span.start);
    Table { entries }
}

fn spot_of(span: Range<usize>, source: &Arc<Source>, offset: usize) -> Spot {
    Spot {
        source: Arc::clone(source),
        span: span.start + offset..span.end + offset,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_keep_their_order_and_place() {
        let text = "workers = 2\nmode = \"mirror\"\n[log]\nlevel = \"warn\"\n".to_owned();
        let mut faults = Faults::default();
        let document = Document::parse("f", text, &mut faults);
        assert_eq!(faults.iter().count(), 0);
        let keys: Vec<&str> = document
            .root
            .entries
            .iter()
            .map(|e| e.key.as_str())
            .collect();
        assert_eq!(keys, ["workers", "mode", "log"]);
        let mode = document.root.entry("mode").expect("present");
        assert_eq!(mode.key_spot.line_column(), (2, 1));
        assert_eq!(mode.node.spot.line_column(), (2, 8));
        assert_eq!(mode.node.spot.shown(), "\"mirror\"");
    }

    #[test]
    fn every_syntax_error_is_told_with_its_place() {
        let text = "workers = \nmode = contact\nok = 1\nok = 2\n".to_owned();
        let mut faults = Faults::default();
        let document = Document::parse("f", text, &mut faults);
        let lines: Vec<usize> = faults
            .iter()
            .map(|f| f.spot.as_ref().expect("a place").line_column().0)
            .collect();
        assert!(
            [1, 2, 4].iter().all(|line| lines.contains(line)),
            "{lines:?}"
        );
        assert!(document.root.entry("ok").is_some());
    }

    #[test]
    fn what_only_follows_from_an_error_is_not_told() {
        for (text, wanted) in [
            (
                "a = [1\nb = 2\n[c]\nd = e\n",
                "f:1:5: error: not valid TOML: this bracket is never closed",
            ),
            (
                "[t]\na = {b = 1\nc = d\n",
                "f:2:5: error: not valid TOML: this bracket is never closed",
            ),
            (
                "a = b c d\n",
                "f:1:5: error: not valid TOML: a text without quotes",
            ),
            ("a =\nb = 1\n", "f:1:4: error: not valid TOML: no value"),
            (
                "a = \"b\nc = 1\n",
                "f:1:7: error: not valid TOML: a text without its second quote",
            ),
            (
                "a = 1\na = 2\n",
                "f:2:1: error: not valid TOML: this stands twice",
            ),
        ] {
            let mut faults = Faults::default();
            Document::parse("f", text.to_owned(), &mut faults);
            let lines: Vec<String> = faults.iter().map(Fault::line).collect();
            assert_eq!(lines.len(), 1, "{text}{lines:?}");
            assert!(lines[0].starts_with(wanted), "{text}{lines:?}");
        }
    }

    #[test]
    fn a_number_beyond_all_bounds_is_no_panic() {
        let mut faults = Faults::default();
        let document = Document::parse("f", "a = 99999999999999999999\n".to_owned(), &mut faults);
        let kind = document
            .root
            .entry("a")
            .map(|entry| entry.node.value.kind());
        assert_eq!(kind, Some("a number too large to count with"));
    }
}
