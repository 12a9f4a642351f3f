//! Finding the programs that the rig runs.

use std::env;
use std::path::{Path, PathBuf};

/// Where Debian keeps daemons; an ordinary user's `PATH` does not name it.
const DAEMON_DIRECTORIES: [&str; 2] = ["/usr/sbin", "/usr/local/sbin"];

/// The path of an installed program.
///
/// # Panics
/// If it is not installed. A missing peer is a failure, not a reason to skip: a green run has to mean something.
pub(crate) fn installed(name: &str) -> PathBuf {
    let search_path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&search_path)
        .chain(DAEMON_DIRECTORIES.iter().map(PathBuf::from))
        .map(|directory| directory.join(name))
        .find(|candidate| is_file(candidate))
        .unwrap_or_else(|| {
            panic!("`{name}` is not installed; the end-to-end tests need it: run .ci/install")
        })
}

fn is_file(path: &Path) -> bool {
    path.metadata().is_ok_and(|metadata| metadata.is_file())
}
