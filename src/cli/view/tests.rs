//! The shapes of the JSON.

use expect_test::expect;

use super::*;
use crate::types::{MoveFilter, QueueCounts, QueueSettings, RedrivePolicy, TaskId, Timestamp};

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
        group: Some(GroupId::parse("group", "g1").expect("an id")),
        deduplication_id: None,
        sequence_number: 17,
        priority: 4,
        trace_header: None,
        dead_letter_source: Some("jobs".into()),
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
          "lease_expires_at": "2023-11-14T22:13:50.000Z",
          "sequence_number": 17,
          "priority": 4,
          "group": "g1",
          "deduplication_id": null,
          "trace_header": null,
          "dead_letter_source": "jobs"
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
        sends_paused: true,
        receives_paused: false,
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
          "modified_at": "1970-01-01T00:00:00.001Z",
          "fifo": false,
          "sends_paused": true,
          "receives_paused": false,
          "dead_letter_queue": null,
          "max_receives": null,
          "allow_dead_letters_of": "all",
          "content_deduplication": false,
          "deduplication_scope": "queue",
          "throughput_limit": "per_queue",
          "retry_backoff": null,
          "tags": {},
          "stored": {}
        }"#]]
    .assert_eq(&json(&QueueObject::new(&queue)));
}

#[test]
fn a_queue_has_its_policies() {
    let name = |text| QueueName::parse(text).expect("a name");
    let queue = Queue {
        name: name("jobs.fifo"),
        settings: QueueSettings {
            redrive: Some(RedrivePolicy { dead_letter_queue: name("dead.fifo"), receives_max: 3 }),
            redrive_allow: RedriveAllow::Queues(vec![name("a.fifo")]),
            backoff: Some(Backoff {
                first: Millis::from_secs(1),
                doubles: true,
                max: Millis::from_secs(300),
            }),
            tags: [("team".to_owned(), "billing".to_owned())].into(),
            ..QueueSettings::default()
        },
        counts: QueueCounts::default(),
        created_at: Timestamp::ZERO,
        modified_at: Timestamp::ZERO,
        sends_paused: false,
        receives_paused: false,
    };
    let object = serde_json::to_value(QueueObject::new(&queue)).expect("JSON");
    let shown = ["fifo", "dead_letter_queue", "max_receives", "allow_dead_letters_of"]
        .into_iter()
        .chain(["retry_backoff", "tags"])
        .map(|name| format!("{name}: {}", object[name]));
    expect![[r#"
        fifo: true
        dead_letter_queue: "dead.fifo"
        max_receives: 3
        allow_dead_letters_of: ["a.fifo"]
        retry_backoff: {"first_ms":1000,"kind":"exponential","max_ms":300000}
        tags: {"team":"billing"}"#]]
    .assert_eq(&shown.collect::<Vec<_>>().join("\n"));
}

#[test]
fn a_message_that_was_looked_at_has_its_state() {
    let queue = QueueName::parse("jobs").expect("a name");
    let at = Timestamp::from_millis(1_700_000_000_000);
    let peeked = |state, body: Option<&'static [u8]>| Peeked {
        message_id: "id".into(),
        state,
        body: body.map(Into::into),
        body_bytes: 5,
        attributes: Vec::new(),
        sent_at: at,
        first_received_at: None,
        receive_count: 0,
        group: None,
        deduplication_id: Some("d1".into()),
        sequence_number: 17,
        priority: 9,
        trace_header: None,
        dead_letter_source: None,
    };
    let leased = peeked(MessageState::InFlight { until: at }, Some(b"hello"));
    expect![[r#"
        {
          "message_id": "id",
          "queue": "jobs",
          "state": "in_flight",
          "ready_at": "2023-11-14T22:13:20.000Z",
          "body": "hello",
          "body_bytes": 5,
          "attributes": {},
          "receive_count": 0,
          "sent_at": "2023-11-14T22:13:20.000Z",
          "first_received_at": null,
          "sequence_number": 17,
          "priority": 9,
          "group": null,
          "deduplication_id": "d1",
          "trace_header": null,
          "dead_letter_source": null
        }"#]]
    .assert_eq(&json(&PeekedObject::new(&queue, &leased)));
    let value = |message| serde_json::to_value(PeekedObject::new(&queue, message)).expect("JSON");
    let (binary, without) =
        (peeked(MessageState::Ready, Some(b"\xff")), peeked(MessageState::Ready, None));
    assert_eq!(value(&binary)["body_base64"], "/w==");
    assert!(value(&without).get("body").is_none());
    assert!(value(&without).get("body_base64").is_none());
    assert!(value(&without)["ready_at"].is_null());
}

#[test]
fn a_move_task_has_its_filter_and_its_failure() {
    let name = |text| QueueName::parse(text).expect("a name");
    let (attribute, data_type) = ("color".into(), "String".into());
    let value = AttributeValue::Text("red".into());
    let filter = MoveFilter {
        group: None,
        age_min: Some(Millis::from_secs(3600)),
        attribute: Some(Attribute { name: attribute, data_type, value }),
    };
    let task = MoveTaskView {
        id: TaskId::new(3),
        spec: MoveSpec { source: name("dead"), target: None, rate_max: Some(50), filter },
        started_at: Timestamp::from_millis(1_700_000_000_000),
        moved_count: 5,
        to_move_count: 12,
        cancelling: false,
        outcome: Some(MoveOutcome::Failed { reason: "no target".into() }),
    };
    expect![[r#"
        {
          "task_id": 3,
          "source": "dead",
          "target": null,
          "state": "failed",
          "failure": "no target",
          "moved_count": 5,
          "to_move_count": 12,
          "rate": 50,
          "group": null,
          "min_age_ms": 3600000,
          "attribute": {
            "name": "color",
            "data_type": "String",
            "value": "red"
          },
          "started_at": "2023-11-14T22:13:20.000Z"
        }"#]]
    .assert_eq(&json(&MoveObject::new(&task)));
}

#[test]
fn steps_tell_what_each_did() {
    let sent = Sent { message_id: "id".into(), sequence_number: 17, is_duplicate: true };
    let line = |object: &StepObject<'_>| serde_json::to_string(object).expect("JSON");
    let lines = [
        line(&StepObject::sent(0, SentObject::new(&sent, None))),
        line(&StepObject::deleted(1)),
        line(&StepObject::changed(2, Timestamp::from_millis(1_700_000_000_000))),
    ];
    expect![[r#"
        {"step":0,
          "outcome":"sent",
          "message_id":"id",
          "sequence_number":17,
          "duplicate":true}
        {"step":1,
          "outcome":"deleted"}
        {"step":2,
          "outcome":"visibility_changed",
          "lease_expires_at":"2023-11-14T22:13:20.000Z"}"#]]
    .assert_eq(&lines.join("\n").replace(",\"", ",\n  \""));
}

#[test]
fn small_results_are_small() {
    let sent = Sent { message_id: "id".into(), sequence_number: 17, is_duplicate: false };
    expect![[r#"
        {
          "message_id": "id",
          "sequence_number": 17,
          "duplicate": false
        }"#]]
    .assert_eq(&json(&SentObject::new(&sent, None)));
    expect![[r#"
        {
          "message_id": "id",
          "sequence_number": 17,
          "duplicate": false,
          "line": 7
        }"#]]
    .assert_eq(&json(&SentObject::new(&sent, Some(7))));
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
