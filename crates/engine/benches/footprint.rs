//! Bytes that registered devices take in the location table, and where they are.
//!
//! `cargo test --release -p midreg-engine --bench footprint -- --nocapture` prints them for a
//! million bindings, one per AoR with 200 bytes of contact; debug builds take fewer. What is
//! resident is read from Linux; the parts are computed for an allocator with a header of 8 bytes,
//! multiples of 16 and at least 32, and what they leave are the tables: places, records and room
//! to grow.

use std::fs;

use engine::location::{Binding, ContactText, Lease, Record, Registration, Stamp, Table};
use engine::{
    AorHash, Change, ConnectionId, Flow, LeaseId, ListenerId, Mono, NodeId, Op, PersistSeq,
    Transport,
};

/// The bar for a whole process is 700 bytes (one binding per AoR, 200 bytes of contact, no Path):
/// the table leaves the rest of it some room.
const MOST_PER_BINDING: f64 = 670.0;

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

fn registration(table: &mut Table, number: u32) -> Registration {
    // Any bijection that spreads will do; the engine's is keyed.
    let mix = |x: u64| {
        (x ^ 0x5851_f42d)
            .wrapping_mul(0x9e37_79b9_7f4a_7c15)
            .rotate_left(29)
    };
    let (high, low) = (mix(number.into()), mix(mix(u64::from(number) << 7)));
    let aor_hash = AorHash(u128::from(high) << 64 | u128::from(low));
    let binding = table.reserve(aor_hash.slot()).expect("room in the slot");
    let uri = format!(
        "sip:u{number:07}@192.0.2.1:40000;transport=udp;x-app={}",
        "m".repeat(84)
    );
    let instance = format!(";+sip.instance=\"<urn:uuid:00000000-0000-4000-8000-{number:012x}>\"");
    let contact = ContactText::new(uri.as_bytes(), instance.as_bytes(), b"", b"");
    let remote = ([192, 0, 2, 1], 40_000).into();
    Registration {
        binding,
        aor: format!("u{number:07}@example.com").into_bytes().into(),
        aor_hash,
        contact: contact.expect("a short text"),
        flow: Flow {
            remote,
            connection: ConnectionId(0),
            listener: ListenerId(0),
            transport: Transport::Udp,
        },
        stamp: Stamp {
            call_id: high,
            from_tag: 1,
            branch: 2,
            cseq: 3,
        },
        asked: 3600,
        granted: 3600,
        expires_at: Mono(u64::from(number % 3600) * 1000),
        proved_at: Mono(0),
        lease: Lease {
            id: LeaseId(low),
            cseq: 1,
            node: NodeId(0),
            terms: engine::registrar::terms::Terms::of(&engine::policy::DomainPolicy::default()),
            epoch: 1,
            granted: 7200,
            until: Mono(7_200_000),
        },
        pending: PersistSeq(1),
    }
}

/// Sums over all devices, in bytes with the allocator's own.
#[derive(Default)]
struct Parts {
    bindings: usize,
    texts: usize,
    aors: usize,
}

/// A table of so many devices, and its parts.
fn filled(mut table: Table, devices: u32) -> (Table, Parts) {
    let mut parts = Parts::default();
    for number in 0..devices {
        let registration = registration(&mut table, number);
        parts.bindings += allocated(size_of::<Binding>());
        parts.texts += allocated(registration.contact.heap_size());
        parts.aors += allocated(registration.aor.len());
        let change = Change::of(registration.binding, Op::Register(Box::new(registration)));
        assert!(table.apply(change).is_none());
    }
    (table, parts)
}

#[test]
fn a_binding_takes_no_more_than_its_share() {
    let devices = if cfg!(debug_assertions) {
        50_000
    } else {
        1_000_000
    };
    let table = Table::new(Mono(0), (1, 2));
    let before = resident();
    let (table, parts) = filled(table, devices);
    let grown = resident() - before;
    assert_eq!(
        (table.bindings(), table.armed()),
        (devices as usize, devices as usize)
    );

    let each = |bytes: usize| bytes as f64 / f64::from(devices);
    let rest = grown.saturating_sub(parts.bindings + parts.texts + parts.aors);
    println!(
        "{devices} bindings: {:.1} bytes each = {:.0} binding + {:.0} contact text + {:.0} AoR + {:.1} tables",
        each(grown),
        each(parts.bindings),
        each(parts.texts),
        each(parts.aors),
        each(rest)
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
