//! The replay of a log: its frames, segment by segment, and what the end of each means.
//!
//! 1. A segment that is followed by one in use is judged by the chain: its last whole frame must
//!    be the one that the next segment goes on from. What lies behind it is not part of the log.
//! 2. The last segment in use, and those behind it, are judged by `judge`.
//!
//! A segment is *in use* from its completed header on, or its first frame, whichever is there: they
//! are one write, which begins only once everything before is durable. Either therefore proves
//! what came before, and names the frame that it must end with.

use crate::{
    disk::{PageBuffer, read_exact_at},
    types::Lsn,
};

use super::{
    DamagedBody, LogError, Position, RecoveryReport, SegmentId, Sink, TornTail,
    header::HEADER_PAGE_BYTES,
    judge::Rest,
    le::{all_zero, index},
    position::Chain,
    scan::{End, FrameRef, SegmentBytes, SegmentScan, Start},
    survey::{Found, newer, next_in_use},
};

/// The replay so far.
pub(super) struct Replay<'a, 'b> {
    /// Behind the last frame that was replayed.
    pub(super) chain: Chain,
    /// Indices of the segments behind all that were ever written to.
    pub(super) blank: Vec<usize>,
    /// For each segment the last LSN that it holds; 0 if it never held any.
    pub(super) ends: Vec<Lsn>,
    pub(super) report: RecoveryReport,
    /// Where in the first segment the replay begins, if not with its first frame.
    from: Option<Position>,
    /// The bytes of one segment; `None` before the first.
    buffer: Option<PageBuffer>,
    sink: &'a mut Sink<'b>,
}

impl<'a, 'b> Replay<'a, 'b> {
    pub(super) fn new(from: Option<Position>, sink: &'a mut Sink<'b>) -> Self {
        Self {
            chain: from.map_or_else(Chain::default, Position::chain),
            blank: Vec::new(),
            ends: Vec::new(),
            report: RecoveryReport::default(),
            from,
            buffer: None,
            sink,
        }
    }

    /// Reads and judges one segment; they are given in order.
    pub(super) fn segment(&mut self, segments: &[Found], at: usize) -> Result<(), LogError> {
        let found = &segments[at];
        let next = next_in_use(segments, at);
        // What lies before the position was judged when it was written, and is not needed again.
        let from = self.from.take();
        if found.blemished {
            self.report.blemished.push(found.id);
        }
        if let Some(opening) = found.opening
            && opening != self.chain
            && from.is_none()
        {
            let found_text = format!(
                "it goes on from LSN {} and not from where the segments before it end",
                opening.next_lsn
            );
            return Err(corrupt(found, 0, self.chain.next_lsn, found_text));
        }
        if found.opening.is_none() && next.is_some() && from.is_none() {
            // Its first frame was torn, and a later start went on in another segment.
            self.ends.push(Lsn::default());
            return Ok(());
        }
        let start = from.map_or_else(
            || Start::of_segment(self.chain),
            |from| Start { at: from.offset, chain: from.chain() },
        );
        let buffer = self.read(found, start.at)?;
        self.report.segments_count += 1;
        let scan = self.frames(found, &buffer, start, next.map(|(_, chain)| chain));
        self.judge(found, next, &scan)?;
        self.chain = scan.chain;
        let is_used = found.opening.is_some() || scan.at > HEADER_PAGE_BYTES as u64;
        let end = if is_used { scan.chain.next_lsn.get() - 1 } else { 0 };
        self.ends.push(Lsn::new(end));
        if scan.blemished {
            self.report.blemished.push(found.id);
        }
        // Of the position's own segment the beginning is not in the buffer.
        let is_blank = from.is_none() && all_zero(&buffer[HEADER_PAGE_BYTES..]);
        if is_blank && next.is_none() {
            self.blank.push(at);
        } else {
            self.blank.clear();
        }
        self.buffer = Some(buffer);
        Ok(())
    }

    /// The bytes of a segment from `begin` on, in their places in the buffer of the one before, if
    /// it is as large.
    fn read(&mut self, found: &Found, begin: u64) -> Result<PageBuffer, LogError> {
        let (path, length) = (found.id.path(), index(found.header.segment_bytes));
        let failed = || LogError::io("read", &path);
        let mut buffer = match self.buffer.take().filter(|buffer| buffer.len() == length) {
            Some(buffer) => buffer,
            None => PageBuffer::new(length).map_err(failed())?,
        };
        let begin_index = index(begin).min(length);
        read_exact_at(&*found.file, begin, &mut buffer[begin_index..]).map_err(failed())?;
        Ok(buffer)
    }

    /// Gives the frames of a segment to the sink.
    fn frames(
        &mut self,
        found: &Found,
        bytes: &[u8],
        start: Start,
        next: Option<Chain>,
    ) -> SegmentScan {
        let segment = SegmentBytes { bytes, salt: found.header.salt };
        let (report, sink) = (&mut self.report, &mut *self.sink);
        segment.scan(start, next, &mut |frame, bodies| {
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
