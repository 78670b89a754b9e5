//! `ledgerq redrive`: tasks that move messages from one queue to another.

use std::time::Duration;

use clap::{Args, Subcommand};

use super::{
    Exit, Failure, Session,
    attribute::AttributeArg,
    filter::FilterArgs,
    output::{counted, printable, rfc3339},
    view::{MoveObject, MoveStartedObject},
};
use crate::types::{
    MoveFilter, MoveOutcome, MoveSpec, MoveTaskView, QueueName, TaskId, limits::MOVE_RATE_MAX,
};

/// The first pause between two looks at a task that is waited for; it grows.
const PAUSE_MIN: Duration = Duration::from_millis(50);
/// The longest such pause.
const PAUSE_MAX: Duration = Duration::from_secs(1);

const START_EXAMPLES: &str = "\
Examples:
  ledgerq redrive start jobs-dead
  ledgerq redrive start jobs-dead --to jobs --rate 50 --wait
  ledgerq redrive start jobs-dead --attribute kind=invoice --min-age 1h --dry-run

Messages that are ready move one by one, each as a new message with a new id; those in flight or
delayed stay. A task goes on over a restart of the broker. There is one at a time of each source.";

/// What to do with move tasks.
#[derive(Debug, Subcommand)]
pub(super) enum RedriveCommand {
    /// Start moving messages
    Start(StartArgs),
    /// List move tasks, the newest first
    List {
        /// Only tasks of this queue
        #[arg(value_parser = QueueName::parse)]
        source: Option<QueueName>,
    },
    /// End a move task; what it moved stays moved
    Cancel {
        /// The task's number, as `redrive start` and `redrive list` print it
        task: u64,
    },
}

/// What to move.
#[derive(Debug, Args)]
#[command(after_help = START_EXAMPLES)]
pub(super) struct StartArgs {
    /// The queue to move messages from
    #[arg(value_parser = QueueName::parse)]
    source: QueueName,
    /// The queue to move them to [default: where each came from as a dead letter]
    #[arg(long, value_name = "QUEUE", value_parser = QueueName::parse)]
    to: Option<QueueName>,
    /// At most so many messages a second, 1 to 500 [default: as fast as it goes]
    #[arg(
        long,
        value_name = "COUNT",
        value_parser = clap::value_parser!(u32).range(1..=i64::from(MOVE_RATE_MAX))
    )]
    rate: Option<u32>,
    #[command(flatten)]
    filter: FilterArgs,
    /// Only check, and count the messages that there are to look at
    #[arg(long, conflicts_with = "wait")]
    dry_run: bool,
    /// Wait until the task has ended, and end with 1 unless it moved all it should
    #[arg(long)]
    wait: bool,
}

pub(super) async fn run(command: RedriveCommand, mut to: Session) -> Result<(), Failure> {
    match command {
        RedriveCommand::Start(args) => start(&args, &mut to).await,
        RedriveCommand::List { source } => list(source.as_ref(), &mut to).await,
        RedriveCommand::Cancel { task } => cancel(TaskId::new(task), &mut to).await,
    }
}

impl StartArgs {
    fn spec(&self) -> MoveSpec {
        let (source, target) = (self.source.clone(), self.to.clone());
        MoveSpec { source, target, rate_max: self.rate, filter: self.filter.filter() }
    }
}

async fn start(args: &StartArgs, to: &mut Session) -> Result<(), Failure> {
    let spec = args.spec();
    if args.dry_run {
        let to_move_count = to.client.try_move(&spec).await?;
        if to.out.is_json() {
            let (task_id, outcome) = (None, "dry_run");
            to.out.object(&MoveStartedObject { task_id, outcome, to_move_count })?;
        } else {
            let messages = counted(to_move_count, "message", "messages");
            to.out.line(&format!("a task would look at {messages}; nothing was started"))?;
        }
        return Ok(to.out.flush()?);
    }
    let started = to.client.start_move(&spec).await?;
    let (task, to_move_count) = (started.task, started.to_move_count);
    if to.out.is_json() {
        let (task_id, outcome) = (Some(task.get()), "started");
        to.out.object(&MoveStartedObject { task_id, outcome, to_move_count })?;
    } else {
        let messages = counted(to_move_count, "message", "messages");
        to.out.line(&format!("task {task} has started: {messages} to look at"))?;
    }
    to.out.flush()?;
    if args.wait { wait(&args.source, task, to).await } else { Ok(()) }
}

/// Waits for the end of a task and tells it.
async fn wait(source: &QueueName, task: TaskId, to: &mut Session) -> Result<(), Failure> {
    let mut pause = PAUSE_MIN;
    let ended = loop {
        let asked = to.client.list_moves(Some(source), 0).await;
        let tasks = asked.map_err(|error| {
            let failure = Failure::from(error);
            let line = failure.line.unwrap_or_default();
            Failure::new(failure.exit, format!("{line}; task {task} goes on by itself"))
        })?;
        let Some(found) = tasks.into_iter().find(|found| found.id == task) else {
            let line = format!("task {task} has ended and is not listed any more");
            return Err(Failure::new(Exit::Refused, line));
        };
        if found.outcome.is_some() {
            break found;
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(PAUSE_MAX);
    };
    if to.out.is_json() {
        to.out.object(&MoveObject::new(&ended))?;
    } else {
        let moved = counted(ended.moved_count, "message", "messages");
        let (state, reason) = (state(&ended), reason(&ended));
        let reason = reason.map_or_else(String::new, |reason| format!(": {reason}"));
        to.out.line(&format!("task {task} has {state} and moved {moved}{reason}"))?;
    }
    to.out.flush()?;
    let is_complete = ended.outcome == Some(MoveOutcome::Completed);
    if is_complete { Ok(()) } else { Err(Failure::told()) }
}

async fn list(source: Option<&QueueName>, to: &mut Session) -> Result<(), Failure> {
    let tasks = to.client.list_moves(source, 1000).await?;
    if to.out.is_json() {
        tasks.iter().try_for_each(|task| to.out.object(&MoveObject::new(task)))?;
    } else if !tasks.is_empty() {
        let header =
            ["TASK", "SOURCE", "TARGET", "STATE", "MOVED", "OF", "RATE", "STARTED", "ONLY", "WHY"];
        to.out.table(header, tasks.iter().map(row))?;
    }
    Ok(to.out.flush()?)
}

async fn cancel(task: TaskId, to: &mut Session) -> Result<(), Failure> {
    let moved_count = to.client.cancel_move(task).await?;
    if to.out.is_json() {
        let object = serde_json::json!({
            "task_id": task.get(), "outcome": "cancelling", "moved_count": moved_count
        });
        to.out.object(&object)?;
    } else {
        let moved = counted(moved_count, "message", "messages");
        to.out.line(&format!("task {task} ends; it has moved {moved}"))?;
    }
    Ok(to.out.flush()?)
}

fn row(task: &MoveTaskView) -> [String; 10] {
    let MoveSpec { source, target, rate_max, filter } = &task.spec;
    [
        task.id.to_string(),
        source.to_string(),
        target.as_ref().map_or_else(|| "(its source)".into(), ToString::to_string),
        state(task).to_owned(),
        task.moved_count.to_string(),
        task.to_move_count.to_string(),
        rate_max.map_or_else(|| "-".into(), |rate| format!("{rate}/s")),
        rfc3339(task.started_at),
        filter_text(filter),
        reason(task).unwrap_or_else(|| "-".into()),
    ]
}

/// How a task is, in one word.
pub(super) fn state(task: &MoveTaskView) -> &'static str {
    match &task.outcome {
        None if task.cancelling => "cancelling",
        None => "running",
        Some(MoveOutcome::Completed) => "completed",
        Some(MoveOutcome::Cancelled) => "cancelled",
        Some(MoveOutcome::Failed { .. }) => "failed",
    }
}

fn reason(task: &MoveTaskView) -> Option<String> {
    match &task.outcome {
        Some(MoveOutcome::Failed { reason }) => Some(printable(reason)),
        Some(MoveOutcome::Completed | MoveOutcome::Cancelled) | None => None,
    }
}

fn filter_text(filter: &MoveFilter) -> String {
    let mut words = Vec::new();
    words.extend(filter.group.as_ref().map(|group| format!("group {group}")));
    words.extend(filter.age_min.map(|age| format!("older than {age}")));
    let attribute = filter.attribute.clone().map(AttributeArg);
    words.extend(attribute.map(|attribute| printable(&attribute.to_string())));
    if words.is_empty() { "-".into() } else { words.join(", ") }
}
