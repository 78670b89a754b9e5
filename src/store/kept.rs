//! Which checkpoints count, and which files they let go of (R17 and R18 of the log's rules).

use std::collections::BTreeSet;

use super::{checkpoint::Manifest, detail::KeptBy, pins::Pin};
use crate::{
    log::{FileId, SegmentId},
    types::{CheckpointStatus, Lsn},
};

/// A checkpoint that was read back and counts.
#[derive(Clone, Debug)]
pub(super) struct KeptCheckpoint {
    pub(super) status: CheckpointStatus,
    /// The files that a start from it needs.
    pub(super) needs: BTreeSet<FileId>,
    /// The segment that a replay from it begins in.
    segment: SegmentId,
    /// The checkpoints in whose files its deduplication ids lie.
    pub(super) bucket_files: BTreeSet<Lsn>,
}

/// The checkpoints that count, the newest last; at most two.
#[derive(Clone, Debug, Default)]
pub(super) struct Kept {
    checkpoints: Vec<KeptCheckpoint>,
    /// What backups keep beside them.
    pub(super) pins: Vec<Pin>,
}

impl KeptCheckpoint {
    pub(super) fn new(manifest: &Manifest, status: CheckpointStatus) -> Self {
        let ids = manifest.files.keys().copied();
        Self {
            status,
            needs: ids.filter(|id| manifest.needs(*id)).collect(),
            segment: manifest.position.segment,
            bucket_files: manifest.buckets.iter().map(|bucket| bucket.file).collect(),
        }
    }

    pub(super) fn lsn(&self) -> Lsn {
        self.status.lsn
    }

    /// Whether a replay from it looks for this file.
    pub(super) fn replays(&self, id: FileId) -> bool {
        matches!(id, FileId::Segment(segment) if segment >= self.segment)
    }
}

impl Kept {
    /// A checkpoint counts from now on; the one that does not any more.
    pub(super) fn push(&mut self, checkpoint: KeptCheckpoint) -> Option<KeptCheckpoint> {
        self.checkpoints.push(checkpoint);
        (self.checkpoints.len() > 2).then(|| self.checkpoints.remove(0))
    }

    pub(super) fn newest(&self) -> Option<&KeptCheckpoint> {
        self.checkpoints.last()
    }

    /// The older of two.
    pub(super) fn older(&self) -> Option<&KeptCheckpoint> {
        let before_last = self.checkpoints.len().checked_sub(2)?;
        self.checkpoints.get(before_last)
    }

    /// Whether a start may need a file that has no live message now. `needed_to` is the last LSN in
    /// it, or that of the record that switched to it.
    ///
    /// Of the segments behind a checkpoint's own, those that hold nothing are needed too, as when
    /// the first frame of one was torn: a replay that finds a segment missing cannot know what it
    /// held. *(s6 torn, its successor in use, s6 given back, kill: the start from a checkpoint in
    /// s5 would be refused.)*
    pub(super) fn needs(&self, id: FileId, needed_to: Lsn) -> bool {
        // From a checkpoint that a backup copies nothing is replayed here.
        self.is_pinned(id) || self.kept_by(id, needed_to).next().is_some()
    }

    /// Why a start may need a file, beside messages that are there now: nothing if it does not.
    /// With fewer than two checkpoints one may have to read the log from its first record.
    pub(super) fn kept_by(
        &self,
        id: FileId,
        needed_to: Lsn,
    ) -> impl Iterator<Item = KeptBy> + use<> {
        let is_listed = |kept: Option<&KeptCheckpoint>| kept.is_some_and(|k| k.needs.contains(&id));
        let is_behind =
            self.older().is_some_and(|older| older.replays(id) || needed_to > older.lsn());
        let behind = match id {
            FileId::Segment(_) => KeptBy::LogAfterOlder,
            FileId::Output(_) => KeptBy::SwitchRecord,
        };
        let reasons = [
            (is_listed(self.newest()), KeptBy::NewestCheckpoint),
            (is_listed(self.older()), KeptBy::OlderCheckpoint),
            (is_behind, behind),
            (self.older().is_none(), KeptBy::TooFewCheckpoints),
        ];
        reasons.into_iter().filter(|(holds, _)| *holds).map(|(_, reason)| reason)
    }

    /// Whether a backup copies a file.
    pub(super) fn is_pinned(&self, id: FileId) -> bool {
        self.pins.iter().any(|pin| pin.checkpoint.needs.contains(&id))
    }

    /// Whether a checkpoint counts, or is pinned.
    pub(super) fn has(&self, lsn: Lsn) -> bool {
        self.all().any(|checkpoint| checkpoint.lsn() == lsn)
    }

    /// Whether a kept checkpoint has its deduplication ids in the file of this one.
    pub(super) fn needs_buckets_of(&self, lsn: Lsn) -> bool {
        self.all().any(|checkpoint| checkpoint.bucket_files.contains(&lsn))
    }

    /// Those that count, and those that are pinned.
    fn all(&self) -> impl Iterator<Item = &KeptCheckpoint> {
        self.checkpoints.iter().chain(self.pins.iter().map(|pin| &pin.checkpoint))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use roaring::RoaringTreemap;

    use super::*;
    use crate::{
        log::{Position, SegmentId},
        store::checkpoint::ListedFile,
        types::{OutputId, Timestamp},
    };

    fn segment(id: u64) -> FileId {
        FileId::Segment(SegmentId::new(id))
    }

    /// A checkpoint at `lsn`, in segment 9, with a live message in each of these segments.
    fn checkpoint(lsn: u64, live: &[u64]) -> KeptCheckpoint {
        let listed = |id: &u64| {
            let (bytes, needed_to) = (4096, Lsn::new(*id));
            let live = RoaringTreemap::from_iter([*id]);
            (segment(*id), ListedFile { salt: 1, bytes, generation: 0, needed_to, live })
        };
        let segment = SegmentId::new(9);
        let position = Position { lsn: Lsn::new(lsn), segment, offset: 4096, crc: 0 };
        let manifest = Manifest {
            position,
            at: Timestamp::ZERO,
            next_output: OutputId::new(1),
            files: live.iter().map(listed).collect::<BTreeMap<_, _>>(),
            buckets: Vec::new(),
        };
        KeptCheckpoint::new(
            &manifest,
            CheckpointStatus { lsn: Lsn::new(lsn), ..CheckpointStatus::default() },
        )
    }

    #[test]
    fn with_fewer_than_two_checkpoints_everything_is_needed() {
        let mut kept = Kept::default();
        assert!(kept.needs(segment(1), Lsn::new(1)));
        kept.push(checkpoint(100, &[]));
        assert!(kept.needs(segment(1), Lsn::new(1)));
        kept.push(checkpoint(200, &[]));
        assert!(!kept.needs(segment(1), Lsn::new(1)));
    }

    #[test]
    fn a_file_that_the_older_one_lists_is_kept_for_it() {
        let mut kept = Kept::default();
        kept.push(checkpoint(100, &[1]));
        kept.push(checkpoint(200, &[]));
        assert!(kept.needs(segment(1), Lsn::new(1)), "the newer may be damaged");
        let dropped = kept.push(checkpoint(300, &[]));
        assert_eq!(dropped.map(|dropped| dropped.lsn()), Some(Lsn::new(100)));
        assert!(!kept.needs(segment(1), Lsn::new(1)));
    }

    #[test]
    fn a_file_with_an_lsn_behind_the_older_one_is_kept_for_its_replay() {
        let mut kept = Kept::default();
        kept.push(checkpoint(100, &[]));
        kept.push(checkpoint(200, &[]));
        assert!(!kept.needs(segment(1), Lsn::new(100)));
        assert!(kept.needs(segment(1), Lsn::new(101)));
    }

    #[test]
    fn a_segment_behind_a_checkpoint_is_kept_though_its_only_frame_was_torn() {
        let mut kept = Kept::default();
        kept.push(checkpoint(100, &[]));
        kept.push(checkpoint(200, &[]));
        assert!(kept.needs(segment(10), Lsn::new(0)), "a replay from segment 9 would miss it");
        assert!(!kept.needs(segment(8), Lsn::new(0)));
    }

    #[test]
    fn only_the_files_that_a_kept_checkpoint_has_ids_in_are_needed_for_them() {
        let mut kept = Kept::default();
        let mut older = checkpoint(100, &[]);
        older.bucket_files.insert(Lsn::new(50));
        kept.push(older);
        kept.push(checkpoint(200, &[]));
        assert!(kept.needs_buckets_of(Lsn::new(50)));
        assert!(!kept.needs_buckets_of(Lsn::new(100)));
        kept.push(checkpoint(300, &[]));
        assert!(!kept.needs_buckets_of(Lsn::new(50)), "the older one counts no more");
    }
}
