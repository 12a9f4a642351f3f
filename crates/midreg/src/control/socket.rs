//! `Socket`: the control socket in the file system.
//!
//! It is made under another name in a folder that is nobody else's, and gets its own name when its
//! mode is right: there is no instant at which others may connect. A file beside it is locked while
//! midreg runs; whoever has the lock may take a socket away that a former run has left, and nobody
//! takes away one that somebody listens on.

use std::fmt;
use std::fs::{self, DirBuilder, File, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

/// The socket.
#[derive(Debug)]
pub(super) struct Socket {
    path: PathBuf,
    listener: UnixListener,
    /// What tells it from another that came to its place.
    inode: u64,
    /// Locked while it lives.
    _lock: File,
}

/// Why there is no control socket.
#[derive(Debug)]
pub struct SocketError {
    path: PathBuf,
    trouble: Trouble,
}

#[derive(Debug)]
enum Trouble {
    /// Somebody listens there.
    InUse,
    /// Something else is there.
    Occupied,
    /// The system says no to this.
    System(&'static str, io::Error),
}

impl SocketError {
    /// The system says no.
    pub(super) fn system(path: &Path, what: &'static str, error: io::Error) -> Self {
        Self {
            path: path.to_owned(),
            trouble: Trouble::System(what, error),
        }
    }
}

impl Socket {
    /// Makes it at `path`, in the place of one that was left behind.
    ///
    /// # Errors
    ///
    /// Somebody else listens there, something else is there, or the folder cannot be written to.
    pub(super) fn bind(path: &Path) -> Result<Self, SocketError> {
        let fail = |trouble| SocketError {
            path: path.to_owned(),
            trouble,
        };
        let system = |what| move |error| fail(Trouble::System(what, error));
        let folder = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or_else(|| Path::new("."));
        if !folder.exists() {
            let made = DirBuilder::new().mode(0o755).create(folder);
            made.map_err(system("cannot make its folder"))?;
        }
        let lock = beside(path, ".lock");
        let lock = File::create(&lock).map_err(system("cannot write to its folder"))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(fail(Trouble::InUse)),
            Err(TryLockError::Error(error)) => return Err(system("cannot lock it")(error)),
        }
        make_room(path).map_err(fail)?;
        let (listener, inode) = listen(path).map_err(system("cannot make it"))?;
        Ok(Self {
            path: path.to_owned(),
            listener,
            inode,
            _lock: lock,
        })
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Takes it out of the file system, if it is still there.
    pub(super) fn remove(&self) {
        let there = fs::symlink_metadata(&self.path);
        if there.is_ok_and(|about| about.ino() == self.inode) {
            let _ = fs::remove_file(&self.path);
        }
    }

    /// What clients are accepted from.
    pub(super) fn listener(&self) -> &UnixListener {
        &self.listener
    }
}

/// Takes away what a former run has left.
fn make_room(path: &Path) -> Result<(), Trouble> {
    let about = match fs::symlink_metadata(path) {
        Ok(about) => about,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(Trouble::System("cannot look at it", error)),
    };
    if !about.file_type().is_socket() {
        return Err(Trouble::Occupied);
    }
    match UnixStream::connect(path) {
        Ok(_) => Err(Trouble::InUse),
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            fs::remove_file(path).map_err(|error| Trouble::System("cannot replace it", error))
        }
        Err(error) => Err(Trouble::System("cannot tell whether it is in use", error)),
    }
}

fn listen(path: &Path) -> io::Result<(UnixListener, u64)> {
    let nest = beside(path, &format!(".{}", std::process::id()));
    // What is left of another process that had this number.
    let _ = fs::remove_dir_all(&nest);
    DirBuilder::new().mode(0o700).create(&nest)?;
    let made = listen_in(&nest, path);
    let _ = fs::remove_dir_all(&nest);
    made
}

fn listen_in(nest: &Path, path: &Path) -> io::Result<(UnixListener, u64)> {
    let egg = nest.join("s");
    let listener = UnixListener::bind(&egg)?;
    fs::set_permissions(&egg, Permissions::from_mode(0o600))?;
    let inode = fs::symlink_metadata(&egg)?.ino();
    fs::rename(&egg, path)?;
    Ok((listener, inode))
}

/// The path with something after its name.
fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

impl fmt::Display for SocketError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no control socket at {}: ", self.path.display())?;
        match &self.trouble {
            Trouble::InUse => f.write_str("another midreg listens there"),
            Trouble::Occupied => f.write_str("there is a file that is no socket"),
            Trouble::System(what, error) => write!(f, "{what}: {error}"),
        }
    }
}

impl std::error::Error for SocketError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> tempfile::TempDir {
        tempfile::tempdir().expect("a folder")
    }

    #[test]
    fn it_is_there_for_its_owner_alone_and_gone_in_the_end() {
        let folder = folder();
        let path = folder.path().join("new").join("m.sock");
        let socket = Socket::bind(&path).expect("made");
        let mode = fs::metadata(&path).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        UnixStream::connect(&path).expect("somebody listens");
        socket.remove();
        assert!(!path.exists());
    }

    #[test]
    fn one_that_was_left_behind_is_replaced() {
        let folder = folder();
        let path = folder.path().join("m.sock");
        drop(UnixListener::bind(&path).expect("bound"));
        let socket = Socket::bind(&path).expect("replaced");
        UnixStream::connect(socket.path()).expect("somebody listens");
    }

    #[test]
    fn one_that_is_in_use_is_left_alone() {
        let folder = folder();
        let path = folder.path().join("m.sock");
        let own = Socket::bind(&path).expect("made");
        let error = Socket::bind(&path).expect_err("in use").to_string();
        assert!(error.ends_with("another midreg listens there"), "{error}");
        own.remove();
        drop(own);

        // Of a program that knows of no lock.
        let other = UnixListener::bind(&path).expect("bound");
        let error = Socket::bind(&path).expect_err("in use").to_string();
        assert!(error.ends_with("another midreg listens there"), "{error}");
        drop(other);
    }

    #[test]
    fn what_is_no_socket_stays() {
        let folder = folder();
        let path = folder.path().join("m.sock");
        fs::write(&path, "precious").expect("written");
        let error = Socket::bind(&path).expect_err("occupied").to_string();
        assert!(error.contains("no socket"), "{error}");
        assert_eq!(fs::read_to_string(&path).expect("there"), "precious");
    }

    #[test]
    fn another_one_in_its_place_outlives_it() {
        let folder = folder();
        let path = folder.path().join("m.sock");
        let old = Socket::bind(&path).expect("made");
        fs::remove_file(&path).expect("removed");
        let _new = UnixListener::bind(&path).expect("bound");
        old.remove();
        assert!(path.exists());
    }
}
