//! Frames one behind the other (R6, R7, R8, R9, R14).

use super::harness::{Content, draft, flip, new_log, refusal, segment, start, tear, text, tick};
use crate::{
    disk::{
        SimDisk,
        sim::{Counter, Fault, Faults, keep_none},
    },
    log::{Draft, LogError, SegmentId, encode::encode, position::Chain},
    types::{Lsn, Timestamp},
};

fn started(disk: &SimDisk) -> Vec<Content> {
    start(disk).expect("the log is whole").frames
}

#[test]
fn no_frame_is_planned_before_the_sync_of_the_one_before_returned() {
    let mut log = new_log();
    assert!(log.writer.ready(1000, 0));
    let appended = log.writer.append(tick(1));
    assert!(!log.writer.ready(1000, 0));
    assert_eq!(log.writer.durable_lsn(), Lsn::new(0));
    appended.job.run().expect("nothing fails");
    assert!(!log.writer.ready(1000, 0));
    let report = log.writer.synced(Ok(std::time::Duration::from_millis(3))).expect("it is durable");
    assert_eq!((report.durable_lsn, report.took.as_millis()), (Lsn::new(1), 3));
    assert!(log.writer.ready(1000, 0));
}

#[test]
fn after_a_failed_sync_the_writer_takes_nothing_any_more() {
    let mut log = new_log();
    log.append(tick(1)).expect("nothing fails");
    log.disk.set_faults(Faults::none().at(Counter::Syncs, 1, Fault::Eio));
    let Err(LogError::SyncFailed { path, lsn, .. }) = log.append(tick(2)) else {
        panic!("the sync fails");
    };
    assert_eq!((path.as_str(), lsn.get()), (segment(1).as_str(), 2));
    assert_eq!(log.writer.durable_lsn(), Lsn::new(1));
    assert!(!log.writer.ready(64, 0));
    assert!(!log.writer.wants_segment());
    assert!(log.writer.prepare(1, None).is_none());
    assert!(log.writer.seal().is_none());
    let after = log.writer.synced(Ok(std::time::Duration::ZERO));
    assert!(matches!(after, Err(LogError::Poisoned)));
}

#[test]
#[should_panic(expected = "every frame takes at least one LSN")]
fn a_frame_without_a_record_is_refused() {
    let _ = new_log().writer.append(Draft::default());
}

#[test]
#[should_panic(expected = "append is asked only when the writer is ready")]
fn a_second_frame_before_the_sync_is_refused() {
    let mut log = new_log();
    let _ = log.writer.append(tick(1));
    let _ = log.writer.append(tick(2));
}

#[test]
fn every_record_takes_one_lsn() {
    let mut log = new_log();
    let places = [tick(1), draft(2, &[b"a", b"b", b"c"]), tick(3)]
        .map(|draft| log.append(draft).expect("nothing fails"));
    assert_eq!(places.map(|place| place.first_lsn.get()), [1, 2, 5]);
    assert_eq!(log.writer.next_lsn(), Lsn::new(6));
}

#[test]
fn a_frame_of_the_largest_size_lies_within_one_segment() {
    let mut log = new_log();
    let mut written = Vec::new();
    for now in 0..9 {
        let mut length = 16_000;
        let frame = loop {
            let frame = draft(now, &[&text(length)]);
            if frame.frame_bytes() > log.writer.frame_bytes_max() {
                break draft(now, &[&text(length - 1)]);
            }
            length += 1;
        };
        written.push(Content::of(&frame, log.writer.next_lsn()));
        let place = log.append(frame).expect("nothing fails");
        let length = place.file.len().expect("it can be measured");
        assert!(place.offset + place.frame_bytes <= length);
    }
    assert_eq!(started(&log.disk), written);
}

/// Equal lengths, the same segment, all checksums right: only the chain tells.
#[test]
fn a_frame_copied_over_another_breaks_the_chain() {
    let mut log = new_log();
    let places = [(); 4].map(|()| log.append(tick(7)).expect("nothing fails"));
    let bytes = log.disk.file(&segment(1)).expect("durable");
    for (from, to) in [(0, 1), (1, 2), (2, 1), (3, 1)] {
        let disk = log.disk.snapshot();
        for at in 0..places[0].frame_bytes {
            let source = usize::try_from(places[from].offset + at).expect("small");
            disk.corrupt(&segment(1), places[to].offset + at, |_| bytes[source]).expect("there");
        }
        let (path, offset, lsn, _) = refusal(&disk);
        assert_eq!((path, offset), (segment(1), places[to].offset));
        assert_eq!(lsn, places[to].first_lsn.get());
    }
}

#[test]
fn a_segment_in_place_of_another_is_refused() {
    let mut log = new_log();
    for _ in 0..3 {
        log.append(tick(1)).expect("nothing fails");
        log = start(&log.disk).expect("whole").log;
    }
    let image = |raw| log.disk.file(&segment(raw)).expect("durable");
    for (one, other) in [(1, 2), (2, 3), (1, 3)] {
        let swapped = log.disk.snapshot();
        swapped.plant(&segment(one), &image(other)).expect("it can be planted");
        swapped.plant(&segment(other), &image(one)).expect("it can be planted");
        assert!(refusal(&swapped).3.contains("its header is that of segment"));
        let missing = log.disk.snapshot();
        missing.erase(&segment(one)).expect("it is there");
        assert_eq!(refusal(&missing).0, segment(one));
    }
}

/// The next segment names the last frame of the one before, by its CRC also.
#[test]
fn a_segment_that_goes_on_from_another_frame_is_refused() {
    let mut images = [1, 2].map(|now| {
        let mut log = new_log();
        log.append(tick(now)).expect("nothing fails");
        let mut log = start(&log.disk).expect("whole").log;
        log.append(tick(3)).expect("nothing fails");
        log.disk
    });
    let [one, other] = &mut images;
    assert_eq!(started(one).len(), 2);
    one.plant(&segment(1), &other.file(&segment(1)).expect("durable")).expect("planted");
    let (path, _, lsn, found) = refusal(one);
    assert_eq!((path, lsn), (segment(1), 2));
    assert!(found.contains("segment 2 goes on from LSN 2"), "{found}");
}

/// A draft whose only body lies so that frames within it are where frames could begin.
fn aligned(now: u64, bytes: &[u8]) -> Draft {
    let mut draft = draft(now, &[bytes]);
    while !(64 + 8 + draft.records.len()).is_multiple_of(64) {
        draft.records.push(b'.');
    }
    draft
}

/// A body may hold what somebody read from this very file: older LSNs tell.
#[test]
fn a_copy_of_the_segment_within_a_torn_body_proves_nothing() {
    let mut log = new_log();
    for now in 0..3 {
        log.append(draft(now, &[&text(200)])).expect("nothing fails");
    }
    let copy = log.disk.file(&segment(1)).expect("durable")[4096..6000].to_vec();
    let place = log.append(aligned(4, &copy)).expect("nothing fails");
    assert_eq!(place.bodies_offset % 64, 0);
    let next = place.offset + place.frame_bytes;
    let (torn, place) = tear(log, aligned(5, &copy), |sector| sector != next / 512);
    assert_eq!((place.segment, place.offset), (SegmentId::new(1), next));
    // The sector that is lost has the end of the frame before too, as it was when that was synced.
    let started = start(&torn).expect("torn");
    assert_eq!(started.frames.len(), 4);
    assert_eq!(started.report.torn_tails.len(), 1);
    assert_eq!(started.frames[3].bodies, [Some(copy)]);
}

/// A body may hold what somebody read of a torn frame, whose LSNs were given again: the salt tells.
#[test]
fn a_copy_of_a_torn_frame_within_a_torn_body_proves_nothing() {
    let mut log = new_log();
    log.append(tick(1)).expect("nothing fails");
    let (disk, place) = tear(log, draft(2, &[&text(3000)]), |sector| sector < 12);
    let from = usize::try_from(place.offset).expect("small");
    let copy = disk.file(&segment(1)).expect("durable")[from..from + 3000].to_vec();
    // In front of it, a sector that can be lost.
    let copy = [text(512), copy].concat();
    let log = start(&disk).expect("torn").log;
    let (torn, place) = tear(log, aligned(3, &copy), |sector| sector != 8);
    assert_eq!((place.segment, place.first_lsn), (SegmentId::new(2), Lsn::new(2)));
    let started = start(&torn).expect("torn");
    assert_eq!((started.frames.len(), started.report.torn_tails.len()), (1, 1));
}

/// No program writes such a log, so it is made by hand: salt and LSN are right.
#[test]
fn a_frame_that_names_another_one_before_it_is_no_frame_of_the_log() {
    let mut log = new_log();
    let place = log.append(tick(1)).expect("nothing fails");
    let bytes = log.disk.file(&segment(1)).expect("durable");
    let salt = u32::from_le_bytes([bytes[12], bytes[13], bytes[14], bytes[15]]);
    let offset = place.offset + place.frame_bytes;
    let crc = u32::from_le_bytes([bytes[4156], bytes[4157], bytes[4158], bytes[4159]]);
    for (crc, is_whole) in [(crc, true), (crc ^ 1, false)] {
        let disk = log.disk.snapshot();
        let frame = encode(tick(2), offset, salt, Chain { next_lsn: Lsn::new(2), crc });
        for (at, byte) in (offset..).zip(frame.chunks.concat()) {
            disk.corrupt(&segment(1), at, |_| byte).expect("it is there");
        }
        assert_eq!(start(&disk).is_ok(), is_whole);
        if !is_whole {
            assert_eq!(refusal(&disk).1, offset);
        }
    }
}

/// The trace of R8: zeros that were written are no evidence of what was not.
#[test]
fn zeros_within_a_body_do_not_excuse_damage_elsewhere() {
    let zeros = vec![0; 2048];
    let mut log = new_log();
    let place = log.append(draft(1, &[&text(600), &zeros, &text(600)])).expect("nothing fails");
    let disk = log.disk;
    assert_eq!(started(&disk).len(), 1);
    for offset in [place.offset + 70, place.bodies_offset + 5, place.bodies_offset + 2700] {
        let damaged = disk.snapshot();
        flip(&damaged, &segment(1), offset, 3);
        let (path, at, lsn, found) = refusal(&damaged);
        assert_eq!((path, at, lsn), (segment(1), place.offset, 1));
        assert!(found.contains("every sector of the frame was written"), "{found}");
    }
    let in_zeros = disk.snapshot();
    flip(&in_zeros, &segment(1), place.bodies_offset + 1500, 3);
    assert_eq!(refusal(&in_zeros).2, 1);
}

#[test]
fn only_a_frame_that_is_no_tick_asks_for_a_later_one() {
    let mut log = new_log();
    assert!(!log.writer.unproved());
    log.append(tick(1)).expect("nothing fails");
    assert!(!log.writer.unproved());
    log.append(draft(2, &[b"data"])).expect("nothing fails");
    assert!(log.writer.unproved());
    log.append(draft(3, &[b"data"])).expect("nothing fails");
    assert!(log.writer.unproved());
    log.append(tick(4)).expect("nothing fails");
    assert!(!log.writer.unproved());
}

#[test]
fn the_lsns_of_a_torn_frame_are_given_again() {
    let mut log = new_log();
    log.append(tick(1)).expect("nothing fails");
    let (disk, place) = tear(log, draft(2, &[&text(3000)]), |sector| sector != 9);
    assert_eq!(place.first_lsn, Lsn::new(2));
    let mut log = start(&disk).expect("torn").log;
    assert_eq!(log.writer.next_lsn(), Lsn::new(2));
    log.append(draft(3, &[b"another"])).expect("nothing fails");
    let frames = started(&disk.crash(&mut keep_none()));
    assert_eq!(frames.len(), 2);
    assert_eq!((frames[1].first_lsn, frames[1].now), (Lsn::new(2), Timestamp::from_millis(3)));
    assert_eq!(frames[1].bodies, [Some(b"another".to_vec())]);
}
