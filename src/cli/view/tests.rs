//! The shapes of the JSON.

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
