//! A file read again, a part at a time: what of it is damage, and where that is told to be.

use super::{
    footers::stored,
    harness::{draft, flip, new_log, segment, text},
};
use crate::{
    disk::{SimDisk, sim::keep_none},
    log::{
        FileCheck, FramePlace,
        frame::{FrameHeader, HeaderRead},
    },
    types::Lsn,
};

/// A segment without a footer: three frames, of LSN 1, 2 and 3.
fn segment_in_use() -> (SimDisk, Vec<FramePlace>) {
    let mut log = new_log();
    let frame = |now| draft(now, &[&text(300)]);
    let places = (1..4).map(|now| log.append(frame(now)).expect("nothing fails")).collect();
    (log.disk.crash(&mut keep_none()), places)
}

/// What is damaged in segment 1, of which no frame begins behind `until`.
fn damages(disk: &SimDisk, until: Option<u64>) -> Vec<(u64, String)> {
    let file = stored(disk, 1);
    let until = until.map(Lsn::new);
    let mut check = FileCheck::new(file.id, file.file, file.bytes, file.salt, until);
    while !check.is_over() {
        check.step(1);
    }
    check.into_damages().into_iter().map(|damage| (damage.offset, damage.found)).collect()
}

#[test]
fn a_segment_without_a_footer_is_compared_frame_by_frame() {
    let (disk, places) = segment_in_use();
    assert_eq!(damages(&disk, Some(3)), []);
    flip(&disk, &segment(1), places[0].bodies_offset + 7, 1);
    flip(&disk, &segment(1), places[2].offset + 70, 1);
    let body = (places[0].bodies_offset, "a body does not have its CRC".to_owned());
    let records = (places[2].offset, "the records of a frame are not as written".to_owned());
    assert_eq!(damages(&disk, Some(3)), [body.clone(), records.clone()]);
    assert_eq!(damages(&disk, None), [body, records]);
}

#[test]
fn what_lies_behind_the_end_of_a_segment_is_not_compared() {
    let (disk, places) = segment_in_use();
    flip(&disk, &segment(1), places[2].bodies_offset, 1);
    assert_eq!(damages(&disk, Some(2)), []);
    assert_eq!(damages(&disk, Some(3)).len(), 1);
}

#[test]
fn a_damaged_list_of_zero_sectors_is_told_where_it_begins() {
    let mut log = new_log();
    let sparse = [vec![b'x'; 512], vec![0; 1024]].concat().repeat(9);
    let place = log.append(draft(1, &[&sparse])).expect("nothing fails");
    let disk = log.disk.crash(&mut keep_none());
    let bytes = disk.file(&segment(1)).expect("it is durable");
    let at = usize::try_from(place.offset).expect("small");
    let HeaderRead::Whole(header) = FrameHeader::read(&bytes[at..], place.salt) else {
        panic!("the header is whole");
    };
    let list_at = place.offset + header.zeros_at();
    flip(&disk, &segment(1), list_at + 9, 0);
    let list = (list_at, "the list of zero sectors is not as written".to_owned());
    assert_eq!(damages(&disk, None), [list]);
}
