//! `ledgerq log inspect`: the records, frame by frame, as far as the log still has them.

use std::io;

use clap::Args;

use super::{
    super::{Exit, Failure, Output, complain, output::rfc3339},
    Place, Reach, checkpoints,
    describe::describe,
    is_before,
    record::{Described, Object},
};
use crate::{
    codec,
    config::Count,
    disk::Disk,
    log::{self, Finding, FindingKind, FrameView, LogError, Position, VerifyReport},
    store,
    types::{Lsn, Record},
};

const ABOUT: &str = "\
Records before the older checkpoint are given back with their segments; where that left a gap is \
told on standard error. `ledgerq log files` shows which files there are.";

/// What to print of the log.
#[derive(Debug, Args)]
#[command(after_help = ABOUT)]
pub(in crate::cli) struct InspectArgs {
    #[command(flatten)]
    place: Place,
    /// Begin with this position
    #[arg(long, default_value_t = Count(1), value_name = "LSN")]
    from_lsn: Count,
    /// Print at most so many records
    #[arg(long, value_name = "COUNT")]
    limit: Option<Count>,
}

/// Prints records until it has printed enough.
struct Printer<'a> {
    out: &'a mut Output,
    from: Lsn,
    /// How many records may still be printed.
    left: u64,
    reach: Reach,
    failed: Option<io::Error>,
}

pub(super) fn run(args: &InspectArgs, out: &mut Output) -> Result<(), Failure> {
    let quiet = args.place.open()?;
    let left = args.limit.map_or(u64::MAX, |Count(limit)| limit);
    let from = Lsn::new(args.from_lsn.0);
    let checkpoint = newest(&*quiet.disk)?;
    let mut printer = Printer { out, from, left, reach: Reach::default(), failed: None };
    let read = log::verify(
        &*quiet.disk,
        None,
        checkpoint,
        &mut |frame| printer.frame(&frame),
        &mut |_| (),
    );
    if let Some(error) = printer.failed {
        return Err(error.into());
    }
    let (enough, reach) = (printer.left == 0, printer.reach);
    out.flush()?;
    if !enough && !reach.is_whole() {
        complain(&format!("of the log is there: {reach}; the rest was given back"));
    }
    match read {
        // The printer ends the reading once it has printed enough.
        Err(LogError::Refused { .. }) if enough => Ok(()),
        Err(error) => Err(error.into()),
        Ok(report) => told(&report, checkpoint),
    }
}

/// Where a start goes on, if there is a good checkpoint.
fn newest(disk: &dyn Disk) -> Result<Option<Position>, Failure> {
    let lineage = store::lineage_of(disk).ok();
    let lineage = match lineage {
        None => log::lineage_told(disk)?,
        told => told,
    };
    let good = lineage.map(|lineage| checkpoints(disk, lineage)).transpose()?;
    Ok(good.and_then(|good| good.first().map(|newest| newest.manifest.position)))
}

/// Damage by which records can be missing: an error, unless a start does not read them.
fn told(report: &VerifyReport, checkpoint: Option<Position>) -> Result<(), Failure> {
    let line = |found: &Finding| {
        let (path, offset, found) = (&found.path, found.offset, &found.found);
        format!("{path} at offset {offset}: {found}; `ledgerq log verify` tells all")
    };
    let is_damage =
        |found: &&Finding| found.kind.refuses_start() || found.kind == FindingKind::DamagedBody;
    let damage = report.findings.iter().filter(is_damage);
    let (before, behind): (Vec<_>, Vec<_>) =
        damage.partition(|found| is_before(&found.path, checkpoint));
    for found in before {
        complain(&line(found));
    }
    let failure = behind.first().map(|found| Failure::new(Exit::Corrupt, line(found)));
    failure.map_or(Ok(()), Err)
}

impl Printer<'_> {
    /// Prints one frame; an error ends the reading.
    fn frame(&mut self, frame: &FrameView<'_>) -> Result<(), String> {
        let next = frame.first_lsn.get() + u64::from(frame.record_count);
        self.reach.add(frame.first_lsn, Lsn::new(next - 1));
        if next <= self.from.get() {
            return Ok(());
        }
        if self.left == 0 {
            return Err("enough was printed".into());
        }
        let mut records = Vec::new();
        codec::decode_records(frame.records, &mut |record| records.push(record))
            .map_err(|error| error.to_string())?;
        let printed = self.print(frame, &records);
        printed.map_err(|error| {
            let text = error.to_string();
            self.failed = Some(error);
            text
        })
    }

    fn print(&mut self, frame: &FrameView<'_>, records: &[Record]) -> io::Result<()> {
        if !self.out.is_json() {
            self.out.line(&heading(frame))?;
        }
        let (numbered, from) = ((frame.first_lsn.get()..).zip(records), self.from.get());
        for (lsn, record) in numbered.skip_while(|(lsn, _)| *lsn < from) {
            if self.left == 0 {
                break;
            }
            self.left -= 1;
            let described = describe(record);
            if self.out.is_json() {
                self.out.object(&object(frame, lsn, &described))?;
            } else {
                self.line(&format!("lsn {lsn:<8}"), &described)?;
                described.within.iter().try_for_each(|held| self.line("  within    ", held))?;
            }
        }
        Ok(())
    }

    fn line(&mut self, place: &str, described: &Described) -> io::Result<()> {
        let line = format!("  {place} {:<17} {}", described.name, described.text());
        self.out.line(line.trim_end())
    }
}

/// One record, with the place of its frame.
fn object(frame: &FrameView<'_>, lsn: u64, described: &Described) -> Object {
    let mut fields =
        vec![("lsn".to_owned(), lsn.into()), ("record".to_owned(), described.name.into())];
    fields.extend(described.json());
    fields.push(("at".to_owned(), rfc3339(frame.now).into()));
    fields.push(("segment".to_owned(), frame.segment.get().into()));
    fields.push(("frame_offset".to_owned(), frame.offset.into()));
    Object(fields)
}

/// What a frame is, on one line.
fn heading(frame: &FrameView<'_>) -> String {
    let first = frame.first_lsn.get();
    let last = first + u64::from(frame.record_count).saturating_sub(1);
    format!(
        "segment {}  offset {}  lsn {first} to {last}  at {}  {} bytes",
        frame.segment,
        frame.offset,
        rfc3339(frame.now),
        frame.frame_bytes
    )
}
