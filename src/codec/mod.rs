//! Records and message payloads as bytes, and back: versioned, guarded by golden files.
//!
//! All numbers are little-endian and of fixed width; a length stands before what it measures.
//! Decoding takes any bytes without panicking and gives a [`DecodeError`] that says where it
//! stopped.

mod payload;
mod put;
mod reader;
mod record;

pub use payload::{decode_payload, encode_head};
pub use reader::{DecodeError, Reader};
pub use record::{decode_records, encode_record};
