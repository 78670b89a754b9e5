//! From a seq to the place of its payload, and which messages are still there.
//!
//! Seqs are dense and are given in the order of the log, so a segment holds a *run* of them, and a
//! message's ordinal is its seq minus the run's first: 12 bytes a message, and one bit that says
//! whether it is live. Of a run whose messages were compacted only the survivors have a place,
//! each in some output. A run without a live message is dropped.

use std::{collections::BTreeMap, sync::Arc};

use roaring::RoaringBitmap;

use crate::{log::FileId, types::Seq};

/// Where one payload lies in its file. A file is at most 1 GiB, so that an offset fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slot {
    pub(super) offset: u32,
    pub(super) length: u32,
    pub(super) crc: u32,
}

/// One survivor of a compaction.
#[derive(Clone, Copy, Debug)]
pub(super) struct Survivor {
    /// Its seq minus the run's first.
    ordinal: u32,
    file: FileId,
    slot: Slot,
}

/// Messages that follow on each other.
struct Run {
    first: Seq,
    layout: Layout,
    /// Indices into the layout.
    live: Arc<RoaringBitmap>,
}

enum Layout {
    /// All messages of a part of a segment, by ordinal.
    Dense { file: FileId, slots: Vec<Slot> },
    /// Some messages, ascending.
    Sparse(Arc<Vec<Survivor>>),
}

/// The places of all messages that are there.
#[derive(Default)]
pub(super) struct Places {
    /// Ascending and disjoint.
    runs: Vec<Run>,
}

/// One run as it was, for the background.
pub(super) struct RunSnapshot {
    first: Seq,
    live: Arc<RoaringBitmap>,
    kind: SnapshotKind,
}

enum SnapshotKind {
    Dense(FileId),
    Sparse(Arc<Vec<Survivor>>),
}

impl Slot {
    /// A slot from the numbers of a frame.
    pub(super) fn new(offset: u64, length: u64, crc: u32) -> Self {
        let small = |number: u64| u32::try_from(number).expect("a file is at most 1 GiB");
        Self { offset: small(offset), length: small(length), crc }
    }
}

impl Places {
    /// Adds messages of a segment, the first of them `first`, all live.
    pub(super) fn extend(
        &mut self,
        file: FileId,
        first: Seq,
        slots: impl ExactSizeIterator<Item = Slot>,
    ) {
        if slots.len() == 0 {
            return;
        }
        let run = self.dense_run(file, first);
        let Layout::Dense { slots: there, .. } = &mut run.layout else { return };
        let from = index32(there.len());
        there.extend(slots);
        Arc::make_mut(&mut run.live).insert_range(from..index32(there.len()));
    }

    /// Adds one message that a start has found in a segment.
    ///
    /// One that is not live there begins no run: it may be live in an output, whose run would be
    /// hidden behind this one.
    pub(super) fn push_dense(&mut self, file: FileId, seq: Seq, slot: Slot, is_live: bool) {
        if !is_live && !self.runs.last().is_some_and(|run| run.continues(file, seq)) {
            return;
        }
        let run = self.dense_run(file, seq);
        let Layout::Dense { slots, .. } = &mut run.layout else { return };
        let index = index32(slots.len());
        slots.push(slot);
        if is_live {
            Arc::make_mut(&mut run.live).insert(index);
        }
    }

    /// Adds one live message that a start has found, of a file that has few.
    pub(super) fn push_sparse(&mut self, file: FileId, seq: Seq, slot: Slot) {
        let fits = |run: &Run| {
            let within = u32::try_from(seq.get() - run.first.get()).is_ok();
            within && matches!(run.layout, Layout::Sparse(_))
        };
        if !self.runs.last().is_some_and(fits) {
            let layout = Layout::Sparse(Arc::default());
            self.runs.push(Run { first: seq, layout, live: Arc::default() });
        }
        let Some(run) = self.runs.last_mut() else { return };
        let Layout::Sparse(survivors) = &mut run.layout else { return };
        let ordinal = u32::try_from(seq.get() - run.first.get()).unwrap_or(u32::MAX);
        let survivors = Arc::make_mut(survivors);
        debug_assert!(survivors.last().is_none_or(|last| last.ordinal < ordinal), "ascending");
        Arc::make_mut(&mut run.live).insert(index32(survivors.len()));
        survivors.push(Survivor { ordinal, file, slot });
    }

    /// The run that a message of a segment belongs at the end of.
    fn dense_run(&mut self, file: FileId, seq: Seq) -> &mut Run {
        if !self.runs.last().is_some_and(|run| run.continues(file, seq)) {
            // A run that died while it was the last one was kept for its ordinals.
            self.runs.retain(|run| !run.live.is_empty());
            let layout = Layout::Dense { file, slots: Vec::new() };
            self.runs.push(Run { first: seq, layout, live: Arc::default() });
        }
        self.runs.last_mut().expect("there is one now")
    }

    /// Where a message's payload lies; `None` if the message is not there.
    pub(super) fn place(&self, seq: Seq) -> Option<(FileId, Slot)> {
        let run = &self.runs[self.run_of(seq)?];
        let index = run.index_of(seq)?;
        if !run.live.contains(index) {
            return None;
        }
        Some(run.at(index))
    }

    /// A message is gone: the file that it was in, and the length of its payload.
    pub(super) fn gone(&mut self, seq: Seq) -> Option<(FileId, u32)> {
        let at = self.run_of(seq)?;
        let is_last = at + 1 == self.runs.len();
        let run = &mut self.runs[at];
        let index = run.index_of(seq)?;
        if !Arc::make_mut(&mut run.live).remove(index) {
            return None;
        }
        let (file, slot) = run.at(index);
        if run.live.is_empty() && !is_last {
            self.runs.remove(at);
        }
        Some((file, slot.length))
    }

    /// The live messages of a file, ascending.
    pub(super) fn survivors(&self, file: FileId) -> Vec<(Seq, Slot)> {
        let mut found = Vec::new();
        for run in &self.runs {
            if matches!(&run.layout, Layout::Dense { file: of, .. } if *of != file) {
                continue;
            }
            for index in run.live.iter() {
                let (of, slot) = run.at(index);
                if of == file {
                    found.push((run.seq_of(index), slot));
                }
            }
        }
        found
    }

    /// Gives those of these messages that are live another place; what changed: for each, the file
    /// that it was in and the length of its payload. `moved` is ascending.
    pub(super) fn switch(&mut self, output: FileId, moved: &[(Seq, Slot)]) -> Vec<(FileId, u32)> {
        let mut left = Vec::new();
        let mut rest = moved;
        while let Some((seq, _)) = rest.first() {
            let Some(at) = self.run_of(*seq) else {
                rest = &rest[1..];
                continue;
            };
            let end = self.runs.get(at + 1).map_or(u64::MAX, |next| next.first.get());
            let count = rest.partition_point(|(seq, _)| seq.get() < end);
            let (of_run, behind) = rest.split_at(count);
            self.runs[at].switch(output, of_run, &mut left);
            rest = behind;
        }
        left
    }

    /// All runs as they are now; costs the same at any number of messages.
    pub(super) fn snapshot(&self) -> Vec<RunSnapshot> {
        let snapshot = |run: &Run| RunSnapshot {
            first: run.first,
            live: Arc::clone(&run.live),
            kind: match &run.layout {
                Layout::Dense { file, .. } => SnapshotKind::Dense(*file),
                Layout::Sparse(survivors) => SnapshotKind::Sparse(Arc::clone(survivors)),
            },
        };
        self.runs.iter().filter(|run| !run.live.is_empty()).map(snapshot).collect()
    }

    fn run_of(&self, seq: Seq) -> Option<usize> {
        self.runs.partition_point(|run| run.first <= seq).checked_sub(1)
    }
}

impl Run {
    /// Whether this is a run of the segment, and the message is the next in it.
    fn continues(&self, file: FileId, seq: Seq) -> bool {
        match &self.layout {
            Layout::Dense { file: of, slots } => {
                *of == file && self.first.get() + slots.len() as u64 == seq.get()
            }
            Layout::Sparse(_) => false,
        }
    }

    fn index_of(&self, seq: Seq) -> Option<u32> {
        let ordinal = u32::try_from(seq.get().checked_sub(self.first.get())?).ok()?;
        match &self.layout {
            Layout::Dense { slots, .. } => ((ordinal as usize) < slots.len()).then_some(ordinal),
            Layout::Sparse(survivors) => {
                let found = survivors.binary_search_by_key(&ordinal, |survivor| survivor.ordinal);
                found.ok().map(index32)
            }
        }
    }

    fn at(&self, index: u32) -> (FileId, Slot) {
        match &self.layout {
            Layout::Dense { file, slots } => (*file, slots[index as usize]),
            Layout::Sparse(survivors) => {
                let survivor = &survivors[index as usize];
                (survivor.file, survivor.slot)
            }
        }
    }

    fn seq_of(&self, index: u32) -> Seq {
        let ordinal = match &self.layout {
            Layout::Dense { .. } => index,
            Layout::Sparse(survivors) => survivors[index as usize].ordinal,
        };
        Seq::new(self.first.get() + u64::from(ordinal))
    }

    /// Keeps the live messages alone, those of `moved` at their new places.
    fn switch(&mut self, output: FileId, moved: &[(Seq, Slot)], left: &mut Vec<(FileId, u32)>) {
        let mut moved = moved.iter().peekable();
        let mut survivors = Vec::new();
        for index in self.live.iter() {
            let seq = self.seq_of(index);
            let (mut file, mut slot) = self.at(index);
            while moved.peek().is_some_and(|(next, _)| *next < seq) {
                moved.next();
            }
            if let Some((_, place)) = moved.next_if(|(next, _)| *next == seq) {
                left.push((file, slot.length));
                (file, slot) = (output, *place);
            }
            let ordinal = u32::try_from(seq.get() - self.first.get()).unwrap_or(u32::MAX);
            survivors.push(Survivor { ordinal, file, slot });
        }
        self.live = Arc::new((0..index32(survivors.len())).collect());
        self.layout = Layout::Sparse(Arc::new(survivors));
    }
}

impl RunSnapshot {
    /// Adds the run's live messages to the set of the file that each lies in.
    pub(super) fn add_to(&self, files: &mut BTreeMap<FileId, roaring::RoaringTreemap>) {
        let first = self.first.get();
        match &self.kind {
            SnapshotKind::Dense(file) => {
                let seqs = self.live.iter().map(|index| first + u64::from(index));
                insert_ranges(files.entry(*file).or_default(), seqs);
            }
            SnapshotKind::Sparse(survivors) => {
                for index in self.live.iter() {
                    let survivor = &survivors[index as usize];
                    let seq = first + u64::from(survivor.ordinal);
                    files.entry(survivor.file).or_default().insert(seq);
                }
            }
        }
    }
}

/// Adds ascending numbers. Most follow on each other, and a range costs what one of them does.
fn insert_ranges(set: &mut roaring::RoaringTreemap, numbers: impl Iterator<Item = u64>) {
    let mut numbers = numbers.peekable();
    while let Some(first) = numbers.next() {
        let mut last = first;
        while numbers.next_if(|next| *next - last == 1).is_some() {
            last += 1;
        }
        set.insert_range(first..=last);
    }
}

fn index32(index: usize) -> u32 {
    u32::try_from(index).expect("a file holds far less than four billion messages")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::SegmentId;

    #[test]
    fn messages_that_follow_on_each_other_in_a_segment_are_one_run() {
        let mut places = Places::default();
        let file = FileId::Segment(SegmentId::FIRST);
        let slot = Slot::new(4096, 10, 1);
        for seq in [1, 2] {
            places.extend(file, Seq::new(seq), [slot].into_iter());
        }
        places.push_dense(file, Seq::new(3), slot, false);
        places.push_dense(file, Seq::new(4), slot, true);
        assert_eq!(places.runs.len(), 1);
        let live = [1, 2, 3, 4, 5].map(|seq| places.place(Seq::new(seq)).is_some());
        assert_eq!(live, [true, true, false, true, false]);
        places.push_dense(file, Seq::new(6), slot, true);
        let other = FileId::Segment(SegmentId::new(2));
        places.push_dense(other, Seq::new(7), slot, true);
        assert_eq!(places.runs.len(), 3, "a gap and another file begin others");
    }

    #[test]
    fn numbers_are_added_range_by_range() {
        let numbers = [3, 4, 5, 9, (1 << 32) - 1, 1 << 32, (1 << 32) + 2, u64::MAX];
        let mut set = roaring::RoaringTreemap::from_iter([4, 7]);
        insert_ranges(&mut set, numbers.into_iter());
        assert_eq!(set, numbers.into_iter().chain([7]).collect());
        insert_ranges(&mut set, std::iter::empty());
        assert_eq!(set.len(), 9);
    }
}
