//! Starts without a checkpoint (R20): all of the log, or nothing.

use super::harness::{TestLog, draft, new_log, segment, start, text, tick};
use crate::{
    disk::{SimDisk, sim::keep_none},
    log::{FileId, LogError},
    types::OutputId,
};

fn log_in_segments(count: u64) -> TestLog {
    let mut log = new_log();
    while log.append(draft(1, &[&text(9000)])).expect("nothing fails").segment.get() < count {}
    log
}

#[track_caller]
fn missing(disk: &SimDisk) -> (String, String) {
    match start(disk) {
        Ok(started) => panic!("started with {} frames", started.frames.len()),
        Err(LogError::Missing { path, why }) => (path, why),
        Err(error) => panic!("{error}"),
    }
}

/// The trace of R20 and R2: a message was sent in segment 1 and deleted in segment 2. Without a
/// checkpoint, what is left must not be taken for a log.
#[test]
fn a_part_of_a_log_is_never_replayed() {
    let disk = log_in_segments(4).disk.crash(&mut keep_none());
    assert!(start(&disk.snapshot()).is_ok());
    for raw in 1..=3 {
        let disk = disk.snapshot();
        disk.erase(&segment(raw)).expect("it is there");
        let (path, why) = missing(&disk);
        assert_eq!(path, segment(raw));
        assert!(why.contains("without a good checkpoint"), "{why}");
        assert!(why.contains("bring back what was deleted"), "{why}");
    }
    (1..=5).for_each(|raw| disk.erase(&segment(raw)).expect("it is there"));
    assert_eq!(missing(&disk).0, segment(1));
}

/// What an output holds was taken from segments that may be gone.
#[test]
fn a_log_beside_an_output_is_not_replayed_without_a_checkpoint() {
    let log = log_in_segments(2);
    let output = FileId::Output(OutputId::new(3)).path();
    log.disk.plant(&output, b"whatever it holds").expect("it can be planted");
    let before = log.disk.paths();
    let (path, why) = missing(&log.disk);
    assert_eq!(path, "a good checkpoint");
    assert!(why.contains(&output) && why.contains("bring back what was deleted"), "{why}");
    assert_eq!(log.disk.paths(), before, "nothing was changed");
}

/// A leftover of an output is none.
#[test]
fn an_output_that_was_being_made_is_removed() {
    let log = log_in_segments(2);
    let temporary = FileId::Output(OutputId::new(3)).temporary_path();
    log.disk.plant(&temporary, b"half of it").expect("it can be planted");
    let started = start(&log.disk).expect("it is never judged");
    assert!(!log.disk.paths().contains(&temporary));
    assert_eq!(started.report.stray, [] as [String; 0]);
    assert_eq!(started.report.unknown_files, [] as [String; 0]);
}

#[test]
fn the_error_says_what_to_do() {
    let mut log = log_in_segments(2);
    log.append(tick(2)).expect("nothing fails");
    log.disk.erase(&segment(1)).expect("it is there");
    let error = start(&log.disk).err().expect("it is refused").to_string();
    assert_eq!(
        error,
        "segments/00000000000000000001.seg is missing: without a good checkpoint the log must be \
         whole from its first record on, or a replay could bring back what was deleted; nothing \
         was changed; put it back, or restore a backup"
    );
}
