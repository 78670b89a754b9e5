//! A frame: one batch of records and their bodies, written at once.
//!
//! A frame begins at a multiple of 64 bytes, so its header lies within one sector. All numbers
//! are little-endian:
//!
//! ```text
//! offset  bytes
//!      0      4  magic "LQFR"
//!      4      2  version, 2
//!      6      2  zero
//!      8      4  length of the frame with everything below, a multiple of 64
//!     12      4  number of entries Z of the zero-sector list
//!     16      4  number of bodies B
//!     20      4  number of records, at least 1
//!     24      4  length of the records R
//!     28      4  CRC of the frame before: its bytes 60 to 63; 0 for the very first frame
//!     32      8  LSN of the first record
//!     40      8  broker time of the records, in milliseconds since 1970
//!     48      4  CRC of the zero-sector list
//!     52      4  CRC of body table and records
//!     56      4  length of all bodies
//!     60      4  CRC of bytes 0 to 59
//!     64   8 * B  body table: for each body its length and its CRC, 4 bytes each
//!             R  records, opaque here
//!                bodies, one behind the other
//!                zero, up to a multiple of 8
//!          8 * Z  zero-sector list: number of the first sector and count of sectors, 4 bytes each
//!                zero, up to the last byte before a multiple of 64
//!             1  end mark, 0xa5
//! ```
//!
//! Frames of version 1, which are read and not written any more, have no mark: their zeros go up
//! to the multiple of 64.
//!
//! Every CRC begins from the segment's salt, but for those of bodies, which are plain CRC-32
//! (IEEE): they are computed before anyone knows the segment. The header's CRC stands for the
//! whole frame, since the header holds the CRCs of the other parts and the table those of bodies.
//!
//! **The zero-sector list** names the sectors of 512 bytes in which the frame's own bytes, from
//! the header to the last body, are all zero as written. Sectors are counted from the one that the
//! frame begins in, which is never listed. The list lies at the end, so that it moves nothing that
//! it speaks of, and no sector with an entry of it is zero, since no entry has a count of 0. So a
//! sector that is zero and not listed was never written: that is what tells a torn frame from a
//! damaged one, where the write was lost by whole sectors.
//!
//! **The end mark** tells the same where it was cut anywhere: the end of a process in the middle of
//! a write leaves a prefix in the page cache, which may end within a sector. No prefix but the
//! whole frame has the last byte, and no frame that was written whole has a zero there. The mark
//! needs no place in the zero-sector list: the list lies between the content and the mark, so a
//! listed sector that holds the mark holds an entry as well.

use crate::types::{Lsn, Timestamp};

use super::{
    FRAME_BYTES_MAX, FooterEntry, SECTOR_BYTES,
    le::{index, put, salted_crc, short, u32_at, u64_at},
    position::Chain,
};

/// Length of a frame's header, and what frames are aligned to, in bytes.
pub(super) const FRAME_HEADER_BYTES: usize = 64;
/// Length of the body table's entry for one body, in bytes.
pub(super) const TABLE_ENTRY_BYTES: usize = 8;
/// Length of one entry of the zero-sector list, in bytes.
pub(super) const ZERO_RANGE_BYTES: usize = 8;
/// Length of the end mark, in bytes.
const MARK_BYTES: u64 = 1;
/// The last byte of a frame. No flip of one bit, nor of three, makes it zero.
pub(super) const MARK: u8 = 0xa5;
/// The version of frames that this program writes; it reads all up to it.
pub(super) const FRAME_VERSION: u16 = 2;
/// The first version whose frames end with a mark.
const MARK_VERSION: u16 = 2;
const MAGIC: &[u8; 4] = b"LQFR";

/// A frame's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FrameHeader {
    pub(super) version: u16,
    pub(super) frame_bytes: u32,
    pub(super) zero_range_count: u32,
    pub(super) body_count: u32,
    pub(super) record_count: u32,
    pub(super) records_bytes: u32,
    pub(super) bodies_bytes: u32,
    pub(super) previous_crc: u32,
    pub(super) first_lsn: Lsn,
    pub(super) now: Timestamp,
    pub(super) zeros_crc: u32,
    pub(super) records_crc: u32,
    /// The CRC of all of the above: stands for the frame.
    pub(super) crc: u32,
}

/// What 64 bytes are when they are read as a frame's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HeaderRead {
    /// A frame's header of this segment.
    Whole(FrameHeader),
    /// A whole header of a version that this program does not know.
    Newer { version: u16 },
    /// No header, or a damaged one.
    Not,
}

impl FrameHeader {
    /// Sets the CRC and gives the bytes.
    pub(super) fn seal(&mut self, salt: u32) -> [u8; FRAME_HEADER_BYTES] {
        let mut bytes = [0; FRAME_HEADER_BYTES];
        put(&mut bytes, 0, MAGIC);
        put(&mut bytes, 4, &self.version.to_le_bytes());
        put(&mut bytes, 8, &self.frame_bytes.to_le_bytes());
        put(&mut bytes, 12, &self.zero_range_count.to_le_bytes());
        put(&mut bytes, 16, &self.body_count.to_le_bytes());
        put(&mut bytes, 20, &self.record_count.to_le_bytes());
        put(&mut bytes, 24, &self.records_bytes.to_le_bytes());
        put(&mut bytes, 28, &self.previous_crc.to_le_bytes());
        put(&mut bytes, 32, &self.first_lsn.get().to_le_bytes());
        put(&mut bytes, 40, &self.now.as_millis().to_le_bytes());
        put(&mut bytes, 48, &self.zeros_crc.to_le_bytes());
        put(&mut bytes, 52, &self.records_crc.to_le_bytes());
        put(&mut bytes, 56, &self.bodies_bytes.to_le_bytes());
        self.crc = salted_crc(salt, &[&bytes[..60]]);
        put(&mut bytes, 60, &self.crc.to_le_bytes());
        bytes
    }

    /// Reads the header at the beginning of `bytes`.
    pub(super) fn read(bytes: &[u8], salt: u32) -> HeaderRead {
        if bytes.len() < FRAME_HEADER_BYTES || bytes[..4] != *MAGIC {
            return HeaderRead::Not;
        }
        let crc = u32_at(bytes, 60);
        if crc != salted_crc(salt, &[&bytes[..60]]) {
            return HeaderRead::Not;
        }
        let version = u16::from_le_bytes([bytes[4], bytes[5]]);
        if version > FRAME_VERSION {
            return HeaderRead::Newer { version };
        }
        HeaderRead::Whole(Self {
            version,
            frame_bytes: u32_at(bytes, 8),
            zero_range_count: u32_at(bytes, 12),
            body_count: u32_at(bytes, 16),
            record_count: u32_at(bytes, 20),
            records_bytes: u32_at(bytes, 24),
            bodies_bytes: u32_at(bytes, 56),
            previous_crc: u32_at(bytes, 28),
            first_lsn: Lsn::new(u64_at(bytes, 32)),
            now: Timestamp::from_millis(u64_at(bytes, 40)),
            zeros_crc: u32_at(bytes, 48),
            records_crc: u32_at(bytes, 52),
            crc,
        })
    }

    /// Where the records begin, in bytes from the frame's beginning.
    pub(super) fn records_at(&self) -> u64 {
        FRAME_HEADER_BYTES as u64 + u64::from(self.body_count) * TABLE_ENTRY_BYTES as u64
    }

    /// Where the first body begins, in bytes from the frame's beginning.
    pub(super) fn bodies_at(&self) -> u64 {
        self.records_at() + u64::from(self.records_bytes)
    }

    /// Where the zero-sector list begins, in bytes from the frame's beginning.
    pub(super) fn zeros_at(&self) -> u64 {
        (self.bodies_at() + u64::from(self.bodies_bytes)).next_multiple_of(ZERO_RANGE_BYTES as u64)
    }

    /// Where the zero-sector list ends, in bytes from the frame's beginning.
    pub(super) fn zeros_end(&self) -> u64 {
        self.zeros_at() + u64::from(self.zero_range_count) * ZERO_RANGE_BYTES as u64
    }

    /// Length of the end mark, in bytes: 0 in the version without one.
    fn mark_bytes(&self) -> u64 {
        if self.version >= MARK_VERSION { MARK_BYTES } else { 0 }
    }

    /// Where the zeros behind the zero-sector list end, in bytes from the frame's beginning. The
    /// end mark follows, if frames of this version have one.
    pub(super) fn padding_end(&self) -> u64 {
        u64::from(self.frame_bytes) - self.mark_bytes()
    }

    /// Length of the frame, as the lengths of its parts have it, in bytes.
    pub(super) fn length(&self) -> u64 {
        (self.zeros_end() + self.mark_bytes()).next_multiple_of(FRAME_HEADER_BYTES as u64)
    }

    /// What a footer says of the frame, which begins at `offset` of its file.
    pub(super) fn entry(&self, offset: u64, summary_bytes: usize) -> FooterEntry {
        FooterEntry {
            first_lsn: self.first_lsn,
            offset,
            frame_bytes: self.frame_bytes,
            crc: self.crc,
            bodies_at: short(index(self.bodies_at())),
            body_count: self.body_count,
            summary_bytes: short(summary_bytes),
        }
    }

    /// What the next frame must continue.
    pub(super) fn chain_after(&self) -> Chain {
        let next_lsn = self.first_lsn.get().saturating_add(u64::from(self.record_count));
        Chain { next_lsn: Lsn::new(next_lsn), crc: self.crc }
    }

    /// Whether the frame is the one that belongs behind `chain`.
    pub(super) fn continues(&self, chain: Chain) -> bool {
        self.first_lsn == chain.next_lsn && self.previous_crc == chain.crc
    }

    /// Whether the lengths agree with each other. A header with a right CRC always does, unless a
    /// program wrote it wrong.
    pub(super) fn is_consistent(&self) -> bool {
        let length = self.length();
        length == u64::from(self.frame_bytes)
            && length <= FRAME_BYTES_MAX
            && self.record_count > 0
            && self.first_lsn.get() > 0
            && self.first_lsn.get().checked_add(u64::from(self.record_count)).is_some()
    }
}

/// The most bytes that a frame can take whose parts up to the last body have `content_bytes`.
pub(super) fn frame_bytes_bound(content_bytes: u64) -> u64 {
    // The frame may begin and end within a sector, and at most every second one is a range.
    let sectors = content_bytes / SECTOR_BYTES + 2;
    let list = sectors.div_ceil(2) * ZERO_RANGE_BYTES as u64;
    (content_bytes.next_multiple_of(ZERO_RANGE_BYTES as u64) + list + MARK_BYTES)
        .next_multiple_of(FRAME_HEADER_BYTES as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A frame of one record of 8 bytes.
    fn header() -> FrameHeader {
        FrameHeader {
            version: FRAME_VERSION,
            frame_bytes: 128,
            zero_range_count: 0,
            body_count: 0,
            record_count: 1,
            records_bytes: 8,
            bodies_bytes: 0,
            previous_crc: 0,
            first_lsn: Lsn::new(1),
            now: Timestamp::ZERO,
            zeros_crc: 0,
            records_crc: 0,
            crc: 0,
        }
    }

    #[test]
    fn a_header_whose_numbers_contradict_each_other_is_not_consistent() {
        assert!(header().is_consistent());
        let longer = FrameHeader { frame_bytes: 192, ..header() };
        let records_bytes = short(index(FRAME_BYTES_MAX));
        let large = FrameHeader { records_bytes, ..header() };
        let large = FrameHeader { frame_bytes: short(index(large.length())), ..large };
        let empty = FrameHeader { record_count: 0, ..header() };
        let before_the_first = FrameHeader { first_lsn: Lsn::new(0), ..header() };
        let beyond_the_last = FrameHeader { first_lsn: Lsn::new(u64::MAX), ..header() };
        for wrong in [longer, large, empty, before_the_first, beyond_the_last] {
            assert!(!wrong.is_consistent(), "{wrong:?}");
        }
    }

    #[test]
    fn the_bound_of_a_frame_has_room_for_one_range_and_the_mark() {
        // 111 and what makes it a multiple of 8, one range of 8 and the mark; with one more, the
        // mark has no room before a multiple of 64.
        let content_bytes = [64, 111, 112, 113, 120, 121];
        assert_eq!(content_bytes.map(frame_bytes_bound), [128, 128, 128, 192, 192, 192]);
    }
}
