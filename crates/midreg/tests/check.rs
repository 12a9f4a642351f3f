//! Transcripts of `midreg check`: each `check/NAME.toml` with what is told of it in
//! `check/NAME.txt`, byte for byte. A first line `# midreg check …` has more arguments.
//!
//! With `UPDATE_TRANSCRIPTS=1` in the environment they are written anew, to be read before they are
//! committed.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/check");

/// How the first line of a file begins that has more arguments.
const ARGUMENTS: &str = "# midreg check ";

fn files() -> Vec<PathBuf> {
    let entries = fs::read_dir(FOLDER).expect("the folder of transcripts");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let mut files: Vec<PathBuf> = paths
        .filter(|path| path.extension().is_some_and(|end| end == "toml"))
        .collect();
    files.sort();
    files
}

/// What is told of a file: the command, standard error, standard output, the exit code.
fn transcript(file: &Path) -> String {
    let name = file.file_name().expect("a name").to_string_lossy();
    let text = fs::read_to_string(file).expect("a text");
    let first = text.lines().next().unwrap_or_default();
    let more = first.strip_prefix(ARGUMENTS).unwrap_or_default();
    let output = Command::new(env!("CARGO_BIN_EXE_midreg"))
        .args(["check", "--config", &*name])
        .args(more.split_whitespace())
        .current_dir(FOLDER)
        .output()
        .expect("midreg runs");
    let told = String::from_utf8(output.stderr).expect("a text");
    let printed = String::from_utf8(output.stdout).expect("a text");
    let code = output.status.code().expect("an exit code");
    let mut transcript = format!("$ midreg check --config {name} {more}");
    transcript.truncate(transcript.trim_end().len());
    // Writing to a String cannot fail.
    let _ = write!(transcript, "\n{told}{printed}exit code {code}\n");
    transcript
}

#[test]
fn what_check_tells_is_as_it_was_read_by_people() {
    let update = std::env::var_os("UPDATE_TRANSCRIPTS").is_some();
    let mut different = Vec::new();
    for file in files() {
        let known = file.with_extension("txt");
        let told = transcript(&file);
        if update {
            fs::write(&known, &told).expect("written");
        } else if fs::read_to_string(&known).unwrap_or_default() != told {
            different.push(format!("{}\n{told}", known.display()));
        }
    }
    assert!(
        different.is_empty(),
        "other than it was; UPDATE_TRANSCRIPTS=1 writes it anew:\n{}",
        different.join("\n")
    );
}

#[test]
fn there_are_enough_broken_files_and_none_is_taken() {
    let broken = |file: &PathBuf| transcript(file).ends_with("exit code 2\n");
    assert!(files().iter().filter(|file| broken(file)).count() >= 10);
}

#[test]
fn no_secret_is_told() {
    for file in files() {
        let told = transcript(&file);
        for secret in ["sesame", "dfe1cd67"] {
            assert!(!told.contains(secret), "{told}");
        }
    }
}

#[test]
fn a_pipe_gets_no_colours() {
    for file in files() {
        assert!(!transcript(&file).contains('\u{1b}'), "{}", file.display());
    }
}
