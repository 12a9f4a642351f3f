//! `Offence`: what is wrong, where, and what to do about it.

use std::fmt;

/// A broken rule.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Offence {
    /// `path` or `path:line`.
    pub(crate) place: String,
    /// What is wrong there.
    pub(crate) wrong: String,
    /// What to do about it.
    pub(crate) remedy: String,
}

impl Offence {
    /// An offence of a whole file.
    pub(crate) fn in_file(path: &str, wrong: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            place: path.to_owned(),
            wrong: wrong.into(),
            remedy: remedy.into(),
        }
    }

    /// An offence in one line.
    pub(crate) fn at(
        path: &str,
        line: usize,
        wrong: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self::in_file(&format!("{path}:{line}"), wrong, remedy)
    }
}

impl fmt::Display for Offence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}\n    {}", self.place, self.wrong, self.remedy)
    }
}
