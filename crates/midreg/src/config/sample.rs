//! The example file: every key with what it does, and its default.
//!
//! Comments begin with `# `. Lines with `#` and no space are settings that are switched off: those
//! without a default, and tables that only some need.

use std::fmt::Write;

use super::form::Kind;
use super::key::{Absent, Sample};
use super::record::{KeyRecord, Record, TableRecord};
use super::value::show_duration;

/// Most characters of a comment's line.
const WIDTH: usize = 100;

const HEAD: &str = "\
# midreg.toml: everything that can be set, with its default. Written by `midreg schema --as example`.
#
# Where a key has no default, what stands here is an example. Lines with `#` and no space after it are
# examples too, switched off. An unknown key or a bad value is an error with file, line and column:
# `midreg check --config midreg.toml` tells them all.
# Times are seconds as a number, or a text with a unit: \"500ms\", \"30s\", \"5m\", \"2h\", \"1h30m\".
# On the command line, `--set KEY=VALUE` reaches every key: `--set registration.min_expires=30`,
# `--set listen.0.side=devices`.
";

/// The file.
#[must_use]
pub fn example(catalogue: &Record) -> String {
    let mut file = Writer {
        text: HEAD.to_owned(),
        told: Vec::new(),
    };
    let mut off: Option<&str> = None;
    for table in catalogue.tables() {
        let inside = off.is_some_and(|outer| table.path.starts_with(&format!("{outer}.")));
        if !inside {
            off = (table.table.sample != Sample::Live).then_some(table.path.as_str());
        }
        file.write_table(table, off.map_or(Mark::Live, |_| Mark::Off));
    }
    file.text
}

/// Whether lines are switched off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mark {
    Live,
    Off,
}

struct Writer {
    text: String,
    /// What was explained already: keys of domains are those of other tables.
    told: Vec<&'static str>,
}

impl Writer {
    fn write_table(&mut self, table: &TableRecord, mark: Mark) {
        self.text.push('\n');
        if !self.told.contains(&table.table.doc) {
            self.told.push(table.table.doc);
            self.comment(table.table.doc, "");
        }
        let Sample::Several(several) = table.table.sample else {
            self.setting(mark, &table.header());
            for record in &table.keys {
                self.write_key(record, mark);
            }
            return;
        };
        for keys in several {
            self.setting(mark, &table.header());
            for (name, value) in *keys {
                if let Some(record) = table.key(name) {
                    self.explain(record);
                    self.setting(mark, &format!("{name} = {value}"));
                }
            }
        }
    }

    fn write_key(&mut self, record: &KeyRecord, mark: Mark) {
        self.explain(record);
        let example = record.key.example;
        let default = record.value.as_deref().unwrap_or(example);
        let (mark, value) = match (mark, record.key.absent) {
            (Mark::Off, _) => (Mark::Off, example),
            (Mark::Live, Absent::Default) => (Mark::Live, default),
            (Mark::Live, Absent::Required | Absent::Advised(_)) => (Mark::Live, example),
            (Mark::Live, Absent::Means(_)) => (Mark::Off, example),
        };
        self.setting(mark, &format!("{} = {value}", record.key.name));
    }

    fn explain(&mut self, record: &KeyRecord) {
        let key = record.key;
        if self.told.contains(&key.doc) {
            return;
        }
        self.told.push(key.doc);
        let mut doc = key.doc.to_owned();
        let mut lines = Vec::new();
        match &record.kind {
            Kind::Words(words) if words.iter().all(|(_, meaning)| meaning.is_empty()) => {
                doc += &format!(" Values: {}.", record.kind);
            }
            Kind::Words(words) => {
                let of = |(word, meaning): &(&str, &str)| match *meaning {
                    "" => format!("\"{word}\""),
                    meaning => format!("\"{word}\": {meaning}"),
                };
                lines.extend(words.iter().map(of));
            }
            kind => {
                if let Some(values) = brief(kind) {
                    doc += &format!(" ({values})");
                }
            }
        }
        if let Some(words) = key.absent.words() {
            doc += &format!(" When left out: {words}.");
        }
        self.comment(&doc, "");
        for line in lines {
            self.comment(&line, "  ");
        }
    }

    /// Writes a text as lines of a comment, `indent` deeper.
    fn comment(&mut self, text: &str, indent: &str) {
        let text = text.replace('`', "");
        let mut line = String::new();
        for word in text.split_whitespace() {
            if line.len() + word.len() + indent.len() + 3 > WIDTH {
                let _ = writeln!(self.text, "# {indent}{line}");
                line.clear();
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line += word;
        }
        if !line.is_empty() {
            let _ = writeln!(self.text, "# {indent}{line}");
        }
    }

    fn setting(&mut self, mark: Mark, line: &str) {
        let off = match mark {
            Mark::Live => "",
            Mark::Off => "#",
        };
        if !line.is_empty() {
            // Writing to a String cannot fail.
            let _ = writeln!(self.text, "{off}{line}");
        }
    }
}

/// What is allowed, where that is worth a word beside an example.
fn brief(kind: &Kind) -> Option<String> {
    match kind {
        Kind::Count { least, most } => Some(format!("{least} to {most}")),
        Kind::Seconds { .. } => Some("a time".to_owned()),
        Kind::Span { least, most } => {
            let (least, most) = (show_duration(*least), show_duration(*most));
            Some(format!("a time, {least} to {most}"))
        }
        Kind::Percent { most } => Some(format!("percent, 0 to {most}")),
        Kind::List(item) => match &**item {
            Kind::Words(_) => Some(format!("a list of {item}")),
            _ => None,
        },
        Kind::Flag | Kind::Words(_) | Kind::Text { .. } | Kind::Secret { .. } => None,
    }
}
