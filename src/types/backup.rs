//! What a broker and whoever copies its files say to each other.

use super::{Lsn, Timestamp};

/// One backup under way: random, so that a broker that was started again knows none of before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BackupId(u64);

/// What to copy, and what it is at the end of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupPlan {
    /// Its id.
    pub id: BackupId,
    /// The last record that it holds.
    pub lsn: Lsn,
    /// CRC of the header of the frame with that record: whoever finds another one there has another
    /// broker's files.
    pub last_frame_crc: u32,
    /// The last record that its checkpoint holds: at or before `lsn`.
    pub checkpoint_lsn: Lsn,
    /// The files, relative to the data directory. Nothing writes to any of them any more, nor takes
    /// one away until the backup ends.
    pub files: Vec<String>,
    /// When it ends by itself.
    pub until: Timestamp,
}

impl BackupId {
    /// Wraps the raw number.
    pub const fn new(raw: u64) -> Self {
        Self(raw)
    }

    /// The raw number.
    pub const fn get(self) -> u64 {
        self.0
    }
}
