//! Why a backup cannot be made or restored.

use std::io;

use super::super::{BadCheckpoint, StoreError};
use crate::{log::LogError, types::Lsn};

/// A fault of a backup, or of what it is made from or restored to. Paths are relative to the
/// directory.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The system refused.
    #[error("cannot {operation} {path}")]
    Io {
        /// What was tried.
        operation: &'static str,
        /// On which file.
        path: String,
        /// What the system said.
        source: io::Error,
    },
    /// A file that a backup never has.
    #[error("{path:?} is no file of a log or a checkpoint; nothing of it was touched")]
    Name {
        /// What was named.
        path: String,
    },
    /// The files are not those that the broker keeps.
    #[error(
        "{path} does not end as the broker's log does: this is another data directory under the \
         same path; run the backup where the broker runs"
    )]
    OtherLog {
        /// The last segment.
        path: String,
    },
    /// The directory is no backup, or one that was not finished.
    #[error("there is no BACKUP in it: it is no backup, or one that was interrupted")]
    NotABackup,
    /// The file `BACKUP` is not what was written.
    #[error("BACKUP is damaged: {problem}")]
    Damaged {
        /// What is wrong.
        problem: &'static str,
    },
    /// The backup is of a later program.
    #[error("the backup has format version {found}, this program reads up to {known}")]
    Newer {
        /// Its version.
        found: u16,
        /// The highest that is known here.
        known: u16,
    },
    /// A file is missing.
    #[error("{path} is missing")]
    Missing {
        /// The file.
        path: String,
    },
    /// A file has another length.
    #[error("{path} has {bytes} bytes and had {bytes_written} when the backup was made")]
    Length {
        /// The file.
        path: String,
        /// Its length now.
        bytes: u64,
        /// Its length then.
        bytes_written: u64,
    },
    /// The checkpoint is not as it was written.
    #[error("{path} is no good checkpoint")]
    Checkpoint {
        /// The file.
        path: String,
        /// Why not.
        source: BadCheckpoint,
    },
    /// A file of the log is not as it was written.
    #[error("{path} is damaged at offset {offset}: {found}")]
    Corrupt {
        /// The file.
        path: String,
        /// Where, in bytes.
        offset: u64,
        /// What was found.
        found: String,
    },
    /// Messages are damaged, and nothing else.
    #[error(
        "{path} is damaged at offset {offset}: {found}; in all, {count} messages are damaged. \
         --accept-damaged restores everything else, and those are never served"
    )]
    DamagedBodies {
        /// The file of the first.
        path: String,
        /// Where, in bytes.
        offset: u64,
        /// What was found.
        found: String,
        /// How many there are.
        count: u64,
    },
    /// The log does not end where it should.
    #[error("{path} is damaged: the log ends before LSN {next_lsn}, it should after {lsn}")]
    End {
        /// The last segment.
        path: String,
        /// Where it ends.
        next_lsn: Lsn,
        /// The last LSN that should be there.
        lsn: Lsn,
    },
    /// What was copied does not read back as it was read.
    #[error("{path} does not read back as it was written: the device is not to be trusted")]
    ReadBack {
        /// The file.
        path: String,
    },
    /// The checkpoint's files do not agree with it, or a directory cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A file of the log cannot be used.
    #[error(transparent)]
    Log(#[from] LogError),
}

impl BackupError {
    pub(super) fn io(operation: &'static str, path: &str) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { operation, path, source }
    }
}
