//! `midreg check`: whether a configuration may be used, and what it amounts to.

use std::fmt::Write;
use std::process::ExitCode;

use clap::Args;
use serde_json::{Value, json};

use super::{BAD_CONFIG, tell};
use crate::config::{Config, Fault, Faults, Loaded, effective, words};
use crate::secret::Secret;

/// What to check, and what to tell of it.
#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(flatten)]
    sources: super::Sources,
    /// Print every key with the value that holds and where it comes from, as a configuration file.
    #[arg(long)]
    effective: bool,
    /// Print one JSON object, with everything that is wrong or unwise.
    #[arg(long)]
    json: bool,
}

/// Tells all errors and warnings on standard error, and a summary on standard output.
pub(super) fn check(options: &Options) -> ExitCode {
    let outcome = options.sources.load().and_then(with_secret);
    match (&outcome, options.json) {
        (_, true) => println!("{:#}", json(options, &outcome)),
        (Err(faults), false) => tell(faults),
        (Ok(loaded), false) => {
            tell(&loaded.warnings);
            match options.effective {
                true => print!("{}", effective::effective(&loaded.effective)),
                false => print!("{}", summary(&loaded.config)),
            }
        }
    }
    match outcome {
        Ok(_) => ExitCode::SUCCESS,
        Err(_) => ExitCode::from(BAD_CONFIG),
    }
}

/// The outcome for programs.
fn json(options: &Options, outcome: &Result<Loaded, Faults>) -> Value {
    let (faults, loaded) = match outcome {
        Ok(loaded) => (&loaded.warnings, Some(loaded)),
        Err(faults) => (faults, None),
    };
    let faults: Vec<Value> = faults.iter().map(Fault::json).collect();
    let mut object = json!({ "ok": loaded.is_some(), "faults": faults });
    if let Some(loaded) = loaded.filter(|_| options.effective) {
        object["effective"] = effective::effective_json(&loaded.effective);
    }
    object
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
    let domain = &config.domain;
    let mode = words::mode_name(domain.mode);
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
    let default_expires = domain.registration.default_expires;
    let lifetimes = words::lifetimes(domain);
    let mut lines = vec![
        (
            "mode",
            format!("{mode}: {}", words::mode_meaning(domain.mode)),
        ),
        ("listen", listen.join(", ")),
    ];
    if !servers.is_empty() {
        lines.push(("upstream", servers.join(", ")));
    }
    lines.extend(
        config
            .control
            .map(|bind| ("control", format!("udp://{bind}"))),
    );
    lines.extend(words::lease(domain).map(|lease| ("lease", lease)));
    lines.extend([
        (
            "devices",
            format!("{lifetimes}, {default_expires} s where none is asked for"),
        ),
        ("users", words::users(domain)),
    ]);
    lines.extend(
        words::domains(config)
            .into_iter()
            .map(|line| ("domain", line)),
    );
    lines.extend([
        ("workers", config.workers.to_string()),
        ("secret", secret),
        ("storage", "memory only".to_owned()),
    ]);
    let mut text = String::from("ok\n");
    for (name, value) in lines {
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

    #[test]
    fn the_summary_tells_domains_and_modes_and_no_password() {
        let overrides = [
            "upstream.servers=sip:pbx.example",
            "mode=aor",
            "domain.0.name=example.org",
            "domain.0.mode=standalone",
            "domain.0.aliases=example.net",
            "domain.0.registration.max_expires=600",
            "domain.0.digest.users.0.name=alice",
            "domain.0.digest.users.0.password=open-sesame",
        ];
        let overrides = overrides.map(|set| Override::Set(set.to_owned())).into();
        let typed = Typed {
            file: None,
            overrides,
        };
        let text = summary(&load(&typed).expect("good").config);
        for part in [
            "  mode      aor: one lease per user, shared by all devices\n",
            "  lease     7200 s, one contact per user\n",
            "  users     whom the main registrar accepts\n",
            "  domain    example.org: standalone; also called example.net; devices 60 to 600 s; \
             1 user known here, realm \"example.org\", MD5\n",
        ] {
            assert!(text.contains(part), "{part} is missing in\n{text}");
        }
        assert!(!text.contains("sesame"), "{text}");
    }
}
