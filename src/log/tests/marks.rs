//! What a killed process leaves of a write: a prefix, cut anywhere; and frames of the version that
//! could not tell it from damage.

use bytes::Bytes;

use super::harness::{Content, TestLog, draft, flip, new_log, refusal, segment, start, text, tick};
use crate::{
    disk::{
        SimDisk,
        sim::{Counter, Fault, Faults, keep_none, keep_random},
    },
    log::{
        Draft, LogError, SECTOR_BYTES,
        frame::{FrameHeader, MARK},
        le::{salted_crc, short},
        position::Chain,
        zeros::{list_zero_sectors, range_count},
    },
    types::{Lsn, Timestamp},
};

/// A frame as version 1 has it, put together by hand: without the end mark.
pub(super) fn frame_of_version_1(draft: &Draft, offset: u64, salt: u32, chain: Chain) -> Vec<u8> {
    let bodies: Vec<Vec<u8>> = draft.bodies.iter().map(|body| body.chunks.concat()).collect();
    let mut content = Vec::new();
    for (bytes, body) in bodies.iter().zip(&draft.bodies) {
        content.extend_from_slice(&short(bytes.len()).to_le_bytes());
        content.extend_from_slice(&body.crc.to_le_bytes());
    }
    content.extend_from_slice(&draft.records);
    let records_crc = salted_crc(salt, &[&content]);
    content.extend_from_slice(&bodies.concat());
    let chunks = [Bytes::from(vec![b'h'; 64]), Bytes::from(content.clone())];
    let list = list_zero_sectors(offset, &chunks);
    content.resize(content.len().next_multiple_of(8), 0);
    content.extend_from_slice(&list);
    content.resize(content.len().next_multiple_of(64), 0);
    let mut header = FrameHeader {
        version: 1,
        frame_bytes: short(64 + content.len()),
        zero_range_count: range_count(&list),
        body_count: short(bodies.len()),
        record_count: draft.record_count,
        records_bytes: short(draft.records.len()),
        bodies_bytes: short(bodies.concat().len()),
        previous_crc: chain.crc,
        first_lsn: chain.next_lsn,
        now: draft.now,
        zeros_crc: salted_crc(salt, &[&list]),
        records_crc,
        crc: 0,
    };
    [&header.seal(salt)[..], &content].concat()
}

/// A segment in use that ends with such a frame, where the next begins, and what was written.
fn log_of_version_1(last: &Draft) -> (SimDisk, u64, Vec<Content>) {
    let mut log = new_log();
    log.append(tick(1)).expect("nothing fails");
    let mut bytes = log.disk.file(&segment(1)).expect("durable");
    let salt = u32::from_le_bytes(*bytes[12..].first_chunk().expect("a header"));
    let crc = u32::from_le_bytes(*bytes[4096 + 60..].first_chunk().expect("a header"));
    let mut written = start(&log.disk).expect("whole").frames;
    let chain = Chain { next_lsn: Lsn::new(2), crc };
    let frame = frame_of_version_1(last, 4096 + 128, salt, chain);
    bytes[4096 + 128..][..frame.len()].copy_from_slice(&frame);
    log.disk.plant(&segment(1), &bytes).expect("it is there");
    written.push(Content::of(last, Lsn::new(2)));
    (log.disk, 4096 + 128 + frame.len() as u64, written)
}

/// A last frame with one body that fills a sector and a part of the next.
fn last() -> Draft {
    draft(2, &[&text(700)])
}

/// A draft whose frame has only records, of so many bytes.
fn records(length: usize) -> Draft {
    Draft { now: Timestamp::from_millis(2), records: text(length), ..tick(2) }
}

fn drafts() -> Vec<Draft> {
    let sparse = [vec![b'x'; 300], vec![0; 1500], vec![b'y'; 40]].concat();
    vec![
        last(),
        draft(2, &[&text(90), b"", &sparse, b"and another"]),
        draft(2, &[&[0; 1300]]),
        records(5),
        // The mark fits behind the padding, takes 64 bytes of its own, and a sector of its own.
        records(56),
        records(64),
        records(320),
    ]
}

/// The process ends so many bytes into the write of the frame: what it leaves behind, and where
/// the frame was to lie, from and to.
fn cut(mut log: TestLog, draft: Draft, count: usize) -> (SimDisk, u64, u64) {
    let appended = log.writer.append(draft);
    log.disk.set_faults(Faults::none().at(Counter::Writes, 1, Fault::CrashWithin(count)));
    assert!(appended.job.run().is_err(), "{count} bytes");
    let place = appended.place;
    (log.disk, place.offset, place.offset + place.frame_bytes)
}

/// Every cut of the write that begins at `write_at`: a start has the frames before, or the whole
/// frame too once all that matters of it was written, and goes on.
fn check_every_cut(make: impl Fn() -> TestLog, draft: &Draft, write_at: u64) {
    let before = start(&make().disk).expect("whole").frames;
    let whole = Content::of(draft, make().writer.next_lsn());
    let (_, frame_at, end) = cut(make(), draft.clone(), 0);
    let length = usize::try_from(end - write_at).expect("small");
    let mut whole_count = 0;
    let page = usize::try_from(frame_at - write_at).expect("small");
    // Most of the header's page are zeros on zeros: there it is all the same.
    for count in (0..=length).filter(|count| *count >= page || count % 2048 < 70) {
        let name = format!("{count} of {length} bytes");
        let (disk, ..) = cut(make(), draft.clone(), count);
        let killed = start(&disk.kill()).unwrap_or_else(|error| panic!("{name}: {error}"));
        let is_there = killed.frames.len() > before.len();
        let expected = before.iter().chain(is_there.then_some(&whole));
        assert!(killed.frames.iter().eq(expected), "{name}");
        whole_count += usize::from(is_there);
        assert!(is_there || count < length, "{name}: the frame was written whole");
        let is_torn = count > page && !is_there;
        assert_eq!(killed.report.torn_tails.len(), usize::from(is_torn), "{name}");
        if count % 7 != 0 && count + 70 < length {
            continue;
        }
        // It goes on behind what it found, and the next start agrees.
        let mut log = killed.log;
        log.append(tick(9)).expect("nothing fails");
        let again = start(&log.disk.crash(&mut keep_none()));
        let again = again.unwrap_or_else(|error| panic!("{name}, again: {error}"));
        assert_eq!(again.frames[..killed.frames.len()], killed.frames, "{name}");
        assert_eq!(again.frames.len(), killed.frames.len() + 1, "{name}");
        // The power goes as well, before anything of the prefix is synced.
        let crashed = start(&disk.crash(&mut keep_random(count as u64)));
        let crashed = crashed.unwrap_or_else(|error| panic!("{name}, no power: {error}"));
        assert_eq!(crashed.frames[..before.len()], before, "{name}");
    }
    // What no CRC covers, from the last part to the mark, may be missing: it says nothing.
    assert!(whole_count < 600, "{whole_count} cuts of {length} left a whole frame");
}

#[test]
fn a_write_of_a_later_frame_that_is_cut_at_any_byte_is_torn() {
    let make = || {
        let mut log = new_log();
        log.append(tick(1)).expect("nothing fails");
        log
    };
    for draft in drafts() {
        check_every_cut(make, &draft, 4096 + 128);
    }
}

/// The header of the segment is completed by the same write.
#[test]
fn a_write_of_a_segments_first_frame_that_is_cut_at_any_byte_is_torn() {
    check_every_cut(new_log, &last(), 0);
    check_every_cut(new_log, &records(64), 0);
    let make = || {
        let mut log = new_log();
        log.append(tick(1)).expect("nothing fails");
        start(&log.disk).expect("whole").log
    };
    check_every_cut(make, &draft(2, &[b"one", &[0; 600], b"three"]), 0);
}

/// With a mark and without: no flip is taken for a write that did not end.
#[test]
fn no_flipped_bit_makes_the_last_frame_torn() {
    let mut log = new_log();
    log.append(tick(1)).expect("nothing fails");
    let place = log.append(last()).expect("nothing fails");
    let (disk, end) = (log.disk, place.offset + place.frame_bytes);
    let written = start(&disk).expect("whole").frames;
    let mark = disk.file(&segment(1)).expect("durable")[usize::try_from(end - 1).expect("small")];
    assert_eq!(mark, MARK);
    for (disk, end, written) in [(disk, end, written), log_of_version_1(&last())] {
        let mut blemished_count = 0;
        for (offset, bit) in (place.offset..end).flat_map(|at| (0..8).map(move |bit| (at, bit))) {
            let damaged = disk.snapshot();
            flip(&damaged, &segment(1), offset, bit);
            let started = match start(&damaged) {
                Ok(started) => started,
                Err(LogError::Corrupt { offset: told, .. }) => {
                    assert_eq!(told, place.offset, "byte {offset}, bit {bit}");
                    continue;
                }
                Err(error) => panic!("byte {offset}, bit {bit}: {error}"),
            };
            assert_eq!(started.frames, written, "byte {offset}, bit {bit}");
            assert_eq!(started.report.blemished.len(), 1, "byte {offset}, bit {bit}");
            blemished_count += 1;
        }
        assert!((8..64 * 8).contains(&blemished_count), "{blemished_count}: padding and mark");
    }
}

#[test]
fn a_wrong_mark_of_a_whole_frame_is_a_blemish() {
    for mark in 0..=255 {
        let mut log = new_log();
        let place = log.append(last()).expect("nothing fails");
        let end = place.offset + place.frame_bytes;
        log.disk.corrupt(&segment(1), end - 1, |_| mark).expect("there");
        let report = start(&log.disk).expect("whole").report;
        assert_eq!((report.frames_count, report.torn_tails.len()), (1, 0));
        assert_eq!(report.blemished.len(), usize::from(mark != MARK), "{mark}");
    }
}

/// What DURABILITY.md says cannot be told; and that a later frame tells it.
#[test]
fn a_zeroed_end_and_other_damage_is_torn_only_while_no_later_frame_is_there() {
    let mut log = new_log();
    log.append(tick(1)).expect("nothing fails");
    let place = log.append(last()).expect("nothing fails");
    let damage = |disk: &SimDisk| {
        flip(disk, &segment(1), place.offset + 66, 1);
        let mark_at = place.offset + place.frame_bytes - 1;
        disk.corrupt(&segment(1), mark_at, |_| 0).expect("there");
    };
    let unproved = log.disk.snapshot();
    damage(&unproved);
    assert_eq!(start(&unproved).expect("torn").report.torn_tails.len(), 1);
    log.append(tick(3)).expect("nothing fails");
    damage(&log.disk);
    assert!(refusal(&log.disk).3.contains("was written after it"));
}

#[test]
fn frames_of_version_1_are_read_and_judged_by_their_sectors_alone() {
    let (disk, end, written) = log_of_version_1(&last());
    let started = start(&disk).expect("whole");
    assert_eq!(started.frames, written);
    assert!(started.report.blemished.is_empty());
    let at: u64 = 4096 + 128;
    // Cut within the last sector: it cannot be told from damage, so nothing is given up.
    for cut in [at + 64, at + 300, at + 600] {
        let damaged = disk.snapshot();
        let whole_sector = cut.next_multiple_of(SECTOR_BYTES) < end;
        (cut..end).for_each(|at| damaged.corrupt(&segment(1), at, |_| 0).expect("there"));
        match start(&damaged) {
            Ok(started) => {
                assert!(whole_sector, "{cut}");
                assert_eq!(started.report.torn_tails.len(), 1);
            }
            Err(_) => assert_eq!((whole_sector, refusal(&damaged).1), (false, at), "{cut}"),
        }
    }
    // A frame of today follows on it.
    let mut log = started.log;
    log.append(tick(3)).expect("nothing fails");
    let again = start(&log.disk.crash(&mut keep_none())).expect("whole");
    assert_eq!(again.frames.len(), 3);
}
