//! The pure parts: any bytes can be scanned, the zero-sector list is right, the bounds hold.

use bytes::Bytes;

use super::harness::{body, draft, new_log, segment, text, tick};
use crate::{
    disk::sim::Random,
    log::{
        Draft,
        encode::encode,
        footer::read_footer,
        frame::FrameHeader,
        header::{HEADER_PAGE_BYTES, read_header_page},
        judge::judge_rest,
        position::Chain,
        recover::ends_at,
        scan::{SegmentBytes, Start},
        zeros::{list_zero_sectors, lists_sector},
    },
    types::{Lsn, Timestamp},
};

const SALT: u32 = 77;

/// Everything that reads bytes reads these; nothing may panic, whatever they are.
fn read_all(bytes: &[u8], salt: u32) -> u64 {
    let _ = read_header_page(bytes);
    let _ = read_footer(bytes, salt);
    let segment = SegmentBytes { bytes, salt };
    let mut frames_count = 0;
    for next in [None, Some(Chain { next_lsn: Lsn::new(3), crc: 9 })] {
        let scan = segment.scan(Start::of_segment(Chain::default()), next, &mut |_, bodies| {
            frames_count += 1;
            assert!(bodies.iter().all(|body| body.offset <= bytes.len() as u64));
            Ok(())
        });
        assert!(scan.at <= (bytes.len() as u64).max(HEADER_PAGE_BYTES as u64));
        let _ = judge_rest(segment, scan.at + 64, scan.chain);
    }
    frames_count
}

#[test]
fn any_bytes_can_be_scanned() {
    let mut random = Random::new(5);
    for round in 0..400 {
        let length = [0, 10, 4096, 4097, 4160, 9000][round % 6];
        let bytes: Vec<u8> =
            (0..length).map(|_| u8::try_from(random.below(256)).expect("below 256")).collect();
        read_all(&bytes, SALT);
    }
}

/// Headers with right checksums and wild lengths, as no program writes them.
#[test]
fn frames_with_absurd_lengths_can_be_scanned() {
    let mut random = Random::new(6);
    let wild = |random: &mut Random| -> u32 {
        let raw = random.next_u64() & u64::from(u32::MAX);
        let raw = u32::try_from(raw).expect("cut off");
        [0, 1, 64, 4096, u32::MAX, raw, raw % 9000][random.below(7)]
    };
    for _ in 0..3000 {
        let mut bytes = vec![0; 9000];
        let mut header = FrameHeader {
            version: [0, 1, 2][random.below(3)],
            frame_bytes: wild(&mut random),
            zero_range_count: wild(&mut random),
            body_count: wild(&mut random),
            record_count: wild(&mut random),
            records_bytes: wild(&mut random),
            bodies_bytes: wild(&mut random),
            previous_crc: 0,
            first_lsn: Lsn::new(if random.below(4) == 0 { u64::MAX } else { 1 }),
            now: Timestamp::ZERO,
            zeros_crc: 0,
            records_crc: 0,
            crc: 0,
        };
        if random.below(2) == 0 {
            // Lengths that agree at least, so that the rest is looked at too.
            header.zero_range_count %= 50;
            header.body_count %= 50;
            header.records_bytes %= 500;
            header.bodies_bytes %= 5000;
            header.frame_bytes = u32::try_from(header.length()).expect("small");
            header.record_count = header.record_count.max(1);
        }
        let sealed = header.seal(SALT);
        bytes[4096..4160].copy_from_slice(&sealed);
        bytes[4300..4400].fill(7);
        read_all(&bytes, SALT);
    }
}

#[test]
fn a_damaged_segment_can_be_scanned() {
    let mut log = new_log();
    for now in 0..3 {
        log.append(draft(now, &[&text(300), &[0; 1100]])).expect("nothing fails");
    }
    let whole = log.disk.file(&segment(1)).expect("durable")[..9000].to_vec();
    let salt = u32::from_le_bytes([whole[12], whole[13], whole[14], whole[15]]);
    assert_eq!(read_all(&whole, salt), 6);
    let mut random = Random::new(9);
    for _ in 0..2000 {
        let mut bytes = whole.clone();
        for _ in 0..=random.below(4) {
            let at = random.below(bytes.len());
            bytes[at] = u8::try_from(random.below(256)).expect("below 256");
        }
        bytes.truncate(4096 + random.below(5000));
        read_all(&bytes, salt);
    }
}

/// Random chunks of zeros and letters.
fn chunks(random: &mut Random) -> Vec<Bytes> {
    let mut chunks = vec![Bytes::from(vec![1; 64])];
    for _ in 0..=random.below(8) {
        let length = [0, 1, 511, 512, 700, 1024, 3000][random.below(7)];
        chunks.push(match random.below(3) {
            0 => Bytes::from(text(length)),
            _ => Bytes::from(vec![0; length]),
        });
    }
    chunks
}

#[test]
fn the_zero_sector_list_names_exactly_the_sectors_that_are_zero() {
    let mut random = Random::new(4);
    for _ in 0..3000 {
        let chunks = chunks(&mut random);
        let offset = 64 * random.below(20);
        let list = list_zero_sectors(offset as u64, &chunks);
        let mut image = vec![0xff; offset % 512];
        image.extend(chunks.concat());
        for (sector, bytes) in (0..).zip(image.chunks(512)) {
            let is_zero = bytes.iter().all(|byte| *byte == 0);
            assert_eq!(lists_sector(&list, sector), is_zero, "sector {sector}");
        }
        assert!(!lists_sector(&list, image.len().div_ceil(512) as u64));
        assert!(!lists_sector(&list, u64::MAX));
    }
}

#[test]
fn a_frame_is_never_longer_than_its_draft_said() {
    let mut random = Random::new(12);
    for _ in 0..2000 {
        let bodies = chunks(&mut random);
        let draft = Draft {
            records: text(random.below(900)),
            record_count: 1,
            bodies: bodies.iter().map(|bytes| body(bytes)).collect(),
            ..Draft::default()
        };
        let bound = draft.frame_bytes();
        let offset = 64 * random.below(20) as u64;
        let frame = encode(draft, offset, SALT, Chain::default());
        let length: usize = frame.chunks.iter().map(Bytes::len).sum();
        assert_eq!(length as u64, u64::from(frame.header.frame_bytes));
        assert!(length as u64 <= bound, "{length} bytes, {bound} were said");
        assert!(frame.header.is_consistent());
        assert!(frame.chunks.iter().all(|chunk| !chunk.is_empty()));
    }
}

#[test]
fn large_bodies_are_not_copied() {
    let large = Bytes::from(text(4000));
    let mut draft = tick(1);
    let crc = crc32fast::hash(&large);
    draft.bodies.push(crate::log::Body { chunks: [large.clone(), Bytes::new()], crc });
    let frame = encode(draft, 4096, SALT, Chain::default());
    assert!(frame.chunks.iter().any(|chunk| chunk.as_ptr() == large.as_ptr()));
}

#[test]
fn a_frame_may_end_with_the_last_byte_of_what_there_is() {
    let mut log = new_log();
    let place = log.append(draft(1, &[&text(700)])).expect("nothing fails");
    let position = log.writer.position().expect("a frame was planned");
    let bytes = log.disk.file(&segment(1)).expect("it is durable");
    let end = place.offset + place.frame_bytes;
    let is_there = |bytes: &[u8]| {
        let segment = SegmentBytes { bytes, salt: place.salt };
        segment.frame(place.offset, Chain::default()).is_ok()
    };
    let end_index = usize::try_from(end).expect("small");
    assert!(is_there(&bytes[..end_index]));
    assert!(!is_there(&bytes[..end_index - 1]));
    let ends_at = |end| ends_at(&*place.file, end, place.salt, position).expect("it can be read");
    assert_eq!([end - 1, end, end + 1].map(ends_at), [false, true, true]);
}
