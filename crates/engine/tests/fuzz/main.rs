//! Random lives of an engine, run for a bounded number of inputs as part of the tests: nothing
//! panics, no invariant breaks, and when all is over nothing is left.
//!
//! The same target runs under a coverage-guided fuzzer from the `fuzz` directory.

mod calls;
mod ops;

use ops::Op;

#[test]
fn random_lives_break_nothing_and_leave_nothing() {
    bolero::check!()
        .with_iterations(3_000)
        .with_type::<Vec<Op>>()
        .for_each(|ops: &Vec<Op>| ops::live(ops));
}
