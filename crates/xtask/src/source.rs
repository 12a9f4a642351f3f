//! Rust source as the checks read it: lines, with comments and tests told from the rest.
//!
//! No parser: formatted code is regular enough for a look at lines, and a check that is wrong in a
//! strange case is seen at once. What it cannot tell apart it takes for code.

use crate::tree::File;

/// One line of code without its comment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Line<'a> {
    /// Counted from 1.
    pub(crate) number: usize,
    /// What stands before `//`.
    pub(crate) code: &'a str,
}

/// Whether a file holds nothing but tests, benches or what they share.
pub(crate) fn is_test_file(path: &str) -> bool {
    let folder = |name: &str| path.split('/').any(|part| part == name);
    folder("tests")
        || folder("benches")
        || path.ends_with("/tests.rs")
        || path.ends_with("/testing.rs")
}

/// The lines of a file that are not tests: up to `mod tests`, which stands last.
pub(crate) fn product(file: &File) -> impl Iterator<Item = Line<'_>> {
    let end = product_length(file);
    lines(file).take_while(move |line| line.number <= end)
}

/// The lines of a file that are tests.
pub(crate) fn tests(file: &File) -> impl Iterator<Item = Line<'_>> {
    let end = product_length(file);
    lines(file).skip_while(move |line| line.number <= end)
}

/// How many lines of a file are not tests.
pub(crate) fn product_length(file: &File) -> usize {
    if is_test_file(&file.path) {
        return 0;
    }
    let lines: Vec<&str> = file.text.lines().collect();
    let opens = |pair: &[&str]| {
        pair.first() == Some(&"#[cfg(test)]")
            && pair
                .last()
                .is_some_and(|line| line.starts_with("mod tests"))
    };
    lines.windows(2).position(opens).unwrap_or(lines.len())
}

/// All lines of a file.
pub(crate) fn lines(file: &File) -> impl Iterator<Item = Line<'_>> {
    file.text.lines().enumerate().map(|(at, text)| Line {
        number: at + 1,
        code: without_comment(text),
    })
}

/// A line up to its `//`; one that follows `:` belongs to a URL in a text.
fn without_comment(line: &str) -> &str {
    let starts = |at: &usize| *at == 0 || line.as_bytes().get(at - 1) != Some(&b':');
    let end = line.match_indices("//").map(|(at, _)| at).find(starts);
    end.and_then(|end| line.get(..end)).unwrap_or(line)
}

/// Whether `word` stands in `code` by itself, not as a part of a longer name.
pub(crate) fn names(code: &str, word: &str) -> bool {
    let part_of_name =
        |byte: Option<&u8>| byte.is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_');
    let bytes = code.as_bytes();
    code.match_indices(word).any(|(at, _)| {
        let before = at.checked_sub(1).and_then(|before| bytes.get(before));
        !part_of_name(before) && !part_of_name(bytes.get(at + word.len()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: &str) -> File {
        File {
            path: path.to_owned(),
            text: text.to_owned(),
        }
    }

    #[test]
    fn tests_are_told_from_the_product() {
        let file = file(
            "a/src/b.rs",
            "fn a() {} // x\n\n#[cfg(test)]\nmod tests {\n}\n",
        );
        let product: Vec<&str> = product(&file).map(|line| line.code).collect();
        assert_eq!(product, ["fn a() {} ", ""]);
        let tests: Vec<usize> = tests(&file).map(|line| line.number).collect();
        assert_eq!(tests, [3, 4, 5]);
    }

    #[test]
    fn urls_are_no_comments() {
        assert_eq!(without_comment("a(\"udp://b\"); // c"), "a(\"udp://b\"); ");
        assert_eq!(without_comment("// all of it"), "");
    }

    #[test]
    fn names_stand_by_themselves() {
        assert!(names("use std::env;", "std::env"));
        assert!(!names("use std::environment;", "std::env"));
        assert!(!names("my_std::env()", "std::env"));
    }
}
