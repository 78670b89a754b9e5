//! Compiles the messages of ledgerq's native API into a client, as any other program would.

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=../../proto");
    let protos = ["ledgerq/v1/message_service.proto", "ledgerq/v1/queue_service.proto"];
    let descriptors = protox::compile(protos, ["../../proto"])?;
    tonic_prost_build::configure().build_server(false).bytes(".").compile_fds(descriptors)?;
    Ok(())
}
