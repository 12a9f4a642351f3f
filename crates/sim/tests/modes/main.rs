//! What the rules demand beside the plain modes: insertion by Path, names that differ upstream,
//! domains of different modes side by side, registration without a main registrar, proof and
//! credentials of our own, a source of our own, and epochs. Each test is named after its rule.

mod bench;
mod control;
mod credentials;
mod digest;
mod domains;
mod epochs;
mod mirror;
mod naming;
mod path;
mod proof;
mod standalone;
mod users;

use engine::policy::{Mode, Policy};
use midreg_sim::world::Alarm;
use midreg_sim::{Challenges, Phone, World, policy};

/// The AoR of everybody here.
const ALICE: &str = "alice@example.org";

fn alice() -> Phone {
    Phone::new("alice", "198.51.100.7:5062")
}

/// Another device of hers.
fn desk() -> Phone {
    Phone::new("alice", "198.51.100.20:5062")
}

/// This mode before one main registrar, or none where there is none to be asked.
fn mode(mode: Mode) -> Policy {
    policy::with(mode, u16::from(mode != Mode::Standalone))
}

/// A world whose watch is not listened to: it knows proof only of the main registrar and by MD5, and
/// AoRs only by the names that phones use.
fn unwatched(policy: Policy) -> World {
    let mut world = World::new(policy);
    world.set_alarm(Alarm::Note);
    world
}

/// The same before a main registrar that asks nobody for a password.
fn unwatched_open(policy: Policy) -> World {
    let mut world = unwatched(policy);
    for main in &mut world.mains {
        main.personality.challenges = Challenges::Never;
    }
    world
}

fn main_registers(world: &World) -> usize {
    world.mains.iter().map(|main| main.registers()).sum()
}
