//! An audit says of a directory what a start would do with it, whatever is damaged or missing.

use std::sync::Arc;

use ledgerq::{
    broker::{StartError, audit},
    disk::{Disk, ReadOnly, SimDisk},
    log::FindingKind,
    store,
};

use crate::{
    broker::{SimBroker, ToldClock, small_settings},
    used,
};

/// What an audit makes of a disk: whether a start is refused, and what it found.
fn audited(disk: &SimDisk) -> Result<(bool, Vec<(FindingKind, String)>), StartError> {
    let lineage = store::lineage_of(disk)?;
    let operations = disk.operation_count();
    let quiet: Arc<dyn Disk> = Arc::new(ReadOnly::quiet(Arc::new(disk.clone())));
    let audited = audit(&small_settings(), &quiet, lineage, &mut |_| ())?;
    assert_eq!(disk.operation_count(), operations, "an audit changes nothing");
    let refuses = audited.report.refuses_start();
    assert_eq!(refuses, audited.replayed_count.is_none(), "{:?}", audited.report.findings);
    let findings = audited.report.findings.into_iter().map(|found| (found.kind, found.path));
    Ok((refuses, findings.collect()))
}

/// A start on a copy of the disk does what the audit says.
#[track_caller]
fn agree(disk: &SimDisk, what: &str) -> Vec<(FindingKind, String)> {
    let (is_refused, findings) = audited(disk).unwrap_or_else(|error| panic!("{what}: {error}"));
    let started = SimBroker::start(small_settings(), &disk.kill(), &ToldClock::new(), 2);
    let failure = started.err();
    assert_eq!(is_refused, failure.is_some(), "{what}: {findings:?} {failure:?}");
    findings
}

fn of_log(disk: &SimDisk, ending: &str) -> Vec<String> {
    disk.paths().into_iter().filter(|path| path.ends_with(ending)).collect()
}

#[test]
fn a_whole_directory_is_clean() {
    let disk = used::directory(40);
    assert_eq!(of_log(&disk, ".ckpt").len(), 2, "{:?}", disk.paths());
    assert!(!of_log(&disk, ".out").is_empty() && !of_log(&disk, ".ids").is_empty());
    let segments = of_log(&disk, ".seg");
    assert_ne!(segments[0], "segments/00000000000000000001.seg", "some were given back");
    let findings = agree(&disk, "whole");
    let harmless = [FindingKind::Stray, FindingKind::Torn];
    assert!(findings.iter().all(|(kind, _)| harmless.contains(kind)), "{findings:?}");
}

#[test]
fn every_missing_file_is_judged_as_by_a_start() {
    let disk = used::directory(40);
    let paths = disk.paths().into_iter().filter(|path| path.contains('/'));
    let mut named = 0;
    for path in paths {
        let damaged = disk.kill();
        damaged.erase(&path).expect("it is there");
        let findings = agree(&damaged, &path);
        named += usize::from(findings.contains(&(FindingKind::Corrupt, path)));
    }
    assert!(named >= 2, "what is needed is named: {named}");
}

#[test]
fn every_shortened_file_is_judged_as_by_a_start() {
    let disk = used::directory(40);
    for path in disk.paths().into_iter().filter(|path| path.contains('/')) {
        let length = disk.file(&path).expect("it is there").len() as u64;
        for length in [0, length / 2, length - 1] {
            let damaged = disk.kill();
            damaged.truncate(&path, length).expect("it is there");
            agree(&damaged, &format!("{path} of {length} bytes"));
        }
    }
}

#[test]
fn flipped_bits_are_judged_as_by_a_start() {
    let disk = used::directory(40);
    let mut kinds = Vec::new();
    for path in disk.paths().into_iter().filter(|path| path.contains('/')) {
        let bytes = disk.file(&path).expect("it is there");
        // Headers, the first frame, what is around the end of the frames, the footer.
        let end = bytes.iter().rposition(|byte| *byte != 0).unwrap_or_default();
        let step = (bytes.len() / 12).max(1);
        let places = [0, 20, 70, 2050, 4100, 4170, end.saturating_sub(70), end];
        for at in places.into_iter().chain((0..bytes.len()).step_by(step)) {
            let damaged = disk.kill();
            if damaged.corrupt(&path, at as u64, |byte| byte ^ 1).is_ok() {
                kinds.extend(agree(&damaged, &format!("{path} at {at}")));
            }
        }
    }
    let has = |wanted| kinds.iter().any(|(kind, _)| *kind == wanted);
    for kind in [
        FindingKind::Corrupt,
        FindingKind::DamagedBody,
        FindingKind::DamagedCheckpoint,
        FindingKind::NotNeeded,
    ] {
        assert!(has(kind), "no place led to {kind:?}");
    }
}

#[test]
fn without_any_good_checkpoint_the_rest_of_a_log_is_refused() {
    let disk = used::directory(40);
    for path in of_log(&disk, ".ckpt") {
        disk.corrupt(&path, 100, |byte| byte ^ 1).expect("it is that long");
    }
    let findings = agree(&disk, "no good checkpoint");
    let damaged = findings.iter().filter(|(kind, _)| *kind == FindingKind::DamagedCheckpoint);
    assert_eq!(damaged.count(), 2);
    let missing = "segments/00000000000000000001.seg".to_owned();
    assert!(findings.contains(&(FindingKind::Corrupt, missing)), "{findings:?}");
}

#[test]
fn segments_of_another_directory_are_refused_where_they_are_needed() {
    let disk = used::directory(40);
    let other = directory_of_seed();
    let last = of_log(&disk, ".seg").pop().expect("there are segments");
    let foreign = other.file("segments/00000000000000000001.seg").expect("it has one");
    let damaged = disk.kill();
    damaged.plant(&last, &foreign).expect("the directory is there");
    let findings = agree(&damaged, "a foreign segment");
    assert!(findings.contains(&(FindingKind::Foreign, last)), "{findings:?}");
}

fn directory_of_seed() -> SimDisk {
    let disk = SimDisk::new();
    let started = SimBroker::start(small_settings(), &disk, &ToldClock::new(), 99);
    assert!(started.is_ok(), "a new directory is made");
    disk
}
