//! `ledgerq log verify`: whether everything is as it was written.

use clap::Args;
use serde::Serialize;

use super::{
    super::{
        Exit, Failure, Output, complain,
        output::{counted, rfc3339},
        start,
    },
    Place, Readable,
    loss::{self, LostMessage, LostRange, Share},
    offline_settings,
};
use crate::{
    broker::{Audit, RepairReport, audit, survey},
    log::{self, Finding, FindingKind, FooterState, SegmentSummary, VerifyReport},
    store::{self, Good, StoreError},
    telemetry::Progress,
    types::{Lineage, Lsn},
};

const ABOUT: &str = "\
A start is gone through without changing anything, and then every byte is read. \
`clean` means that a broker starts here and that no message that is there is damaged; damage where \
nothing is needed is told as `not_needed`.";

/// What to check.
#[derive(Debug, Args)]
#[command(after_help = ABOUT)]
pub(in crate::cli) struct VerifyArgs {
    #[command(flatten)]
    place: Place,
}

/// What a program reads, one a line.
#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Line<'a> {
    Segment {
        segment: u64,
        first_lsn: Option<u64>,
        frames: usize,
        frames_bytes: u64,
        footer: &'static str,
    },
    Output {
        output: u64,
        frames: usize,
        frames_bytes: u64,
        footer: &'static str,
    },
    Checkpoint {
        lsn: u64,
        at: String,
        size_bytes: u64,
        files: usize,
    },
    Finding {
        finding: &'static str,
        path: &'a str,
        offset: u64,
        lsn: Option<u64>,
        found: &'a str,
        lost_messages: u64,
        lost: Vec<LostMessage<'a>>,
        lost_records: Vec<LostRange<'a>>,
    },
    /// What a repair loses that no finding stands for.
    AlsoLost {
        lost_messages: u64,
        lost: Vec<LostMessage<'a>>,
        lost_records: Vec<LostRange<'a>>,
    },
    Verdict {
        verdict: &'static str,
        records: u64,
        next_lsn: u64,
        checkpoint_lsn: Option<u64>,
        replayed_records: Option<u64>,
        repair: Option<RepairLine>,
    },
}

/// What a repair would make of it.
#[derive(Serialize)]
struct RepairLine {
    kept_messages: u64,
    lost_messages: u64,
    is_every_lost_message_listed: bool,
    may_come_back_messages: u64,
}

/// What is told.
struct Told<'a> {
    audited: &'a Audit,
    lineage: Lineage,
    /// What a repair would make of it; `None` if there is nothing to repair.
    repair: Option<&'a RepairReport>,
    exit: Exit,
}

pub(super) fn run(args: &VerifyArgs, out: &mut Output) -> Result<(), Failure> {
    let quiet = args.place.open()?;
    let mut findings = Vec::new();
    let lineage = lineage(&quiet, &mut findings)?;
    let mut bar = Progress::new("reading the log");
    let audited = audit(&offline_settings(), &quiet.disk, lineage, &mut |at| {
        bar.report(at.segments_done as u64, at.segments_total as u64);
    });
    bar.finish();
    let mut audited = audited.map_err(|error| start::failure(error, &args.place.data_dir))?;
    audited.report.findings.splice(0..0, findings);
    let exit = verdict(&audited.report);
    let repair = repair(&quiet, lineage, exit);
    let told = Told { audited: &audited, lineage, repair: repair.as_ref(), exit };
    if out.is_json() {
        told.objects(out)?;
    } else {
        told.text(out)?;
    }
    out.flush()?;
    match exit {
        Exit::Done => Ok(()),
        exit => {
            complain(&format!("{} is not as it was written", args.place.data_dir.display()));
            Err(Failure { exit, line: None })
        }
    }
}

/// Whose directory it is. A copy of the segments alone does not say; then its first segment does.
fn lineage(quiet: &Readable, findings: &mut Vec<Finding>) -> Result<Lineage, Failure> {
    let mut told = |kind, found: String| {
        let path = "IDENTITY".to_owned();
        findings.push(Finding { kind, path, offset: 0, lsn: None, found });
    };
    match store::lineage_of(&*quiet.disk) {
        Ok(lineage) => return Ok(lineage),
        Err(StoreError::IdentityMissing) => complain(
            "there is no IDENTITY: no broker starts here; the files are checked as a copy of a log",
        ),
        Err(StoreError::IdentityDamaged { problem }) => {
            told(FindingKind::Corrupt, format!("it is damaged: {problem}"));
        }
        Err(StoreError::NewerFormat { found, .. }) => {
            told(FindingKind::NewerFormat, format!("it has format version {found}"));
        }
        Err(error) => return Err(Failure::start(Exit::CannotStart, &error)),
    }
    Ok(log::lineage_told(&*quiet.disk)?.unwrap_or_default())
}

/// What a repair would keep and lose. One that cannot be told either is no more to repair than a
/// directory that is whole.
fn repair(quiet: &Readable, lineage: Lineage, exit: Exit) -> Option<RepairReport> {
    if exit == Exit::Done {
        return None;
    }
    let mut bar = Progress::new("reading what is left");
    let remains = survey(&offline_settings(), &quiet.disk, lineage, &mut |at| {
        bar.report(at.segments_done as u64, at.segments_total as u64);
    });
    bar.finish();
    remains.ok().map(|remains| remains.report().clone())
}

/// How it ends. As at a start, a file of a newer version or of another directory comes first: what
/// seems to be lost may be in it. A damaged body is acknowledged data too, though a start goes on
/// without it.
fn verdict(report: &VerifyReport) -> Exit {
    let has = |kind| report.findings.iter().any(|finding| finding.kind == kind);
    if has(FindingKind::NewerFormat) || has(FindingKind::Foreign) {
        Exit::CannotStart
    } else if has(FindingKind::Corrupt) || has(FindingKind::DamagedBody) {
        Exit::Corrupt
    } else {
        Exit::Done
    }
}

/// What there is, for people.
fn tables(audited: &Audit, out: &mut Output) -> std::io::Result<()> {
    let report = &audited.report;
    let row = |segment: &SegmentSummary| {
        [
            segment.id.to_string(),
            segment.first_lsn.map_or_else(|| "-".into(), |lsn| lsn.to_string()),
            segment.frames_count.to_string(),
            segment.frames_bytes.to_string(),
            footer(segment.footer).to_owned(),
        ]
    };
    if !report.segments.is_empty() {
        let header = ["SEGMENT", "FIRST LSN", "FRAMES", "BYTES", "FOOTER"];
        out.table(header, report.segments.iter().map(row))?;
    }
    if !report.outputs.is_empty() {
        let row = |output: &log::OutputSummary| {
            let (frames, bytes) = (output.frames_count, output.frames_bytes);
            let footer = footer(output.footer).to_owned();
            [output.id.to_string(), frames.to_string(), bytes.to_string(), footer]
        };
        let header = ["OUTPUT", "FRAMES", "BYTES", "FOOTER"];
        out.table(header, report.outputs.iter().map(row))?;
    }
    if !audited.checkpoints.is_empty() {
        let row = |Good { manifest, bytes }: &Good| {
            let (lsn, at) = (manifest.position.lsn.to_string(), rfc3339(manifest.at));
            [lsn, at, bytes.to_string(), manifest.files.len().to_string()]
        };
        let header = ["CHECKPOINT", "AT", "BYTES", "FILES"];
        out.table(header, audited.checkpoints.iter().map(row))?;
    }
    Ok(())
}

impl Told<'_> {
    fn text(&self, out: &mut Output) -> std::io::Result<()> {
        let report = &self.audited.report;
        tables(self.audited, out)?;
        let shares = self.shares();
        for (finding, share) in report.findings.iter().zip(&shares) {
            out.line(&line(finding))?;
            share.tell(self.lineage, out)?;
        }
        if let Some(rest) = shares.get(report.findings.len()) {
            rest.tell(self.lineage, out)?;
        }
        out.line(&a_start(self.audited))?;
        if let Some(repair) = self.repair {
            out.line(&a_repair(repair))?;
        }
        let whole = counted(report.records_count, "record is whole", "records are whole");
        let clean = if self.exit == Exit::Done { "clean" } else { "not clean" };
        out.line(&format!("{clean}: {whole}, the next LSN is {}", report.next_lsn))
    }

    /// What a repair loses by each finding, and last by none.
    fn shares(&self) -> Vec<Share<'_>> {
        let findings = &self.audited.report.findings;
        match self.repair {
            Some(repair) => loss::shares(repair, findings),
            None => vec![Share::default(); findings.len()],
        }
    }

    fn objects(&self, out: &mut Output) -> std::io::Result<()> {
        let report = &self.audited.report;
        files(self.audited, out)?;
        let shares = self.shares();
        for (finding, share) in report.findings.iter().zip(&shares) {
            let (lost, lost_records) = share.objects(self.lineage);
            out.object(&Line::Finding {
                finding: meaning(finding.kind).0,
                path: &finding.path,
                offset: finding.offset,
                lsn: finding.lsn.map(Lsn::get),
                found: &finding.found,
                lost_messages: share.count(),
                lost,
                lost_records,
            })?;
        }
        if let Some(rest) = shares.get(report.findings.len()).filter(|rest| !rest.is_empty()) {
            let (lost, lost_records) = rest.objects(self.lineage);
            out.object(&Line::AlsoLost { lost_messages: rest.count(), lost, lost_records })?;
        }
        let newest = self.audited.checkpoints.first();
        out.object(&Line::Verdict {
            verdict: match self.exit {
                Exit::Done => "clean",
                Exit::Corrupt => "corrupt",
                _ => "refused",
            },
            records: report.records_count,
            next_lsn: report.next_lsn.get(),
            checkpoint_lsn: newest.map(|good| good.manifest.position.lsn.get()),
            replayed_records: self.audited.replayed_count,
            repair: self.repair.map(|repair| RepairLine {
                kept_messages: repair.kept_count,
                lost_messages: repair.lost_count(),
                is_every_lost_message_listed: repair.is_counted(),
                may_come_back_messages: repair.may_come_back_count(),
            }),
        })
    }
}

fn line(finding: &Finding) -> String {
    let lsn = finding.lsn.map_or_else(String::new, |lsn| format!(", LSN {lsn}"));
    let (name, meaning) = meaning(finding.kind);
    let (path, found) = (&finding.path, &finding.found);
    let at = match finding.offset {
        0 => String::new(),
        offset => format!(" at offset {offset}"),
    };
    format!("{name}: {path}{at}{lsn}: {found} ({meaning})")
}

fn records(count: u64) -> String {
    counted(count, "record", "records")
}

/// What a start does here.
fn a_start(audited: &Audit) -> String {
    let from = audited.checkpoints.first().map(|good| good.manifest.position.lsn);
    match (audited.replayed_count, from) {
        (None, _) => "a start is refused here".to_owned(),
        (Some(count), Some(lsn)) => {
            format!(
                "a start goes on from the checkpoint at LSN {lsn}: {} behind it",
                records(count)
            )
        }
        (Some(count), None) => {
            format!("a start replays the whole log: {}, no checkpoint", records(count))
        }
    }
}

/// What a repair does here.
fn a_repair(repair: &RepairReport) -> String {
    let kept = counted(repair.kept_count, "message", "messages");
    let more = if repair.is_counted() { "" } else { ", and any that only lost records told of" };
    let back = match repair.may_come_back_count() {
        0 => String::new(),
        back => format!("; up to {back} may come back although they were deleted"),
    };
    let lost_count = repair.lost_count();
    format!("`ledgerq log repair` keeps {kept} and loses {lost_count}{more}{back}")
}

/// What there is, for programs.
fn files(audited: &Audit, out: &mut Output) -> std::io::Result<()> {
    let report = &audited.report;
    for segment in &report.segments {
        out.object(&Line::Segment {
            segment: segment.id.get(),
            first_lsn: segment.first_lsn.map(Lsn::get),
            frames: segment.frames_count,
            frames_bytes: segment.frames_bytes,
            footer: footer(segment.footer),
        })?;
    }
    for output in &report.outputs {
        out.object(&Line::Output {
            output: output.id.get(),
            frames: output.frames_count,
            frames_bytes: output.frames_bytes,
            footer: footer(output.footer),
        })?;
    }
    for Good { manifest, bytes } in &audited.checkpoints {
        out.object(&Line::Checkpoint {
            lsn: manifest.position.lsn.get(),
            at: rfc3339(manifest.at),
            size_bytes: *bytes,
            files: manifest.files.len(),
        })?;
    }
    Ok(())
}

/// A finding's name, and what it means for whoever reads it.
fn meaning(kind: FindingKind) -> (&'static str, &'static str) {
    match kind {
        FindingKind::Corrupt => ("corrupt", "acknowledged records are lost; no start"),
        FindingKind::NewerFormat => ("newer_format", "a newer ledgerq wrote it; start that one"),
        FindingKind::Foreign => ("foreign", "it is of another data directory; move it out"),
        FindingKind::DamagedBody => ("damaged_body", "this message is lost, the others are not"),
        FindingKind::Torn => {
            ("torn", "normal: a write that a crash cut off; it was never acknowledged")
        }
        FindingKind::Harmless => ("harmless", "nothing is lost by it"),
        FindingKind::NotNeeded => ("not_needed", "no message that is there is lost by it"),
        FindingKind::DamagedCheckpoint => {
            ("damaged_checkpoint", "nothing is lost by it if a start goes on without it")
        }
        FindingKind::Stray => ("stray", "the broker removes it, or uses it again"),
        FindingKind::OtherFile => ("other_file", "it is not the broker's and is left alone"),
    }
}

pub(super) fn footer(state: FooterState) -> &'static str {
    match state {
        FooterState::Missing => "missing",
        FooterState::Valid => "valid",
        FooterState::Invalid => "invalid",
    }
}
