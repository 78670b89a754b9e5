//! Records as people and programs read them.

use serde::{Serialize, Serializer};
use serde_json::Value as Json;

use super::super::output::rfc3339;
use crate::types::{
    Digest, Millis, QueueSettings, Record, Sending, TaskId, Timestamp, limits::PRIORITY_DEFAULT,
};

/// A field's value, with its kind: that gives its unit.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Value {
    Number(u64),
    Text(String),
    At(Timestamp),
    Lasts(Millis),
    Bytes(u64),
}

/// A JSON object whose fields keep their order.
pub(super) struct Object(pub(super) Vec<(String, Json)>);

/// A record's name and its fields.
pub(super) struct Described {
    pub(super) name: &'static str,
    fields: Vec<(&'static str, Value)>,
}

fn sending_fields(sending: &Sending) -> Vec<(&'static str, Value)> {
    let mut fields = vec![
        ("queue_id", Value::Number(sending.queue.get())),
        ("seq", Value::Number(sending.seq.get())),
        ("size", Value::Bytes(u64::from(sending.size))),
        ("ready_at", Value::At(sending.ready_at)),
    ];
    fields.extend(sending.expires_at.map(|at| ("expires_at", Value::At(at))));
    if sending.priority != PRIORITY_DEFAULT {
        fields.push(("priority", Value::Number(u64::from(sending.priority))));
    }
    fields.extend(sending.group.iter().map(|id| ("group", Value::Text(id.to_string()))));
    let digest = |Digest(digest)| ("deduplication", Value::Text(format!("{digest:032x}")));
    fields.extend(sending.deduplication.map(digest));
    fields
}

fn attempt_of(Digest(digest): &Digest) -> (&'static str, Value) {
    ("attempt", Value::Text(format!("{digest:032x}")))
}

fn task_of(task: &TaskId) -> (&'static str, Value) {
    ("task", Value::Number(task.get()))
}

/// What a record says.
pub(super) fn describe(record: &Record) -> Described {
    let queue_id = |queue: &crate::types::QueueId| ("queue_id", Value::Number(queue.get()));
    let seq_of = |seq: &crate::types::Seq| ("seq", Value::Number(seq.get()));
    let (name, fields) = match record {
        Record::Tick => ("Tick", Vec::new()),
        Record::RetentionHeld => ("RetentionHeld", Vec::new()),
        Record::RetentionReleased => ("RetentionReleased", Vec::new()),
        Record::QueueCreated { queue, name, settings } => {
            let mut fields = vec![queue_id(queue), ("queue", Value::Text(name.to_string()))];
            fields.extend(settings_fields(settings));
            ("QueueCreated", fields)
        }
        Record::QueueUpdated { queue, settings } => {
            let mut fields = vec![queue_id(queue)];
            fields.extend(settings_fields(settings));
            ("QueueUpdated", fields)
        }
        Record::QueueDeleted { queue } => ("QueueDeleted", vec![queue_id(queue)]),
        Record::QueuePurged { queue, seq_bound } => {
            let bound = ("seq_bound", Value::Number(seq_bound.get()));
            ("QueuePurged", vec![queue_id(queue), bound])
        }
        Record::MessageSent(sending) => ("MessageSent", sending_fields(sending)),
        Record::QueuePaused { queue, sends, receives } => {
            let paused = |name, is: &bool| (name, Value::Text(is.to_string()));
            let fields =
                vec![queue_id(queue), paused("sends", sends), paused("receives", receives)];
            ("QueuePaused", fields)
        }
        Record::MessageMoved { queue, seq, target } => {
            let target = ("target_queue_id", Value::Number(target.get()));
            ("MessageMoved", vec![queue_id(queue), seq_of(seq), target])
        }
        Record::AttemptMade { queue, attempt, nonce, seqs } => {
            let nonce = ("nonce", Value::Text(format!("{:016x}", nonce.get())));
            let count = ("messages", Value::Number(seqs.len() as u64));
            ("AttemptMade", vec![queue_id(queue), attempt_of(attempt), nonce, count])
        }
        Record::AttemptRepeated { queue, attempt, until } => {
            let until = ("until", Value::At(*until));
            ("AttemptRepeated", vec![queue_id(queue), attempt_of(attempt), until])
        }
        Record::Transacted { records } => {
            ("Transacted", vec![("records", Value::Number(records.len() as u64))])
        }
        Record::MoveStarted { task, source, target, .. } => {
            let source = ("source_queue_id", Value::Number(source.get()));
            let target = target.map(|to| ("target_queue_id", Value::Number(to.get())));
            let fields = [task_of(task), source].into_iter().chain(target).collect();
            ("MoveStarted", fields)
        }
        Record::MessageRedriven { task, seq, sending } => {
            let from = ("from_seq", Value::Number(seq.get()));
            let fields = [task_of(task), from].into_iter().chain(sending_fields(sending));
            ("MessageRedriven", fields.collect())
        }
        Record::MoveCancelling { task } => ("MoveCancelling", vec![task_of(task)]),
        Record::MoveEnded { task, outcome } => {
            let outcome = ("outcome", Value::Text(format!("{outcome:?}")));
            ("MoveEnded", vec![task_of(task), outcome])
        }
        Record::MessageLeased { queue, seq, nonce, until } => {
            // As text: programs that read numbers as floats would round it.
            let nonce = ("nonce", Value::Text(format!("{:016x}", nonce.get())));
            let fields = vec![queue_id(queue), seq_of(seq), nonce, ("until", Value::At(*until))];
            ("MessageLeased", fields)
        }
        Record::VisibilityChanged { queue, seq, until } => {
            ("VisibilityChanged", vec![queue_id(queue), seq_of(seq), ("until", Value::At(*until))])
        }
        Record::LeaseReturned { queue, seq } => {
            ("LeaseReturned", vec![queue_id(queue), seq_of(seq)])
        }
        Record::MessageDeleted { queue, seq } => {
            ("MessageDeleted", vec![queue_id(queue), seq_of(seq)])
        }
    };
    Described { name, fields }
}

fn settings_fields(settings: &QueueSettings) -> [(&'static str, Value); 5] {
    [
        ("visibility_timeout", Value::Lasts(settings.visibility_timeout)),
        ("delay", Value::Lasts(settings.delay)),
        ("retention", Value::Lasts(settings.retention)),
        ("receive_wait", Value::Lasts(settings.receive_wait)),
        ("max_message", Value::Bytes(settings.message_bytes_max)),
    ]
}

impl Serialize for Object {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

impl Described {
    /// `queue_id=1 seq=5 size=1024 ready_at=...`
    pub(super) fn text(&self) -> String {
        let words = self.fields.iter().map(|(name, value)| match value {
            Value::Number(number) | Value::Bytes(number) => format!("{name}={number}"),
            Value::Text(text) => format!("{name}={text}"),
            Value::At(time) => format!("{name}={}", rfc3339(*time)),
            Value::Lasts(millis) => format!("{name}={millis}"),
        });
        words.collect::<Vec<_>>().join(" ")
    }

    /// The fields of an object, their units at the end of their names.
    pub(super) fn json(&self) -> Vec<(String, Json)> {
        let pairs = self.fields.iter().map(|(name, value)| match value {
            Value::Number(number) => ((*name).to_owned(), (*number).into()),
            Value::Text(text) => ((*name).to_owned(), text.clone().into()),
            Value::At(time) => ((*name).to_owned(), rfc3339(*time).into()),
            Value::Lasts(millis) => (format!("{name}_ms"), millis.get().into()),
            Value::Bytes(bytes) => (format!("{name}_bytes"), (*bytes).into()),
        });
        pairs.collect()
    }
}
