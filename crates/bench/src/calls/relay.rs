//! `Relay`: what the calls go through, as a child process: a midreg, or a Kamailio to compare it with.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::children::Server;
use crate::failure::{Context, Failure};
use crate::subject::{Midreg, probe};

/// Its whole configuration.
const KAMAILIO_CFG: &str = include_str!("kamailio.cfg");
/// Megabytes that it shares between its processes, and that each has for itself.
const MEMORY: [&str; 4] = ["-m", "1024", "-M", "32"];
/// The fastest of its allocators; as packaged it checks every block.
const ALLOCATORS: [&str; 4] = ["-x", "fm", "-X", "fm"];

/// A running relay. It ends with the value.
pub struct Relay {
    /// The process.
    pub server: Server,
}

/// Files that a child reads when it starts, and never again.
struct Files(PathBuf);

impl Drop for Files {
    fn drop(&mut self) {
        // What cannot be removed lies in the system's own place for such things.
        let _ = fs::remove_dir_all(&self.0);
    }
}

impl Relay {
    /// Starts a midreg.
    pub fn midreg(midreg: &Midreg<'_>, address: SocketAddr) -> Result<Self, Failure> {
        let asked = probe("OPTIONS", &address.to_string());
        Ok(Self {
            server: midreg.start(address, &asked)?,
        })
    }

    /// Starts the Kamailio at `program`.
    pub fn kamailio(program: &Path, address: SocketAddr) -> Result<Self, Failure> {
        let folder = std::env::temp_dir().join(format!(
            "midreg-bench-{}-{}",
            std::process::id(),
            address.port()
        ));
        fs::create_dir_all(&folder).while_doing(|| format!("{}", folder.display()))?;
        let files = Files(folder);
        let config = files.0.join("kamailio.cfg");
        fs::write(&config, KAMAILIO_CFG).while_doing(|| format!("{}", config.display()))?;
        let mut command = Command::new(program);
        command
            .args(["-DD", "-E", "-l", &format!("udp:{address}")])
            .args(MEMORY)
            .args(ALLOCATORS)
            .arg("-f")
            .arg(&config)
            .arg("-w")
            .arg(&files.0)
            .arg("-Y")
            .arg(&files.0)
            .stderr(Stdio::null());
        let asked = probe("OPTIONS", &address.to_string());
        Ok(Self {
            server: Server::foreign(&mut command, address, asked.as_bytes())?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reference_does_what_the_comparison_says() {
        for step in [
            "record_route();",
            "lookup(\"location\")",
            "t_relay();",
            "save(\"location\")",
        ] {
            assert!(KAMAILIO_CFG.contains(step), "{step}");
        }
        assert!(KAMAILIO_CFG.contains("children=1\n"));
    }
}
