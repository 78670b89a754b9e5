//! From a checkpoint to the store as it was at the checkpoint's LSN.
//!
//! The footers of the files that it lists are merged in ascending order of seq, and the set of live
//! messages says which of them are still there. Messages that the state does not take, because
//! their queue was purged or deleted and only their memory was not yet freed, are gone as well.

use std::{cmp::Reverse, collections::BinaryHeap, sync::Arc};

use roaring::RoaringTreemap;

use super::{
    Store, StoreError,
    checkpoint::{BadCheckpoint, ListedFile, Manifest, read},
    files::StoredInfo,
    stream::{Messages, Stored, last_lsn, open_stored},
};
use crate::{
    disk::Disk,
    log::{FileId, LogError, StoredFile},
    types::{DeduplicationBucket, ImageEntry, Lineage, Lsn, Summary},
};

/// A segment in which fewer than one of so many messages is live does not get a dense run.
const DENSE_SHARE: u64 = 3;
/// How much of a file's end is read ahead: most footers are shorter, in bytes.
const FOOTER_BYTES_HINT: u64 = 4 << 20;

/// What was loaded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LoadReport {
    /// Messages that were taken from footers, dead ones not among them.
    pub summaries_count: u64,
    /// Files without a usable footer, whose frames were read instead.
    pub files_without_footer: u64,
}

/// One file that is being merged; it is read when its turn comes, and no longer held then.
struct Loading {
    stored: StoredFile,
    end: Option<Lsn>,
    live: RoaringTreemap,
    /// `None` before its first message and behind its last.
    messages: Option<Messages>,
    seen_count: u64,
    is_dense: bool,
    is_rebuilt: bool,
}

impl Store {
    /// Gives the state's entries of a checkpoint to `sink`; its error, in words, ends the reading.
    pub fn read_entries(
        &self,
        disk: &dyn Disk,
        manifest: &Manifest,
        sink: &mut dyn FnMut(ImageEntry) -> Result<(), String>,
    ) -> Result<(), StoreError> {
        read_entries(disk, self.lineage, manifest, sink)
    }

    /// Gives the deduplication ids of a checkpoint to `sink`; its error, in words, ends the
    /// reading.
    pub fn read_buckets(
        &self,
        disk: &dyn Disk,
        manifest: &Manifest,
        sink: &mut dyn FnMut(DeduplicationBucket) -> Result<(), String>,
    ) -> Result<(), StoreError> {
        read_buckets(disk, manifest, sink)
    }

    /// Takes over what a checkpoint lists. `keep` gets the live messages in ascending order of seq
    /// and says which of them are there; `progress` hears how many of how many files were begun.
    pub fn load(
        &mut self,
        disk: &Arc<dyn Disk>,
        manifest: &Manifest,
        keep: &mut dyn FnMut(&Summary) -> bool,
        progress: &mut dyn FnMut(usize, usize),
    ) -> Result<LoadReport, StoreError> {
        self.next_output = manifest.next_output;
        let mut loading = Vec::new();
        for (id, listed) in &manifest.files {
            if !manifest.needs(*id) {
                self.load_pinned(disk, *id, listed);
                continue;
            }
            let stored = open_stored(disk, *id, self.lineage, listed.salt)
                .map_err(|error| missing(*id, manifest.position.lsn, error))?;
            self.files.insert(*id, info(stored.file.clone(), listed));
            if !listed.live.is_empty() {
                loading.push(Loading::new(stored, listed));
            }
        }
        let summaries_count = self.merge(&mut loading, keep, progress)?;
        refuse_a_loss(&loading)?;
        let rebuilt = loading.iter().filter(|file| file.is_rebuilt);
        Ok(LoadReport { summaries_count, files_without_footer: rebuilt.count() as u64 })
    }

    /// A file that is there only for the checkpoint before: it may have been given back since.
    fn load_pinned(&mut self, disk: &Arc<dyn Disk>, id: FileId, listed: &ListedFile) {
        if let Ok(stored) = open_stored(disk, id, self.lineage, listed.salt) {
            self.files.insert(id, info(stored.file, listed));
        }
    }

    /// Merges the files; how many messages are there.
    fn merge(
        &mut self,
        loading: &mut [Loading],
        keep: &mut dyn FnMut(&Summary) -> bool,
        progress: &mut dyn FnMut(usize, usize),
    ) -> Result<u64, StoreError> {
        let first = |(at, file): (usize, &Loading)| Some(Reverse((file.live.min()?, at)));
        let mut heap: BinaryHeap<_> = loading.iter().enumerate().filter_map(first).collect();
        let (mut count, mut begun_count) = (0, 0);
        while let Some(Reverse((_, at))) = heap.pop() {
            let next = heap.peek().map(|Reverse((seq, at))| (*seq, *at));
            let end = next.map_or(u64::MAX, |(seq, _)| seq);
            if let Some((_, next)) = next {
                loading[next].hint();
            }
            let total = loading.len();
            let file = &mut loading[at];
            if file.messages.is_none() {
                begun_count += 1;
                progress(begun_count, total);
            }
            let mut messages = file.open()?;
            while let Some(seq) = messages.peek()?
                && seq.get() <= end
            {
                if let Some(stored) = messages.next()? {
                    count += u64::from(self.take(file, &stored, keep));
                }
            }
            if let Some(seq) = messages.peek()? {
                heap.push(Reverse((seq.get(), at)));
                file.messages = Some(messages);
            }
        }
        Ok(count)
    }

    /// Takes over one message of a file; whether it is there.
    fn take(
        &mut self,
        file: &mut Loading,
        stored: &Stored,
        keep: &mut dyn FnMut(&Summary) -> bool,
    ) -> bool {
        let (id, seq, length) = (file.stored.id, stored.summary.seq, stored.slot.length);
        let is_listed = file.live.contains(seq.get());
        file.seen_count += u64::from(is_listed);
        let is_live = is_listed && keep(&stored.summary);
        if file.is_dense {
            self.places.push_dense(id, seq, stored.slot, is_live);
        } else if is_live {
            self.places.push_sparse(id, seq, stored.slot);
        }
        if is_live {
            self.files.came(id, u64::from(length));
        } else if let Some(info) = self.files.by_id.get_mut(&id) {
            info.payload_bytes += u64::from(length);
        }
        is_live
    }
}

impl Loading {
    fn new(stored: StoredFile, listed: &ListedFile) -> Self {
        Self {
            end: last_lsn(stored.id, listed.needed_to),
            stored,
            live: listed.live.clone(),
            messages: None,
            seen_count: 0,
            is_dense: false,
            is_rebuilt: false,
        }
    }

    /// Its messages from where they were left, or from the first.
    fn open(&mut self) -> Result<Messages, StoreError> {
        if let Some(messages) = self.messages.take() {
            return Ok(messages);
        }
        let messages = Messages::open(&self.stored, self.end)?;
        self.is_rebuilt = messages.is_rebuilt();
        let is_segment = matches!(self.stored.id, FileId::Segment(_));
        self.is_dense = is_segment && self.live.len() * DENSE_SHARE >= messages.count();
        Ok(messages)
    }

    /// Lets the device read its footer while the file before is taken over.
    fn hint(&self) {
        if self.messages.is_none() {
            let from = self.stored.bytes.saturating_sub(FOOTER_BYTES_HINT);
            // A hint: without it the footer is only read later.
            let _ = self.stored.file.will_need(from, FOOTER_BYTES_HINT);
        }
    }
}

/// Gives the state's entries of a checkpoint to `sink`; its error, in words, ends the reading.
pub fn read_entries(
    disk: &dyn Disk,
    lineage: Lineage,
    manifest: &Manifest,
    sink: &mut dyn FnMut(ImageEntry) -> Result<(), String>,
) -> Result<(), StoreError> {
    let lsn = manifest.position.lsn;
    read::entries(disk, lsn, lineage, sink).map_err(refused(lsn))
}

/// Gives the deduplication ids of a checkpoint to `sink`; its error, in words, ends the reading.
pub fn read_buckets(
    disk: &dyn Disk,
    manifest: &Manifest,
    sink: &mut dyn FnMut(DeduplicationBucket) -> Result<(), String>,
) -> Result<(), StoreError> {
    read::buckets(disk, &manifest.buckets, sink).map_err(refused(manifest.position.lsn))
}

/// A file that is not there is a loss, and named as one (R19 of the log's rules).
fn missing(id: FileId, lsn: Lsn, error: StoreError) -> StoreError {
    if !error.is_missing() {
        return error;
    }
    let why = format!("the checkpoint at LSN {lsn} needs it");
    StoreError::Log(LogError::Missing { path: id.path(), why })
}

/// Every message that the checkpoint calls live must have been found where it says.
fn refuse_a_loss(loading: &[Loading]) -> Result<(), StoreError> {
    match loading.iter().find(|file| file.seen_count != file.live.len()) {
        Some(file) => Err(StoreError::MessagesMissing {
            path: file.stored.id.path(),
            missing: file.live.len() - file.seen_count,
        }),
        None => Ok(()),
    }
}

fn refused(lsn: Lsn) -> impl FnOnce(BadCheckpoint) -> StoreError {
    move |bad| StoreError::CheckpointRefused { lsn, reason: bad.to_string() }
}

fn info(file: Arc<dyn crate::disk::File>, listed: &ListedFile) -> StoredInfo {
    let mut info = StoredInfo::new(file, listed.bytes, listed.salt, listed.needed_to);
    info.generation = listed.generation;
    info
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        log::SegmentId,
        store::tests::harness::{LINEAGE, disk, listed, write_output},
        types::OutputId,
    };

    #[test]
    fn only_a_segment_of_which_a_third_lives_is_held_by_ordinals() {
        let disk: Arc<dyn Disk> = {
            let disk = disk();
            let messages = (1..=4).map(|seq| (seq, bytes::Bytes::from_static(b"text")));
            write_output(&disk, 5, &[messages.collect()]);
            Arc::new(disk)
        };
        let is_dense = |live: &[u64], segment: Option<SegmentId>| {
            let id = FileId::Output(OutputId::new(5));
            let mut stored = open_stored(&disk, id, LINEAGE, 7).expect("it is whole");
            let listed = listed(stored.bytes, live);
            stored.id = segment.map_or(id, FileId::Segment);
            let mut loading = Loading::new(stored, &listed);
            let messages = loading.open().expect("it can be read");
            assert_eq!(messages.count(), 4);
            loading.is_dense
        };
        let segment = Some(SegmentId::FIRST);
        assert!(is_dense(&[1, 2], segment));
        assert!(!is_dense(&[1], segment), "three places in four would be of no message");
        assert!(!is_dense(&[1, 2, 3, 4], None), "an output has messages of many segments");
    }
}
