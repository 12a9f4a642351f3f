//! Behavioural traps that other registrars and edge proxies fell into, as far as registration is
//! concerned: named after their number in docs/regressions.md.

mod devices;
mod grants;
mod leaving;
mod upstream;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use engine::command::Command;
use midreg_sim::{Phone, World};

fn alice() -> Phone {
    Phone::new("alice", "198.51.100.7:5062")
}

/// A world in which alice is registered.
fn settled() -> (World, Phone) {
    let mut world = World::contact();
    let mut alice = alice();
    world.registered(&mut alice);
    (world, alice)
}

fn resync(world: &mut World) {
    world.touch(|rig| rig.command(Command::Resync { tag: 0 }));
}

/// The tests that stand in the files of this folder of tests.
fn tests_in(folder: &str) -> BTreeSet<String> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests")
        .join(folder);
    let mut names = BTreeSet::new();
    for entry in fs::read_dir(here).unwrap() {
        let text = fs::read_to_string(entry.unwrap().path()).unwrap();
        for test in text.split("#[test]\nfn ").skip(1) {
            names.extend(test.split('(').next().map(str::to_owned));
        }
    }
    names
}

/// The page of regressions names every test of these folders, and no other.
#[test]
fn the_page_and_the_tests_name_each_other() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/regressions.md");
    let text = fs::read_to_string(page).unwrap();
    let words = text.split('`').filter(|word| word.contains('_'));
    let named: BTreeSet<String> = words
        .filter(|word| word.starts_with(['t', 's', 'r']))
        .map(str::to_owned)
        .collect();
    let mut tests = BTreeSet::new();
    for folder in ["traps", "attacks", "ranks"] {
        tests.extend(tests_in(folder));
    }
    tests.remove("the_page_and_the_tests_name_each_other");
    assert_eq!(named, tests);
}
