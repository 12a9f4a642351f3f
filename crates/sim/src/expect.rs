//! What tests demand of an exchange, beyond its answer.

use engine::Row;

use crate::packet::Packet;
use crate::phone::Phone;
use crate::world::World;

/// Sends something that must not go upstream; its answer.
///
/// # Panics
/// When it goes upstream, or has no answer.
pub fn locally(world: &mut World, phone: &Phone, bytes: &[u8]) -> Packet {
    let before = registers(world);
    let answer = world.exchange(phone, bytes);
    assert_eq!(registers(world), before, "it went upstream");
    answer
}

/// Sends something that must go upstream by this row, and answers a challenge; its final answer.
///
/// # Panics
/// When it does not go upstream, goes by another row, or has no answer.
pub fn forwarded(world: &mut World, phone: &mut Phone, bytes: &[u8], row: Row) -> Packet {
    let before = (registers(world), world.row(row));
    let answer = world.converse(phone, bytes);
    assert!(registers(world) > before.0, "it stayed here");
    assert_eq!(world.row(row), before.1 + 1, "{row:?} was not taken");
    answer
}

/// A message with one text in place of another.
///
/// # Panics
/// When the text is not there.
#[must_use]
pub fn patched(bytes: &[u8], from: &str, to: &str) -> Vec<u8> {
    let text = String::from_utf8_lossy(bytes).into_owned();
    assert!(text.contains(from), "{from} is not in {text}");
    text.replacen(from, to, 1).into_bytes()
}

fn registers(world: &World) -> usize {
    world.mains.iter().map(|main| main.registers()).sum()
}
