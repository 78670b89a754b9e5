//! Looking after the broker: figures, checkpoints, compaction.

use std::time::Duration;

use super::{ANSWER_TIMEOUT, Client, Error, Repeat, convert};
use crate::{
    proto::v1,
    types::{BackupId, BackupPlan, CheckpointStatus, Millis, ScrubStatus, Status},
};

/// How long a checkpoint or a compaction may take: it is written at the pace of the disk, or at the
/// rate that is set.
pub const MAINTENANCE_TIMEOUT: Duration = Duration::from_hours(6);

/// A backup that has begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backup {
    /// The data directory, on the server's machine.
    pub data_dir: String,
    /// What to copy from it.
    pub plan: BackupPlan,
}

impl Client {
    /// Tells how the broker is.
    pub async fn status(&self) -> Result<Status, Error> {
        let question = v1::GetStatusRequest {};
        let answer = self
            .ask(Repeat::Harmless, ANSWER_TIMEOUT, question, |mut to, request| async move {
                to.admin.get_status(request).await
            })
            .await?;
        convert::status(&answer.status.ok_or(Error::Answer("a status"))?)
    }

    /// Takes a checkpoint; tells of it once it is published.
    pub async fn checkpoint(&self) -> Result<CheckpointStatus, Error> {
        let question = v1::CheckpointRequest {};
        let answer = self
            .ask(Repeat::Harmless, MAINTENANCE_TIMEOUT, question, |mut to, request| async move {
                to.admin.checkpoint(request).await
            })
            .await?;
        convert::checkpoint(&answer.checkpoint.ok_or(Error::Answer("a checkpoint"))?)
    }

    /// Copies the live messages of files that have too few of them; tells how many once it is done.
    pub async fn compact(&self) -> Result<u64, Error> {
        let question = v1::CompactRequest {};
        self.ask(Repeat::Harmless, MAINTENANCE_TIMEOUT, question, |mut to, request| async move {
            to.admin.compact(request).await
        })
        .await
        .map(|answer| answer.copied_count)
    }

    /// Begins a pass of the scrub, unless one is under way; tells how it is.
    pub async fn scrub(&self) -> Result<ScrubStatus, Error> {
        let question = v1::ScrubRequest {};
        let answer = self
            .ask(Repeat::Harmless, ANSWER_TIMEOUT, question, |mut to, request| async move {
                to.admin.scrub(request).await
            })
            .await?;
        convert::scrub(&answer.scrub.unwrap_or_default())
    }

    /// Begins a backup whose files are kept for so long, if that is given, or until it is ended;
    /// tells of them once they can be copied.
    pub async fn begin_backup(&self, hold: Option<Millis>) -> Result<Backup, Error> {
        let hold = hold.map(convert::duration);
        let question = v1::BeginBackupRequest { hold };
        let answer = self
            .ask(Repeat::IfNotDone, MAINTENANCE_TIMEOUT, question, |mut to, request| async move {
                to.admin.begin_backup(request).await
            })
            .await?;
        convert::backup(answer)
    }

    /// Ends a backup; a success if its files were kept until now.
    pub async fn end_backup(&self, id: BackupId) -> Result<(), Error> {
        let question = v1::EndBackupRequest { backup_id: id.get() };
        self.ask(Repeat::IfNotDone, ANSWER_TIMEOUT, question, |mut to, request| async move {
            to.admin.end_backup(request).await
        })
        .await
        .map(|_| ())
    }
}
