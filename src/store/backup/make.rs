//! Making a backup, beside a broker that keeps the files for it.

use std::io::{self, IoSlice};

use super::{
    BACKUP, BACKUP_UNFINISHED, BackupError, BackupFile, ListedCopy,
    copy::{self, copy},
    file::is_ours,
};
use crate::{
    codec,
    disk::{Access, Disk, write_all_at},
    log::{Draft, FileId, Position, SEGMENTS_DIR, SegmentId, StoredFile, prove_end},
    store::{CHECKPOINTS_DIR, checkpoint},
    types::{BackupPlan, Lineage, Record, Timestamp},
};

/// A backup that is whole but for its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    /// What it says of itself.
    pub file: BackupFile,
    /// How many files are linked.
    pub linked_count: u64,
    /// How many were copied, the one that proves the others among them.
    pub copied_count: u64,
    /// Length of those, in bytes.
    pub copied_bytes: u64,
}

/// Makes a backup of the broker's files in `from`, which it keeps for it, in the empty directory
/// `to`. The salt is random.
///
/// It is finished by [`publish`], once the broker has said that it kept the files until now.
pub fn back_up(
    plan: &BackupPlan,
    lineage: Lineage,
    from: &dyn Disk,
    to: &dyn Disk,
    salt: u64,
) -> Result<Made, BackupError> {
    if let Some(path) = plan.files.iter().find(|path| !is_ours(path)) {
        return Err(BackupError::Name { path: path.clone() });
    }
    to.create(BACKUP_UNFINISHED).map_err(BackupError::io("create", BACKUP_UNFINISHED))?;
    to.sync_dir("").map_err(BackupError::io("sync", "the directory"))?;
    for dir in [SEGMENTS_DIR, CHECKPOINTS_DIR] {
        to.create_dir(dir).map_err(BackupError::io("create", dir))?;
    }
    to.sync_dir("").map_err(BackupError::io("sync", "the directory"))?;
    let (lsn, checkpoint_lsn) = (plan.lsn, plan.checkpoint_lsn);
    let (at, files) = (Timestamp::ZERO, Vec::new());
    let file = BackupFile { lineage, lsn, checkpoint_lsn, at, files };
    let mut made = Made { file, linked_count: 0, copied_count: 0, copied_bytes: 0 };
    for path in &plan.files {
        made.take(from, to, path)?;
    }
    made.end(plan, to, salt)?;
    for dir in [SEGMENTS_DIR, CHECKPOINTS_DIR] {
        to.sync_dir(dir).map_err(BackupError::io("sync", dir))?;
    }
    // What the device gives back is what a restore will find.
    checkpoint::read::verify(to, checkpoint_lsn, lineage).map_err(|source| {
        BackupError::Checkpoint { path: checkpoint::path(checkpoint_lsn), source }
    })?;
    Ok(made)
}

/// Gives a backup its name: it counts from now on.
pub fn publish(made: &Made, to: &dyn Disk) -> Result<(), BackupError> {
    let failed = || BackupError::io("write", BACKUP);
    let file = to.open(BACKUP_UNFINISHED, Access::ReadWrite).map_err(failed())?;
    let bytes = made.file.encode();
    write_all_at(&*file, 0, &mut [IoSlice::new(&bytes)]).map_err(failed())?;
    file.sync_all().map_err(failed())?;
    file.drop_cache().map_err(failed())?;
    if copy::read(to, BACKUP_UNFINISHED).map_err(failed())? != bytes {
        return Err(BackupError::ReadBack { path: BACKUP_UNFINISHED.to_owned() });
    }
    to.rename(BACKUP_UNFINISHED, BACKUP).map_err(failed())?;
    to.sync_dir("").map_err(failed())
}

impl Made {
    /// Links a file, or copies it.
    fn take(&mut self, from: &dyn Disk, to: &dyn Disk, path: &str) -> Result<(), BackupError> {
        let is_linked = self.may_link(from, path)? && link(from, to, path)?;
        let bytes = if is_linked {
            let file = to.open(path, Access::Read).map_err(BackupError::io("open", path))?;
            file.sync_all().map_err(BackupError::io("sync", path))?;
            file.len().map_err(BackupError::io("measure", path))?
        } else {
            copy(from, to, path)?
        };
        if let Some(id) = FileId::of_path(path) {
            StoredFile::open(to, id, self.file.lineage)?;
        }
        self.took(path, bytes, is_linked);
        Ok(())
    }

    fn took(&mut self, path: &str, bytes: u64, is_linked: bool) {
        self.linked_count += u64::from(is_linked);
        self.copied_count += u64::from(!is_linked);
        self.copied_bytes += if is_linked { 0 } else { bytes };
        self.file.files.push(ListedCopy { path: path.to_owned(), bytes });
    }

    /// A segment without a footer is copied (R22). It is one that a start found in use, to which
    /// nothing writes any more, but that is not for the file to show.
    fn may_link(&self, from: &dyn Disk, path: &str) -> Result<bool, BackupError> {
        let Some(id) = FileId::of_path(path) else { return Ok(true) };
        let stored = StoredFile::open(from, id, self.file.lineage)?;
        let footer = stored.footer_crc().map_err(BackupError::io("read", path))?;
        Ok(footer.is_some())
    }

    /// Finds the end of the copied log, which must be the broker's, and proves it.
    fn end(&mut self, plan: &BackupPlan, to: &dyn Disk, salt: u64) -> Result<(), BackupError> {
        let ids = plan.files.iter().filter_map(|path| FileId::of_path(path));
        let last = ids.filter_map(|id| match id {
            FileId::Segment(id) => Some(id),
            FileId::Output(_) => None,
        });
        let no_log = || BackupError::Missing { path: SEGMENTS_DIR.to_owned() };
        let last = last.max().ok_or_else(no_log)?;
        let (end, at) = end_of(to, last, plan, self.file.lineage)?;
        self.file.at = at;
        let mut records = Vec::new();
        codec::encode_record(&Record::Tick, &mut records);
        let frame = Draft { now: at, records, record_count: 1, tick: true, ..Draft::default() };
        let path = end.segment.next().path();
        let proof = prove_end(to, self.file.lineage, end, frame, salt)
            .map_err(BackupError::io("write", &path))?;
        let id = FileId::Segment(proof.segment);
        let stored = StoredFile::open(to, id, self.file.lineage)?;
        self.took(&path, stored.bytes, false);
        Ok(())
    }
}

/// Where the last segment ends, and the broker time there.
fn end_of(
    disk: &dyn Disk,
    last: SegmentId,
    plan: &BackupPlan,
    lineage: Lineage,
) -> Result<(Position, Timestamp), BackupError> {
    let stored = StoredFile::open(disk, FileId::Segment(last), lineage)?;
    let mut found = None;
    stored.scan(Some(plan.lsn), &mut |view| {
        let lsn = crate::types::Lsn::new(view.first_lsn.get() + u64::from(view.record_count) - 1);
        let offset = view.offset + view.frame_bytes;
        found = Some((Position { lsn, segment: last, offset, crc: view.crc }, view.now));
        Ok(())
    })?;
    let is_it = |end: &Position| end.lsn == plan.lsn && end.crc == plan.last_frame_crc;
    found.filter(|(end, _)| is_it(end)).ok_or_else(|| BackupError::OtherLog { path: last.path() })
}

/// Links a file; false if the file system cannot, so that it is to be copied.
fn link(from: &dyn Disk, to: &dyn Disk, path: &str) -> Result<bool, BackupError> {
    match to.link_from(&from.locate(path), path) {
        Ok(()) => Ok(true),
        Err(error) => match error.kind() {
            // Another file system, one without links, a file of another user's, too many links.
            io::ErrorKind::CrossesDevices
            | io::ErrorKind::Unsupported
            | io::ErrorKind::PermissionDenied
            | io::ErrorKind::TooManyLinks => Ok(false),
            _ => Err(BackupError::io("link", path)(error)),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::Lsn;

    #[test]
    fn what_is_linked_is_not_counted_as_copied() {
        let (lineage, lsn, checkpoint_lsn) = (Lineage([1; 16]), Lsn::new(7), Lsn::new(3));
        let (at, files) = (Timestamp::ZERO, Vec::new());
        let file = BackupFile { lineage, lsn, checkpoint_lsn, at, files };
        let mut made = Made { file, linked_count: 0, copied_count: 0, copied_bytes: 0 };
        for (path, bytes, is_linked) in [("a", 100, true), ("b", 20, false), ("c", 3, false)] {
            made.took(path, bytes, is_linked);
        }
        assert_eq!((made.linked_count, made.copied_count, made.copied_bytes), (1, 2, 23));
        assert_eq!(made.file.files.len(), 3);
    }
}
