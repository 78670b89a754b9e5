//! `ledgerq log verify`: whether everything is as it was written.

use clap::Args;
use serde::Serialize;

use super::{
    super::{Exit, Failure, Output, complain},
    Place,
};
use crate::{
    codec,
    log::{self, Finding, FindingKind, FooterState, SegmentSummary, VerifyReport},
    telemetry::Progress,
};

/// What to check.
#[derive(Debug, Args)]
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
    Finding {
        finding: &'static str,
        path: &'a str,
        offset: u64,
        lsn: Option<u64>,
        found: &'a str,
    },
    Verdict {
        verdict: &'static str,
        records: u64,
        next_lsn: u64,
    },
}

pub(super) fn run(args: &VerifyArgs, out: &mut Output) -> Result<(), Failure> {
    let quiet = args.place.open()?;
    let mut undecodable = Vec::new();
    let mut bar = Progress::new("reading the log");
    let report = log::verify(
        &quiet.disk,
        None,
        None,
        &mut |frame| {
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
        },
        &mut |at| bar.report(at.segments_done as u64, at.segments_total as u64),
    );
    bar.finish();
    let mut report = report?;
    report.findings.extend(undecodable);
    let exit = verdict(&report);
    if out.is_json() {
        objects(&report, exit, out)?;
    } else {
        text(&report, exit, out)?;
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

fn text(report: &VerifyReport, exit: Exit, out: &mut Output) -> std::io::Result<()> {
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
    for finding in &report.findings {
        let lsn = finding.lsn.map_or_else(String::new, |lsn| format!(", LSN {lsn}"));
        let (name, meaning) = meaning(finding.kind);
        let (path, offset, found) = (&finding.path, finding.offset, &finding.found);
        out.line(&format!("{name}: {path} at offset {offset}{lsn}: {found} ({meaning})"))?;
    }
    let whole = format!("{} records are whole, the next LSN is", report.records_count);
    let clean = if exit == Exit::Done { "clean" } else { "not clean" };
    out.line(&format!("{clean}: {whole} {}", report.next_lsn))
}

fn objects(report: &VerifyReport, exit: Exit, out: &mut Output) -> std::io::Result<()> {
    for segment in &report.segments {
        out.object(&Line::Segment {
            segment: segment.id.get(),
            first_lsn: segment.first_lsn.map(crate::types::Lsn::get),
            frames: segment.frames_count,
            frames_bytes: segment.frames_bytes,
            footer: footer(segment.footer),
        })?;
    }
    for finding in &report.findings {
        out.object(&Line::Finding {
            finding: meaning(finding.kind).0,
            path: &finding.path,
            offset: finding.offset,
            lsn: finding.lsn.map(crate::types::Lsn::get),
            found: &finding.found,
        })?;
    }
    out.object(&Line::Verdict {
        verdict: match exit {
            Exit::Done => "clean",
            Exit::Corrupt => "corrupt",
            _ => "refused",
        },
        records: report.records_count,
        next_lsn: report.next_lsn.get(),
    })
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

fn footer(state: FooterState) -> &'static str {
    match state {
        FooterState::Missing => "missing",
        FooterState::Valid => "valid",
        FooterState::Invalid => "invalid",
    }
}
