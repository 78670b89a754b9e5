//! What `build.rs` makes of `proto/`: messages, server traits and clients of the native API.
//!
//! The comments of the `.proto` files are the reference; rustdoc shows them as they are.

#![allow(
    missing_docs,
    unreachable_pub,
    clippy::all,
    clippy::pedantic,
    clippy::allow_attributes_without_reason,
    reason = "generated code"
)]

/// The package `ledgerq.v1`.
pub mod v1 {
    tonic::include_proto!("ledgerq.v1");
}

/// The descriptors of every file, encoded as a `google.protobuf.FileDescriptorSet`.
pub const DESCRIPTOR_SET: &[u8] = tonic::include_file_descriptor_set!("ledgerq_descriptor");
