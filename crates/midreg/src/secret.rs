//! `Secret`: what protects tokens, branches and tags from being forged.
//!
//! Kept in a file as 64 hexadecimal digits, so that it can be carried to another node. It is made
//! when the file is missing, with mode 0600; without a file it lives as long as the process.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// The secret and where it came from.
pub struct Secret {
    /// 256 random bits.
    pub bytes: [u8; 32],
    /// Where they came from.
    pub origin: Origin,
}

/// Where a secret came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Read from its file.
    Read(Exposure),
    /// Made just now and written to its file.
    Made,
    /// Made for this run only.
    Ephemeral,
}

/// Who else may read the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exposure {
    /// Nobody.
    Private,
    /// Group or others.
    Readable,
}

/// Why there is no secret.
#[derive(Debug)]
pub enum SecretError {
    /// The file cannot be read or made.
    File(PathBuf, io::Error),
    /// The file holds something else.
    Content(PathBuf),
    /// The system gives no random bytes.
    Random(io::Error),
}

impl Secret {
    /// Reads the secret, makes it, or makes one up for this run when there is no file.
    ///
    /// # Errors
    ///
    /// See [`SecretError`].
    pub fn load(path: Option<&Path>) -> Result<Self, SecretError> {
        let Some(path) = path else {
            return Ok(Self {
                bytes: random()?,
                origin: Origin::Ephemeral,
            });
        };
        match File::open(path) {
            Ok(file) => read(path, file),
            Err(error) if error.kind() == io::ErrorKind::NotFound => make(path),
            Err(error) => Err(SecretError::File(path.to_owned(), error)),
        }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secret")
            .field("origin", &self.origin)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for SecretError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path, error) => write!(f, "secret file {}: {error}", path.display()),
            Self::Content(path) => {
                let path = path.display();
                write!(
                    f,
                    "secret file {path} does not hold 64 hexadecimal digits; remove it to \
                           have a new one made"
                )
            }
            Self::Random(error) => write!(f, "no random bytes: {error}"),
        }
    }
}

impl std::error::Error for SecretError {}

/// Bytes from the system's generator. `/dev/random` waits only until it has been seeded once.
///
/// # Errors
///
/// The device cannot be read.
pub fn random<const N: usize>() -> Result<[u8; N], SecretError> {
    let mut bytes = [0; N];
    File::open("/dev/random")
        .and_then(|mut file| file.read_exact(&mut bytes))
        .map_err(SecretError::Random)?;
    Ok(bytes)
}

fn read(path: &Path, mut file: File) -> Result<Secret, SecretError> {
    let fail = |error| SecretError::File(path.to_owned(), error);
    let mode = file.metadata().map_err(fail)?.permissions().mode();
    let mut text = String::new();
    // A little more than wanted, so that a longer file is noticed and a huge one is not read.
    Read::by_ref(&mut file)
        .take(100)
        .read_to_string(&mut text)
        .map_err(fail)?;
    let bytes = parse_hex(text.trim()).ok_or_else(|| SecretError::Content(path.to_owned()))?;
    let exposure = if mode & 0o077 == 0 {
        Exposure::Private
    } else {
        Exposure::Readable
    };
    Ok(Secret {
        bytes,
        origin: Origin::Read(exposure),
    })
}

fn make(path: &Path) -> Result<Secret, SecretError> {
    let bytes: [u8; 32] = random()?;
    let text: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            file.write_all(b"\n")?;
            file.sync_all()
        });
    match written {
        Ok(()) => Ok(Secret {
            bytes,
            origin: Origin::Made,
        }),
        Err(error) => {
            // Half a secret would stop the next start; one that another process made must stay.
            if error.kind() != io::ErrorKind::AlreadyExists {
                let _ = fs::remove_file(path);
            }
            Err(SecretError::File(path.to_owned(), error))
        }
    }
}

fn parse_hex(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    for (index, byte) in bytes.iter_mut().enumerate() {
        let digits = text.get(2 * index..2 * index + 2)?;
        *byte = u8::from_str_radix(digits, 16)
            .ok()
            .filter(|_| !digits.starts_with('+'))?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_made_once_and_then_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("secret");
        let made = Secret::load(Some(&path)).expect("made");
        assert_eq!(made.origin, Origin::Made);
        let mode = fs::metadata(&path).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let read = Secret::load(Some(&path)).expect("read");
        assert_eq!(
            (read.bytes, read.origin),
            (made.bytes, Origin::Read(Exposure::Private))
        );
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("changed");
        let read = Secret::load(Some(&path)).expect("read");
        assert_eq!(read.origin, Origin::Read(Exposure::Readable));
    }

    #[test]
    fn without_a_file_each_run_has_its_own() {
        let (a, b) = (
            Secret::load(None).expect("made"),
            Secret::load(None).expect("made"),
        );
        assert_eq!(a.origin, Origin::Ephemeral);
        assert_ne!(a.bytes, b.bytes);
    }

    #[test]
    fn what_is_no_secret_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("secret");
        let long = "0".repeat(65);
        let odd = "+1".repeat(32);
        for text in ["", "short", &"g".repeat(64), &long, &odd, &"é".repeat(32)] {
            fs::write(&path, text).expect("written");
            let error = Secret::load(Some(&path)).expect_err(text);
            assert!(matches!(error, SecretError::Content(_)), "{text}: {error}");
        }
        let nowhere = folder.path().join("no/folder/secret");
        let error = Secret::load(Some(&nowhere)).expect_err("no folder");
        assert!(error.to_string().contains("no/folder/secret"), "{error}");
    }

    #[test]
    fn it_is_never_shown() {
        let secret = Secret {
            bytes: [0xab; 32],
            origin: Origin::Ephemeral,
        };
        assert_eq!(format!("{secret:?}"), "Secret { origin: Ephemeral, .. }");
    }
}
