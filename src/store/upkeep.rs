//! What the store does about its files while the broker serves: checkpoints, reclaim, compaction.

use std::{collections::BTreeSet, sync::Arc};

use roaring::RoaringTreemap;

use super::{
    Store,
    checkpoint::{CheckpointDraft, ListedBucket, ListedFile, Manifest, Published},
    compaction::Compacted,
    files::StoredInfo,
    kept::KeptCheckpoint,
    places::Slot,
    plan::is_written_to,
};
use crate::{
    disk::Disk,
    log::{FileId, Position, SegmentId},
    types::{CheckpointStatus, DeduplicationBucket, Lsn, Millis, OutputId, Record, Seq, Timestamp},
};

/// Files to be taken away.
#[derive(Debug, Default)]
pub struct Unlink {
    paths: Vec<String>,
}

impl Unlink {
    /// Takes them away; what cannot be taken away now is left for the next start.
    pub fn run(self, disk: &dyn Disk) {
        for path in &self.paths {
            if let Err(error) = disk.unlink(path) {
                tracing::warn!(path, %error, "cannot remove a file that nothing needs");
            }
        }
    }

    /// Whether there is nothing to take away.
    pub fn is_empty(&self) -> bool {
        self.paths.is_empty()
    }
}

impl Store {
    /// Everything that a checkpoint at `position` says of the disk, as it is now.
    pub fn begin_checkpoint(
        &mut self,
        position: Position,
        at: Timestamp,
        buckets: Vec<DeduplicationBucket>,
    ) -> CheckpointDraft {
        let alive: BTreeSet<_> = buckets.iter().map(|b| (b.queue, b.first)).collect();
        let (mut written, mut new) = (Vec::new(), Vec::new());
        self.buckets.retain(|key, _| alive.contains(key));
        for bucket in buckets {
            match self.buckets.get(&(bucket.queue, bucket.first)) {
                Some(listed) => written.push(*listed),
                None => new.push(bucket),
            }
        }
        CheckpointDraft {
            lineage: self.lineage,
            salt: position.crc,
            position,
            at,
            next_output: self.next_output,
            files: self.files.by_id.iter().map(|(id, info)| (*id, listed(info))).collect(),
            runs: self.places.snapshot(),
            buckets_written: written,
            buckets: new,
        }
    }

    /// A checkpoint was published; what nothing needs any more because of it.
    pub fn checkpoint_published(&mut self, published: &Published, took: Millis, pause_us_max: u64) {
        let Published { manifest, bytes } = published;
        let (lsn, at) = (manifest.position.lsn, manifest.at);
        let status = CheckpointStatus { lsn, at, bytes: *bytes, took, pause_us_max };
        self.buckets = key_buckets(&manifest.buckets);
        let dropped = self.kept.push(KeptCheckpoint::new(manifest, status));
        self.written.checkpoint_bytes += bytes;
        if let Some(dropped) = dropped {
            self.let_go(&dropped);
        }
        if self.kept.older().is_some() {
            // They were needed by no checkpoint, and by no log that a start can still begin from.
            self.spare.append(&mut self.strays);
        }
    }

    /// Gives back the files that nothing needs: a few dead segments are kept for use again, the
    /// rest is to be unlinked. `active` is the segment that is written to.
    pub fn reclaim(&mut self, active: Option<SegmentId>) -> Unlink {
        let is_free = |id: &FileId, info: &StoredInfo| {
            info.live_count == 0
                && !is_written_to(*id, active)
                && !self.kept.needs(*id, info.needed_to)
        };
        let free: Vec<FileId> = self
            .files
            .by_id
            .iter()
            .filter(|(id, info)| is_free(id, info))
            .map(|(id, _)| *id)
            .collect();
        for id in free {
            let Some(info) = self.files.remove(id) else { continue };
            self.reclaimed_count += 1;
            // Whoever still reads from it has it open.
            let is_read = Arc::strong_count(&info.file) > 1;
            match id {
                FileId::Segment(segment)
                    if !is_read
                        && info.bytes == self.settings.segment_bytes
                        && self.pool.len() < self.settings.pool_count_max =>
                {
                    self.pool.push(segment);
                }
                _ => self.spare.push(id.path()),
            }
        }
        Unlink { paths: std::mem::take(&mut self.spare) }
    }

    /// Bytes of files without a live message.
    pub fn dead_file_bytes(&self) -> u64 {
        self.files.dead_bytes
    }

    /// Bytes of dead files that are there only because a kept checkpoint lists them, or because the
    /// older of the two lies before their end: two more checkpoints let go of them. What a backup
    /// keeps is not among them.
    pub fn freed_by_checkpoints(&self) -> u64 {
        let Some(newest) = self.kept.newest() else { return 0 };
        let is_freed = |id: FileId, info: &StoredInfo| {
            let is_behind = info.needed_to <= newest.lsn() && !newest.replays(id);
            info.live_count == 0 && is_behind && !self.kept.is_pinned(id)
        };
        let freed = self.files.by_id.iter().filter(|(id, info)| is_freed(**id, info));
        freed.map(|(_, info)| info.bytes).sum()
    }

    /// Whether there is an output whose sources may still be there: the older checkpoint lies
    /// before the switch to it, or there is none.
    pub fn has_young_output(&self) -> bool {
        let older = self.kept.older().map(KeptCheckpoint::lsn).unwrap_or_default();
        let is_young = |(id, info): (&FileId, &StoredInfo)| {
            matches!(id, FileId::Output(_)) && info.needed_to > older
        };
        self.files.by_id.iter().any(is_young)
    }

    /// Size of the segments that are made now, in bytes.
    pub fn segment_bytes(&self) -> u64 {
        self.settings.segment_bytes
    }

    /// A dead segment for use again.
    pub fn take_pooled(&mut self) -> Option<SegmentId> {
        self.pool.pop()
    }

    /// Dead segments are not kept for use again: the next [`Store::reclaim`] has them unlinked.
    /// Whether there were any.
    pub fn empty_pool(&mut self) -> bool {
        let were_any = !self.pool.is_empty();
        self.spare.extend(self.pool.drain(..).map(SegmentId::path));
        were_any
    }

    /// How much space to hold back for a full disk: two checkpoints of the current size, and one
    /// segment, which a start or a compaction may need, in bytes.
    pub fn reserve_bytes(&self) -> u64 {
        let checkpoint = self.kept.newest().map_or(0, |kept| kept.status.bytes);
        let checkpoint = checkpoint.max(self.settings.segment_bytes / 16);
        self.settings.output_bytes.max(self.settings.segment_bytes) + 2 * checkpoint
    }

    /// A file could not be copied from: it is left as it is.
    pub fn mark_unfit(&mut self, id: FileId) {
        if let Some(info) = self.files.by_id.get_mut(&id) {
            info.is_unfit = true;
        }
    }

    /// The record by which messages get their places in an output.
    pub fn switch_record(compacted: &Compacted) -> Record {
        let output = &compacted.output;
        Record::Compacted {
            output: output.id,
            salt: output.salt,
            length: output.length,
            footer_crc: output.footer_crc,
        }
    }

    /// That record was logged at `lsn`: the messages that are still there have their places in the
    /// output from now on.
    pub fn switched(&mut self, compacted: Compacted, lsn: Lsn) {
        let Compacted { output, generation, places } = compacted;
        let mut info = StoredInfo::new(output.file, output.length, output.salt, lsn);
        info.generation = generation;
        self.written.compaction_bytes += output.length;
        self.switch(output.id, info, &places);
    }

    pub(super) fn switch(&mut self, id: OutputId, info: StoredInfo, places: &[(Seq, Slot)]) {
        let file = FileId::Output(id);
        self.next_output = self.next_output.max(id.next());
        self.files.insert(file, info);
        let all: u64 = places.iter().map(|(_, slot)| u64::from(slot.length)).sum();
        for (left, length) in self.places.switch(file, places) {
            self.files.left(left, length);
            self.files.came(file, u64::from(length));
        }
        if let Some(info) = self.files.by_id.get_mut(&file) {
            info.payload_bytes = all;
        }
    }

    /// What a start found: the checkpoints that count, the newest first, and files that nothing
    /// needs, or that nothing may need.
    pub fn adopt(&mut self, good: impl Iterator<Item = (Manifest, u64)>, spare: Vec<String>) {
        let checkpoints: Vec<(Manifest, u64)> = good.collect();
        for (manifest, bytes) in checkpoints.iter().rev() {
            let (lsn, at) = (manifest.position.lsn, manifest.at);
            let status = CheckpointStatus { lsn, at, bytes: *bytes, ..CheckpointStatus::default() };
            self.kept.push(KeptCheckpoint::new(manifest, status));
        }
        if let Some((newest, _)) = checkpoints.first() {
            self.buckets = key_buckets(&newest.buckets);
        }
        self.spare = spare;
    }
}

fn key_buckets(
    listed: &[ListedBucket],
) -> std::collections::BTreeMap<(crate::types::QueueId, Seq), ListedBucket> {
    listed.iter().map(|listed| ((listed.queue, listed.first), *listed)).collect()
}

fn listed(info: &StoredInfo) -> ListedFile {
    ListedFile {
        salt: info.salt,
        bytes: info.bytes,
        generation: info.generation,
        needed_to: info.needed_to,
        live: RoaringTreemap::new(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::{store::Settings, types::Lineage};

    #[test]
    fn the_reserve_has_room_for_a_segment_and_two_checkpoints() {
        let settings = Settings {
            tail_cache_bytes: 0,
            segment_bytes: 1600,
            output_bytes: 1200,
            pool_count_max: 0,
        };
        let mut store = Store::new(settings, Lineage([1; 16]));
        assert_eq!((store.segment_bytes(), store.reserve_bytes()), (1600, 1600 + 2 * 100));
        let position = Position { lsn: Lsn::new(9), segment: SegmentId::FIRST, offset: 64, crc: 1 };
        let manifest = Manifest {
            position,
            at: Timestamp::ZERO,
            next_output: OutputId::new(1),
            files: BTreeMap::new(),
            buckets: Vec::new(),
        };
        store.adopt([(manifest, 5000)].into_iter(), Vec::new());
        assert_eq!(store.reserve_bytes(), 1600 + 2 * 5000);
    }

    #[test]
    fn an_unlink_without_paths_is_empty() {
        assert!(Unlink::default().is_empty());
        assert!(!Unlink { paths: vec!["file".to_owned()] }.is_empty());
    }
}
