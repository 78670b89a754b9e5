//! Checkpoints that a backup copies, and how long their files stay.
//!
//! **Invariant**: a checkpoint is pinned while it counts. So none of the files that it needs was
//! given back before, and none is until the pin ends.

use super::{Store, checkpoint, kept::KeptCheckpoint};
use crate::types::{BackupId, Lsn, Timestamp};

/// One checkpoint that is kept, whether it still counts or not.
#[derive(Clone, Debug)]
pub(super) struct Pin {
    id: BackupId,
    until: Timestamp,
    pub(super) checkpoint: KeptCheckpoint,
}

impl Store {
    /// Keeps the files of the newest checkpoint for a backup; the checkpoint's LSN.
    pub fn pin(&mut self, id: BackupId, until: Timestamp) -> Option<Lsn> {
        let checkpoint = self.kept.newest()?.clone();
        let lsn = checkpoint.lsn();
        self.kept.pins.push(Pin { id, until, checkpoint });
        Some(lsn)
    }

    /// Whether the files of a backup are kept, and until when.
    pub fn pinned_until(&self, id: BackupId) -> Option<Timestamp> {
        self.kept.pins.iter().find(|pin| pin.id == id).map(|pin| pin.until)
    }

    /// How many backups there are whose files are kept.
    pub fn pin_count(&self) -> usize {
        self.kept.pins.len()
    }

    /// When the first of them ends by itself.
    pub fn next_unpin(&self) -> Option<Timestamp> {
        self.kept.pins.iter().map(|pin| pin.until).min()
    }

    /// Lets go of a backup's files; whether they were kept.
    pub fn unpin(&mut self, id: BackupId) -> bool {
        self.unpin_where(|pin| pin.id == id)
    }

    /// Lets go of the files of backups whose time is over; whether there were any.
    pub fn unpin_expired(&mut self, now: Timestamp) -> bool {
        self.unpin_where(|pin| pin.until <= now)
    }

    /// The files of a backup, relative to the data directory: those that a start from its
    /// checkpoint needs, and the checkpoint's own.
    pub fn pinned_files(&self, id: BackupId) -> Vec<String> {
        let Some(pin) = self.kept.pins.iter().find(|pin| pin.id == id) else { return Vec::new() };
        let checkpoint = &pin.checkpoint;
        let mut files: Vec<String> = checkpoint.needs.iter().map(|id| id.path()).collect();
        files.extend(checkpoint.bucket_files.iter().copied().flat_map(checkpoint::buckets_paths));
        files.push(checkpoint::path(checkpoint.lsn()));
        files
    }

    fn unpin_where(&mut self, is_over: impl Fn(&Pin) -> bool) -> bool {
        let over: Vec<Pin> = self.kept.pins.extract_if(.., |pin| is_over(pin)).collect();
        let any = !over.is_empty();
        for pin in over {
            self.let_go(&pin.checkpoint);
        }
        any
    }

    /// Gives up the files of a checkpoint, unless it counts or is pinned. What it needs of the log
    /// is for reclaim to see.
    pub(super) fn let_go(&mut self, checkpoint: &KeptCheckpoint) {
        if self.kept.has(checkpoint.lsn()) {
            return;
        }
        self.spare.push(checkpoint::path(checkpoint.lsn()));
        let files = checkpoint.bucket_files.iter().copied();
        let unneeded = files.filter(|file| !self.kept.needs_buckets_of(*file));
        self.spare.extend(unneeded.flat_map(checkpoint::buckets_paths));
    }
}
