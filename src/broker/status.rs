//! How the broker is, in figures.

use super::{Waiter, owner::Owner};
use crate::types::Status;

impl<W: Waiter> Owner<W> {
    /// How the broker is.
    pub(super) fn status(&self) -> Status {
        let (checkpoint, checkpoint_before) = self.store.checkpoints();
        let (checkpoint_under_way, checkpoints_failed) = self.checkpoints_status();
        let mut files = self.store.files_status();
        files.standby_count = self.log.standby_count() as u64;
        Status {
            now: self.state.now(),
            applied_lsn: self.state.applied_lsn(),
            durable_lsn: self.log.durable_lsn(),
            next_seq: self.state.next_seq(),
            queue_count: self.state.queue_count(),
            disk_full: self.is_disk_full(),
            retention_held: self.state.retention_held(),
            files,
            written: self.store.written_status(),
            checkpoint,
            checkpoint_before,
            checkpoint_under_way,
            checkpoints_failed,
            backups_under_way: self.backups_count() as u64,
            compaction: self.compaction_status(),
            scrub: self.scrub_status(),
            recovery: self.upkeep.recovery,
        }
    }
}
