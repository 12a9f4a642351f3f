//! The names of all keys, as the readers ask for them: for hints, and for the tests that each of
//! them works.

use std::cmp::Reverse;
use std::sync::LazyLock;

use super::checked;
use super::record::Record;

static CATALOGUE: LazyLock<Record> = LazyLock::new(checked::describe);

static ALL: LazyLock<Vec<String>> = LazyLock::new(|| {
    let of_table = |table: &'static super::record::TableRecord| {
        table.keys.iter().map(|record| table.path_of(record.key))
    };
    CATALOGUE.tables().flat_map(of_table).collect()
});

/// All tables and keys there are, with their defaults.
#[must_use]
pub fn catalogue() -> &'static Record {
    &CATALOGUE
}

/// Every key by its dotted path; elements of a list have no number.
#[must_use]
pub fn all() -> &'static [String] {
    &ALL
}

/// The key that holds where a key of a `[[domain]]` says nothing: that of the same name outside, or
/// in `[upstream]`.
#[must_use]
pub fn followed(path: &str) -> Option<String> {
    let own = path.strip_prefix("domain.")?;
    if own.starts_with("digest.users") {
        return None;
    }
    let known = |key: &String| all().contains(key);
    [own.to_owned(), format!("upstream.{own}")]
        .into_iter()
        .find(known)
}

/// The names of the keys and tables directly within a table.
#[must_use]
pub(crate) fn within(path: &str) -> Vec<&'static str> {
    let inner = |key: &'static String| match path {
        "" => key.split('.').next(),
        path => key.strip_prefix(path)?.strip_prefix('.')?.split('.').next(),
    };
    let mut names: Vec<&str> = all().iter().filter_map(inner).collect();
    names.dedup();
    names
}

/// Why a key that a later version will have is refused by this one.
#[must_use]
pub fn not_yet(path: &str) -> Option<&'static str> {
    match path.strip_prefix("domain.").unwrap_or(path) {
        "storage" => Some("bindings are kept in memory only, and are gone after a restart"),
        _ => None,
    }
}

/// The known key that a mistyped one resembles most, if any does.
#[must_use]
pub fn nearest(path: &str) -> Option<&'static str> {
    let last = |key: &str| key.rsplit('.').next().unwrap_or_default().to_owned();
    let wanted = last(path);
    let names = || all().iter().map(String::as_str);
    let moved = names().filter(|key| last(key) == wanted);
    if let Some(moved) = moved.min_by_key(|key| Reverse(common_start(path, key))) {
        return Some(moved);
    }
    let sections = names().filter_map(|key| key.split_once('.').map(|(section, _)| section));
    closest(path, names().chain(sections))
}

/// The one of `words` that a mistyped one resembles most, if any does.
#[must_use]
pub(crate) fn closest<'w>(typed: &str, words: impl Iterator<Item = &'w str>) -> Option<&'w str> {
    let (distance, word) = words.map(|word| (distance(typed, word), word)).min()?;
    (distance <= (typed.len() / 3).clamp(1, 4)).then_some(word)
}

fn common_start(a: &str, b: &str) -> usize {
    a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count()
}

/// Levenshtein's distance in bytes.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (cell, y) in row.iter_mut().skip(1).zip(b.bytes()) {
            let best = (diagonal + usize::from(x != y))
                .min(left + 1)
                .min(*cell + 1);
            diagonal = *cell;
            *cell = best;
            left = best;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        for (a, b, wanted) in [
            ("", "", 0),
            ("a", "", 1),
            ("kitten", "sitting", 3),
            ("ab", "ba", 2),
        ] {
            assert_eq!(distance(a, b), wanted, "{a} {b}");
        }
    }

    #[test]
    fn the_nearest_key_is_found() {
        for (typed, wanted) in [
            ("upstream.server", Some("upstream.servers")),
            ("registration.minexpires", Some("registration.min_expires")),
            ("min_expires", Some("registration.min_expires")),
            ("upstream.min_expires", Some("registration.min_expires")),
            (
                "domain.max_expires",
                Some("domain.registration.max_expires"),
            ),
            ("domain.mod", Some("domain.mode")),
            ("regstration", Some("registration")),
            ("modes", Some("mode")),
            ("foo", None),
            ("something.else", None),
        ] {
            assert_eq!(nearest(typed), wanted, "{typed}");
        }
    }
}
