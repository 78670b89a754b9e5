//! Sealed files, read back without a footer, and what is not theirs.

use super::{
    footers::stored,
    harness::{Content, draft, flip, new_log, segment, settings, start, tear, text, tick},
};
use crate::{
    disk::sim::keep_none,
    log::{FileId, FooterEntry, FooterState, LogError, SegmentId, StoredFile},
    types::{Lineage, Lsn, OutputId, Timestamp},
};

fn scanned(file: &StoredFile, last_lsn: Option<u64>) -> Vec<Content> {
    let mut frames = Vec::new();
    file.scan(last_lsn.map(Lsn::new), &mut |frame| {
        frames.push(Content::of_view(&frame));
        Ok(())
    })
    .expect("it can be read");
    frames
}

#[test]
fn a_scan_gives_the_frames_of_every_segment() {
    let mut log = new_log();
    for now in 0..12 {
        log.append(draft(now, &[b"x", &text(9000)])).expect("nothing fails");
    }
    let mut log = start(&log.disk).expect("whole").log;
    log.append(tick(20)).expect("nothing fails");
    let whole = start(&log.disk).expect("whole");
    let mut found = Vec::new();
    for info in whole.report.segments {
        let file = stored(&log.disk, info.id.get());
        assert_eq!((file.bytes, file.first_lsn()), (info.bytes, info.first_lsn));
        let frames = scanned(&file, None);
        assert_eq!(scanned(&file, Some(info.last_lsn.get())), frames);
        found.extend(frames);
    }
    assert_eq!(found, whole.frames);
}

/// R14: the LSNs of a torn frame are given again. What is left of it, whole but for its body, is
/// told from the log's own frames by the last LSN that the segment holds.
#[test]
fn a_scan_ends_before_a_torn_frame_if_it_is_told_where() {
    let mut log = new_log();
    log.append(tick(1)).expect("nothing fails");
    let (disk, torn) = tear(log, draft(2, &[&text(3000)]), |sector| sector % 16 != 12);
    let mut started = start(&disk).expect("torn");
    assert_eq!(started.report.torn_tails.len(), 1);
    started.log.append(tick(3)).expect("nothing fails");
    let info = start(&disk).expect("whole").report.segments;
    assert_eq!((info[0].last_lsn.get(), info[1].first_lsn), (1, Some(torn.first_lsn)));
    let file = stored(&disk, 1);
    assert_eq!(scanned(&file, None).len(), 2, "the torn frame has its records");
    assert_eq!(scanned(&file, Some(1)).len(), 1);
}

#[test]
fn a_scan_stops_at_damage_and_flags_bodies() {
    let mut log = new_log();
    let places: Vec<_> =
        (0..3).map(|now| log.append(draft(now, &[&text(300)])).expect("nothing fails")).collect();
    let disk = log.disk.crash(&mut keep_none());
    flip(&disk, &segment(1), places[0].bodies_offset, 1);
    flip(&disk, &segment(1), places[2].offset + 70, 1);
    let frames = scanned(&stored(&disk, 1), None);
    assert_eq!((frames.len(), &frames[0].bodies), (2, &vec![None]));
}

#[test]
fn a_sink_that_refuses_ends_a_scan() {
    let mut log = new_log();
    log.append(tick(1)).expect("nothing fails");
    let refused = stored(&log.disk, 1).scan(None, &mut |_| Err("no".to_owned()));
    assert!(matches!(refused, Err(LogError::Refused { offset: 4096, .. })));
}

#[test]
fn a_file_of_another_lineage_id_or_length_is_not_opened() {
    let mut log = new_log();
    log.append(tick(1)).expect("nothing fails");
    let disk = log.disk.crash(&mut keep_none());
    let first = FileId::Segment(SegmentId::new(1));
    let other = StoredFile::open(&disk, first, Lineage([1; 16]));
    assert!(matches!(other.err(), Some(LogError::ForeignFiles { .. })));
    let image = disk.file(&segment(1)).expect("durable");
    let output = FileId::Output(OutputId::new(1));
    for id in [FileId::Segment(SegmentId::new(9)), output] {
        disk.plant(&id.path(), &image).expect("it can be planted");
        let refused = StoredFile::open(&disk, id, settings().lineage);
        assert!(matches!(refused.err(), Some(LogError::Corrupt { .. })), "{id}");
    }
    disk.truncate(&segment(1), 70_000).expect("it is there");
    let refused = StoredFile::open(&disk, first, settings().lineage);
    assert!(matches!(refused.err(), Some(LogError::Corrupt { .. })));
    let gone = StoredFile::open(&disk, FileId::Segment(SegmentId::new(7)), settings().lineage);
    assert!(matches!(gone.err(), Some(LogError::Io { operation: "open", .. })));
}

#[test]
fn a_frame_whose_records_are_damaged_is_told_by_its_place() {
    let mut log = new_log();
    for now in 0..6 {
        log.append(draft(now, &[&text(14_000)])).expect("nothing fails");
    }
    let disk = log.disk.crash(&mut keep_none());
    let whole = stored(&disk, 1);
    let footer = whole.footer().expect("it can be read").expect("it is valid");
    let entry = footer.entries[1];
    let records_end = entry.offset + u64::from(entry.bodies_at);
    for at in entry.offset..records_end {
        let damaged = disk.snapshot();
        flip(&damaged, &segment(1), at, 5);
        match stored(&damaged, 1).frame(&entry) {
            Err(LogError::Corrupt { offset, lsn, .. }) => {
                assert_eq!((offset, lsn), (entry.offset, entry.first_lsn), "byte {at}");
            }
            other => panic!("byte {at}: {other:?}"),
        }
    }
    // Bodies are not read, and so not judged.
    flip(&disk, &segment(1), records_end, 5);
    assert!(stored(&disk, 1).frame(&entry).is_ok());
}

/// A footer with a right CRC that a program wrote wrong does not lead to other bytes.
#[test]
fn a_frame_that_is_another_than_its_entry_says_is_refused() {
    let mut log = new_log();
    for now in 0..6 {
        log.append(draft(now, &[b"a body", &text(13_000)])).expect("nothing fails");
    }
    let file = stored(&log.disk, 1);
    let footer = file.footer().expect("it can be read").expect("it is valid");
    let (entry, other) = (footer.entries[1], footer.entries[2]);
    assert!(file.frame(&entry).is_ok());
    for wrong in [
        FooterEntry { offset: other.offset, ..entry },
        FooterEntry { first_lsn: other.first_lsn, ..entry },
        FooterEntry { frame_bytes: entry.frame_bytes - 64, ..entry },
        FooterEntry { crc: other.crc, ..entry },
        FooterEntry { bodies_at: entry.bodies_at + 1, ..entry },
        FooterEntry { bodies_at: 10, ..entry },
        FooterEntry { bodies_at: u32::MAX, ..entry },
        FooterEntry { offset: u64::MAX, ..entry },
        FooterEntry { body_count: 1, ..entry },
    ] {
        assert!(matches!(file.frame(&wrong), Err(LogError::Corrupt { .. })), "{wrong:?}");
    }
}

#[test]
fn the_contents_of_a_file_without_a_footer_are_counted_from_its_frames() {
    let mut log = new_log();
    log.append(draft(1, &[b"one", b"two"])).expect("nothing fails");
    log.append(draft(2, &[b"three"])).expect("nothing fails");
    log.append(tick(3)).expect("nothing fails");
    let contents = stored(&log.disk, 1).contents(Some(Lsn::new(4))).expect("it can be read");
    assert_eq!((contents.frames_count, contents.messages_count), (3, 3));
    assert_eq!(contents.last_at, Some(Timestamp::from_millis(3)));
    assert_eq!(contents.footer, FooterState::Missing);
}
