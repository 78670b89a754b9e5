//! `ledgerq status`, `checkpoint`, `compact` and `scrub`: how the broker is, and maintenance
//! now that it does by itself when due.

use bytesize::ByteSize;

use super::{
    Exit, Failure, Session,
    output::{counted, rfc3339},
    view::{CheckpointObject, ScrubObject, StatusObject},
};
use crate::{
    telemetry::Progress,
    types::{
        CheckpointStatus, CompactionStatus, FilesStatus, Lsn, Millis, RecoveryStatus, ScrubStatus,
        Status, Timestamp,
    },
};

/// How often it is asked how far a pass of the scrub is.
const SCRUB_POLL: std::time::Duration = std::time::Duration::from_millis(500);

/// A line of the table: what, and its figure.
type Row = [String; 2];

/// Prints the figures.
pub(super) async fn run(mut to: Session) -> Result<(), Failure> {
    let status = to.client.status().await?;
    if to.out.is_json() {
        to.out.object(&StatusObject::new(&status))?;
    } else {
        to.out.table(["broker", &rfc3339(status.now)], rows(&status))?;
    }
    Ok(to.out.flush()?)
}

/// Takes a checkpoint.
pub(super) async fn checkpoint(mut to: Session) -> Result<(), Failure> {
    let checkpoint = to.client.checkpoint().await?;
    if to.out.is_json() {
        to.out.object(&CheckpointObject::new(&checkpoint))?;
    } else {
        let told = described(&checkpoint, None);
        to.out.line(&format!("checkpoint published: {told}"))?;
    }
    Ok(to.out.flush()?)
}

/// Compacts.
pub(super) async fn compact(mut to: Session) -> Result<(), Failure> {
    let copied_count = to.client.compact().await?;
    if to.out.is_json() {
        to.out.object(&serde_json::json!({ "copied_count": copied_count }))?;
    } else if copied_count == 0 {
        to.out.line("there was nothing to compact")?;
    } else {
        let messages = counted(copied_count, "message", "messages");
        to.out.line(&format!("compacted: {messages} copied"))?;
    }
    Ok(to.out.flush()?)
}

/// Scrubs, and waits for the end of the pass.
pub(super) async fn scrub_now(mut to: Session) -> Result<(), Failure> {
    let begun = to.client.scrub().await?;
    let mut bar = Progress::new("reading what is on the disk");
    let scrub = loop {
        let scrub = to.client.status().await?.scrub;
        let left = scrub.targets_left_count;
        bar.report(scrub.targets_count.saturating_sub(left), scrub.targets_count);
        if scrub.passes_count > begun.passes_count {
            break scrub;
        }
        if scrub.passes_count < begun.passes_count {
            let line = "the broker was started again, and the pass did not end";
            return Err(Failure::new(Exit::Refused, line));
        }
        tokio::time::sleep(SCRUB_POLL).await;
    };
    bar.finish();
    if to.out.is_json() {
        to.out.object(&ScrubObject::new(&scrub))?;
    } else {
        let files = counted(scrub.targets_count, "file", "files");
        to.out.line(&format!("read {} in {files}: {}", size(scrub.bytes), found(&scrub)))?;
    }
    to.out.flush()?;
    if scrub.found_count == 0 {
        return Ok(());
    }
    let line = "the disk has damaged data: the broker's log names the places; look at the disk";
    Err(Failure::new(Exit::Corrupt, line))
}

fn rows(status: &Status) -> Vec<Row> {
    let row = |what: &str, figure: String| [what.to_owned(), figure];
    let mut rows = vec![
        row("queues", status.queue_count.to_string()),
        row("messages", messages(&status.files)),
        row("log", log(status.applied_lsn, status.durable_lsn)),
        row("next number", status.next_seq.to_string()),
    ];
    if status.disk_full {
        rows.push(row("disk full", "sends are refused; receives and deletes go on".into()));
    }
    if status.retention_held {
        rows.push(row("clock", "in doubt: nothing expires (see serve --accept-clock)".into()));
    }
    rows.extend(files(&status.files));
    rows.extend(written(status));
    let (now, none) = (Some(status.now), || "none".to_owned());
    let newest = status.checkpoint.as_ref();
    rows.push(row("checkpoint", newest.map_or_else(none, |it| described(it, now))));
    let before = status.checkpoint_before.as_ref();
    rows.push(row("the one before", before.map_or_else(none, |it| described(it, now))));
    rows.push(row("checkpoints", checkpoints(status)));
    if status.backups_under_way > 0 {
        rows.push(row("backups", format!("{} under way", status.backups_under_way)));
    }
    rows.push(row("compaction", compaction(&status.compaction)));
    rows.push(row("scrub", scrub(&status.scrub, status.now)));
    rows.extend(recovery(&status.recovery));
    rows
}

fn messages(files: &FilesStatus) -> String {
    format!("{} of {}", files.live_count, size(files.live_bytes))
}

fn log(applied: Lsn, durable: Lsn) -> String {
    format!("applied to LSN {applied}, durable to LSN {durable}")
}

fn files(files: &FilesStatus) -> [Row; 3] {
    let segments = counted(files.segment_count, "segment", "segments");
    let standby = files.standby_count;
    let outputs = counted(files.output_count, "compaction output", "compaction outputs");
    let kinds = format!("{segments}, {standby} prepared, {outputs}");
    let given_back = format!("{} kept without a live message", files.pinned_count);
    let given_back = format!("{} given back, {given_back}", files.reclaimed_count);
    [
        [
            "disk".to_owned(),
            format!("{}, {} of it dead", size(files.bytes), size(files.dead_bytes)),
        ],
        ["files".to_owned(), kinds],
        ["dead files".to_owned(), given_back],
    ]
}

fn written(status: &Status) -> [Row; 2] {
    let written = &status.written;
    let told = [
        (written.frame_bytes, "log"),
        (written.footer_bytes, "indexes"),
        (written.checkpoint_bytes, "checkpoints"),
        (written.compaction_bytes, "compaction"),
        (written.zero_bytes, "zeros"),
    ];
    let told = told.map(|(bytes, what)| format!("{what} {}", size(bytes))).join(", ");
    let ratio = written.amplification().map_or_else(|| "-".into(), |ratio| format!("{ratio:.3}"));
    [["written".to_owned(), told], ["write amplification".to_owned(), ratio]]
}

/// A checkpoint in a line; with `now`, how old it is.
fn described(checkpoint: &CheckpointStatus, now: Option<Timestamp>) -> String {
    let CheckpointStatus { lsn, at, bytes, took, pause_us_max } = *checkpoint;
    let mut told = format!("LSN {lsn}, {}", size(bytes));
    if let Some(now) = now {
        told = format!("{told}, {} ago", seconds(now.since(at)));
    }
    if took.is_zero() && pause_us_max == 0 {
        return format!("{told}, taken before the start");
    }
    let pause = std::time::Duration::from_micros(pause_us_max);
    format!("{told}, took {took}, longest pause {}", humantime::format_duration(pause))
}

fn checkpoints(status: &Status) -> String {
    let state = if status.checkpoint_under_way { "one under way" } else { "none under way" };
    format!("{state}, {} failed", status.checkpoints_failed)
}

fn compaction(compaction: &CompactionStatus) -> String {
    let CompactionStatus { under_way, switched_count, failed_count, copied_count, .. } = compaction;
    let state = if *under_way { "under way" } else { "at rest" };
    let runs = counted(*switched_count, "run", "runs");
    let copied = counted(*copied_count, "message", "messages");
    format!("{state}, {runs} done, {failed_count} failed, {copied} copied")
}

fn scrub(scrub: &ScrubStatus, now: Timestamp) -> String {
    let ScrubStatus { under_way, targets_count, targets_left_count, .. } = *scrub;
    let found = found(scrub);
    match scrub.ended_at {
        _ if under_way => {
            let done = targets_count.saturating_sub(targets_left_count);
            format!("{done} of {targets_count} files begun, {}, {found}", size(scrub.bytes))
        }
        Some(at) => format!("{} ago, {}, {found}", seconds(now.since(at)), size(scrub.bytes)),
        None => "none since the start".to_owned(),
    }
}

fn found(scrub: &ScrubStatus) -> String {
    if scrub.found_count == 0 {
        return "nothing found".to_owned();
    }
    let places = counted(scrub.found_count, "damaged place", "damaged places");
    let messages = counted(scrub.damaged_messages_count, "message", "messages");
    format!("{places}, {messages} damaged")
}

fn recovery(recovery: &RecoveryStatus) -> [Row; 3] {
    let from = if recovery.checkpoint_lsn == Lsn::default() {
        "the log's first record".to_owned()
    } else {
        format!("the checkpoint at LSN {}", recovery.checkpoint_lsn)
    };
    let damaged = match recovery.checkpoints_damaged {
        0 => String::new(),
        count => format!("; {} passed over", counted(count, "damaged one", "damaged ones")),
    };
    let indexed = counted(recovery.summaries_count, "message", "messages");
    let unindexed = counted(recovery.files_without_footer, "file", "files");
    let replayed = counted(recovery.records_count, "record", "records");
    let bytes = size(recovery.frames_bytes);
    let RecoveryStatus { survey_took, load_took, replay_took, .. } = recovery;
    [
        ["started from".to_owned(), format!("{from}{damaged}")],
        [
            "start read".to_owned(),
            format!("{indexed} from indexes, {unindexed} without, {replayed} ({bytes}) replayed"),
        ],
        [
            "start took".to_owned(),
            format!("survey {survey_took}, load {load_took}, replay {replay_took}"),
        ],
    ]
}

fn size(bytes: u64) -> String {
    ByteSize::b(bytes).display().iec().to_string()
}

/// In whole seconds.
fn seconds(time: Millis) -> String {
    humantime::format_duration(std::time::Duration::from_secs(time.get() / 1000)).to_string()
}
