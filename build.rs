//! Compiles `proto/` into Rust and into a descriptor set for reflection, without a system protoc.

use std::{env, error::Error, fs, path::PathBuf};

use prost::Message;

/// Every file of the native API.
const PROTOS: [&str; 5] = [
    "ledgerq/v1/queue_service.proto",
    "ledgerq/v1/message_service.proto",
    "ledgerq/v1/admin_service.proto",
    "ledgerq/v1/redrive_service.proto",
    "ledgerq/v1/test_clock_service.proto",
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=proto");
    let descriptors = protox::compile(PROTOS, ["proto"])?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out.join("ledgerq_descriptor.bin"), descriptors.encode_to_vec())?;
    tonic_prost_build::configure().bytes(".").btree_map(".").compile_fds(descriptors)?;
    Ok(())
}
