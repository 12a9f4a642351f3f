//! `Reloader`: reads the configuration again, and puts it into force as a whole or not at all.
//!
//! Errors are those of `midreg check`. What cannot change while the process runs is an error as well:
//! a configuration is in force as it stands, or it is not. Levels of the log that were changed by hand
//! are set back to what the file says.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use tracing::{error, info, warn};

use crate::app::{AdoptError, Helm};
use crate::config::effective::effective_json;
use crate::config::error::Severity;
use crate::config::record::join;
use crate::config::{self, Config, Fault, Faults, Loaded, Record, Typed};
use crate::log::Dial;
use crate::notify;

/// Keys that hold for the life of a process, and why.
const FOR_LIFE: [(&str, &str); 4] = [
    ("control.enabled", "the control socket is made at the start"),
    ("control.path", "the control socket is made at the start"),
    (
        "workers",
        "users are dealt to the workers at the start, and stay where they are",
    ),
    (
        "security.secret_file",
        "tokens that the main registrar holds hang on the secret",
    ),
];

/// Reads the configuration again, from where it came from. Clones do the same, one after the other.
#[derive(Clone, Debug)]
pub struct Reloader {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    helm: Helm,
    dial: Dial,
    typed: Typed,
    /// The keys in force.
    present: Mutex<Record>,
}

/// What a reload has changed.
#[derive(Clone, Debug)]
pub struct Reloaded {
    /// The keys that have another value now, by their dotted paths; passwords are not compared.
    pub changed: Vec<String>,
    /// What is unwise about the new configuration.
    pub warnings: Faults,
}

/// Why a configuration did not come into force. The one before holds on, all of it.
#[derive(Debug)]
pub enum Refusal {
    /// It is wrong, or changes what cannot change.
    Faults(Faults),
    /// It cannot be put into force.
    Adopt(AdoptError),
}

impl Reloader {
    /// For a midreg that was started with what was typed, and so with these keys.
    #[must_use]
    pub fn new(helm: Helm, dial: Dial, typed: Typed, present: Record) -> Self {
        Self {
            inner: Arc::new(Inner {
                helm,
                dial,
                typed,
                present: Mutex::new(present),
            }),
        }
    }

    /// Reads, checks, and puts into force; blocks while names are looked up, for seconds at most. The
    /// log and the service manager are told how it went.
    ///
    /// # Errors
    ///
    /// See [`Refusal`]. Nothing has changed then.
    pub fn reload(&self) -> Result<Reloaded, Refusal> {
        notify::reloading();
        let outcome = self.attempt();
        match &outcome {
            Ok(reloaded) => {
                let changed = match reloaded.changed.as_slice() {
                    [] => "nothing that is shown".to_owned(),
                    changed => changed.join(", "),
                };
                reloaded
                    .warnings
                    .iter()
                    .for_each(|fault| warn!(target: "main", "{}", fault.text()));
                info!(target: "main", changed, "reloaded");
                notify::ready("reloaded");
            }
            Err(refusal) => {
                refusal
                    .lines()
                    .iter()
                    .for_each(|line| error!(target: "main", "{line}"));
                error!(target: "main", "not reloaded: the former configuration holds on");
                notify::ready("reload refused; the former configuration holds on");
            }
        }
        outcome
    }

    /// How the log stands, to be changed.
    #[must_use]
    pub fn dial(&self) -> &Dial {
        &self.inner.dial
    }

    fn attempt(&self) -> Result<Reloaded, Refusal> {
        let inner = &*self.inner;
        let present = inner.present.lock();
        let mut present = present.unwrap_or_else(PoisonError::into_inner);
        let Loaded {
            config,
            warnings,
            effective,
        } = config::load(&inner.typed).map_err(Refusal::Faults)?;
        let frozen = frozen(&present, &effective);
        if frozen.has_errors() {
            return Err(Refusal::Faults(frozen));
        }
        let log = config.log;
        inner.adopt(config)?;
        inner.dial.follow(&log);
        let changed = changed(&present, &effective);
        *present = effective;
        Ok(Reloaded { changed, warnings })
    }
}

impl Inner {
    fn adopt(&self, config: Config) -> Result<(), Refusal> {
        self.helm.adopt(config).map_err(Refusal::Adopt)
    }
}

impl Refusal {
    /// What is wrong, a line each.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        match self {
            Self::Faults(faults) => {
                let errors = faults
                    .iter()
                    .filter(|fault| fault.severity == Severity::Error);
                errors.map(Fault::text).collect()
            }
            Self::Adopt(error) => vec![error.to_string()],
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.lines().join("\n"))
    }
}

impl std::error::Error for Refusal {}

/// What is told of changes that a running process cannot make.
fn frozen(present: &Record, next: &Record) -> Faults {
    let mut faults = Faults::default();
    for (path, why) in FOR_LIFE {
        let (now, then) = (key(present, path), key(next, path));
        let value = |key: Option<&config::record::KeyRecord>| key.and_then(|key| key.value.clone());
        if value(now) == value(then) {
            continue;
        }
        let now = value(now).unwrap_or_else(|| "not set".to_owned());
        let message = format!("`{path}` cannot change while midreg runs (it is {now})");
        let mut fault = Fault::general(message).help(format!("{why}; restart midreg to change it"));
        fault.spot = then.and_then(|key| key.spot.clone());
        faults.push(fault);
    }
    faults
}

fn key<'r>(record: &'r Record, path: &str) -> Option<&'r config::record::KeyRecord> {
    let of_table = |table: &'r config::record::TableRecord| {
        let mut keys = table.keys.iter();
        keys.find(|record| join(&table.place, record.key.name) == path)
    };
    record.tables().find_map(of_table)
}

/// The paths of keys with another value, in the order of their names.
fn changed(present: &Record, next: &Record) -> Vec<String> {
    let (now, then) = (effective_json(present), effective_json(next));
    let (Some(now), Some(then)) = (now.as_object(), then.as_object()) else {
        return Vec::new();
    };
    let mut paths: Vec<&String> = now.keys().chain(then.keys()).collect();
    paths.sort();
    paths.dedup();
    let value = |keys: &serde_json::Map<String, serde_json::Value>, path: &str| {
        keys.get(path)
            .and_then(|key| key["value"].as_str().map(str::to_owned))
    };
    paths.retain(|path| value(now, path) != value(then, path));
    paths.into_iter().cloned().collect()
}
