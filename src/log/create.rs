//! A new log: the directory and the first segment, before anything says that they are there.

use crate::disk::Disk;

use super::{LogError, SEGMENTS_DIR, SegmentId, Settings, jobs::PrepareJob, writer::blank_header};

/// Makes the directory of the segments and the first segment, durably. [`super::recover`] then
/// gives the writer. It can be called again after it was interrupted, but refuses if there is
/// anything in the directory that it did not make itself.
pub fn create(
    disk: &dyn Disk,
    settings: &Settings,
    salts: &mut dyn FnMut() -> u64,
) -> Result<(), LogError> {
    settings.check()?;
    disk.create_dir(SEGMENTS_DIR).map_err(LogError::io("create", SEGMENTS_DIR))?;
    disk.sync_dir("").map_err(LogError::io("sync", "the data directory"))?;
    let job = PrepareJob { header: blank_header(settings, SegmentId::FIRST, salts()) };
    job.run(disk).map_err(LogError::io("prepare", &SegmentId::FIRST.path()))?;
    Ok(())
}
