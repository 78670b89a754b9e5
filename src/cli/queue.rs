//! `ledgerq queue`: create, list, show, update, purge, delete.

use clap::{Args, Subcommand};

use super::{
    Exit, Failure, Session,
    output::rfc3339,
    view::{QueueDone, QueueObject},
};
use crate::{
    client::Queue,
    config::{Size, Span},
    types::{Millis, QueueName, SettingsPatch},
};

/// What to do with queues.
#[derive(Debug, Subcommand)]
pub(super) enum QueueCommand {
    /// Create a queue; the same again with the same settings is a success
    Create(SettingsOf),
    /// List all queues with their counts
    List {
        /// Only queues whose names begin so
        #[arg(long, default_value = "", hide_default_value = true)]
        prefix: String,
    },
    /// Show a queue's counts and settings
    Show(Named),
    /// Change the given settings of a queue
    Update(SettingsOf),
    /// Delete all messages of a queue; it cannot be undone
    Purge(Named),
    /// Delete a queue with all its messages; it cannot be undone
    Delete(Named),
}

/// A queue.
#[derive(Debug, Args)]
pub(super) struct Named {
    /// The queue's name
    #[arg(value_parser = QueueName::parse)]
    name: QueueName,
}

/// A queue and settings for it.
#[derive(Debug, Args)]
pub(super) struct SettingsOf {
    /// The queue's name
    #[arg(value_parser = QueueName::parse)]
    name: QueueName,
    /// How long a receive has a message for itself [new queue: 30s]
    #[arg(long, value_name = "DURATION")]
    visibility_timeout: Option<Span>,
    /// How long a message waits before it can be received [new queue: 0s]
    #[arg(long, value_name = "DURATION")]
    delay: Option<Span>,
    /// How long a message is kept [new queue: 4d]
    #[arg(long, value_name = "DURATION")]
    retention: Option<Span>,
    /// The largest message, body and attributes together [new queue: 1MiB]
    #[arg(long, value_name = "SIZE")]
    max_message_size: Option<Size>,
    /// How long a receive waits for a first message [new queue: 0s]
    #[arg(long, value_name = "DURATION")]
    receive_wait: Option<Span>,
}

impl SettingsOf {
    fn patch(&self) -> SettingsPatch {
        let millis = |span: Option<Span>| span.map(|Span(millis)| millis);
        SettingsPatch {
            delay: millis(self.delay),
            message_bytes_max: self.max_message_size.map(|Size(bytes)| bytes),
            retention: millis(self.retention),
            receive_wait: millis(self.receive_wait),
            visibility_timeout: millis(self.visibility_timeout),
            ..SettingsPatch::default()
        }
    }
}

pub(super) async fn run(command: QueueCommand, mut to: Session) -> Result<(), Failure> {
    match command {
        QueueCommand::Create(args) => {
            let queue = to.client.create_queue(&args.name, &args.patch()).await?;
            done(&mut to, &queue, "created")?;
        }
        QueueCommand::List { prefix } => list(&prefix, &mut to).await?,
        QueueCommand::Show(Named { name }) => {
            let queue = to.client.get_queue(&name).await?;
            show(&mut to, &queue)?;
        }
        QueueCommand::Update(args) => {
            let patch = args.patch();
            if patch == SettingsPatch::default() {
                let line = "nothing to change: give a setting, such as --visibility-timeout 1m";
                return Err(Failure::new(Exit::Usage, line));
            }
            let queue = to.client.update_queue(&args.name, &patch).await?;
            done(&mut to, &queue, "updated")?;
        }
        QueueCommand::Purge(Named { name }) => {
            to.client.purge_queue(&name).await?;
            gone(&mut to, &name, "purged")?;
        }
        QueueCommand::Delete(Named { name }) => {
            to.client.delete_queue(&name).await?;
            gone(&mut to, &name, "deleted")?;
        }
    }
    Ok(to.out.flush()?)
}

/// Programs get the queue, people what was done to it.
fn done(to: &mut Session, queue: &Queue, outcome: &'static str) -> std::io::Result<()> {
    if to.out.is_json() {
        to.out.object(&QueueObject::new(queue))
    } else {
        to.out.line(&format!("{outcome} {}", queue.name))
    }
}

fn gone(to: &mut Session, queue: &QueueName, outcome: &'static str) -> std::io::Result<()> {
    if to.out.is_json() {
        to.out.object(&QueueDone { queue: queue.as_str(), outcome })
    } else {
        to.out.line(&format!("{outcome} {queue}"))
    }
}

/// A program gets each page as it comes; a table has to see all its rows.
async fn list(prefix: &str, to: &mut Session) -> Result<(), Failure> {
    let mut rows = Vec::new();
    let mut page = None;
    loop {
        let answer = to.client.list_queues(prefix, page).await?;
        if to.out.is_json() {
            answer.queues.iter().try_for_each(|queue| to.out.object(&QueueObject::new(queue)))?;
            to.out.flush()?;
        } else {
            rows.extend(answer.queues.iter().map(row));
        }
        page = answer.next;
        if page.is_none() {
            break;
        }
    }
    if !rows.is_empty() {
        to.out.table(["QUEUE", "READY", "DELAYED", "IN FLIGHT", "OLDEST"], rows)?;
    }
    Ok(())
}

fn row(queue: &Queue) -> [String; 5] {
    let counts = &queue.counts;
    [
        queue.name.to_string(),
        counts.ready.to_string(),
        counts.delayed.to_string(),
        counts.in_flight.to_string(),
        age(counts.oldest_age),
    ]
}

fn show(to: &mut Session, queue: &Queue) -> std::io::Result<()> {
    if to.out.is_json() {
        return to.out.object(&QueueObject::new(queue));
    }
    let (settings, counts) = (&queue.settings, &queue.counts);
    let rows = [
        ("ready", counts.ready.to_string()),
        ("delayed", counts.delayed.to_string()),
        ("in flight", counts.in_flight.to_string()),
        ("oldest", age(counts.oldest_age)),
        ("visibility timeout", settings.visibility_timeout.to_string()),
        ("delay", settings.delay.to_string()),
        ("retention", settings.retention.to_string()),
        ("max message size", Size(settings.message_bytes_max).to_string()),
        ("receive wait", settings.receive_wait.to_string()),
        ("created", rfc3339(queue.created_at)),
        ("modified", rfc3339(queue.modified_at)),
    ];
    let rows = rows.map(|(name, value)| [name.to_owned(), value]);
    to.out.table(["queue", queue.name.as_str()], rows)
}

/// In whole seconds: nobody looks for the milliseconds of the oldest message.
fn age(oldest: Option<Millis>) -> String {
    oldest.map_or_else(
        || "-".into(),
        |age| {
            humantime::format_duration(std::time::Duration::from_secs(age.get() / 1000)).to_string()
        },
    )
}
