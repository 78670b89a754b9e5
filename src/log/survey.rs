//! The files of the log, as far as their headers tell: which segments there are, which were taken
//! into use, and where each of those goes on.

use std::sync::Arc;

use crate::{
    disk::{Access, Disk, File, read_exact_at},
    types::{Lineage, Lsn, OutputId},
};

use super::{
    FORMAT_VERSION, FileId, LogError, SEGMENTS_DIR, SegmentId,
    file_id::Named,
    frame::{FRAME_HEADER_BYTES, FrameHeader, HeaderRead},
    header::{HEADER_PAGE_BYTES, HeaderPage, SegmentHeader, read_header_page},
    le::index,
    position::Chain,
    settings::SEGMENT_BYTES_MAX,
};

/// What is in the directory of the segments.
#[derive(Debug, Default)]
pub(super) struct Listing {
    /// Ascending.
    pub(super) segments: Vec<SegmentId>,
    /// Ascending.
    pub(super) outputs: Vec<OutputId>,
    /// Names of files that were being prepared.
    pub(super) temporary: Vec<String>,
    /// Names of files that are none of the log's.
    pub(super) unknown: Vec<String>,
}

impl Listing {
    /// The first segment that is missing between two, or at one of them.
    pub(super) fn missing(&self, first: SegmentId, last: SegmentId) -> Option<SegmentId> {
        let mut ids = (first.get()..=last.get()).map(SegmentId::new);
        ids.find(|id| self.segments.binary_search(id).is_err())
    }

    /// The last segment that is there.
    pub(super) fn last(&self) -> Option<SegmentId> {
        self.segments.last().copied()
    }
}

/// A segment whose header was read.
#[derive(Clone)]
pub(super) struct Found {
    pub(super) id: SegmentId,
    /// Opened for reading.
    pub(super) file: Arc<dyn File>,
    pub(super) header: SegmentHeader,
    /// Where the log was when the segment was taken into use, if it was: as its header says, or
    /// its first frame, which is written at the same time.
    pub(super) opening: Option<Chain>,
    /// Whether the header page has harmless damage.
    pub(super) blemished: bool,
}

/// Tells the files of the log from others.
pub(super) fn list(disk: &dyn Disk) -> Result<Listing, LogError> {
    let mut listing = Listing::default();
    for name in disk.list(SEGMENTS_DIR).map_err(LogError::io("list", SEGMENTS_DIR))? {
        match FileId::of_name(&name) {
            Some(Named::Whole(FileId::Segment(id))) => listing.segments.push(id),
            Some(Named::Whole(FileId::Output(id))) => listing.outputs.push(id),
            Some(Named::Temporary) => listing.temporary.push(name),
            None => listing.unknown.push(name),
        }
    }
    Ok(listing)
}

/// The lineage that the first segment with a whole header tells, for a copy of segments alone.
pub fn lineage_told(disk: &dyn Disk) -> Result<Option<Lineage>, LogError> {
    for id in list(disk)?.segments {
        if let Ok(found) = read_header(id, open(disk, id)?, None) {
            return Ok(Some(found.header.lineage));
        }
    }
    Ok(None)
}

/// Opens a segment for reading.
pub(super) fn open(disk: &dyn Disk, id: SegmentId) -> Result<Arc<dyn File>, LogError> {
    let path = id.path();
    disk.open(&path, Access::Read).map_err(LogError::io("open", &path))
}

/// Reads the headers of all segments. What must not be touched at all is told first: files of a
/// newer version, then files of another directory, then damage.
pub(super) fn read_headers(
    files: Vec<(SegmentId, Arc<dyn File>)>,
    lineage: Lineage,
) -> Result<Vec<Found>, LogError> {
    let mut found = Vec::with_capacity(files.len());
    let mut faults = Vec::new();
    for (id, file) in files {
        match read_header(id, file, Some(lineage)) {
            Ok(segment) => found.push(segment),
            Err(fault) => faults.push(fault),
        }
    }
    let urgency = |fault: &LogError| match fault {
        LogError::NewerFormat { .. } => 0,
        LogError::ForeignFiles { .. } => 1,
        _ => 2,
    };
    faults.sort_by_key(urgency);
    faults.into_iter().next().map_or(Ok(found), Err)
}

/// Reads the header of one segment, and of its first frame. It must be of the given lineage, if
/// one is given.
pub(super) fn read_header(
    id: SegmentId,
    file: Arc<dyn File>,
    lineage: Option<Lineage>,
) -> Result<Found, LogError> {
    let path = id.path();
    let (file_bytes, begin) = begin_of(&*file, &path)?;
    let (header, blemished) = whole(&path, read_header_page(&begin))?;
    let (lineage_told, bytes) = (header.lineage, header.segment_bytes);
    let told = Told { id: FileId::Segment(header.id), lineage: lineage_told, bytes };
    told.check(FileId::Segment(id), lineage, file_bytes)?;
    let first_frame = match FrameHeader::read(&begin[HEADER_PAGE_BYTES..], header.salt) {
        HeaderRead::Newer { version } => return Err(newer(path, u32::from(version))),
        HeaderRead::Whole(frame) => {
            Some(Chain { next_lsn: frame.first_lsn, crc: frame.previous_crc })
        }
        HeaderRead::Not => None,
    };
    let opening = header.opening.or(first_frame);
    Ok(Found { id, file, header, opening, blemished })
}

/// Length of a file, and its first bytes: the header page and the header of the first frame.
pub(super) fn begin_of(file: &dyn File, path: &str) -> Result<(u64, Vec<u8>), LogError> {
    let file_bytes = file.len().map_err(LogError::io("measure", path))?;
    let mut begin = vec![0; HEADER_PAGE_BYTES + FRAME_HEADER_BYTES];
    begin.truncate(index(file_bytes));
    read_exact_at(file, 0, &mut begin).map_err(LogError::io("read", path))?;
    Ok((file_bytes, begin))
}

/// The header of a page that has one, and whether the page has harmless damage.
pub(super) fn whole<H>(path: &str, page: HeaderPage<H>) -> Result<(H, bool), LogError> {
    match page {
        HeaderPage::Read { header, blemished } => Ok((header, blemished)),
        HeaderPage::Newer { version } => Err(newer(path.to_owned(), version)),
        HeaderPage::Damaged { found } => Err(damaged_header(path.to_owned(), found.to_owned())),
    }
}

/// What a header says of its file.
pub(super) struct Told {
    pub(super) id: FileId,
    pub(super) lineage: Lineage,
    pub(super) bytes: u64,
}

impl Told {
    /// Whether it is the header of this file: of the lineage, if one is given.
    pub(super) fn check(
        &self,
        id: FileId,
        lineage: Option<Lineage>,
        file_bytes: u64,
    ) -> Result<(), LogError> {
        let path = id.path();
        if lineage.is_some_and(|own| self.lineage != own) {
            return Err(LogError::ForeignFiles {
                path,
                found: "its lineage is another".to_owned(),
            });
        }
        if self.id != id {
            return Err(damaged_header(path, format!("its header is that of {}", self.id)));
        }
        if self.bytes != file_bytes || file_bytes > SEGMENT_BYTES_MAX {
            let found = format!("it has {file_bytes} bytes, not {}", self.bytes);
            return Err(damaged_header(path, found));
        }
        Ok(())
    }
}

pub(super) fn newer(path: String, version: u32) -> LogError {
    LogError::NewerFormat { path, version, known: FORMAT_VERSION }
}

fn damaged_header(path: String, found: String) -> LogError {
    LogError::Corrupt { path, offset: 0, lsn: Lsn::default(), found }
}

/// Where the next segment in use behind the one at `at` goes on.
pub(super) fn next_in_use(segments: &[Found], at: usize) -> Option<(SegmentId, Chain)> {
    let later = segments.get(at + 1..).unwrap_or_default();
    later.iter().find_map(|segment| Some((segment.id, segment.opening?)))
}
