//! Reading again what lies on the disk, to find what the medium has changed.
//!
//! Full segments, outputs and the checkpoints that count are read past the page cache and compared
//! with their checksums. A file stays open while it is read, so that it is not used again under its
//! reader.

use std::{collections::VecDeque, io, sync::Arc};

use super::{
    Store,
    checkpoint::{self, BadCheckpoint, read},
    plan::is_written_to,
    stream::last_lsn,
};
use crate::{
    disk::{Access, Disk},
    log::{Damage, FileCheck, FileId, SegmentId},
    types::{Lineage, Lsn, Seq},
};

/// How much is read in one task, about, in bytes.
const STEP_BYTES: u64 = 1 << 20;

/// What a pass reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScrubTarget {
    /// A segment or an output.
    File(FileId),
    /// A checkpoint with its deduplication ids.
    Checkpoint(Lsn),
}

/// What is to be done next for a scrub.
pub enum ScrubTask {
    /// Read more of a file.
    File(Box<FileCheck>),
    /// Read a checkpoint.
    Checkpoint(Lsn, Lineage),
}

/// What a task led to.
pub enum ScrubOutcome {
    /// There is more of the file; so many bytes were read.
    Reading(Box<FileCheck>, u64),
    /// All of it was read, the last bytes now.
    Read(Vec<Damage>, u64),
}

impl ScrubTask {
    /// Runs it; may wait for the device.
    pub fn run(self, disk: &dyn Disk) -> ScrubOutcome {
        match self {
            Self::File(mut check) => {
                let bytes = check.step(STEP_BYTES);
                if check.is_over() {
                    ScrubOutcome::Read(check.into_damages(), bytes)
                } else {
                    ScrubOutcome::Reading(check, bytes)
                }
            }
            Self::Checkpoint(lsn, lineage) => read_checkpoint(disk, lsn, lineage),
        }
    }
}

impl Store {
    /// Everything that a pass reads now. `active` is the segment that is written to.
    pub fn scrub_targets(&self, active: Option<SegmentId>) -> VecDeque<ScrubTarget> {
        let ids = self.files.by_id.keys().filter(|id| !is_written_to(**id, active));
        let (newest, before) = self.checkpoints();
        let checkpoints = [newest, before].into_iter().flatten();
        let checkpoints = checkpoints.map(|status| ScrubTarget::Checkpoint(status.lsn));
        ids.map(|id| ScrubTarget::File(*id)).chain(checkpoints).collect()
    }

    /// The first task of a target; `None` if it is not there any more.
    pub fn scrub(&self, target: ScrubTarget) -> Option<ScrubTask> {
        match target {
            ScrubTarget::File(id) => {
                let info = self.files.by_id.get(&id)?;
                let (file, until) = (Arc::clone(&info.file), last_lsn(id, info.needed_to));
                let check = FileCheck::new(id, file, info.bytes, info.salt, until);
                Some(ScrubTask::File(Box::new(check)))
            }
            ScrubTarget::Checkpoint(lsn) => {
                self.kept.has(lsn).then_some(ScrubTask::Checkpoint(lsn, self.lineage))
            }
        }
    }

    /// Whether a target is still there, so that damage to it is damage.
    pub fn has_target(&self, target: ScrubTarget) -> bool {
        match target {
            ScrubTarget::File(id) => self.files.by_id.contains_key(&id),
            ScrubTarget::Checkpoint(lsn) => self.kept.has(lsn),
        }
    }

    /// The live message whose payload begins there.
    pub fn live_at(&self, id: FileId, offset: u64) -> Option<Seq> {
        let survivors = self.places.survivors(id);
        let found = survivors.into_iter().find(|(_, slot)| u64::from(slot.offset) == offset);
        found.map(|(seq, _)| seq)
    }
}

/// Reads a checkpoint and both copies of its ids.
fn read_checkpoint(disk: &dyn Disk, lsn: Lsn, lineage: Lineage) -> ScrubOutcome {
    let path = checkpoint::path(lsn);
    let length = disk.open(&path, Access::Read).and_then(|file| file.len());
    let checked = read::verify(disk, lsn, lineage).and_then(|manifest| {
        let ids: u64 = manifest.buckets.iter().map(|bucket| u64::from(bucket.length)).sum();
        read::verify_copies(disk, manifest.buckets.iter()).map(|()| ids)
    });
    let bytes = length.unwrap_or_default() + checked.as_ref().map_or(0, |ids| 2 * ids);
    let damages = match checked {
        Ok(_) => Vec::new(),
        // It was given back meanwhile; of one that counts, the owner would know.
        Err(BadCheckpoint::Io(error)) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(BadCheckpoint::Buckets { path, offset, found }) => {
            vec![Damage { path, offset, found: found.to_owned() }]
        }
        Err(BadCheckpoint::Damaged { offset, found }) => {
            vec![Damage { path, offset, found: found.to_owned() }]
        }
        Err(bad) => vec![Damage { path, offset: 0, found: bad.to_string() }],
    };
    ScrubOutcome::Read(damages, bytes)
}
