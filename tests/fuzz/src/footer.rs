//! Footers: an honest one is read as it was put together and leads to every frame; one that lies
//! under a right checksum is none, or names nothing beyond the file.

use arbitrary::{Arbitrary, Unstructured};
use ledgerq::{codec, log::StoredFile};

use crate::{
    disk::{self, OUTPUT},
    layout::{Content, End, LINEAGE, Number, PAGE_BYTES, SALT, append, crc, put, short},
};

const FRAMES_MAX: usize = 6;
const TRAILER_BYTES: usize = 64;

/// Frames that are whole, and what the footer says of them.
#[derive(Arbitrary, Debug)]
struct Plan {
    /// Each with its summary, which is opaque to the log.
    frames: Vec<(Content, Vec<u8>)>,
    is_version_1: bool,
    /// Fields of 4 bytes, by their number from the footer's begin; the CRC is right.
    lies: Vec<(u8, Number)>,
    /// Bytes that are changed last; no CRC is made right.
    changes: Vec<(u16, u8)>,
}

/// What a footer says of one frame, and its records.
struct Told {
    lsn: u64,
    offset: usize,
    bytes: Vec<u8>,
    summary: Vec<u8>,
    records: Vec<u8>,
}

/// Checks one input.
pub fn check(input: &[u8]) {
    let Ok(plan) = Plan::arbitrary_take_rest(Unstructured::new(input)) else { return };
    let mut file = vec![0; PAGE_BYTES];
    let (mut end, mut told) = (End::FIRST, Vec::new());
    for (content, summary) in plan.frames.iter().take(FRAMES_MAX) {
        let (lsn, offset) = (end.lsn, file.len());
        end = append(&mut file, end, content, &[]);
        let (bytes, records) = (file[offset..].to_vec(), content.records.clone());
        told.push(Told { lsn, offset, bytes, summary: summary.clone(), records });
    }
    let footer = lay_out(&plan, &told, end.lsn);
    let frames = file.split_off(PAGE_BYTES);
    let output = disk::with_output(&frames, &footer);
    let stored = StoredFile::open(&output, OUTPUT, LINEAGE).expect("its header is right");
    let is_honest = plan.lies.is_empty() && plan.changes.is_empty();
    read(&stored, &told, is_honest && !plan.is_version_1);
    let _ = (stored.footer_crc(), stored.contents(None));
    disk::agree(&disk::with_segment(&frames, &footer));
}

fn read(stored: &StoredFile, told: &[Told], must_be_whole: bool) {
    let footer = stored.footer().expect("the disk can be read");
    assert!(footer.is_some() || !must_be_whole, "an honest footer is none");
    let Some(footer) = footer else { return };
    let mut summaries_bytes = 0;
    for (entry, summary) in footer.frames() {
        assert!(entry.offset + u64::from(entry.frame_bytes) <= stored.bytes);
        summaries_bytes += summary.len();
        let _ = codec::decode_summaries(summary, &mut |_, _, _| {});
        let Ok(frame) = stored.frame(entry) else { continue };
        let written = told.iter().find(|told| told.offset as u64 == entry.offset);
        let written = written.expect("only what was written has its checksums");
        assert_eq!((frame.first_lsn.get(), &frame.records), (written.lsn, &written.records));
    }
    assert_eq!(summaries_bytes, footer.summaries.len(), "summaries are within the footer");
    if must_be_whole {
        let found: Vec<_> =
            footer.frames().map(|(entry, summary)| (entry.offset, summary)).collect();
        let expected: Vec<_> =
            told.iter().map(|told| (told.offset as u64, &told.summary[..])).collect();
        assert_eq!(found, expected);
        assert!(footer.entries.iter().all(|entry| stored.frame(entry).is_ok()));
    }
}

/// The footer's bytes.
fn lay_out(plan: &Plan, told: &[Told], next_lsn: u64) -> Vec<u8> {
    let mut bytes: Vec<u8> = told.iter().flat_map(|told| entry(told, plan.is_version_1)).collect();
    let summaries = told.iter().flat_map(|told| told.summary.iter().copied());
    let summaries: Vec<u8> = if plan.is_version_1 { Vec::new() } else { summaries.collect() };
    bytes.extend_from_slice(&summaries);
    let at = bytes.len();
    bytes.resize(at + TRAILER_BYTES, 0);
    let version: u32 = if plan.is_version_1 { 1 } else { 2 };
    put(&mut bytes, at, b"LQFOOTER");
    put(&mut bytes, at + 8, &version.to_le_bytes());
    put(&mut bytes, at + 12, &short(told.len()).to_le_bytes());
    put(&mut bytes, at + 16, &next_lsn.to_le_bytes());
    put(&mut bytes, at + 24, &short(summaries.len()).to_le_bytes());
    for (field, value) in &plan.lies {
        let fields = (at + TRAILER_BYTES - 4) / 4;
        put(&mut bytes, usize::from(*field) % fields * 4, &value.get().to_le_bytes());
    }
    let crc = crc(SALT, &bytes[..at + 60]);
    put(&mut bytes, at + 60, &crc.to_le_bytes());
    for (place, change) in &plan.changes {
        let place = usize::from(*place) % bytes.len();
        bytes[place] ^= change;
    }
    bytes
}

fn entry(told: &Told, is_version_1: bool) -> Vec<u8> {
    let header = |at: usize| &told.bytes[at..at + 4];
    let number = |at: usize| u32::from_le_bytes([0, 1, 2, 3].map(|byte| told.bytes[at + byte]));
    let mut entry = told.lsn.to_le_bytes().to_vec();
    if is_version_1 {
        entry.extend_from_slice(&(told.offset as u64).to_le_bytes());
        entry.extend_from_slice(header(8));
        entry.extend_from_slice(header(60));
        return entry;
    }
    let bodies_at = 64 + 8 * number(16) + number(24);
    entry.extend_from_slice(&short(told.offset).to_le_bytes());
    entry.extend_from_slice(header(8));
    entry.extend_from_slice(header(60));
    entry.extend_from_slice(&bodies_at.to_le_bytes());
    entry.extend_from_slice(header(16));
    entry.extend_from_slice(&short(told.summary.len()).to_le_bytes());
    entry
}
