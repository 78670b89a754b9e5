//! `ledgerq log files`: what the data directory holds, file by file, and what keeps each.

use std::{io, sync::Arc};

use clap::Args;

use super::{
    super::{Failure, Output, complain, output::rfc3339, start},
    Object, Place, Reach, Readable, identity_of, offline_settings, verify,
};
use crate::{
    broker::{Examined, StartError, examine, start::Progress},
    disk::Disk,
    log::{FileContents, FileId, SegmentInfo, StoredFile},
    store::{self, BadCheckpoint, FileDetail, Good, KeptBy},
    telemetry,
    types::{ImageEntry, Lineage, Lsn, Millis, Timestamp},
};

const COLUMNS: &str = "\
Columns:
  STATE     active: written to last; sealed: full; standby: prepared, never used;
            dead: no message in it is there any more
  LSN       the records of a segment; of an output, the record that switched to it
  LIVE      messages that are there, of all that came with the file
  RATIO     payloads of these messages to the length of the file
  AGE       from the last record of a segment to the end of the log
  FOOTER    damaged and missing ones are rebuilt from the frames
  KEPT BY   why the broker does not give the file back

A broker may run on the directory: then what it changes just now may be missing.";

/// How often a directory that changes under the reader is read again.
const ATTEMPTS_MAX: usize = 3;

/// Which directory.
#[derive(Debug, Args)]
#[command(after_help = COLUMNS)]
pub(in crate::cli) struct FilesArgs {
    #[command(flatten)]
    place: Place,
}

/// One file, as it is told.
struct Row {
    detail: FileDetail,
    state: &'static str,
    first_lsn: Option<Lsn>,
    contents: Option<FileContents>,
    age: Option<Millis>,
}

/// One checkpoint, as it is told.
struct CheckpointRow {
    good: Good,
    touched_count: u64,
    queue_count: u64,
}

/// All there is to tell.
struct Told {
    rows: Vec<Row>,
    checkpoints: Vec<CheckpointRow>,
    damaged: Vec<(String, BadCheckpoint)>,
    strays: Vec<String>,
    unknown: Vec<String>,
    reach: Reach,
}

pub(super) fn run(args: &FilesArgs, out: &mut Output) -> Result<(), Failure> {
    let readable = args.place.open_also_live()?;
    let lineage = identity_of(&*readable.disk)?;
    let told = look(&readable, lineage).map_err(|error| {
        let mut failure = start::failure(error, &args.place.data_dir);
        let more = if readable.is_live {
            "the broker may just have written there; try again"
        } else {
            "`ledgerq log verify` tells all"
        };
        failure.line = failure.line.map(|line| format!("{line}; {more}"));
        failure
    })?;
    if out.is_json() {
        objects(&told, out)?;
    } else {
        text(&told, out)?;
    }
    out.flush()?;
    if readable.is_live {
        complain("a broker runs: what it changes just now may be missing");
    }
    Ok(())
}

/// Goes through a start; again, if a broker changes what is being read.
pub(in crate::cli) fn examined(
    readable: &Readable,
    lineage: Lineage,
) -> Result<Examined, StartError> {
    let mut bar = telemetry::Progress::new("reading the data");
    let mut report = |at: Progress| bar.report(at.done as u64, at.total as u64);
    let mut attempt = || examine(&offline_settings(), &readable.disk, lineage, &mut report);
    let mut outcome = attempt();
    for _ in 1..if readable.is_live { ATTEMPTS_MAX } else { 1 } {
        if outcome.is_ok() {
            break;
        }
        outcome = attempt();
    }
    bar.finish();
    outcome
}

fn look(readable: &Readable, lineage: Lineage) -> Result<Told, StartError> {
    let Examined { state, store, report } = examined(readable, lineage)?;
    let disk = &readable.disk;
    let (mut rows, mut reach) = (Vec::new(), Reach::default());
    let active = report.segments.iter().rfind(|segment| segment.first_lsn.is_some());
    let active = active.map(|segment| FileId::Segment(segment.id));
    for detail in store.file_details() {
        let row = row(&**disk, lineage, detail, active, state.now());
        if let (FileId::Segment(_), Some(first)) = (row.detail.id, row.first_lsn) {
            reach.add(first, row.detail.needed_to);
        }
        rows.push(row);
    }
    rows.extend(report.segments.iter().filter(|segment| segment.standby).map(standby));
    rows.sort_by_key(|row| row.detail.id);
    let found = store::find(&**disk, lineage)?;
    let checkpoints = found.good.into_iter().map(|good| checkpoint(disk, lineage, good));
    Ok(Told {
        rows,
        checkpoints: checkpoints.collect::<Result<_, _>>()?,
        damaged: found.damaged,
        strays: store.unneeded_paths().map(ToOwned::to_owned).collect(),
        unknown: report.unknown_files,
        reach,
    })
}

fn row(
    disk: &dyn Disk,
    lineage: Lineage,
    detail: FileDetail,
    active: Option<FileId>,
    now: Timestamp,
) -> Row {
    let end = matches!(detail.id, FileId::Segment(_)).then_some(detail.needed_to);
    // What cannot be read is told by `verify`, and is no reason not to tell the rest.
    let stored = StoredFile::open(disk, detail.id, lineage).ok();
    let contents = stored.as_ref().and_then(|stored| stored.contents(end).ok());
    let first_lsn = stored.and_then(|stored| stored.first_lsn());
    let state = match detail.live_count {
        _ if Some(detail.id) == active => "active",
        0 => "dead",
        _ => "sealed",
    };
    let age = contents.and_then(|contents| contents.last_at).map(|at| now.since(at));
    Row { detail, state, first_lsn, contents, age }
}

fn standby(segment: &SegmentInfo) -> Row {
    let detail = FileDetail {
        id: FileId::Segment(segment.id),
        bytes: segment.bytes,
        generation: 0,
        needed_to: Lsn::default(),
        live_count: 0,
        live_bytes: 0,
        kept_by: Vec::new(),
    };
    Row { detail, state: "standby", first_lsn: None, contents: None, age: None }
}

fn checkpoint(
    disk: &Arc<dyn Disk>,
    lineage: Lineage,
    good: Good,
) -> Result<CheckpointRow, StartError> {
    let (mut touched_count, mut queue_count) = (0, 0);
    store::read_entries(&**disk, lineage, &good.manifest, &mut |entry| {
        match entry {
            ImageEntry::Touched(_) => touched_count += 1,
            ImageEntry::Queue(_) => queue_count += 1,
            ImageEntry::Base(_)
            | ImageEntry::Attempt(_)
            | ImageEntry::Move(_)
            | ImageEntry::Name(_)
            | ImageEntry::Gone(_) => {}
        }
        Ok(())
    })?;
    Ok(CheckpointRow { good, touched_count, queue_count })
}

impl Row {
    fn lsns(&self) -> String {
        let last = self.detail.needed_to;
        match (self.detail.id, self.first_lsn) {
            (FileId::Output(_), _) => last.to_string(),
            (FileId::Segment(_), Some(first)) if first <= last => format!("{first} to {last}"),
            (FileId::Segment(_), _) => "-".into(),
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "a share for people")]
    fn ratio(&self) -> f64 {
        self.detail.live_bytes as f64 / self.detail.bytes.max(1) as f64
    }

    fn reasons(&self) -> Vec<&'static str> {
        self.detail.kept_by.iter().copied().map(reason).collect()
    }

    fn kept_by(&self) -> String {
        match self.detail.kept_by[..] {
            [] if self.state == "standby" => "-".into(),
            [] => "nothing: given back or used again".into(),
            _ => self.reasons().join(", "),
        }
    }

    fn cells(&self) -> [String; 9] {
        let dash = || "-".to_owned();
        let messages = self.contents.map(|contents| contents.messages_count);
        let live = messages.map_or_else(dash, |all| format!("{} of {all}", self.detail.live_count));
        [
            self.detail.id.to_string(),
            self.state.into(),
            self.lsns(),
            self.detail.bytes.to_string(),
            live,
            format!("{:.1}%", self.ratio() * 100.0),
            self.age.map_or_else(dash, coarse),
            self.contents.map_or_else(dash, |contents| verify::footer(contents.footer).to_owned()),
            self.kept_by(),
        ]
    }

    fn object(&self) -> Object {
        let detail = &self.detail;
        let (kind, number) = match detail.id {
            FileId::Segment(id) => ("segment", id.get()),
            FileId::Output(id) => ("output", id.get()),
        };
        let contents = self.contents;
        let fields: [(&str, serde_json::Value); 15] = [
            ("kind", kind.into()),
            ("id", number.into()),
            ("path", detail.id.path().into()),
            ("state", self.state.into()),
            ("first_lsn", self.first_lsn.map(Lsn::get).into()),
            ("last_lsn", (self.state != "standby").then_some(detail.needed_to.get()).into()),
            ("size_bytes", detail.bytes.into()),
            ("messages", contents.map(|contents| contents.messages_count).into()),
            ("live_messages", detail.live_count.into()),
            ("live_bytes", detail.live_bytes.into()),
            ("live_ratio", self.ratio().into()),
            ("age_ms", self.age.map(Millis::get).into()),
            ("footer", contents.map(|contents| verify::footer(contents.footer)).into()),
            ("copied", detail.generation.into()),
            ("kept_by", self.reasons().into()),
        ];
        Object(fields.map(|(name, value)| (name.to_owned(), value)).into())
    }
}

/// A time as people say it: in whole units, of which there are two at least.
fn coarse(age: Millis) -> String {
    let units = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1000, "s"), (1, "ms")];
    let fits = |unit: &&(u64, &str)| age.get() >= 2 * unit.0;
    let (millis, name) = units.iter().find(fits).unwrap_or(&units[4]);
    format!("{}{name}", age.get() / millis)
}

fn reason(kept_by: KeptBy) -> &'static str {
    match kept_by {
        KeptBy::LiveMessages => "live messages",
        KeptBy::NewestCheckpoint => "newest checkpoint",
        KeptBy::OlderCheckpoint => "older checkpoint",
        KeptBy::LogAfterOlder => "log after the older checkpoint",
        KeptBy::SwitchRecord => "switch record",
        KeptBy::TooFewCheckpoints => "fewer than two checkpoints",
    }
}

fn text(told: &Told, out: &mut Output) -> io::Result<()> {
    let header = ["FILE", "STATE", "LSN", "BYTES", "LIVE", "RATIO", "AGE", "FOOTER", "KEPT BY"];
    out.table(header, told.rows.iter().map(Row::cells))?;
    if !told.checkpoints.is_empty() {
        let row = |row: &CheckpointRow| {
            let Good { manifest, bytes } = &row.good;
            [
                manifest.position.lsn.to_string(),
                rfc3339(manifest.at),
                bytes.to_string(),
                manifest.files.len().to_string(),
                manifest.buckets.len().to_string(),
                row.touched_count.to_string(),
                row.queue_count.to_string(),
            ]
        };
        let header = ["CHECKPOINT", "AT", "BYTES", "FILES", "BUCKETS", "TOUCHED", "QUEUES"];
        out.table(header, told.checkpoints.iter().map(row))?;
    }
    for (path, bad) in &told.damaged {
        out.line(&format!("damaged checkpoint: {path}: {bad}"))?;
    }
    for path in &told.strays {
        out.line(&format!(
            "stray: {path}: nothing needs it; the broker removes it, or uses it again"
        ))?;
    }
    for name in &told.unknown {
        out.line(&format!("other file: segments/{name}: it is not the broker's"))?;
    }
    match (told.checkpoints.len(), told.reach.is_whole()) {
        (0, _) => out.line("no checkpoint: a start replays the whole log")?,
        (1, _) => out.line("one checkpoint: no file is given back before there are two")?,
        _ => {}
    }
    match (told.reach.first(), told.reach.is_whole()) {
        (None, _) => out.line("the log has no records"),
        (_, true) => out.line(&format!("the log is there from its first record: {}", told.reach)),
        (_, false) => {
            out.line(&format!("of the log is there: {}; the rest was given back", told.reach))
        }
    }
}

fn objects(told: &Told, out: &mut Output) -> io::Result<()> {
    for row in &told.rows {
        out.object(&row.object())?;
    }
    let object = |fields: Vec<(&str, serde_json::Value)>| {
        Object(fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    };
    for CheckpointRow { good: Good { manifest, bytes }, touched_count, queue_count } in
        &told.checkpoints
    {
        out.object(&object(vec![
            ("kind", "checkpoint".into()),
            ("lsn", manifest.position.lsn.get().into()),
            ("at", rfc3339(manifest.at).into()),
            ("size_bytes", (*bytes).into()),
            ("files", manifest.files.len().into()),
            ("buckets", manifest.buckets.len().into()),
            ("touched_messages", (*touched_count).into()),
            ("queues", (*queue_count).into()),
        ]))?;
    }
    for (path, bad) in &told.damaged {
        out.object(&object(vec![
            ("kind", "damaged_checkpoint".into()),
            ("path", path.clone().into()),
            ("found", bad.to_string().into()),
        ]))?;
    }
    for path in &told.strays {
        out.object(&object(vec![("kind", "stray".into()), ("path", path.clone().into())]))?;
    }
    for name in &told.unknown {
        let path = format!("segments/{name}");
        out.object(&object(vec![("kind", "other_file".into()), ("path", path.into())]))?;
    }
    let ranges: Vec<_> = told.reach.ranges().iter().map(|(first, last)| [*first, *last]).collect();
    out.object(&object(vec![
        ("kind", "log".into()),
        ("complete", told.reach.is_whole().into()),
        ("lsns", ranges.iter().map(|range| range.to_vec()).collect::<Vec<_>>().into()),
    ]))
}
