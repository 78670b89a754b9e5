//! What a reader of the log sees and reports.

use std::{fmt, sync::Arc};

use crate::{
    disk::File,
    types::{Lsn, Timestamp},
};

use super::{BodyPlace, SegmentId};

/// One whole frame, as it was read.
pub struct FrameView<'a> {
    /// The segment; 0 for an output, which is none.
    pub segment: SegmentId,
    /// The file, opened for reading.
    pub file: &'a Arc<dyn File>,
    /// Where the frame begins in the file, in bytes.
    pub offset: u64,
    /// Length of the frame, in bytes.
    pub frame_bytes: u64,
    /// LSN of the first record.
    pub first_lsn: Lsn,
    /// How many records the frame holds.
    pub record_count: u32,
    /// Broker time of the records.
    pub now: Timestamp,
    /// CRC of the frame's header, which stands for the frame.
    pub crc: u32,
    /// The salt of the file.
    pub salt: u32,
    /// Length of the file, in bytes.
    pub file_bytes: u64,
    /// The records, encoded, as they were written.
    pub records: &'a [u8],
    /// Where the bodies lie, in order.
    pub bodies: &'a [BodyPlace],
}

/// Takes the frames of the log, in order; an error, in words for an operator, ends the reading.
pub type Sink<'a> = dyn FnMut(FrameView<'_>) -> Result<(), String> + 'a;

/// How far a reader is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// How many segments were read.
    pub segments_done: usize,
    /// How many segments there are.
    pub segments_total: usize,
    /// LSN of the last record that was read.
    pub lsn: Lsn,
}

/// A body whose bytes are not those that were written. It is whole in its place otherwise: records
/// and neighbours are not touched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DamagedBody {
    /// The segment.
    pub segment: SegmentId,
    /// Where the body begins in the file, in bytes.
    pub offset: u64,
    /// Which of the frame's bodies it is, counted from 0.
    pub index: usize,
    /// LSN of the first record of the body's frame.
    pub first_lsn: Lsn,
}

/// The bytes of a write that did not end before a crash. They were never acknowledged, stay where
/// they are and are not part of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TornTail {
    /// The segment.
    pub segment: SegmentId,
    /// Where the write began in the file, in bytes.
    pub offset: u64,
    /// From there to the last byte that is not zero, in bytes.
    pub bytes: u64,
}

/// A segment that a start has looked at.
#[derive(Clone)]
pub struct SegmentInfo {
    /// The segment.
    pub id: SegmentId,
    /// Its file, opened for reading.
    pub file: Arc<dyn File>,
    /// Length of the file, in bytes.
    pub bytes: u64,
    /// The salt of its CRCs.
    pub salt: u32,
    /// LSN of its first record; `None` if it never held any.
    pub first_lsn: Option<Lsn>,
    /// LSN of its last record, 0 if it never held any. Where the next segment was not looked at,
    /// the LSN of the checkpoint, which is at or behind it.
    pub last_lsn: Lsn,
    /// Whether the writer goes on in it.
    pub standby: bool,
}

impl SegmentInfo {
    fn facts(&self) -> (SegmentId, u64, Option<Lsn>, Lsn, bool) {
        (self.id, self.bytes, self.first_lsn, self.last_lsn, self.standby)
    }
}

impl fmt::Debug for SegmentInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SegmentInfo").field(&self.facts()).finish()
    }
}

/// An open file is not compared.
impl PartialEq for SegmentInfo {
    fn eq(&self, other: &Self) -> bool {
        self.facts() == other.facts()
    }
}

impl Eq for SegmentInfo {}

/// What a start found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecoveryReport {
    /// How many segments were read for frames.
    pub segments_count: usize,
    /// How many frames were replayed.
    pub frames_count: u64,
    /// How many records were replayed.
    pub records_count: u64,
    /// Length of the replayed frames, in bytes.
    pub frames_bytes: u64,
    /// Bodies that must not be served.
    pub damaged_bodies: Vec<DamagedBody>,
    /// Unfinished writes; more than one if starts were interrupted too.
    pub torn_tails: Vec<TornTail>,
    /// Segments with damage that takes nothing away, such as one of the two copies of a header.
    pub blemished: Vec<SegmentId>,
    /// Files in the directory that the log does not know; they were left alone.
    pub unknown_files: Vec<String>,
    /// Every segment that was looked at, ascending.
    pub segments: Vec<SegmentInfo>,
    /// Files of the log that were not looked at, each with its path: segments before the checkpoint
    /// that it does not list, and all outputs.
    pub stray: Vec<String>,
    /// Broker time of the last frame that was replayed.
    pub last_now: Option<Timestamp>,
    /// LSN that the next record gets.
    pub next_lsn: Lsn,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::{Disk, SimDisk};

    #[test]
    fn segments_differ_by_what_a_start_found_of_them_and_not_by_their_open_files() {
        let disk = SimDisk::new();
        let file = |path: &str| disk.create(path).expect("there is space");
        let one = SegmentInfo {
            id: SegmentId::new(2),
            file: file("one"),
            bytes: 4096,
            salt: 1,
            first_lsn: Some(Lsn::new(3)),
            last_lsn: Lsn::new(4),
            standby: false,
        };
        assert_eq!(one, SegmentInfo { file: file("two"), ..one.clone() });
        for other in [
            SegmentInfo { id: SegmentId::new(3), ..one.clone() },
            SegmentInfo { bytes: 8192, ..one.clone() },
            SegmentInfo { first_lsn: None, ..one.clone() },
            SegmentInfo { last_lsn: Lsn::new(5), ..one.clone() },
            SegmentInfo { standby: true, ..one.clone() },
        ] {
            assert_ne!(one, other);
        }
    }
}
