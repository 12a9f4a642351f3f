//! Decision records: numbered without gaps, all of one shape, all in the list.

use crate::offence::Offence;
use crate::tree::{File, Tree};

const FOLDER: &str = "docs/adr/";
const LIST: &str = "docs/adr/README.md";

/// The parts of a record, in this order.
const PARTS: &[&str] = &[
    "## Context",
    "## Decision",
    "## Consequences",
    "## What would reverse it",
];

pub(super) fn check(tree: &Tree) -> Vec<Offence> {
    let list = tree.file(LIST).map_or("", |file| file.text.as_str());
    let records = tree
        .markdown()
        .filter(|file| file.path.starts_with(FOLDER) && file.path != LIST);
    let mut offences = Vec::new();
    for (at, file) in records.enumerate() {
        check_record(file, at + 1, &mut offences);
        let name = file.path.strip_prefix(FOLDER).unwrap_or_default();
        if !list.contains(&format!("]({name})")) {
            let remedy = format!("add it to {LIST}");
            offences.push(Offence::in_file(
                &file.path,
                "a record that is not in the list",
                remedy,
            ));
        }
    }
    offences
}

fn check_record(file: &File, number: usize, offences: &mut Vec<Offence>) {
    let name = file.path.strip_prefix(FOLDER).unwrap_or_default();
    if !name.starts_with(&format!("{number:04}-")) {
        let wrong = format!("record number {number} does not begin with {number:04}-");
        offences.push(Offence::in_file(
            &file.path,
            wrong,
            "number the records without gaps",
        ));
    }
    if !file.text.starts_with(&format!("# {number:04} ")) {
        let wrong = format!("the title does not begin with `# {number:04} `");
        offences.push(Offence::in_file(
            &file.path,
            wrong,
            "give it the number of its file",
        ));
    }
    let places: Vec<Option<usize>> = PARTS.iter().map(|part| file.text.find(part)).collect();
    if places.contains(&None) || !places.is_sorted() {
        let wrong = format!("not of the shape {}", PARTS.join(", "));
        offences.push(Offence::in_file(
            &file.path,
            wrong,
            "give it these parts, in this order",
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::super::{assert_clean, places};
    use super::*;

    #[test]
    fn records_are_numbered_listed_and_of_one_shape() {
        assert_clean(check);
    }

    #[test]
    fn misshapen_records_are_found() {
        let good = format!("# 0001 A\n{}\n", PARTS.join("\n"));
        let gap = good.replace("0001", "0003");
        let (one, three) = ("docs/adr/0001-a.md", "docs/adr/0003-b.md");
        let list = (LIST, "[A](0001-a.md) [B](0003-b.md)");
        assert!(places(check, &[(one, &good), list]).is_empty());
        let found = places(check, &[(one, &good), (three, &gap), list]);
        assert_eq!(found, [three, three]);
        assert_eq!(places(check, &[(one, &good)]), [one]);
        assert_eq!(places(check, &[(one, "# 0001 A\n"), list]), [one]);
    }
}
