//! `Record`: what the readers asked for and what they got, table by table.
//!
//! A run over a file yields the effective configuration; a run over nothing, in which each reader
//! of a list is called once all the same, yields the catalogue of all keys.

use super::error::Spot;
use super::form::Kind;
use super::key::{Key, ROOT, TableKey};

/// All tables that were read, each before those within it.
#[derive(Clone, Debug)]
pub struct Record {
    tables: Vec<TableRecord>,
    purpose: Purpose,
}

/// Why it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// To know what the operator wants.
    Use,
    /// To know what there is to be wanted.
    Describe,
}

/// A table that was read.
#[derive(Clone, Debug)]
pub struct TableRecord {
    /// Its full name, `domain.registration`; empty for the outermost.
    pub path: String,
    /// The same with numbers for elements of lists: `domain.0.registration`.
    pub place: String,
    /// What is told of it.
    pub table: &'static TableKey,
    /// Whether there is one or many.
    pub shape: Shape,
    /// Where it stands, if it was given.
    pub spot: Option<Spot>,
    /// Why nothing in it has an effect, if so.
    pub idle: Option<&'static str>,
    /// Its keys, in the order they were asked for.
    pub keys: Vec<KeyRecord>,
}

/// How often a table may stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Once: `[name]`.
    One,
    /// Any number of times: `[[name]]`.
    Many,
}

/// A key that was asked for.
#[derive(Clone, Debug)]
pub struct KeyRecord {
    /// What is told of it.
    pub key: &'static Key,
    /// What its values look like.
    pub kind: Kind,
    /// Its value as TOML, if there is one.
    pub value: Option<String>,
    /// How the value came about, if it is neither given nor the default.
    pub derived: Option<&'static str>,
    /// Where it stands, if it was given.
    pub spot: Option<Spot>,
}

impl Record {
    /// An empty one.
    #[must_use]
    pub(crate) fn new(purpose: Purpose) -> Self {
        let root = TableRecord {
            path: String::new(),
            place: String::new(),
            table: &ROOT,
            shape: Shape::One,
            spot: None,
            idle: None,
            keys: Vec::new(),
        };
        Self {
            tables: vec![root],
            purpose,
        }
    }

    /// All tables, each before those within it.
    pub fn tables(&self) -> impl Iterator<Item = &TableRecord> {
        self.tables.iter()
    }

    /// Why it is written.
    #[must_use]
    pub(crate) fn purpose(&self) -> Purpose {
        self.purpose
    }

    /// Adds a table, and tells its number.
    pub(crate) fn open(&mut self, table: TableRecord) -> usize {
        self.tables.push(table);
        self.tables.len() - 1
    }

    /// The table of this number.
    pub(crate) fn table(&mut self, number: usize) -> Option<&mut TableRecord> {
        self.tables.get_mut(number)
    }
}

impl TableRecord {
    /// The full name of a key of it.
    #[must_use]
    pub fn path_of(&self, key: &Key) -> String {
        join(&self.path, key.name)
    }

    /// The key of this name, if it was asked for.
    #[must_use]
    pub fn key(&self, name: &str) -> Option<&KeyRecord> {
        self.keys.iter().find(|record| record.key.name == name)
    }

    /// The same, to be changed.
    pub(crate) fn key_mut(&mut self, name: &str) -> Option<&mut KeyRecord> {
        self.keys.iter_mut().find(|record| record.key.name == name)
    }

    /// Its header in a file; empty for the outermost.
    #[must_use]
    pub fn header(&self) -> String {
        match (self.path.as_str(), self.shape) {
            ("", _) => String::new(),
            (path, Shape::One) => format!("[{path}]"),
            (path, Shape::Many) => format!("[[{path}]]"),
        }
    }
}

/// A name within a table.
#[must_use]
pub(crate) fn join(path: &str, name: &str) -> String {
    match path {
        "" => name.to_owned(),
        path => format!("{path}.{name}"),
    }
}
