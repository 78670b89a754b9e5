//! Where the log is, and where things in it lie.

use std::sync::Arc;

use crate::{disk::File, types::Lsn};

use super::SegmentId;

/// The end of a run of frames: what the next frame must continue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Chain {
    /// The first LSN that the next frame holds.
    pub(super) next_lsn: Lsn,
    /// The header CRC of the frame before, 0 if there is none.
    pub(super) crc: u32,
}

impl Default for Chain {
    /// Before the first frame of all.
    fn default() -> Self {
        Self { next_lsn: Lsn::new(1), crc: 0 }
    }
}

/// Where a frame ends: what a checkpoint names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// LSN of the frame's last record.
    pub lsn: Lsn,
    /// The segment of the frame.
    pub segment: SegmentId,
    /// Where the frame ends in the segment's file, in bytes.
    pub offset: u64,
    /// The CRC of the frame's header, which stands for the frame.
    pub crc: u32,
}

impl Position {
    /// What the frame behind continues.
    pub(super) fn chain(self) -> Chain {
        Chain { next_lsn: self.lsn.next(), crc: self.crc }
    }
}

/// Where one frame lies.
#[derive(Clone)]
pub struct FramePlace {
    /// The segment.
    pub segment: SegmentId,
    /// The segment's file.
    pub file: Arc<dyn File>,
    /// Where the frame begins in the file, in bytes.
    pub offset: u64,
    /// Length of the frame, in bytes.
    pub frame_bytes: u64,
    /// LSN of the frame's first record.
    pub first_lsn: Lsn,
    /// How many records the frame holds.
    pub record_count: u32,
    /// Where the first body begins in the file, in bytes; the others follow without a gap.
    pub bodies_offset: u64,
    /// The salt of the segment.
    pub salt: u32,
}

/// Where one body lies, as the log was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BodyPlace {
    /// Where the body begins in the file, in bytes.
    pub offset: u64,
    /// Length, in bytes.
    pub len: u32,
    /// The CRC-32 that it was written with.
    pub crc: u32,
    /// Whether its bytes have another CRC now.
    pub damaged: bool,
}
