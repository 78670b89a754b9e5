//! What the log is set to, its limits, and the names of its files.

use std::fmt;

use crate::types::Lineage;

use super::LogError;

/// The directory of the segments, within the data directory.
pub const SEGMENTS_DIR: &str = "segments";
/// A disk writes so much whole or not at all, in bytes: an assumption about the medium.
pub const SECTOR_BYTES: u64 = 512;
/// Smallest segment, in bytes.
pub const SEGMENT_BYTES_MIN: u64 = 64 << 10;
/// Size of a segment unless another is asked for, in bytes.
pub const SEGMENT_BYTES_DEFAULT: u64 = 128 << 20;
/// Largest segment, in bytes; a start reads one at a time into memory.
pub const SEGMENT_BYTES_MAX: u64 = 1 << 30;
/// A segment is a multiple of this, in bytes: the page and the block of common file systems.
pub const SEGMENT_BYTES_STEP: u64 = 4096;
/// Largest frame of any segment, in bytes.
pub const FRAME_BYTES_MAX: u64 = 8 << 20;

/// What the log is set to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Size of the segments that are made from now on, in bytes. Those there keep theirs.
    pub segment_bytes: u64,
    /// The line of data directories that the log's files must be of.
    pub lineage: Lineage,
    /// How many prepared segments wait behind the one that is written to: on a full disk what frees
    /// space still has them (R23).
    pub standby_count: usize,
}

impl Settings {
    /// Largest frame, in bytes: [`FRAME_BYTES_MAX`], and a quarter of a segment.
    pub fn frame_bytes_max(&self) -> u64 {
        FRAME_BYTES_MAX.min(self.segment_bytes / 4)
    }

    /// Refuses a size that is beyond its limits.
    pub fn check(&self) -> Result<(), LogError> {
        let bytes = self.segment_bytes;
        let in_range = (SEGMENT_BYTES_MIN..=SEGMENT_BYTES_MAX).contains(&bytes);
        if in_range && bytes.is_multiple_of(SEGMENT_BYTES_STEP) {
            return Ok(());
        }
        Err(LogError::SegmentBytes { bytes })
    }
}

/// Names one segment: dense, rising, the first is 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SegmentId(u64);

impl SegmentId {
    /// The segment that a directory is made with.
    pub const FIRST: Self = Self(1);

    /// Wraps the raw number.
    pub const fn new(raw: u64) -> Self {
        Self(raw)
    }

    /// The raw number.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The one after this.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }

    /// Where the segment lies.
    pub fn path(self) -> String {
        format!("{SEGMENTS_DIR}/{:020}.seg", self.0)
    }

    /// Where the segment lies while it is being prepared.
    pub fn temporary_path(self) -> String {
        format!("{SEGMENTS_DIR}/{:020}.tmp", self.0)
    }

    /// The segment whose file has this name; `None` if it is no segment's.
    pub fn of_file(name: &str) -> Option<Self> {
        Self::from_name(name, ".seg")
    }

    /// The segment whose file has this name, with the given ending.
    pub(super) fn from_name(name: &str, ending: &str) -> Option<Self> {
        let digits = name.strip_suffix(ending)?;
        let all_digits = digits.len() == 20 && digits.bytes().all(|byte| byte.is_ascii_digit());
        // The very last number is left out, so that there is always a next one.
        let raw = digits.parse().ok().filter(|raw| (1..u64::MAX).contains(raw))?;
        all_digits.then_some(Self(raw))
    }
}

impl fmt::Display for SegmentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_is_a_multiple_of_a_page_within_its_limits() {
        let is_fine = |segment_bytes: u64| {
            let lineage = Lineage([1; 16]);
            Settings { segment_bytes, lineage, standby_count: 1 }.check().is_ok()
        };
        for bytes in [SEGMENT_BYTES_MIN, SEGMENT_BYTES_DEFAULT, SEGMENT_BYTES_MAX] {
            assert!(is_fine(bytes), "{bytes}");
        }
        let step = SEGMENT_BYTES_STEP;
        let beyond = [SEGMENT_BYTES_MIN - step, SEGMENT_BYTES_MAX + step];
        for bytes in beyond.into_iter().chain([SEGMENT_BYTES_MIN + step / 2, 0]) {
            assert!(!is_fine(bytes), "{bytes}");
        }
    }
}
