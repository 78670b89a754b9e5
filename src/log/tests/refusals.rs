//! What a start leaves as it was: everything if it is refused (R12, R15), and torn bytes (R13).

use std::collections::BTreeMap;

use super::harness::{draft, flip, new_log, refusal, segment, start, tear, text, tick};
use crate::{disk::SimDisk, log::SegmentId, types::Lsn};

fn files(disk: &SimDisk) -> BTreeMap<String, Option<Vec<u8>>> {
    disk.paths().into_iter().map(|path| (path.clone(), disk.file(&path))).collect()
}

#[test]
fn a_refused_start_changes_nothing() {
    let mut log = new_log();
    let place = log.append(draft(1, &[&text(1000)])).expect("nothing fails");
    log.append(tick(2)).expect("nothing fails");
    let disk = log.disk.kill();
    // Of a segment that was being made when the process ended.
    disk.plant(&SegmentId::new(9).temporary_path(), &text(5000)).expect("the directory is there");
    flip(&disk, &segment(1), place.offset, 3);
    let before = files(&disk);
    refusal(&disk);
    assert_eq!(files(&disk), before, "it can be looked at, and repaired");
    flip(&disk, &segment(1), place.offset, 3);
    let started = start(&disk).expect("it is as it was");
    assert_eq!(started.frames.len(), 2);
}

/// R13: torn bytes are evidence, also where no frame was ever whole.
#[test]
fn a_segment_whose_first_frame_was_torn_is_not_written_to() {
    let mut log = new_log();
    log.append(tick(1)).expect("nothing fails");
    let log = start(&log.disk.kill()).expect("whole").log;
    // Of the header's page nothing is kept, and of the frame its end.
    let (torn, place) = tear(log, draft(2, &[&text(3000)]), |sector| sector > 10);
    assert_eq!(place.segment, SegmentId::new(2));
    let before = torn.file(&segment(2));
    let mut log = start(&torn).expect("torn").log;
    let place = log.append(draft(3, &[&text(100)])).expect("nothing fails");
    assert_eq!((place.segment, place.first_lsn), (SegmentId::new(3), Lsn::new(2)));
    assert_eq!(log.disk.file(&segment(2)), before);
}
