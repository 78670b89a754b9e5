//! `ledgerq receive`: prints messages, and deletes them once they are printed if asked to.
//!
//! **Invariant.** A message is deleted only after the flush of what it was printed to succeeded. If
//! the reader is gone, its leases are given back.

mod follow;

use std::{io, time::Duration};

use clap::Args;

use super::{
    Exit, Failure, Session, complain,
    output::{counted, rfc3339},
    text::{About, about, attribute_line, body_text},
    view::{MessageObject, UnavailableObject},
};
use crate::{
    client::{Delivery, Error, Message, ReceiveOptions, Refusal},
    config::Span,
    types::{DeleteOutcome, Millis, QueueName, limits},
};

/// How long `--follow` waits before it asks a server again that did not answer.
const PAUSE: Duration = Duration::from_secs(1);

/// When messages that nobody has read can be received again.
const NOW: &str = "now";
const LATER: &str = "when their leases end";

/// What to receive.
#[derive(Debug, Args)]
pub(super) struct ReceiveArgs {
    /// The queue
    #[arg(value_parser = QueueName::parse)]
    queue: QueueName,
    /// At most so many messages at once; with --follow and --delete, so many that are not deleted
    #[arg(long, default_value_t = 10, value_name = "COUNT")]
    max: u32,
    /// How long to wait for a first message, up to 20s; with --follow it waits for ever [default:
    /// what the queue is set to]
    #[arg(long, value_name = "DURATION")]
    wait: Option<Span>,
    /// How long the messages are leased [default: what the queue is set to]
    #[arg(long, value_name = "DURATION")]
    visibility_timeout: Option<Span>,
    /// FIFO queues: an id of this attempt; the same again within 5 minutes gives the same messages
    #[arg(long, value_name = "ID")]
    attempt_id: Option<String>,
    /// Delete the messages once they are printed
    #[arg(long)]
    delete: bool,
    /// Go on receiving until Ctrl-C
    #[arg(long, conflicts_with = "attempt_id")]
    follow: bool,
}

pub(super) async fn run(args: ReceiveArgs, mut to: Session) -> Result<(), Failure> {
    if !args.follow {
        let delivery = to.client.receive(&args.queue, args.options()).await?;
        return hand_over(&args, &mut to, delivery).await;
    }
    follow::run(&args, &mut to).await
}

impl ReceiveArgs {
    fn options(&self) -> ReceiveOptions {
        let millis = |span: Option<Span>| span.map(|Span(millis)| millis);
        let wait = millis(self.wait).or(self.follow.then_some(limits::WAIT_MAX));
        let visibility_timeout = millis(self.visibility_timeout);
        let attempt_id = self.attempt_id.clone();
        ReceiveOptions { count_max: self.max, visibility_timeout, wait, attempt_id }
    }
}

/// Whether there should be another try: a broker that restarts comes back. Tells why it is needed,
/// once for each reason, however long it lasts.
fn going_on(error: Error, told: &mut Option<String>) -> Result<(), Failure> {
    let passes = match &error {
        Error::Unreachable { .. } | Error::Lost { .. } => true,
        Error::Refused(refusal) => refusal.retry_after.is_some(),
        Error::Address { .. } | Error::NoAuthority { .. } | Error::Answer(_) => false,
    };
    if !passes {
        return Err(error.into());
    }
    let line = format!("{error}; going on");
    if told.as_ref() != Some(&line) {
        complain(&line);
    }
    *told = Some(line);
    Ok(())
}

/// Prints what came, then deletes it if asked to.
async fn hand_over(
    args: &ReceiveArgs,
    to: &mut Session,
    delivery: Delivery,
) -> Result<(), Failure> {
    if let Err(error) = print(args, to, &delivery) {
        if args.delete && !delivery.messages.is_empty() {
            return Err(give_back(args, to, delivery, error).await);
        }
        return Err(error.into());
    }
    let mut all_well = delivery.unavailable.is_empty();
    if args.delete && !delivery.messages.is_empty() {
        all_well &= delete(args, to, delivery.messages).await;
    }
    if all_well { Ok(()) } else { Err(Failure::told()) }
}

/// Deletes the printed messages; whether all of them are gone.
async fn delete(args: &ReceiveArgs, to: &Session, messages: Vec<Message>) -> bool {
    let handles = messages.iter().map(|message| message.receipt_handle.clone()).collect();
    let outcomes = match to.client.delete(&args.queue, handles).await {
        Ok(outcomes) => outcomes,
        Err(error) => {
            not_deleted(&error);
            return false;
        }
    };
    let mut all_gone = true;
    for (message, outcome) in messages.iter().zip(outcomes) {
        all_gone &= is_deleted(&message.message_id, outcome);
    }
    all_gone
}

/// Tells that nobody knows what became of messages that were printed.
fn not_deleted(error: &Error) {
    complain(&format!("the messages that were just printed were not deleted: {error}"));
}

/// Whether a message is gone; tells if it is not.
fn is_deleted(message_id: &str, outcome: Result<DeleteOutcome, Refusal>) -> bool {
    let problem = match outcome {
        Ok(DeleteOutcome::Deleted | DeleteOutcome::AlreadyDeleted) => return true,
        Ok(DeleteOutcome::StaleLease) => "its lease ended before".to_owned(),
        Err(refusal) => refusal.to_string(),
    };
    complain(&format!("message {message_id} was not deleted: {problem}"));
    false
}

/// Nobody reads what was printed: whoever receives next gets it.
async fn give_back(
    args: &ReceiveArgs,
    to: &Session,
    delivery: Delivery,
    error: io::Error,
) -> Failure {
    let count = delivery.messages.len() as u64;
    let handles = delivery.messages.into_iter().map(|message| message.receipt_handle);
    let entries = handles.map(|handle| (handle, Millis::ZERO)).collect();
    let when = match to.client.change_visibility(&args.queue, entries).await {
        Ok(outcomes) if outcomes.iter().all(Result::is_ok) => NOW,
        Ok(_) | Err(_) => LATER,
    };
    not_printed(count, &error, when)
}

/// Why the command ends that cannot print, and what becomes of its messages.
fn not_printed(count: u64, error: &io::Error, when: &str) -> Failure {
    let messages = counted(count, "message was", "messages were");
    let again = format!("{messages} not deleted and can be received again {when}");
    Failure::new(Exit::Refused, format!("cannot write to standard output: {error}; {again}"))
}

fn print(args: &ReceiveArgs, to: &mut Session, delivery: &Delivery) -> io::Result<()> {
    for message in &delivery.messages {
        if to.out.is_json() {
            to.out.object(&MessageObject::new(&args.queue, message))?;
        } else {
            to.out.line(&text(message, !args.delete))?;
        }
    }
    for message in &delivery.unavailable {
        if to.out.is_json() {
            to.out.object(&UnavailableObject::new(&args.queue, message))?;
        }
        let (id, description) = (&message.message_id, &message.description);
        complain(&format!("message {id} cannot be given: {description}"));
    }
    to.out.flush()
}

/// A message for people: what is about it, then its body, then an empty line.
fn text(message: &Message, with_handle: bool) -> String {
    let mut lines = vec![format!(
        "{}  sent {}, received {}",
        message.message_id,
        rfc3339(message.sent_at),
        counted(u64::from(message.receive_count), "time", "times")
    )];
    lines.extend(about(&About {
        sequence_number: message.sequence_number,
        priority: message.priority,
        group: message.group.as_ref(),
        deduplication_id: message.deduplication_id.as_deref(),
        dead_letter_source: message.dead_letter_source.as_deref(),
    }));
    if with_handle {
        lines.push(format!("handle {}", message.receipt_handle));
    }
    lines.extend(message.attributes.iter().map(attribute_line));
    lines.push(body_text(&message.body));
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use crate::types::{Attribute, AttributeValue, GroupId, Timestamp};

    fn message(body: &'static [u8]) -> Message {
        let at = Timestamp::from_millis(1_700_000_000_000);
        Message {
            message_id: "id".into(),
            receipt_handle: "AQ".into(),
            body: body.into(),
            attributes: vec![Attribute {
                name: "n".into(),
                data_type: "Number".into(),
                value: AttributeValue::Text("5".into()),
            }],
            sent_at: at,
            first_received_at: at,
            receive_count: 2,
            lease_expires_at: at,
            group: Some(GroupId::parse("group", "g1").expect("an id")),
            deduplication_id: Some("d1".into()),
            sequence_number: 17,
            priority: 4,
            trace_header: None,
            dead_letter_source: Some("jobs".into()),
        }
    }

    #[test]
    fn people_see_what_is_about_a_message_and_then_its_body() {
        expect![[r#"
            id  sent 2023-11-14T22:13:20.000Z, received 2 times
            number 17, group g1, deduplication id d1, a dead letter of jobs
            handle AQ
            n (Number) = 5
            two
            lines
        "#]]
        .assert_eq(&text(&message(b"two\nlines"), true));
        expect![[r#"
            id  sent 2023-11-14T22:13:20.000Z, received 2 times
            number 17, group g1, deduplication id d1, a dead letter of jobs
            n (Number) = 5
            (1B that are no text; --json has them)
        "#]]
        .assert_eq(&text(&message(b"\xff"), false));
    }
}
