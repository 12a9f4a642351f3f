//! The conversations in `scenarios/`, each a test of its file's name (docs/scenarios.md).

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use midreg_sim::Scenario;

/// Gives each file of the folder a test, and all of them a list.
macro_rules! scenarios {
    ($($name:ident)*) => {
        const LISTED: &[&str] = &[$(stringify!($name)),*];

        $(#[test]
        fn $name() {
            play(stringify!($name));
        })*
    };
}

scenarios! {
    aor_call_busy
    aor_call_cancelled
    aor_call_fork
    aor_call_redirected
    aor_call_serial
    aor_call_serial_leaving
    aor_dying
    aor_expiry
    aor_leaving
    aor_main_rejects
    aor_message
    aor_messages_waiting
    aor_star
    aor_two_devices
    aor_wrong_password
    contact_call
    contact_call_moved
    contact_call_out
    contact_call_path
    contact_changed_expires
    contact_dying
    contact_expiry
    contact_interval_too_brief
    contact_leaving
    contact_main_rejects
    contact_new_address
    contact_qualify
    contact_repeated
    contact_star
    contact_two_devices
    contact_wrong_password
    mirror_changed_expires
    mirror_dying
    mirror_leaving
    mirror_main_rejects
    mirror_star
    mirror_two_devices
    mirror_wrong_password
    standalone_call
    standalone_dying
    standalone_leaving
    standalone_star
    standalone_two_devices
    standalone_wrong_password
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios")
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn play(name: &str) {
    let file = format!("{name}.scn");
    let text = read(&folder().join(&file));
    let played = Scenario::parse(&file, &text).and_then(|scenario| scenario.play());
    if let Err(fault) = played {
        panic!("\n{fault}");
    }
}

/// The scenarios of a folder, by name.
fn files(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{error}"));
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let named = names.filter_map(|name| name.strip_suffix(".scn").map(str::to_owned));
    named.collect()
}

#[test]
fn every_file_is_listed() {
    let listed: BTreeSet<String> = LISTED.iter().map(|name| (*name).to_owned()).collect();
    assert_eq!(listed, files(&folder()));
}

#[test]
fn the_example_of_the_documentation_is_a_file() {
    let page = read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/scenarios.md"));
    let example = read(&folder().join("contact_two_devices.scn"));
    assert!(page.contains(&format!("```\n{example}```\n")));
}

#[test]
fn every_file_begins_with_what_it_shows() {
    for name in LISTED {
        let text = read(&folder().join(format!("{name}.scn")));
        assert!(text.starts_with("# "), "{name}");
    }
}
