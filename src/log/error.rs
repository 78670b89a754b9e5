//! Why the log cannot go on. Each fault says where, what was found and what an operator can do.

use std::io;

use crate::types::Lsn;

use super::settings::{SEGMENT_BYTES_MAX, SEGMENT_BYTES_MIN, SEGMENT_BYTES_STEP};

/// A fault of the log.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The operating system refused.
    #[error("cannot {operation} {path}")]
    Io {
        /// What was to be done, as a verb.
        operation: &'static str,
        /// The file or directory, within the data directory.
        path: String,
        /// What the operating system said.
        source: io::Error,
    },
    /// What had been written is not what is there now.
    #[error(
        "{path} is damaged at offset {offset}, LSN {lsn}: {found}; nothing was changed; \
         `ledgerq log verify` explains"
    )]
    Corrupt {
        /// The file, within the data directory.
        path: String,
        /// Where in the file, in bytes.
        offset: u64,
        /// The first LSN that cannot be read.
        lsn: Lsn,
        /// What is wrong.
        found: String,
    },
    /// A file was written by a newer version of this program.
    #[error(
        "{path} has format version {version}, this program knows {known}; nothing was changed; \
         start the newer version"
    )]
    NewerFormat {
        /// The file, within the data directory.
        path: String,
        /// Its version.
        version: u32,
        /// The newest version that this program reads.
        known: u32,
    },
    /// A file is of another data directory, or is in the way of a new one.
    #[error(
        "{path} is a file of another data directory: {found}; nothing was changed; move it out"
    )]
    ForeignFiles {
        /// The file, within the data directory.
        path: String,
        /// What tells that it does not belong here.
        found: String,
    },
    /// A file that the start needs is not there.
    #[error("{path} is missing: {why}; nothing was changed; put it back, or restore a backup")]
    Missing {
        /// What is missing, within the data directory.
        path: String,
        /// What it is needed for.
        why: String,
    },
    /// A frame could not be written or synced: whether the disk has it is not known.
    #[error(
        "{path} at offset {offset}: the frame from LSN {lsn} may not be on the disk; \
         the broker must stop, a restart finds what is durable"
    )]
    SyncFailed {
        /// The segment, within the data directory.
        path: String,
        /// Where the frame begins, in bytes.
        offset: u64,
        /// The first LSN of the frame.
        lsn: Lsn,
        /// What the operating system said.
        source: io::Error,
    },
    /// A write failed before: nothing is written any more.
    #[error("the log takes no writes since one failed; the broker must stop")]
    Poisoned,
    /// Whoever replays the log cannot read the records of a whole frame.
    #[error("{path} at offset {offset}, LSN {lsn}: the records cannot be replayed: {reason}")]
    Refused {
        /// The segment, within the data directory.
        path: String,
        /// Where the frame begins, in bytes.
        offset: u64,
        /// The first LSN of the frame.
        lsn: Lsn,
        /// What the replay said.
        reason: String,
    },
    /// The size for new segments is beyond its limits.
    #[error(
        "segments of {bytes} bytes: the size must be {SEGMENT_BYTES_MIN} to {SEGMENT_BYTES_MAX}, \
         a multiple of {SEGMENT_BYTES_STEP}"
    )]
    SegmentBytes {
        /// The size that was asked for.
        bytes: u64,
    },
}

impl LogError {
    /// For `map_err`: an operation on a path that failed.
    pub(super) fn io(operation: &'static str, path: &str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { operation, path: path.to_owned(), source }
    }
}
