//! `Form`: what a value looks like, for people and editors, with how to read and write it.

use std::fmt;
use std::time::Duration;

use super::raw::{Node, Value};
use super::section::Complaint;
use super::value::{show_duration, text};

/// What a value of type `T` looks like, and how it is read and written.
pub(crate) struct Form<T> {
    /// What it looks like.
    pub(crate) kind: Kind,
    read: Box<ReadFn<T>>,
    show: Box<ShowFn<T>>,
}

type ReadFn<T> = dyn Fn(&Node) -> Result<T, Complaint>;
type ShowFn<T> = dyn Fn(&T) -> String;

/// What a value looks like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `true` or `false`.
    Flag,
    /// A whole number.
    Count {
        /// The smallest.
        least: usize,
        /// The largest.
        most: usize,
    },
    /// A time in whole seconds.
    Seconds {
        /// The shortest.
        least: u32,
        /// The longest.
        most: u32,
    },
    /// A time.
    Span {
        /// The shortest.
        least: Duration,
        /// The longest.
        most: Duration,
    },
    /// A share.
    Percent {
        /// The largest.
        most: u8,
    },
    /// One of these words; each with its meaning, if that needs to be told.
    Words(Vec<(&'static str, &'static str)>),
    /// A text.
    Text {
        /// Of what.
        what: &'static str,
        /// A regular expression that every such text fits; empty for none.
        pattern: &'static str,
    },
    /// A text that is never shown.
    Secret {
        /// Of what.
        what: &'static str,
    },
    /// A list of such values, or a single one.
    List(Box<Self>),
}

/// A type whose values have names in the file.
pub(crate) trait Word: Copy + PartialEq + 'static {
    /// Each name, what it stands for, and what it means where the name does not tell.
    const WORDS: &'static [(&'static str, Self, &'static str)];

    /// The name of a value; empty for one that has none.
    #[must_use]
    fn word(self) -> &'static str {
        let found = Self::WORDS.iter().find(|(_, value, _)| *value == self);
        found.map_or("", |(word, ..)| word)
    }
}

impl<T> Form<T> {
    /// A form of its own.
    pub(crate) fn new(
        kind: Kind,
        read: impl Fn(&Node) -> Result<T, Complaint> + 'static,
        show: impl Fn(&T) -> String + 'static,
    ) -> Self {
        Self {
            kind,
            read: Box::new(read),
            show: Box::new(show),
        }
    }

    /// Reads a value.
    ///
    /// # Errors
    ///
    /// It is none of these.
    pub(crate) fn read(&self, node: &Node) -> Result<T, Complaint> {
        (self.read)(node)
    }

    /// Writes a value as TOML.
    pub(crate) fn show(&self, value: &T) -> String {
        match self.kind {
            Kind::Secret { .. } => quoted("********"),
            _ => (self.show)(value),
        }
    }
}

impl<T> fmt::Debug for Form<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Form({:?})", self.kind)
    }
}

/// A text of `what` that `read` makes something of, and `show` a text again.
pub(crate) fn text_of<T>(
    what: &'static str,
    pattern: &'static str,
    read: impl Fn(&str) -> Result<T, Complaint> + 'static,
    show: impl Fn(&T) -> String + 'static,
) -> Form<T> {
    Form::new(
        Kind::Text { what, pattern },
        move |node| read(text(node)?),
        move |value| quoted(&show(value)),
    )
}

/// One of the names of a type.
pub(crate) fn word<T: Word>() -> Form<T> {
    let kind = Kind::Words(
        T::WORDS
            .iter()
            .map(|(word, _, why)| (*word, *why))
            .collect(),
    );
    Form::new(kind, read_word, |value: &T| quoted(value.word()))
}

/// Reads such a name.
///
/// # Errors
///
/// Another text, or none at all.
pub(crate) fn read_word<T: Word>(node: &Node) -> Result<T, Complaint> {
    let typed = match &node.value {
        Value::String(typed) => typed,
        value => {
            let Complaint { label, .. } = Complaint::kind(value, "");
            return Err(Complaint::new(label, choose_from::<T>()));
        }
    };
    let found = T::WORDS.iter().find(|(word, ..)| word == typed);
    found.map(|(_, value, _)| *value).ok_or_else(|| {
        let words = T::WORDS.iter().map(|(word, ..)| *word);
        let typed = typed.to_lowercase();
        let begins = |word: &&str| typed.len() > 2 && word.starts_with(&typed);
        let meant = words.clone().find(begins);
        let meant = meant.or_else(|| super::keys::closest(&typed, words));
        let hint = meant.map_or_else(String::new, |word| format!("did you mean \"{word}\"? "));
        Complaint::new("not one of the choices", hint + choose_from::<T>().as_str())
    })
}

fn choose_from<T: Word>() -> String {
    let words = T::WORDS.iter().map(|(word, ..)| quoted(word));
    format!("choose from {}", words.collect::<Vec<_>>().join(", "))
}

/// A text as TOML writes it.
#[must_use]
pub(crate) fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => quoted += &format!("\\u{:04X}", u32::from(c)),
            c => quoted.push(c),
        }
    }
    quoted + "\""
}

/// Texts as a TOML list.
#[must_use]
pub(crate) fn listed<'v, T: 'v>(form: &Form<T>, values: impl Iterator<Item = &'v T>) -> String {
    let shown: Vec<String> = values.map(|value| form.show(value)).collect();
    format!("[{}]", shown.join(", "))
}

/// In words, for people: the kind, and what is allowed.
impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag => f.write_str("`true` or `false`"),
            Self::Count { least, most } => write!(f, "number, {least} to {most}"),
            Self::Seconds {
                least,
                most: u32::MAX,
            } => {
                write!(f, "time in whole seconds, at least {least}")
            }
            Self::Seconds { least, most } => {
                write!(f, "time in whole seconds, {least} to {most}")
            }
            Self::Span { least, most } => {
                let (least, most) = (show_duration(*least), show_duration(*most));
                write!(f, "time, {least} to {most}")
            }
            Self::Percent { most } => write!(f, "percentage, 0 to {most}"),
            Self::Words(words) => {
                let words: Vec<String> = words
                    .iter()
                    .map(|(word, _)| format!("`\"{word}\"`"))
                    .collect();
                f.write_str(&words.join(", "))
            }
            Self::Text { what, .. } | Self::Secret { what } => f.write_str(what),
            Self::List(item) => match &**item {
                Self::Words(_) => write!(f, "list of {item}"),
                item => write!(f, "list; each: {item}"),
            },
        }
    }
}
