//! Reuse of dead segments (R4): their files become new segments, and a crash leaves the one, the
//! other, or neither.

use super::harness::{
    TestLog, draft, keep_sectors, new_log, segment, settings, start_from, text, tick,
};
use crate::{
    disk::{
        Access, Disk, SimDisk,
        sim::{Choice, Counter, Fault, Faults, keep_all, keep_none, keep_random},
    },
    log::{
        LogError, Position, SegmentId, Settings,
        header::{HEADER_PAGE_BYTES, HeaderPage, read_header_page},
        le::all_zero,
    },
};

/// A log whose segment 1 is dead for a start from the position, with no segment prepared.
fn log_with_a_dead_segment() -> (TestLog, Position) {
    let mut log = new_log();
    while log.writer.active_segment() != Some(SegmentId::new(3)) {
        log.append(draft(1, &[&text(14_000)])).expect("nothing fails");
    }
    log.append(tick(2)).expect("nothing fails");
    log.writer.roll_next();
    let appended = log.writer.append(tick(3));
    let result = appended.job.run().map(|()| std::time::Duration::ZERO);
    log.writer.synced(result).expect("nothing fails");
    let position = log.writer.position().expect("a frame was planned");
    assert_eq!((position.segment.get(), log.writer.standby_count()), (4, 0));
    (log, position)
}

/// A segment that is not in use: all zero, and its header not completed.
#[track_caller]
fn check_blank(disk: &SimDisk, raw: u64) -> u32 {
    let bytes = disk.file(&segment(raw)).expect("it is durable");
    assert!(all_zero(&bytes[HEADER_PAGE_BYTES..]), "segment {raw}");
    match read_header_page(&bytes) {
        HeaderPage::Read { header, blemished: false } => {
            assert_eq!((header.id.get(), header.opening), (raw, None));
            assert_eq!(header.segment_bytes, bytes.len() as u64);
            header.salt
        }
        page => panic!("{page:?}"),
    }
}

fn salt(disk: &SimDisk, raw: u64) -> u32 {
    let bytes = disk.file(&segment(raw)).expect("it is durable");
    u32::from_le_bytes(*bytes[12..].first_chunk().expect("a header"))
}

#[test]
fn a_dead_segment_gives_its_file_for_a_new_one() {
    let (mut log, from) = log_with_a_dead_segment();
    let old_salt = salt(&log.disk, 1);
    let old = log.disk.open(&segment(1), Access::Read).expect("it is there");
    let job = log.writer.prepare(77, Some(SegmentId::new(1))).expect("one is wanted");
    assert_eq!((job.segment().get(), job.reused()), (5, Some(SegmentId::new(1))));
    assert_eq!(job.zero_bytes(), settings().segment_bytes);
    let prepared = job.run(&log.disk);
    log.writer.prepared(prepared);
    assert_eq!(log.writer.standby_count(), 1);
    let disk = log.disk.crash(&mut keep_none());
    assert!(!disk.paths().contains(&segment(1)));
    assert_ne!(check_blank(&disk, 5), old_salt);
    // It is the same file: who has it open sees the new header.
    let mut id = [0; 8];
    old.read_at(16, &mut id).expect("it is open");
    assert_eq!(u64::from_le_bytes(id), 5);
    let mut started = start_from(&disk, Some(from), &[]).expect("the log is whole");
    assert_eq!(started.log.append(tick(9)).expect("nothing fails").segment.get(), 5);
}

/// R4: the link count is asked for only after the old name is gone for good.
#[test]
fn a_dead_segment_with_a_second_name_is_not_written_to() {
    let (mut log, _) = log_with_a_dead_segment();
    log.disk.link(&segment(1), "segments/copy").expect("nothing fails");
    log.disk.sync_dir("segments").expect("nothing fails");
    let copy = log.disk.file("segments/copy");
    log.prepare_from(Some(1)).expect("nothing fails");
    check_blank(&log.disk, 5);
    assert_eq!(log.disk.file("segments/copy"), copy);
    assert!(!log.disk.paths().contains(&segment(1)));
}

#[test]
fn a_dead_segment_of_another_size_is_no_use() {
    let (log, from) = log_with_a_dead_segment();
    let larger = Settings { segment_bytes: 128 << 10, ..settings() };
    let recovery = crate::log::Recovery::open(&log.disk, &larger, Some(from), &[].into());
    let replayed =
        recovery.expect("whole").replay(&log.disk, &mut || 5, &mut |_| Ok(()), &mut |_| {});
    let (mut writer, _) = replayed.expect("whole");
    let job = writer.prepare(6, Some(SegmentId::new(1))).expect("a further one is wanted");
    let raw = job.segment().get();
    assert_eq!(job.zero_bytes(), 128 << 10);
    writer.prepared(job.run(&log.disk));
    assert_eq!(log.disk.file(&segment(raw)).map(|bytes| bytes.len()), Some(128 << 10));
    check_blank(&log.disk, raw);
    assert!(!log.disk.paths().contains(&segment(1)));
}

#[test]
fn a_dead_segment_that_is_gone_already_is_made_anew() {
    let (mut log, _) = log_with_a_dead_segment();
    log.disk.erase(&segment(1)).expect("it is there");
    log.prepare_from(Some(1)).expect("nothing fails");
    check_blank(&log.disk, 5);
}

#[test]
#[cfg(debug_assertions)]
fn the_active_segment_is_never_reused() {
    let reuse = || {
        let (mut log, from) = log_with_a_dead_segment();
        log.writer.prepare(1, Some(from.segment)).is_some()
    };
    assert!(std::panic::catch_unwind(reuse).is_err());
}

/// The trace of R4: the power goes while the file is written, and the rename before is lost. The
/// directory was synced in between, so it cannot be: under the old name the file is as it was.
#[test]
fn a_file_that_was_written_to_has_not_its_old_name_any_more() {
    let (mut log, from) = log_with_a_dead_segment();
    let before = log.disk.file(&segment(1));
    let base = log.disk.crash(&mut keep_none());
    log.disk.set_faults(Faults::none());
    log.prepare_from(Some(1)).expect("nothing fails");
    for nth in 1..=log.disk.operation_count() {
        let (mut log, _) = log_with_a_dead_segment();
        log.disk.set_faults(Faults::none().at(Counter::Changes, nth, Fault::CrashAfter));
        let _ = log.prepare_from(Some(1));
        // The data reach the disk, the directory does not.
        let crashed = log.disk.crash(&mut |choice| !matches!(choice, Choice::Entry(_)));
        if crashed.paths().contains(&segment(1)) {
            assert_eq!(crashed.file(&segment(1)), before, "after operation {nth}");
        }
        start_from(&crashed, Some(from), &[]).expect("the log is whole");
    }
    assert_eq!(base.file(&segment(1)), before);
}

/// Whatever a crash leaves, a start with the checkpoint works, and the new segment is blank or is
/// not there. Until the rename is durable, the dead segment is whole for an older checkpoint.
#[test]
fn a_crash_at_any_operation_leaves_what_a_start_can_handle() {
    let operations = {
        let (mut log, _) = log_with_a_dead_segment();
        log.disk.set_faults(Faults::none());
        log.prepare_from(Some(1)).expect("nothing fails");
        log.disk.operation_count()
    };
    assert!(operations >= 6, "{operations}");
    let mut states_count = 0;
    for nth in 1..=operations {
        for fault in [Fault::Crash, Fault::CrashAfter, Fault::CrashWithin(3000)] {
            let (mut log, from) = log_with_a_dead_segment();
            let dead = log.disk.file(&segment(1));
            log.disk.set_faults(Faults::none().at(Counter::Changes, nth, fault));
            let is_done = log.prepare_from(Some(1)).is_ok();
            let disk = &log.disk;
            let futures = [disk.crash(&mut keep_none()), disk.crash(&mut keep_all()), disk.kill()];
            let partly = disk.crash(&mut keep_sectors(|sector| sector % 2 == 0));
            let random = (0..5).map(|seed| disk.crash(&mut keep_random(seed * 977 + nth)));
            for crashed in futures.into_iter().chain([partly]).chain(random) {
                let name = format!("{fault:?} at {nth}");
                let mut started = start_from(&crashed, Some(from), &[])
                    .unwrap_or_else(|error| panic!("{name}: {error}"));
                assert_eq!(started.frames, [], "{name}");
                let durable = crashed.crash(&mut keep_none());
                let is_there = |raw| durable.paths().contains(&segment(raw));
                if is_there(1) {
                    assert!(!is_done, "{name}");
                    assert_eq!(durable.file(&segment(1)), dead, "{name}");
                    assert_eq!(started.report.stray, [1, 2, 3].map(segment), "{name}");
                }
                let place = started.log.append(tick(5)).expect("nothing fails");
                assert_eq!(place.segment.get(), 5, "{name}");
                states_count += 1;
            }
        }
    }
    assert!(states_count > 100, "{states_count}");
}

#[test]
fn an_error_gives_the_dead_segments_space_back() {
    let (mut log, from) = log_with_a_dead_segment();
    log.disk.set_faults(Faults::none());
    let syncs = {
        let (mut log, _) = log_with_a_dead_segment();
        log.disk.set_faults(Faults::none());
        log.prepare_from(Some(1)).expect("nothing fails");
        log.disk.count(Counter::Syncs)
    };
    for nth in 1..syncs {
        let (mut log, _) = log_with_a_dead_segment();
        log.disk.set_faults(Faults::none().at(Counter::Syncs, nth, Fault::Eio));
        assert!(log.prepare_from(Some(1)).is_err(), "sync {nth}");
        assert!(log.disk.paths().iter().all(|path| path != &segment(1) && !path.contains(".tmp")));
        log.disk.set_faults(Faults::none());
        log.prepare_from(None).expect("nothing fails any more");
        check_blank(&log.disk, 5);
    }
    log.prepare_from(Some(1)).expect("nothing fails");
    // A checkpoint that still lists the dead segment would be useless now: R18 keeps it from that.
    let refused = start_from(&log.disk, Some(from), &[1]).err();
    assert!(matches!(refused, Some(LogError::Missing { path, .. }) if path == segment(1)));
}

/// That it is not there any more is no error; that the device fails is one.
#[test]
fn a_dead_segment_that_cannot_be_renamed_is_an_error_and_stays() {
    let (mut log, _) = log_with_a_dead_segment();
    log.disk.set_faults(Faults::none().at(Counter::Changes, 1, Fault::Eio));
    assert!(log.prepare_from(Some(1)).is_err());
    assert!(log.disk.paths().contains(&segment(1)));
    log.disk.erase(&segment(1)).expect("it is there");
    log.prepare_from(Some(1)).expect("another file is made");
}
