//! Random lives of an engine: the target of `crates/engine/tests/fuzz`.
#![no_main]

use bolero::{ValueGenerator, produce};

#[path = "../../crates/engine/tests/fuzz/calls.rs"]
mod calls;
#[path = "../../crates/engine/tests/fuzz/ops.rs"]
mod ops;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let options = bolero::driver::Options::default();
    let mut driver = bolero::driver::bytes::Driver::new(bytes, &options);
    if let Some(life) = produce::<Vec<ops::Op>>().generate(&mut driver) {
        ops::live(&life);
    }
});
