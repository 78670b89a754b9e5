//! Segments as files (R2, R3, R4, R13): how they are prepared, used, sealed and left alone.

use super::harness::{
    draft, flip, keep_sectors, new_disk, new_log, refusal, segment, settings, start, tear, text,
    tick,
};
use crate::{
    disk::{
        Disk, SimDisk,
        sim::{Counter, Fault, Faults, keep_none},
    },
    log::{
        FooterState, LogError, SEGMENTS_DIR, SegmentId, Settings, VerifyReport, create,
        header::{HEADER_PAGE_BYTES, HeaderPage, SegmentHeader, read_header_page},
        le::all_zero,
        recover, verify,
    },
    types::Lineage,
};

#[track_caller]
fn header(disk: &SimDisk, path: &str) -> SegmentHeader {
    match read_header_page(&disk.file(path).expect("the file is durable")) {
        HeaderPage::Read { header, blemished: false } => header,
        page => panic!("{page:?}"),
    }
}

fn inspect(disk: &SimDisk) -> VerifyReport {
    verify(disk, None, None, &mut |_| Ok(()), &mut |_| {}).expect("the disk can be read")
}

#[test]
fn a_segment_has_its_name_only_once_it_is_whole_and_zero() {
    let disk = new_disk();
    disk.set_faults(Faults::none());
    let operations = {
        start(&disk).expect("nothing fails").log.maintain().expect("nothing fails");
        disk.operation_count()
    };
    assert!(operations > 5);
    for nth in 1..=operations {
        let disk = new_disk();
        disk.set_faults(Faults::none().at(Counter::Changes, nth, Fault::CrashAfter));
        if let Ok(mut started) = start(&disk) {
            let _ = started.log.maintain();
        }
        for crashed in disk.every_crash(64) {
            let paths = crashed.paths();
            for path in (1..9).map(segment).filter(|path| paths.contains(path)) {
                let bytes = crashed.file(&path).expect("what is left is durable");
                assert_eq!(header(&crashed, &path).segment_bytes, bytes.len() as u64);
                assert!(all_zero(&bytes[HEADER_PAGE_BYTES..]));
            }
        }
    }
}

#[test]
fn the_first_frame_of_a_segment_completes_its_header_in_the_same_write() {
    let mut log = new_log();
    log.disk.set_faults(Faults::none());
    log.append(tick(1)).expect("nothing fails");
    let opening = header(&log.disk, &segment(1)).opening.expect("in use");
    assert_eq!((opening.next_lsn.get(), opening.crc), (1, 0));
    let mut log = start(&log.disk).expect("whole").log;
    log.disk.set_faults(Faults::none());
    let appended = log.writer.append(tick(2));
    appended.job.run().expect("nothing fails");
    assert_eq!(log.disk.count(Counter::Writes), 1);
    assert_eq!(log.disk.count(Counter::Syncs), 1);
    let opening = header(&log.disk, &segment(2)).opening.expect("in use");
    assert_eq!(opening.next_lsn.get(), 2);
}

/// The trace of R2: message 1 was sent in segment 1 and deleted in segment 2. Segment 3 goes on
/// from there, so segment 1 alone is no log.
#[test]
fn a_log_whose_later_segment_is_gone_is_refused_by_the_header_that_follows() {
    let mut log = new_log();
    log.append(draft(1, &[b"message 1", b"message 2"])).expect("nothing fails");
    let mut log = start(&log.disk).expect("whole").log;
    log.append(tick(2)).expect("nothing fails");
    let log = start(&log.disk).expect("whole").log;
    let (disk, place) = tear(log, tick(3), |sector| sector < 8);
    assert_eq!(place.segment, SegmentId::new(3));
    // Segment 3 has nothing but its completed header. Segment 2 reads as never used.
    let blank = disk.file(&segment(3)).map(|bytes| bytes.len()).expect("durable");
    let unused = SegmentHeader { opening: None, ..header(&disk, &segment(2)) };
    let mut bytes = unused.encode();
    bytes.resize(blank, 0);
    disk.plant(&segment(2), &bytes).expect("the directory is there");
    let (path, _, lsn, found) = refusal(&disk);
    assert_eq!((path, lsn), (segment(1), 3));
    assert!(found.contains("segment 3 goes on from LSN 4"), "{found}");
    // Without the file it is refused all the same.
    disk.erase(&segment(2)).expect("it was there");
    assert_eq!(refusal(&disk).0, segment(2));
}

/// No frame is left at all, but a header says that there were some.
#[test]
fn a_header_that_names_an_lsn_beyond_the_end_is_refused() {
    let mut log = new_log();
    log.append(tick(1)).expect("nothing fails");
    let log = start(&log.disk).expect("whole").log;
    let (disk, _) = tear(log, tick(2), |sector| sector < 8);
    assert_eq!(start(&disk).expect("the tick was never acknowledged").frames.len(), 1);
    let length = disk.file(&segment(1)).map_or(0, |bytes| bytes.len());
    let mut blank = SegmentHeader { opening: None, ..header(&disk, &segment(1)) }.encode();
    blank.resize(length, 0);
    disk.plant(&segment(1), &blank).expect("the directory is there");
    let (path, offset, lsn, found) = refusal(&disk);
    assert_eq!((path, offset, lsn), (segment(2), 0, 1));
    assert!(found.contains("it goes on from LSN 2"), "{found}");
    assert!(inspect(&disk).refuses_start());
}

#[test]
fn the_writer_rolls_before_the_place_of_the_footer() {
    let mut log = new_log();
    let mut first_of_second = 0;
    while first_of_second == 0 {
        let place = log.append(tick(1)).expect("nothing fails");
        if place.segment == SegmentId::new(2) {
            first_of_second = place.first_lsn.get();
        }
    }
    let report = inspect(&log.disk.crash(&mut keep_none()));
    assert_eq!(report.findings, []);
    let sealed = &report.segments[0];
    assert_eq!(sealed.footer, FooterState::Valid);
    assert_eq!(sealed.frames_count as u64, first_of_second - 1);
    let free = settings().segment_bytes - HEADER_PAGE_BYTES as u64 - sealed.frames_bytes;
    let footer = sealed.frames_count as u64 * 32 + 64;
    assert!((footer..footer + 128 + 32 + 128).contains(&free), "{free} bytes for {footer}");
}

#[test]
fn a_damaged_or_missing_footer_is_never_corruption() {
    let mut log = new_log();
    for now in 0..6 {
        log.append(draft(now, &[&text(14_000)])).expect("nothing fails");
    }
    let disk = log.disk.crash(&mut keep_none());
    let whole = start(&disk).expect("whole").frames;
    assert_eq!(inspect(&disk).segments[0].footer, FooterState::Valid);
    let end = settings().segment_bytes;
    let begin = end - (inspect(&disk).segments[0].frames_count as u64 * 32 + 64);
    for offset in begin..end {
        let damaged = disk.snapshot();
        flip(&damaged, &segment(1), offset, u8::try_from(offset % 8).expect("below 8"));
        assert_eq!(start(&damaged).expect("the frames are whole").frames, whole);
        assert_ne!(inspect(&damaged).segments[0].footer, FooterState::Valid, "at {offset}");
        assert!(!inspect(&damaged).findings.is_empty());
    }
    for offset in begin..end {
        disk.corrupt(&segment(1), offset, |_| 0).expect("it is there");
    }
    assert_eq!(start(&disk).expect("the frames are whole").frames, whole);
    assert_eq!(inspect(&disk).segments[0].footer, FooterState::Missing);
    assert_eq!(inspect(&disk).findings, []);
}

#[test]
fn a_footer_is_written_only_once_the_next_segment_has_a_durable_frame() {
    let mut log = new_log();
    while log.writer.next_lsn().get() < 5 {
        log.append(draft(1, &[&text(14_000)])).expect("nothing fails");
    }
    let appended = log.writer.append(draft(1, &[&text(14_000)]));
    assert_eq!(appended.place.segment, SegmentId::new(2));
    assert!(log.writer.seal().is_none());
    let result = appended.job.run().map(|()| std::time::Duration::ZERO);
    assert!(log.writer.synced(result).expect("nothing fails").rolled);
    assert_eq!(log.writer.seal().map(|job| job.segment()), Some(SegmentId::new(1)));
}

/// A footer proves that the next segment was in use, so a lost first frame is not taken for torn.
#[test]
fn a_footer_without_a_later_segment_in_use_is_corruption() {
    let mut log = new_log();
    while log.writer.next_lsn().get() < 6 {
        log.append(draft(1, &[&text(14_000)])).expect("nothing fails");
    }
    let disk = log.disk.crash(&mut keep_none());
    let mut blank = SegmentHeader { opening: None, ..header(&disk, &segment(2)) }.encode();
    blank.resize(disk.file(&segment(2)).map_or(0, |bytes| bytes.len()), 0);
    disk.plant(&segment(2), &blank).expect("the directory is there");
    let (path, _, lsn, found) = refusal(&disk);
    assert_eq!((path, lsn), (segment(1), 5));
    assert!(found.contains("footer"), "{found}");
    assert!(inspect(&disk).refuses_start());
}

#[test]
fn temporary_files_are_removed_and_never_judged_and_others_left_alone() {
    let mut log = new_log();
    log.append(tick(1)).expect("nothing fails");
    let temporary = SegmentId::new(9).temporary_path();
    log.disk.plant(&temporary, &text(5000)).expect("the directory is there");
    log.disk.plant("segments/notes.txt", b"mine").expect("the directory is there");
    let started = start(&log.disk).expect("neither is judged");
    assert_eq!(started.frames.len(), 1);
    assert_eq!(started.report.unknown_files, ["notes.txt"]);
    assert!(!started.log.disk.paths().contains(&temporary));
    assert_eq!(log.disk.file("segments/notes.txt").as_deref(), Some(&b"mine"[..]));
}

#[test]
fn a_segment_with_a_second_name_is_not_written_to() {
    let mut log = new_log();
    log.append(tick(1)).expect("nothing fails");
    let disk = log.disk.crash(&mut keep_none());
    disk.link(&segment(2), "segments/copy").expect("nothing fails");
    let copy = disk.file(&segment(2));
    let mut log = start(&disk).expect("whole").log;
    let place = log.append(tick(2)).expect("nothing fails");
    assert_eq!(place.segment, SegmentId::new(3));
    assert_eq!(log.disk.file(&segment(2)), copy);
}

#[test]
fn nothing_is_appended_to_a_segment_that_was_found_in_use() {
    let mut log = new_log();
    log.append(tick(1)).expect("nothing fails");
    // Once torn, once with a clean end.
    let (torn, _) = tear(log, draft(2, &[&text(3000)]), |sector| sector % 2 == 0);
    let mut clean = new_log();
    clean.append(tick(1)).expect("nothing fails");
    for disk in [torn, clean.disk] {
        let before = disk.file(&segment(1));
        let mut log = start(&disk).expect("torn or clean").log;
        for now in 0..10 {
            let place = log.append(draft(now, &[&text(9000)])).expect("nothing fails");
            assert!(place.segment > SegmentId::new(1));
        }
        assert_eq!(disk.file(&segment(1)), before);
    }
}

#[test]
fn starts_that_write_nothing_use_up_nothing() {
    let mut log = new_log();
    log.append(tick(1)).expect("nothing fails");
    let disk = log.disk;
    let first = start(&disk).expect("whole");
    let paths = disk.paths();
    for _ in 0..5 {
        let again = start(&disk.crash(&mut keep_none())).expect("whole");
        assert_eq!(again.frames, first.frames);
        assert_eq!(again.report, first.report);
        assert_eq!(disk.paths(), paths);
    }
}

#[test]
fn a_prepared_segment_of_another_size_is_left_aside() {
    let mut log = new_log();
    log.append(tick(1)).expect("nothing fails");
    let larger = Settings { segment_bytes: 128 << 10, ..settings() };
    let (mut writer, _) =
        recover(&log.disk, &larger, &mut || 7, &mut |_| Ok(()), &mut |_| {}).expect("whole");
    let place = writer.append(tick(2)).place;
    assert_eq!(place.segment, SegmentId::new(3));
    assert_eq!(place.file.len().expect("it is there"), 128 << 10);
}

#[test]
fn files_of_another_lineage_or_a_newer_version_are_refused_untouched() {
    let mut log = new_log();
    log.append(tick(1)).expect("nothing fails");
    let image = |disk: &SimDisk| disk.paths().iter().map(|p| disk.file(p)).collect::<Vec<_>>();
    let disk = log.disk.crash(&mut keep_none());
    disk.plant(&SegmentId::new(8).temporary_path(), b"stays too").expect("it can be planted");
    let mut page = header(&disk, &segment(1)).encode();
    page[8] = 2;
    let crc = crc32fast::hash(&page[..60]);
    page[60..64].copy_from_slice(&crc.to_le_bytes());
    page.copy_within(..64, 2048);
    page.resize(disk.file(&segment(1)).map_or(0, |bytes| bytes.len()), 7);
    let newer = disk.snapshot();
    newer.plant(&segment(1), &page).expect("it can be planted");
    let before = image(&newer);
    assert!(matches!(start(&newer), Err(LogError::NewerFormat { version: 2, known: 1, .. })));
    assert_eq!(image(&newer), before);

    let other = Settings { lineage: Lineage([9; 16]), ..settings() };
    let before = image(&disk);
    let refused = recover(&disk, &other, &mut || 7, &mut |_| Ok(()), &mut |_| {});
    assert!(matches!(refused, Err(LogError::ForeignFiles { .. })));
    assert_eq!(image(&disk), before);
}

#[test]
fn a_new_log_is_made_again_after_an_interruption_but_never_over_another() {
    let mut operations = 0;
    for nth in 1.. {
        let disk = SimDisk::new();
        disk.set_faults(Faults::none().at(Counter::Changes, nth, Fault::CrashAfter));
        let outcome = create(&disk, &settings(), &mut || nth);
        for crashed in disk.every_crash(32).chain([disk.kill()]) {
            create(&crashed, &settings(), &mut || 99).expect("what is there is its own");
            let crashed = crashed.crash(&mut keep_none());
            assert!(start(&crashed).expect("a new log starts").frames.is_empty());
        }
        operations = nth;
        if outcome.is_ok() {
            break;
        }
    }
    assert!(operations > 5, "{operations}");
    let mut log = new_log();
    log.append(tick(1)).expect("nothing fails");
    let before = log.disk.file(&segment(1));
    let refused = create(&log.disk, &settings(), &mut || 5);
    assert!(matches!(refused, Err(LogError::ForeignFiles { .. })));
    assert_eq!(log.disk.file(&segment(1)), before);
}

/// The trace of R10: a segment whose name is only in the cache is not used before it is durable.
#[test]
fn a_segment_that_was_renamed_but_not_synced_is_made_durable_before_it_is_used() {
    let mut log = new_log();
    log.append(tick(1)).expect("nothing fails");
    let disk = log.disk.crash(&mut keep_none());
    disk.erase(&segment(2)).expect("it was prepared");
    disk.set_faults(Faults::none());
    assert!(start(&disk).is_ok());
    let last = disk.count(Counter::Syncs);
    disk.erase(&segment(2)).expect("it was prepared");
    // The start prepares segment 2 again, and dies before the sync of the directory.
    disk.set_faults(Faults::none().at(Counter::Syncs, last, Fault::Crash));
    assert!(start(&disk).is_err());
    let killed = disk.kill();
    assert!(killed.list(SEGMENTS_DIR).expect("it is there").contains(&segment(2)[9..].to_owned()));
    let mut log = start(&killed).expect("the cache has it").log;
    // Nothing but the frame: no preparation of a further segment syncs the directory by the way.
    let appended = log.writer.append(draft(2, &[b"acknowledged"]));
    assert_eq!(appended.place.segment, SegmentId::new(2));
    let result = appended.job.run().map(|()| std::time::Duration::ZERO);
    log.writer.synced(result).expect("nothing fails");
    let found = start(&killed.crash(&mut keep_none())).expect("all is durable");
    assert_eq!(found.frames.len(), 2);
}

/// The trace of R11: a sync failed, and the cache shows a frame that the disk does not have.
#[test]
fn a_start_judges_what_the_disk_has_and_not_what_the_cache_shows() {
    let mut log = new_log();
    log.append(tick(1)).expect("nothing fails");
    let appended = log.writer.append(draft(2, &[b"never acknowledged"]));
    log.disk.set_faults(Faults::none().at(Counter::Syncs, 1, Fault::Eio));
    let result = appended.job.run().map(|()| std::time::Duration::ZERO);
    assert!(matches!(log.writer.synced(result), Err(LogError::SyncFailed { .. })));
    let killed = log.disk.kill();
    assert_eq!(start(&killed).expect("clean").frames.len(), 1);
    // A start whose own syncs fail serves nothing.
    let disk = killed.snapshot();
    disk.set_faults(Faults::none().at(Counter::Syncs, 2, Fault::Eio));
    assert!(matches!(start(&disk), Err(LogError::Io { operation: "sync", .. })));
}

/// Killed before its sync, a frame is in the cache alone: the start makes it durable, or not at
/// all, before it gives it out.
#[test]
fn a_frame_that_only_the_cache_has_is_durable_before_it_is_replayed() {
    let mut log = new_log();
    log.append(tick(1)).expect("nothing fails");
    let appended = log.writer.append(draft(2, &[b"was on its way"]));
    log.disk.set_faults(Faults::none().at(Counter::Syncs, 1, Fault::Crash));
    assert!(appended.job.run().is_err());
    let killed = log.disk.kill();
    let seen = start(&killed).expect("the cache has it").frames;
    assert_eq!(seen.len(), 2);
    let later = start(&killed.crash(&mut keep_sectors(|_| false))).expect("it is durable");
    assert_eq!(later.frames, seen);
}

#[test]
fn a_replay_that_refuses_a_frame_ends_the_start_and_says_where() {
    let mut log = new_log();
    log.append(tick(1)).expect("nothing fails");
    let place = log.append(tick(2)).expect("nothing fails");
    let mut seen = Vec::new();
    let refused = recover(
        &log.disk,
        &settings(),
        &mut || 7,
        &mut |frame| {
            seen.push(frame.first_lsn.get());
            if frame.first_lsn.get() == 2 { Err("a riddle".to_owned()) } else { Ok(()) }
        },
        &mut |_| {},
    );
    let Err(LogError::Refused { path, offset, lsn, reason }) = refused else {
        panic!("it is refused")
    };
    assert_eq!((path, offset, lsn.get()), (segment(1), place.offset, 2));
    assert_eq!((reason.as_str(), seen), ("a riddle", vec![1, 2]));
}

#[test]
fn jobs_can_run_on_other_threads() {
    fn sendable<T: Send>(_: &T) {}
    let mut log = new_log();
    let appended = log.writer.append(tick(1));
    sendable(&appended.job);
    sendable(&log.writer);
    sendable(&log.writer.prepare(1, None));
}
