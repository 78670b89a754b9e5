//! The writer: a machine without threads. Its owner steps it and runs its jobs where it likes.
//!
//! **Invariant**: a frame is planned only once the sync of the one before has returned, so a valid
//! frame on the disk proves that all before it are durable. A failed write or sync is final.

use std::{collections::VecDeque, io, sync::Arc, time::Duration};

use bytes::Bytes;

use crate::{disk::File, types::Lsn};

use super::{
    Draft, Footer, FooterEntry, FramePlace, LogError, PrepareJob, Prepared, SealJob, SegmentId,
    Settings, WriteJob,
    encode::{EncodedFrame, encode},
    footer::{encode_footer, footer_bytes},
    header::{HEADER_PAGE_BYTES, SegmentHeader},
    le::folded,
    position::{Chain, Position},
};

/// Appends frames.
pub struct Writer {
    settings: Settings,
    /// Behind the last frame that was planned.
    chain: Chain,
    durable_lsn: Lsn,
    /// `None` until the first frame after a start: what was found active stays as it is.
    active: Option<Active>,
    standby: VecDeque<Prepared>,
    /// The id for the next segment to prepare.
    next_segment: SegmentId,
    preparing: bool,
    under_way: Option<UnderWay>,
    seals: VecDeque<SealJob>,
    /// The end of the last frame that was planned.
    position: Option<Position>,
    /// Whether the last durable frame was no tick.
    unproved: bool,
    poisoned: bool,
}

/// The segment that is written to.
struct Active {
    header: SegmentHeader,
    file: Arc<dyn File>,
    /// Where the next frame begins, in bytes.
    end: u64,
    entries: Vec<FooterEntry>,
    /// What the footer will say of the frames' messages.
    summaries: Vec<u8>,
    /// Whether the next frame is to begin another segment.
    is_closed: bool,
}

/// The frame whose sync has not returned.
struct UnderWay {
    segment: SegmentId,
    entry: FooterEntry,
    record_count: u32,
    written_bytes: u64,
    tick: bool,
    /// The segment before, if the frame is the first of its own.
    full: Option<Active>,
}

/// A frame that was planned.
pub struct Appended {
    /// To be run once; its outcome goes to [`Writer::synced`].
    pub job: WriteJob,
    /// Where the frame will lie.
    pub place: FramePlace,
}

/// What one sync made durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SyncReport {
    /// LSN of the last record that is durable.
    pub durable_lsn: Lsn,
    /// How many records the sync made durable.
    pub record_count: u32,
    /// Length of the frame, in bytes.
    pub frame_bytes: u64,
    /// What was written, in bytes: the frame, and with the first of a segment its header.
    pub written_bytes: u64,
    /// How long write and sync took.
    pub took: Duration,
    /// Whether the frame is the first of its segment.
    pub rolled: bool,
}

impl Writer {
    /// A writer that goes on behind `chain`, in the first of the prepared segments.
    pub(super) fn new(
        settings: Settings,
        chain: Chain,
        standby: VecDeque<Prepared>,
        next_segment: SegmentId,
    ) -> Self {
        Self {
            settings,
            chain,
            durable_lsn: Lsn::new(chain.next_lsn.get() - 1),
            active: None,
            standby,
            next_segment,
            preparing: false,
            under_way: None,
            seals: VecDeque::new(),
            position: None,
            unproved: false,
            poisoned: false,
        }
    }

    /// Largest frame that [`Writer::append`] takes, in bytes as [`Draft::frame_bytes`] counts them.
    pub fn frame_bytes_max(&self) -> u64 {
        self.settings.frame_bytes_max()
    }

    /// LSN of the first record of the next frame.
    pub fn next_lsn(&self) -> Lsn {
        self.chain.next_lsn
    }

    /// LSN of the last record that is durable; 0 if none is.
    pub fn durable_lsn(&self) -> Lsn {
        self.durable_lsn
    }

    /// The end of the last frame that was planned; `None` before the first frame after a start.
    /// It is durable once [`Writer::durable_lsn`] has reached its LSN.
    pub fn position(&self) -> Option<Position> {
        self.position
    }

    /// The segment that is written to; `None` before the first frame after a start.
    pub fn active_segment(&self) -> Option<SegmentId> {
        self.active.as_ref().map(|active| active.header.id)
    }

    /// How many prepared segments wait.
    pub fn standby_count(&self) -> usize {
        self.standby.len()
    }

    /// Lets the next frame begin a new segment, or the first one that has a prepared segment to
    /// begin in: for a backup, and for a checkpoint while the disk is nearly full.
    pub fn roll_next(&mut self) {
        if let Some(active) = &mut self.active {
            active.is_closed = true;
        }
    }

    /// Whether a frame of at most so many bytes, with a summary of at most so many for the footer,
    /// can be appended: none is under way, and there is a place for it.
    pub fn ready(&self, frame_bytes: u64, summary_bytes: u64) -> bool {
        let idle = !self.poisoned && self.under_way.is_none();
        idle && (self.active_takes(frame_bytes, summary_bytes) || !self.standby.is_empty())
    }

    /// How many bytes a frame without a message may have in the active segment.
    pub fn active_room(&self) -> u64 {
        let Some(active) = &self.active else { return 0 };
        let footer = footer_bytes(active.entries.len() + 1, active.summaries.len() as u64);
        active.header.segment_bytes.saturating_sub(active.end + footer).min(self.frame_bytes_max())
    }

    /// Whether the frame, and then the footer that the segment would need, have a place in the
    /// active segment (R3), and no new one was asked for.
    fn active_takes(&self, frame_bytes: u64, summary_bytes: u64) -> bool {
        self.active.as_ref().is_some_and(|active| {
            let summaries_bytes = active.summaries.len() as u64 + summary_bytes;
            let footer = footer_bytes(active.entries.len() + 1, summaries_bytes);
            let is_to_roll = active.is_closed && !self.standby.is_empty();
            !is_to_roll && active.end + frame_bytes + footer <= active.header.segment_bytes
        })
    }

    /// Plans the next frame: takes its place and its LSNs.
    ///
    /// # Panics
    ///
    /// Without [`Writer::ready`], without a record, and for a frame or a summary beyond
    /// [`Writer::frame_bytes_max`]: those are faults of the caller.
    pub fn append(&mut self, mut draft: Draft) -> Appended {
        let (bound, summary) = (draft.frame_bytes(), std::mem::take(&mut draft.summary));
        let summary_bytes = summary.len() as u64;
        let bytes_max = self.frame_bytes_max();
        assert!(bound.max(summary_bytes) <= bytes_max, "a frame is within its limit");
        assert!(self.ready(bound, summary_bytes), "append is asked only when the writer is ready");
        let full = if self.active_takes(bound, summary_bytes) { None } else { self.roll() };
        let first_of_segment = self.active.as_ref().is_some_and(|active| active.entries.is_empty());
        let active = self.active.as_mut().expect("the writer was ready");
        let tick = draft.tick;
        let EncodedFrame { header, mut chunks } =
            encode(draft, active.end, active.header.salt, self.chain);
        assert!(u64::from(header.frame_bytes) <= bound, "the bound holds");
        let entry = header.entry(active.end, summary.len());
        let mut offset = active.end;
        if first_of_segment {
            chunks.insert(0, Bytes::from(active.header.encode()));
            offset = 0;
        }
        active.entries.push(entry);
        active.summaries.extend_from_slice(&summary);
        active.end += u64::from(header.frame_bytes);
        self.chain = header.chain_after();
        self.position = Some(Position {
            lsn: Lsn::new(self.chain.next_lsn.get() - 1),
            segment: active.header.id,
            offset: active.end,
            crc: header.crc,
        });
        let place = FramePlace {
            segment: active.header.id,
            file: Arc::clone(&active.file),
            offset: entry.offset,
            frame_bytes: u64::from(header.frame_bytes),
            first_lsn: header.first_lsn,
            record_count: header.record_count,
            salt: active.header.salt,
            bodies_offset: entry.offset + header.bodies_at(),
        };
        self.under_way = Some(UnderWay {
            segment: active.header.id,
            entry,
            record_count: header.record_count,
            written_bytes: chunks.iter().map(|chunk| chunk.len() as u64).sum(),
            tick,
            full,
        });
        Appended { job: WriteJob { file: Arc::clone(&active.file), offset, chunks }, place }
    }

    /// Takes the next prepared segment into use; returns the one before.
    fn roll(&mut self) -> Option<Active> {
        let Prepared { mut header, file } = self.standby.pop_front()?;
        header.opening = Some(self.chain);
        let (entries, summaries) = (Vec::new(), Vec::new());
        let end = HEADER_PAGE_BYTES as u64;
        self.active.replace(Active { header, file, end, entries, summaries, is_closed: false })
    }

    /// Takes the outcome of the job of the frame under way, with how long it took. An error is
    /// final: nothing is durable beyond what was, and every later call refuses.
    ///
    /// # Panics
    ///
    /// If no frame is under way: that is a fault of the caller.
    pub fn synced(&mut self, result: io::Result<Duration>) -> Result<SyncReport, LogError> {
        if self.poisoned {
            return Err(LogError::Poisoned);
        }
        let frame = self.under_way.take().expect("a frame was appended and is not synced");
        let took = result.map_err(|source| {
            self.poisoned = true;
            LogError::SyncFailed {
                path: frame.segment.path(),
                offset: frame.entry.offset,
                lsn: frame.entry.first_lsn,
                source,
            }
        })?;
        self.durable_lsn = Lsn::new(self.chain.next_lsn.get() - 1);
        self.unproved = !frame.tick;
        if let Some(full) = frame.full {
            self.seals.push_back(seal(full, frame.entry.first_lsn));
        }
        Ok(SyncReport {
            durable_lsn: self.durable_lsn,
            record_count: frame.record_count,
            frame_bytes: u64::from(frame.entry.frame_bytes),
            written_bytes: frame.written_bytes,
            took,
            rolled: frame.entry.offset == HEADER_PAGE_BYTES as u64,
        })
    }

    /// Whether a further segment should be prepared now.
    pub fn wants_segment(&self) -> bool {
        let wanted = self.settings.standby_count + usize::from(self.active.is_none());
        !self.poisoned && !self.preparing && self.standby.len() < wanted
    }

    /// The job that prepares a further segment, if one is wanted; its outcome goes to
    /// [`Writer::prepared`]. The salt is random.
    ///
    /// A segment that nothing needs any more (R18) gives its file for it, if it is given here.
    /// From then on it is gone, whatever becomes of the job.
    pub fn prepare(&mut self, salt: u64, reuse: Option<SegmentId>) -> Option<PrepareJob> {
        if !self.wants_segment() {
            return None;
        }
        let in_use = self.active.iter().map(|active| &active.header);
        let mut own = in_use.chain(self.standby.iter().map(|prepared| &prepared.header));
        debug_assert!(own.all(|header| Some(header.id) != reuse), "only the dead are reused");
        self.preparing = true;
        let header = blank_header(&self.settings, self.next_segment, salt);
        Some(PrepareJob { header, reuse })
    }

    /// Takes the outcome of a [`PrepareJob`]. After an error the next [`Writer::prepare`] tries
    /// again; how soon is the owner's to choose.
    pub fn prepared(&mut self, result: io::Result<Prepared>) {
        self.preparing = false;
        if let Ok(prepared) = result {
            self.next_segment = prepared.header.id.next();
            self.standby.push_back(prepared);
        }
    }

    /// The footer of a full segment, to be written in the background.
    pub fn seal(&mut self) -> Option<SealJob> {
        if self.poisoned { None } else { self.seals.pop_front() }
    }

    /// Whether the last durable frame is not a tick and no later frame proves it yet: an idle
    /// owner then appends a tick.
    pub fn unproved(&self) -> bool {
        self.unproved
    }
}

/// The header of a segment that is not in use.
pub(super) fn blank_header(settings: &Settings, id: SegmentId, salt: u64) -> SegmentHeader {
    SegmentHeader {
        salt: folded(salt),
        id,
        lineage: settings.lineage,
        segment_bytes: settings.segment_bytes,
        opening: None,
    }
}

fn seal(full: Active, next_lsn: Lsn) -> SealJob {
    let Active { header, file, end, entries, summaries, .. } = full;
    let footer = Footer { entries, summaries: summaries.into(), next_lsn };
    let footer = encode_footer(&footer, header.salt);
    let offset = header.segment_bytes - footer.len() as u64;
    debug_assert!(offset >= end, "the writer rolled before the footer's place");
    SealJob { segment: header.id, file, offset, footer }
}
