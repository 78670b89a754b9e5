//! `ledgerq peek`: looks at messages and leaves them as they are.

use clap::Args;

use super::{
    Failure, Session, complain,
    filter::FilterArgs,
    output::{counted, rfc3339},
    text::{About, about, attribute_line, body_text},
    values::{StateWord, state_word, states},
    view::{PeekedObject, UnavailableObject},
};
use crate::{
    client::{MessageState, PeekOptions, PeekPage, Peeked},
    config::Size,
    types::{QueueName, limits},
};

const EXAMPLES: &str = "\
Examples:
  ledgerq peek jobs
  ledgerq peek jobs --state ready,delayed --min-age 1h --max 100
  ledgerq peek jobs-dead --attribute kind=invoice --all --no-bodies
  ledgerq peek orders.fifo --group customer-17 --json

Messages come in the order of their numbers. Each is shown as it is at that moment: no lease is
given, and nothing counts as received.";

/// What to look at.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct PeekArgs {
    /// The queue
    #[arg(value_parser = QueueName::parse)]
    queue: QueueName,
    /// Only messages in one of these states, separated by commas [default: all]
    #[arg(long, value_name = "STATES", value_enum, value_delimiter = ',')]
    state: Vec<StateWord>,
    #[command(flatten)]
    filter: FilterArgs,
    /// At most so many messages
    #[arg(
        long,
        value_name = "COUNT",
        default_value_t = 20,
        value_parser = clap::value_parser!(u32).range(1..)
    )]
    max: u32,
    /// All messages, however many there are
    #[arg(long, conflicts_with = "max")]
    all: bool,
    /// Show the bodies, which is the default
    #[arg(long, overrides_with = "no_bodies")]
    bodies: bool,
    /// Leave the bodies out; people get a table
    #[arg(long)]
    no_bodies: bool,
}

/// What was shown so far.
#[derive(Default)]
struct Shown {
    count: u32,
    /// A table has to see all its rows.
    rows: Vec<[String; 7]>,
    has_unavailable: bool,
}

pub(super) async fn run(args: PeekArgs, mut to: Session) -> Result<(), Failure> {
    let left = |shown: &Shown| if args.all { u32::MAX } else { args.max - shown.count };
    let mut shown = Shown::default();
    let mut page = None;
    let is_cut_off = loop {
        let options = args.options(left(&shown));
        let answer = to.client.peek(&args.queue, &options, page).await?;
        print(&args, &mut to, &mut shown, &answer)?;
        page = answer.next;
        if page.is_none() || left(&shown) == 0 {
            break page.is_some();
        }
    };
    if !shown.rows.is_empty() {
        let header = ["MESSAGE", "NUMBER", "STATE", "SENT", "RECEIVED", "BODY", "GROUP"];
        to.out.table(header, shown.rows)?;
    }
    to.out.flush()?;
    if is_cut_off && !to.out.is_json() {
        complain("there may be more; --all shows them");
    }
    if shown.has_unavailable { Err(Failure::told()) } else { Ok(()) }
}

impl PeekArgs {
    fn with_bodies(&self) -> bool {
        self.bodies || !self.no_bodies
    }

    fn options(&self, left: u32) -> PeekOptions {
        let page_max = u32::try_from(limits::PAGE_MAX).unwrap_or(u32::MAX);
        PeekOptions {
            states: states(&self.state),
            filter: self.filter.filter(),
            with_bodies: self.with_bodies(),
            page_size: left.min(page_max),
        }
    }
}

fn print(
    args: &PeekArgs,
    to: &mut Session,
    shown: &mut Shown,
    page: &PeekPage,
) -> Result<(), Failure> {
    for message in &page.messages {
        shown.count += 1;
        if to.out.is_json() {
            to.out.object(&PeekedObject::new(&args.queue, message))?;
        } else if args.with_bodies() {
            to.out.line(&text(message))?;
        } else {
            shown.rows.push(row(message));
        }
    }
    for message in &page.unavailable {
        shown.has_unavailable = true;
        if to.out.is_json() {
            to.out.object(&UnavailableObject::new(&args.queue, message))?;
        }
        let (id, description) = (&message.message_id, &message.description);
        complain(&format!("message {id} cannot be shown: {description}"));
    }
    Ok(to.out.flush()?)
}

/// A message for people: what is about it, then its body if there is one, then an empty line.
fn text(message: &Peeked) -> String {
    let state = match message.state {
        MessageState::Ready => "ready".to_owned(),
        MessageState::Delayed { until } => format!("delayed until {}", rfc3339(until)),
        MessageState::InFlight { until } => format!("in flight until {}", rfc3339(until)),
    };
    let received = counted(u64::from(message.receive_count), "time", "times");
    let (id, sent_at) = (&message.message_id, rfc3339(message.sent_at));
    let mut lines = vec![format!("{id}  {state}, sent {sent_at}, received {received}")];
    lines.extend(about(&About {
        sequence_number: message.sequence_number,
        priority: message.priority,
        group: message.group.as_ref(),
        deduplication_id: message.deduplication_id.as_deref(),
        dead_letter_source: message.dead_letter_source.as_deref(),
    }));
    lines.extend(message.attributes.iter().map(attribute_line));
    lines.extend(message.body.as_ref().map(|body| body_text(body)));
    lines.join("\n") + "\n"
}

fn row(message: &Peeked) -> [String; 7] {
    let group = message.group.as_ref().map_or_else(|| "-".into(), ToString::to_string);
    [
        message.message_id.clone(),
        message.sequence_number.to_string(),
        state_word(message.state).replace('_', " "),
        rfc3339(message.sent_at),
        message.receive_count.to_string(),
        Size(message.body_bytes).to_string(),
        group,
    ]
}
