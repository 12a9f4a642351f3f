//! The pages for operators (docs/operators): what they say of midreg's configuration is sound, and what they say of
//! Kamailio's is what the end-to-end tests run.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A piece of configuration in a page.
struct Block {
    page: String,
    language: String,
    lines: Vec<String>,
}

#[test]
fn every_piece_of_midreg_toml_is_sound() {
    let blocks = blocks_in("toml");
    assert!(blocks.len() >= 6, "each page shows some");
    for block in &blocks {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("midreg.toml");
        fs::write(&file, block.lines.join("\n")).expect("written");
        let outcome = Command::new(env!("CARGO_BIN_EXE_midreg"))
            .arg("check")
            .arg("--config")
            .arg(&file)
            .output()
            .expect("midreg runs");
        assert!(
            outcome.status.success(),
            "{}: {}\n{}{}",
            block.page,
            block.lines.join("\n"),
            String::from_utf8_lossy(&outcome.stdout),
            String::from_utf8_lossy(&outcome.stderr)
        );
    }
}

#[test]
fn every_piece_of_kamailio_cfg_is_what_the_tests_run() {
    let run = fs::read_to_string(root().join("crates/midreg/tests/e2e/rig/kamailio.cfg"))
        .expect("the rig's configuration");
    let run = trimmed(run.lines());
    let blocks = blocks_in("kamailio");
    assert!(blocks.len() >= 5, "the page shows some");
    for block in &blocks {
        let piece = trimmed(block.lines.iter().map(String::as_str));
        assert!(
            run.windows(piece.len()).any(|window| window == piece),
            "{}: not in kamailio.cfg:\n{}",
            block.page,
            piece.join("\n")
        );
    }
}

/// Every block that says its language is one that is checked, or one of another program that is not run here.
#[test]
fn nothing_escapes_by_its_language() {
    for block in blocks() {
        assert!(
            ["toml", "kamailio", "xml", "ini"].contains(&block.language.as_str()),
            "{}: a block of `{}`",
            block.page,
            block.language
        );
    }
}

fn blocks_in(language: &str) -> Vec<Block> {
    blocks()
        .into_iter()
        .filter(|block| block.language == language)
        .collect()
}

/// The blocks between fences, which may be indented.
fn blocks() -> Vec<Block> {
    let mut blocks = Vec::new();
    let folder = root().join("docs/operators");
    for entry in fs::read_dir(folder).expect("the pages for operators") {
        let path = entry.expect("a page").path();
        let page = path.display().to_string();
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{page}: {error}"));
        let mut open: Option<Block> = None;
        for line in text.lines() {
            match (line.trim().strip_prefix("```"), &mut open) {
                (Some(language), None) => {
                    open = Some(Block {
                        page: page.clone(),
                        language: language.to_owned(),
                        lines: Vec::new(),
                    });
                }
                (Some(_), Some(_)) => blocks.extend(open.take()),
                (None, Some(block)) => block.lines.push(line.to_owned()),
                (None, None) => {}
            }
        }
        assert!(open.is_none(), "{page}: a block without an end");
    }
    blocks
}

/// Lines without what differs by place: indentation, and empty lines.
fn trimmed<'a>(lines: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    lines
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}
