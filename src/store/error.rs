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
    /// The log refused.
    #[error(transparent)]
    Log(#[from] LogError),
}

impl StoreError {
    pub(super) fn io(operation: &'static str, path: &str) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { operation, path, source }
    }
}
