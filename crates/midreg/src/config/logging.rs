//! The table `[log]`: what is logged, and how.

use tracing::Level;

use super::error::{Fault, Faults};
use super::form::{Word, word};
use super::key::{Absent, Key, Sample, TableKey};
use super::section::{Given, Section};
use crate::log::Part;

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

const REDACT: Key = Key {
    name: "redact",
    doc: "What of users stands as a pseudonym in the log: a keyed hash, the same for the same user or \
          address in every line, and after a restart too where there is a `security.secret_file`.",
    absent: Absent::Default,
    example: "[\"users\", \"addresses\"]",
};

/// The table within it.
const PARTS: TableKey = TableKey {
    name: "parts",
    doc: "Levels of single parts of midreg, in place of `log.level`. `midreg log PART LEVEL` changes \
          them while it runs.",
    sample: Sample::Live,
};

const THAT_OF_ALL: Absent = Absent::Means("that of `log.level`");

/// The key of each part, by its number.
static OF_PART: [Key; Part::ALL.len()] = [
    Key {
        name: Part::Main.name(),
        doc: "Starts, ends, settings and summaries.",
        absent: THAT_OF_ALL,
        example: "\"info\"",
    },
    Key {
        name: Part::Register.name(),
        doc: "Registrations of devices.",
        absent: THAT_OF_ALL,
        example: "\"debug\"",
    },
    Key {
        name: Part::Upstream.name(),
        doc: "The main registrar, and what it holds.",
        absent: THAT_OF_ALL,
        example: "\"debug\"",
    },
    Key {
        name: Part::Call.name(),
        doc: "Calls, and all requests that are no REGISTER.",
        absent: THAT_OF_ALL,
        example: "\"debug\"",
    },
    Key {
        name: Part::Net.name(),
        doc: "Sockets and their errors.",
        absent: THAT_OF_ALL,
        example: "\"warn\"",
    },
    Key {
        name: Part::Store.name(),
        doc: "What is kept of registrations.",
        absent: THAT_OF_ALL,
        example: "\"warn\"",
    },
    Key {
        name: Part::Control.name(),
        doc: "The control socket, and what it is asked.",
        absent: THAT_OF_ALL,
        example: "\"warn\"",
    },
];

/// What is logged, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogConfig {
    /// The least important level that is still written.
    pub level: Level,
    /// That of each part, by its number, where it has one of its own.
    pub levels: [Option<Level>; Part::ALL.len()],
    /// The form of a line.
    pub format: LogFormat,
    /// What is hidden.
    pub redact: Redact,
}

/// What of users is hidden.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Redact {
    /// User parts of AoRs.
    pub users: bool,
    /// Addresses of devices.
    pub addresses: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hidden {
    Users,
    Addresses,
}

impl Word for Hidden {
    const WORDS: &'static [(&'static str, Self, &'static str)] = &[
        ("users", Self::Users, "user parts of AoRs"),
        ("addresses", Self::Addresses, "IP addresses of devices"),
    ];
}

impl Default for LogConfig {
    fn default() -> Self {
        Self {
            level: Level::INFO,
            levels: [None; Part::ALL.len()],
            format: LogFormat::Human,
            redact: Redact::default(),
        }
    }
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
        let hidden = section.list::<Hidden>(&REDACT, &word(), Some(&[]));
        let parts = section.section(&PARTS, |section| {
            OF_PART.each_ref().map(|key| section.value(key, &word()))
        });
        warn_of_verbosity("log.level", level.as_ref(), section.faults);
        let registrations = parts[Part::Register as usize].as_ref();
        warn_of_verbosity("log.parts.register", registrations, section.faults);
        let hides = |what| hidden.iter().flatten().any(|given| given.value == what);
        Self {
            level: level.map_or(Level::INFO, |given| given.value),
            levels: parts.map(|given| given.map(|given| given.value)),
            format,
            redact: Redact {
                users: hides(Hidden::Users),
                addresses: hides(Hidden::Addresses),
            },
        }
    }

    /// The least important level of a part that is still written.
    #[must_use]
    pub fn level_of(&self, part: Part) -> Level {
        self.levels[part as usize].unwrap_or(self.level)
    }
}

fn warn_of_verbosity(key: &str, given: Option<&Given<Level>>, faults: &mut Faults) {
    if let Some(given) = given.filter(|given| given.value > Level::INFO) {
        let message = format!("`{key}` is \"{}\"", given.value.word());
        let help = "every REGISTER is written, which takes longer than to answer it: good for an \
                    hour, not for good";
        faults.push(Fault::warning(Some(&given.spot), message).help(help));
    }
}
