//! Calls about messages.

use base64::{Engine, prelude::BASE64_STANDARD};
use ledgerq::types::{Attribute, AttributeValue, Delay, Millis, Timestamp};
use serde_json::{Map, Value, json};

use super::Wire;
use crate::{
    script::driver::{Content, Entry, Message, Outcome, Receive},
    sqs::client::Told,
};

/// A message of so many bytes is no larger than any queue allows.
const SMALL_BYTES: u64 = 1024;

pub(super) fn is_fifo(queue: &str) -> bool {
    queue.strip_suffix(".fifo").is_some()
}

/// Whether the endpoint has words for a time.
fn is_whole(time: Option<Millis>) -> bool {
    time.is_none_or(|time| time.get().is_multiple_of(1000))
}

fn seconds(time: Millis) -> u64 {
    time.get() / 1000
}

pub(super) fn can_send(queue: &str, entries: &[Entry]) -> bool {
    let is_fifo = is_fifo(queue);
    let is_batch = entries.len() > 1;
    (1..=10).contains(&entries.len())
        && entries.iter().all(|entry| {
            let delay = match entry.delay {
                None => true,
                Some(Delay::For(delay)) => is_whole(Some(delay)) && seconds(delay) <= 900,
                Some(Delay::Until(_)) => false,
            };
            let is_plain = entry.time_to_live.is_none() && entry.priority.is_none();
            let is_known = is_fifo || entry.deduplication_id.is_none();
            // The size that a queue allows does not count for the messages of a batch, and a batch
            // of a FIFO queue without a group is refused as a whole.
            let bytes = entry.body.len() as u64
                + entry.attributes.iter().map(Attribute::bytes).sum::<u64>();
            let fits = bytes <= SMALL_BYTES && (!is_fifo || entry.group.is_some());
            let is_text = |b: &u8| b.is_ascii_graphic() || *b == b' ';
            delay
                && is_plain
                && is_known
                && (!is_batch || fits)
                && !entry.body.is_empty()
                && entry.body.iter().all(is_text)
                && entry.attributes.iter().all(is_attribute)
        })
}

/// A number of the endpoint is one.
fn is_attribute(attribute: &Attribute) -> bool {
    let AttributeValue::Text(text) = &attribute.value else { return true };
    !attribute.data_type.starts_with("Number") || text.parse::<f64>().is_ok()
}

/// The id of each message that was accepted; `None` if all were refused as one.
pub(super) fn send(wire: Wire, queue: &str, entries: &[Entry]) -> Option<Vec<Option<String>>> {
    let url = wire.url(queue);
    let id = |told: &Value| told["MessageId"].as_str().map(str::to_owned);
    if let [entry] = entries {
        let mut given = entry_of(entry);
        given.insert("QueueUrl".into(), url.into());
        let told = wire.ask("SendMessage", &given.into());
        return (told.status == 200).then(|| vec![id(&told.body)]);
    }
    let numbered = entries.iter().enumerate().map(|(at, entry)| {
        let mut given = entry_of(entry);
        given.insert("Id".into(), at.to_string().into());
        Value::from(given)
    });
    let given = json!({"QueueUrl": url, "Entries": numbered.collect::<Vec<_>>()});
    let told = wire.ask("SendMessageBatch", &given);
    if told.status != 200 {
        return None;
    }
    let successful = told.body["Successful"].as_array().cloned().unwrap_or_default();
    let of = |name: String| successful.iter().find(|one| one["Id"] == name).and_then(id);
    Some((0..entries.len()).map(|at| of(at.to_string())).collect())
}

fn entry_of(entry: &Entry) -> Map<String, Value> {
    let body = String::from_utf8(entry.body.to_vec()).expect("it is text");
    let mut given = Map::new();
    given.insert("MessageBody".into(), body.into());
    if let Some(Delay::For(delay)) = entry.delay {
        given.insert("DelaySeconds".into(), seconds(delay).into());
    }
    if let Some(group) = &entry.group {
        given.insert("MessageGroupId".into(), group.clone().into());
    }
    if let Some(id) = &entry.deduplication_id {
        given.insert("MessageDeduplicationId".into(), id.clone().into());
    }
    let attributes = entry.attributes.iter().map(|attribute| {
        let (member, value) = match &attribute.value {
            AttributeValue::Text(text) => ("StringValue", text.clone()),
            AttributeValue::Binary(bytes) => ("BinaryValue", BASE64_STANDARD.encode(bytes)),
        };
        (attribute.name.clone(), json!({"DataType": attribute.data_type, member: value}))
    });
    if !entry.attributes.is_empty() {
        given.insert("MessageAttributes".into(), Value::Object(attributes.collect()));
    }
    given
}

pub(super) fn can_receive(receive: &Receive) -> bool {
    (1..=10).contains(&receive.count_max)
        && is_whole(receive.visibility_timeout)
        && is_whole(receive.wait)
        && (receive.attempt.is_none() || is_fifo(&receive.queue))
}

/// The messages; `None` if the receive was refused.
pub(super) fn receive(wire: Wire, given: &Receive) -> Option<Outcome> {
    received(&ask_to_receive(wire, given))
}

fn ask_to_receive(wire: Wire, receive: &Receive) -> Told {
    let mut given = json!({
        "QueueUrl": wire.url(&receive.queue),
        "MaxNumberOfMessages": receive.count_max,
        "AttributeNames": ["All"],
        "MessageAttributeNames": ["All"],
    });
    if let Some(timeout) = receive.visibility_timeout {
        given["VisibilityTimeout"] = seconds(timeout).into();
    }
    if let Some(wait) = receive.wait {
        given["WaitTimeSeconds"] = seconds(wait).into();
    }
    if let Some(attempt) = &receive.attempt {
        given["ReceiveRequestAttemptId"] = attempt.clone().into();
    }
    wire.ask("ReceiveMessage", &given)
}

/// The messages, or the refusal; it has no words unless they are known here.
pub(super) fn poll(wire: Wire, given: &Receive) -> Outcome {
    let told = ask_to_receive(wire, given);
    if told.code.ends_with("NonExistentQueue") {
        return Outcome::Refused(format!("queue {} does not exist", given.queue));
    }
    received(&told).unwrap_or_else(|| Outcome::Refused(String::new()))
}

fn received(told: &Told) -> Option<Outcome> {
    if told.status != 200 {
        return None;
    }
    let messages = told.body["Messages"].as_array().cloned().unwrap_or_default();
    Some(Outcome::Received(messages.iter().map(message_of).collect()))
}

fn message_of(told: &Value) -> Message {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let system = &told["Attributes"];
    let number =
        |name: &str| system[name].as_str().expect("a text").parse::<u64>().expect("a number");
    let attributes = told["MessageAttributes"].as_object().cloned().unwrap_or_default();
    let source = text(&system["DeadLetterQueueSourceArn"]);
    Message {
        id: text(&told["MessageId"]).expect("an id"),
        handle: text(&told["ReceiptHandle"]).expect("a handle"),
        content: Content {
            attributes: attributes.into_iter().map(attribute_of).collect(),
            group: text(&system["MessageGroupId"]),
            deduplication_id: text(&system["MessageDeduplicationId"]),
            body: text(&told["Body"]).expect("a body").into(),
        },
        sent_at: Timestamp::from_millis(number("SentTimestamp")),
        first_received_at: Timestamp::from_millis(number("ApproximateFirstReceiveTimestamp")),
        receive_count: u32::try_from(number("ApproximateReceiveCount")).expect("it is small"),
        source: source.and_then(|arn| arn.rsplit(':').next().map(str::to_owned)),
    }
}

fn attribute_of((name, given): (String, Value)) -> Attribute {
    let text = |member: &str| given[member].as_str().map(str::to_owned);
    let value = match (text("StringValue"), text("BinaryValue")) {
        (Some(text), None) => AttributeValue::Text(text),
        (None, Some(base64)) => {
            AttributeValue::Binary(BASE64_STANDARD.decode(base64).expect("base64").into())
        }
        other => panic!("{other:?} is no value"),
    };
    Attribute { name, data_type: text("DataType").expect("a type"), value }
}

pub(super) fn delete(wire: Wire, queue: &str, handle: &str) -> Option<()> {
    let given = json!({"QueueUrl": wire.url(queue), "ReceiptHandle": handle});
    (wire.ask("DeleteMessage", &given).status == 200).then_some(())
}

pub(super) fn can_change(entries: &[(String, Millis)]) -> bool {
    entries.len() == 1 && is_whole(Some(entries[0].1))
}

pub(super) fn change(wire: Wire, queue: &str, entry: &(String, Millis)) -> Option<Outcome> {
    let (handle, timeout) = entry;
    let given = json!({
        "QueueUrl": wire.url(queue), "ReceiptHandle": handle,
        "VisibilityTimeout": seconds(*timeout),
    });
    let told = wire.ask("ChangeMessageVisibility", &given);
    (told.status == 200).then(|| Outcome::Changed(vec![Ok(())]))
}
