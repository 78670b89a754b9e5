//! Why a data directory cannot be used.

use std::io;

use crate::log::LogError;

/// A fault of the data directory as a whole. Each text says what an operator can do.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process has the directory.
    #[error("the data directory is in use by another process; only one broker can have it")]
    Locked,
    /// The system refused.
    #[error("cannot {operation} {path}")]
    Io {
        /// What was tried.
        operation: &'static str,
        /// On which file, relative to the data directory.
        path: String,
        /// What the system said.
        source: io::Error,
    },
    /// The identity is not what this program wrote.
    #[error(
        "IDENTITY is damaged: {problem}; restore it from a backup, it holds the keys of receipt \
         handles"
    )]
    IdentityDamaged {
        /// What is wrong.
        problem: &'static str,
    },
    /// The directory is of a later program.
    #[error(
        "the data directory has format version {found}, this program reads up to {known}; it was \
         left untouched: start the program that wrote it"
    )]
    NewerFormat {
        /// The directory's version.
        found: u16,
        /// The highest version that is known here.
        known: u16,
    },
    /// There is an identity and no segment.
    #[error(
        "the data directory has an IDENTITY but no segments: the log is missing; put the files \
         back, or choose an empty directory"
    )]
    SegmentsMissing,
    /// There are segments in use and no identity.
    #[error(
        "the data directory has segments but no IDENTITY: put the file back, or choose an empty \
         directory"
    )]
    IdentityMissing,
    /// The directory has files of somebody else.
    #[error(
        "the data directory is not empty and not one of ledgerq: it has {file}; choose another"
    )]
    NotOurs {
        /// One of them.
        file: String,
    },
    /// The directory is a backup.
    #[error(
        "the directory is a backup, and not one to serve from: `ledgerq restore --from` it \
         `--data-dir` a new directory"
    )]
    IsBackup,
    /// A backup was being restored into the directory, or another directory repaired.
    #[error(
        "a restore or a repair into the data directory was interrupted: remove the directory, and \
         run `ledgerq restore` or `ledgerq log repair` again"
    )]
    RestoreUnfinished,
    /// A checkpoint is of a later program.
    #[error(
        "{path} has format version {version}, which this program does not know; nothing was \
         changed: start the program that wrote it"
    )]
    NewerCheckpoint {
        /// The file.
        path: String,
        /// Its version.
        version: u32,
    },
    /// A file that a checkpoint or the log names is another one.
    #[error(
        "{path} is not the file that the checkpoint names: its salt is another; nothing was \
         changed: put the right file back"
    )]
    OtherFile {
        /// The file.
        path: String,
    },
    /// Messages that the checkpoint calls live are not in the file that it says they are in.
    #[error(
        "{path} is damaged: {missing} live messages were not found in it; nothing was changed; \
         `ledgerq log verify` explains"
    )]
    MessagesMissing {
        /// The file.
        path: String,
        /// How many.
        missing: u64,
    },
    /// A footer whose checksum is right does not make sense.
    #[error("{path} has a footer that does not decode: {reason}")]
    FooterUndecodable {
        /// The file.
        path: String,
        /// Why.
        reason: String,
    },
    /// A checkpoint was verified and yet cannot be taken over.
    #[error("the checkpoint at LSN {lsn} cannot be loaded: {reason}; nothing was changed")]
    CheckpointRefused {
        /// Which.
        lsn: crate::types::Lsn,
        /// Why.
        reason: String,
    },
    /// The log refused.
    #[error(transparent)]
    Log(#[from] LogError),
}

impl StoreError {
    /// Whether a file is simply not there.
    pub(super) fn is_missing(&self) -> bool {
        match self {
            Self::Log(LogError::Missing { .. }) => true,
            Self::Log(LogError::Io { source, .. }) | Self::Io { source, .. } => {
                source.kind() == io::ErrorKind::NotFound
            }
            _ => false,
        }
    }

    pub(super) fn io(operation: &'static str, path: &str) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { operation, path, source }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_missing_if_the_system_or_the_log_does_not_find_it() {
        let io = |kind: io::ErrorKind| StoreError::io("open", "file")(kind.into());
        let of_log = |kind: io::ErrorKind| {
            let (operation, path, source) = ("open", "file".to_owned(), kind.into());
            LogError::Io { operation, path, source }
        };
        let missing = LogError::Missing { path: "file".to_owned(), why: "it is".to_owned() };
        for error in
            [io(io::ErrorKind::NotFound), of_log(io::ErrorKind::NotFound).into(), missing.into()]
        {
            assert!(error.is_missing(), "{error}");
        }
        let other = StoreError::OtherFile { path: "file".to_owned() };
        let denied = io::ErrorKind::PermissionDenied;
        for error in [io(denied), of_log(denied).into(), other] {
            assert!(!error.is_missing(), "{error}");
        }
    }
}
