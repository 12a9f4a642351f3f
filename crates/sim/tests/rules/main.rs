//! The rules of registration, each a test: named after the rule's number, in a file for each
//! subject.

mod answers;
mod death;
mod devices;
mod durability;
mod grants;
mod leaving;
mod limits;
mod order;
mod rejects;
mod two_phase;
mod upstream;

use engine::policy::Policy;
use midreg_sim::{Phone, World};

fn alice() -> Phone {
    Phone::new("alice", "198.51.100.7:5062")
}

/// A world in which alice is registered.
fn settled_under(policy: Policy) -> (World, Phone) {
    let mut world = World::new(policy);
    let mut alice = alice();
    world.registered(&mut alice);
    (world, alice)
}
