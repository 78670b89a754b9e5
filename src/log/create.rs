//! A new log: the directory and the first segment, before anything says that they are there.

use crate::disk::{Disk, read_exact_at};

use super::{
    FileId, LogError, SEGMENTS_DIR, SegmentId, Settings,
    header::HEADER_PAGE_BYTES,
    jobs::PrepareJob,
    le::{all_zero, index},
    survey::{list, open, read_header},
    writer::blank_header,
};

/// Makes the directory of the segments and the first segment, durably. [`super::recover()`] then
/// gives the writer.
///
/// It can be called again after it was interrupted, also with another lineage, but refuses if the
/// directory has anything that it could not have made itself: somebody's log lost its identity.
pub fn create(
    disk: &dyn Disk,
    settings: &Settings,
    salts: &mut dyn FnMut() -> u64,
) -> Result<(), LogError> {
    settings.check()?;
    disk.create_dir(SEGMENTS_DIR).map_err(LogError::io("create", SEGMENTS_DIR))?;
    refuse_a_log(disk)?;
    disk.sync_dir("").map_err(LogError::io("sync", "the data directory"))?;
    let header = blank_header(settings, SegmentId::FIRST, salts());
    let job = PrepareJob { header, reuse: None };
    job.run(disk).map_err(LogError::io("prepare", &SegmentId::FIRST.path()))?;
    Ok(())
}

/// Only a first segment that was never used may be replaced.
fn refuse_a_log(disk: &dyn Disk) -> Result<(), LogError> {
    let first = SegmentId::FIRST.temporary_path();
    let listing = list(disk)?;
    let names = listing.temporary.iter().map(|name| format!("{SEGMENTS_DIR}/{name}"));
    let later = listing.segments.iter().filter(|id| **id != SegmentId::FIRST).map(|id| id.path());
    let outputs = listing.outputs.iter().map(|id| FileId::Output(*id).path());
    if let Some(path) = names.filter(|path| *path != first).chain(later).chain(outputs).next() {
        return Err(foreign(path));
    }
    let Some(id) = listing.segments.first().copied() else { return Ok(()) };
    let found = read_header(id, open(disk, id)?, None)?;
    let mut bytes = vec![0; index(found.header.segment_bytes)];
    read_exact_at(&*found.file, 0, &mut bytes).map_err(LogError::io("read", &id.path()))?;
    if found.opening.is_some() || !all_zero(&bytes[HEADER_PAGE_BYTES..]) {
        return Err(foreign(id.path()));
    }
    Ok(())
}

fn foreign(path: String) -> LogError {
    let found = "a log is there, where a new one was to be made".to_owned();
    LogError::ForeignFiles { path, found }
}
