//! Bytes that registered devices take in the location table, and where they are.
//!
//! `cargo test --release -p midreg-engine --bench footprint -- --nocapture` prints them for a
//! million bindings, one per AoR with 200 bytes of contact; debug builds take fewer. What is
//! resident is read from Linux, so it includes what the allocator cannot use; the parts are computed
//! for an allocator with a header of 8 bytes, multiples of 16 and at least 32, and what they leave
//! are the tables: places, records and room to grow. `tests/footprint.rs` holds the bar.

use std::fs;

use engine::location::{Binding, ContactText, Lease, Record, Stamp, Table};
use engine::{Flow, Mono};

#[path = "../tests/fixture/devices.rs"]
mod devices;

/// The bar for a whole process is 700 bytes (one binding per AoR, 200 bytes of contact, no Path):
/// the table leaves the rest of it some room.
const MOST_PER_BINDING: f64 = 600.0;

/// Resident memory of this process, in bytes (proc_pid_status(5)).
fn resident() -> usize {
    let text = fs::read_to_string("/proc/self/status").expect("Linux");
    let size = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = size.and_then(|size| size.trim().strip_suffix(" kB"));
    let kilobytes = kilobytes.and_then(|number| number.parse::<usize>().ok());
    kilobytes.expect("a size in kB") * 1024
}

/// What the common allocator makes of an allocation of `bytes`.
fn allocated(bytes: usize) -> usize {
    (bytes + 8).next_multiple_of(16).max(32)
}

#[test]
fn a_binding_takes_no_more_than_its_share() {
    let devices = if cfg!(debug_assertions) {
        50_000
    } else {
        1_000_000
    };
    let mut table = Table::new(Mono(0), (1, 2), 0);
    let one = devices::registration(&mut table, devices);
    let binding = allocated(size_of::<Binding>());
    let text = allocated(one.contact.heap_size());
    let aor = allocated(one.aor.len());
    let before = resident();
    devices::fill(&mut table, devices);
    let grown = resident() - before;

    let each = |bytes: usize| bytes as f64 / f64::from(devices);
    let rest = each(grown) - (binding + text + aor) as f64;
    println!(
        "{devices} bindings: {:.1} bytes each = {binding} binding + {text} contact text + {aor} AoR + {rest:.1} tables",
        each(grown)
    );
    println!(
        "Binding {} (Flow {}, ContactText {}, Stamp {}, Lease {}), Record {}",
        size_of::<Binding>(),
        size_of::<Flow>(),
        size_of::<ContactText>(),
        size_of::<Stamp>(),
        size_of::<Lease>(),
        size_of::<Record>()
    );
    assert!(
        each(grown) <= MOST_PER_BINDING,
        "{:.1} bytes each",
        each(grown)
    );
}
