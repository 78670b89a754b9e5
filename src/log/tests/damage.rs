//! Every changed bit is detected and classified, and nothing is silently cut off.
//!
//! A start with damage either is refused, or has every frame exactly, but for bodies that it flags
//! as damaged. What it neither refuses nor reports must be of no consequence.

use super::harness::{
    Content, Started, draft, flip, new_log, segment, settings, start, text, tick, zero_sector,
};
use crate::{
    disk::{
        SimDisk,
        sim::{Random, keep_none},
    },
    log::{FindingKind, LogError, SECTOR_BYTES, VerifyReport, verify},
};

/// A log in three segments of which the last is in use, and one that is prepared. Segment 1 is
/// sealed, segment 2 was closed by a start.
fn small_log() -> (SimDisk, Vec<Content>) {
    let mut log = new_log();
    let zeros = vec![0; 1400];
    for now in 0..5 {
        log.append(draft(now, &[b"some body", &zeros, &text(12_000)])).expect("nothing fails");
    }
    log.append(tick(5)).expect("nothing fails");
    let mut log = start(&log.disk).expect("whole").log;
    log.append(draft(6, &[&text(500), b"", &zeros, b"and another"])).expect("nothing fails");
    log.append(draft(7, &[b"one more"])).expect("nothing fails");
    log.append(tick(8)).expect("nothing fails");
    let disk = log.disk.crash(&mut keep_none());
    let frames = start(&disk).expect("whole").frames;
    assert_eq!(frames.len(), 9);
    (disk, frames)
}

fn inspect(disk: &SimDisk) -> VerifyReport {
    verify(disk, None, None, &mut |_| Ok(()), &mut |_| {}).expect("the disk can be read")
}

/// Whether the start said anything about the damage.
fn is_told(started: &Started) -> bool {
    let report = &started.report;
    !report.damaged_bodies.is_empty()
        || !report.blemished.is_empty()
        || !report.torn_tails.is_empty()
        || !report.unknown_files.is_empty()
}

#[derive(Default)]
struct Outcomes {
    refused: u64,
    told: u64,
    harmless: u64,
}

impl Outcomes {
    /// Starts from the damaged disk and compares with what was written.
    #[track_caller]
    fn add(&mut self, disk: &SimDisk, written: &[Content], name: &str) {
        match start(disk) {
            Err(
                LogError::Corrupt { .. }
                | LogError::NewerFormat { .. }
                | LogError::ForeignFiles { .. },
            ) => self.refused += 1,
            Err(error) => panic!("{name}: {error}"),
            Ok(started) => {
                assert_eq!(started.frames.len(), written.len(), "{name}: silently cut off");
                for (found, written) in started.frames.iter().zip(written) {
                    assert!(is_same_but_flagged(found, written), "{name}: wrong bytes served");
                }
                if is_told(&started) {
                    self.told += 1;
                } else {
                    self.harmless += 1;
                }
            }
        }
    }
}

fn is_same_but_flagged(found: &Content, written: &Content) -> bool {
    let bodies = found.bodies.iter().zip(&written.bodies);
    let same_bodies = found.bodies.len() == written.bodies.len()
        && bodies.clone().all(|(found, written)| found.is_none() || found == written);
    let unflagged = Content { bodies: written.bodies.clone(), ..found.clone() };
    same_bodies && unflagged == *written
}

/// `LOG_CRASH_SEEDS` thins the samples out less: at 1000 every bit is flipped.
fn is_thorough() -> bool {
    std::env::var("LOG_CRASH_SEEDS").is_ok_and(|text| text.parse().unwrap_or(0) >= 1000)
}

/// Every bit of headers, records, tables and lists; of long bodies and of zeros a sample.
#[test]
fn every_flipped_bit_is_detected_or_of_no_consequence() {
    let (disk, written) = small_log();
    let mut outcomes = Outcomes::default();
    for raw in 1..=4 {
        let path = segment(raw);
        let bytes = disk.file(&path).expect("durable");
        let mut run = 0;
        for (offset, byte) in (0..).zip(&bytes) {
            // Within a long run of letters or of zeros, one bit of some of the bytes.
            let plain = *byte == 0 || byte.is_ascii_lowercase();
            run = if plain { run + 1 } else { 0 };
            let bits = match run {
                _ if is_thorough() => 0..8,
                0..100 => 0..8,
                _ if offset % 37 == 0 => (run % 8)..(run % 8 + 1),
                _ => continue,
            };
            for bit in bits {
                let damaged = disk.snapshot();
                flip(&damaged, &path, offset, u8::try_from(bit).expect("below 8"));
                outcomes.add(&damaged, &written, &format!("{path}: byte {offset}, bit {bit}"));
            }
        }
    }
    assert!(outcomes.refused > 1000, "{}", outcomes.refused);
    assert!(outcomes.told > 100, "{}", outcomes.told);
}

/// An inspection tells of every flipped bit, also of those that a start need not mind, and agrees
/// with the start.
#[test]
fn an_inspection_tells_of_every_flipped_bit_and_agrees_with_a_start() {
    let (disk, _) = small_log();
    assert_eq!(inspect(&disk).findings, []);
    let mut random = Random::new(3);
    for raw in 1..=4 {
        let path = segment(raw);
        let length = disk.file(&path).map_or(0, |bytes| bytes.len());
        let used = 4096 + 1500;
        let places = (0..1200).map(|nth| match nth % 3 {
            0 => random.below(length),
            1 => random.below(used),
            _ => length - 1 - random.below(300),
        });
        for offset in places.collect::<Vec<_>>() {
            let damaged = disk.snapshot();
            flip(&damaged, &path, offset as u64, u8::try_from(random.below(8)).expect("below 8"));
            let report = inspect(&damaged);
            assert!(!report.findings.is_empty(), "{path}: byte {offset}");
            assert_eq!(report.refuses_start(), start(&damaged).is_err(), "{path}: byte {offset}");
        }
    }
}

#[test]
fn a_file_of_any_other_length_is_refused() {
    let (disk, _) = small_log();
    let bytes = settings().segment_bytes;
    for raw in 1..=4 {
        let path = segment(raw);
        let step = if raw == 3 { 7 } else { 97 };
        let lengths = (0..bytes).step_by(step).chain([bytes - 1, bytes + 1, 2 * bytes]);
        for length in lengths {
            let damaged = disk.snapshot();
            damaged.truncate(&path, length).expect("the file is there");
            let refused = start(&damaged);
            assert!(matches!(refused, Err(LogError::Corrupt { .. })), "{path}: {length} bytes");
        }
    }
}

/// The last frame is a tick that fills one sector: with it alone, nothing acknowledged but time
/// is lost, and no log can tell.
#[test]
fn a_zeroed_sector_is_detected_unless_it_is_the_last_unproved_frame() {
    let (disk, written) = small_log();
    let mut outcomes = Outcomes::default();
    for raw in 1..=3 {
        let path = segment(raw);
        let bytes = disk.file(&path).expect("durable");
        let used = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last as u64);
        let is_last = |sector| raw == 3 && sector == used / SECTOR_BYTES;
        for sector in (0..=used / SECTOR_BYTES).filter(|sector| !is_last(*sector)) {
            let damaged = disk.snapshot();
            zero_sector(&damaged, &path, sector);
            outcomes.add(&damaged, &written, &format!("{path}: sector {sector} zeroed"));
        }
    }
    assert!(outcomes.refused >= 8, "{}", outcomes.refused);
    assert!(outcomes.told > 50, "{}", outcomes.told);
}

#[test]
fn sectors_of_other_places_are_detected() {
    let (disk, written) = small_log();
    let mut random = Random::new(8);
    let mut outcomes = Outcomes::default();
    for round in 0..1500 {
        let (from, to) = (segment(1 + random.below(3) as u64), segment(1 + random.below(3) as u64));
        let bytes = disk.file(&from).expect("durable");
        let block = [512, 4096][round % 2];
        let places = bytes.len() / block;
        // Half of them among the first blocks, where most is.
        let pick =
            |random: &mut Random| random.below([places, 16 * 512 / block + 4][round / 2 % 2]);
        let (source, target) = (pick(&mut random) * block, pick(&mut random) * block);
        let damaged = disk.snapshot();
        for at in 0..block {
            let byte = bytes[source + at];
            damaged.corrupt(&to, (target + at) as u64, |_| byte).expect("it is there");
        }
        // Zeros over the last frame, or over nothing, is another test's.
        if bytes[source..source + block].iter().all(|byte| *byte == 0) && to == segment(3) {
            continue;
        }
        outcomes.add(&damaged, &written, &format!("{from}: {source} over {to}: {target}"));
    }
    assert!(outcomes.refused > 100, "{}", outcomes.refused);
}

#[test]
fn an_inspection_reads_on_behind_damage() {
    let (disk, written) = small_log();
    flip(&disk, &segment(1), 4096 + 66, 1);
    let mut whole = Vec::new();
    let report = verify(
        &disk,
        None,
        None,
        &mut |frame| {
            whole.push(frame.first_lsn);
            Ok(())
        },
        &mut |_| {},
    );
    let report = report.expect("the disk can be read");
    let expected: Vec<_> = written[1..].iter().map(|frame| frame.first_lsn).collect();
    assert_eq!(whole, expected);
    let finding = &report.findings[0];
    assert_eq!((finding.kind, finding.offset), (FindingKind::Corrupt, 4096));
    assert_eq!((&finding.path, finding.lsn.map(crate::types::Lsn::get)), (&segment(1), Some(1)));
    assert_eq!(report.next_lsn, start(&small_log().0).expect("whole").log.writer.next_lsn());
}
