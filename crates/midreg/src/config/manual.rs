//! The page docs/config.md: every table and key, with its values, its default and an example.

use std::fmt::Write;

use super::form::Kind;
use super::key::Absent;
use super::keys::followed;
use super::record::{KeyRecord, Record, TableRecord};

const HEAD: &str = "\
# Configuration

Every key of `midreg.toml`. Written by `cargo xtask docs` from the code that reads the keys.

* `midreg check --config midreg.toml` tells all that is wrong or unwise, with file, line and column, and sums up what
  holds; `--effective` tells every key with its value and where that comes from; `--json` is for programs.
* `midreg schema` prints a JSON schema, for editors that complete and check while one types
  ([docs/midreg.schema.json](midreg.schema.json)); `midreg schema --as example` a file with all defaults to begin with
  ([examples/midreg.toml](../examples/midreg.toml)); `midreg schema --as markdown` this page.
* Every key has a default, but for those that say *required*. An unknown key or a bad value is an error.
* Times are seconds as a number, or a text with units from the largest to the smallest: `\"500ms\"`, `\"30s\"`, `\"5m\"`,
  `\"2h\"`, `\"1d\"`, `\"1h30m\"`. Where a list is wanted, a single value counts as a list of one.
* `--set KEY=VALUE` reaches every key from the command line: `--set registration.min_expires=30`. An element of a list
  has a number: `--set listen.0.side=devices`, `--set domain.1.mode=aor`; the number after the last adds one.
";

/// The page.
#[must_use]
pub fn markdown(catalogue: &Record) -> String {
    let mut page = HEAD.to_owned();
    for table in catalogue.tables() {
        let title = match table.header() {
            header if header.is_empty() => "At the beginning".to_owned(),
            header => format!("`{header}`"),
        };
        // Writing to a String cannot fail.
        let _ = writeln!(page, "\n## {title}");
        if !table.table.doc.is_empty() {
            let _ = writeln!(page, "\n{}", table.table.doc);
        }
        for record in &table.keys {
            write_key(&mut page, table, record);
        }
    }
    page
}

fn write_key(page: &mut String, table: &TableRecord, record: &KeyRecord) {
    let path = table.path_of(record.key);
    let _ = writeln!(page, "\n### `{path}`\n");
    if let Some(other) = followed(&path) {
        let _ = writeln!(
            page,
            "As `{other}`, for this domain; when left out, what holds there."
        );
        return;
    }
    let _ = writeln!(page, "{}\n", record.key.doc);
    let _ = writeln!(page, "* Values: {}", record.kind);
    if let Kind::Words(words) = &record.kind {
        for (word, meaning) in words.iter().filter(|(_, meaning)| !meaning.is_empty()) {
            let _ = writeln!(page, "  * `\"{word}\"`: {meaning}");
        }
    }
    let _ = writeln!(page, "* {}", otherwise(record));
    let _ = writeln!(
        page,
        "* Example: `{} = {}`",
        record.key.name, record.key.example
    );
}

/// What holds when it is left out.
fn otherwise(record: &KeyRecord) -> String {
    match (record.key.absent, &record.value) {
        (Absent::Required, _) => "Required".to_owned(),
        (Absent::Means(words) | Absent::Advised(words), _) => format!("When left out: {words}"),
        (Absent::Default, Some(value)) => format!("Default: `{value}`"),
        (Absent::Default, None) => "No default".to_owned(),
    }
}
