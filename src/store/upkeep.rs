//! What the store does about its files while the broker serves: checkpoints, reclaim, compaction.

use std::{collections::BTreeSet, sync::Arc};

use roaring::RoaringTreemap;

use super::{
    Store,
    checkpoint::{CheckpointDraft, ListedBucket, ListedFile, Manifest, Published},
    compaction::{Compacted, CompactionPlan},
    files::StoredInfo,
    kept::KeptCheckpoint,
    places::Slot,
};
use crate::{
    disk::Disk,
    log::{FileId, Position, SegmentId},
    types::{CheckpointStatus, DeduplicationBucket, Lsn, Millis, OutputId, Record, Seq, Timestamp},
};

/// The most files that one compaction reads.
const SOURCES_MAX: usize = 64;
/// How often a message is copied in its life, unless an operator asks for more.
const GENERATION_MAX: u8 = 3;

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
        self.buckets =
            manifest.buckets.iter().map(|listed| ((listed.queue, listed.first), *listed)).collect();
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

    /// Bytes of files without a live message: what further checkpoints would let go of.
    pub fn dead_file_bytes(&self) -> u64 {
        self.files.dead_bytes
    }

    /// A dead segment for use again.
    pub fn take_pooled(&mut self) -> Option<SegmentId> {
        self.pool.pop()
    }

    /// What to copy next. Files older than the older checkpoint count: in younger ones messages
    /// are still dying. `forced`: every file that is less than half live, else only if all of them
    /// together are.
    ///
    /// `active` is the segment that is written to, which is never copied: it would get messages
    /// behind those that were taken out of it, and the next start reads a segment in one run.
    pub fn plan_compaction(
        &mut self,
        salt: u64,
        forced: bool,
        active: Option<SegmentId>,
    ) -> Option<CompactionPlan> {
        let settled_to = if forced {
            self.kept.newest().map(KeptCheckpoint::lsn)?
        } else {
            self.kept.older().map(KeptCheckpoint::lsn)?
        };
        let is_settled = |id: &FileId, info: &StoredInfo| {
            !is_written_to(*id, active) && info.live_count > 0 && info.needed_to <= settled_to
        };
        let settled = self.files.by_id.iter().filter(|(id, info)| is_settled(id, info));
        let sums = settled
            .clone()
            .fold((0, 0), |(bytes, live), (_, info)| (bytes + info.bytes, live + info.live_bytes));
        if !forced && sums.0 <= sums.1 * 2 + self.settings.segment_bytes {
            return None;
        }
        let mut sparse: Vec<(&FileId, &StoredInfo)> = settled
            .filter(|(_, info)| info.is_sparse() && !info.is_unfit)
            .filter(|(_, info)| forced || info.generation < GENERATION_MAX)
            .collect();
        // The files that give back the most for what is copied come first.
        sparse.sort_by_key(|(_, info)| info.live_bytes * 1024 / info.bytes.max(1));
        let (mut bytes, mut generation) = (0, 0);
        let mut sources = Vec::new();
        for (id, info) in sparse {
            if sources.len() == SOURCES_MAX || bytes + info.live_bytes > self.settings.output_bytes
            {
                break;
            }
            bytes += info.live_bytes;
            generation = generation.max(info.generation);
            sources.push(*id);
        }
        // One small output is not worth another.
        let is_vain = matches!(sources[..], [FileId::Output(_)]) && !forced;
        if sources.is_empty() || is_vain {
            return None;
        }
        let output = self.next_output;
        self.next_output = output.next();
        let live = |id: FileId| {
            let seqs = self.places.survivors(id).into_iter().map(|(seq, _)| seq.get());
            let end = self.files.by_id.get(&id).map(|info| info.needed_to).unwrap_or_default();
            (id, end, seqs.collect::<RoaringTreemap>())
        };
        let sources = sources.into_iter().map(live).collect();
        let (lineage, generation) = (self.lineage, generation.saturating_add(1));
        Some(CompactionPlan { output, lineage, salt, generation, sources })
    }

    /// How much space to hold back for a full disk: two checkpoints of the current size and one
    /// compaction output, in bytes.
    pub fn reserve_bytes(&self) -> u64 {
        let checkpoint = self.kept.newest().map_or(0, |kept| kept.status.bytes);
        let checkpoint = checkpoint.max(self.settings.segment_bytes / 16);
        (self.settings.output_bytes + 2 * checkpoint).next_multiple_of(self.settings.segment_bytes)
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

/// Whether a file is the segment that is written to, or behind it.
fn is_written_to(id: FileId, active: Option<SegmentId>) -> bool {
    matches!(id, FileId::Segment(segment) if active.is_some_and(|active| segment >= active))
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
