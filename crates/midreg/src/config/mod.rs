//! Configuration: from what the operator typed to what it means.
//!
//! The way: file and command line → [`raw`] tree → [`set`] overrides → [`checked`] meaning. All
//! errors are collected; each has its place in the file or in the argument it came from.

pub mod address;
mod calls;
pub mod checked;
mod control;
mod cross;
mod digest;
mod domain;
mod domain_rules;
mod draw;
pub mod effective;
pub mod error;
mod exposure;
pub mod form;
pub mod key;
pub mod keys;
mod lease;
mod limits;
mod listen;
mod logging;
pub mod manual;
mod mask;
mod naming;
mod network;
mod offer;
mod privacy;
pub mod raw;
pub mod record;
mod registration;
pub mod sample;
pub mod schema;
mod section;
pub mod set;
mod syntax;
mod upstream;
mod user;
mod users_file;
mod value;
pub mod words;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

pub use checked::Config;
pub use control::ControlConfig;
pub use error::{Fault, Faults, Look};
pub use listen::Listen;
pub use logging::{LogConfig, LogFormat, Redact};
pub use record::Record;
pub use set::Override;
pub(crate) use value::parse_duration;

use raw::Document;

/// What the operator gave us: a file, and values that go over it.
#[derive(Clone, Debug, Default)]
pub struct Typed {
    /// The file; none means defaults.
    pub file: Option<PathBuf>,
    /// Values from the command line, later ones winning.
    pub overrides: Vec<Override>,
}

/// A configuration that may be used, and what is unwise about it.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The settings.
    pub config: Config,
    /// Warnings only.
    pub warnings: Faults,
    /// Every key with its value, and where that comes from.
    pub effective: Record,
}

/// Reads, overrides and checks.
///
/// # Errors
///
/// Everything that is wrong, warnings included, in the order it was found.
pub fn load(typed: &Typed) -> Result<Loaded, Faults> {
    let mut faults = Faults::default();
    let mut document = match &typed.file {
        Some(path) => read_file(path, &mut faults),
        None => Document::default(),
    };
    for item in &typed.overrides {
        item.apply(&mut document, &mut faults);
    }
    let mut loaded = judge(&document, faults)?;
    if let Some(path) = &typed.file {
        privacy::check_file(path, &loaded.effective, &mut loaded.warnings);
    }
    Ok(loaded)
}

/// Gives meaning to what was read, with what was wrong on the way.
fn judge(document: &Document, mut faults: Faults) -> Result<Loaded, Faults> {
    let mut effective = Record::new(record::Purpose::Use);
    let config = checked::check(document, &mut effective, &mut faults);
    faults.sort();
    match config {
        Some(config) => Ok(Loaded {
            config,
            warnings: faults,
            effective,
        }),
        None => Err(faults),
    }
}

fn read_file(path: &Path, faults: &mut Faults) -> Document {
    let name = path.display().to_string();
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) => {
            let fault = Fault::general(format!("cannot read {name}: {error}"));
            let here = std::env::current_dir().map(|folder| folder.display().to_string());
            faults.push(match here {
                Ok(here) if path.is_relative() => fault.help(format!("looked for it in {here}")),
                _ => fault,
            });
            return Document::default();
        }
    };
    match String::from_utf8(bytes) {
        Ok(text) => Document::parse(&name, text, faults),
        Err(error) => {
            let good = error.utf8_error().valid_up_to();
            let before = &error.as_bytes()[..good];
            let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
            faults.push(Fault::general(format!(
                "{name}:{line}: not UTF-8 at byte {good}"
            )));
            Document::default()
        }
    }
}
