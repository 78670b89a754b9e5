//! Reading a backup wholly: everything is there, and as it was written.

use std::sync::Arc;

use super::{
    BACKUP, BackupError, BackupFile, ListedCopy,
    copy::{self, missing},
};
use crate::{
    disk::{Access, Disk},
    log::{self, FileId, FindingKind},
    store::{Settings, Store, checkpoint},
    types::{ImageEntry, Lsn},
};

/// A backup that is whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    /// What it says of itself.
    pub file: BackupFile,
    /// Messages whose bytes are not as they were written.
    pub damaged_count: u64,
}

/// Reads a backup: its own file, the list of files, the checkpoint, every frame of the log, and
/// that every message of the checkpoint is there. Changes nothing.
pub(super) fn check(disk: &Arc<dyn Disk>, accept_damaged: bool) -> Result<Checked, BackupError> {
    let bytes = copy::read(&**disk, BACKUP).map_err(|source| match source.kind() {
        std::io::ErrorKind::NotFound => BackupError::NotABackup,
        _ => BackupError::io("read", BACKUP)(source),
    })?;
    let file = BackupFile::decode(&bytes)?;
    file.files.iter().try_for_each(|listed| check_length(&**disk, listed))?;
    let lsn = file.checkpoint_lsn;
    let bad = |source| BackupError::Checkpoint { path: checkpoint::path(lsn), source };
    let manifest = checkpoint::read::verify(&**disk, lsn, file.lineage).map_err(bad)?;
    checkpoint::read::verify_copies(&**disk, manifest.buckets.iter()).map_err(bad)?;

    let from = Some(manifest.position);
    let mut ignore = |_: log::FrameView<'_>| Ok(());
    let report = log::verify(&**disk, Some(file.lineage), from, &mut ignore, &mut |_| ())?;
    let refusal = report.findings.iter().find(|finding| finding.kind.refuses_start());
    if let Some(finding) = refusal {
        let (path, found) = (finding.path.clone(), finding.found.clone());
        return Err(BackupError::Corrupt { path, offset: finding.offset, found });
    }
    // The tick behind the last record, and then nothing.
    let next_lsn = file.lsn.next().next();
    if report.next_lsn != next_lsn {
        let path = last_segment(&file);
        return Err(BackupError::End { path, next_lsn: report.next_lsn, lsn: file.lsn.next() });
    }
    let damaged = report.findings.iter().filter(|it| it.kind == FindingKind::DamagedBody);
    let damaged_count = damaged.clone().count() as u64;
    if let Some(first) = damaged.clone().next().filter(|_| !accept_damaged) {
        let (path, found) = (first.path.clone(), first.found.clone());
        let (offset, count) = (first.offset, damaged_count);
        return Err(BackupError::DamagedBodies { path, offset, found, count });
    }
    check_messages(disk, &file, &manifest)?;
    Ok(Checked { file, damaged_count })
}

/// Everything that a start reads of the checkpoint is there, each of its messages among it.
fn check_messages(
    disk: &Arc<dyn Disk>,
    file: &BackupFile,
    manifest: &checkpoint::Manifest,
) -> Result<(), BackupError> {
    let settings =
        Settings { tail_cache_bytes: 0, segment_bytes: 0, output_bytes: 0, pool_count_max: 0 };
    let mut store = Store::new(settings, file.lineage);
    store.read_entries(&**disk, manifest, &mut |_: ImageEntry| Ok(()))?;
    store.load(disk, manifest, &mut |_| true, &mut |_, _| {})?;
    Ok(())
}

/// The file is there, has its length, and is read from the device from now on.
fn check_length(disk: &dyn Disk, listed: &ListedCopy) -> Result<(), BackupError> {
    let ListedCopy { path, bytes: bytes_written } = listed;
    let file = disk.open(path, Access::Read).map_err(missing(path))?;
    let bytes = file.len().map_err(BackupError::io("measure", path))?;
    file.drop_cache().map_err(BackupError::io("drop the cache of", path))?;
    if bytes == *bytes_written {
        return Ok(());
    }
    let (path, bytes_written) = (path.clone(), *bytes_written);
    Err(BackupError::Length { path, bytes, bytes_written })
}

fn last_segment(file: &BackupFile) -> String {
    let ids = file.files.iter().filter_map(|listed| FileId::of_path(&listed.path));
    let last = ids.filter(|id| matches!(id, FileId::Segment(_))).max();
    last.map(FileId::path).unwrap_or_default()
}

impl Checked {
    /// The last record that is there, the one that proves the others.
    pub fn last_lsn(&self) -> Lsn {
        self.file.lsn.next()
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::{
        log::{Position, SegmentId},
        store::{
            CHECKPOINTS_DIR, CheckpointOutcome, CheckpointTask, Slot, StoredInfo,
            tests::harness::{LINEAGE, disk, store, write_output},
        },
        types::{OutputId, Seq, Timestamp},
    };

    /// A backup up to LSN 7 that lists these files.
    fn backup(files: &[FileId]) -> BackupFile {
        let listed = |id: &FileId| ListedCopy { path: id.path(), bytes: 4096 };
        BackupFile {
            lineage: LINEAGE,
            lsn: Lsn::new(7),
            checkpoint_lsn: Lsn::new(3),
            at: Timestamp::ZERO,
            files: files.iter().map(listed).collect(),
        }
    }

    #[test]
    fn the_last_record_of_a_backup_is_the_one_that_proves_the_others() {
        let checked = Checked { file: backup(&[]), damaged_count: 0 };
        assert_eq!(checked.last_lsn(), Lsn::new(8));
    }

    #[test]
    fn the_end_of_a_backup_is_looked_for_in_its_last_segment() {
        let segment = |id: u64| FileId::Segment(SegmentId::new(id));
        let output = FileId::Output(OutputId::new(9));
        assert_eq!(last_segment(&backup(&[segment(3), segment(2), output])), segment(3).path());
        assert_eq!(last_segment(&backup(&[output])), "");
    }

    /// A checkpoint that calls these messages live in an output with the messages 1 and 2.
    fn checkpoint_of(live: &[u64]) -> (Arc<dyn Disk>, checkpoint::Manifest) {
        let disk = disk();
        disk.create_dir(CHECKPOINTS_DIR).expect("there is space");
        let payload = Bytes::from_static(b"text");
        let output = write_output(&disk, 5, &[vec![(1, payload.clone()), (2, payload)]]);
        let id = FileId::Output(OutputId::new(5));
        let mut store = store(0);
        let info = StoredInfo::new(output.file, output.length, output.salt, Lsn::new(1));
        store.files.insert(id, info);
        store.next_output = OutputId::new(6);
        for seq in live {
            store.places.push_sparse(id, Seq::new(*seq), Slot::new(4096, 4, 1));
        }
        let (lsn, segment) = (Lsn::new(3), SegmentId::FIRST);
        let position = Position { lsn, segment, offset: 4160, crc: 1 };
        let draft = store.begin_checkpoint(position, Timestamp::ZERO, Vec::new());
        let begun = CheckpointTask::Begin(Box::new(draft)).run(&disk).expect("there is space");
        let CheckpointOutcome::Ready(writer) = begun else { panic!("it takes the state") };
        let ended = CheckpointTask::Publish(writer).run(&disk).expect("there is space");
        let CheckpointOutcome::Published(published) = ended else { panic!("it is there") };
        (Arc::new(disk), published.manifest)
    }

    #[test]
    fn a_backup_without_a_message_that_its_checkpoint_calls_live_is_refused() {
        let file = backup(&[]);
        let (disk, whole) = checkpoint_of(&[1, 2]);
        check_messages(&disk, &file, &whole).expect("they are there");
        let (disk, lacking) = checkpoint_of(&[1, 2, 3]);
        assert!(check_messages(&disk, &file, &lacking).is_err());
    }
}
