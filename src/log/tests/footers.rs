//! Footers (R3): what they say of the frames, their place, and that nothing else is taken for one.

use super::harness::{
    Content, TestLog, draft, flip, new_log, segment, settings, start, text, tick,
};
use crate::{
    disk::{
        SimDisk,
        sim::{Random, keep_none},
    },
    log::{
        Draft, FileId, Footer, FooterEntry, FooterState, SegmentId, StoredFile,
        footer::{encode_footer, footer_bytes, read_evidence, read_footer},
        le::{put, salted_crc},
        verify,
    },
    types::Lsn,
};

/// A frame with a summary.
fn told(now: u64, bodies: &[&[u8]], summary: &[u8]) -> Draft {
    Draft { summary: summary.to_vec(), ..draft(now, bodies) }
}

pub(super) fn stored(disk: &SimDisk, raw: u64) -> StoredFile {
    let id = FileId::Segment(SegmentId::new(raw));
    StoredFile::open(disk, id, settings().lineage).expect("the header is whole")
}

fn footer(disk: &SimDisk, raw: u64) -> Option<Footer> {
    stored(disk, raw).footer().expect("it can be read")
}

/// A log whose first segment is sealed, and what was put into that.
fn sealed() -> (TestLog, Vec<(Content, Vec<u8>)>) {
    let mut log = new_log();
    let mut written = Vec::new();
    for now in 0.. {
        let summary = vec![b's'; usize::try_from(now % 4).expect("small") * 9];
        let draft = match now % 3 {
            0 => Draft { summary: summary.clone(), ..tick(now) },
            1 => told(now, &[b"one", b"", &text(5000)], &summary),
            _ => told(now, &[&text(9000)], &summary),
        };
        let content = Content::of(&draft, log.writer.next_lsn());
        if log.append(draft).expect("nothing fails").segment == SegmentId::new(2) {
            break;
        }
        written.push((content, summary));
    }
    (log, written)
}

#[test]
fn a_footer_says_where_the_frames_lie_and_what_they_hold() {
    let (log, written) = sealed();
    let disk = log.disk.crash(&mut keep_none());
    let stored = stored(&disk, 1);
    let footer = stored.footer().expect("it can be read").expect("it is valid");
    assert_eq!(footer.entries.len(), written.len());
    assert_eq!(
        footer.next_lsn.get(),
        written.iter().map(|(at, _)| u64::from(at.record_count)).sum::<u64>() + 1
    );
    for ((entry, summary), (content, told)) in footer.frames().zip(&written) {
        assert_eq!((entry.first_lsn, summary), (content.first_lsn, &told[..]));
        assert_eq!(entry.body_count as usize, content.bodies.len());
        let frame = stored.frame(entry).expect("the frame is whole");
        assert_eq!((frame.now, &frame.records), (content.now, &content.records));
        assert_eq!(frame.record_count, content.record_count);
        let at =
            frame.bodies.first().map_or(entry.offset + u64::from(entry.bodies_at), |at| at.offset);
        assert_eq!(at, entry.offset + u64::from(entry.bodies_at));
        for (place, body) in frame.bodies.iter().zip(&content.bodies) {
            let body = body.as_ref().expect("nothing is damaged");
            assert_eq!((place.len as usize, place.crc), (body.len(), crc32fast::hash(body)));
            let at = usize::try_from(place.offset).expect("small");
            assert_eq!(disk.file(&segment(1)).expect("durable")[at..at + body.len()], body[..]);
        }
    }
    let crc = stored.footer_crc().expect("it can be read").expect("there is one");
    assert_eq!(encode_footer(&footer, stored.salt).last_chunk(), Some(&crc.to_le_bytes()));
}

#[test]
fn a_segment_that_is_not_sealed_has_no_footer() {
    let (log, _) = sealed();
    assert_eq!(footer(&log.disk, 2), None);
    assert_eq!(stored(&log.disk, 2).footer_crc().expect("it can be read"), None);
}

#[test]
fn every_flipped_bit_of_a_footer_leaves_none() {
    let (log, written) = sealed();
    let disk = log.disk.crash(&mut keep_none());
    let whole = start(&disk).expect("whole").frames;
    let summaries_bytes: usize = written.iter().map(|(_, summary)| summary.len()).sum();
    let begin = settings().segment_bytes - footer_bytes(written.len(), summaries_bytes as u64);
    let bytes = disk.file(&segment(1)).expect("durable");
    let salt = stored(&disk, 1).salt;
    assert!(read_footer(&bytes, salt).is_some());
    for at in usize::try_from(begin).expect("small")..bytes.len() {
        for bit in 0..8 {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1 << bit;
            assert_eq!(read_footer(&damaged, salt), None, "byte {at}, bit {bit}");
            assert_eq!(read_evidence(&damaged, salt), None, "byte {at}, bit {bit}");
        }
    }
    // R3: it is never corruption, and the file is read without it.
    for at in (begin..settings().segment_bytes).step_by(13) {
        let damaged = disk.snapshot();
        flip(&damaged, &segment(1), at, 3);
        assert_eq!(footer(&damaged, 1), None);
        assert_eq!(start(&damaged).expect("the frames are whole").frames, whole);
    }
}

#[test]
fn every_truncation_leaves_no_footer() {
    let (log, written) = sealed();
    let bytes = log.disk.file(&segment(1)).expect("durable");
    let salt = stored(&log.disk, 1).salt;
    let summaries_bytes: usize = written.iter().map(|(_, summary)| summary.len()).sum();
    let length = usize::try_from(footer_bytes(written.len(), summaries_bytes as u64));
    let begin = bytes.len() - length.expect("small");
    for end in begin..bytes.len() {
        assert_eq!(read_footer(&bytes[..end], salt), None, "up to {end}");
        assert_eq!(read_footer(&bytes[begin..end], salt), None, "{begin} to {end}");
    }
    // Cut at the front, it speaks of frames that would lie within itself.
    for from in begin - 64..=bytes.len() {
        assert_eq!(read_footer(&bytes[from..], salt), None, "from {from}");
    }
}

/// Footers with right checksums and wild numbers, as no program writes them.
#[test]
fn a_footer_with_absurd_lengths_is_none() {
    let (log, _) = sealed();
    let stored = stored(&log.disk, 1);
    let whole = encode_footer(&footer(&log.disk, 1).expect("valid"), stored.salt);
    let mut random = Random::new(3);
    let mut some_count = 0;
    for _ in 0..20_000 {
        let mut bytes = whole.clone();
        let trailer = bytes.len() - 64;
        let place = match random.below(4) {
            0 => trailer + 12,
            1 => trailer + 24,
            _ => random.below(trailer / 4) * 4,
        };
        let wild = [0, 1, 64, 4096, u32::MAX, u32::MAX / 32 + 1, 1 << 31][random.below(7)];
        put(&mut bytes, place, &u32::to_le_bytes(wild));
        let crc = salted_crc(stored.salt, &[&bytes[..trailer + 60]]);
        put(&mut bytes, trailer + 60, &crc.to_le_bytes());
        let file = [vec![0; 65_536 - bytes.len()], bytes].concat();
        let Some(footer) = read_footer(&file, stored.salt) else { continue };
        some_count += 1;
        assert_eq!(footer.frames().count(), footer.entries.len());
        // Whatever it says, a frame that is not there is not made up.
        for entry in &footer.entries {
            let _ = stored.frame(entry);
        }
    }
    assert!((1000..15_000).contains(&some_count), "{some_count} are consistent");
}

/// R3, with what the footer says of messages.
#[test]
fn the_writer_rolls_before_the_footer_that_a_frame_would_need() {
    for summary_bytes in [0, 1, 500, 3000, 16_000] {
        let summary = text(summary_bytes);
        let mut log = new_log();
        let mut frames_count = 0;
        let frame = || Draft { summary: summary.clone(), ..tick(1) };
        while log.append(frame()).expect("nothing fails").segment == SegmentId::new(1) {
            frames_count += 1;
        }
        let footer = footer(&log.disk, 1).expect("it was sealed");
        assert_eq!(footer.entries.len(), frames_count);
        let end = footer.entries.last().map_or(0, |at| at.offset + u64::from(at.frame_bytes));
        let needed = footer_bytes(frames_count, footer.summaries.len() as u64);
        let free = settings().segment_bytes - end - needed;
        let one_more = frame().frame_bytes() + 32 + summary_bytes as u64;
        assert!(free < one_more, "{free} bytes are free, a frame needs {one_more}");
    }
}

#[test]
fn a_writer_is_ready_only_if_the_summary_has_a_place_too() {
    let mut log = new_log();
    while log.writer.ready(1000, 16_000) {
        // No further segment is prepared.
        let appended = log.writer.append(draft(1, &[&text(700)]));
        assert_eq!(appended.place.segment, SegmentId::new(1));
        let result = appended.job.run().map(|()| std::time::Duration::ZERO);
        log.writer.synced(result).expect("nothing fails");
    }
    assert!(log.writer.ready(1000, 10_000));
}

#[test]
fn a_summary_beyond_its_limit_is_a_fault_of_the_caller() {
    let frame = Draft { summary: text(20_000), ..tick(1) };
    let append = || new_log().writer.append(frame.clone()).place.offset;
    assert!(std::panic::catch_unwind(append).is_err());
}

#[test]
fn a_seal_job_tells_its_length() {
    let mut log = new_log();
    while log.writer.active_segment() != Some(SegmentId::new(2)) {
        let appended = log.writer.append(told(1, &[&text(9000)], b"seven b"));
        let result = appended.job.run().map(|()| std::time::Duration::ZERO);
        log.writer.synced(result).expect("nothing fails");
        if log.writer.wants_segment() {
            log.prepare_from(None).expect("nothing fails");
        }
    }
    let job = log.writer.seal().expect("segment 1 is full");
    job.run().expect("nothing fails");
    let footer = footer(&log.disk, 1).expect("it is written");
    assert_eq!(
        job.footer_bytes(),
        footer_bytes(footer.entries.len(), footer.summaries.len() as u64)
    );
    assert_eq!(footer.summaries.len(), 7 * footer.entries.len());
}

/// A directory of before: its footers are no use for reading, and no harm.
#[test]
fn a_footer_of_version_1_is_evidence_alone() {
    let (log, _) = sealed();
    let disk = log.disk.crash(&mut keep_none());
    let footer = footer(&disk, 1).expect("valid");
    let length = footer_bytes(footer.entries.len(), footer.summaries.len() as u64);
    let mut bytes = disk.file(&segment(1)).expect("durable");
    let end = bytes.len();
    bytes[end - usize::try_from(length).expect("small")..].fill(0);
    let mut old = Vec::new();
    for at in &footer.entries {
        old.extend_from_slice(&at.first_lsn.get().to_le_bytes());
        old.extend_from_slice(&at.offset.to_le_bytes());
        old.extend_from_slice(&at.frame_bytes.to_le_bytes());
        old.extend_from_slice(&at.crc.to_le_bytes());
    }
    old.extend_from_slice(b"LQFOOTER\x01\0\0\0");
    old.extend_from_slice(&u32::try_from(footer.entries.len()).expect("few").to_le_bytes());
    old.extend_from_slice(&footer.next_lsn.get().to_le_bytes());
    old.resize(old.len() + 36, 0);
    let crc = salted_crc(stored(&disk, 1).salt, &[&old]);
    old.extend_from_slice(&crc.to_le_bytes());
    put(&mut bytes, end - old.len(), &old);
    disk.plant(&segment(1), &bytes).expect("it can be planted");

    assert_eq!(stored(&disk, 1).footer().expect("it can be read"), None);
    start(&disk).expect("whole");
    let report = verify(&disk, None, None, &mut |_| Ok(()), &mut |_| {}).expect("it can be read");
    assert_eq!(report.segments[0].footer, FooterState::Valid);
    assert_eq!(report.findings, []);
}

#[test]
fn a_footer_whose_bodies_begin_outside_of_their_frame_is_none() {
    let read = |bodies_at: u32| {
        let (first_lsn, offset, frame_bytes) = (Lsn::new(1), 4096, 128);
        let (crc, body_count, summary_bytes) = (1, 0, 0);
        let entry = FooterEntry {
            first_lsn,
            offset,
            frame_bytes,
            crc,
            bodies_at,
            body_count,
            summary_bytes,
        };
        let entries = vec![entry];
        let footer = Footer { entries, next_lsn: Lsn::new(2), ..Footer::default() };
        read_footer(&[vec![0; 8192], encode_footer(&footer, 5)].concat(), 5)
    };
    assert_eq!([63, 64, 128, 129].map(|at| read(at).is_some()), [false, true, true, false]);
}
