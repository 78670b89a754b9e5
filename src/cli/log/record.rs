//! Records as people and programs read them.

use serde::{Serialize, Serializer};
use serde_json::Value as Json;

use super::super::output::rfc3339;
use crate::types::{Millis, QueueSettings, Record, Timestamp};

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
        Record::MessageSent { queue, seq, ready_at, size } => {
            let size = ("size", Value::Bytes(u64::from(*size)));
            let fields =
                vec![queue_id(queue), seq_of(seq), size, ("ready_at", Value::At(*ready_at))];
            ("MessageSent", fields)
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
