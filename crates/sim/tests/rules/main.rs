//! The decision table and the rules of registration in `contact` mode (and where a test says so in
//! `mirror`), each a test: named after its row or rule, in a file for each subject.

mod agreement;
mod answers;
mod death;
mod decisions;
mod devices;
mod durability;
mod grants;
mod leaving;
mod limits;
mod order;
mod own_lease;
mod rejects;
mod two_phase;
mod upstream;

use engine::policy::Policy;
use midreg_sim::{Phone, World, policy};

/// The mode of these tests.
fn leased() -> Policy {
    policy::contact()
}

/// The same before two main registrars.
fn two_nodes() -> Policy {
    policy::two_nodes()
}

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
