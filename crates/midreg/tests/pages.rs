//! The pages that are generated from the code that reads the configuration are up to date.

use std::fs;
use std::path::Path;
use std::process::Command;

/// Each page, and the form that it has.
const PAGES: [(&str, &str); 3] = [
    ("docs/config.md", "markdown"),
    ("docs/midreg.schema.json", "json"),
    ("examples/midreg.toml", "example"),
];

#[test]
fn generated_pages_are_up_to_date() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    for (page, form) in PAGES {
        let output = Command::new(env!("CARGO_BIN_EXE_midreg"))
            .args(["schema", "--as", form])
            .output()
            .expect("midreg runs");
        assert!(output.status.success(), "{form}");
        let wanted = String::from_utf8(output.stdout).expect("a text");
        let found = fs::read_to_string(root.join(page)).expect("a page");
        assert_eq!(found, wanted, "{page} is old: run `cargo xtask docs`");
    }
}
