//! Starts from a position, as from a checkpoint (R11, R12, R19, R20): what is behind it is
//! replayed, what it lists is needed, and nothing else is looked at.

use super::harness::{
    Content, TestLog, draft, flip, new_log, segment, start, start_from, tear, text, tick,
};
use crate::{
    disk::{
        SimDisk,
        sim::{Counter, Fault, Faults, keep_none, keep_random},
    },
    log::{
        FindingKind, LogError, Position, SegmentId, VerifyReport,
        header::{HeaderPage, SegmentHeader, read_header_page},
        verify,
    },
    types::Lsn,
};

/// A log in several segments, of which one was closed by a start, and where each frame ends.
fn long_log() -> (SimDisk, Vec<Content>, Vec<Position>) {
    let (mut log, mut positions) = (new_log(), Vec::new());
    for now in 0..16 {
        if now == 9 {
            log = start(&log.disk).expect("whole").log;
        }
        let frame = if now % 4 == 3 { tick(now) } else { draft(now, &[b"x", &text(14_000)]) };
        log.append(frame).expect("nothing fails");
        positions.push(log.writer.position().expect("a frame was planned"));
    }
    let disk = log.disk.crash(&mut keep_none());
    let frames = start(&disk).expect("whole").frames;
    assert_eq!(frames.len(), positions.len());
    assert!(positions[15].segment >= SegmentId::new(4));
    (disk, frames, positions)
}

fn inspect(disk: &SimDisk, from: Position) -> VerifyReport {
    verify(disk, None, Some(from), &mut |_| Ok(()), &mut |_| {}).expect("it can be read")
}

/// The start is refused: where and why.
#[track_caller]
fn refused(disk: &SimDisk, from: Position, needed: &[u64]) -> (String, String) {
    match start_from(disk, Some(from), needed) {
        Ok(started) => panic!("started with {} frames", started.frames.len()),
        Err(LogError::Corrupt { path, found, .. }) => (path, found),
        Err(LogError::Missing { path, why }) => (path, format!("missing: {why}")),
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn a_position_is_the_end_of_the_last_frame_that_was_planned() {
    let mut log = new_log();
    assert_eq!((log.writer.position(), log.writer.active_segment()), (None, None));
    assert_eq!(log.writer.standby_count(), 1);
    let place = log.append(draft(1, &[b"one", b"two"])).expect("nothing fails");
    let position = log.writer.position().expect("a frame was planned");
    assert_eq!((position.lsn, position.segment), (Lsn::new(2), SegmentId::new(1)));
    assert_eq!(position.offset, place.offset + place.frame_bytes);
    let bytes = log.disk.file(&segment(1)).expect("durable");
    assert_eq!(bytes[4096 + 60..4096 + 64], position.crc.to_le_bytes());
    assert_eq!(log.writer.active_segment(), Some(SegmentId::new(1)));
    let log = start_from(&log.disk, Some(position), &[]).expect("whole").log;
    assert_eq!((log.writer.position(), log.writer.active_segment()), (None, None));
}

#[test]
fn a_start_from_any_position_gives_exactly_what_is_behind_it() {
    let (disk, frames, positions) = long_log();
    let whole = start(&disk).expect("whole").report;
    for (at, from) in positions.iter().enumerate() {
        let disk = disk.snapshot();
        let earlier = 1..from.segment.get();
        if at % 2 == 0 {
            earlier.clone().for_each(|raw| disk.erase(&segment(raw)).expect("it is there"));
        }
        let mut started = start_from(&disk, Some(*from), &[]).expect("all it needs is there");
        assert_eq!(started.frames, frames[at + 1..], "from frame {at}");
        assert_eq!(started.report.next_lsn, whole.next_lsn);
        let stray: Vec<_> = earlier.filter(|_| at % 2 == 1).map(segment).collect();
        assert_eq!(started.report.stray, stray);
        let known = whole.segments.iter().filter(|info| info.id >= from.segment);
        assert!(started.report.segments.iter().eq(known), "from frame {at}");
        assert_eq!(inspect(&disk, *from).findings, []);
        // And it goes on, behind everything.
        let place = started.log.append(tick(99)).expect("nothing fails");
        assert!(place.segment > positions[15].segment);
        let again = start_from(&disk.crash(&mut keep_none()), Some(*from), &[]).expect("whole");
        assert_eq!(again.frames.len(), frames.len() - at);
    }
}

/// Whatever a power cut leaves, a start from a durable position finds what one from the beginning
/// finds behind it.
#[test]
fn a_start_from_a_position_agrees_with_one_from_the_beginning_after_every_crash() {
    let run = |disk: &SimDisk| {
        let (Ok(started), mut durable) = (start(disk), Vec::new()) else { return Vec::new() };
        let mut log = started.log;
        for now in 0..14 {
            if log.append(draft(now, &[&text(9000)])).is_err() {
                break;
            }
            durable.extend(log.writer.position());
        }
        durable
    };
    let disk = super::harness::new_disk();
    disk.set_faults(Faults::none());
    assert_eq!(run(&disk).len(), 14);
    let mut starts_count = 0;
    for nth in 1..=disk.operation_count() {
        for fault in [Fault::CrashAfter, Fault::CrashWithin(700), Fault::TornSync(nth)] {
            let disk = super::harness::new_disk();
            disk.set_faults(Faults::none().at(Counter::Changes, nth, fault));
            let durable = run(&disk);
            let futures = (0..3).map(|seed| disk.crash(&mut keep_random(seed * 1000 + nth)));
            for crashed in futures.chain([disk.kill()]) {
                let all = start(&crashed.snapshot()).expect("whole or torn").frames;
                for from in &durable {
                    let name = format!("{fault:?} at {nth}, from LSN {}", from.lsn);
                    let crashed = crashed.snapshot();
                    let started = start_from(&crashed, Some(*from), &[]);
                    let started = started.unwrap_or_else(|error| panic!("{name}: {error}"));
                    let behind = all.iter().filter(|frame| frame.first_lsn > from.lsn);
                    assert!(started.frames.iter().eq(behind), "{name}");
                    starts_count += 1;
                }
            }
        }
    }
    assert!(starts_count > 1000, "{starts_count}");
}

/// R11: only from the position's segment on; what is before is durable for long.
#[test]
fn a_start_syncs_the_segments_from_the_position_on() {
    let (disk, _, positions) = long_log();
    for from in positions {
        disk.set_faults(Faults::none());
        start_from(&disk, Some(from), &[]).expect("whole");
        let segments = disk.paths().len() as u64 - from.segment.get() + 1;
        assert_eq!(disk.count(Counter::Syncs), 1 + segments);
        // A sync that fails stops the start.
        for nth in 1..=1 + segments {
            let disk = disk.snapshot();
            disk.set_faults(Faults::none().at(Counter::Syncs, nth, Fault::Eio));
            let refused = start_from(&disk, Some(from), &[]);
            assert!(matches!(refused.err(), Some(LogError::Io { operation: "sync", .. })));
        }
    }
}

/// R12: a file is judged only if the checkpoint or the log behind it needs it.
#[test]
fn what_is_before_the_position_is_not_judged_unless_it_is_needed() {
    let (disk, frames, positions) = long_log();
    let (at, from) = (14, positions[14]);
    assert!(from.segment.get() > 3);
    for offset in [8, 2056] {
        flip(&disk, &segment(2), offset, 0);
    }
    flip(&disk, &from.segment.path(), 4096 + 70, 0);
    let started = start_from(&disk, Some(from), &[]).expect("none of it is needed");
    assert_eq!(started.frames, frames[at + 1..]);
    let started = start_from(&disk, Some(from), &[1, 3]).expect("nor is segment 2");
    assert_eq!(started.report.stray, [segment(2)]);
    // R12, R19: now it is.
    let (path, found) = refused(&disk, from, &[2]);
    assert_eq!((path, found.contains("header")), (segment(2), true));
    disk.erase(&segment(2)).expect("it is there");
    let (path, found) = refused(&disk, from, &[2]);
    assert_eq!((path, found.as_str()), (segment(2), "missing: the checkpoint lists it"));
}

/// The last LSN of a segment is known exactly where the next one was looked at.
#[test]
fn needed_segments_are_told_with_the_lsns_that_they_hold() {
    let (disk, frames, positions) = long_log();
    let from = positions[14];
    let last_of = |raw: u64| {
        let own = positions.iter().filter(|at| at.segment.get() == raw);
        own.map(|at| at.lsn).next_back().expect("it has frames")
    };
    let told = |needed: &[u64]| {
        let report = start_from(&disk, Some(from), needed).expect("whole").report;
        let infos = report.segments.into_iter().filter(|info| info.id < from.segment);
        infos.map(|info| (info.id.get(), info.first_lsn, info.last_lsn)).collect::<Vec<_>>()
    };
    assert_eq!(told(&[]), []);
    let first = Some(frames[0].first_lsn);
    assert_eq!(told(&[1]), [(1, first, from.lsn)]);
    let second = Some(last_of(1).next());
    assert_eq!(told(&[1, 2]), [(1, first, last_of(1)), (2, second, from.lsn)]);
}

/// R20: the log's end is the maximum over frames and completed headers.
#[test]
fn a_position_beyond_the_log_is_corruption() {
    let (disk, _, positions) = long_log();
    let last = positions[15];
    let zero = |disk: &SimDisk, from: u64, to: u64| {
        (from..to).for_each(|at| disk.corrupt(&last.segment.path(), at, |_| 0).expect("there"));
    };
    assert_eq!(start_from(&disk, Some(last), &[]).expect("whole").frames, []);
    for wrong in [
        Position { lsn: last.lsn.next(), ..last },
        Position { crc: last.crc ^ 1, ..last },
        Position { offset: last.offset + 64, ..last },
        Position { offset: last.offset + 1, ..last },
        Position { offset: 4096, ..last },
        Position { offset: 1 << 40, ..last },
    ] {
        let (path, found) = refused(&disk, wrong, &[]);
        assert_eq!(path, last.segment.path());
        assert!(found.contains("beyond the log's end"), "{found}");
        assert!(inspect(&disk, wrong).refuses_start());
    }
    // The log lost its last frame behind the checkpoint's back.
    let before = positions[14];
    assert_eq!(before.segment, last.segment, "both lie in one segment");
    zero(&disk, before.offset, last.offset);
    let (path, found) = refused(&disk, last, &[]);
    assert_eq!(path, last.segment.path());
    assert!(found.contains("beyond the log's end"), "{found}");
    assert!(inspect(&disk, last).refuses_start());
    assert!(start_from(&disk, Some(before), &[]).is_ok());
}

/// The frame of the position may be damaged, if what comes after proves that it was there: what it
/// said is in the checkpoint.
#[test]
fn a_position_is_proved_by_the_frame_behind_it_or_a_later_segment() {
    let (disk, frames, positions) = long_log();
    for (at, from) in positions.iter().enumerate().take(15) {
        let disk = disk.snapshot();
        let begin = positions[..at].last().filter(|before| before.segment == from.segment);
        let begin = begin.map_or(4096, |before| before.offset);
        flip(&disk, &from.segment.path(), begin, 0);
        let started = start_from(&disk, Some(*from), &[]).expect("it is not needed");
        assert_eq!(started.frames, frames[at + 1..], "from frame {at}");
    }
}

#[test]
fn damage_behind_the_position_is_judged_as_ever() {
    let (disk, _, positions) = long_log();
    for (at, from) in positions.iter().enumerate().take(14) {
        let disk = disk.snapshot();
        let behind = positions[at + 1];
        let begin = if behind.segment == from.segment { from.offset } else { 4096 };
        flip(&disk, &behind.segment.path(), begin + 65, 0);
        let (path, _) = refused(&disk, *from, &[]);
        assert_eq!(path, behind.segment.path(), "from frame {at}");
    }
    let mut log = new_log();
    log.append(tick(1)).expect("nothing fails");
    let from = log.writer.position();
    let (disk, place) = tear(log, draft(2, &[&text(3000)]), |sector| sector % 2 == 0);
    let torn = start_from(&disk, from, &[]).expect("torn").report.torn_tails;
    assert_eq!((torn.len(), torn[0].offset), (1, place.offset));
}

#[test]
fn a_missing_segment_is_named() {
    let (disk, frames, positions) = long_log();
    let (from, last) = (positions[5], positions[15].segment.get());
    assert_eq!(from.segment, SegmentId::new(2));
    for raw in 2..=last {
        let disk = disk.snapshot();
        disk.erase(&segment(raw)).expect("it is there");
        let (path, why) = if raw == last {
            // Nothing tells that it was there but the footer of the one before.
            (refused(&disk, from, &[]).0, String::new())
        } else {
            refused(&disk, from, &[])
        };
        if raw < last {
            assert_eq!(path, segment(raw));
            assert!(why.contains("what follows the checkpoint"), "{why}");
        } else {
            assert_eq!(path, segment(last - 1));
        }
    }
    // A gap among those that were only prepared is none.
    let page = SegmentHeader { id: SegmentId::new(last + 9), opening: None, ..header(&disk, last) };
    let mut blank = page.encode();
    blank.resize(65_536, 0);
    disk.plant(&segment(last + 9), &blank).expect("it can be planted");
    let mut started = start_from(&disk, Some(from), &[]).expect("whole");
    assert_eq!(started.frames, frames[6..]);
    let paths = disk.paths();
    started.log.append(tick(1)).expect("nothing fails");
    let made: Vec<_> = disk.paths().into_iter().filter(|path| !paths.contains(path)).collect();
    assert!(made.iter().all(|path| *path > segment(last + 9)), "{made:?}");
}

fn header(disk: &SimDisk, raw: u64) -> SegmentHeader {
    match read_header_page(&disk.file(&segment(raw)).expect("durable")) {
        HeaderPage::Read { header, .. } => header,
        page => panic!("{page:?}"),
    }
}

/// What is not looked at has an id all the same, and it is not given again.
#[test]
fn new_segments_have_ids_beyond_every_one_that_is_there() {
    let (disk, _, positions) = long_log();
    let last = positions[15];
    let prepared = last.segment.get() + 1;
    disk.erase(&segment(prepared)).expect("it was prepared");
    let mut started = start_from(&disk, Some(last), &[]).expect("whole");
    let place = started.log.append(tick(1)).expect("nothing fails");
    assert_eq!(place.segment.get(), prepared);
}

#[test]
fn a_file_of_another_directory_behind_the_position_is_refused() {
    let (disk, _, positions) = long_log();
    let other = crate::types::Lineage([8; 16]);
    let foreign = SegmentHeader { lineage: other, ..header(&disk, 1) };
    let mut bytes = foreign.encode();
    bytes.resize(65_536, 0);
    disk.plant(&segment(77), &bytes).expect("it can be planted");
    let refused = start_from(&disk, Some(positions[15]), &[]);
    assert!(
        matches!(refused.err(), Some(LogError::ForeignFiles { path, .. }) if path == segment(77))
    );
}

/// An inspection reads what is left before the position, and does not miss what is gone.
#[test]
fn an_inspection_from_a_position_does_not_miss_earlier_segments() {
    let (disk, _, positions) = long_log();
    let from = positions[14];
    for gone in [vec![1], vec![2], vec![1, 2], vec![1, 3], (1..from.segment.get()).collect()] {
        let disk = disk.snapshot();
        for raw in &gone {
            disk.erase(&segment(*raw)).expect("it is there");
        }
        assert_eq!(inspect(&disk, from).findings, [], "without {gone:?}");
        let whole = verify(&disk, None, None, &mut |_| Ok(()), &mut |_| {}).expect("readable");
        assert!(whole.refuses_start(), "without a position {gone:?} is missing");
    }
    disk.erase(&segment(2)).expect("it is there");
    flip(&disk, &segment(1), 4096 + 70, 0);
    let findings = inspect(&disk, from).findings;
    assert_eq!(findings.first().map(|at| at.kind), Some(FindingKind::Corrupt));
    disk.erase(&from.segment.path()).expect("it is there");
    let missing = inspect(&disk, from).findings.into_iter().find(|at| at.found.contains("missing"));
    assert_eq!(missing.map(|finding| finding.path), Some(from.segment.path()));
}

#[test]
fn the_next_frame_begins_a_segment_when_it_is_told_to() {
    let place_of = |log: &mut TestLog| log.append(tick(1)).expect("nothing fails").segment.get();
    let mut log = new_log();
    log.writer.roll_next();
    assert_eq!([place_of(&mut log), place_of(&mut log)], [1, 1], "the first does anyway");
    log.writer.roll_next();
    log.writer.roll_next();
    assert_eq!([place_of(&mut log), place_of(&mut log)], [2, 2]);
    let footer = super::footers::stored(&log.disk, 1).footer().expect("it can be read");
    assert_eq!(footer.map(|footer| footer.entries.len()), Some(2));
    // Without a prepared segment, the frame is not held up.
    log.writer.roll_next();
    let append = |log: &mut TestLog| {
        let appended = log.writer.append(tick(2));
        let result = appended.job.run().map(|()| std::time::Duration::ZERO);
        log.writer.synced(result).expect("nothing fails");
        appended.place.segment.get()
    };
    assert_eq!(append(&mut log), 3);
    log.writer.roll_next();
    assert_eq!((log.writer.standby_count(), append(&mut log)), (0, 3));
    log.maintain().expect("nothing fails");
    assert_eq!([append(&mut log), append(&mut log)], [4, 4]);
    assert_eq!(start(&log.disk).expect("whole").frames.len(), 8);
}

/// Neither the header nor the first frame says that the segment is in use; the frames behind the
/// position do.
#[test]
fn a_segment_whose_begin_is_lost_still_ends_with_its_last_frame() {
    let mut log = new_log();
    let blank = log.disk.file(&segment(1)).expect("it is durable");
    let place = log.append(draft(1, &[&text(100)])).expect("nothing fails");
    log.append(draft(2, &[&text(100)])).expect("nothing fails");
    let from = log.writer.position();
    log.append(tick(3)).expect("nothing fails");
    let disk = log.disk.crash(&mut keep_none());
    for (offset, byte) in (0..place.offset).zip(blank) {
        disk.corrupt(&segment(1), offset, |_| byte).expect("it is there");
    }
    flip(&disk, &segment(1), place.offset + 9, 0);
    let started = start_from(&disk, from, &[]).expect("what is replayed is whole");
    assert_eq!(started.frames.len(), 1);
    let info = &started.report.segments[0];
    assert_eq!((info.first_lsn, info.last_lsn), (None, Lsn::new(3)));
}
