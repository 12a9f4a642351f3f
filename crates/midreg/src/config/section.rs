//! `Section`: reads one table key by key and complains about what is left over.
//!
//! The code that reads the keys is the schema: whatever was not asked for is unknown. A value that
//! does not fit is reported and then treated as absent, so that reading goes on.

use super::error::{Fault, Faults, Spot};
use super::keys;
use super::raw::{Entry, Node, Table, Value};

/// A value that was given, and where.
#[derive(Clone, Debug)]
pub(crate) struct Given<T> {
    /// What it means.
    pub(crate) value: T,
    /// Where it stands.
    pub(crate) spot: Spot,
}

/// Why a value does not fit its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Complaint {
    /// What is wrong with it.
    pub(crate) label: String,
    /// What would be right.
    pub(crate) help: String,
}

/// A table while it is read.
#[derive(Debug)]
pub(crate) struct Section<'t, 'f> {
    path: String,
    table: Option<&'t Table>,
    spot: Option<&'t Spot>,
    asked: Vec<&'static str>,
    /// Where complaints go.
    pub(crate) faults: &'f mut Faults,
}

impl Complaint {
    /// A complaint with advice.
    #[must_use]
    pub(crate) fn new(label: impl Into<String>, help: impl Into<String>) -> Self {
        Self {
            label: label.into(),
            help: help.into(),
        }
    }

    /// The complaint that a value is of the wrong kind.
    #[must_use]
    pub(crate) fn kind(value: &Value, wanted: &str) -> Self {
        Self::new(
            format!("this is {}", value.kind()),
            format!("{wanted} is wanted"),
        )
    }
}

impl<'t, 'f> Section<'t, 'f> {
    /// The outermost table.
    pub(crate) fn root(table: &'t Table, faults: &'f mut Faults) -> Self {
        Self {
            path: String::new(),
            table: Some(table),
            spot: None,
            asked: Vec::new(),
            faults,
        }
    }

    /// The value of `key`, when it is given and fits.
    pub(crate) fn value<T>(
        &mut self,
        key: &'static str,
        parse: impl FnOnce(&Node) -> Result<T, Complaint>,
    ) -> Option<Given<T>> {
        let node = &self.take(key)?.node;
        match parse(node) {
            Ok(value) => Some(Given {
                value,
                spot: node.spot.clone(),
            }),
            Err(complaint) => {
                self.complain(key, &node.spot, complaint);
                None
            }
        }
    }

    /// The elements of the list `key`; those that do not fit are reported and left out. A single
    /// value counts as a list of one.
    pub(crate) fn list<T>(
        &mut self,
        key: &'static str,
        parse: impl Fn(&Node) -> Result<T, Complaint>,
    ) -> Option<Vec<Given<T>>> {
        let node = &self.take(key)?.node;
        let items = match &node.value {
            Value::Array(items) => items.as_slice(),
            _ => std::slice::from_ref(node),
        };
        let mut values = Vec::with_capacity(items.len());
        for item in items {
            match parse(item) {
                Ok(value) => values.push(Given {
                    value,
                    spot: item.spot.clone(),
                }),
                Err(complaint) => self.complain(key, &item.spot, complaint),
            }
        }
        Some(values)
    }

    /// Reads the table `key`, or an empty one.
    pub(crate) fn section<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&mut Section<'t, '_>) -> T,
    ) -> T {
        let found = match self.take(key).map(|entry| &entry.node) {
            Some(Node {
                value: Value::Table(table),
                spot,
            }) => Some((table, spot)),
            Some(node) => {
                self.complain(key, &node.spot, Complaint::kind(&node.value, "a table"));
                None
            }
            None => None,
        };
        self.read_inner(key, found, read)
    }

    /// Reads each table of the array of tables `key`.
    pub(crate) fn each<T>(
        &mut self,
        key: &'static str,
        read: impl Fn(&mut Section<'t, '_>, &Spot) -> T,
    ) -> Vec<T> {
        let items = match self.take(key).map(|entry| &entry.node) {
            Some(Node {
                value: Value::Array(items),
                ..
            }) => items.as_slice(),
            Some(node) => std::slice::from_ref(node),
            None => &[],
        };
        let mut all = Vec::with_capacity(items.len());
        for item in items {
            match &item.value {
                Value::Table(table) => {
                    all.push(self.read_inner(key, Some((table, &item.spot)), |inner| {
                        read(inner, &item.spot)
                    }));
                }
                value => self.complain(key, &item.spot, Complaint::kind(value, "a table")),
            }
        }
        all
    }

    /// Whether `key` is there, be it with a wrong value.
    #[must_use]
    pub(crate) fn has(&self, key: &str) -> bool {
        self.table.is_some_and(|table| table.entry(key).is_some())
    }

    /// Whether all of `keys` are there, be it with wrong values; reports those that are not, at the
    /// place of the table.
    pub(crate) fn needs(&mut self, keys: &[&str], spot: &Spot) -> bool {
        let missing = keys.iter().filter(|key| !self.has(key));
        let missing: Vec<String> = missing.map(|key| self.path_of(key)).collect();
        for key in &missing {
            self.faults
                .push(Fault::error(spot, format!("`{key}` is missing")));
        }
        missing.is_empty()
    }

    /// Where the table stands; `None` when it was not given.
    #[must_use]
    pub(crate) fn spot(&self) -> Option<&'t Spot> {
        self.spot
    }

    /// Where the first key other than `key` stands.
    #[must_use]
    pub(crate) fn first_beside(&self, key: &str) -> Option<&'t Spot> {
        let mut entries = self.table?.entries.iter();
        entries
            .find(|entry| entry.key != key)
            .map(|entry| &entry.key_spot)
    }

    /// The full name of a key of this table.
    #[must_use]
    pub(crate) fn path_of(&self, key: &str) -> String {
        match self.path.as_str() {
            "" => key.to_owned(),
            path => format!("{path}.{key}"),
        }
    }

    /// Reports every key that was not asked for.
    pub(crate) fn finish(self) {
        let Some(table) = self.table else { return };
        for entry in &table.entries {
            if !self.asked.contains(&entry.key.as_str()) {
                self.faults.push(unknown_key(&self.path, entry));
            }
        }
    }

    fn read_inner<T>(
        &mut self,
        key: &str,
        found: Option<(&'t Table, &'t Spot)>,
        read: impl FnOnce(&mut Section<'t, '_>) -> T,
    ) -> T {
        let path = self.path_of(key);
        let mut inner = Section {
            path,
            table: found.map(|(table, _)| table),
            spot: found.map(|(_, spot)| spot),
            asked: Vec::new(),
            faults: &mut *self.faults,
        };
        let value = read(&mut inner);
        inner.finish();
        value
    }

    fn take(&mut self, key: &'static str) -> Option<&'t Entry> {
        self.asked.push(key);
        self.table?.entry(key)
    }

    fn complain(&mut self, key: &str, spot: &Spot, complaint: Complaint) {
        let message = format!("bad value for `{}`", self.path_of(key));
        self.faults.push(
            Fault::error(spot, message)
                .label(complaint.label)
                .help(complaint.help),
        );
    }
}

fn unknown_key(path: &str, entry: &Entry) -> Fault {
    let full = if path.is_empty() {
        entry.key.clone()
    } else {
        format!("{path}.{}", entry.key)
    };
    let fault = Fault::error(&entry.key_spot, format!("unknown key `{full}`"));
    if let Some(reason) = keys::not_yet(&full) {
        return fault.label("not in this version").help(reason);
    }
    match keys::nearest(&full) {
        Some(near) => fault
            .label("not known")
            .help(format!("did you mean `{near}`?")),
        None => fault.label("not known"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::raw::Document;
    use super::*;

    fn number(node: &Node) -> Result<i64, Complaint> {
        match &node.value {
            Value::Integer(number) => Ok(*number),
            value => Err(Complaint::kind(value, "a number")),
        }
    }

    fn read(text: &str) -> (Option<i64>, Vec<i64>, Vec<String>) {
        let mut faults = Faults::default();
        let document = Document::parse("f", text.to_owned(), &mut faults);
        let mut root = Section::root(&document.root, &mut faults);
        let one = root
            .section("one", |inner| inner.value("a", number))
            .map(|given| given.value);
        let many = root.each("many", |inner, _| {
            inner.value("b", number).map(|given| given.value)
        });
        root.finish();
        (
            one,
            many.into_iter().flatten().collect(),
            faults.iter().map(Fault::line).collect(),
        )
    }

    #[test]
    fn what_is_asked_for_is_read() {
        let (one, many, faults) = read("one.a = 1\n[[many]]\nb = 2\n[[many]]\nb = 3\n");
        assert_eq!((one, many), (Some(1), vec![2, 3]));
        assert_eq!(faults, [""; 0]);
    }

    #[test]
    fn what_is_not_asked_for_is_unknown_at_every_depth() {
        let (_, _, faults) = read("two = 1\n[one]\nc = 1\n[[many]]\nd = 1\n");
        assert_eq!(faults.len(), 3, "{faults:?}");
        assert!(
            faults
                .iter()
                .any(|f| f.starts_with("f:3:1: error: unknown key `one.c`"))
        );
        assert!(
            faults
                .iter()
                .any(|f| f.starts_with("f:5:1: error: unknown key `many.d`"))
        );
        assert!(
            faults
                .iter()
                .any(|f| f.starts_with("f:1:1: error: unknown key `two`"))
        );
    }

    #[test]
    fn wrong_kinds_are_told_and_skipped() {
        let (one, many, faults) = read("one = 3\nmany = [1, { b = true }]\n");
        assert_eq!((one, many), (None, vec![]));
        assert_eq!(
            faults,
            [
                "f:1:7: error: bad value for `one` [3] (this is a number); a table is wanted",
                "f:2:9: error: bad value for `many` [1] (this is a number); a table is wanted",
                "f:2:18: error: bad value for `many.b` [true] (this is a boolean); a number is wanted",
            ]
        );
    }
}
