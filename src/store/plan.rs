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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::{
        disk::{Disk, SimDisk},
        log::Position,
        store::{Manifest, Settings},
        types::{CheckpointStatus, Lineage, OutputId, Timestamp},
    };

    const SEGMENT_BYTES: u64 = 1000;

    /// A store with two checkpoints: at 100 and at 200.
    fn store() -> Store {
        let settings = Settings {
            tail_cache_bytes: 0,
            segment_bytes: SEGMENT_BYTES,
            output_bytes: 750,
            pool_count_max: 0,
        };
        let mut store = Store::new(settings, Lineage([1; 16]));
        for lsn in [100, 200].map(Lsn::new) {
            let (segment, next_output) = (SegmentId::new(50), OutputId::new(1));
            let position = Position { lsn, segment, offset: 64, crc: 1 };
            let (at, files, buckets) = (Timestamp::ZERO, BTreeMap::new(), Vec::new());
            let manifest = Manifest { position, at, next_output, files, buckets };
            let status = CheckpointStatus { lsn, ..CheckpointStatus::default() };
            store.kept.push(KeptCheckpoint::new(&manifest, status));
        }
        store
    }

    fn segment(id: u64) -> FileId {
        FileId::Segment(SegmentId::new(id))
    }

    fn output(id: u64) -> FileId {
        FileId::Output(OutputId::new(id))
    }

    /// A file with so many bytes, so many of them live, that was done with at this LSN.
    fn add(store: &mut Store, id: FileId, (bytes, live_bytes): (u64, u64), needed_to: u64) {
        let file = SimDisk::new().create("file").expect("there is space");
        let info = StoredInfo::new(file, bytes, 1, Lsn::new(needed_to));
        store.files.insert(id, info);
        if live_bytes > 0 {
            store.files.came(id, live_bytes);
        }
    }

    fn copied(store: &mut Store, id: FileId, generation: u8) {
        store.files.by_id.get_mut(&id).expect("it is there").generation = generation;
    }

    fn sources(store: &Store, worth: Worth) -> Option<Vec<FileId>> {
        store.sources(worth, Some(SegmentId::new(9))).map(|(sources, _)| sources)
    }

    #[test]
    fn files_are_copied_when_more_than_a_segment_beyond_twice_the_live_bytes_is_there() {
        let mut store = store();
        for id in 1..=3 {
            add(&mut store, segment(id), (SEGMENT_BYTES, 334), id);
        }
        // 3000 bytes, of which 1002 are live, and one segment.
        assert_eq!(sources(&store, Worth::BehindOlder), None);
        store.files.left(segment(3), 334);
        add(&mut store, segment(4), (SEGMENT_BYTES, 332), 4);
        assert_eq!(sources(&store, Worth::BehindOlder), None, "3000 bytes, 1000 live: not beyond");
        store.files.left(segment(4), 332);
        add(&mut store, segment(5), (SEGMENT_BYTES, 331), 5);
        let all = [segment(5), segment(1)];
        assert_eq!(sources(&store, Worth::BehindOlder).expect("it is worth it"), all);
    }

    #[test]
    fn the_sparsest_come_first_and_one_output_has_room_for_them() {
        let mut store = store();
        for (id, live) in [(1, 400), (2, 300), (3, 90), (4, 360), (5, 600)] {
            add(&mut store, segment(id), (SEGMENT_BYTES, live), id);
        }
        add(&mut store, segment(6), (SEGMENT_BYTES, 100), 6);
        let chosen = store.sources(Worth::All, None);
        // 90, 100 and 300, and 360 more would be 850; of the fifth more than half lives.
        assert_eq!(chosen, Some((vec![segment(3), segment(6), segment(2)], 0)));
        let mut large = self::store();
        add(&mut large, segment(1), (4000, 1900), 1);
        add(&mut large, segment(2), (4000, 1950), 2);
        assert_eq!(sources(&large, Worth::All), Some(vec![segment(1)]), "one at least");
    }

    #[test]
    fn only_files_at_rest_are_copied() {
        let mut store = store();
        add(&mut store, segment(1), (SEGMENT_BYTES, 10), 100);
        add(&mut store, segment(2), (SEGMENT_BYTES, 20), 101);
        add(&mut store, segment(3), (SEGMENT_BYTES, 30), 200);
        add(&mut store, segment(4), (SEGMENT_BYTES, 40), 201);
        add(&mut store, segment(5), (SEGMENT_BYTES, 0), 1);
        add(&mut store, segment(6), (SEGMENT_BYTES, 50), 1);
        add(&mut store, segment(9), (SEGMENT_BYTES, 60), 1);
        store.mark_unfit(segment(6));
        assert_eq!(sources(&store, Worth::BehindOlder), None, "1000 bytes are no more than one");
        let old = [segment(1), segment(2), segment(3)].to_vec();
        assert_eq!(sources(&store, Worth::BehindNewest), Some(old.clone()));
        assert_eq!(sources(&store, Worth::All), Some(old));
    }

    #[test]
    fn a_message_is_copied_three_times_unless_an_operator_asks() {
        let mut store = store();
        for id in 1..=3 {
            add(&mut store, segment(id), (SEGMENT_BYTES, 10 * id), id);
            copied(&mut store, segment(id), u8::try_from(id).expect("it is small") + 1);
        }
        assert_eq!(
            store.sources(Worth::BehindOlder, None),
            Some((vec![segment(1)], 2)),
            "the others were copied three times and more"
        );
        let all = vec![segment(1), segment(2), segment(3)];
        assert_eq!(store.sources(Worth::All, None), Some((all, 4)));
    }

    #[test]
    fn a_small_output_alone_is_not_worth_a_copy_and_sixteen_are() {
        let mut store = store();
        add(&mut store, segment(1), (4 * SEGMENT_BYTES, 2500), 1);
        add(&mut store, output(1), (124, 50), 1);
        assert_eq!(sources(&store, Worth::BehindOlder), None, "half of all of it lives");
        add(&mut store, segment(2), (8 * SEGMENT_BYTES, 4000), 2);
        copied(&mut store, segment(2), 3);
        // Now it does not, but the output is the only one to copy.
        assert_eq!(sources(&store, Worth::BehindOlder), None);
        assert_eq!(sources(&store, Worth::All), Some(vec![output(1)]));
        for id in 2..=15 {
            add(&mut store, output(id), (124, 100), 1);
        }
        // Not small, and copied too often.
        add(&mut store, output(16), (125, 100), 1);
        add(&mut store, output(17), (124, 100), 1);
        copied(&mut store, output(17), 3);
        assert_eq!(sources(&store, Worth::BehindOlder), None, "fifteen");
        add(&mut store, output(18), (124, 100), 1);
        let few = sources(&store, Worth::BehindOlder).expect("there are sixteen");
        assert_eq!(few, (1..=8).map(output).collect::<Vec<_>>(), "750 bytes of them");
    }

    #[test]
    fn what_gives_back_the_most_for_what_is_copied_comes_first_though_more_of_it_lives() {
        let mut store = store();
        add(&mut store, segment(1), (1000, 400), 1);
        add(&mut store, segment(2), (4000, 500), 2);
        assert_eq!(sources(&store, Worth::All), Some(vec![segment(2)]));
    }
}
