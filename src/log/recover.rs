//! A start: what is durable is found, judged and replayed, and the writer is made.
//!
//! 1. The directory is synced, then every segment; then their cached pages are dropped. Only then
//!    is anything read: what is served must be on the disk, and the cache may show what is not.
//! 2. A segment that is followed by one in use is judged by the chain: its last whole frame must
//!    be the one that the next segment goes on from. What lies behind it is not part of the log.
//! 3. The last segment in use, and those behind it, are judged by `judge`.
//! 4. Nothing is appended to what was in use. The writer goes on in a later segment that reads all
//!    zero, or in a new one.
//!
//! A segment is *in use* from its completed header on, or its first frame, whichever is there: they
//! are one write, which begins only once everything before is durable. Either therefore proves
//! what came before, and names the frame that it must end with.
//!
//! Nothing is changed before all is judged, so a refused start leaves everything as it was, and an
//! interrupted one can be run again.

use std::collections::VecDeque;

use crate::{
    disk::{Access, Disk, PageBuffer, read_exact_at},
    types::Lsn,
};

use super::{
    DamagedBody, LogError, Prepared, Progress, RecoveryReport, SEGMENTS_DIR, SegmentId, Settings,
    Sink, TornTail, Writer,
    header::HEADER_PAGE_BYTES,
    jobs::PrepareJob,
    judge::Rest,
    le::{all_zero, index},
    position::Chain,
    scan::{End, FrameRef, SegmentBytes, SegmentScan, Start},
    survey::{Found, list, newer, next_in_use, open, read_headers},
    writer::blank_header,
};

/// Replays the log: `sink` gets every durable frame, in order. Then the writer goes on behind the
/// last of them, in a segment of its own, whose header is completed with the first frame: the
/// owner appends a tick before it serves anything.
///
/// Every segment is needed, since there is no checkpoint: none may be missing, and the log must run
/// from LSN 1.
pub fn recover(
    disk: &dyn Disk,
    settings: &Settings,
    salts: &mut dyn FnMut() -> u64,
    sink: &mut Sink<'_>,
    progress: &mut dyn FnMut(Progress),
) -> Result<(Writer, RecoveryReport), LogError> {
    settings.check()?;
    disk.sync_dir(SEGMENTS_DIR).map_err(LogError::io("sync", SEGMENTS_DIR))?;
    let listing = list(disk)?;
    let last_id = listing.last_of_all();
    let mut files = Vec::with_capacity(listing.segments.len());
    for id in listing.segments {
        let file = open(disk, id)?;
        file.sync_data().map_err(LogError::io("sync", &id.path()))?;
        files.push((id, file));
    }
    for (id, file) in &files {
        file.drop_cache().map_err(LogError::io("drop the cache of", &id.path()))?;
    }
    let segments = read_headers(files, settings.lineage)?;
    // A file of another directory with a high number looks as if others were missing before it.
    let last_id = last_id?;
    let mut replay = Replay::new(sink);
    replay.report.unknown_files = listing.unknown;
    for at in 0..segments.len() {
        replay.segment(&segments, at)?;
        let (segments_done, lsn) = (at + 1, Lsn::new(replay.chain.next_lsn.get() - 1));
        progress(Progress { segments_done, segments_total: segments.len(), lsn });
    }
    let Replay { chain, blank, mut report, .. } = replay;
    for name in listing.temporary {
        let path = format!("{SEGMENTS_DIR}/{name}");
        disk.unlink(&path).map_err(LogError::io("unlink", &path))?;
    }
    report.next_lsn = chain.next_lsn;
    let standby = standby(disk, settings, &segments, &blank)?;
    let writer = writer(disk, settings, salts, chain, standby, last_id)?;
    Ok((writer, report))
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
        let file = disk.open(&path, Access::ReadWrite).map_err(LogError::io("open", &path))?;
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
        let job = PrepareJob { header: blank_header(settings, next_segment, salts()) };
        let path = next_segment.path();
        standby.push_back(job.run(disk).map_err(LogError::io("prepare", &path))?);
        next_segment = next_segment.next();
    }
    Ok(Writer::new(settings.clone(), chain, standby, next_segment))
}

/// The replay so far.
struct Replay<'a, 'b> {
    chain: Chain,
    /// Indices of the segments behind all that were ever written to.
    blank: Vec<usize>,
    report: RecoveryReport,
    /// The bytes of one segment; `None` before the first.
    buffer: Option<PageBuffer>,
    sink: &'a mut Sink<'b>,
}

impl<'a, 'b> Replay<'a, 'b> {
    fn new(sink: &'a mut Sink<'b>) -> Self {
        let report = RecoveryReport::default();
        Self { chain: Chain::default(), blank: Vec::new(), report, buffer: None, sink }
    }

    /// Reads and judges one segment.
    fn segment(&mut self, segments: &[Found], at: usize) -> Result<(), LogError> {
        let found = &segments[at];
        let next = next_in_use(segments, at);
        if found.blemished {
            self.report.blemished.push(found.id);
        }
        if let Some(opening) = found.opening
            && opening != self.chain
        {
            let found_text = format!(
                "it goes on from LSN {} and not from where the segments before it end",
                opening.next_lsn
            );
            return Err(corrupt(found, 0, self.chain.next_lsn, found_text));
        }
        if found.opening.is_none() && next.is_some() {
            // Its first frame was torn, and a later start went on in another segment.
            return Ok(());
        }
        let buffer = self.read(found)?;
        self.report.segments_count += 1;
        let scan = self.frames(found, &buffer, next.map(|(_, chain)| chain));
        self.judge(found, next, &scan)?;
        self.chain = scan.chain;
        if scan.blemished {
            self.report.blemished.push(found.id);
        }
        if all_zero(&buffer[HEADER_PAGE_BYTES..]) && next.is_none() {
            self.blank.push(at);
        } else {
            self.blank.clear();
        }
        self.buffer = Some(buffer);
        Ok(())
    }

    /// The bytes of a segment, in the buffer of the one before if it is as large.
    fn read(&mut self, found: &Found) -> Result<PageBuffer, LogError> {
        let (path, length) = (found.id.path(), index(found.header.segment_bytes));
        let failed = || LogError::io("read", &path);
        let mut buffer = match self.buffer.take().filter(|buffer| buffer.len() == length) {
            Some(buffer) => buffer,
            None => PageBuffer::new(length).map_err(failed())?,
        };
        read_exact_at(&*found.file, 0, &mut buffer).map_err(failed())?;
        Ok(buffer)
    }

    /// Gives the frames of a segment to the sink.
    fn frames(&mut self, found: &Found, bytes: &[u8], next: Option<Chain>) -> SegmentScan {
        let segment = SegmentBytes { bytes, salt: found.header.salt };
        let (report, sink) = (&mut self.report, &mut *self.sink);
        segment.scan(Start::of_segment(self.chain), next, &mut |frame, bodies| {
            count(report, frame);
            let damaged = bodies.iter().enumerate().filter(|(_, body)| body.damaged);
            report.damaged_bodies.extend(damaged.map(|(index, body)| DamagedBody {
                segment: found.id,
                offset: body.offset,
                index,
                first_lsn: frame.header.first_lsn,
            }));
            sink(frame.view(found.id, &found.file, bodies))
        })
    }

    /// What is behind the frames of a segment: an outcome or a reason to refuse.
    fn judge(
        &mut self,
        found: &Found,
        next: Option<(SegmentId, Chain)>,
        scan: &SegmentScan,
    ) -> Result<(), LogError> {
        let lsn = scan.chain.next_lsn;
        let rest = match &scan.end {
            End::Chained => return Ok(()),
            End::Refused(reason) => {
                let (path, reason) = (found.id.path(), reason.clone());
                return Err(LogError::Refused { path, offset: scan.at, lsn, reason });
            }
            End::Rest(rest) => rest,
        };
        match (rest, next) {
            (Rest::Newer { version }, _) => Err(newer(found.id.path(), u32::from(*version))),
            (Rest::Corrupt { found: text }, _) => Err(corrupt(found, scan.at, lsn, text.clone())),
            (Rest::Clean | Rest::Torn { .. }, Some((id, chain))) => {
                let text = format!(
                    "the frames end here, but segment {id} goes on from LSN {} and another frame",
                    chain.next_lsn
                );
                Err(corrupt(found, scan.at, lsn, text))
            }
            (Rest::Clean, None) => Ok(()),
            (Rest::Torn { bytes }, None) => {
                let (segment, offset, bytes) = (found.id, scan.at, *bytes);
                self.report.torn_tails.push(TornTail { segment, offset, bytes });
                Ok(())
            }
        }
    }
}

fn count(report: &mut RecoveryReport, frame: FrameRef<'_>) {
    report.frames_count += 1;
    report.records_count += u64::from(frame.header.record_count);
    report.frames_bytes += u64::from(frame.header.frame_bytes);
    report.last_now = Some(frame.header.now);
}

fn corrupt(found: &Found, offset: u64, lsn: Lsn, text: String) -> LogError {
    LogError::Corrupt { path: found.id.path(), offset, lsn, found: text }
}
