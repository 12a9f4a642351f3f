//! What a registered device takes in the location table: counted by an allocator, so that it is the
//! same on every machine. Numbers of devices are chosen so that slots are of all fillings.
#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use engine::Mono;
use engine::location::Table;

#[path = "fixture/devices.rs"]
mod devices;

/// Bytes for one binding, with what the allocator adds. The bar for a whole process is 700
/// (one binding per AoR, 200 bytes of contact, no Path); the rest of it needs some.
const MOST_PER_BINDING: f64 = 600.0;

struct Weighing;

thread_local! {
    /// Taken less given back by this thread; what others took may be given back by it.
    static HELD: Cell<isize> = const { Cell::new(0) };
}

/// What the common allocator makes of an allocation: a header of 8 bytes, multiples of 16, at
/// least 32.
fn weight(bytes: usize) -> isize {
    (bytes + 8).next_multiple_of(16).max(32).cast_signed()
}

fn weigh(difference: isize) {
    HELD.with(|held| held.set(held.get() + difference));
}

// SAFETY: every call is passed on to the system allocator unchanged; weighing touches only a
// thread-local cell that needs no allocation itself.
unsafe impl GlobalAlloc for Weighing {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        weigh(weight(layout.size()));
        // SAFETY: as promised by our caller.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        weigh(-weight(layout.size()));
        // SAFETY: as promised by our caller.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        weigh(weight(size) - weight(layout.size()));
        // SAFETY: as promised by our caller.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Weighing = Weighing;

fn held() -> isize {
    HELD.with(Cell::get)
}

fn per_binding(devices: u32) -> f64 {
    let before = held();
    let mut table = Table::new(Mono(0), (1, 2), 0);
    devices::fill(&mut table, devices);
    (held() - before) as f64 / f64::from(devices)
}

#[test]
fn a_binding_takes_no_more_than_its_share() {
    let most = if cfg!(debug_assertions) {
        200_000
    } else {
        1_000_000
    };
    for devices in [most / 8, most / 2, most * 3 / 4, most] {
        let each = per_binding(devices);
        println!("{devices} bindings: {each:.1} bytes each");
        assert!(
            each <= MOST_PER_BINDING,
            "{each:.1} bytes each of {devices}"
        );
    }
}

#[test]
fn a_table_that_ends_gives_everything_back() {
    let before = held();
    let mut table = Table::new(Mono(0), (1, 2), 0);
    devices::fill(&mut table, 1000);
    assert!(held() > before);
    drop(table);
    assert_eq!(held(), before);
}
