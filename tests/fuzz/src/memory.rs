//! A limit on memory for each input: what is allocated beyond it ends the process, as running out
//! of memory would, and the fuzzer keeps the input.

use std::alloc::System;

use cap::Cap;

#[global_allocator]
static MEMORY: Cap<System> = Cap::new(System, usize::MAX);

/// Runs `check` with so much memory, in bytes, beside what is in use already: `floor`, and `factor`
/// for each byte of the input.
pub fn within(floor: usize, factor: usize, input: &[u8], check: impl FnOnce(&[u8])) {
    let limit = MEMORY.allocated() + floor + factor * input.len();
    MEMORY.set_limit(limit).expect("less than that is in use");
    check(input);
    MEMORY.set_limit(usize::MAX).expect("there is no limit");
}
