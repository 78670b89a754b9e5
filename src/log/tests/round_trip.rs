//! What was appended is found again, exactly.

use super::harness::{Content, draft, new_disk, new_log, start, text, tick};
use crate::{
    disk::sim::keep_none,
    types::{Lsn, Timestamp},
};

#[test]
fn frames_are_found_again_in_order_with_their_bodies() {
    let mut log = new_log();
    let mut written = Vec::new();
    let zeros = vec![0; 3000];
    for round in 0..60 {
        let frame = match round % 4 {
            0 => tick(round),
            1 => draft(round, &[&text(2000), b"", b"short", &zeros]),
            2 => draft(round, &[&text(9000)]),
            _ => draft(round, &[&zeros, &text(600), &zeros]),
        };
        let next_lsn = log.writer.next_lsn();
        let content = Content::of(&frame, next_lsn);
        let place = log.append(frame).expect("nothing fails");
        assert_eq!(place.first_lsn, next_lsn);
        assert_eq!(place.offset % 64, 0);
        written.push(content);
    }
    let started = start(&log.disk.crash(&mut keep_none())).expect("the log is whole");
    assert_eq!(started.frames, written);
    assert_eq!(started.report.frames_count, 60);
    assert_eq!(started.report.next_lsn, log.writer.next_lsn());
    assert_eq!(started.report.last_now, Some(Timestamp::from_millis(59)));
    assert!(started.report.torn_tails.is_empty());
    assert!(started.report.blemished.is_empty());
}

#[test]
fn a_new_log_begins_at_lsn_1() {
    let started = start(&new_disk()).expect("a new log starts");
    assert!(started.frames.is_empty());
    assert_eq!(started.log.writer.next_lsn(), Lsn::new(1));
    assert_eq!(started.log.writer.durable_lsn(), Lsn::new(0));
}
