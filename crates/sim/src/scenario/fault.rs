//! `Fault`: where a scenario went wrong, what was expected, and what came.

use core::fmt;

use super::line::Line;

/// Where a scenario went wrong.
#[derive(Debug)]
pub struct Fault {
    file: String,
    number: usize,
    text: String,
    complaint: String,
    /// The conversation so far; empty when it never began.
    ladder: String,
}

impl Fault {
    /// A complaint about this line of that file.
    pub(super) fn new(file: &str, line: &Line, complaint: impl Into<String>) -> Self {
        Self {
            file: file.to_owned(),
            number: line.number,
            text: line.text.clone(),
            complaint: complaint.into(),
            ladder: String::new(),
        }
    }

    /// The same with the conversation so far.
    pub(super) fn after(mut self, ladder: &impl fmt::Display) -> Self {
        self.ladder = ladder.to_string();
        self
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}:{}: {}", self.file, self.number, self.complaint)?;
        writeln!(f, "    {}", self.text)?;
        match self.ladder.is_empty() {
            true => Ok(()),
            false => write!(f, "\nThe conversation so far:\n{}", self.ladder),
        }
    }
}

impl core::error::Error for Fault {}
