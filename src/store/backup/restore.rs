//! From a backup to a data directory.

use std::sync::Arc;

use super::{
    RESTORING,
    check::{Checked, check},
    copy::copy,
    error::BackupError,
};
use crate::{
    disk::Disk,
    log::SEGMENTS_DIR,
    store::{CHECKPOINTS_DIR, Identity, directory},
};

/// A data directory that was made of a backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    /// The backup.
    pub backup: Checked,
    /// Length of the files that were copied, in bytes.
    pub copied_bytes: u64,
}

/// Makes a data directory in `to`, which is empty, of the backup in `from`, which is only read.
///
/// `fresh` is who the directory is, but for the lineage, which is the backup's: so ids of messages
/// stay what they were, and receipt handles are of no use any more. It gets the name `IDENTITY`
/// last (R1 of the log's rules); before that the directory is refused.
pub fn restore(
    from: &Arc<dyn Disk>,
    to: &dyn Disk,
    fresh: &Identity,
    accept_damaged: bool,
) -> Result<Restored, BackupError> {
    let backup = check(from, accept_damaged)?;
    let _lock = directory::lock(to)?;
    let identity = Identity { lineage: backup.file.lineage, ..fresh.clone() };
    directory::write(to, RESTORING, &identity)?;
    to.sync_dir("").map_err(BackupError::io("sync", "the directory"))?;
    for dir in [SEGMENTS_DIR, CHECKPOINTS_DIR] {
        to.create_dir(dir).map_err(BackupError::io("create", dir))?;
    }
    let mut copied_bytes = 0;
    for listed in &backup.file.files {
        copied_bytes += copy(&**from, to, &listed.path)?;
    }
    for dir in [SEGMENTS_DIR, CHECKPOINTS_DIR, ""] {
        to.sync_dir(dir).map_err(BackupError::io("sync", dir))?;
    }
    directory::name(to, RESTORING)?;
    Ok(Restored { backup, copied_bytes })
}
