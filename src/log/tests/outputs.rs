//! Compaction outputs (R5): whole under their own name, or not there.

use bytes::Bytes;

use super::harness::{
    LINEAGE, body, draft, flip, new_disk, new_log, start, start_from, text, tick,
};
use crate::{
    disk::{
        SimDisk,
        sim::{Counter, Fault, Faults, keep_all, keep_none, keep_random},
    },
    log::{
        Body, BodyPlace, Draft, FileId, FindingKind, FinishedOutput, FooterState, LogError,
        OutputWriter, StoredFile, VerifyReport, verify,
    },
    types::{Lineage, OutputId},
};

const OUTPUT: FileId = FileId::Output(OutputId::new(5));

/// What is copied: several frames, one of them with a body that was damaged before.
fn drafts() -> Vec<Draft> {
    let damaged = Body { chunks: [Bytes::from(text(900)), Bytes::new()], crc: 0x0bad_0bad };
    let mut with_damage = draft(2, &[b"whole", &[0; 1500]]);
    with_damage.bodies.push(damaged);
    vec![
        Draft { summary: b"first".to_vec(), ..draft(9, &[b"one", b"", &text(3000)]) },
        Draft { summary: b"second one".to_vec(), ..with_damage },
        Draft { records: text(7000), ..tick(1) },
        Draft { summary: text(600), ..draft(4, &[&text(20_000)]) },
    ]
}

fn create(disk: &SimDisk) -> std::io::Result<OutputWriter> {
    OutputWriter::create(disk, OutputId::new(5), LINEAGE, 0x1234_5678_9abc_def0, 2)
}

/// Makes the output; gives where its bodies lie too.
fn make(disk: &SimDisk) -> std::io::Result<(FinishedOutput, Vec<Vec<BodyPlace>>)> {
    let mut writer = create(disk)?;
    let mut places = Vec::new();
    for draft in drafts() {
        places.push(writer.append(draft)?);
    }
    let bytes = writer.bytes();
    let finished = writer.finish(disk)?;
    assert_eq!(finished.length, bytes);
    Ok((finished, places))
}

fn open(disk: &SimDisk) -> Result<StoredFile, LogError> {
    StoredFile::open(disk, OUTPUT, LINEAGE)
}

fn inspect(disk: &SimDisk) -> VerifyReport {
    verify(disk, None, None, &mut |_| Ok(()), &mut |_| {}).expect("the disk can be read")
}

/// Whether the output is there and is exactly what was put into it.
#[track_caller]
fn check_whole(disk: &SimDisk) {
    let stored = open(disk).expect("the header is whole");
    let bytes = disk.file(&OUTPUT.path()).expect("it is durable");
    assert_eq!((stored.generation, stored.bytes), (2, bytes.len() as u64));
    let footer = stored.footer().expect("it can be read").expect("it is valid");
    assert_eq!(footer.entries.len(), drafts().len());
    for ((entry, summary), draft) in footer.frames().zip(drafts()) {
        let frame = stored.frame(entry).expect("the frame is whole");
        assert_eq!((summary, &frame.records), (&draft.summary[..], &draft.records));
        assert_eq!((frame.now, frame.record_count), (draft.now, draft.record_count));
        for (place, body) in frame.bodies.iter().zip(&draft.bodies) {
            let at = usize::try_from(place.offset).expect("small");
            assert_eq!(bytes[at..at + place.len as usize], body.chunks.concat()[..]);
            assert_eq!(place.crc, body.crc, "also of a body that is damaged");
        }
    }
}

#[test]
fn an_output_is_read_back_as_it_was_written() {
    let disk = new_disk();
    let (finished, places) = make(&disk).expect("nothing fails");
    let disk = disk.crash(&mut keep_none());
    check_whole(&disk);
    let stored = open(&disk).expect("the header is whole");
    assert_eq!((stored.bytes, stored.salt), (finished.length, finished.salt));
    assert!(finished.length.is_multiple_of(4096));
    assert_eq!(finished.id, OutputId::new(5));
    assert_eq!(stored.footer_crc().expect("it can be read"), Some(finished.footer_crc));
    let footer = stored.footer().expect("it can be read").expect("it is valid");
    for (entry, places) in footer.entries.iter().zip(places) {
        assert_eq!(stored.frame(entry).expect("whole").bodies, places);
    }
    // And without its footer.
    let mut frames = Vec::new();
    stored
        .scan(None, &mut |frame| {
            let flags: Vec<_> = frame.bodies.iter().map(|body| body.damaged).collect();
            frames.push((frame.segment.get(), frame.first_lsn.get(), frame.now, flags));
            Ok(())
        })
        .expect("it can be read");
    let flags: Vec<_> = frames.iter().map(|frame| frame.3.clone()).collect();
    assert_eq!(flags, [vec![false; 3], vec![false, false, true], vec![], vec![false]]);
    assert!(frames.iter().map(|frame| (frame.0, frame.1)).eq([(0, 1), (0, 4), (0, 6), (0, 7)]));
}

#[test]
fn an_output_without_a_frame_is_whole_too() {
    let disk = new_disk();
    let finished = create(&disk).and_then(|writer| writer.finish(&disk)).expect("nothing fails");
    assert_eq!(finished.length, 8192);
    let footer = open(&disk).expect("whole").footer().expect("it can be read");
    assert_eq!(footer.map(|footer| footer.entries), Some(Vec::new()));
}

/// R5: the name is given only to what is whole and durable; a start removes the rest.
#[test]
fn a_crash_at_any_operation_leaves_a_whole_output_or_none() {
    let base = {
        let mut log = new_log();
        log.append(tick(1)).expect("nothing fails");
        let from = log.writer.position();
        (log.disk.crash(&mut keep_none()), from)
    };
    let counted = base.0.snapshot();
    counted.set_faults(Faults::none());
    make(&counted).expect("nothing fails");
    let (mut whole_count, mut states_count) = (0, 0);
    for nth in 1..=counted.operation_count() {
        for fault in [Fault::Crash, Fault::CrashAfter, Fault::CrashWithin(700)] {
            let disk = base.0.snapshot();
            disk.set_faults(Faults::none().at(Counter::Changes, nth, fault));
            let is_made = make(&disk).is_ok();
            let futures = [disk.kill(), disk.crash(&mut keep_none()), disk.crash(&mut keep_all())];
            let random = (0..6).map(|seed| disk.crash(&mut keep_random(seed * 100 + nth)));
            for crashed in futures.into_iter().chain(random) {
                let started = start_from(&crashed, base.1, &[]).expect("the log is whole");
                let is_there = crashed.paths().contains(&OUTPUT.path());
                assert!(is_there || !is_made, "{fault:?} at {nth}: it was told to be durable");
                assert!(!crashed.paths().contains(&OUTPUT.temporary_path()));
                let stray: Vec<_> = is_there.then(|| OUTPUT.path()).into_iter().collect();
                assert_eq!(started.report.stray, stray, "{fault:?} at {nth}");
                if is_there {
                    // The start has synced the directory, and what has its name is durable.
                    check_whole(&crashed.crash(&mut keep_none()));
                }
                whole_count += u64::from(is_there);
                states_count += 1;
            }
        }
    }
    assert!(whole_count > 5 && states_count > 300, "{whole_count} of {states_count}");
}

#[test]
fn an_error_at_any_operation_leaves_nothing_behind() {
    let counted = new_disk();
    counted.set_faults(Faults::none());
    make(&counted).expect("nothing fails");
    let (syncs, reads) = (counted.count(Counter::Syncs), counted.count(Counter::Reads));
    let syncs = (1..=syncs).map(|nth| (Counter::Syncs, nth, Fault::Eio));
    let reads = (1..=reads).map(|nth| (Counter::Reads, nth, Fault::Eio));
    for (counter, nth, fault) in syncs.chain(reads) {
        let disk = new_disk();
        disk.set_faults(Faults::none().at(counter, nth, fault));
        let Err(_) = make(&disk) else {
            assert_eq!(disk.fault_count(), 0, "{counter:?} {nth}");
            continue;
        };
        assert!(!disk.paths().contains(&OUTPUT.path()), "{counter:?} {nth}");
        // What was begun is replaced by the next try.
        disk.set_faults(Faults::none());
        make(&disk).expect("nothing fails any more");
        check_whole(&disk.crash(&mut keep_none()));
    }
}

/// What the medium holds is read back, not what the cache shows.
#[test]
fn an_output_that_the_disk_did_not_take_is_not_finished() {
    let disk = new_disk();
    let mut writer = create(&disk).expect("nothing fails");
    for draft in drafts() {
        writer.append(draft).expect("nothing fails");
    }
    flip(&disk, &OUTPUT.temporary_path(), 4096 + 66, 1);
    let error = writer.finish(&disk).err().expect("a frame is damaged");
    assert!(error.to_string().contains("damaged at offset 4096"), "{error}");
    assert!(!disk.paths().iter().any(|path| path.contains(".out")));
}

#[test]
fn an_abandoned_output_is_gone() {
    let disk = new_disk();
    let mut writer = create(&disk).expect("nothing fails");
    writer.append(tick(1)).expect("nothing fails");
    assert!(disk.paths().contains(&OUTPUT.temporary_path()));
    writer.abandon(&disk);
    assert!(!disk.paths().contains(&OUTPUT.temporary_path()));
}

/// Nothing ever writes to a file that somebody else has a name for (R4).
#[test]
fn a_leftover_is_replaced_and_not_written_to() {
    let disk = new_disk();
    disk.plant(&OUTPUT.temporary_path(), b"a leftover").expect("it can be planted");
    disk.link(&OUTPUT.temporary_path(), "segments/copy").expect("nothing fails");
    make(&disk).expect("nothing fails");
    check_whole(&disk);
    assert_eq!(disk.file("segments/copy").as_deref(), Some(&b"a leftover"[..]));
}

#[test]
fn no_flipped_bit_of_an_output_is_unnoticed() {
    let disk = new_disk();
    make(&disk).expect("nothing fails");
    let disk = disk.crash(&mut keep_none());
    let findings = inspect(&disk).findings;
    assert_eq!(findings.len(), 1, "the body that was damaged before: {findings:?}");
    assert_eq!(findings[0].kind, FindingKind::DamagedBody);
    let length = disk.file(&OUTPUT.path()).expect("durable").len() as u64;
    let again = findings[0].offset..findings[0].offset + 900;
    let places = (0..length).step_by(7).chain(4096..4200).chain(length - 200..length);
    for at in places.filter(|at| !again.contains(at)) {
        let damaged = disk.snapshot();
        let bit = u8::try_from(at % 8).expect("below 8");
        flip(&damaged, &OUTPUT.path(), at, bit);
        let told = inspect(&damaged).findings;
        assert_ne!(told, findings, "byte {at}");
        if told.iter().all(|finding| finding.kind != FindingKind::Corrupt) {
            // A body, a footer, or what nobody reads: the rest is there.
            open(&damaged).expect("one copy of the header is whole");
        }
    }
}

#[test]
fn an_inspection_tells_of_outputs() {
    let disk = new_disk();
    make(&disk).expect("nothing fails");
    let report = inspect(&disk);
    let [output] = &report.outputs[..] else { panic!("there is one") };
    assert_eq!((output.id, output.frames_count), (OutputId::new(5), 4));
    assert_eq!(output.footer, FooterState::Valid);
    let stored = open(&disk).expect("whole");
    let footer = stored.footer().expect("it can be read").expect("it is valid");
    let bytes: u64 = footer.entries.iter().map(|entry| u64::from(entry.frame_bytes)).sum();
    assert_eq!(output.frames_bytes, bytes);

    let kinds = |disk: &SimDisk| {
        let findings = inspect(disk).findings.into_iter().map(|finding| finding.kind);
        findings.filter(|kind| *kind != FindingKind::DamagedBody).collect::<Vec<_>>()
    };
    let damaged = disk.snapshot();
    flip(&damaged, &OUTPUT.path(), footer.entries[2].offset + 70, 0);
    assert_eq!(kinds(&damaged), [FindingKind::Corrupt], "a frame");
    let damaged = disk.snapshot();
    flip(&damaged, &OUTPUT.path(), stored.bytes - 1, 0);
    assert_eq!(kinds(&damaged), [FindingKind::Harmless], "the footer");
    let damaged = disk.snapshot();
    for at in [8, 2056] {
        flip(&damaged, &OUTPUT.path(), at, 0);
    }
    assert_eq!(kinds(&damaged), [FindingKind::Corrupt], "both headers");
}

#[test]
fn an_output_is_opened_only_by_its_own_name_and_lineage() {
    let disk = new_disk();
    make(&disk).expect("nothing fails");
    let refused = StoredFile::open(&disk, OUTPUT, Lineage([3; 16])).err();
    assert!(matches!(refused, Some(LogError::ForeignFiles { .. })));
    let other = FileId::Output(OutputId::new(6));
    disk.plant(&other.path(), &disk.file(&OUTPUT.path()).expect("durable")).expect("planted");
    let refused = StoredFile::open(&disk, other, LINEAGE).err();
    let text = refused.expect("it is another's").to_string();
    assert!(text.contains("its header is that of output 5"), "{text}");
    let length = disk.file(&OUTPUT.path()).expect("durable").len() as u64;
    for length in [0, 100, length - 4096, length + 4096] {
        let disk = disk.snapshot();
        disk.truncate(&OUTPUT.path(), length).expect("it is there");
        assert!(matches!(open(&disk).err(), Some(LogError::Corrupt { .. })), "{length}");
    }
}

/// A log beside outputs starts from a checkpoint as ever.
#[test]
fn outputs_are_stray_to_a_start() {
    let mut log = new_log();
    log.append(draft(1, &[b"one"])).expect("nothing fails");
    let from = log.writer.position();
    make(&log.disk).expect("nothing fails");
    assert!(start(&log.disk.snapshot()).is_err(), "not without a checkpoint");
    let report = start_from(&log.disk, from, &[]).expect("whole").report;
    assert_eq!(report.stray, [OUTPUT.path()]);
    assert_eq!(report.unknown_files, [] as [String; 0]);
}

#[test]
fn a_frame_beyond_its_limit_is_a_fault_of_the_caller() {
    let append = || {
        let mut writer = create(&new_disk()).expect("nothing fails");
        let large = body(&vec![b'x'; 8 << 20]);
        writer.append(Draft { bodies: vec![large], ..tick(1) }).is_ok()
    };
    assert!(std::panic::catch_unwind(append).is_err());
}
