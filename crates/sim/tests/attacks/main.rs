//! Attacks on what a mid-registrar believes, each of which must fail: named after their number in
//! docs/regressions.md.

mod resources;
mod takeover;
mod trust;

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
