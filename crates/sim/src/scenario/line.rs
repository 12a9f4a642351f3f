//! `Line`: one line of a scenario, cut into words.

/// A line that says something.
#[derive(Clone, Debug)]
pub(super) struct Line {
    /// Its number in the file, from 1.
    pub(super) number: usize,
    /// Its text, without the space around it.
    pub(super) text: String,
    /// Its words, the comment left out.
    pub(super) words: Vec<String>,
}

impl Line {
    /// The lines of a text that say something. One that begins with a field goes on with the one
    /// before.
    pub(super) fn all(text: &str) -> Vec<Self> {
        let mut lines: Vec<Self> = Vec::new();
        for (at, text) in text.lines().enumerate() {
            let words = words(text);
            let goes_on = words.first().is_some_and(|first| first.contains('='));
            match (words.is_empty(), lines.last_mut().filter(|_| goes_on)) {
                (true, _) => {}
                (false, Some(before)) => before.words.extend(words),
                (false, None) => lines.push(Self {
                    number: at + 1,
                    text: text.trim().to_owned(),
                    words,
                }),
            }
        }
        lines
    }

    /// The line that an empty file does not have.
    pub(super) const fn empty() -> Self {
        Self {
            number: 1,
            text: String::new(),
            words: Vec::new(),
        }
    }

    /// The words, for matching.
    pub(super) fn words(&self) -> Vec<&str> {
        self.words.iter().map(String::as_str).collect()
    }
}

/// Words stand between spaces. Spaces inside `<…>` and `"…"` belong to the word, and `#` begins a
/// comment where a word could begin.
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let (mut bracket, mut quote) = (false, false);
    for character in text.chars() {
        match character {
            '"' => quote = !quote,
            '<' if !quote => bracket = true,
            '>' if !quote => bracket = false,
            '#' if word.is_empty() => break,
            _ => {}
        }
        if character.is_whitespace() && !bracket && !quote {
            words.extend((!word.is_empty()).then(|| core::mem::take(&mut word)));
        } else {
            word.push(character);
        }
    }
    words.extend((!word.is_empty()).then_some(word));
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_and_quotes_hold_a_word_together() {
        let text = "a -> b  REGISTER contact=<ours 1>;x=\"y z\"  # what else";
        let expected = ["a", "->", "b", "REGISTER", "contact=<ours 1>;x=\"y z\""];
        assert_eq!(words(text), expected);
    }

    #[test]
    fn a_line_may_go_on() {
        let lines = Line::all("a -> b 200 contact=<x>\n  contact=<y> # too\n  expires=3\nat 3s");
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[0].words.len(), 7);
    }

    #[test]
    fn comments_and_empty_lines_are_no_lines() {
        let lines = Line::all("# title\n\n  at 3s # then\n");
        assert_eq!(lines.len(), 1);
        assert_eq!((lines[0].number, lines[0].words()), (3, vec!["at", "3s"]));
    }
}
