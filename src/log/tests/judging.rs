//! Torn or corrupt (R12): the evidence decides.

use super::harness::{
    TestLog, draft, flip, new_log, refusal, segment, start, tear, text, tick, zero_sector,
};
use crate::{
    disk::{SimDisk, sim::keep_none},
    log::{
        SECTOR_BYTES, SegmentId,
        frame::{FrameHeader, HeaderRead},
    },
    types::Lsn,
};

/// A log with one durable tick, which ends at 4224.
fn log_with_a_tick() -> TestLog {
    let mut log = new_log();
    log.append(tick(1)).expect("nothing fails");
    log
}

/// A log whose last frame, from LSN 2, was torn.
fn torn() -> SimDisk {
    tear(log_with_a_tick(), draft(2, &[&text(2000)]), |sector| sector != 10).0
}

#[test]
fn a_rest_of_zeros_is_the_clean_end() {
    let report = start(&log_with_a_tick().disk).expect("clean").report;
    assert!(report.torn_tails.is_empty());
    assert_eq!(report.next_lsn, Lsn::new(2));
}

#[test]
fn a_frame_without_any_one_of_its_sectors_is_torn() {
    let zeros = vec![0; 1024];
    // Sectors 8 to 20; some within the zeros are zero as written.
    let bodies: [&[u8]; 3] = [&text(2000), &zeros, &text(3000)];
    let mut torn_count = 0;
    for lost in 8..21 {
        let (disk, place) = tear(log_with_a_tick(), draft(2, &bodies), |sector| sector != lost);
        let started = start(&disk).expect("torn or whole, never corrupt");
        let whole = started.frames.len() == 2;
        let bytes = disk.file(&segment(1)).expect("durable");
        let from = usize::try_from(place.offset.max(lost * SECTOR_BYTES)).expect("small");
        let end = usize::try_from((lost + 1) * SECTOR_BYTES).expect("small");
        assert!(bytes[from..end].iter().all(|byte| *byte == 0), "sector {lost} is lost");
        assert_eq!(started.report.torn_tails.len(), usize::from(!whole), "sector {lost}");
        if !whole {
            assert_eq!(started.report.torn_tails[0].offset, place.offset);
            torn_count += 1;
        }
    }
    assert!((11..13).contains(&torn_count), "{torn_count}: one sector at least is zero as written");
}

#[test]
fn a_frame_whose_header_alone_was_lost_is_torn() {
    let (disk, place) = tear(log_with_a_tick(), draft(2, &[&text(2000)]), |sector| sector > 8);
    let report = start(&disk).expect("torn").report;
    assert_eq!(report.torn_tails.len(), 1);
    assert_eq!(report.torn_tails[0].offset, place.offset);
}

/// The list is at the frame's end, in a sector that may be lost like any other.
#[test]
fn a_frame_whose_zero_sector_list_was_lost_is_torn_and_a_damaged_list_is_corruption() {
    // In each pair of zero blocks lies one whole sector, so the list has nine entries.
    let sparse = [vec![b'x'; 512], vec![0; 1024]].concat().repeat(9);
    let frame = || draft(2, &[&sparse]);
    let mut whole = log_with_a_tick();
    let place = whole.append(frame()).expect("nothing fails");
    let list_at = place.offset + place.frame_bytes - 64;
    let (disk, _) = tear(log_with_a_tick(), frame(), |sector| sector != list_at / SECTOR_BYTES);
    assert_eq!(start(&disk).expect("torn").report.torn_tails.len(), 1);
    flip(&whole.disk, &segment(1), list_at, 0);
    let (_, offset, lsn, found) = refusal(&whole.disk);
    assert_eq!((offset, lsn), (place.offset, 2));
    assert!(found.contains("zero-sector list"), "{found}");
}

#[test]
fn damage_to_the_last_frame_that_leaves_no_sector_unwritten_is_corruption() {
    let mut log = log_with_a_tick();
    let place = log.append(draft(2, &[&text(2000)])).expect("nothing fails");
    for (at, found_part) in [
        (3, "the header of a frame is expected"),
        (62, "the header of a frame is expected"),
        (65, "its records are damaged"),
        (74, "its records are damaged"),
        (1500, "one of its bodies is damaged"),
    ] {
        let disk = log.disk.snapshot();
        flip(&disk, &segment(1), place.offset + at, 6);
        let (path, offset, lsn, found) = refusal(&disk);
        assert_eq!((path, offset, lsn), (segment(1), place.offset, 2));
        assert!(found.contains(found_part), "{found}");
    }
}

/// Also where a sector is zero: it had been written, since a later frame is there.
#[test]
fn damage_before_a_whole_frame_is_corruption_even_where_a_sector_is_zero() {
    let mut log = log_with_a_tick();
    let place = log.append(draft(2, &[&text(2000)])).expect("nothing fails");
    log.append(tick(3)).expect("nothing fails");
    let sector = place.offset / SECTOR_BYTES;
    // The records are in the first sector; zeroed, it takes the tick before with it.
    zero_sector(&log.disk, &segment(1), sector);
    let (path, offset, lsn, found) = refusal(&log.disk);
    assert_eq!((path, offset, lsn), (segment(1), 4096, 1));
    assert!(found.contains("was written after it"), "{found}");
}

#[test]
fn a_damaged_body_is_flagged_where_a_later_frame_proves_it() {
    let mut log = log_with_a_tick();
    let place = log.append(draft(2, &[&text(2000), b"whole"])).expect("nothing fails");
    let unproved = log.disk.snapshot();
    flip(&unproved, &segment(1), place.bodies_offset + 900, 1);
    assert_eq!(refusal(&unproved).1, place.offset);
    log.append(tick(3)).expect("nothing fails");
    flip(&log.disk, &segment(1), place.bodies_offset + 900, 1);
    let started = start(&log.disk).expect("one body is damaged, no more");
    assert_eq!(started.frames.len(), 3);
    assert_eq!(started.frames[1].bodies, [None, Some(b"whole".to_vec())]);
    let damaged = started.report.damaged_bodies[0];
    assert_eq!((damaged.segment, damaged.offset), (place.segment, place.bodies_offset));
    assert_eq!((damaged.index, damaged.first_lsn), (0, Lsn::new(2)));
}

#[test]
fn a_zeroed_sector_of_a_body_is_flagged_where_a_later_segment_proves_it() {
    let mut log = log_with_a_tick();
    log.append(draft(2, &[&text(2000)])).expect("nothing fails");
    let mut log = start(&log.disk).expect("whole").log;
    log.append(tick(3)).expect("nothing fails");
    let disk = log.disk.crash(&mut keep_none());
    zero_sector(&disk, &segment(1), 10);
    let started = start(&disk).expect("one body is damaged, no more");
    assert_eq!(started.frames.len(), 3);
    assert_eq!(started.report.damaged_bodies.len(), 1);
}

/// The trace of R12: torn in segment 1, then a start opens segment 2 and writes a frame.
#[test]
fn torn_bytes_do_not_refuse_a_start_once_a_later_segment_is_in_use() {
    let disk = torn();
    let mut log = start(&disk).expect("torn").log;
    let place = log.append(tick(3)).expect("nothing fails");
    assert_eq!(place.segment, SegmentId::new(2));
    for disk in [disk.kill(), disk.crash(&mut keep_none())] {
        let started = start(&disk).expect("segment 2 goes on from the tick");
        assert_eq!(started.frames.len(), 2);
        assert!(started.report.torn_tails.is_empty());
        // What lies behind the last frame there is not part of the log, whatever it is.
        flip(&disk, &segment(1), 4096 + 600, 2);
        assert_eq!(start(&disk).expect("the same").frames, started.frames);
    }
}

#[test]
fn the_last_frame_of_a_segment_that_has_a_successor_is_judged_by_the_chain() {
    let mut log = log_with_a_tick();
    let place = log.append(draft(2, &[&text(2000)])).expect("nothing fails");
    let mut log = start(&log.disk).expect("whole").log;
    log.append(tick(3)).expect("nothing fails");
    let disk = log.disk.crash(&mut keep_none());
    for damage in [
        (|disk: &SimDisk, at| flip(disk, &segment(1), at, 0)) as fn(&SimDisk, u64),
        |disk, at| flip(disk, &segment(1), at + 70, 5),
        // Where only the last segment was looked at, this would read as torn.
        |disk, at| {
            (at..at + 64).for_each(|at| disk.corrupt(&segment(1), at, |_| 0).expect("there"));
        },
    ] {
        let damaged = disk.snapshot();
        damage(&damaged, place.offset);
        let (path, offset, lsn, _) = refusal(&damaged);
        assert_eq!((path, offset, lsn), (segment(1), place.offset, 2));
    }
}

/// The header of segment 2 reached the disk, its first frame did not.
#[test]
fn a_completed_header_alone_proves_what_came_before() {
    let mut log = log_with_a_tick();
    log.append(draft(2, &[&text(2000)])).expect("nothing fails");
    let log = start(&log.disk).expect("whole").log;
    let (disk, place) = tear(log, tick(3), |sector| sector < 8);
    assert_eq!(place.segment, SegmentId::new(2));
    let started = start(&disk).expect("the tick was never acknowledged");
    assert_eq!(started.frames.len(), 2);
    zero_sector(&disk, &segment(1), 9);
    assert_eq!(start(&disk).expect("a body alone").report.damaged_bodies.len(), 1);
    zero_sector(&disk, &segment(1), 8);
    assert_eq!(refusal(&disk).0, segment(1));
}

/// Several starts were cut short within their first frame, which here fills some sectors.
#[test]
fn segments_without_a_whole_frame_are_skipped() {
    let mut disk = torn();
    for round in 2..6 {
        let log = start(&disk).expect("torn").log;
        let place;
        (disk, place) = tear(log, draft(round, &[&text(1500)]), |sector| sector % 2 == round % 2);
        assert_eq!(place.segment, SegmentId::new(round));
    }
    let started = start(&disk).expect("torn");
    assert_eq!(started.frames.len(), 1);
    // Segment 4 has its header, so it is the last in use; segment 5 has nothing but torn bytes.
    let torn = started.report.torn_tails.iter().map(|tail| tail.segment.get());
    assert_eq!(torn.collect::<Vec<_>>(), [4, 5]);
    let mut log = started.log;
    assert_eq!(log.append(tick(9)).expect("nothing fails").segment, SegmentId::new(6));
    let started = start(&disk.crash(&mut keep_none())).expect("whole");
    assert_eq!(started.frames.len(), 2);
    assert_eq!(started.frames[1].first_lsn, Lsn::new(2));
}

#[test]
fn a_sector_behind_the_end_that_is_not_zero_and_no_frame_is_never_taken_for_one() {
    let disk = log_with_a_tick().disk;
    // Far behind: no frame was written there, nothing is lost.
    flip(&disk, &segment(1), 30_000, 3);
    let started = start(&disk).expect("nothing is lost");
    assert_eq!((started.frames.len(), started.report.torn_tails.len()), (1, 1));
    // Where a header would be, with something behind: nobody knows what was there.
    flip(&disk, &segment(1), 4096 + 128 + 5, 3);
    assert_eq!(refusal(&disk).2, 2);
    // With nothing behind, no frame was ever there.
    flip(&disk, &segment(1), 30_000, 3);
    let started = start(&disk).expect("nothing is lost");
    assert_eq!((started.frames.len(), started.report.torn_tails.len()), (1, 1));
}

/// Where the list lies across two sectors, either may be lost alone; the mark is in the second.
#[test]
fn a_frame_is_torn_where_only_the_begin_of_its_zero_sector_list_was_lost() {
    let sparse = [vec![b'x'; 512], vec![0; 1024]].concat().repeat(9);
    let frame = |rest: usize| draft(2, &[&[&sparse[..], &text(rest)].concat()]);
    let list = |rest: usize| {
        let mut whole = log_with_a_tick();
        let place = whole.append(frame(rest)).expect("nothing fails");
        let bytes = whole.disk.file(&segment(1)).expect("it is durable");
        let at = usize::try_from(place.offset).expect("small");
        match FrameHeader::read(&bytes[at..], place.salt) {
            HeaderRead::Whole(header) => {
                (place.offset + header.zeros_at(), place.offset + header.zeros_end())
            }
            HeaderRead::Newer { .. } | HeaderRead::Not => panic!("the header is whole"),
        }
    };
    let sectors = |rest: usize| (list(rest).0 / SECTOR_BYTES, list(rest).1 / SECTOR_BYTES);
    let rest = (0..512).step_by(8).find(|rest| sectors(*rest).0 < sectors(*rest).1);
    let rest = rest.expect("somewhere it does");
    let (begin, _) = sectors(rest);
    let (disk, place) = tear(log_with_a_tick(), frame(rest), |sector| sector != begin);
    let report = start(&disk).expect("torn, not damaged").report;
    assert_eq!(report.torn_tails.len(), 1);
    assert_eq!(report.torn_tails[0].offset, place.offset);
}
