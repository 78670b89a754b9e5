//! A start: what is durable is found, judged and replayed, and the writer is made.
//!
//! 1. The directory is synced (R10), then every segment that may hold anything behind the
//!    checkpoint; then their cached pages are dropped (R11). Only then is anything read: what is
//!    served must be on the disk, and the cache may show what is not.
//! 2. The frames are judged and replayed, by `replay`.
//! 3. Nothing is appended to what was in use (R13). The writer goes on in a later segment that
//!    reads all zero, or in a new one.
//!
//! From a checkpoint, only what it names and what is behind it is looked at (R12). Without one, the
//! log must be whole from its first record on (R20): a part of it could bring back what another
//! part deleted.
//!
//! Nothing is changed before all is judged, so a refused start leaves everything as it was, and an
//! interrupted one can be run again. Only what was being made is removed.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    io,
};

use crate::{
    disk::{Disk, File, read_exact_at},
    types::Lsn,
};

use super::{
    FRAME_BYTES_MAX, FileId, LogError, Position, Prepared, Progress, RecoveryReport, SEGMENTS_DIR,
    SegmentId, SegmentInfo, Settings, Sink, Writer,
    frame::{FRAME_HEADER_BYTES, FrameHeader, HeaderRead},
    header::HEADER_PAGE_BYTES,
    jobs::{PrepareJob, open_for_frames},
    le::index,
    position::Chain,
    replay::Replay,
    survey::{Found, Listing, list, open, read_headers},
    writer::blank_header,
};

/// What the log is without a file or a checkpoint that is missing.
const RESURRECTS: &str = "without a good checkpoint the log must be whole from its first record \
                          on, or a replay could bring back what was deleted";

/// A start, in two steps, so that a checkpoint can be loaded in between: what is there, and then
/// what it says.
pub struct Recovery {
    settings: Settings,
    from: Option<Position>,
    /// The segments before the position that the checkpoint needs, ascending.
    needed: Vec<Found>,
    /// The segments from the position's on, or all, ascending.
    segments: Vec<Found>,
    /// The last segment of all.
    last_id: SegmentId,
    temporary: Vec<String>,
    unknown: Vec<String>,
    stray: Vec<String>,
}

impl Recovery {
    /// Makes durable what is there, and reads the headers of what is needed: of every segment from
    /// that of `from` on, and of those before it that the checkpoint lists in `needed`. The others
    /// are not looked at.
    ///
    /// Without `from`, no segment may be missing and no output may be there.
    pub fn open(
        disk: &dyn Disk,
        settings: &Settings,
        from: Option<Position>,
        needed: &BTreeSet<SegmentId>,
    ) -> Result<Self, LogError> {
        settings.check()?;
        disk.sync_dir(SEGMENTS_DIR).map_err(LogError::io("sync", SEGMENTS_DIR))?;
        let listing = list(disk)?;
        let first = from.map_or(SegmentId::FIRST, |from| from.segment);
        let is_looked_at = |id: &SegmentId| *id >= first || needed.contains(id);
        let mut files = Vec::with_capacity(listing.segments.len());
        for id in listing.segments.iter().copied().filter(is_looked_at) {
            files.push((id, open(disk, id)?));
        }
        let behind = files.partition_point(|(id, _)| *id < first);
        for (id, file) in &files[behind..] {
            file.sync_data().map_err(LogError::io("sync", &id.path()))?;
        }
        for (id, file) in &files[behind..] {
            file.drop_cache().map_err(LogError::io("drop the cache of", &id.path()))?;
        }
        let mut found = read_headers(files, settings.lineage)?;
        let segments = found.split_off(found.partition_point(|found| found.id < first));
        // A file of another directory with a high number looks as if others were missing before
        // it, so this comes last.
        match from {
            None => refuse_a_part(&listing)?,
            Some(from) => {
                refuse_a_loss(&listing, &segments, from, needed)?;
                refuse_a_short_log(&segments, from)?;
            }
        }
        let ids = listing.segments.iter().copied().filter(|id| !is_looked_at(id));
        let outputs = listing.outputs.iter().copied().map(FileId::Output);
        let stray = ids.map(FileId::Segment).chain(outputs);
        Ok(Self {
            settings: settings.clone(),
            from,
            needed: found,
            segments,
            last_id: listing.last().unwrap_or(SegmentId::FIRST),
            stray: stray.map(FileId::path).collect(),
            temporary: listing.temporary,
            unknown: listing.unknown,
        })
    }

    /// Replays what is behind the position, or all: `sink` gets every durable frame, in order. Then
    /// the writer goes on behind the last of them, in a segment of its own, whose header is
    /// completed with the first frame: the owner appends a tick before it serves anything.
    pub fn replay(
        self,
        disk: &dyn Disk,
        salts: &mut dyn FnMut() -> u64,
        sink: &mut Sink<'_>,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(Writer, RecoveryReport), LogError> {
        let Replayed { chain, blank, mut report } = self.read(sink, progress)?;
        for name in &self.temporary {
            let path = format!("{SEGMENTS_DIR}/{name}");
            disk.unlink(&path).map_err(LogError::io("unlink", &path))?;
        }
        let standby = standby(disk, &self.settings, &self.segments, &blank)?;
        for segment in &mut report.segments {
            segment.standby = standby.iter().any(|prepared| prepared.header.id == segment.id);
        }
        let writer = writer(disk, &self.settings, salts, chain, standby, self.last_id)?;
        Ok((writer, report))
    }

    /// The same replay, which changes nothing and makes no writer. Every segment behind all that
    /// were written to is told as standing by.
    pub fn examine(
        self,
        sink: &mut Sink<'_>,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<RecoveryReport, LogError> {
        self.read(sink, progress).map(|replayed| replayed.report)
    }

    fn read(
        &self,
        sink: &mut Sink<'_>,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Replayed, LogError> {
        let Self { from, needed, segments, unknown, stray, .. } = self;
        let mut replay = Replay::new(*from, sink);
        for at in 0..segments.len() {
            if let Some(next) = segments.get(at + 1) {
                // A hint: without it the next segment is only read later.
                let _ = next.file.will_need(0, next.header.segment_bytes);
            }
            replay.segment(segments, at)?;
            let (segments_done, lsn) = (at + 1, Lsn::new(replay.chain.next_lsn.get() - 1));
            progress(Progress { segments_done, segments_total: segments.len(), lsn });
        }
        let Replay { chain, blank, ends, mut report, .. } = replay;
        report.segments = before(needed, segments, *from);
        let told = segments.iter().zip(ends).enumerate();
        report.segments.extend(told.map(|(at, (found, last_lsn))| {
            let standby = blank.contains(&at);
            SegmentInfo { standby, ..info(found, last_lsn) }
        }));
        report.next_lsn = chain.next_lsn;
        (report.unknown_files, report.stray) = (unknown.clone(), stray.clone());
        Ok(Replayed { chain, blank, report })
    }
}

/// The outcome of a replay.
struct Replayed {
    chain: Chain,
    /// Indices of the segments behind all that were ever written to.
    blank: Vec<usize>,
    report: RecoveryReport,
}

/// Opens the log without a checkpoint and replays all of it.
pub fn recover(
    disk: &dyn Disk,
    settings: &Settings,
    salts: &mut dyn FnMut() -> u64,
    sink: &mut Sink<'_>,
    progress: &mut dyn FnMut(Progress),
) -> Result<(Writer, RecoveryReport), LogError> {
    Recovery::open(disk, settings, None, &BTreeSet::new())?.replay(disk, salts, sink, progress)
}

/// R20: without a checkpoint, nothing but the whole log is replayed.
fn refuse_a_part(listing: &Listing) -> Result<(), LogError> {
    let last = listing.last().unwrap_or(SegmentId::FIRST);
    if let Some(missing) = listing.missing(SegmentId::FIRST, last) {
        return Err(LogError::Missing { path: missing.path(), why: RESURRECTS.to_owned() });
    }
    if let Some(output) = listing.outputs.first() {
        let path = FileId::Output(*output).path();
        let why = format!("{path} holds what is in the log no more, and {RESURRECTS}");
        return Err(LogError::Missing { path: "a good checkpoint".to_owned(), why });
    }
    Ok(())
}

/// R19: no segment may be missing that the checkpoint lists, nor one behind it up to the last in
/// use.
fn refuse_a_loss(
    listing: &Listing,
    segments: &[Found],
    from: Position,
    needed: &BTreeSet<SegmentId>,
) -> Result<(), LogError> {
    let gone = needed.iter().find(|id| listing.segments.binary_search(id).is_err());
    let last = segments.iter().rev().find(|found| found.opening.is_some()).map(|found| found.id);
    let last = last.unwrap_or(from.segment).max(from.segment);
    let (path, why) = match (gone, listing.missing(from.segment, last)) {
        (Some(id), _) => (id.path(), "the checkpoint lists it".to_owned()),
        (None, Some(id)) => {
            (id.path(), format!("it held what follows the checkpoint at LSN {}", from.lsn))
        }
        (None, None) => return Ok(()),
    };
    Err(LogError::Missing { path, why })
}

/// R20: the log must reach as far as the checkpoint does. A later segment in use proves it, and so
/// does the frame at the position, or the one that ends there.
fn refuse_a_short_log(segments: &[Found], from: Position) -> Result<(), LogError> {
    let Some((found, later)) = segments.split_first() else { return Ok(()) };
    let is_behind = |opening: Chain| opening.next_lsn > from.lsn;
    if later.iter().any(|found| found.opening.is_some_and(is_behind))
        || ends_at(&*found.file, found.header.segment_bytes, found.header.salt, from)
            .map_err(LogError::io("read", &found.id.path()))?
    {
        return Ok(());
    }
    let (path, offset, lsn) = (found.id.path(), from.offset, from.lsn);
    let found = "a checkpoint is beyond the log's end: no frame ends here with this LSN".to_owned();
    Err(LogError::Corrupt { path, offset, lsn, found })
}

/// Whether the position's own segment, of so many bytes, shows that a frame ended there.
pub(super) fn ends_at(file: &dyn File, end: u64, salt: u32, from: Position) -> io::Result<bool> {
    let begin = HEADER_PAGE_BYTES as u64;
    let is_place = from.offset.is_multiple_of(FRAME_HEADER_BYTES as u64);
    if !is_place || from.offset <= begin || from.offset > end {
        return Ok(false);
    }
    let window_at = from.offset.saturating_sub(FRAME_BYTES_MAX).max(begin);
    let window_end = end.min(from.offset + FRAME_HEADER_BYTES as u64);
    let mut window = vec![0; index(window_end - window_at)];
    read_exact_at(file, window_at, &mut window)?;
    let places = (window_at..).step_by(FRAME_HEADER_BYTES);
    let mut blocks = places.zip(window.as_chunks::<FRAME_HEADER_BYTES>().0);
    Ok(blocks.any(|(at, block)| match FrameHeader::read(block, salt) {
        HeaderRead::Whole(header) if at == from.offset => header.continues(from.chain()),
        HeaderRead::Whole(header) => {
            at + u64::from(header.frame_bytes) == from.offset
                && header.chain_after() == from.chain()
        }
        HeaderRead::Newer { .. } | HeaderRead::Not => false,
    }))
}

/// The segments before the position. A segment's last LSN is told by where the next one goes on;
/// where that was not looked at, all that is known is that it lies before the position.
fn before(needed: &[Found], segments: &[Found], from: Option<Position>) -> Vec<SegmentInfo> {
    let Some(from) = from else { return Vec::new() };
    let all = needed.iter().chain(segments);
    let openings: BTreeMap<_, _> = all.map(|found| (found.id, found.opening)).collect();
    let last_lsn = |found: &Found| {
        let mut id = found.id.next();
        while let Some(opening) = openings.get(&id) {
            if let Some(opening) = opening {
                return Lsn::new(opening.next_lsn.get() - 1).min(from.lsn);
            }
            id = id.next();
        }
        from.lsn
    };
    needed.iter().map(|found| info(found, last_lsn(found))).collect()
}

fn info(found: &Found, last_lsn: Lsn) -> SegmentInfo {
    SegmentInfo {
        id: found.id,
        file: found.file.clone(),
        bytes: found.header.segment_bytes,
        salt: found.header.salt,
        first_lsn: found.opening.map(|opening| opening.next_lsn),
        last_lsn,
        standby: false,
    }
}

/// The segments that the writer can use as they are, opened for writing.
fn standby(
    disk: &dyn Disk,
    settings: &Settings,
    segments: &[Found],
    blank: &[usize],
) -> Result<VecDeque<Prepared>, LogError> {
    let mut standby = VecDeque::new();
    for found in blank.iter().map(|at| &segments[*at]) {
        let path = found.id.path();
        // A file with a second name is somebody's copy, and must not change under it.
        let links = found.file.link_count().map_err(LogError::io("measure", &path))?;
        if found.header.segment_bytes != settings.segment_bytes || links != 1 {
            continue;
        }
        let file = open_for_frames(disk, &path).map_err(LogError::io("open", &path))?;
        standby.push_back(Prepared { header: found.header.clone(), file });
    }
    Ok(standby)
}

/// The writer, with one segment to go on in at least.
fn writer(
    disk: &dyn Disk,
    settings: &Settings,
    salts: &mut dyn FnMut() -> u64,
    chain: Chain,
    mut standby: VecDeque<Prepared>,
    last_id: SegmentId,
) -> Result<Writer, LogError> {
    let mut next_segment = last_id.next();
    if standby.is_empty() {
        let header = blank_header(settings, next_segment, salts());
        let job = PrepareJob { header, reuse: None };
        let path = next_segment.path();
        standby.push_back(job.run(disk).map_err(LogError::io("prepare", &path))?);
        next_segment = next_segment.next();
    }
    Ok(Writer::new(settings.clone(), chain, standby, next_segment))
}
