//! `Key` and `TableKey`: what is told of a key and of a table, at the place where it is read.
//!
//! Nothing else describes the configuration. A reader asks its [`Section`](super::section) for a
//! `Key` together with a [`Form`](super::form); what was asked for is written down in the
//! [`Record`](super::record), and from that follow the hints for mistyped keys, docs/config.md,
//! the JSON schema, the example file and `midreg check --effective`. So a new key is made in one
//! place: a `const KEY: Key`, and one line in the reader of its table that reads it (and
//! `cargo xtask docs` writes the pages anew). A test in `tests/keys.rs` asks for a value whose effect
//! can be seen. A key of a `[[domain]]` that has the name of a key
//! outside follows that one; see [`keys::followed`](super::keys::followed).

/// What is told of a key.
#[derive(Debug, PartialEq, Eq)]
pub struct Key {
    /// Its name within its table.
    pub name: &'static str,
    /// What it does, in sentences. Markdown: names stand in backquotes.
    pub doc: &'static str,
    /// What holds when it is left out.
    pub absent: Absent,
    /// A value, as TOML.
    pub example: &'static str,
}

/// What holds when a key is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Absent {
    /// Its default, which the reader tells.
    Default,
    /// That is an error.
    Required,
    /// These words.
    Means(&'static str),
    /// These words; but most set it, so that it is not switched off in the example file.
    Advised(&'static str),
}

impl Absent {
    /// What holds then, if that is told in words.
    #[must_use]
    pub fn words(self) -> Option<&'static str> {
        match self {
            Self::Default | Self::Required => None,
            Self::Means(words) | Self::Advised(words) => Some(words),
        }
    }
}

/// What is told of a table.
#[derive(Debug, PartialEq, Eq)]
pub struct TableKey {
    /// Its name within the table around it.
    pub name: &'static str,
    /// What it is about. Markdown.
    pub doc: &'static str,
    /// How it stands in the example file.
    pub sample: Sample,
}

/// How a table stands in the example file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sample {
    /// With its defaults.
    Live,
    /// Switched off.
    Off,
    /// Switched off, once for each list of keys, with these values in place of the keys' own.
    Several(&'static [&'static [(&'static str, &'static str)]]),
}

/// The outermost table.
pub(crate) const ROOT: TableKey = TableKey {
    name: "",
    doc: "",
    sample: Sample::Live,
};
