//! How an inspection goes about it: segment by segment, then output by output.

use crate::{
    disk::Disk,
    types::{Lineage, Lsn, OutputId},
};

use super::{
    FileId, Finding, FindingKind, FooterState, LogError, OutputSummary, Position, Progress,
    SEGMENTS_DIR, SegmentId, SegmentSummary, Sink, StoredFile, VerifyReport,
    footer::{footer_bytes, read_evidence},
    frame::FRAME_HEADER_BYTES,
    header::HEADER_PAGE_BYTES,
    judge::Rest,
    le::all_zero,
    position::Chain,
    scan::{End, FrameFault, SegmentBytes, SegmentScan, Start},
    survey::{Found, list, next_in_use, open, read_header},
};

/// What an inspection says of damage that takes nothing away.
const BLEMISHED_HEADER: &str = "a part of the header page is damaged";
const BLEMISHED_FRAME: &str = "padding or the end mark of a frame is not as written";

/// A whole frame, as a footer of any version tells it: LSN, offset, length, CRC.
type Frame = (Lsn, u64, u32, u32);

/// An inspection under way.
pub(super) struct Inspection {
    from: Option<Position>,
    lineage: Option<Lineage>,
    chain: Chain,
    /// Whether a frame was found that ends at the position, or goes on from it.
    is_reached: bool,
    pub(super) report: VerifyReport,
}

impl Inspection {
    pub(super) fn new(from: Option<Position>, lineage: Option<Lineage>) -> Self {
        let (chain, report) = (Chain::default(), VerifyReport::default());
        Self { from, lineage, chain, is_reached: from.is_none(), report }
    }

    /// Reads everything.
    pub(super) fn all(
        &mut self,
        disk: &dyn Disk,
        sink: &mut Sink<'_>,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(), LogError> {
        let (segments, outputs) = self.survey(disk)?;
        let segments_total = segments.len() + outputs.len();
        for at in 0..segments.len() {
            self.segment(&segments, at, sink)?;
            let (segments_done, lsn) = (at + 1, Lsn::new(self.chain.next_lsn.get() - 1));
            progress(Progress { segments_done, segments_total, lsn });
        }
        self.report.next_lsn = self.chain.next_lsn;
        if let Some(from) = self.from.filter(|_| !self.is_reached) {
            let text = "a checkpoint goes on from here, and no frame ends here with its LSN";
            let path = from.segment.path();
            self.finding(FindingKind::Corrupt, path, from.offset, Some(from.lsn), text);
        }
        for (at, output) in outputs.into_iter().enumerate() {
            self.output(disk, output)?;
            let (segments_done, lsn) = (segments.len() + at + 1, Lsn::default());
            progress(Progress { segments_done, segments_total, lsn });
        }
        Ok(())
    }

    fn survey(&mut self, disk: &dyn Disk) -> Result<(Vec<Found>, Vec<OutputId>), LogError> {
        let listing = list(disk)?;
        for name in &listing.unknown {
            let path = format!("{SEGMENTS_DIR}/{name}");
            self.finding(FindingKind::OtherFile, path, 0, None, "it is not part of the log");
        }
        for name in &listing.temporary {
            let path = format!("{SEGMENTS_DIR}/{name}");
            self.finding(FindingKind::Stray, path, 0, None, "it was being made");
        }
        let first = self.from.map_or(SegmentId::FIRST, |from| from.segment);
        let last = listing.last().map_or(first, |last| last.max(first));
        // Only the first: a stray file may have any number.
        if let Some(missing) = listing.missing(first, last) {
            let text = "the file is missing";
            self.finding(FindingKind::Corrupt, missing.path(), 0, None, text);
        }
        let mut segments = Vec::with_capacity(listing.segments.len());
        for id in listing.segments {
            match read_header(id, open(disk, id)?, self.lineage) {
                Ok(found) => {
                    self.lineage = self.lineage.or(Some(found.header.lineage));
                    segments.push(found);
                }
                Err(fault) => self.header_fault(fault)?,
            }
        }
        Ok((segments, listing.outputs))
    }

    /// A header that cannot be used is a finding, unless the operating system could not read it.
    fn header_fault(&mut self, fault: LogError) -> Result<(), LogError> {
        match fault {
            LogError::Corrupt { path, offset, found, .. } => {
                self.finding(FindingKind::Corrupt, path, offset, None, &found);
            }
            LogError::NewerFormat { path, version, .. } => {
                let found = format!("it has format version {version}");
                self.finding(FindingKind::NewerFormat, path, 0, None, &found);
            }
            LogError::ForeignFiles { path, found } => {
                self.finding(FindingKind::Foreign, path, 0, None, &found);
            }
            fault => return Err(fault),
        }
        Ok(())
    }

    fn segment(
        &mut self,
        segments: &[Found],
        at: usize,
        sink: &mut Sink<'_>,
    ) -> Result<(), LogError> {
        let found = &segments[at];
        let path = found.id.path();
        let bytes = found.file.map().map_err(LogError::io("map", &path))?;
        let segment = SegmentBytes { bytes: &bytes, salt: found.header.salt };
        let next = self.next_chain(segments, at, segment);
        if found.blemished {
            self.finding(FindingKind::Harmless, path, 0, None, BLEMISHED_HEADER);
        }
        self.opening(segments, at);
        let mut frames = Vec::new();
        let skipped = found.opening.is_none() && next.is_some();
        let mut end = HEADER_PAGE_BYTES as u64;
        if !skipped {
            end = self.frames(found, segment, next, &mut frames, sink)?;
        }
        self.reach(found, &frames);
        let (footer, footer_at) = footer_state(segment, &frames, self.chain.next_lsn);
        if (skipped || next.is_some()) && !all_zero(segment.part(end, footer_at)) {
            let text = "what lies here is not part of the log: an unfinished write, or a footer \
                        that is not whole";
            self.finding(FindingKind::Torn, found.id.path(), end, None, text);
        }
        self.report.segments.push(SegmentSummary {
            id: found.id,
            first_lsn: found.opening.map(|chain| chain.next_lsn),
            frames_count: frames.len(),
            frames_bytes: frames.iter().map(|frame| u64::from(frame.2)).sum(),
            footer,
        });
        if let (false, Some(next)) = (skipped, next) {
            // Where this differs, it was told above.
            self.chain = next;
        }
        Ok(())
    }

    /// Where the next segment in use goes on. Before the position the next one may be gone: then
    /// the footer, which was written once there was one, says the same.
    fn next_chain(
        &self,
        segments: &[Found],
        at: usize,
        segment: SegmentBytes<'_>,
    ) -> Option<Chain> {
        let next = next_in_use(segments, at);
        let later = segments[at..].windows(2).take_while(|pair| pair[0].id.next() == pair[1].id);
        let id_max = later.last().map_or(segments[at].id, |pair| pair[1].id);
        let is_gone = |id| id > id_max && self.is_before(segments[at].id);
        if next.is_none_or(|(id, _)| !is_gone(id)) {
            return next.map(|(_, chain)| chain);
        }
        let evidence = read_evidence(segment.bytes, segment.salt)?;
        let crc = evidence.frames.last().map(|frame| frame.3)?;
        Some(Chain { next_lsn: evidence.next_lsn, crc })
    }

    /// Whether a start from the position does not need the segment for its replay.
    fn is_before(&self, id: SegmentId) -> bool {
        self.from.is_some_and(|from| id < from.segment)
    }

    /// Compares where a segment goes on with where the one before ends, if that one is there.
    fn opening(&mut self, segments: &[Found], at: usize) {
        let found = &segments[at];
        let Some(opening) = found.opening.filter(|opening| *opening != self.chain) else { return };
        let before = at.checked_sub(1).map(|before| segments[before].id);
        let follows = before.map_or(SegmentId::FIRST, SegmentId::next) == found.id;
        let may_be_gone = self.from.is_some_and(|from| found.id <= from.segment);
        if follows || !may_be_gone {
            let text = format!(
                "it goes on from LSN {}, the segments before it end before LSN {}",
                opening.next_lsn, self.chain.next_lsn
            );
            let lsn = Some(self.chain.next_lsn);
            self.finding(FindingKind::Corrupt, found.id.path(), 0, lsn, &text);
        }
        self.chain = opening;
    }

    /// Looks for the position: the frame that ends there, or one or a segment that goes on from it.
    fn reach(&mut self, found: &Found, frames: &[Frame]) {
        let Some(from) = self.from else { return };
        let chain = from.chain();
        let lsns = frames.iter().skip(1).map(|frame| frame.0).chain([self.chain.next_lsn]);
        let mut places = frames.iter().zip(lsns).map(|((lsn, offset, bytes, crc), next_lsn)| {
            let end = Chain { next_lsn, crc: *crc };
            let ends = offset + u64::from(*bytes) == from.offset && end == chain;
            ends || *offset == from.offset && *lsn == chain.next_lsn
        });
        self.is_reached |= found.id == from.segment && places.any(|is_there| is_there)
            || found.id > from.segment && found.opening == Some(chain);
    }

    /// Reads the frames of one segment, and those behind damage too; returns where they end.
    fn frames(
        &mut self,
        found: &Found,
        segment: SegmentBytes<'_>,
        next: Option<Chain>,
        frames: &mut Vec<Frame>,
        sink: &mut Sink<'_>,
    ) -> Result<u64, LogError> {
        let mut start = Start::of_segment(self.chain);
        loop {
            let report = &mut self.report;
            let scan = segment.scan(start, next, &mut |frame, bodies| {
                report.records_count += u64::from(frame.header.record_count);
                let damaged = bodies.iter().enumerate().filter(|(_, body)| body.damaged);
                let lsn = frame.header.first_lsn;
                report.findings.extend(
                    damaged.map(|(at, body)| damaged_body(found.id.path(), lsn, at, body.offset)),
                );
                frames.push((lsn, frame.at, frame.header.frame_bytes, frame.header.crc));
                sink(frame.view(found.id, &found.file, bodies))
            });
            self.chain = scan.chain;
            if scan.blemished {
                let path = found.id.path();
                self.finding(FindingKind::Harmless, path, start.at, None, BLEMISHED_FRAME);
            }
            if !self.judge(found, next, &scan)? {
                return Ok(scan.at);
            }
            // A whole frame that does not follow on what was before is where reading goes on.
            let from = match segment.frame(scan.at, scan.chain) {
                Err(FrameFault::Chain(_)) => scan.at,
                Ok(_) | Err(_) => scan.at + FRAME_HEADER_BYTES as u64,
            };
            let Some((at, header)) = segment.find_frame(from, scan.chain.next_lsn) else {
                return Ok(scan.at);
            };
            let chain = Chain { next_lsn: header.first_lsn, crc: header.previous_crc };
            start = Start { at, chain };
        }
    }

    /// Tells what is behind the frames; whether there may be more frames behind that.
    fn judge(
        &mut self,
        found: &Found,
        next: Option<Chain>,
        scan: &SegmentScan,
    ) -> Result<bool, LogError> {
        let (path, lsn) = (found.id.path(), scan.chain.next_lsn);
        let (kind, text) = match (&scan.end, next) {
            (End::Chained, _) | (End::Rest(Rest::Clean), None) => return Ok(false),
            (End::Refused(reason), _) => {
                let (offset, reason) = (scan.at, reason.clone());
                return Err(LogError::Refused { path, offset, lsn, reason });
            }
            (End::Rest(Rest::Newer { version }), _) => {
                (FindingKind::NewerFormat, format!("a frame has version {version}"))
            }
            (End::Rest(Rest::Torn { bytes }), None) => {
                (FindingKind::Torn, format!("a write did not end: {bytes} bytes"))
            }
            (End::Rest(Rest::Corrupt { found }), _) => (FindingKind::Corrupt, found.clone()),
            (End::Rest(Rest::Clean | Rest::Torn { .. }), Some(next)) => {
                let text = format!("the next segment goes on from LSN {}", next.next_lsn);
                (FindingKind::Corrupt, format!("the frames end here, but {text}"))
            }
        };
        self.finding(kind, path, scan.at, Some(lsn), &text);
        Ok(kind == FindingKind::Corrupt)
    }

    /// Reads one output.
    fn output(&mut self, disk: &dyn Disk, id: OutputId) -> Result<(), LogError> {
        let id = FileId::Output(id);
        let stored = match StoredFile::open_of(disk, id, self.lineage) {
            Ok(stored) => stored,
            Err(fault) => return self.header_fault(fault),
        };
        let bytes = stored.file.map().map_err(LogError::io("map", &id.path()))?;
        let segment = SegmentBytes { bytes: &bytes, salt: stored.salt };
        let (mut at, mut chain) = (HEADER_PAGE_BYTES as u64, Chain::default());
        let mut frames = Vec::new();
        if stored.blemished {
            self.finding(FindingKind::Harmless, id.path(), 0, None, BLEMISHED_HEADER);
        }
        while let Ok(frame) = segment.frame(at, chain) {
            if !frame.ends_as_written() {
                self.finding(FindingKind::Harmless, id.path(), at, None, BLEMISHED_FRAME);
            }
            let (lsn, bodies) = (frame.header.first_lsn, frame.bodies());
            let damaged = bodies.iter().enumerate().filter(|(_, body)| body.damaged);
            self.report
                .findings
                .extend(damaged.map(|(at, body)| damaged_body(id.path(), lsn, at, body.offset)));
            frames.push((lsn, frame.at, frame.header.frame_bytes, frame.header.crc));
            (at, chain) = (frame.end(), frame.header.chain_after());
        }
        let (footer, footer_at) = footer_state(segment, &frames, chain.next_lsn);
        let is_clean_end = all_zero(segment.part(at, at + FRAME_HEADER_BYTES as u64))
            && segment.find_frame(at, chain.next_lsn).is_none();
        let (kind, text) = match footer {
            FooterState::Valid if all_zero(segment.part(at, footer_at)) => (None, ""),
            FooterState::Valid => {
                (Some(FindingKind::Harmless), "the bytes before the footer are not zero")
            }
            FooterState::Missing | FooterState::Invalid if is_clean_end => {
                (Some(FindingKind::Harmless), "the footer is damaged; the frames say the same")
            }
            FooterState::Missing | FooterState::Invalid => {
                (Some(FindingKind::Corrupt), "the whole frames end here, and the footer has more")
            }
        };
        if let Some(kind) = kind {
            self.finding(kind, id.path(), at, None, text);
        }
        let FileId::Output(id) = stored.id else { return Ok(()) };
        let frames_bytes = frames.iter().map(|frame| u64::from(frame.2)).sum();
        let frames_count = frames.len();
        self.report.outputs.push(OutputSummary { id, frames_count, frames_bytes, footer });
        Ok(())
    }

    fn finding(
        &mut self,
        kind: FindingKind,
        path: String,
        offset: u64,
        lsn: Option<Lsn>,
        found: &str,
    ) {
        let found = found.to_owned();
        self.report.findings.push(Finding { kind, path, offset, lsn, found });
    }
}

fn damaged_body(path: String, lsn: Lsn, index: usize, offset: u64) -> Finding {
    let found = format!("body {index} of the frame does not have its CRC");
    Finding { kind: FindingKind::DamagedBody, path, offset, lsn: Some(lsn), found }
}

/// What a file's footer is, and where what belongs to it begins, in bytes.
fn footer_state(segment: SegmentBytes<'_>, frames: &[Frame], next_lsn: Lsn) -> (FooterState, u64) {
    let segment_bytes = segment.bytes.len() as u64;
    let trailer_at = segment_bytes.saturating_sub(footer_bytes(0, 0));
    match read_evidence(segment.bytes, segment.salt) {
        Some(footer) if footer.frames == frames && footer.next_lsn == next_lsn => {
            (FooterState::Valid, footer.at)
        }
        None if all_zero(segment.part(trailer_at, segment_bytes)) => {
            (FooterState::Missing, segment_bytes)
        }
        Some(_) | None => (FooterState::Invalid, segment_bytes),
    }
}
