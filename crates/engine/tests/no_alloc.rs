//! The absorb path allocates nothing: proved by an allocator that counts.
#![allow(unsafe_code)]

use engine::Outbox;
use fixture::{feed, flow_of, now, register, registered};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

mod fixture;

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: every call is passed on to the system allocator unchanged; counting touches only a
// thread-local cell that needs no allocation itself.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        // SAFETY: as promised by our caller.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as promised by our caller.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        // SAFETY: as promised by our caller.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn an_absorbed_refresh_allocates_nothing() {
    let mut engine = registered(1);
    let mut out = Outbox::new();
    for cseq in 2..10 {
        out.clear();
        let request = register(0, cseq);
        let at = now(u64::from(cseq));
        let before = ALLOCATIONS.with(Cell::get);
        feed(&mut engine, at, flow_of(0), request.as_bytes(), &mut out);
        let spent = ALLOCATIONS.with(Cell::get) - before;
        let reply = out.transmits().next().expect("an answer").1;
        assert!(
            reply.starts_with(b"SIP/2.0 200"),
            "{}",
            String::from_utf8_lossy(reply)
        );
        assert_eq!(
            out.items.len(),
            1,
            "absorbed refreshes only answer: {:?}",
            out.items
        );
        // The outbox keeps its memory from batch to batch: the first fills it.
        if cseq > 2 {
            assert_eq!(spent, 0, "refresh {cseq} allocated");
        }
    }
    assert_eq!(engine.counters().absorbed(), 8);
    assert_eq!(engine.counters().upstream_registers, 1);
}
