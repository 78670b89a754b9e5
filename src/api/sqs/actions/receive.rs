//! Messages: received.
//!
//! The leases are claimed when the answer is handed to the transport: a client that goes away
//! before takes no message with it, since the broker takes back what nobody claims.

use std::collections::BTreeMap;

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use serde::{Deserialize, Serialize};

use super::{
    entry::{TRACE_HEADER, bad_id, is_allowed},
    send::sequence_number,
    settings::unknown,
    visibility::timeout,
};
use crate::{
    api::sqs::{
        error::Fault,
        limits::{RECEIVE_MAX, WAIT_S_MAX},
        md5,
        outgoing::Handover,
        refusal::fault,
        request::{Answer, Call, Protocol},
    },
    broker::{BodyError, Received, digest},
    types::{
        Attribute, AttributeValue, Envelope, GroupId, Millis, QueueName, ReceiveOptions, check_id,
    },
};

/// Messages of one answer whose bytes are read from the disk at the same time.
const READS_MAX: usize = 10;
/// What asks for all system attributes.
const EVERYTHING: &str = "All";

/// The system attributes that there are.
const SYSTEM: [&str; 9] = [
    "SenderId",
    "SentTimestamp",
    "ApproximateReceiveCount",
    "ApproximateFirstReceiveTimestamp",
    "SequenceNumber",
    "MessageDeduplicationId",
    "MessageGroupId",
    TRACE_HEADER,
    "DeadLetterQueueSourceArn",
];

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Given {
    queue_url: Option<String>,
    attribute_names: Option<Vec<String>>,
    message_system_attribute_names: Option<Vec<String>>,
    message_attribute_names: Option<Vec<String>>,
    max_number_of_messages: Option<i64>,
    visibility_timeout: Option<i64>,
    wait_time_seconds: Option<i64>,
    receive_request_attempt_id: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct All {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    messages: Vec<Told>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Told {
    message_id: String,
    receipt_handle: String,
    #[serde(rename = "MD5OfBody")]
    md5_of_body: String,
    body: String,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    attributes: BTreeMap<&'static str, String>,
    #[serde(rename = "MD5OfMessageAttributes", skip_serializing_if = "Option::is_none")]
    md5_of_attributes: Option<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    message_attributes: BTreeMap<String, Typed>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Typed {
    data_type: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    string_value: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    binary_value: Option<String>,
}

/// Which attributes are told.
struct Wanted {
    system: Vec<&'static str>,
    names: Vec<String>,
}

pub(super) async fn answer(call: &Call<'_>, given: Given) -> Result<Answer, Fault> {
    let queue = call.queue(given.queue_url.as_deref())?;
    let options = options(&queue, &given)?;
    let wait = wait(given.wait_time_seconds)?;
    let wanted = Wanted {
        system: system(given.attribute_names, given.message_system_attribute_names)?,
        names: given.message_attribute_names.unwrap_or_default(),
    };
    let is_fifo = queue.is_fifo();
    let attended = call.attention.begin().await;
    let mut delivery = call.broker.receive(queue, options, wait).await.map_err(fault)?;
    let received = std::mem::take(&mut delivery.messages);
    let mut messages = Vec::with_capacity(received.len());
    let reads = stream::iter(received).map(|one| read(call, one, is_fifo, &wanted));
    let mut reads = reads.buffered(READS_MAX);
    let mut count = 0;
    while let Some(message) = reads.next().await {
        count += 1;
        match message {
            Ok(message) => messages.push(message),
            Err(error) if is_fifo && error.may_pass() => {
                // What stands behind it waits for it.
                delivery.keep_first(count);
                break;
            }
            Err(_) => {}
        }
    }
    drop(reads);
    let answer = call.done(&All { messages });
    Ok(Answer { handover: Some(Handover::new(delivery, attended)), ..answer })
}

fn options(queue: &QueueName, given: &Given) -> Result<ReceiveOptions, Fault> {
    let wanted = given.max_number_of_messages.unwrap_or(1);
    let count_max = usize::try_from(wanted).ok().filter(|_| (1..=RECEIVE_MAX).contains(&wanted));
    let count_max = count_max.ok_or_else(|| {
        let reason = format!("Must be between 1 and {RECEIVE_MAX}, if provided.");
        Fault::invalid("MaxNumberOfMessages", wanted, &reason)
    })?;
    let visibility_timeout = given.visibility_timeout.map(timeout).transpose()?;
    let attempt = given.receive_request_attempt_id.as_deref().filter(|id| !id.is_empty());
    if let Some(id) = attempt {
        let checked = check_id("attempt_id", id);
        checked.map_err(|_| bad_id("ReceiveRequestAttemptId", id))?;
    }
    // Standard queues take no notice of it.
    let attempt = attempt.filter(|_| queue.is_fifo()).map(digest::attempt);
    Ok(ReceiveOptions { count_max, visibility_timeout, attempt })
}

fn wait(given: Option<i64>) -> Result<Option<Millis>, Fault> {
    let Some(seconds) = given else { return Ok(None) };
    if !(0..=WAIT_S_MAX).contains(&seconds) {
        let reason = format!("Must be >= 0 and <= {WAIT_S_MAX}, if provided.");
        return Err(Fault::invalid("WaitTimeSeconds", seconds, &reason));
    }
    Ok(Some(Millis::from_secs(seconds.unsigned_abs())))
}

/// The system attributes that either list asks for.
fn system(
    old: Option<Vec<String>>,
    given: Option<Vec<String>>,
) -> Result<Vec<&'static str>, Fault> {
    let names: Vec<String> = old.into_iter().chain(given).flatten().collect();
    if names.iter().any(|name| name == EVERYTHING) {
        return Ok(SYSTEM.to_vec());
    }
    let known = |name: &String| SYSTEM.into_iter().find(|known| known == name);
    names.iter().map(|name| known(name).ok_or_else(|| unknown(name))).collect()
}

impl Wanted {
    /// Whether a message attribute is told: by its name, by the beginning of it, or with all.
    fn has(&self, name: &str) -> bool {
        self.names.iter().any(|wanted| match wanted.strip_suffix(".*") {
            _ if matches!(wanted.as_str(), EVERYTHING | "*") => true,
            Some(prefix) => name.starts_with(prefix),
            None => wanted == name,
        })
    }
}

/// A message as the client is told it; an error, which the operator is told, if its bytes cannot be
/// given.
async fn read(
    call: &Call<'_>,
    received: Received,
    is_fifo: bool,
    wanted: &Wanted,
) -> Result<Told, BodyError> {
    let message_id = call.broker.message_id(received.leased.seq).to_string();
    match received.content().await {
        Ok((envelope, body)) => {
            Ok(message(call, message_id, &received, (envelope, body), is_fifo, wanted))
        }
        Err(error) => {
            let cause = std::error::Error::source(&error);
            tracing::error!(message_id, %error, cause, "a message's bytes cannot be given");
            Err(error)
        }
    }
}

fn message(
    call: &Call<'_>,
    message_id: String,
    received: &Received,
    (mut envelope, body): (Envelope, Bytes),
    is_fifo: bool,
    wanted: &Wanted,
) -> Told {
    let body = text(call.protocol, &body);
    let mut attributes = std::mem::take(&mut envelope.attributes);
    attributes.retain(|attribute| wanted.has(&attribute.name));
    attributes.sort_by(|one, other| one.name.cmp(&other.name));
    let system = wanted.system.iter().filter_map(|name| {
        let value = system_value(call, &message_id, received, &envelope, is_fifo, name)?;
        Some((*name, value))
    });
    Told {
        receipt_handle: call.broker.receipt_handle(&received.leased),
        md5_of_body: md5::of_body(body.as_bytes()),
        body,
        attributes: system.collect(),
        md5_of_attributes: md5::of_attributes(&attributes),
        message_attributes: attributes.into_iter().map(value).collect(),
        message_id,
    }
}

fn system_value(
    call: &Call<'_>,
    message_id: &str,
    received: &Received,
    envelope: &Envelope,
    is_fifo: bool,
    name: &str,
) -> Option<String> {
    let leased = &received.leased;
    match name {
        "SenderId" => {
            Some(envelope.sender.clone().unwrap_or_else(|| call.settings.account.clone()))
        }
        "SentTimestamp" => Some(leased.sent_at.as_millis().to_string()),
        "ApproximateReceiveCount" => Some(leased.receive_count.to_string()),
        "ApproximateFirstReceiveTimestamp" => {
            Some(leased.first_received_at.as_millis().to_string())
        }
        "SequenceNumber" => is_fifo.then(|| sequence_number(leased.seq.get())),
        // A dead letter of a FIFO queue is its own id.
        "MessageDeduplicationId" if is_fifo && leased.dead_letter_source.is_some() => {
            Some(message_id.to_owned())
        }
        "MessageDeduplicationId" => envelope.deduplication_id.clone(),
        "MessageGroupId" => envelope.group.as_ref().map(GroupId::to_string),
        TRACE_HEADER => envelope.trace_header.clone(),
        "DeadLetterQueueSourceArn" => {
            leased.dead_letter_source_name.as_ref().map(|name| call.place().arn(name))
        }
        _ => None,
    }
}

fn value(attribute: Attribute) -> (String, Typed) {
    let (string_value, binary_value) = match attribute.value {
        AttributeValue::Text(text) => (Some(text), None),
        AttributeValue::Binary(bytes) => (None, Some(BASE64_STANDARD.encode(bytes))),
    };
    (attribute.name, Typed { data_type: attribute.data_type, string_value, binary_value })
}

/// The body as a text. One that the native API took and that is none, or that XML cannot say, is
/// told with a mark in place of each part that cannot be.
fn text(protocol: Protocol, body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    if protocol == Protocol::Json || text.chars().all(is_allowed) {
        return text.into_owned();
    }
    text.replace(|c| !is_allowed(c), "\u{fffd}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_chosen_by_name_by_prefix_and_all_together() {
        let chosen = |wanted: &[&str]| {
            let names = wanted.iter().map(|name| (*name).to_owned()).collect();
            let wanted = Wanted { system: Vec::new(), names };
            let of_message = ["General", "Hello", "Help.Me"];
            of_message.into_iter().filter(|name| wanted.has(name)).collect::<Vec<_>>()
        };
        assert_eq!(chosen(&[]), [""; 0]);
        for all in ["All", ".*", "*"] {
            assert_eq!(chosen(&[all]), ["General", "Hello", "Help.Me"], "{all}");
        }
        assert_eq!(chosen(&["Hel.*"]), ["Hello", "Help.Me"]);
        assert_eq!(chosen(&["Help.*", "General"]), ["General", "Help.Me"]);
        assert_eq!(chosen(&["Hello", "Nothing", "hello."]), ["Hello"]);
        assert_eq!(chosen(&["AWS.", "..Foo"]), [""; 0]);
    }

    #[test]
    fn a_body_that_is_no_text_is_marked() {
        assert_eq!(text(Protocol::Json, b"a\x01\xff"), "a\x01\u{fffd}");
        assert_eq!(text(Protocol::Query, b"a\x01\xff"), "a\u{fffd}\u{fffd}");
        assert_eq!(text(Protocol::Query, b"a\r\n"), "a\r\n");
    }
}
