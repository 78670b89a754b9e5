//! Writing a checkpoint: three kinds of task, none of which has a thread.
//!
//! The owner takes the state apart in slices, so as not to stand still, and gives each to the
//! background; the writer goes with the task and comes back with its outcome. Until it is
//! published the checkpoint has a temporary name and counts for nothing (R16 of the log's rules).

use std::{
    collections::BTreeMap,
    io::{self, IoSlice},
    sync::Arc,
};

use super::{
    CHECKPOINTS_DIR,
    blocks::{BlockWriter, Kind},
    buckets_paths,
    manifest::{ListedBucket, ListedFile, Manifest},
    path, read, temporary_path,
};
use crate::{
    codec,
    disk::{Disk, File, write_all_at},
    log::{FileId, Position},
    store::places::RunSnapshot,
    types::{DeduplicationBucket, ImageEntry, Lineage, OutputId, Timestamp},
};

/// Entries are gathered up to so many bytes before they are written.
const BLOCK_BYTES: usize = 256 << 10;

/// A checkpoint to be: everything as it was at its LSN, shared and not copied.
pub struct CheckpointDraft {
    pub(in crate::store) lineage: Lineage,
    pub(in crate::store) salt: u32,
    pub(in crate::store) position: Position,
    pub(in crate::store) at: Timestamp,
    pub(in crate::store) next_output: OutputId,
    pub(in crate::store) files: BTreeMap<FileId, ListedFile>,
    pub(in crate::store) runs: Vec<RunSnapshot>,
    /// Buckets that an earlier checkpoint wrote.
    pub(in crate::store) buckets_written: Vec<ListedBucket>,
    pub(in crate::store) buckets: Vec<DeduplicationBucket>,
}

/// A checkpoint under way.
pub struct CheckpointWriter {
    lineage: Lineage,
    manifest: Manifest,
    file: Arc<dyn File>,
    blocks: BlockWriter,
    pending: Vec<u8>,
    has_buckets_file: bool,
    buckets_bytes: u64,
}

/// What is to be done next for a checkpoint.
pub enum CheckpointTask {
    /// Write what is known already.
    Begin(Box<CheckpointDraft>),
    /// Write more of the state.
    Append(Box<CheckpointWriter>, Vec<ImageEntry>),
    /// Everything is there, and the log is durable up to its LSN: publish it.
    Publish(Box<CheckpointWriter>),
    /// Remove what was written.
    Abandon(Box<CheckpointWriter>),
}

/// What a task led to.
pub enum CheckpointOutcome {
    /// It takes more of the state.
    Ready(Box<CheckpointWriter>),
    /// It is there, and was read back.
    Published(Box<Published>),
    /// Nothing is left of it.
    Abandoned,
}

/// A checkpoint that counts.
#[derive(Clone, Debug)]
pub struct Published {
    /// What it says of the disk.
    pub manifest: Manifest,
    /// Its length with the buckets that it wrote, in bytes.
    pub bytes: u64,
}

impl CheckpointTask {
    /// Runs it; may wait for the device. After an error nothing is left of the checkpoint but
    /// files of its own name, which are removed or replaced.
    pub fn run(self, disk: &dyn Disk) -> io::Result<CheckpointOutcome> {
        match self {
            Self::Begin(draft) => {
                let position = draft.position;
                let begun = CheckpointWriter::begin(*draft, disk);
                if begun.is_err() {
                    remove(disk, position);
                }
                begun.map(ready)
            }
            Self::Append(mut writer, entries) => {
                let appended = writer.append(&entries);
                if appended.is_err() {
                    remove(disk, writer.manifest.position);
                }
                appended.map(|()| CheckpointOutcome::Ready(writer))
            }
            Self::Publish(writer) => {
                let position = writer.manifest.position;
                let published = writer.publish(disk);
                if published.is_err() {
                    remove(disk, position);
                }
                published.map(|published| CheckpointOutcome::Published(Box::new(published)))
            }
            Self::Abandon(writer) => {
                remove(disk, writer.manifest.position);
                Ok(CheckpointOutcome::Abandoned)
            }
        }
    }
}

fn ready(writer: CheckpointWriter) -> CheckpointOutcome {
    CheckpointOutcome::Ready(Box::new(writer))
}

/// Takes away what a checkpoint left that did not come to be. What cannot be removed now is
/// removed by the next start.
fn remove(disk: &dyn Disk, position: Position) {
    let lsn = position.lsn;
    for path in [temporary_path(lsn), path(lsn)].into_iter().chain(buckets_paths(lsn)) {
        let _ = disk.unlink(&path);
    }
}

impl CheckpointWriter {
    fn begin(draft: CheckpointDraft, disk: &dyn Disk) -> io::Result<Self> {
        let lsn = draft.position.lsn;
        let mut buckets = draft.buckets_written;
        let new = write_buckets(&draft.buckets, draft.position, disk)?;
        let buckets_bytes = 2 * new.iter().map(|bucket| u64::from(bucket.length)).sum::<u64>();
        let has_buckets_file = !new.is_empty();
        buckets.extend(new);
        let mut files = draft.files;
        let mut live = BTreeMap::new();
        draft.runs.iter().for_each(|run| run.add_to(&mut live));
        for (id, set) in live {
            if let Some(listed) = files.get_mut(&id) {
                listed.live = set;
            }
        }
        let (position, at, next_output) = (draft.position, draft.at, draft.next_output);
        let manifest = Manifest { position, at, next_output, files, buckets };
        let file = create(disk, &temporary_path(lsn))?;
        let mut blocks = BlockWriter::begin(&*file, draft.salt, draft.lineage, lsn)?;
        blocks.append(&*file, Kind::Manifest, &manifest.encode())?;
        let (lineage, pending) = (draft.lineage, Vec::new());
        Ok(Self { lineage, manifest, file, blocks, pending, has_buckets_file, buckets_bytes })
    }

    fn append(&mut self, entries: &[ImageEntry]) -> io::Result<()> {
        for entry in entries {
            codec::encode_image_entry(entry, &mut self.pending);
            if self.pending.len() >= BLOCK_BYTES {
                self.blocks.append(&*self.file, Kind::Entries, &self.pending)?;
                self.pending.clear();
            }
        }
        Ok(())
    }

    fn publish(mut self, disk: &dyn Disk) -> io::Result<Published> {
        let lsn = self.manifest.position.lsn;
        if !self.pending.is_empty() {
            self.blocks.append(&*self.file, Kind::Entries, &self.pending)?;
        }
        self.blocks.append(&*self.file, Kind::End, &[])?;
        self.file.sync_all()?;
        if self.has_buckets_file {
            // The name of the buckets is durable before a checkpoint that names them can be.
            disk.sync_dir(CHECKPOINTS_DIR)?;
        }
        disk.rename(&temporary_path(lsn), &path(lsn))?;
        disk.sync_dir(CHECKPOINTS_DIR)?;
        // What the device gives back is what a start will find.
        let read = read::verify(disk, lsn, self.lineage).map_err(io::Error::other)?;
        let own = self.manifest.buckets.iter().filter(|bucket| bucket.file == lsn);
        read::verify_copies(disk, own).map_err(io::Error::other)?;
        if read != self.manifest {
            return Err(io::Error::other("another manifest was read back"));
        }
        let bytes = self.blocks.bytes() + self.buckets_bytes;
        Ok(Published { manifest: self.manifest, bytes })
    }
}

/// Writes the buckets that no checkpoint has written yet, twice.
fn write_buckets(
    buckets: &[DeduplicationBucket],
    position: Position,
    disk: &dyn Disk,
) -> io::Result<Vec<ListedBucket>> {
    if buckets.is_empty() {
        return Ok(Vec::new());
    }
    let [first, second] = buckets_paths(position.lsn);
    let copies = [create(disk, &first)?, create(disk, &second)?];
    let mut listed = Vec::with_capacity(buckets.len());
    let mut bytes = Vec::new();
    let mut offset = 0;
    for bucket in buckets {
        bytes.clear();
        codec::encode_bucket(bucket, &mut bytes);
        for copy in &copies {
            write_all_at(&**copy, offset, &mut [IoSlice::new(&bytes)])?;
        }
        let length = u32::try_from(bytes.len()).map_err(io::Error::other)?;
        let crc = crc32fast::hash(&bytes);
        let (queue, first) = (bucket.queue, bucket.first);
        listed.push(ListedBucket { file: position.lsn, offset, length, crc, queue, first });
        offset += u64::from(length);
    }
    for copy in &copies {
        copy.sync_all()?;
    }
    Ok(listed)
}

/// A new file, in place of one that was left by a checkpoint that did not come to be.
fn create(disk: &dyn Disk, path: &str) -> io::Result<Arc<dyn File>> {
    match disk.create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            disk.unlink(path)?;
            disk.create(path)
        }
        created => created,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::SimDisk;

    #[test]
    fn a_file_that_was_left_is_made_anew() {
        let disk = SimDisk::new();
        let left = create(&disk, "file").expect("there is space");
        write_all_at(&*left, 0, &mut [IoSlice::new(b"left")]).expect("there is space");
        let anew = create(&disk, "file").expect("it may be there");
        assert_eq!(anew.len().expect("it can be measured"), 0);
    }
}
