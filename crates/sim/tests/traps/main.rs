//! Behavioural traps that other registrars and edge proxies fell into, as far as registration is
//! concerned: named after their number in docs/regressions.md.

mod devices;
mod grants;
mod leaving;
mod upstream;

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
