//! An inspection: how far it is, and what it says of segments that do not go on from each other.

use super::{
    harness::{LINEAGE, flip, segment},
    salvaging::long_log,
};
use crate::{
    disk::SimDisk,
    log::{FindingKind, OutputWriter, Position, Progress, verify},
    types::OutputId,
};

/// The files of the findings by which a start is refused, and what they say.
fn refusals(disk: &SimDisk, from: Option<Position>) -> Vec<(String, String)> {
    let report = verify(disk, None, from, &mut |_| Ok(()), &mut |_| {}).expect("it can be read");
    let corrupt = report.findings.into_iter().filter(|it| it.kind == FindingKind::Corrupt);
    corrupt.map(|finding| (finding.path, finding.found)).collect()
}

#[test]
fn an_inspection_tells_how_many_of_all_files_it_has_read() {
    let (disk, ..) = long_log();
    for output in [5, 6].map(OutputId::new) {
        let writer = OutputWriter::create(&disk, output, LINEAGE, 7, 1).expect("there is space");
        writer.finish(&disk).expect("nothing fails");
    }
    let mut done = Vec::new();
    let mut progress = |progress: Progress| {
        done.push((progress.segments_done, progress.segments_total));
    };
    verify(&disk, None, None, &mut |_| Ok(()), &mut progress).expect("it can be read");
    assert_eq!(done, [(1, 6), (2, 6), (3, 6), (4, 6), (5, 6), (6, 6)]);
}

#[test]
fn the_segment_of_a_position_must_be_followed_by_the_one_that_goes_on_from_it() {
    let (disk, _, positions) = long_log();
    disk.erase(&segment(2)).expect("it is there");
    let paths: Vec<_> =
        refusals(&disk, Some(positions[1])).into_iter().map(|(path, _)| path).collect();
    assert_eq!(paths, [segment(2), segment(1)]);
    // Behind the position it may be gone, and the footer says where the one before ends.
    assert_eq!(refusals(&disk, Some(positions[9])), []);
}

#[test]
fn a_segment_that_goes_on_from_nothing_is_told_beside_the_missing_file() {
    let (disk, ..) = long_log();
    disk.erase(&segment(1)).expect("it is there");
    let refusals = refusals(&disk, None);
    assert_eq!(refusals[0], (segment(1), "the file is missing".to_owned()));
    assert_eq!(refusals[1].0, segment(2));
    assert!(refusals[1].1.starts_with("it goes on from LSN 9"), "{refusals:?}");
}

#[test]
fn a_position_is_reached_by_the_frame_that_goes_on_from_it_there_and_nowhere_else() {
    const NOT_REACHED: &str = "a checkpoint goes on from here";
    let is_reached = |disk: &SimDisk, from: Position| {
        !refusals(disk, Some(from)).iter().any(|(_, found)| found.starts_with(NOT_REACHED))
    };
    let (disk, places, positions) = long_log();
    let from = positions[1];
    flip(&disk, &segment(1), places[1].offset + 9, 0);
    assert!(is_reached(&disk, from), "the frame behind names the one that is damaged");
    assert!(!is_reached(&disk, Position { offset: from.offset + 64, ..from }));
}
