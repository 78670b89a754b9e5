//! The `ledgerq` program.

use std::{ffi::c_long, process::ExitCode};

use libmimalloc_sys::mi_option_t;

/// Many small buffers of many sizes, taken on one thread and given back on another.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// `mi_option_purge_delay` of mimalloc 3, `MIMALLOC_PURGE_DELAY` in the environment: how long free
/// memory stays with the program before the system has it back, in milliseconds.
const PURGE_DELAY: mi_option_t = 15;
/// Ten minutes (`docs/decisions/0030-memory-is-kept.md`).
const KEPT_MS: c_long = 600_000;

fn main() -> ExitCode {
    keep_memory();
    ledgerq::cli::main()
}

/// Keeps free memory for as long as it may be wanted again soon. What the environment says stays.
#[expect(unsafe_code, reason = "the allocator's settings have no other interface")]
fn keep_memory() {
    // SAFETY: it writes a number to a table of the allocator, and checks that there is such a place
    // in it. No other thread runs yet.
    unsafe { libmimalloc_sys::mi_option_set_default(PURGE_DELAY, KEPT_MS) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Options are known by their number alone, which another version of mimalloc may give to
    /// another option. A second is what this one alone has without us.
    #[test]
    #[expect(unsafe_code, reason = "the allocator's settings have no other interface")]
    fn what_is_set_is_how_long_memory_is_kept() {
        // SAFETY: it reads a number from a table of the allocator.
        let kept_ms = || unsafe { libmimalloc_sys::mi_option_get(PURGE_DELAY) };
        assert_eq!(kept_ms(), 1_000);
        keep_memory();
        assert_eq!(kept_ms(), KEPT_MS);
    }
}
