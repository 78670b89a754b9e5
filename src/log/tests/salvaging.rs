//! What is left of a log: which frames are given, and where others are told to be missing.

use super::harness::{draft, flip, new_log, segment, tear, text, tick, zero_sector};
use crate::{
    disk::{SimDisk, sim::keep_none},
    log::{
        FileId, FramePlace, Piece, Position, SECTOR_BYTES, SEGMENT_BYTES_MIN, SegmentId,
        frame::{FRAME_HEADER_BYTES, FrameHeader, HeaderRead},
        salvage, salvage_file,
        tests::harness::LINEAGE,
    },
    types::{Lsn, Timestamp},
};

/// A log of ten frames with two records each: four in segment 1, four in segment 2, both with a
/// footer, and two in segment 3. Segment 4 stands by.
pub(super) fn long_log() -> (SimDisk, Vec<FramePlace>, Vec<Position>) {
    let mut log = new_log();
    let (mut places, mut positions) = (Vec::new(), Vec::new());
    for now in 0..10 {
        places.push(log.append(draft(now, &[b"x", &text(14_000)])).expect("nothing fails"));
        positions.push(log.writer.position().expect("a frame was planned"));
    }
    let segments: Vec<_> = places.iter().map(|place| place.segment.get()).collect();
    assert_eq!(segments, [1, 1, 1, 1, 2, 2, 2, 2, 3, 3]);
    (log.disk.crash(&mut keep_none()), places, positions)
}

/// The frames with these first LSNs.
fn frames(lsns: impl IntoIterator<Item = u64>) -> Vec<String> {
    lsns.into_iter().map(|lsn| format!("frame {lsn}")).collect()
}

fn told(piece: &Piece<'_>) -> String {
    match piece {
        Piece::Frame(frame) => format!("frame {}", frame.first_lsn),
        Piece::Listed(listed) => {
            format!("listed {} to {}", listed.entry.first_lsn, listed.last_lsn)
        }
        Piece::Hole(hole) => {
            let next = hole.next_lsn.map_or_else(|| "?".to_owned(), |next| next.to_string());
            let (first, path, offset) = (hole.first_lsn, &hole.path, hole.offset);
            format!("hole {first} to {next}, {path} at {offset}: {}", hole.found)
        }
    }
}

/// What is left of the log behind the position, or of all.
fn left(disk: &SimDisk, from: Option<Position>) -> Vec<String> {
    let mut pieces = Vec::new();
    let mut sink = |piece: Piece<'_>| pieces.push(told(&piece));
    salvage(disk, LINEAGE, from, &[].into(), &mut sink, &mut |_| {}).expect("it can be listed");
    pieces
}

/// What is left of segment 1, which ends at `until`, and what is wrong with it.
fn left_of_the_first(disk: &SimDisk, until: u64) -> (Vec<String>, Option<String>) {
    let mut pieces = Vec::new();
    let mut sink = |piece: Piece<'_>| pieces.push(told(&piece));
    let (id, until) = (FileId::Segment(SegmentId::FIRST), Some(Lsn::new(until)));
    let damage = salvage_file(disk, id, LINEAGE, None, until, &mut sink).expect("no newer file");
    (pieces, damage)
}

/// Takes the footer of a segment away: it lies in the last sector.
fn without_footer(disk: &SimDisk, raw: u64) {
    zero_sector(disk, &segment(raw), SEGMENT_BYTES_MIN / SECTOR_BYTES - 1);
}

/// Puts another header in the place of a frame's, with a right CRC.
fn reseal(disk: &SimDisk, place: &FramePlace, change: impl Fn(&mut FrameHeader)) {
    let path = place.segment.path();
    let bytes = disk.file(&path).expect("it is durable");
    let at = usize::try_from(place.offset).expect("small");
    let HeaderRead::Whole(mut header) = FrameHeader::read(&bytes[at..], place.salt) else {
        panic!("the header is whole");
    };
    change(&mut header);
    for (offset, byte) in (place.offset..).zip(header.seal(place.salt)) {
        disk.corrupt(&path, offset, |_| byte).expect("it is there");
    }
}

#[test]
fn a_whole_log_is_given_frame_by_frame_and_each_segment_is_told_when_it_is_done() {
    let (disk, ..) = long_log();
    assert_eq!(left(&disk, None), frames((1..20).step_by(2)));
    let mut done = Vec::new();
    let mut progress = |progress: crate::log::Progress| {
        done.push((progress.segments_done, progress.segments_total, progress.lsn.get()));
    };
    salvage(&disk, LINEAGE, None, &[].into(), &mut |_| {}, &mut progress).expect("it is whole");
    assert_eq!(done, [(1, 4, 8), (2, 4, 16), (3, 4, 20), (4, 4, 20)]);
}

#[test]
fn what_lies_before_a_position_is_not_given_and_what_lies_behind_it_is() {
    let (disk, _, positions) = long_log();
    for position in positions {
        let behind = (position.lsn.get() + 1..20).step_by(2);
        assert_eq!(left(&disk, Some(position)), frames(behind), "{position:?}");
    }
}

#[test]
fn a_position_that_the_last_segment_does_not_know_is_told_with_the_hole_behind_it() {
    let (disk, places, positions) = long_log();
    let (segment, offset) = (places[9].segment, places[9].offset);
    let from = Position { segment, offset, ..positions[1] };
    let found = "a checkpoint goes on from here, and no frame ends here with its LSN";
    let hole = format!("hole 5 to 19, {} at 0: {found}", segment.path());
    assert_eq!(left(&disk, Some(from)), [&[hole][..], &frames([19])].concat());
}

#[test]
fn records_of_a_missing_segment_are_told_as_lost_with_it() {
    let (disk, ..) = long_log();
    without_footer(&disk, 1);
    disk.erase(&segment(2)).expect("it is there");
    let hole = format!("hole 9 to 17, {} at 0: the file is missing", segment(2));
    let expected = [frames([1, 3, 5, 7]), vec![hole], frames([17, 19])].concat();
    assert_eq!(left(&disk, None), expected);
}

#[test]
fn a_last_frame_that_looks_torn_is_damage_if_the_next_segment_goes_on_behind_it() {
    let (disk, places, _) = long_log();
    without_footer(&disk, 1);
    let at = places[3].offset;
    for offset in at..(at + FRAME_HEADER_BYTES as u64).next_multiple_of(SECTOR_BYTES) {
        disk.corrupt(&segment(1), offset, |_| 0).expect("it is there");
    }
    let found = "the frame that begins here is not whole";
    let hole = format!("hole 7 to 9, {} at {at}: {found}", segment(1));
    let expected = [frames([1, 3, 5]), vec![hole], frames((9..20).step_by(2))].concat();
    assert_eq!(left(&disk, None), expected);
}

#[test]
fn of_a_frame_that_is_another_than_the_footer_names_the_footer_still_tells() {
    let (disk, places, _) = long_log();
    reseal(&disk, &places[1], |header| header.now = Timestamp::from_millis(77));
    let found = "the records of a frame are not as written";
    let hole = format!("hole 3 to 5, {} at {}: {found}", segment(1), places[1].offset);
    let listed = "listed 3 to 4".to_owned();
    let expected = [frames([1]), vec![hole, listed], frames((5..20).step_by(2))].concat();
    assert_eq!(left(&disk, None), expected);
}

#[test]
fn a_file_is_read_up_to_the_frame_that_begins_at_its_end() {
    let (disk, ..) = long_log();
    assert_eq!(left_of_the_first(&disk, 3), (frames([1, 3]), None));
    without_footer(&disk, 1);
    assert_eq!(left_of_the_first(&disk, 3), (frames([1, 3]), None));
}

#[test]
fn damage_to_the_last_frame_of_a_file_is_told_and_behind_it_is_not() {
    let (disk, places, _) = long_log();
    without_footer(&disk, 1);
    flip(&disk, &segment(1), places[3].offset + 9, 0);
    let (pieces, damage) = left_of_the_first(&disk, 7);
    assert_eq!(pieces, frames([1, 3, 5]));
    assert!(damage.is_some());
    assert_eq!(left_of_the_first(&disk, 6), (frames([1, 3, 5]), None));
}

#[test]
fn a_torn_frame_at_the_end_is_neither_given_nor_told_as_lost() {
    let mut log = new_log();
    log.append(tick(1)).expect("nothing fails");
    let (disk, place) = tear(log, draft(2, &[&text(3000)]), |sector| sector != 12);
    assert!(place.offset < 12 * SECTOR_BYTES, "its records are there, its body is not");
    assert_eq!(left(&disk, None), frames([1]));
}

#[test]
fn a_segment_without_a_salt_is_a_loss_unless_nothing_was_ever_written_to_it() {
    let mut log = new_log();
    let place = log.append(draft(1, &[&text(500)])).expect("nothing fails");
    let disk = log.disk.crash(&mut keep_none());
    for raw in [1, 2] {
        (0..8).for_each(|sector| zero_sector(&disk, &segment(raw), sector));
    }
    assert_eq!(left(&disk, None), frames([1]), "the frame tells the salt; segment 2 is blank");
    flip(&disk, &segment(1), place.offset + 9, 0);
    let left = left(&disk, None);
    assert!(left.len() == 1 && left[0].starts_with("hole 1 to ?"), "{left:?}");
}
