//! An inspection of the log while no broker runs. It changes nothing, reads on behind damage, and
//! tells everything that is not as written.
//!
//! It reads through the page cache and syncs nothing. So it is no start: what only the cache has
//! is shown like the rest.

use crate::{
    disk::Disk,
    types::{Lineage, Lsn, OutputId},
};

use super::{LogError, Position, Progress, SegmentId, Sink, inspection::Inspection};

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
    /// Damage where nothing that a start needs is: no message is lost by it.
    NotNeeded,
    /// A checkpoint that is not used: an older one, or the log, serves in its place.
    DamagedCheckpoint,
    /// A file that nothing needs any more: the broker removes it.
    Stray,
    /// A file that is not the broker's: it is left alone.
    OtherFile,
}

impl FindingKind {
    /// Whether a start is refused because of it.
    pub fn refuses_start(self) -> bool {
        match self {
            Self::Corrupt | Self::NewerFormat | Self::Foreign => true,
            Self::DamagedBody
            | Self::Torn
            | Self::Harmless
            | Self::NotNeeded
            | Self::DamagedCheckpoint
            | Self::Stray
            | Self::OtherFile => false,
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

/// One output, in short.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutputSummary {
    /// The output.
    pub id: OutputId,
    /// How many whole frames it has.
    pub frames_count: usize,
    /// Length of the whole frames, in bytes.
    pub frames_bytes: u64,
    /// Its footer.
    pub footer: FooterState,
}

/// What is at the end of a segment or an output.
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
    /// The outputs whose headers could be read, in order.
    pub outputs: Vec<OutputSummary>,
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

/// Reads the whole log, also behind damage; `sink` gets every whole frame of it. Outputs are
/// checked, and their frames not given to anybody. Without a lineage, that of the first segment
/// counts. An error is the operating system's or the sink's.
///
/// With `from`, what the newest good checkpoint names, the segments before it may be missing, and
/// those that are there are checked like the others, although a start does not read them.
pub fn verify(
    disk: &dyn Disk,
    lineage: Option<Lineage>,
    from: Option<Position>,
    sink: &mut Sink<'_>,
    progress: &mut dyn FnMut(Progress),
) -> Result<VerifyReport, LogError> {
    let mut inspection = Inspection::new(from, lineage);
    inspection.all(disk, sink, progress)?;
    Ok(inspection.report)
}
