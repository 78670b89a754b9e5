//! What was appended is found again, exactly.

use std::{io, time::Duration};

use super::harness::{Content, draft, new_disk, new_log, settings, start, start_with, text, tick};
use crate::{
    disk::{Disk, RealDisk, sim::keep_none},
    log::{SEGMENT_BYTES_MIN, Settings, create, recover, verify},
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

/// A full disk is no fault of the log: what is prepared is used up, then the owner tries again.
#[test]
fn a_full_disk_lets_a_preparation_fail_until_there_is_space() {
    let mut log = new_log();
    log.append(tick(1)).expect("nothing fails");
    log.disk.set_capacity_bytes(Some(3 * settings().segment_bytes - 5));
    let frame = || draft(2, &[&text(15_000)]);
    let mut frames_count = 1;
    while log.writer.ready(frame().frame_bytes(), 0) {
        let result = log.writer.append(frame()).job.run();
        log.writer.synced(result.map(|()| Duration::ZERO)).expect("the space was prepared");
        frames_count += 1;
    }
    assert!(frames_count > 7, "{frames_count} frames fill two segments");
    let refused = log.maintain();
    assert!(refused.is_err() && log.writer.wants_segment());
    assert_eq!(log.disk.paths().len(), 2, "the unfinished file is gone");
    log.disk.set_capacity_bytes(None);
    log.append(frame()).expect("there is space");
    let found = start(&log.disk.crash(&mut keep_none())).expect("whole").frames;
    assert_eq!(found.len(), frames_count + 1);
}

#[test]
fn a_real_disk_gives_the_same_frames_back() -> io::Result<()> {
    let dir = tempfile::tempdir()?;
    let disk = RealDisk::new(dir.path())?;
    create(&disk, &settings(), &mut || 1).expect("the directory is empty");
    let mut frames_count = 0;
    for round in 0..3 {
        let mut seen = 0;
        let sink = &mut |_: crate::log::FrameView<'_>| {
            seen += 1;
            Ok(())
        };
        let recovered = recover(&disk, &settings(), &mut || round, sink, &mut |_| {});
        let (mut writer, report) = recovered.expect("whole");
        assert_eq!((seen, report.damaged_bodies.len()), (frames_count, 0));
        for now in 0..6 {
            let frame = draft(now, &[&text(12_000), &[0; 1500]]);
            while !writer.ready(frame.frame_bytes(), 0) {
                let job = writer.prepare(now, None).expect("a segment is wanted");
                writer.prepared(job.run(&disk));
            }
            let result = writer.append(frame).job.run();
            writer.synced(result.map(|()| Duration::ZERO)).expect("nothing fails");
            frames_count += 1;
        }
        while let Some(job) = writer.seal() {
            job.run()?;
        }
    }
    let report = verify(&disk, None, None, &mut |_| Ok(()), &mut |_| {}).expect("it can be read");
    assert_eq!(report.findings, []);
    assert_eq!(report.records_count, 2 * frames_count);
    assert!(disk.list("segments")?.len() > 5);
    Ok(())
}

#[test]
fn segments_of_several_sizes_are_replayed_one_behind_the_other() {
    let mut log = new_log();
    let mut written = Vec::new();
    let disk = log.disk.clone();
    for (size, size_next) in [(1, 3), (3, 2), (2, 1)] {
        // As many as fill most of one: the largest holds more than the smallest has room for.
        for now in 0..size * 4 {
            let frame = draft(now, &[&text(14_000)]);
            written.push(Content::of(&frame, log.writer.next_lsn()));
            log.append(frame).expect("nothing fails");
        }
        let settings = Settings { segment_bytes: size_next * SEGMENT_BYTES_MIN, ..settings() };
        let started = start_with(&disk, &settings).expect("whole");
        assert_eq!(started.frames, written);
        log = started.log;
    }
}
