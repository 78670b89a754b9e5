//! What the fuzz targets check: each module has `check`, which takes any bytes and panics if a
//! property of ledgerq does not hold. `targets/` gives them to libFuzzer; `docs/TESTING.md` tells
//! how to run them.

#![warn(missing_docs)]

pub mod checkpoint;
pub mod codec;
pub mod disk;
pub mod footer;
pub mod frame;
pub mod layout;
pub mod memory;
pub mod proto;
pub mod receipt;
pub mod segment;
pub mod sqs;
