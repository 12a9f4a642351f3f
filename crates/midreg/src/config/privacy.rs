//! Rules about files that hold passwords: nobody else on the machine is to read them.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::error::{Fault, Faults, Spot};
use super::form::Kind;
use super::record::Record;

/// Permission of everybody to read a file.
const OTHERS_READ: u32 = 0o004;

/// Warns of a configuration file with passwords in it that everybody on the machine may read.
pub(super) fn check_file(path: &Path, record: &Record, faults: &mut Faults) {
    let name = path.display().to_string();
    let of_file = |spot: &&Spot| spot.source.name == name;
    let keys = record.tables().flat_map(|table| &table.keys);
    let mut secrets = keys.filter(|key| matches!(key.kind, Kind::Secret { .. }));
    let spot = secrets.find_map(|key| key.spot.as_ref().filter(of_file));
    if let Some(spot) = spot {
        tell(path, spot, faults);
    }
}

/// Warns, at the place where it is named, of a file full of passwords or their hashes that
/// everybody on the machine may read.
pub(super) fn tell(path: &Path, spot: &Spot, faults: &mut Faults) {
    let name = path.display();
    if is_open(path) {
        let message = format!("everybody on this machine may read {name}, with secrets in it");
        let help = format!("chmod o-r {name}");
        faults.push(Fault::warning(Some(spot), message).help(help));
    }
}

fn is_open(path: &Path) -> bool {
    let mode = fs::metadata(path).map_or(0, |about| about.permissions().mode());
    mode & OTHERS_READ != 0
}
