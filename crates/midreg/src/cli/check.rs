//! `midreg check`: whether a configuration may be used, and what it amounts to.

use std::fmt::Write;
use std::process::ExitCode;

use engine::policy::Mode;

use super::{BAD_CONFIG, Options, tell};
use crate::config::{Config, Fault, Faults, Loaded};
use crate::secret::Secret;

/// Tells all errors and warnings on standard error, and a summary on standard output.
pub(super) fn check(options: &Options) -> ExitCode {
    match options.load().and_then(with_secret) {
        Ok(loaded) => {
            tell(&loaded.warnings);
            print!("{}", summary(&loaded.config));
            ExitCode::SUCCESS
        }
        Err(faults) => {
            tell(&faults);
            ExitCode::from(BAD_CONFIG)
        }
    }
}

/// Looks whether the secret can be read, or made at the next start; makes none.
fn with_secret(loaded: Loaded) -> Result<Loaded, Faults> {
    let Some(path) = &loaded.config.secret_file else {
        return Ok(loaded);
    };
    let wrong = match path.try_exists() {
        Ok(true) => Secret::load(Some(path))
            .err()
            .map(|error| error.to_string()),
        Ok(false) => {
            let folder = path
                .parent()
                .filter(|folder| !folder.as_os_str().is_empty());
            folder
                .filter(|folder| !folder.is_dir())
                .map(|folder| format!("secret file {}: no such folder", folder.display()))
        }
        Err(error) => Some(format!("secret file {}: {error}", path.display())),
    };
    match wrong {
        None => Ok(loaded),
        Some(message) => {
            let mut faults = loaded.warnings;
            faults.push(Fault::general(message));
            Err(faults)
        }
    }
}

fn summary(config: &Config) -> String {
    let mode = match config.domain.mode {
        Mode::Contact | Mode::Aor | Mode::Standalone => "contact",
        Mode::Mirror => "mirror",
    };
    let listen: Vec<String> = config
        .listen
        .iter()
        .map(|l| format!("udp://{}", l.bind))
        .collect();
    let servers: Vec<&str> = config
        .servers
        .iter()
        .map(|server| server.text.as_str())
        .collect();
    let secret = config.secret_file.as_ref().map_or_else(
        || "made up at every start".to_owned(),
        |path| format!("in {}", path.display()),
    );
    let registration = &config.domain.registration;
    let mut text = String::from("ok\n");
    for (name, value) in [
        ("mode", mode.to_owned()),
        ("listen", listen.join(", ")),
        ("upstream", servers.join(", ")),
        ("lease", format!("{} s upstream", config.domain.expires)),
        (
            "devices",
            format!(
                "{} to {} s, {} s where none is asked for",
                registration.min_expires, registration.max_expires, registration.default_expires
            ),
        ),
        ("workers", config.workers.to_string()),
        ("secret", secret),
        ("storage", "memory only".to_owned()),
    ] {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  {name:<9} {value}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Override, Typed, load};

    #[test]
    fn a_secret_that_cannot_be_used_is_an_error_and_none_is_made() {
        let folder = tempfile::tempdir().expect("a folder");
        let check = |name: &str| {
            let path = folder.path().join(name);
            let overrides = vec![
                Override::Upstream(vec!["sip:pbx.example".to_owned()]),
                Override::Set(format!("security.secret_file={}", path.display())),
            ];
            with_secret(
                load(&Typed {
                    file: None,
                    overrides,
                })
                .expect("good"),
            )
        };
        assert!(check("new").is_ok());
        assert!(!folder.path().join("new").exists());
        std::fs::write(folder.path().join("bad"), "x").expect("written");
        for name in ["bad", "no/folder"] {
            let faults = check(name).expect_err(name);
            assert!(faults.has_errors(), "{name}");
        }
    }

    #[test]
    fn the_summary_names_what_matters() {
        let overrides = vec![
            Override::Upstream(vec!["sip:pbx.example".to_owned()]),
            Override::Listen(vec!["udp://127.0.0.1:5070".to_owned()]),
        ];
        let config = load(&Typed {
            file: None,
            overrides,
        })
        .expect("good")
        .config;
        let text = summary(&config);
        for part in [
            "ok\n",
            "contact",
            "udp://127.0.0.1:5070",
            "sip:pbx.example",
            "7200 s",
        ] {
            assert!(text.contains(part), "{part} is missing in\n{text}");
        }
    }
}
