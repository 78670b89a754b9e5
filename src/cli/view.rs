//! Results as programs read them: the names and shapes of the JSON are part of the interface.

use std::collections::BTreeMap;

use base64::{Engine, prelude::BASE64_STANDARD};
use serde::Serialize;

use super::output::rfc3339;
use crate::{
    client::{Message, Queue, Unavailable, UnavailableReason},
    types::{Attribute, AttributeValue, DeleteOutcome, Millis, QueueName},
};

/// A queue with its settings and counts.
#[derive(Serialize)]
pub(super) struct QueueObject<'a> {
    queue: &'a str,
    ready: u64,
    delayed: u64,
    in_flight: u64,
    oldest_age_ms: Option<u64>,
    visibility_timeout_ms: u64,
    delay_ms: u64,
    retention_ms: u64,
    receive_wait_ms: u64,
    max_message_bytes: u64,
    created_at: String,
    modified_at: String,
}

/// A received message; `body_base64` in place of `body` if that is not UTF-8.
#[derive(Serialize)]
pub(super) struct MessageObject<'a> {
    message_id: &'a str,
    receipt_handle: &'a str,
    queue: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body_base64: Option<String>,
    attributes: BTreeMap<&'a str, AttributeObject<'a>>,
    receive_count: u32,
    sent_at: String,
    first_received_at: String,
    lease_expires_at: String,
}

/// An attribute; `value_base64` in place of `value` if it is binary.
#[derive(Serialize)]
pub(super) struct AttributeObject<'a> {
    data_type: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value_base64: Option<String>,
}

/// A message that was leased and cannot be given.
#[derive(Serialize)]
pub(super) struct UnavailableObject<'a> {
    message_id: &'a str,
    receipt_handle: &'a str,
    queue: &'a str,
    unavailable: &'static str,
    description: &'a str,
}

/// A sent message, with the number of its line if it was one of many.
#[derive(Serialize)]
pub(super) struct SentObject<'a> {
    pub(super) message_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) line: Option<u64>,
}

/// What became of a receipt handle.
#[derive(Serialize)]
pub(super) struct DeletedObject<'a> {
    pub(super) receipt_handle: &'a str,
    pub(super) outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) error: Option<String>,
}

/// A queue to which something was done.
#[derive(Serialize)]
pub(super) struct QueueDone<'a> {
    pub(super) queue: &'a str,
    pub(super) outcome: &'static str,
}

impl<'a> QueueObject<'a> {
    pub(super) fn new(queue: &'a Queue) -> Self {
        let settings = &queue.settings;
        Self {
            queue: queue.name.as_str(),
            ready: queue.counts.ready,
            delayed: queue.counts.delayed,
            in_flight: queue.counts.in_flight,
            oldest_age_ms: queue.counts.oldest_age.map(Millis::get),
            visibility_timeout_ms: settings.visibility_timeout.get(),
            delay_ms: settings.delay.get(),
            retention_ms: settings.retention.get(),
            receive_wait_ms: settings.receive_wait.get(),
            max_message_bytes: settings.message_bytes_max,
            created_at: rfc3339(queue.created_at),
            modified_at: rfc3339(queue.modified_at),
        }
    }
}

impl<'a> MessageObject<'a> {
    pub(super) fn new(queue: &'a QueueName, message: &'a Message) -> Self {
        let body = std::str::from_utf8(&message.body).ok();
        Self {
            message_id: &message.message_id,
            receipt_handle: &message.receipt_handle,
            queue: queue.as_str(),
            body,
            body_base64: body.is_none().then(|| BASE64_STANDARD.encode(&message.body)),
            attributes: message.attributes.iter().map(attribute).collect(),
            receive_count: message.receive_count,
            sent_at: rfc3339(message.sent_at),
            first_received_at: rfc3339(message.first_received_at),
            lease_expires_at: rfc3339(message.lease_expires_at),
        }
    }
}

impl<'a> UnavailableObject<'a> {
    pub(super) fn new(queue: &'a QueueName, message: &'a Unavailable) -> Self {
        Self {
            message_id: &message.message_id,
            receipt_handle: &message.receipt_handle,
            queue: queue.as_str(),
            unavailable: match message.reason {
                UnavailableReason::ReadFailed => "read_failed",
                UnavailableReason::Damaged => "damaged",
                UnavailableReason::Undecodable => "undecodable",
                UnavailableReason::Other => "other",
            },
            description: &message.description,
        }
    }
}

fn attribute(attribute: &Attribute) -> (&str, AttributeObject<'_>) {
    let (value, value_base64) = match &attribute.value {
        AttributeValue::Text(text) => (Some(text.as_str()), None),
        AttributeValue::Binary(bytes) => (None, Some(BASE64_STANDARD.encode(bytes))),
    };
    let data_type = attribute.data_type.as_str();
    (&attribute.name, AttributeObject { data_type, value, value_base64 })
}

/// What a delete did, as programs read it.
pub(super) fn delete_outcome(outcome: DeleteOutcome) -> &'static str {
    match outcome {
        DeleteOutcome::Deleted => "deleted",
        DeleteOutcome::AlreadyDeleted => "already_deleted",
        DeleteOutcome::StaleLease => "stale_lease",
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use crate::types::{QueueCounts, QueueSettings, Timestamp};

    fn json(object: &impl Serialize) -> String {
        serde_json::to_string_pretty(object).expect("it has no maps with odd keys")
    }

    fn message(body: &'static [u8]) -> Message {
        let at = Timestamp::from_millis(1_700_000_000_000);
        let value = |name: &str, data_type: &str, value| Attribute {
            name: name.into(),
            data_type: data_type.into(),
            value,
        };
        Message {
            message_id: "id".into(),
            receipt_handle: "handle".into(),
            body: body.into(),
            attributes: vec![
                value("n", "Number", AttributeValue::Text("5".into())),
                value("b", "Binary", AttributeValue::Binary("hi".into())),
            ],
            sent_at: at,
            first_received_at: at,
            receive_count: 1,
            lease_expires_at: at.after(Millis::from_secs(30)),
        }
    }

    #[test]
    fn a_message_has_its_body_as_text() {
        let queue = QueueName::parse("jobs").expect("a name");
        expect![[r#"
            {
              "message_id": "id",
              "receipt_handle": "handle",
              "queue": "jobs",
              "body": "hello",
              "attributes": {
                "b": {
                  "data_type": "Binary",
                  "value_base64": "aGk="
                },
                "n": {
                  "data_type": "Number",
                  "value": "5"
                }
              },
              "receive_count": 1,
              "sent_at": "2023-11-14T22:13:20.000Z",
              "first_received_at": "2023-11-14T22:13:20.000Z",
              "lease_expires_at": "2023-11-14T22:13:50.000Z"
            }"#]]
        .assert_eq(&json(&MessageObject::new(&queue, &message(b"hello"))));
    }

    #[test]
    fn a_body_that_is_no_text_is_in_base64() {
        let queue = QueueName::parse("jobs").expect("a name");
        let bytes = message(b"\xff\x00");
        let object = serde_json::to_value(MessageObject::new(&queue, &bytes)).expect("JSON");
        assert_eq!((object.get("body"), &object["body_base64"]), (None, &"/wA=".into()));
    }

    #[test]
    fn a_queue_has_its_counts_and_settings_with_their_units() {
        let queue = Queue {
            name: QueueName::parse("jobs").expect("a name"),
            settings: QueueSettings::default(),
            counts: QueueCounts {
                ready: 1,
                delayed: 2,
                in_flight: 3,
                oldest_age: Some(Millis::new(5)),
            },
            created_at: Timestamp::from_millis(0),
            modified_at: Timestamp::from_millis(1),
        };
        expect![[r#"
            {
              "queue": "jobs",
              "ready": 1,
              "delayed": 2,
              "in_flight": 3,
              "oldest_age_ms": 5,
              "visibility_timeout_ms": 30000,
              "delay_ms": 0,
              "retention_ms": 345600000,
              "receive_wait_ms": 0,
              "max_message_bytes": 1048576,
              "created_at": "1970-01-01T00:00:00.000Z",
              "modified_at": "1970-01-01T00:00:00.001Z"
            }"#]]
        .assert_eq(&json(&QueueObject::new(&queue)));
    }

    #[test]
    fn small_results_are_small() {
        expect![[r#"
            {
              "message_id": "id"
            }"#]]
        .assert_eq(&json(&SentObject { message_id: "id", line: None }));
        expect![[r#"
            {
              "message_id": "id",
              "line": 7
            }"#]]
        .assert_eq(&json(&SentObject { message_id: "id", line: Some(7) }));
        let outcome = delete_outcome(DeleteOutcome::StaleLease);
        let deleted = DeletedObject { receipt_handle: "handle", outcome, error: None };
        expect![[r#"
            {
              "receipt_handle": "handle",
              "outcome": "stale_lease"
            }"#]]
        .assert_eq(&json(&deleted));
        expect![[r#"
            {
              "queue": "jobs",
              "outcome": "purged"
            }"#]]
        .assert_eq(&json(&QueueDone { queue: "jobs", outcome: "purged" }));
    }
}
