//! What is read of payloads, and what is read ahead of them.

use std::sync::Arc;

use super::harness::{NotingFile, segment, store};
use crate::{
    log::{BodyPlace, FramePlace, FrameView, SegmentId},
    store::{BodyRef, Place, READ_AHEAD_BYTES, Slot, Store, StoredInfo},
    types::{Lsn, Payload, Seq, Timestamp},
};

const MIB: u64 = 1 << 20;

/// Puts messages from `first_seq` on at these places of a segment, in MiB.
fn add(store: &mut Store, id: u64, first_seq: u64, places: &[u64]) -> Arc<NotingFile> {
    let file = Arc::new(NotingFile::default());
    store.files.insert(segment(id), StoredInfo::new(file.clone(), 1 << 30, 1, Lsn::new(1)));
    let slots = places.iter().map(|place| Slot::new(place * MIB, 1, 0));
    store.places.extend(segment(id), Seq::new(first_seq), slots);
    file
}

#[test]
fn what_lies_behind_a_message_is_read_ahead_once_and_on_from_where_that_ended() {
    assert_eq!(READ_AHEAD_BYTES, 4 * MIB);
    let mut store = store(0);
    let file = add(&mut store, 1, 1, &[0, 1, 2, 6, 100]);
    let mut hinted = |seq: u64| {
        store.hint(Seq::new(seq));
        let places = file.take_noted().into_iter();
        places.map(|(offset, length)| (offset / MIB, length / MIB)).collect::<Vec<_>>()
    };
    assert_eq!(hinted(1), [(0, 4)]);
    assert_eq!(hinted(1), [], "it was read ahead");
    assert_eq!(hinted(2), [], "and more than half of it is left");
    assert_eq!(hinted(3), [(4, 4)], "half of it is left: it goes on");
    assert_eq!(hinted(4), [(8, 4)]);
    assert_eq!(hinted(5), [(100, 4)], "a leap begins anew");
    assert_eq!(hinted(1), [(0, 4)], "and so does one back");
    assert_eq!(hinted(9), [], "there is no such message");
}

#[test]
fn another_file_is_read_ahead_from_its_own_message_on() {
    let mut store = store(0);
    let one = add(&mut store, 1, 1, &[0]);
    let two = add(&mut store, 2, 2, &[2]);
    store.hint(Seq::new(1));
    store.hint(Seq::new(2));
    assert_eq!(
        (one.take_noted(), two.take_noted()),
        (vec![(0, 4 * MIB)], vec![(2 * MIB, 4 * MIB)])
    );
}

fn payload(body: &'static [u8]) -> Payload {
    Payload { body: body.into(), crc: crc32fast::hash(body), ..Payload::default() }
}

/// A frame of segment 1.
fn frame(file: &Arc<NotingFile>, first_lsn: u64, record_count: u32) -> FramePlace {
    FramePlace {
        segment: SegmentId::FIRST,
        file: file.clone(),
        offset: 4096,
        frame_bytes: 128,
        first_lsn: Lsn::new(first_lsn),
        record_count,
        bodies_offset: 4160,
        salt: 1,
    }
}

#[test]
fn nothing_is_read_ahead_of_a_message_that_is_in_memory() {
    let mut store = store(1000);
    let file = Arc::new(NotingFile::default());
    store.written(&frame(&file, 1, 1), Seq::new(1), vec![payload(b"one")]);
    store.hint(Seq::new(1));
    assert_eq!(file.take_noted(), []);
    assert!(matches!(store.body(Seq::new(1)), Some(BodyRef::Cached(_))));
}

#[test]
fn a_segment_is_needed_up_to_the_last_record_that_was_written_to_it() {
    let mut store = store(0);
    let file = Arc::new(NotingFile::default());
    let needed_to = |store: &Store| store.file_details()[0].needed_to.get();
    store.written(&frame(&file, 5, 3), Seq::new(1), vec![payload(b"one"), payload(b"two")]);
    assert_eq!(needed_to(&store), 7);
    store.written(&frame(&file, 8, 2), Seq::new(3), vec![payload(b"three")]);
    assert_eq!(needed_to(&store), 9);
    assert_eq!(store.written_status().frame_bytes, 256);
    let details = store.file_details();
    assert_eq!((details.len(), details[0].id), (1, segment(1)));
    assert_eq!((details[0].live_count, details[0].live_bytes), (3, 11));
}

#[test]
fn a_segment_is_needed_up_to_the_last_record_that_was_replayed_from_it() {
    let mut store = store(0);
    let file: Arc<dyn crate::disk::File> = Arc::new(NotingFile::default());
    let body = BodyPlace { offset: 4160, len: 3, crc: 0, damaged: false };
    for (first_lsn, record_count, last_lsn) in [(5, 3, 7), (8, 2, 9)] {
        let view = FrameView {
            segment: SegmentId::FIRST,
            file: &file,
            offset: 4096,
            frame_bytes: 128,
            first_lsn: Lsn::new(first_lsn),
            record_count,
            now: Timestamp::ZERO,
            crc: 0,
            salt: 1,
            file_bytes: 65536,
            records: &[],
            bodies: &[body],
        };
        store.replayed(&view, Seq::new(first_lsn));
        assert_eq!(store.file_details()[0].needed_to, Lsn::new(last_lsn));
    }
}

/// Payloads of a file, by offset and length.
fn bodies(file: &Arc<NotingFile>, places: &[(u64, u32)]) -> Vec<BodyRef> {
    let place = |(offset, length): &(u64, u32)| {
        let begin = usize::try_from(*offset).expect("small");
        let crc = crc32fast::hash(&file.bytes[begin..begin + *length as usize]);
        let file: Arc<dyn crate::disk::File> = file.clone();
        BodyRef::Stored(Place { file, offset: *offset, length: *length, crc })
    };
    places.iter().map(place).collect()
}

/// The bytes of those that were read, `None` for those that were not.
fn read(bodies: &[BodyRef]) -> Vec<Option<&[u8]>> {
    let read = bodies.iter().map(|body| match body {
        BodyRef::Read(_, bytes) => Some(&bytes[..]),
        BodyRef::Stored(_) | BodyRef::Cached(_) => None,
    });
    read.collect()
}

#[test]
fn payloads_that_lie_one_behind_the_other_are_read_by_one_call() {
    let bytes = (0..16).collect();
    let file = Arc::new(NotingFile { bytes, cached_count: 16, ..NotingFile::default() });
    let mut together = bodies(&file, &[(10, 2), (0, 3), (3, 2), (5, 1), (8, 1)]);
    BodyRef::read_together(&mut together);
    assert_eq!(file.take_noted(), [(0, 6)]);
    let expected = [None, Some(&[0, 1, 2][..]), Some(&[3, 4]), Some(&[5]), None];
    assert_eq!(read(&together), expected);
}

#[test]
fn payloads_of_two_files_or_with_one_in_memory_between_are_not_read_together() {
    let bytes: Vec<u8> = (0..16).collect();
    let file = || NotingFile { bytes: bytes.clone(), cached_count: 16, ..NotingFile::default() };
    let (one, two) = (Arc::new(file()), Arc::new(file()));
    let mut apart = [bodies(&one, &[(0, 3)]), bodies(&two, &[(3, 2)])].concat();
    apart.extend([BodyRef::Cached(payload(b"in memory")), bodies(&two, &[(5, 2)])[0].clone()]);
    BodyRef::read_together(&mut apart);
    assert_eq!(read(&apart), [None; 4]);
    assert_eq!((one.take_noted(), two.take_noted()), (vec![], vec![]));
}

#[test]
fn payloads_of_which_the_cache_has_a_part_alone_are_left_to_whoever_may_wait() {
    let bytes = (0..16).collect();
    let file = Arc::new(NotingFile { bytes, cached_count: 4, ..NotingFile::default() });
    let mut together = bodies(&file, &[(0, 3), (3, 2)]);
    BodyRef::read_together(&mut together);
    assert_eq!(read(&together), [None, None]);
    assert!(together[1].read_cached().is_none());
    assert!(together[0].read_cached().is_some());
}
