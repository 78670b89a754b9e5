//! `ledgerq queue`: create, list, show, update, pause, resume, sources, purge, delete.

mod settings;
mod show;

use clap::{Args, Subcommand};

use super::{
    Exit, Failure, Session,
    view::{QueueDone, QueueObject},
};
use crate::{
    client::{Queue, QueuePage, Traffic},
    types::QueueName,
};

/// What to do with queues.
#[derive(Debug, Subcommand)]
pub(super) enum QueueCommand {
    /// Create a queue; the same again with the same settings is a success
    Create(settings::CreateArgs),
    /// List all queues with their counts
    List {
        /// Only queues whose names begin so
        #[arg(long, default_value = "", hide_default_value = true)]
        prefix: String,
    },
    /// Show a queue's counts and settings
    Show(Named),
    /// Change the given settings of a queue
    Update(settings::UpdateArgs),
    /// Refuse sends, receives or both until they are resumed
    Pause(TrafficArgs),
    /// Take sends, receives or both again
    Resume(TrafficArgs),
    /// List the queues whose dead letters come to a queue
    Sources(Named),
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

/// A queue and what of it.
#[derive(Debug, Args)]
pub(super) struct TrafficArgs {
    /// The queue's name
    #[arg(value_parser = QueueName::parse)]
    name: QueueName,
    /// Only sends; without this and --receives both
    #[arg(long)]
    sends: bool,
    /// Only receives; without this and --sends both
    #[arg(long)]
    receives: bool,
}

impl TrafficArgs {
    fn traffic(&self) -> Traffic {
        let both = self.sends == self.receives;
        Traffic { sends: self.sends || both, receives: self.receives || both }
    }
}

pub(super) async fn run(command: QueueCommand, mut to: Session) -> Result<(), Failure> {
    match command {
        QueueCommand::Create(args) => {
            let queue = to.client.create_queue(&args.name, &args.patch()?).await?;
            done(&mut to, &queue, "created")?;
        }
        QueueCommand::List { prefix } => {
            let client = to.client.clone();
            list(&mut to, async |page| client.list_queues(&prefix, page).await).await?;
        }
        QueueCommand::Sources(Named { name }) => {
            let client = to.client.clone();
            list(&mut to, async |page| client.list_dead_letter_sources(&name, page).await).await?;
        }
        QueueCommand::Show(Named { name }) => {
            let queue = to.client.get_queue(&name).await?;
            show::show(&mut to, &queue)?;
        }
        QueueCommand::Update(args) => update(&args, &mut to).await?,
        QueueCommand::Pause(args) => {
            let queue = to.client.pause_queue(&args.name, args.traffic()).await?;
            done(&mut to, &queue, &format!("paused the {} of", words(args.traffic())))?;
        }
        QueueCommand::Resume(args) => {
            let queue = to.client.resume_queue(&args.name, args.traffic()).await?;
            done(&mut to, &queue, &format!("resumed the {} of", words(args.traffic())))?;
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

async fn update(args: &settings::UpdateArgs, to: &mut Session) -> Result<(), Failure> {
    let mut patch = args.patch();
    if args.changes_tags() {
        // The broker takes the tags as a whole.
        let tags = to.client.get_queue(&args.name).await?.settings.tags;
        patch.tags = Some(args.tags(tags));
    }
    if patch == crate::types::SettingsPatch::default() {
        let line = "nothing to change: give a setting, such as --visibility-timeout 1m";
        return Err(Failure::new(Exit::Usage, line));
    }
    let queue = to.client.update_queue(&args.name, &patch).await?;
    Ok(done(to, &queue, "updated")?)
}

fn words(what: Traffic) -> &'static str {
    match (what.sends, what.receives) {
        (true, false) => "sends",
        (false, true) => "receives",
        (true, true) | (false, false) => "sends and receives",
    }
}

/// Programs get the queue, people what was done to it.
fn done(to: &mut Session, queue: &Queue, outcome: &str) -> std::io::Result<()> {
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
async fn list(
    to: &mut Session,
    ask: impl AsyncFn(Option<String>) -> Result<QueuePage, crate::client::Error>,
) -> Result<(), Failure> {
    let mut rows = Vec::new();
    let mut page = None;
    loop {
        let answer = ask(page).await?;
        if to.out.is_json() {
            answer.queues.iter().try_for_each(|queue| to.out.object(&QueueObject::new(queue)))?;
            to.out.flush()?;
        } else {
            rows.extend(answer.queues.iter().map(show::row));
        }
        page = answer.next;
        if page.is_none() {
            break;
        }
    }
    if !rows.is_empty() {
        show::table(to, rows)?;
    }
    Ok(())
}
