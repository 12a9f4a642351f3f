//! AoR throttling: what traps, ranks and attacks are about where all devices of a user hang off one
//! lease. Also Path insertion, in `path`.

mod attacks;
mod path;
mod ranks;
mod traps;

use engine::policy::{Mode, Overflow, Policy};
use midreg_sim::policy::contact;
use midreg_sim::{Packet, Phone, World};

/// The AoR of everybody here.
const ALICE: &str = "alice@example.org";

/// The only contact that the main registrar ever sees of it.
const OURS: &str = "sip:alice%40example.org@192.0.2.1:5060";

fn policy() -> Policy {
    let mut policy = contact();
    policy.domain.mode = Mode::Aor;
    policy
}

/// So many devices at most; a newcomer replaces the one that was heard of longest ago.
fn room_for(devices: usize) -> Policy {
    let mut policy = policy();
    policy.limits.bindings_per_aor = devices;
    policy.limits.overflow = Overflow::ReplaceOldest;
    policy
}

fn phone(number: u16) -> Phone {
    Phone::new("alice", &format!("198.51.100.{number}:5062"))
}

/// A world in which so many devices of alice are registered.
fn settled(devices: u16) -> (World, Vec<Phone>) {
    let mut world = World::new(policy());
    let mut phones: Vec<Phone> = (1..=devices).map(phone).collect();
    for phone in &mut phones {
        world.registered(phone);
    }
    (world, phones)
}

/// The main registrar holds the one contact, and nothing else.
fn held(world: &World) {
    let held: Vec<String> = world.held(ALICE).into_iter().map(|held| held.uri).collect();
    assert_eq!(held, [OURS]);
}

/// How often the main registrar was asked to end the one contact; a `*` is another matter.
fn removals(world: &World) -> usize {
    let seen = world.mains.iter().flat_map(|main| main.seen());
    let ends = |request: &Packet| {
        let header = request.number("Expires");
        let contacts = request.contacts();
        let own = contacts.first();
        own.is_some_and(|contact| contact.expires.or(header) == Some(0))
    };
    seen.filter(|seen| ends(&seen.request)).count()
}
