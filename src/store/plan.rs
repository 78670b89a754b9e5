//! Which files are worth a compaction.

use roaring::RoaringTreemap;

use super::{Store, compaction::CompactionPlan, files::StoredInfo, kept::KeptCheckpoint};
use crate::{
    log::{FileId, SegmentId},
    types::Lsn,
};

/// The most files that one compaction reads.
const SOURCES_MAX: usize = 64;
/// How often a message is copied in its life, unless an operator asks for more.
const GENERATION_MAX: u8 = 3;
/// So many outputs that are small are put together.
const SMALL_COUNT: usize = 16;
/// An output of less than this part of a segment is small.
const SMALL_SHARE: u64 = 8;

/// Which files a compaction may copy: in young ones messages are still dying.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Worth {
    /// Those older than the older checkpoint.
    BehindOlder,
    /// Those older than the newest, which has aged.
    BehindNewest,
    /// Those too, and every one that is less than half live, whatever the others are.
    All,
}

impl Store {
    /// What to copy next: files that are less than half live, if all files together are, and
    /// outputs that are many and small.
    pub fn plan_compaction(
        &mut self,
        salt: u64,
        worth: Worth,
        active: Option<SegmentId>,
    ) -> Option<CompactionPlan> {
        let (sources, generation) = self.sources(worth, active)?;
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

    fn sources(&self, worth: Worth, active: Option<SegmentId>) -> Option<(Vec<FileId>, u8)> {
        let forced = worth == Worth::All;
        let settled = self.settled(worth, active)?;
        let all =
            |of: fn(&StoredInfo) -> u64| settled.iter().map(|(_, info)| of(info)).sum::<u64>();
        let (bytes, live_bytes) = (all(|info| info.bytes), all(|info| info.live_bytes));
        if forced || bytes > live_bytes * 2 + self.settings.segment_bytes {
            let may = |info: &StoredInfo| forced || info.generation < GENERATION_MAX;
            let is_worth_it = |info: &StoredInfo| info.is_sparse() && may(info);
            let mut sparse: Vec<_> =
                settled.iter().copied().filter(|(_, info)| is_worth_it(info)).collect();
            // The files that give back the most for what is copied come first.
            sparse.sort_by_key(|(_, info)| info.live_bytes * 1024 / info.bytes.max(1));
            let chosen = self.first_of(&sparse);
            // A small output is not worth another.
            let is_vain = matches!(chosen[..], [(FileId::Output(_), info)] if self.is_small(info));
            if !chosen.is_empty() && (forced || !is_vain) {
                return Some(named(&chosen));
            }
        }
        let is_small = |id: FileId, info: &StoredInfo| {
            matches!(id, FileId::Output(_))
                && self.is_small(info)
                && info.generation < GENERATION_MAX
        };
        let small: Vec<_> = settled.into_iter().filter(|(id, info)| is_small(*id, info)).collect();
        (small.len() >= SMALL_COUNT).then(|| named(&self.first_of(&small)))
    }

    /// Files with live messages that are not written to and have come to rest.
    fn settled(
        &self,
        worth: Worth,
        active: Option<SegmentId>,
    ) -> Option<Vec<(FileId, &StoredInfo)>> {
        let by = match worth {
            Worth::BehindOlder => self.kept.older(),
            Worth::BehindNewest | Worth::All => self.kept.newest(),
        };
        let to: Lsn = by.map(KeptCheckpoint::lsn)?;
        let is_settled = |id: FileId, info: &StoredInfo| {
            let is_quiet = !is_written_to(id, active) && !info.is_unfit;
            is_quiet && info.live_count > 0 && info.needed_to <= to
        };
        let files = self.files.by_id.iter().map(|(id, info)| (*id, info));
        Some(files.filter(|(id, info)| is_settled(*id, info)).collect())
    }

    fn is_small(&self, info: &StoredInfo) -> bool {
        info.bytes * SMALL_SHARE < self.settings.segment_bytes
    }

    /// As many of these files as one output has room for, one at least: it may be of a time when
    /// segments were larger.
    fn first_of<'a>(&self, files: &[(FileId, &'a StoredInfo)]) -> Vec<(FileId, &'a StoredInfo)> {
        let mut bytes = 0;
        let fits = |(_, info): &&(FileId, &StoredInfo)| {
            let is_first = bytes == 0;
            bytes += info.live_bytes;
            is_first || bytes <= self.settings.output_bytes
        };
        files.iter().take(SOURCES_MAX).take_while(fits).copied().collect()
    }
}

fn named(files: &[(FileId, &StoredInfo)]) -> (Vec<FileId>, u8) {
    let generation = files.iter().map(|(_, info)| info.generation).max().unwrap_or_default();
    (files.iter().map(|(id, _)| *id).collect(), generation)
}

/// Whether a file is the segment that is written to, or behind it.
pub(super) fn is_written_to(id: FileId, active: Option<SegmentId>) -> bool {
    matches!(id, FileId::Segment(segment) if active.is_some_and(|active| segment >= active))
}
