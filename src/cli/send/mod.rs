//! `ledgerq send`: one message, or one for each line of a file.

#![expect(clippy::disallowed_types, reason = "the files are the user's, not the broker's")]

mod lines;
mod pipeline;

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use bytes::Bytes;
use clap::{ArgGroup, Args};

use super::{
    Exit, Failure, Session,
    attribute::AttributeArg,
    values::{At, parse_group},
    view::SentObject,
};
use crate::{
    client::{Outgoing, Sent},
    config::Span,
    types::{Delay, GroupId, QueueName, limits},
};

const EXAMPLES: &str = "\
Examples:
  ledgerq send jobs 'hello'
  ledgerq send jobs --file picture.png --attribute kind=picture --delay 5s
  ledgerq send jobs --lines jobs.txt --attribute 'priority:Number=5'
  generate-jobs | ledgerq send jobs --lines -
  ledgerq send orders.fifo 'paid' --group customer-17 --deduplication-id order-4711-paid
  ledgerq send mails 'happy new year' --at 2030-01-01T00:00:00Z
  ledgerq send prices '17.25' --ttl 30s --priority 9

An attribute is written name=value, or name:Type=value with a Type of String, Number or Binary,
each with a label if you like (Number.float). The value of a Binary one is written in base64.";

/// What to send.
#[derive(Debug, Args)]
#[command(
    after_help = EXAMPLES,
    override_usage = "ledgerq send [OPTIONS] <QUEUE> <BODY|--file <FILE>|--lines <FILE>>",
    group = ArgGroup::new("what").required(true).args(["body", "file", "lines"])
)]
pub(super) struct SendArgs {
    /// The queue
    #[arg(value_parser = QueueName::parse)]
    queue: QueueName,
    /// The body of one message
    body: Option<String>,
    /// Send one message whose body is this file's bytes; - is standard input
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Send one message for each line of this file; - is standard input
    #[arg(long, value_name = "FILE")]
    lines: Option<PathBuf>,
    /// How long the messages wait before they can be received [default: what the queue is set to]
    #[arg(long, value_name = "DURATION")]
    delay: Option<Span>,
    /// Until when the messages wait, in place of --delay; at most the queue's retention from now
    #[arg(long, value_name = "TIME", conflicts_with = "delay")]
    at: Option<At>,
    /// How long the messages are kept, if that is shorter than the queue's retention
    #[arg(long, value_name = "DURATION")]
    ttl: Option<Span>,
    /// 0 to 9, of which 9 is received first; standard queues only [default: 4]
    #[arg(
        long,
        value_name = "NUMBER",
        value_parser = clap::value_parser!(u8).range(..=i64::from(limits::PRIORITY_MAX))
    )]
    priority: Option<u8>,
    /// The message group, which a FIFO queue needs; on a standard queue the tenant
    #[arg(long, value_name = "ID", value_parser = parse_group)]
    group: Option<GroupId>,
    /// By what duplicates of the message are known for 5 minutes
    #[arg(long, value_name = "ID", conflicts_with = "lines")]
    deduplication_id: Option<String>,
    /// An attribute of every message; can be given up to 10 times
    #[arg(long = "attribute", value_name = "NAME=VALUE")]
    attributes: Vec<AttributeArg>,
    /// With --lines: leave empty lines out instead of refusing them
    #[arg(long, conflicts_with_all = ["body", "file"])]
    skip_empty_lines: bool,
    /// With --lines: batches under way at once; the queue has the order of the file however many
    #[arg(
        long,
        conflicts_with_all = ["body", "file"],
        default_value_t = 4,
        value_name = "COUNT",
        value_parser = clap::value_parser!(u8).range(1..=64)
    )]
    in_flight: u8,
}

pub(super) async fn run(args: SendArgs, mut to: Session) -> Result<(), Failure> {
    if let Some(path) = &args.lines {
        let (source, bytes_total) = open(path)?;
        let reader = lines::Lines::new(source, args.lines_rules());
        return pipeline::run(reader, args.stream(path, bytes_total), to).await;
    }
    let message = args.message();
    let body = match (args.body, &args.file) {
        (Some(body), _) => Bytes::from(body),
        (None, Some(path)) => read(path)?,
        (None, None) => unreachable!("clap wants one of body, file and lines"),
    };
    for outcome in to.client.send(&args.queue, vec![message.with_body(body)]).await? {
        match outcome {
            Ok(sent) => print(&mut to, &sent, None)?,
            Err(refusal) => return Err(Failure::new(Exit::Refused, refusal.to_string())),
        }
    }
    Ok(to.out.flush()?)
}

impl SendArgs {
    /// What every message has beside its body.
    fn message(&self) -> Outgoing {
        let millis = |span: Option<Span>| span.map(|Span(millis)| millis);
        let until = self.at.map(|At(at)| Delay::Until(at));
        let attributes = self.attributes.iter().map(|AttributeArg(attribute)| attribute.clone());
        Outgoing {
            attributes: attributes.collect(),
            delay: millis(self.delay).map(Delay::For).or(until),
            time_to_live: millis(self.ttl),
            priority: self.priority,
            group: self.group.clone(),
            deduplication_id: self.deduplication_id.clone(),
            ..Outgoing::default()
        }
    }

    fn lines_rules(&self) -> lines::Rules {
        let overhead_bytes = self.message().size();
        lines::Rules { overhead_bytes, skip_empty: self.skip_empty_lines }
    }

    fn stream(&self, path: &Path, bytes_total: Option<u64>) -> pipeline::Stream {
        pipeline::Stream {
            queue: self.queue.clone(),
            message: self.message(),
            in_flight_max: usize::from(self.in_flight),
            name: name(path),
            bytes_total,
        }
    }
}

/// Prints the id of a message that was accepted.
fn print(to: &mut Session, sent: &Sent, line: Option<u64>) -> io::Result<()> {
    if to.out.is_json() {
        to.out.object(&SentObject::new(sent, line))
    } else {
        to.out.line(&sent.message_id)
    }
}

/// A source as errors call it.
pub(super) fn name(path: &Path) -> String {
    if path == Path::new("-") { "standard input".into() } else { path.display().to_string() }
}

/// A file or standard input, and the file's length.
pub(super) fn open(path: &Path) -> Result<(Box<dyn Read + Send>, Option<u64>), Failure> {
    if path == Path::new("-") {
        return Ok((Box::new(io::stdin()), None));
    }
    let file = File::open(path).map_err(|error| cannot_read(path, &error))?;
    let length = file.metadata().ok().filter(std::fs::Metadata::is_file).map(|data| data.len());
    Ok((Box::new(file), length))
}

/// The whole of a file that can be a body.
fn read(path: &Path) -> Result<Bytes, Failure> {
    let (source, _) = open(path)?;
    let mut body = Vec::new();
    let bytes_max = limits::MESSAGE_BYTES_MAX_MAX;
    source.take(bytes_max + 1).read_to_end(&mut body).map_err(|e| cannot_read(path, &e))?;
    let problem = match body.len() as u64 {
        0 => "is empty; a message's body has at least 1 byte".to_owned(),
        length if length > bytes_max => {
            format!("has more than {bytes_max} bytes, which no message can have")
        }
        _ => return Ok(body.into()),
    };
    Err(Failure::new(Exit::Refused, format!("{} {problem}", name(path))))
}

pub(super) fn cannot_read(path: &Path, error: &io::Error) -> Failure {
    Failure::new(Exit::Refused, format!("cannot read {}: {error}", name(path)))
}
