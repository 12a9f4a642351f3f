//! `Section`: reads one table key by key and complains about what is left over.
//!
//! The code that reads the keys is the schema: whatever was not asked for is unknown, and what was
//! asked for is written down in a [`Record`]. A value that does not fit is reported and then
//! treated as absent, so that reading goes on.

use super::error::{Fault, Faults, Spot};
use super::form::{Form, Kind, listed};
use super::key::{Absent, Key, TableKey};
use super::keys;
use super::raw::{Entry, Node, Table, Value};
use super::record::{KeyRecord, Purpose, Record, Shape, TableRecord, join};

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
    place: String,
    table: Option<&'t Table>,
    spot: Option<&'t Spot>,
    asked: Vec<&'static str>,
    /// The table's number in the record.
    number: usize,
    record: &'f mut Record,
    /// Where complaints go.
    pub(crate) faults: &'f mut Faults,
}

/// A table that is about to be read.
struct Opening<'t> {
    key: &'static TableKey,
    shape: Shape,
    /// The element of a list.
    index: Option<usize>,
    found: Option<(&'t Table, &'t Spot)>,
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
    pub(crate) fn root(table: &'t Table, record: &'f mut Record, faults: &'f mut Faults) -> Self {
        Self {
            path: String::new(),
            place: String::new(),
            table: Some(table),
            spot: None,
            asked: Vec::new(),
            number: 0,
            record,
            faults,
        }
    }

    /// The value of `key`, when it is given and fits. One that is required and missing is
    /// reported.
    pub(crate) fn value<T>(&mut self, key: &'static Key, form: &Form<T>) -> Option<Given<T>> {
        self.read_value(key, form, None)
    }

    /// The value of `key`, when it is given and fits; `default` is what holds otherwise.
    pub(crate) fn given_or<T>(
        &mut self,
        key: &'static Key,
        form: &Form<T>,
        default: &T,
    ) -> Option<Given<T>> {
        self.read_value(key, form, Some(form.show(default)))
    }

    /// The value of `key`, or `default`.
    pub(crate) fn value_or<T>(&mut self, key: &'static Key, form: &Form<T>, default: T) -> T {
        let given = self.given_or(key, form, &default);
        given.map_or(default, |given| given.value)
    }

    /// The elements of the list `key`; those that do not fit are reported and left out. A single
    /// value counts as a list of one.
    pub(crate) fn list<T>(
        &mut self,
        key: &'static Key,
        form: &Form<T>,
        default: Option<&[T]>,
    ) -> Option<Vec<Given<T>>> {
        let shown = default.map(|default| listed(form, default.iter()));
        let node = self.take(key, Kind::List(Box::new(form.kind.clone())), shown)?;
        let items = match &node.value {
            Value::Array(items) => items.as_slice(),
            _ => std::slice::from_ref(node),
        };
        let mut values = Vec::with_capacity(items.len());
        for item in items {
            match form.read(item) {
                Ok(value) => values.push(Given {
                    value,
                    spot: item.spot.clone(),
                }),
                Err(complaint) => self.complain(key.name, &item.spot, complaint),
            }
        }
        self.note(
            key,
            listed(form, values.iter().map(|given| &given.value)),
            &node.spot,
        );
        Some(values)
    }

    /// Tells what holds for a key that was left out, where that follows from others.
    pub(crate) fn follow(&mut self, key: &'static Key, shown: String) {
        let table = self.record.table(self.number);
        let record = table.and_then(|table| table.key_mut(key.name));
        if let Some(record) = record.filter(|record| record.spot.is_none()) {
            let as_before = record.value.as_ref() == Some(&shown);
            if !as_before {
                record.derived = Some(key.absent.words().unwrap_or("to fit the keys beside it"));
            }
            record.value = Some(shown);
        }
    }

    /// Tells that nothing in this table has an effect, and why.
    pub(crate) fn idle(&mut self, why: &'static str) {
        if let Some(table) = self.record.table(self.number) {
            table.idle = Some(why);
        }
    }

    /// Reads the table `key`, or an empty one.
    pub(crate) fn section<T>(
        &mut self,
        key: &'static TableKey,
        read: impl FnOnce(&mut Section<'t, '_>) -> T,
    ) -> T {
        let found = match self.ask(key.name).map(|entry| &entry.node) {
            Some(Node {
                value: Value::Table(table),
                spot,
            }) => Some((table, spot)),
            Some(node) => {
                self.complain(
                    key.name,
                    &node.spot,
                    Complaint::kind(&node.value, "a table"),
                );
                None
            }
            None => None,
        };
        let opening = Opening {
            key,
            shape: Shape::One,
            index: None,
            found,
        };
        self.read_inner(opening, read)
    }

    /// Reads each table of the array of tables `key`. Where keys are only described, an empty one
    /// is read.
    pub(crate) fn each<T>(
        &mut self,
        key: &'static TableKey,
        read: impl Fn(&mut Section<'t, '_>, &Spot) -> T,
    ) -> Vec<T> {
        let items = match self.ask(key.name).map(|entry| &entry.node) {
            Some(Node {
                value: Value::Array(items),
                ..
            }) => items.as_slice(),
            Some(node) => std::slice::from_ref(node),
            None => &[],
        };
        let mut all = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            match &item.value {
                Value::Table(table) => {
                    let opening = Opening {
                        key,
                        shape: Shape::Many,
                        index: Some(index),
                        found: Some((table, &item.spot)),
                    };
                    all.push(self.read_inner(opening, |inner| read(inner, &item.spot)));
                }
                value => self.complain(key.name, &item.spot, Complaint::kind(value, "a table")),
            }
        }
        if self.record.purpose() == Purpose::Describe {
            let opening = Opening {
                key,
                shape: Shape::Many,
                index: Some(0),
                found: None,
            };
            all.push(self.read_inner(opening, |inner| read(inner, &Spot::nowhere())));
        }
        all
    }

    /// Whether `key` is there, be it with a wrong value.
    #[must_use]
    pub(crate) fn has(&self, key: &str) -> bool {
        self.table.is_some_and(|table| table.entry(key).is_some())
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
        join(&self.path, key)
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

    fn read_value<T>(
        &mut self,
        key: &'static Key,
        form: &Form<T>,
        default: Option<String>,
    ) -> Option<Given<T>> {
        let node = self.take(key, form.kind.clone(), default)?;
        match form.read(node) {
            Ok(value) => {
                self.note(key, form.show(&value), &node.spot);
                Some(Given {
                    value,
                    spot: node.spot.clone(),
                })
            }
            Err(complaint) => {
                self.complain(key.name, &node.spot, complaint);
                None
            }
        }
    }

    fn read_inner<T>(
        &mut self,
        opening: Opening<'t>,
        read: impl FnOnce(&mut Section<'t, '_>) -> T,
    ) -> T {
        let Opening {
            key,
            shape,
            index,
            found,
        } = opening;
        let path = self.path_of(key.name);
        let place = join(&self.place, key.name);
        let place = index.map_or_else(|| place.clone(), |index| format!("{place}.{index}"));
        let number = self.record.open(TableRecord {
            path: path.clone(),
            place: place.clone(),
            table: key,
            shape,
            spot: found.map(|(_, spot)| spot.clone()),
            idle: None,
            keys: Vec::new(),
        });
        let mut inner = Section {
            path,
            place,
            table: found.map(|(table, _)| table),
            spot: found.map(|(_, spot)| spot),
            asked: Vec::new(),
            number,
            record: &mut *self.record,
            faults: &mut *self.faults,
        };
        let value = read(&mut inner);
        inner.finish();
        value
    }

    /// The node of a key, which is written down with what holds without it.
    fn take(&mut self, key: &'static Key, kind: Kind, default: Option<String>) -> Option<&'t Node> {
        if let Some(table) = self.record.table(self.number) {
            table.keys.push(KeyRecord {
                key,
                kind,
                value: default,
                derived: None,
                spot: None,
            });
        }
        let entry = self.ask(key.name);
        if let (false, Absent::Required, Some(spot)) = (self.has(key.name), key.absent, self.spot) {
            let message = format!("`{}` is missing", self.path_of(key.name));
            let help = format!("such as {} = {}", key.name, key.example);
            self.faults.push(Fault::error(spot, message).help(help));
        }
        entry.map(|entry| &entry.node)
    }

    /// What stands at a name, unless that is told to be broken.
    fn ask(&mut self, name: &'static str) -> Option<&'t Entry> {
        self.asked.push(name);
        let entry = self.table?.entry(name);
        entry.filter(|entry| !matches!(entry.node.value, Value::Broken))
    }

    fn note(&mut self, key: &'static Key, shown: String, spot: &Spot) {
        let table = self.record.table(self.number);
        if let Some(record) = table.and_then(|table| table.key_mut(key.name)) {
            record.value = Some(shown);
            record.spot = Some(spot.clone());
        }
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
    let full = join(path, &entry.key);
    let fault = Fault::error(&entry.key_spot, format!("unknown key `{full}`"));
    if let Some(reason) = keys::not_yet(&full) {
        return fault.label("not in this version").help(reason);
    }
    match keys::nearest(&full) {
        Some(near) => fault
            .label("not known")
            .help(format!("did you mean `{near}`?")),
        None => {
            let known = keys::within(path).join(", ");
            fault.label("not known").help(match path {
                "" => format!("at the beginning of the file there can be {known}"),
                path => format!("in `{path}` there can be {known}"),
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::key::Sample;
    use super::super::raw::Document;
    use super::*;

    use super::super::value::count;

    const fn key(name: &'static str) -> Key {
        Key {
            name,
            doc: "",
            absent: Absent::Means(""),
            example: "1",
        }
    }

    const fn table(name: &'static str) -> TableKey {
        TableKey {
            name,
            doc: "",
            sample: Sample::Live,
        }
    }

    const A: Key = key("a");
    const B: Key = key("b");
    const ONE: TableKey = table("one");
    const MANY: TableKey = table("many");

    fn read(text: &str) -> (Option<usize>, Vec<usize>, Vec<String>) {
        let mut faults = Faults::default();
        let mut record = Record::new(Purpose::Use);
        let document = Document::parse("f", text.to_owned(), &mut faults);
        let number = count(0..=9);
        let mut root = Section::root(&document.root, &mut record, &mut faults);
        let one = root
            .section(&ONE, |inner| inner.value(&A, &number))
            .map(|given| given.value);
        let many = root.each(&MANY, |inner, _| {
            inner.value(&B, &number).map(|given| given.value)
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
