//! The files of the log, as far as their headers tell: which segments there are, which were taken
//! into use, and where each of those goes on.

use std::sync::Arc;

use crate::{
    disk::{Access, Disk, File, read_exact_at},
    types::{Lineage, Lsn},
};

use super::{
    FORMAT_VERSION, LogError, SEGMENTS_DIR, SegmentId,
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
    /// Names of files that were being prepared.
    pub(super) temporary: Vec<String>,
    /// Names of files that are none of the log's.
    pub(super) unknown: Vec<String>,
}

impl Listing {
    /// The segments that are missing between the first of all and the last that is there.
    pub(super) fn missing(&self) -> impl Iterator<Item = SegmentId> {
        let last = self.segments.last().map_or(SegmentId::FIRST.get(), |id| id.get());
        let ids = (SegmentId::FIRST.get()..=last).map(SegmentId::new);
        ids.filter(|id| self.segments.binary_search(id).is_err())
    }

    /// The last segment, if no other is missing.
    pub(super) fn last_of_all(&self) -> Result<SegmentId, LogError> {
        match (self.missing().next(), self.segments.last()) {
            (None, Some(last)) => Ok(*last),
            (missing, _) => {
                let path = missing.unwrap_or(SegmentId::FIRST).path();
                let found = "the file is missing".to_owned();
                Err(LogError::Corrupt { path, offset: 0, lsn: Lsn::default(), found })
            }
        }
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
        if let Some(id) = SegmentId::from_name(&name, ".seg") {
            listing.segments.push(id);
        } else if SegmentId::from_name(&name, ".tmp").is_some() {
            listing.temporary.push(name);
        } else {
            listing.unknown.push(name);
        }
    }
    Ok(listing)
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
    let file_bytes = file.len().map_err(LogError::io("measure", &path))?;
    let mut begin = vec![0; HEADER_PAGE_BYTES + FRAME_HEADER_BYTES];
    begin.truncate(index(file_bytes));
    read_exact_at(&*file, 0, &mut begin).map_err(LogError::io("read", &path))?;
    let (header, blemished) = match read_header_page(&begin) {
        HeaderPage::Read { header, blemished } => (header, blemished),
        HeaderPage::Newer { version } => return Err(newer(path, version)),
        HeaderPage::Damaged { found } => return Err(damaged_header(path, found.to_owned())),
    };
    if lineage.is_some_and(|own| header.lineage != own) {
        return Err(LogError::ForeignFiles { path, found: "its lineage is another".to_owned() });
    }
    if header.id != id {
        return Err(damaged_header(path, format!("its header is that of segment {}", header.id)));
    }
    if header.segment_bytes != file_bytes || file_bytes > SEGMENT_BYTES_MAX {
        let found = format!("it has {file_bytes} bytes, not {}", header.segment_bytes);
        return Err(damaged_header(path, found));
    }
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
