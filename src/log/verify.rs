//! An inspection of the log while no broker runs. It changes nothing, reads on behind damage, and
//! tells everything that is not as written.
//!
//! It reads through the page cache and syncs nothing. So it is no start: what only the cache has
//! is shown like the rest.

use crate::{
    disk::Disk,
    types::{Lineage, Lsn},
};

use super::{
    LogError, Progress, SEGMENTS_DIR, SegmentId, Sink,
    footer::{Footer, FooterEntry, footer_bytes, read_footer},
    frame::FRAME_HEADER_BYTES,
    header::HEADER_PAGE_BYTES,
    judge::Rest,
    le::all_zero,
    position::Chain,
    scan::{End, FrameFault, SegmentBytes, SegmentScan, Start},
    survey::{Found, list, next_in_use, open, read_header},
};

/// Something that is not as it was written, or not the log's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What it means.
    pub kind: FindingKind,
    /// The file, within the data directory.
    pub path: String,
    /// Where in the file, in bytes.
    pub offset: u64,
    /// The LSN that is concerned, if one is.
    pub lsn: Option<Lsn>,
    /// What was found, in words.
    pub found: String,
}

/// What a [`Finding`] means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FindingKind {
    /// Acknowledged records are lost: the start is refused.
    Corrupt,
    /// A file of a newer version of this program: the start is refused.
    NewerFormat,
    /// A file of another data directory: the start is refused.
    Foreign,
    /// One body is not as it was written: its message is not served, the rest is.
    DamagedBody,
    /// A write that did not end, or what it left: never acknowledged, not part of the log.
    Torn,
    /// Damage that takes nothing away, since the same is known from elsewhere.
    Harmless,
    /// A file that the log does not know, or that a start removes.
    OtherFile,
}

impl FindingKind {
    /// Whether a start is refused because of it.
    pub fn refuses_start(self) -> bool {
        match self {
            Self::Corrupt | Self::NewerFormat | Self::Foreign => true,
            Self::DamagedBody | Self::Torn | Self::Harmless | Self::OtherFile => false,
        }
    }
}

/// One segment, in short.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentSummary {
    /// The segment.
    pub id: SegmentId,
    /// LSN of the first record, if the segment was taken into use.
    pub first_lsn: Option<Lsn>,
    /// How many whole frames it has.
    pub frames_count: usize,
    /// Length of the whole frames, in bytes.
    pub frames_bytes: u64,
    /// Its footer.
    pub footer: FooterState,
}

/// What is at the end of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FooterState {
    /// No footer, as in any segment that was not sealed.
    Missing,
    /// A footer that agrees with the frames.
    Valid,
    /// Something else. A footer is rebuilt from the frames, so this is harmless.
    Invalid,
}

/// What an inspection found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VerifyReport {
    /// The segments whose headers could be read, in order.
    pub segments: Vec<SegmentSummary>,
    /// Everything that is not as written, in order.
    pub findings: Vec<Finding>,
    /// How many records are whole.
    pub records_count: u64,
    /// The LSN behind the last whole frame.
    pub next_lsn: Lsn,
}

impl VerifyReport {
    /// Whether a start is refused.
    pub fn refuses_start(&self) -> bool {
        self.findings.iter().any(|finding| finding.kind.refuses_start())
    }
}

/// Reads the whole log, also behind damage; `sink` gets every whole frame. Without a lineage, that
/// of the first segment counts. An error is the operating system's or the sink's.
pub fn verify(
    disk: &dyn Disk,
    lineage: Option<Lineage>,
    sink: &mut Sink<'_>,
    progress: &mut dyn FnMut(Progress),
) -> Result<VerifyReport, LogError> {
    let mut inspection = Inspection::default();
    let segments = inspection.survey(disk, lineage)?;
    for at in 0..segments.len() {
        inspection.segment(&segments, at, sink)?;
        let (segments_done, lsn) = (at + 1, Lsn::new(inspection.chain.next_lsn.get() - 1));
        progress(Progress { segments_done, segments_total: segments.len(), lsn });
    }
    inspection.report.next_lsn = inspection.chain.next_lsn;
    Ok(inspection.report)
}

#[derive(Default)]
struct Inspection {
    chain: Chain,
    report: VerifyReport,
}

impl Inspection {
    fn survey(
        &mut self,
        disk: &dyn Disk,
        mut lineage: Option<Lineage>,
    ) -> Result<Vec<Found>, LogError> {
        let listing = list(disk)?;
        for name in listing.unknown.iter().chain(&listing.temporary) {
            let path = format!("{SEGMENTS_DIR}/{name}");
            self.finding(FindingKind::OtherFile, path, 0, None, "it is not part of the log");
        }
        // Only the first: a stray file may have any number.
        if let Some(missing) = listing.missing().next() {
            let text = "the file is missing";
            self.finding(FindingKind::Corrupt, missing.path(), 0, None, text);
        }
        let mut segments = Vec::with_capacity(listing.segments.len());
        for id in listing.segments {
            match read_header(id, open(disk, id)?, lineage) {
                Ok(found) => {
                    lineage = lineage.or(Some(found.header.lineage));
                    segments.push(found);
                }
                Err(fault) => self.header_fault(fault)?,
            }
        }
        Ok(segments)
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
        let next = next_in_use(segments, at);
        if found.blemished {
            let text = "a part of the header page is damaged";
            self.finding(FindingKind::Harmless, path.clone(), 0, None, text);
        }
        if let Some(opening) = found.opening
            && opening != self.chain
        {
            let text = format!(
                "it goes on from LSN {}, the segments before it end before LSN {}",
                opening.next_lsn, self.chain.next_lsn
            );
            let lsn = Some(self.chain.next_lsn);
            self.finding(FindingKind::Corrupt, path, 0, lsn, &text);
            self.chain = opening;
        }
        let mut entries = Vec::new();
        let skipped = found.opening.is_none() && next.is_some();
        let mut end = HEADER_PAGE_BYTES as u64;
        if !skipped {
            let chain = next.map(|(_, chain)| chain);
            end = self.frames(found, segment, chain, &mut entries, sink)?;
        }
        let footer = footer_state(segment, &entries, self.chain.next_lsn);
        if skipped || next.is_some() {
            self.stray(found, segment, end, footer, entries.len());
        }
        self.report.segments.push(SegmentSummary {
            id: found.id,
            first_lsn: found.opening.map(|chain| chain.next_lsn),
            frames_count: entries.len(),
            frames_bytes: entries.iter().map(|entry| u64::from(entry.frame_bytes)).sum(),
            footer,
        });
        if let (false, Some((_, next))) = (skipped, next) {
            // Where this differs, it was told above.
            self.chain = next;
        }
        Ok(())
    }

    /// Reads the frames of one segment, and those behind damage too; returns where they end.
    fn frames(
        &mut self,
        found: &Found,
        segment: SegmentBytes<'_>,
        next: Option<Chain>,
        entries: &mut Vec<FooterEntry>,
        sink: &mut Sink<'_>,
    ) -> Result<u64, LogError> {
        let mut start = Start::of_segment(self.chain);
        loop {
            let report = &mut self.report;
            let scan = segment.scan(start, next, &mut |frame, bodies| {
                report.records_count += u64::from(frame.header.record_count);
                let damaged = bodies.iter().enumerate().filter(|(_, body)| body.damaged);
                report.findings.extend(damaged.map(|(index, body)| Finding {
                    kind: FindingKind::DamagedBody,
                    path: found.id.path(),
                    offset: body.offset,
                    lsn: Some(frame.header.first_lsn),
                    found: format!("body {index} of the frame does not have its CRC"),
                }));
                entries.push(frame.entry());
                sink(frame.view(found.id, &found.file, bodies))
            });
            self.chain = scan.chain;
            if scan.blemished {
                let text = "padding or the end mark of a frame is not as written";
                self.finding(FindingKind::Harmless, found.id.path(), start.at, None, text);
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

    /// Tells what is in a segment beside its frames and its footer, once a later one is in use.
    fn stray(
        &mut self,
        found: &Found,
        segment: SegmentBytes<'_>,
        end: u64,
        footer: FooterState,
        frames_count: usize,
    ) {
        let footer_at = match footer {
            FooterState::Valid => found.header.segment_bytes - footer_bytes(frames_count),
            FooterState::Missing | FooterState::Invalid => found.header.segment_bytes,
        };
        if !all_zero(segment.part(end, footer_at)) {
            let text = "what lies here is not part of the log: an unfinished write, or a footer \
                        that is not whole";
            self.finding(FindingKind::Torn, found.id.path(), end, None, text);
        }
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

fn footer_state(segment: SegmentBytes<'_>, entries: &[FooterEntry], next_lsn: Lsn) -> FooterState {
    let segment_bytes = segment.bytes.len() as u64;
    let trailer = segment.part(segment_bytes.saturating_sub(footer_bytes(0)), segment_bytes);
    let expected = Footer { entries: entries.to_vec(), next_lsn };
    match read_footer(segment.bytes, segment.salt) {
        Some(footer) if footer == expected => FooterState::Valid,
        None if all_zero(trailer) => FooterState::Missing,
        Some(_) | None => FooterState::Invalid,
    }
}
