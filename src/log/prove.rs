//! The end of a copy of a log.

use std::io;

use crate::{disk::Disk, types::Lineage};

use super::{
    Appended, Draft, Position, SEGMENT_BYTES_MIN, Settings, Writer, jobs::PrepareJob,
    writer::blank_header,
};

/// Appends one frame to a copy of a log that ends at `end`, in a segment of its own, as a writer
/// would have gone on there: it proves all before it (R6), and the footer before it is one with a
/// segment behind it. The salt is random.
///
/// Nobody may have the copy but who makes it.
///
/// # Panics
///
/// If the frame holds no record, or is larger than one of the smallest segments takes.
pub fn prove_end(
    disk: &dyn Disk,
    lineage: Lineage,
    end: Position,
    frame: Draft,
    salt: u64,
) -> io::Result<Position> {
    let settings = Settings { segment_bytes: SEGMENT_BYTES_MIN, lineage };
    let segment = end.segment.next();
    let job = PrepareJob { header: blank_header(&settings, segment, salt), reuse: None };
    let prepared = job.run(disk)?;
    let mut writer = Writer::new(settings, end.chain(), [prepared].into(), segment.next());
    let Appended { job, place } = writer.append(frame);
    job.run()?;
    debug_assert_eq!(place.segment, segment, "the frame has the segment to itself");
    Ok(writer.position().expect("a frame was planned"))
}
