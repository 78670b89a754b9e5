//! Records as people and programs read them.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};
use serde_json::Value as Json;

use super::super::output::{printable, rfc3339};
use crate::types::{Millis, Timestamp};

/// A field's value, with its kind: that gives its unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    Number(u64),
    Flag(bool),
    Text(String),
    At(Timestamp),
    Lasts(Millis),
    Bytes(u64),
    Words(BTreeMap<String, String>),
}

/// A named value.
pub(super) type Field = (&'static str, Value);

/// A JSON object whose fields keep their order.
pub(in crate::cli) struct Object(pub(in crate::cli) Vec<(String, Json)>);

/// A record's name and its fields.
pub(super) struct Described {
    pub(super) name: &'static str,
    pub(super) fields: Vec<Field>,
    /// The records that it holds.
    pub(super) within: Vec<Described>,
}

impl Serialize for Object {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

impl Described {
    /// `queue_id=1 seq=5 size=1024 ready_at=...`
    pub(super) fn text(&self) -> String {
        let words = self.fields.iter().map(|(name, value)| format!("{name}={}", value.text()));
        words.collect::<Vec<_>>().join(" ")
    }

    /// The fields of an object, their units at the end of their names. What it holds is in
    /// `records`, each with its name in `record`.
    pub(super) fn json(&self) -> Vec<(String, Json)> {
        let pairs = self.fields.iter().map(|(name, value)| match value {
            Value::Number(number) => ((*name).to_owned(), (*number).into()),
            Value::Flag(is) => ((*name).to_owned(), (*is).into()),
            Value::Text(text) => ((*name).to_owned(), text.clone().into()),
            Value::At(time) => ((*name).to_owned(), rfc3339(*time).into()),
            Value::Lasts(millis) => (format!("{name}_ms"), millis.get().into()),
            Value::Bytes(bytes) => (format!("{name}_bytes"), (*bytes).into()),
            Value::Words(words) => {
                let words = words.iter().map(|(key, value)| (key.clone(), value.clone().into()));
                ((*name).to_owned(), Json::Object(words.collect()))
            }
        });
        let mut fields: Vec<_> = pairs.collect();
        if !self.within.is_empty() {
            let records = self.within.iter().map(|record| {
                let name = ("record".to_owned(), Json::from(record.name));
                Json::Object(std::iter::once(name).chain(record.json()).collect())
            });
            fields.push(("records".to_owned(), Json::Array(records.collect())));
        }
        fields
    }
}

impl Value {
    /// As people read it; what a client chose cannot drive the terminal.
    fn text(&self) -> String {
        match self {
            Self::Number(number) | Self::Bytes(number) => number.to_string(),
            Self::Flag(is) => is.to_string(),
            Self::Text(text) => printable(text),
            Self::At(time) => rfc3339(*time),
            Self::Lasts(millis) => millis.to_string(),
            Self::Words(words) => {
                let pairs = words.iter().map(|(key, value)| format!("{key}={value}"));
                printable(&pairs.collect::<Vec<_>>().join(","))
            }
        }
    }
}
