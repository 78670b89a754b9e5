//! `ledgerq log repair`: a new data directory of what is left of a damaged one.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use clap::Args;

use super::{
    super::{
        Exit, Failure, Output,
        backup::{empty_dir, size},
        complain,
        failure::one_line,
        output::counted,
        start,
    },
    Place, loss, offline_settings,
};
use crate::{
    broker::{BaseUsed, RepairError, RepairReport, survey},
    disk::Disk,
    entropy::{Entropy, SystemEntropy},
    log,
    store::{self, Identity, StoreError},
    telemetry::Progress,
    types::Lineage,
};

pub(super) const EXAMPLES: &str = "\
Examples:
  ledgerq log repair --data-dir /var/lib/ledgerq --dry-run
  ledgerq log repair --data-dir /var/lib/ledgerq --to /var/lib/ledgerq-repaired
  ledgerq serve --data-dir /var/lib/ledgerq-repaired

The damaged directory is only read. The new one needs space for all messages. Ends with 0 if nothing \
is lost, with 5 if something is: the new directory is made all the same.";

/// What to repair, and where to.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct RepairArgs {
    #[command(flatten)]
    place: Place,
    /// Directory to make; if it is there it must be empty
    #[arg(long, value_name = "DIR", required_unless_present = "dry_run")]
    to: Option<PathBuf>,
    /// Make nothing: only tell what would be kept and what is lost
    #[arg(long, conflicts_with = "to")]
    dry_run: bool,
}

pub(super) fn run(args: &RepairArgs, out: &mut Output) -> Result<(), Failure> {
    let source = args.place.open()?;
    let lineage = lineage(&*source.disk)?;
    let target = match &args.to {
        Some(to) => {
            refuse_within(&args.place.data_dir, to)?;
            Some((to, empty_dir(to)?))
        }
        None => None,
    };
    let mut bar = Progress::new("reading what is left");
    let remains = survey(&offline_settings(), &source.disk, lineage, &mut |at| {
        bar.report(at.segments_done as u64, at.segments_total as u64);
    });
    bar.finish();
    let remains = remains.map_err(|error| start::failure(error, &args.place.data_dir))?;
    let report = remains.report().clone();
    let mut copied_bytes = None;
    if let Some((to, disk)) = target {
        let disk: Arc<dyn Disk> = Arc::new(disk);
        let mut entropy = SystemEntropy::new();
        let fresh = Identity::random(&mut || entropy.next());
        let mut bar = Progress::new("copying messages");
        let mut salts = || entropy.next();
        let written =
            remains.write(&offline_settings(), &disk, &fresh, &mut salts, &mut |done, total| {
                bar.report(done as u64, total as u64);
            });
        bar.finish();
        copied_bytes = Some(written.map_err(|error| failure(to, error))?);
    }
    if out.is_json() {
        objects(args, lineage, &report, copied_bytes, out)?;
    } else {
        text(args, lineage, &report, copied_bytes, out)?;
    }
    out.flush()?;
    if report.is_whole() {
        return Ok(());
    }
    complain("acknowledged data is lost; keep the damaged directory as it is");
    Err(Failure { exit: Exit::Corrupt, line: None })
}

/// Whose directory it is: `IDENTITY` says so, and every segment too.
fn lineage(disk: &dyn Disk) -> Result<Lineage, Failure> {
    match store::lineage_of(disk) {
        Ok(lineage) => return Ok(lineage),
        Err(error @ (StoreError::IdentityMissing | StoreError::IdentityDamaged { .. })) => {
            complain(&format!("{}; the files tell whose they are", one_line(&error)));
        }
        Err(error) => return Err(Failure::start(Exit::CannotStart, &error)),
    }
    let told = log::lineage_told(disk)?;
    told.ok_or_else(|| {
        let line = "no segment has a whole header: nothing tells whose files these are";
        Failure::new(Exit::Corrupt, line)
    })
}

/// The evidence stays as it is: nothing is made in the damaged directory.
fn refuse_within(source: &Path, to: &Path) -> Result<(), Failure> {
    let resolved = |path: &Path| -> io::Result<PathBuf> {
        let absolute = std::path::absolute(path)?;
        let there = absolute.ancestors().find_map(|part| {
            let rest = absolute.strip_prefix(part).ok()?;
            part.canonicalize().ok().map(|part| part.join(rest))
        });
        Ok(there.unwrap_or(absolute))
    };
    let cannot = |error: io::Error| Failure::data_dir(to, error);
    let is_within = resolved(to).map_err(cannot)?.starts_with(resolved(source).map_err(cannot)?);
    if is_within {
        let line = format!(
            "{} lies in the damaged directory, which is not changed; choose a place outside",
            to.display()
        );
        return Err(Failure::new(Exit::CannotStart, line));
    }
    Ok(())
}

fn failure(to: &Path, error: RepairError) -> Failure {
    let line = format!("{}: {}; remove it and try again", to.display(), one_line(&error));
    match error {
        RepairError::Start(error) => start::failure(error, to),
        RepairError::NotAsWritten { .. } => Failure::new(Exit::Corrupt, line),
        RepairError::Rebuild(_) => Failure::new(Exit::CannotStart, line),
    }
}

fn text(
    args: &RepairArgs,
    lineage: Lineage,
    report: &RepairReport,
    copied_bytes: Option<u64>,
    out: &mut Output,
) -> io::Result<()> {
    for (path, found) in report.damaged_checkpoints.iter().chain(&report.damaged_files) {
        out.line(&format!("damaged: {path}: {found}"))?;
    }
    out.line(&match report.base {
        BaseUsed::Checkpoint { lsn, lacks_ids: false } => {
            format!("from the checkpoint at LSN {lsn} and the log behind it")
        }
        BaseUsed::Checkpoint { lsn, lacks_ids: true } => format!(
            "from the checkpoint at LSN {lsn}, whose deduplication ids are lost, and the log \
             behind it"
        ),
        BaseUsed::Log => "from the log alone, without a checkpoint".to_owned(),
    })?;
    for line in report.lost_records.iter().flat_map(loss::told) {
        out.line(&line)?;
    }
    if report.passed_over_count > 0 {
        let records = counted(report.passed_over_count, "record names", "records name");
        out.line(&format!("{records} what is lost, and could not be followed"))?;
    }
    let rows = report.queues.iter().map(|queue| {
        [queue.name.to_string(), queue.kept_count.to_string(), queue.lost_count.to_string()]
    });
    if !report.queues.is_empty() {
        out.table(["QUEUE", "KEPT", "LOST"], rows)?;
    }
    for name in &report.queues_made {
        out.line(&format!("{name}: the record that made this queue is lost; see its settings"))?;
    }
    summary(args, lineage, report, copied_bytes, out)
}

fn summary(
    args: &RepairArgs,
    lineage: Lineage,
    report: &RepairReport,
    copied_bytes: Option<u64>,
    out: &mut Output,
) -> io::Result<()> {
    let lost_count = report.lost_count();
    if lost_count > 0 {
        let messages = counted(lost_count, "message", "messages");
        out.line(&format!("LOST: {messages}"))?;
        loss::list(lineage, report.lost.iter(), "  ", out)?;
    }
    let back = report.may_come_back_count();
    if back > 0 {
        let messages = counted(back, "of the kept messages", "of the kept messages");
        out.line(&format!("MAY COME BACK: up to {messages}, if they were deleted"))?;
    }
    let kept = counted(report.kept_count, "message", "messages");
    let queues = report.queues.iter().filter(|queue| queue.kept_count > 0).count() as u64;
    let queues = counted(queues, "queue", "queues");
    let messages = counted(lost_count, "message", "messages");
    let lost = match (lost_count, report.is_counted()) {
        (0, true) if report.is_whole() => "nothing is lost".to_owned(),
        (_, true) => format!("{messages} lost"),
        (_, false) => format!("{messages} lost, and any that only lost records told of"),
    };
    let Some(to) = &args.to else {
        return out.line(&format!("a repair keeps {kept} in {queues}; {lost}; nothing was made"));
    };
    let bytes = size(copied_bytes.unwrap_or_default());
    let dir = to.display();
    out.line(&format!("repaired to {dir}: kept {kept} in {queues}, {bytes}, all checked; {lost}"))?;
    out.line("receipt handles of before are refused: receive those messages again")?;
    out.line(&format!("ledgerq serve --data-dir {dir}"))
}

fn objects(
    args: &RepairArgs,
    lineage: Lineage,
    report: &RepairReport,
    copied_bytes: Option<u64>,
    out: &mut Output,
) -> io::Result<()> {
    for (path, found) in report.damaged_checkpoints.iter().chain(&report.damaged_files) {
        let (kind, path) = ("damaged", path.as_str());
        out.object(&serde_json::json!({ "kind": kind, "path": path, "found": found }))?;
    }
    for records in &report.lost_records {
        out.object(&of_kind("lost_records", &loss::range(records))?)?;
    }
    for message in loss::each(lineage, report.lost.iter()) {
        out.object(&of_kind("lost", &message)?)?;
    }
    for queue in &report.queues {
        out.object(&serde_json::json!({
            "kind": "queue",
            "queue": queue.name.as_str(),
            "kept_messages": queue.kept_count,
            "lost_messages": queue.lost_count,
            "is_made": report.queues_made.contains(&queue.name),
        }))?;
    }
    let checkpoint_lsn = match report.base {
        BaseUsed::Checkpoint { lsn, .. } => Some(lsn.get()),
        BaseUsed::Log => None,
    };
    out.object(&serde_json::json!({
        "kind": "repair",
        "directory": args.to.as_ref().map(|to| to.display().to_string()),
        "checkpoint_lsn": checkpoint_lsn,
        "kept_messages": report.kept_count,
        "lost_messages": report.lost_count(),
        "is_every_lost_message_listed": report.is_counted(),
        "may_come_back_messages": report.may_come_back_count(),
        "skipped_records": report.passed_over_count,
        "copied_bytes": copied_bytes,
    }))
}

/// An object with its kind before its fields.
fn of_kind(kind: &str, object: &impl serde::Serialize) -> io::Result<serde_json::Value> {
    let mut value = serde_json::json!({ "kind": kind });
    if let (Some(all), serde_json::Value::Object(fields)) =
        (value.as_object_mut(), serde_json::to_value(object)?)
    {
        all.extend(fields);
    }
    Ok(value)
}
