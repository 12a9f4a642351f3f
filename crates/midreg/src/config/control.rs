//! The table `[control]`: where `midreg status`, `contacts` and the like reach a midreg that runs.

use std::path::PathBuf;

use super::key::{Absent, Key, Sample, TableKey};
use super::section::Section;
use super::value::{flag, path};

/// The table.
pub(super) const CONTROL: TableKey = TableKey {
    name: "control",
    doc: "The socket by which `midreg status`, `contacts`, `explain`, `kick`, `calls`, `resync`, `top` \
          and `trace` ask a midreg that runs. Only its own user and root may.",
    sample: Sample::Live,
};

const ENABLED: Key = Key {
    name: "enabled",
    doc: "Whether there is one.",
    absent: Absent::Default,
    example: "false",
};

const PATH: Key = Key {
    name: "path",
    doc: "Where it is in the file system; made with mode 0600. A relative path counts from the folder \
          of this file.",
    absent: Absent::Means(
        "`midreg.sock` in `$RUNTIME_DIRECTORY`, or else in `$XDG_RUNTIME_DIR`, or else in `/run/midreg`",
    ),
    example: "\"midreg.sock\"",
};

/// Where operators reach a midreg that runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ControlConfig {
    /// Whether they do.
    pub enabled: bool,
    /// Where; `None` for the usual place.
    pub path: Option<PathBuf>,
}

impl ControlConfig {
    /// Reads the table.
    pub(super) fn read(section: &mut Section<'_, '_>) -> Self {
        let enabled = section.value_or(&ENABLED, &flag(), true);
        let path = section.value(&PATH, &path("path of a socket"));
        Self {
            enabled,
            path: path.map(|given| given.value),
        }
    }
}
