//! The table `[log]`: what is logged, and how.

use tracing::Level;

use super::error::Fault;
use super::form::{Word, word};
use super::key::{Absent, Key, Sample, TableKey};
use super::section::Section;

/// The table.
pub(super) const LOG: TableKey = TableKey {
    name: "log",
    doc: "What is written to standard error.",
    sample: Sample::Live,
};

const LEVEL: Key = Key {
    name: "level",
    doc: "The least important level that is still written. Single registrations are told at \
          `debug`.",
    absent: Absent::Default,
    example: "\"warn\"",
};

const FORMAT: Key = Key {
    name: "format",
    doc: "The form of a line.",
    absent: Absent::Default,
    example: "\"json\"",
};

/// What is logged, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogConfig {
    /// The least important level that is still written.
    pub level: Level,
    /// The form of a line.
    pub format: LogFormat,
}

/// The form of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Human,
    /// One JSON object per line.
    Json,
}

impl Word for LogFormat {
    const WORDS: &'static [(&'static str, Self, &'static str)] = &[
        ("human", Self::Human, "for people"),
        ("json", Self::Json, "one JSON object per line"),
    ];
}

impl Word for Level {
    const WORDS: &'static [(&'static str, Self, &'static str)] = &[
        ("error", Self::ERROR, ""),
        ("warn", Self::WARN, ""),
        ("info", Self::INFO, ""),
        ("debug", Self::DEBUG, ""),
        ("trace", Self::TRACE, ""),
    ];
}

impl LogConfig {
    /// Reads the table.
    pub(super) fn read(section: &mut Section<'_, '_>) -> Self {
        let level = section.given_or(&LEVEL, &word(), &Level::INFO);
        let format = section.value_or(&FORMAT, &word(), LogFormat::Human);
        let verbose = level.as_ref().filter(|given| given.value > Level::INFO);
        if let Some(given) = verbose {
            let message = format!("`log.level` is \"{}\"", given.value.word());
            let help = "every REGISTER is written, which takes longer than to answer it: good for \
                        an hour, not for good";
            section
                .faults
                .push(Fault::warning(Some(&given.spot), message).help(help));
        }
        Self {
            level: level.map_or(Level::INFO, |given| given.value),
            format,
        }
    }
}
