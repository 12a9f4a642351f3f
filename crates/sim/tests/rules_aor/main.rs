//! The same rows and rules in `aor` mode: what holds for a device with a lease of its own holds for
//! one that shares it.

#[path = "../rules/agreement.rs"]
mod agreement;
#[path = "../rules/answers.rs"]
mod answers;
#[path = "../rules/death.rs"]
mod death;
#[path = "../rules/decisions.rs"]
mod decisions;
#[path = "../rules/devices.rs"]
mod devices;
#[path = "../rules/durability.rs"]
mod durability;
#[path = "../rules/grants.rs"]
mod grants;
#[path = "../rules/leaving.rs"]
mod leaving;
#[path = "../rules/limits.rs"]
mod limits;
#[path = "../rules/order.rs"]
mod order;
#[path = "../rules/rejects.rs"]
mod rejects;
mod shared_lease;
#[path = "../rules/two_phase.rs"]
mod two_phase;
#[path = "../rules/upstream.rs"]
mod upstream;

use engine::policy::Policy;
use midreg_sim::{Phone, World, policy};

/// The mode of these tests.
fn leased() -> Policy {
    policy::aor()
}

/// The same before two main registrars.
fn two_nodes() -> Policy {
    Policy {
        domain: policy::aor().domain,
        ..policy::two_nodes()
    }
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
