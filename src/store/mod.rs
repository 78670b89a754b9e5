//! What lies in the log: where each message's payload is, which messages are there, and what
//! becomes of the files.
//!
//! The state knows a message by its seq and nothing else; this room knows its place. Read in this
//! order: `places` and `files` are what is known, `body` and `cache` read payloads; `checkpoint`
//! is the file from which a start goes on and `load` takes it back, with `replay` for the log
//! behind it; `kept` and `upkeep` say when a file can be given back; `plan` and `compaction` copy
//! what lives out of files that are nearly dead; `stream` reads the messages of one file in order;
//! `pins` keeps files for a backup, and `backup` makes one of them; `detail` tells an inspection
//! of each file; `salvage` finds what is left of a directory whose start is refused; `scrub` reads
//! again what lies on the disk.
//!
//! **Invariant**: a file is unlinked or used again only if no kept checkpoint needs it and it holds
//! nothing that a replay from the older of the two would read.

mod backup;
mod body;
mod cache;
mod checkpoint;
mod compaction;
mod detail;
mod directory;
mod error;
mod files;
mod identity;
mod kept;
mod load;
mod pins;
mod places;
mod plan;
mod replay;
mod reserve;
mod salvage;
mod scrub;
mod stream;
#[cfg(test)]
mod tests;
mod upkeep;

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    log::{FileId, FramePlace, SegmentId},
    types::{
        CheckpointStatus, FilesStatus, Lineage, Lsn, OutputId, Payload, QueueId, Seq, WrittenStatus,
    },
};

pub use backup::{
    BackupError, BackupFile, Checked, ListedCopy, Made, Restored, back_up, publish, restore,
};
pub use body::{BodyError, BodyRef, Place};
use cache::TailCache;
pub use checkpoint::{
    BadCheckpoint, CHECKPOINT_VERSION, CHECKPOINTS_DIR, CheckpointDraft, CheckpointOutcome,
    CheckpointTask, CheckpointWriter, Found, Good, ListedBucket, ListedFile, Manifest, Published,
    find, path as checkpoint_path,
};
pub use compaction::{
    Compacted, CompactionError, CompactionOutcome, CompactionPlan, CompactionTask, Compactor,
};
pub use detail::{FileDetail, KeptBy};
pub use directory::{Directory, identity_of, lineage_of};
pub use error::StoreError;
use files::{Files, StoredInfo};
pub use identity::Identity;
use kept::Kept;
pub use load::{LoadReport, read_buckets, read_entries};
use places::{Places, Slot};
pub use plan::Worth;
pub use reserve::{ReserveTask, reserved_bytes};
pub use salvage::{
    Bases, FoundMessage, RebuildError, Rebuilding, bases, elsewhere, messages_left, messages_of,
};
pub use scrub::{ScrubOutcome, ScrubTarget, ScrubTask};
pub use upkeep::Unlink;

/// How much is read ahead of a receiver, in bytes.
const READ_AHEAD_BYTES: u64 = 4 << 20;

/// What the store is set to.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Bytes of the latest payloads that are kept in memory.
    pub tail_cache_bytes: u64,
    /// Size of the segments that are made from now on, in bytes.
    pub segment_bytes: u64,
    /// About the largest compaction output, in bytes.
    pub output_bytes: u64,
    /// How many dead segments are kept for use again.
    pub pool_count_max: usize,
}

/// The places of all messages, and the payloads of the latest.
pub struct Store {
    settings: Settings,
    lineage: Lineage,
    places: Places,
    files: Files,
    cache: TailCache,
    kept: Kept,
    /// Deduplication buckets that the newest checkpoint lists.
    buckets: BTreeMap<(QueueId, Seq), ListedBucket>,
    next_output: OutputId,
    /// Dead segments for use again.
    pool: Vec<SegmentId>,
    /// Paths of files that nothing needs.
    spare: Vec<String>,
    /// Paths of files that no checkpoint of this start lists, which one that is damaged may need.
    strays: Vec<String>,
    reclaimed_count: u64,
    written: WrittenStatus,
    /// Up to where the device was told that a file is being read from its begin to its end.
    hinted: Option<(FileId, u64)>,
}

impl Store {
    /// An empty store of a data directory of this lineage.
    pub fn new(settings: Settings, lineage: Lineage) -> Self {
        Self {
            settings,
            lineage,
            places: Places::default(),
            files: Files::default(),
            cache: TailCache::new(settings.tail_cache_bytes),
            kept: Kept::default(),
            buckets: BTreeMap::new(),
            next_output: OutputId::new(1),
            pool: Vec::new(),
            spare: Vec::new(),
            strays: Vec::new(),
            reclaimed_count: 0,
            written: WrittenStatus::default(),
            hinted: None,
        }
    }

    /// Takes over the payloads of a frame that was just given its place: those of the messages
    /// from `first_seq` on.
    pub fn written(&mut self, place: &FramePlace, first_seq: Seq, payloads: Vec<Payload>) {
        let id = FileId::Segment(place.segment);
        let last_lsn = Lsn::new(place.first_lsn.get() + u64::from(place.record_count) - 1);
        if let Some(info) = self.files.by_id.get_mut(&id) {
            info.needed_to = last_lsn;
        } else {
            let (file, bytes) = (Arc::clone(&place.file), self.settings.segment_bytes);
            self.files.insert(id, StoredInfo::new(file, bytes, place.salt, last_lsn));
        }
        let mut offset = place.bodies_offset;
        let slots = payloads.iter().map(|payload| {
            let slot = Slot::new(offset, payload.stored_bytes(), payload.crc);
            offset += payload.stored_bytes();
            slot
        });
        self.places.extend(id, first_seq, slots);
        for payload in &payloads {
            self.files.came(id, payload.stored_bytes());
        }
        self.cache.extend(first_seq, payloads);
        self.written.frame_bytes += place.frame_bytes;
    }

    /// Messages that are gone for good.
    pub fn gone(&mut self, seqs: &[Seq]) {
        for seq in seqs {
            if let Some((file, length)) = self.places.gone(*seq) {
                self.files.left(file, length);
            }
        }
    }

    /// A message's payload; `None` if the message is not there.
    pub fn body(&self, seq: Seq) -> Option<BodyRef> {
        let (id, slot) = self.places.place(seq)?;
        if let Some(payload) = self.cache.get(seq) {
            return Some(BodyRef::Cached(payload.clone()));
        }
        let file = Arc::clone(&self.files.by_id.get(&id)?.file);
        let (offset, length, crc) = (u64::from(slot.offset), slot.length, slot.crc);
        Some(BodyRef::Stored(Place { file, offset, length, crc }))
    }

    /// A message is being received: whoever drains a deep queue will soon want what lies behind it,
    /// which is read ahead of him.
    pub fn hint(&mut self, seq: Seq) {
        let Some((id, slot)) = self.places.place(seq) else { return };
        let offset = u64::from(slot.offset);
        let is_hinted = |(file, to): (FileId, u64)| {
            file == id && offset + READ_AHEAD_BYTES / 2 < to && offset + 2 * READ_AHEAD_BYTES > to
        };
        if self.hinted.is_some_and(is_hinted) || self.cache.get(seq).is_some() {
            return;
        }
        let offset = match self.hinted {
            Some((file, to)) if file == id && offset < to && offset + READ_AHEAD_BYTES > to => to,
            _ => offset,
        };
        if let Some(info) = self.files.by_id.get(&id) {
            // A hint: without it the bytes are only read later.
            let _ = info.file.will_need(offset, READ_AHEAD_BYTES);
            self.hinted = Some((id, offset + READ_AHEAD_BYTES));
        }
    }

    /// A footer was written, of so many bytes.
    pub fn footer_written(&mut self, bytes: u64) {
        self.written.footer_bytes += bytes;
    }

    /// A segment was prepared with so many zeros.
    pub fn zeros_written(&mut self, bytes: u64) {
        self.written.zero_bytes += bytes;
    }

    /// What was written since the start.
    pub fn written_status(&self) -> WrittenStatus {
        self.written
    }

    /// What lies on the disk.
    pub fn files_status(&self) -> FilesStatus {
        FilesStatus { reclaimed_count: self.reclaimed_count, ..self.files.status() }
    }

    /// The checkpoints that count: the newest and the one before.
    pub fn checkpoints(&self) -> (Option<CheckpointStatus>, Option<CheckpointStatus>) {
        let status = |kept: &kept::KeptCheckpoint| kept.status;
        (self.kept.newest().map(status), self.kept.older().map(status))
    }
}
