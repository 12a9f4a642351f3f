//! docs/install.md, followed word by word into a folder of its own: every box that is marked as shell, in order.
//!
//! What needs root or systemd is not marked so. Building is left out: the binary under test is there.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

const REPOSITORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// Each box with the heading it stands under.
fn boxes(page: &str) -> Vec<(String, String)> {
    let mut heading = String::new();
    let mut boxes = Vec::new();
    let mut open: Option<String> = None;
    for line in page.lines() {
        match (&mut open, line) {
            (None, "```sh") => open = Some(String::new()),
            (None, line) => {
                if let Some(text) = line.strip_prefix("## ") {
                    text.clone_into(&mut heading);
                }
            }
            (Some(text), "```") => {
                boxes.push((heading.clone(), std::mem::take(text)));
                open = None;
            }
            (Some(text), line) => {
                text.push_str(line);
                text.push('\n');
            }
        }
    }
    boxes
}

/// A folder with what the repository has at its root, and the binary where a release is built.
fn checkout(folder: &Path) {
    for name in ["docs", "packaging"] {
        symlink(Path::new(REPOSITORY).join(name), folder.join(name)).expect("a link");
    }
    let release = folder.join("target/release");
    fs::create_dir_all(&release).expect("a folder");
    symlink(env!("CARGO_BIN_EXE_midreg"), release.join("midreg")).expect("a link");
}

fn follow(commands: &str, checkout: &Path, destination: &Path) -> String {
    let output = Command::new("bash")
        .args(["-euc", &format!("cargo() {{ :; }}\n{commands}")])
        .current_dir(checkout)
        .env("DESTDIR", destination)
        .output()
        .expect("bash");
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{commands}\n{told}");
    String::from_utf8_lossy(&output.stdout).into_owned() + &told
}

#[test]
fn the_page_does_what_it_says() {
    let here = tempfile::tempdir().expect("a folder");
    let there = tempfile::tempdir().expect("a folder");
    checkout(here.path());
    let page = fs::read_to_string(Path::new(REPOSITORY).join("docs/install.md")).expect("a page");
    let boxes = boxes(&page);
    let of = |heading: &str| {
        let mut told = String::new();
        for (_, commands) in boxes.iter().filter(|(under, _)| under == heading) {
            told += &follow(commands, here.path(), there.path());
        }
        told
    };
    let mode = |path: &str| {
        let about = fs::metadata(there.path().join(path)).expect(path);
        about.permissions().mode() & 0o777
    };

    let told = of("Install");
    assert!(told.contains("ok"), "{told}");
    assert_eq!(mode("usr/local/bin/midreg"), 0o755);
    assert_eq!(mode("etc/midreg/midreg.toml"), 0o640);
    assert!(
        !told.contains("warning"),
        "the configuration to begin with is wise: {told}"
    );
    let told = of("Upgrade");
    assert!(
        told.contains(concat!("midreg ", env!("CARGO_PKG_VERSION"))),
        "{told}"
    );
    of("Uninstall");
    let left = files(there.path());
    assert_eq!(left, [""; 0]);
}

/// The unit starts what the page installs, where it installs it, with the configuration that it installs.
#[test]
fn the_unit_fits_the_page() {
    let read = |path: &str| fs::read_to_string(Path::new(REPOSITORY).join(path)).expect(path);
    let (unit, page) = (read("packaging/midreg.service"), read("docs/install.md"));
    let line = |key: &str| {
        let found = unit.lines().find_map(|line| line.strip_prefix(key));
        found.unwrap_or_else(|| panic!("no {key}")).to_owned()
    };
    let start = line("ExecStart=");
    for path in start.split(' ').filter(|word| word.starts_with('/')) {
        assert!(page.contains(&format!("\"$DESTDIR{path}\"")), "{path}");
    }
    let documentation = line("Documentation=file://");
    assert!(
        page.contains(&format!("\"$DESTDIR{documentation}\"")),
        "{documentation}"
    );
    assert_eq!(line("RestartPreventExitStatus="), "2");
    assert!(read("packaging/midreg.toml").contains("\"/var/lib/midreg/secret\""));
    assert_eq!(line("StateDirectory="), "midreg");
}

/// All files below a folder.
fn files(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            match path.is_dir() {
                true => folders.push(path),
                false => found.push(path.display().to_string()),
            }
        }
    }
    found
}
