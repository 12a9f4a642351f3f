//! Where the control socket is when nobody says: a rule that the program which serves and the one
//! which asks have in common.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Its name in the folder that it is in.
pub const NAME: &str = "midreg.sock";

/// The folder of programs that run for the whole machine.
const MACHINE: &str = "/run/midreg";

/// The folders that the environment tells.
#[derive(Clone, Debug, Default)]
pub struct Folders {
    /// `$RUNTIME_DIRECTORY`, by which systemd tells a service its own.
    service: Option<PathBuf>,
    /// `$XDG_RUNTIME_DIR`, the user's own.
    user: Option<PathBuf>,
}

impl Folders {
    /// Those of this process.
    #[must_use]
    pub fn of_process() -> Self {
        Self::told(
            env::var_os("RUNTIME_DIRECTORY"),
            env::var_os("XDG_RUNTIME_DIR"),
        )
    }

    fn told(service: Option<OsString>, user: Option<OsString>) -> Self {
        let folder = |text: OsString| {
            // systemd lists several with colons between.
            let text = text.into_string().ok()?;
            let first = text.split(':').next().filter(|first| !first.is_empty())?;
            Some(PathBuf::from(first))
        };
        Self {
            service: service.and_then(folder),
            user: user.and_then(folder),
        }
    }

    /// Where one who serves puts it.
    #[must_use]
    pub fn to_serve(&self) -> PathBuf {
        let folder = self.service.as_deref().or(self.user.as_deref());
        folder.unwrap_or_else(|| Path::new(MACHINE)).join(NAME)
    }

    /// Where one who asks looks for it, the likeliest place first.
    #[must_use]
    pub fn to_ask(&self) -> Vec<PathBuf> {
        let folders = [
            self.service.as_deref(),
            self.user.as_deref(),
            Some(Path::new(MACHINE)),
        ];
        let mut paths: Vec<PathBuf> = folders
            .into_iter()
            .flatten()
            .map(|folder| folder.join(NAME))
            .collect();
        paths.dedup();
        paths
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folders(service: &str, user: &str) -> Folders {
        Folders::told(Some(service.into()), Some(user.into()))
    }

    #[test]
    fn the_nearest_folder_is_served_from_and_all_are_asked() {
        for (service, user, served) in [
            ("/run/m:/run/n", "/run/user/1", "/run/m/midreg.sock"),
            ("", "/run/user/1", "/run/user/1/midreg.sock"),
            ("", "", "/run/midreg/midreg.sock"),
        ] {
            let folders = folders(service, user);
            assert_eq!(folders.to_serve(), Path::new(served));
            assert_eq!(folders.to_ask()[0], Path::new(served));
            assert_eq!(
                folders.to_ask().last().expect("one"),
                Path::new("/run/midreg/midreg.sock")
            );
        }
    }
}
