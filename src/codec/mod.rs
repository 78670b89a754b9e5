//! Records, payloads, images of the state and summaries of messages as bytes, and back: versioned,
//! guarded by golden files.
//!
//! All numbers are little-endian and of fixed width, but in summaries and deduplication buckets,
//! of which there are many; a length stands before what it measures.
//! Decoding takes any bytes without panicking and gives a [`DecodeError`] that says where it
//! stopped.

mod bucket;
mod image;
mod payload;
mod put;
mod reader;
mod record;
mod summary;

pub use bucket::{decode_bucket, encode_bucket};
pub use image::{decode_image_entries, encode_image_entry};
pub use payload::{decode_payload, encode_head};
pub use reader::{DecodeError, Reader};
pub use record::{decode_records, encode_record};
pub use summary::{
    decode_kept, decode_summaries, encode_kept, encode_summaries_head, encode_summary,
};
