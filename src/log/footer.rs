//! The footer of a sealed segment: where its frames lie.
//!
//! It ends at the file's last byte. It is written in the background, once the first frame of the
//! next segment is durable, and may be missing or damaged at any time: it is rebuilt from the
//! frames. All numbers are little-endian; the entries come first, in the order of the frames:
//!
//! ```text
//! offset  bytes
//!      0      8  LSN of the frame's first record
//!      8      8  where the frame begins in the file, in bytes
//!     16      4  length of the frame, in bytes
//!     20      4  CRC of the frame's header
//! ```
//!
//! and then, as the last 64 bytes of the file:
//!
//! ```text
//!      0      8  magic "LQFOOTER"
//!      8      4  version, 1
//!     12      4  number of entries
//!     16      8  the first LSN behind the segment
//!     24     36  zero
//!     60      4  CRC of the entries and of bytes 0 to 59, begun from the segment's salt
//! ```
//!
//! A footer is written only after the first frame of the next segment was durable, so a valid one
//! proves that there was such a frame.

use crate::types::Lsn;

use super::le::{put, salted_crc, short, u32_at, u64_at};

/// Length of what follows the entries, in bytes.
const TRAILER_BYTES: usize = 64;
/// Length of one entry, in bytes.
const ENTRY_BYTES: usize = 24;
const MAGIC: &[u8; 8] = b"LQFOOTER";
const VERSION: u32 = 1;

/// Where one frame of a sealed segment lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FooterEntry {
    /// LSN of the frame's first record.
    pub first_lsn: Lsn,
    /// Where the frame begins in the file, in bytes.
    pub offset: u64,
    /// Length of the frame, in bytes.
    pub frame_bytes: u32,
    /// CRC of the frame's header.
    pub crc: u32,
}

/// The index of a sealed segment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Footer {
    /// One for each frame, in order.
    pub entries: Vec<FooterEntry>,
    /// The first LSN behind the segment.
    pub next_lsn: Lsn,
}

/// Length of a footer for so many frames, in bytes.
pub(super) fn footer_bytes(frame_count: usize) -> u64 {
    (frame_count * ENTRY_BYTES + TRAILER_BYTES) as u64
}

/// The footer's bytes.
pub(super) fn encode_footer(footer: &Footer, salt: u32) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(footer.entries.len() * ENTRY_BYTES + TRAILER_BYTES);
    for entry in &footer.entries {
        bytes.extend_from_slice(&entry.first_lsn.get().to_le_bytes());
        bytes.extend_from_slice(&entry.offset.to_le_bytes());
        bytes.extend_from_slice(&entry.frame_bytes.to_le_bytes());
        bytes.extend_from_slice(&entry.crc.to_le_bytes());
    }
    let at = bytes.len();
    bytes.resize(at + TRAILER_BYTES, 0);
    put(&mut bytes, at, MAGIC);
    put(&mut bytes, at + 8, &VERSION.to_le_bytes());
    put(&mut bytes, at + 12, &short(footer.entries.len()).to_le_bytes());
    put(&mut bytes, at + 16, &footer.next_lsn.get().to_le_bytes());
    let crc = salted_crc(salt, &[&bytes[..at + 60]]);
    put(&mut bytes, at + 60, &crc.to_le_bytes());
    bytes
}

/// Reads the footer of a segment with the given bytes; `None` if there is no valid one.
pub(super) fn read_footer(segment: &[u8], salt: u32) -> Option<Footer> {
    let trailer_at = segment.len().checked_sub(TRAILER_BYTES)?;
    let trailer = &segment[trailer_at..];
    if trailer[..8] != *MAGIC || u32_at(trailer, 8) != VERSION {
        return None;
    }
    let count = u32_at(trailer, 12) as usize;
    let begin = trailer_at.checked_sub(count.checked_mul(ENTRY_BYTES)?)?;
    let entries = &segment[begin..trailer_at];
    if u32_at(trailer, 60) != salted_crc(salt, &[entries, &trailer[..60]]) {
        return None;
    }
    let (entries, _) = entries.as_chunks::<ENTRY_BYTES>();
    let entries = entries.iter().map(|entry| FooterEntry {
        first_lsn: Lsn::new(u64_at(entry, 0)),
        offset: u64_at(entry, 8),
        frame_bytes: u32_at(entry, 16),
        crc: u32_at(entry, 20),
    });
    Some(Footer { entries: entries.collect(), next_lsn: Lsn::new(u64_at(trailer, 16)) })
}
