//! The `ledgerq` program.

use std::process::ExitCode;

/// Many small buffers of many sizes, taken on one thread and given back on another.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    ledgerq::cli::main()
}
