//! The `ledgerq` program.

fn main() {}
