//! Nanoseconds per absorbed REGISTER, parse to reply, without sockets.
//!
//! `cargo bench -p midreg-engine` prints the best of several rounds over many AoRs, so that cold
//! memory is part of it. Under `cargo test` one short round shows that it still runs.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

use std::time::Instant;

use engine::Outbox;
use fixture::{feed, flow_of, now, register, registered};

#[path = "../tests/fixture/mod.rs"]
mod fixture;

fn main() {
    let measured = std::env::args().any(|argument| argument == "--bench");
    let (users, rounds) = if measured { (100_000, 20) } else { (100, 1) };
    let mut engine = registered(users);
    let mut out = Outbox::new();
    let first = 10_001;
    let mut requests: Vec<String> = (0..users).map(|user| register(user, first)).collect();
    let mut best = f64::INFINITY;
    for round in 0..rounds {
        let next = format!("CSeq: {} ", first + round);
        for request in &mut requests {
            let at = request.find("CSeq: ").expect("a CSeq");
            request.replace_range(at..at + next.len(), &next);
        }
        let start = Instant::now();
        for (user, request) in (0..users).zip(&requests) {
            if user % 64 == 0 {
                out.clear();
            }
            feed(
                &mut engine,
                now(10),
                flow_of(user),
                request.as_bytes(),
                &mut out,
            );
        }
        best = best.min(start.elapsed().as_nanos() as f64 / f64::from(users));
        out.clear();
    }
    assert_eq!(
        engine.counters().absorbed(),
        u64::from(users) * u64::from(rounds)
    );
    let size = requests[0].len();
    println!("absorb: {best:.0} ns per REGISTER of {size} bytes, {users} AoRs");
}
