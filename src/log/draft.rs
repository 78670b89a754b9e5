//! A frame to be: what the owner of the log gathers while the frame before is synced.

use bytes::Bytes;

use crate::types::Timestamp;

use super::frame::{FRAME_HEADER_BYTES, TABLE_ENTRY_BYTES, frame_bytes_bound};

/// The content of one frame.
#[derive(Clone, Debug, Default)]
pub struct Draft {
    /// Broker time of all records of the frame.
    pub now: Timestamp,
    /// The records, encoded, one behind the other.
    pub records: Vec<u8>,
    /// How many records these are; each takes one LSN, and a frame holds at least one.
    pub record_count: u32,
    /// The bodies that the records speak of, in order.
    pub bodies: Vec<Body>,
    /// What the footer of the file says of the frame's messages; opaque here. It is not in the
    /// frame: whoever reads the log without a footer makes it again from the records.
    pub summary: Vec<u8>,
    /// Whether the frame only lets time pass or proves the frames before it: it need not be proved
    /// by a later frame itself.
    pub tick: bool,
}

/// One body, with the checksum that was computed at the edge.
#[derive(Clone, Debug, Default)]
pub struct Body {
    /// The bytes, in two pieces that lie one behind the other.
    pub chunks: [Bytes; 2],
    /// CRC-32 (IEEE) of both.
    pub crc: u32,
}

impl Body {
    /// Length, in bytes.
    pub fn bytes(&self) -> u64 {
        self.chunks.iter().map(|chunk| chunk.len() as u64).sum()
    }
}

impl Draft {
    /// The most bytes that the frame can take, with the longest list of zero sectors.
    pub fn frame_bytes(&self) -> u64 {
        let body_bytes = self.bodies.iter().map(Body::bytes).sum();
        Self::frame_bytes_of(self.bodies.len(), body_bytes, self.records.len() as u64)
    }

    /// The most bytes that a frame with so many bodies, of so many bytes together, and so many
    /// bytes of records can take.
    pub fn frame_bytes_of(body_count: usize, body_bytes: u64, record_bytes: u64) -> u64 {
        let table = body_count as u64 * TABLE_ENTRY_BYTES as u64;
        frame_bytes_bound(FRAME_HEADER_BYTES as u64 + table + record_bytes + body_bytes)
    }
}
