//! What users of OpenSIPS' mid-registrar ran into, one test for each issue that was filed: named
//! after the pain's rank and the number in docs/regressions.md.

mod rank1;
mod rank12;
mod rank13;
mod rank3;
mod rank7;
mod rank8;

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
