//! Everything on the disk, judged as a start judges it, and then byte by byte.
//!
//! **Invariant**: a start is refused if, and only if, some finding says so. The verdict is that of
//! the start's own code; an inspection that reads on behind damage tells the rest.

use std::{collections::BTreeSet, sync::Arc};

use super::{
    recover::{Examined, examine},
    start::{Settings, StartError},
};
use crate::{
    codec,
    disk::{Disk, read_exact_at},
    log::{
        self, FileId, Finding, FindingKind, LogError, Position, Progress, SEGMENTS_DIR,
        VerifyReport,
    },
    store::{self, Good, Manifest, Store, StoreError},
    types::{Lineage, Lsn},
};

/// What an audit found.
pub struct Audit {
    /// The good checkpoints, the newest first; at most two.
    pub checkpoints: Vec<Good>,
    /// Files, frames, and everything that is not as it was written.
    pub report: VerifyReport,
    /// How many records a start replays; `None` if it is refused.
    pub replayed_count: Option<u64>,
}

/// Reads a directory from begin to end. An error is the operating system's.
pub fn audit(
    settings: &Settings,
    disk: &Arc<dyn Disk>,
    lineage: Lineage,
    progress: &mut dyn FnMut(Progress),
) -> Result<Audit, StartError> {
    let mut findings = Vec::new();
    let checkpoints = checkpoints(&**disk, lineage, &mut findings)?;
    let newest = checkpoints.first().map(|good| &good.manifest);
    if let Some(manifest) = newest {
        missing(&**disk, manifest, &mut findings)?;
    }
    let from = newest.map(|manifest| manifest.position);
    let mut report = inspect(&**disk, lineage, from, progress)?;
    report.findings.splice(0..0, findings);
    let examined = examine(settings, disk, lineage, &mut |_| ());
    let replayed_count = match examined {
        Ok(examined) => {
            not_needed(&mut report.findings, &examined.store);
            strays(&mut report.findings, &examined);
            Some(examined.report.records_count)
        }
        Err(error) => {
            let refusal = finding_of(&error).ok_or(error)?;
            refused(&mut report.findings, refusal, newest);
            None
        }
    };
    Ok(Audit { checkpoints, report, replayed_count })
}

/// The checkpoints that are good; what is wrong with others is no refusal by itself.
fn checkpoints(
    disk: &dyn Disk,
    lineage: Lineage,
    findings: &mut Vec<Finding>,
) -> Result<Vec<Good>, StoreError> {
    let found = match store::find(disk, lineage) {
        // The start says the same.
        Err(StoreError::NewerCheckpoint { .. }) => return Ok(Vec::new()),
        found => found?,
    };
    for (path, bad) in found.damaged {
        let offset = match &bad {
            store::BadCheckpoint::Damaged { offset, .. } => *offset,
            _ => 0,
        };
        let text = format!("the checkpoint is not used: {bad}");
        findings.push(finding(FindingKind::DamagedCheckpoint, path, offset, text));
    }
    let spare = found.spare.into_iter();
    findings.extend(spare.map(|path| other(path, "no checkpoint that counts needs it")));
    Ok(found.good)
}

/// The files that the checkpoint needs and that are not there, all of them.
fn missing(
    disk: &dyn Disk,
    manifest: &Manifest,
    findings: &mut Vec<Finding>,
) -> Result<(), LogError> {
    let names = disk.list(SEGMENTS_DIR).map_err(|source| {
        let (operation, path) = ("list", SEGMENTS_DIR.to_owned());
        LogError::Io { operation, path, source }
    })?;
    let paths: BTreeSet<_> = names.iter().map(|name| format!("{SEGMENTS_DIR}/{name}")).collect();
    let needed = manifest.files.keys().filter(|id| manifest.needs(**id)).map(|id| id.path());
    for path in needed.filter(|path| !paths.contains(path)) {
        let text =
            format!("it is missing; the checkpoint at LSN {} needs it", manifest.position.lsn);
        findings.push(finding(FindingKind::Corrupt, path, 0, text));
    }
    Ok(())
}

/// Reads every file, and the records of every frame.
fn inspect(
    disk: &dyn Disk,
    lineage: Lineage,
    from: Option<Position>,
    progress: &mut dyn FnMut(Progress),
) -> Result<VerifyReport, LogError> {
    let mut undecodable = Vec::new();
    let mut read = |frame: log::FrameView<'_>| {
        if let Err(error) = codec::decode_records(frame.records, &mut |_| ()) {
            undecodable.push(Finding {
                kind: FindingKind::Corrupt,
                path: frame.segment.path(),
                offset: frame.offset,
                lsn: Some(frame.first_lsn),
                found: format!("the records are whole but cannot be read: {error}"),
            });
        }
        Ok(())
    };
    let mut report = log::verify(disk, Some(lineage), from, &mut read, progress)?;
    report.findings.extend(undecodable);
    Ok(report)
}

/// A start goes on: damage that would refuse it is where nothing is needed, and a damaged body is
/// lost only if its message is there. Bodies that lie behind damage are read one by one.
fn not_needed(findings: &mut Vec<Finding>, store: &Store) {
    let files: BTreeSet<_> = findings.iter().filter_map(|f| FileId::of_path(&f.path)).collect();
    let is_damage = |f: &Finding| f.kind.refuses_start() || f.kind == FindingKind::DamagedBody;
    for id in files {
        let path = id.path();
        let mut of_file = findings.iter_mut().filter(|f| f.path == path && is_damage(f)).peekable();
        if of_file.peek().is_none() {
            continue;
        }
        let live = store.live_bodies(id);
        let is_live =
            |offset| live.binary_search_by_key(&offset, |(_, place)| place.offset).is_ok();
        let (mut told, mut has_gap) = (BTreeSet::new(), false);
        for found in of_file {
            if found.kind == FindingKind::DamagedBody && is_live(found.offset) {
                told.insert(found.offset);
            } else {
                has_gap |= found.kind != FindingKind::DamagedBody;
                found.kind = FindingKind::NotNeeded;
            }
        }
        let unread = live.iter().filter(|(_, at)| has_gap && !told.contains(&at.offset));
        let lost: Vec<_> = unread.filter(|(_, place)| !is_whole(place)).collect();
        findings.extend(lost.into_iter().map(|(seq, place)| {
            let text = format!("the body of message number {seq} does not have its CRC");
            finding(FindingKind::DamagedBody, path.clone(), place.offset, text)
        }));
    }
    // A file whose name is none of the log's cannot refuse a start either.
    for found in findings.iter_mut().filter(|found| found.kind.refuses_start()) {
        found.kind = FindingKind::NotNeeded;
    }
}

fn is_whole(place: &store::Place) -> bool {
    let mut bytes = vec![0; place.length as usize];
    read_exact_at(&*place.file, place.offset, &mut bytes).is_ok()
        && crc32fast::hash(&bytes) == place.crc
}

/// Files of the log that no message and no checkpoint needs.
fn strays(findings: &mut Vec<Finding>, examined: &Examined) {
    let of_log = |path: &&str| FileId::of_path(path).is_some();
    let strays = examined.store.unneeded_paths().filter(of_log);
    findings.extend(strays.map(|path| other(path.to_owned(), "nothing needs it")));
}

/// A start is refused: why comes first, unless it was told already. What lies before the
/// checkpoint and is not needed by it is not why.
fn refused(findings: &mut Vec<Finding>, refusal: Finding, newest: Option<&Manifest>) {
    if let Some(manifest) = newest {
        let position = FileId::Segment(manifest.position.segment);
        for found in findings.iter_mut().filter(|found| found.kind.refuses_start()) {
            let id = FileId::of_path(&found.path);
            if id.is_some_and(|id| !manifest.needs(id) && id < position) {
                found.kind = FindingKind::NotNeeded;
            }
        }
    }
    let is_same = |found: &Finding| found.path == refusal.path && found.kind == refusal.kind;
    match findings.iter_mut().find(|found| is_same(found)) {
        Some(found) if found.offset == refusal.offset => *found = refusal,
        Some(_) => {}
        None => findings.insert(0, refusal),
    }
}

/// Why a start is refused, if what is on the disk is why.
fn finding_of(error: &StartError) -> Option<Finding> {
    use FindingKind::{Corrupt, Foreign, NewerFormat};
    match error {
        StartError::Log(error) | StartError::Store(StoreError::Log(error)) => of_log(error),
        StartError::Store(error) => match error {
            StoreError::NewerCheckpoint { path, version } => {
                let text = format!("it has format version {version}");
                Some(finding(NewerFormat, path.clone(), 0, text))
            }
            StoreError::OtherFile { path } => {
                let text = "it is another file than the checkpoint names: its salt is another";
                Some(finding(Foreign, path.clone(), 0, text))
            }
            StoreError::MessagesMissing { path, missing } => {
                let text = format!("{missing} messages that are there were not found in it");
                Some(finding(Corrupt, path.clone(), 0, text))
            }
            StoreError::FooterUndecodable { path, reason } => {
                let text = format!("its footer is whole and does not decode: {reason}");
                Some(finding(Corrupt, path.clone(), 0, text))
            }
            StoreError::CheckpointRefused { lsn, reason } => {
                let text = format!("the checkpoint cannot be loaded: {reason}");
                Some(finding(Corrupt, store::checkpoint_path(*lsn), 0, text))
            }
            _ => None,
        },
        StartError::NoSpace { .. } => None,
    }
}

fn of_log(error: &LogError) -> Option<Finding> {
    use FindingKind::{Corrupt, Foreign, NewerFormat};
    let at = |path: &str, offset, lsn: Lsn, text| Finding {
        lsn: Some(lsn),
        ..finding(Corrupt, path.to_owned(), offset, text)
    };
    match error {
        LogError::Corrupt { path, offset, lsn, found } => {
            Some(at(path, *offset, *lsn, found.clone()))
        }
        LogError::Refused { path, offset, lsn, reason } => {
            Some(at(path, *offset, *lsn, format!("its records cannot be replayed: {reason}")))
        }
        LogError::Missing { path, why } => {
            Some(finding(Corrupt, path.clone(), 0, format!("it is missing: {why}")))
        }
        LogError::NewerFormat { path, version, .. } => {
            Some(finding(NewerFormat, path.clone(), 0, format!("it has format version {version}")))
        }
        LogError::ForeignFiles { path, found } => {
            Some(finding(Foreign, path.clone(), 0, found.clone()))
        }
        LogError::Io { .. }
        | LogError::SyncFailed { .. }
        | LogError::Poisoned
        | LogError::SegmentBytes { .. } => None,
    }
}

fn other(path: String, text: &str) -> Finding {
    finding(FindingKind::Stray, path, 0, text)
}

fn finding(kind: FindingKind, path: String, offset: u64, found: impl Into<String>) -> Finding {
    Finding { kind, path, offset, lsn: None, found: found.into() }
}
