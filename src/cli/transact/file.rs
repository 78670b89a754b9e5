//! The file of steps: what it may hold, and how a mistake in it is told.

use std::{collections::BTreeMap, fmt, io::Read, path::Path};

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use serde::{
    Deserialize, Deserializer,
    de::{self, MapAccess, Visitor, value::MapAccessDeserializer},
};

use super::super::{
    Exit, Failure,
    send::{cannot_read, name as name_of},
    values::{At, parse_group},
};
use crate::{
    client::{Outgoing, Step},
    config::Span,
    types::{Attribute, AttributeValue, Delay, GroupId, QueueName, check_attribute_count, limits},
};

/// Longest file: the bytes that one transact can carry, in base64, and as much again for the rest.
const FILE_BYTES_MAX: u64 = 4 * limits::REQUEST_BYTES_MAX;

/// One step as it is written.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Written {
    Send(WrittenSend),
    Delete(WrittenDelete),
    ChangeVisibility(WrittenChange),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenSend {
    #[serde(deserialize_with = "queue")]
    queue: QueueName,
    body: Option<String>,
    body_base64: Option<Base64>,
    #[serde(default)]
    attributes: BTreeMap<String, WrittenAttribute>,
    delay: Option<Span>,
    at: Option<Instant>,
    ttl: Option<Span>,
    priority: Option<u8>,
    group: Option<Group>,
    deduplication_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenDelete {
    #[serde(deserialize_with = "queue")]
    queue: QueueName,
    receipt_handle: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenChange {
    #[serde(deserialize_with = "queue")]
    queue: QueueName,
    receipt_handle: String,
    visibility_timeout: Span,
}

/// A text, or type and value.
struct WrittenAttribute {
    data_type: String,
    value: AttributeValue,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AttributeParts {
    data_type: String,
    value: Option<String>,
    value_base64: Option<Base64>,
}

struct Base64(Bytes);

struct Instant(At);

struct Group(GroupId);

/// Reads the steps; a mistake is told with its place.
pub(super) fn read(source: impl Read, path: &Path) -> Result<Vec<Step>, Failure> {
    let mut text = Vec::new();
    source
        .take(FILE_BYTES_MAX + 1)
        .read_to_end(&mut text)
        .map_err(|error| cannot_read(path, &error))?;
    let refused =
        |problem: String| Failure::new(Exit::Refused, format!("{}: {problem}", name_of(path)));
    if text.len() as u64 > FILE_BYTES_MAX {
        return Err(refused(format!("it has more than {FILE_BYTES_MAX} bytes")));
    }
    parse(&text).map_err(refused)
}

fn parse(text: &[u8]) -> Result<Vec<Step>, String> {
    let count_max = limits::TRANSACT_STEPS_MAX;
    if text.trim_ascii().is_empty() {
        return Err(format!("it is empty; it needs an array of 1 to {count_max} steps"));
    }
    let mut json = serde_json::Deserializer::from_slice(text);
    let written: Vec<Written> = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = error.path().to_string();
        let path = if path == "." { String::new() } else { format!("steps{path}: ") };
        told(&path, &error.into_inner())
    })?;
    json.end().map_err(|error| told("", &error))?;
    let count = written.len();
    if count == 0 || count > count_max {
        return Err(format!("it has {count} steps; a transact has 1 to {count_max}"));
    }
    let steps = written.into_iter().enumerate().map(|(index, written)| match written {
        Written::Send(send) => {
            send.step().map_err(|problem| format!("steps[{index}].send: {problem}"))
        }
        Written::Delete(WrittenDelete { queue, receipt_handle }) => {
            Ok(Step::Delete { queue, receipt_handle })
        }
        Written::ChangeVisibility(change) => {
            let WrittenChange { queue, receipt_handle, visibility_timeout: Span(timeout) } = change;
            Ok(Step::ChangeVisibility { queue, receipt_handle, timeout })
        }
    });
    steps.collect()
}

/// A mistake, its place in front.
fn told(path: &str, error: &serde_json::Error) -> String {
    let (text, line, column) = (error.to_string(), error.line(), error.column());
    let problem = text.trim_end_matches(&format!(" at line {line} column {column}"));
    format!("line {line}, column {column}: {path}{problem}")
}

impl WrittenSend {
    fn step(self) -> Result<Step, String> {
        let body = match (self.body, self.body_base64) {
            (Some(body), None) => Bytes::from(body),
            (None, Some(Base64(body))) => body,
            (None, None) => return Err("it has no body; give body or body_base64".into()),
            (Some(_), Some(_)) => return Err("give body or body_base64, not both".into()),
        };
        let delay = match (self.delay, self.at) {
            (Some(_), Some(_)) => return Err("give delay or at, not both".into()),
            (Some(Span(delay)), None) => Some(Delay::For(delay)),
            (None, Some(Instant(At(at)))) => Some(Delay::Until(at)),
            (None, None) => None,
        };
        check_attribute_count(self.attributes.len()).map_err(|error| error.to_string())?;
        let attributes = self.attributes.into_iter().map(|(name, written)| Attribute {
            name,
            data_type: written.data_type,
            value: written.value,
        });
        let message = Outgoing {
            body,
            attributes: attributes.collect(),
            delay,
            time_to_live: self.ttl.map(|Span(millis)| millis),
            priority: self.priority,
            group: self.group.map(|Group(group)| group),
            deduplication_id: self.deduplication_id,
            trace_header: None,
        };
        Ok(Step::Send { queue: self.queue, message: Box::new(message) })
    }
}

fn queue<'de, D: Deserializer<'de>>(deserializer: D) -> Result<QueueName, D::Error> {
    let text = String::deserialize(deserializer)?;
    QueueName::parse(&text).map_err(de::Error::custom)
}

impl<'de> Deserialize<'de> for Base64 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let decoded = BASE64_STANDARD.decode(&text);
        let bad = |error| de::Error::custom(format!("it is not base64: {error}"));
        decoded.map(|bytes| Self(bytes.into())).map_err(bad)
    }
}

impl<'de> Deserialize<'de> for Instant {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map(Self).map_err(de::Error::custom)
    }
}

impl<'de> Deserialize<'de> for Group {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        parse_group(&text).map(Self).map_err(de::Error::custom)
    }
}

impl<'de> Deserialize<'de> for WrittenAttribute {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextOrParts)
    }
}

struct TextOrParts;

impl<'de> Visitor<'de> for TextOrParts {
    type Value = WrittenAttribute;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text, or an object of data_type and value or value_base64")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<WrittenAttribute, E> {
        let value = AttributeValue::Text(text.to_owned());
        Ok(WrittenAttribute { data_type: "String".into(), value })
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<WrittenAttribute, A::Error> {
        let parts = AttributeParts::deserialize(MapAccessDeserializer::new(map))?;
        let value = match (parts.value, parts.value_base64) {
            (Some(text), None) => AttributeValue::Text(text),
            (None, Some(Base64(bytes))) => AttributeValue::Binary(bytes),
            (None, None) | (Some(_), Some(_)) => {
                return Err(de::Error::custom("give value or value_base64, one of them"));
            }
        };
        Ok(WrittenAttribute { data_type: parts.data_type, value })
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;
    use crate::types::{Millis, Timestamp};

    fn name(text: &str) -> QueueName {
        QueueName::parse(text).expect("a name")
    }

    #[track_caller]
    fn refuses(text: &str, expected: &Expect) {
        let told = parse(text.as_bytes()).expect_err("a file that is refused");
        // One line for users; cut here to the width of this file.
        expected.assert_eq(&told.replace(": ", ":\n").replace(", expected", ",\nexpected"));
    }

    #[test]
    fn every_field_of_every_step_is_read() {
        let text = r#"[
            {"delete": {"queue": "jobs", "receipt_handle": "AQ"}},
            {"send": {"queue": "results", "body": "done", "delay": "5s", "ttl": "1h",
                "priority": 7, "group": "g1", "deduplication_id": "d1",
                "attributes": {"kind": "invoice",
                    "n": {"data_type": "Number", "value": "5"},
                    "b": {"data_type": "Binary", "value_base64": "aGk="}}}},
            {"send": {"queue": "later", "body_base64": "/wA=", "at": "2023-11-14T22:13:20Z"}},
            {"change_visibility":
                {"queue": "jobs", "receipt_handle": "AR", "visibility_timeout": "1m"}}
        ]"#;
        let attribute = |name: &str, data_type: &str, value| Attribute {
            name: name.into(),
            data_type: data_type.into(),
            value,
        };
        let done = Outgoing {
            delay: Some(Delay::For(Millis::from_secs(5))),
            time_to_live: Some(Millis::from_secs(3600)),
            priority: Some(7),
            group: Some(GroupId::parse("group", "g1").expect("an id")),
            deduplication_id: Some("d1".into()),
            attributes: vec![
                attribute("b", "Binary", AttributeValue::Binary("hi".into())),
                attribute("kind", "String", AttributeValue::Text("invoice".into())),
                attribute("n", "Number", AttributeValue::Text("5".into())),
            ],
            ..Outgoing::new("done")
        };
        let at = Timestamp::from_millis(1_700_000_000_000);
        let later = Outgoing { delay: Some(Delay::Until(at)), ..Outgoing::new(&b"\xff\x00"[..]) };
        let expected = [
            Step::Delete { queue: name("jobs"), receipt_handle: "AQ".into() },
            Step::Send { queue: name("results"), message: Box::new(done) },
            Step::Send { queue: name("later"), message: Box::new(later) },
            Step::ChangeVisibility {
                queue: name("jobs"),
                receipt_handle: "AR".into(),
                timeout: Millis::from_secs(60),
            },
        ];
        assert_eq!(parse(text.as_bytes()).expect("all is well"), expected);
    }

    #[test]
    fn a_wrong_type_is_told_with_its_place() {
        refuses(
            r#"[{"send": {"queue": "q", "body": "x", "priority": "high"}}]"#,
            &expect![[r#"
                line 1, column 56:
                steps[0].send.priority:
                invalid type:
                string "high",
                expected u8"#]],
        );
        refuses(
            r#"[{"send": {"queue": "q", "body": 5}}]"#,
            &expect![[r#"
                line 1, column 34:
                steps[0].send.body:
                invalid type:
                integer `5`,
                expected a string"#]],
        );
        refuses(
            r#"{"send": {"queue": "q", "body": "x"}}"#,
            &expect![[r#"
                line 1, column 0:
                invalid type:
                map,
                expected a sequence"#]],
        );
    }

    #[test]
    fn an_unknown_field_is_told_with_those_that_there_are() {
        refuses(
            r#"[{"delete": {"queue": "q", "receipt_handle": "AQ", "mode": 1}}]"#,
            &expect![[r#"
                line 1, column 57:
                steps[0].delete.mode:
                unknown field `mode`,
                expected `queue` or `receipt_handle`"#]],
        );
        refuses(
            r#"[{"receive": {"queue": "q"}}]"#,
            &expect![[r#"
                line 1, column 11:
                steps[0]:
                unknown variant `receive`,
                expected one of `send`, `delete`, `change_visibility`"#]],
        );
        refuses(
            r#"[{"send": {"queue": "q", "body": "x",
                "attributes": {"a": {"data_type": "String", "text": "x"}}}}]"#,
            &expect![[r#"
                line 2, column 66:
                steps[0].send.attributes.a.text:
                unknown field `text`,
                expected one of `data_type`, `value`, `value_base64`"#]],
        );
    }

    #[test]
    fn a_wrong_value_is_told_in_the_words_of_the_command_line() {
        refuses(
            r#"[{"send": {"queue": "a b", "body": "x"}}]"#,
            &expect![[r#"
                line 1, column 25:
                steps[0].send.queue:
                a queue name has letters, digits, '-' and '_' (and '.fifo' at the end of a FIFO queue's), not ' '"#]],
        );
        refuses(
            r#"[{"send": {"queue": "q", "body": "x", "delay": 30}}]"#,
            &expect![[r#"
                line 1, column 49:
                steps[0].send.delay:
                "30" is not a duration; write it like 20ms, 30s, 1h 30m or 4d"#]],
        );
        refuses(
            r#"[{"send": {"queue": "q", "body": "x", "at": "soon"}}]"#,
            &expect![[r#"
                line 1, column 51:
                steps[0].send.at:
                "soon" is not an instant; write it like 2030-01-31T08:00:00Z"#]],
        );
        refuses(
            r#"[{"send": {"queue": "q", "body": "x", "group": ""}}]"#,
            &expect![[r#"
                line 1, column 50:
                steps[0].send.group:
                it has 1 to 128 characters, this one has 0"#]],
        );
        refuses(
            r#"[{"send": {"queue": "q", "body_base64": "?"}}]"#,
            &expect![[r#"
                line 1, column 44:
                steps[0].send.body_base64:
                it is not base64:
                Invalid symbol 63, offset 0."#]],
        );
    }

    #[test]
    fn contradictions_and_what_is_missing_are_told() {
        refuses(
            r#"[{"delete": {"queue": "q"}}]"#,
            &expect![[r#"
                line 1, column 26:
                steps[0].delete:
                missing field `receipt_handle`"#]],
        );
        refuses(
            r#"[{"delete": {"queue": "q", "receipt_handle": "AQ"}}, {"send": {"queue": "q"}}]"#,
            &expect![[r#"
                steps[1].send:
                it has no body; give body or body_base64"#]],
        );
        refuses(
            r#"[{"send": {"queue": "q", "body": "x", "delay": "1s", "at": "2030-01-01T00:00:00Z"}}]"#,
            &expect![[r#"
                steps[0].send:
                give delay or at, not both"#]],
        );
        refuses(
            r#"[{"send": {"queue": "q", "body": "x"}, "delete": {}}]"#,
            &expect![[r#"
                line 1, column 37:
                steps[0]:
                expected value"#]],
        );
    }

    #[test]
    fn what_is_no_json_is_told_with_its_line() {
        refuses("", &expect!["it is empty; it needs an array of 1 to 1000 steps"]);
        refuses(
            "[\n{\"send\" 5}]",
            &expect![[r#"
                line 2, column 9:
                steps[0]:
                expected `:`"#]],
        );
        refuses(
            "[] []",
            &expect![[r#"
            line 1, column 4:
            trailing characters"#]],
        );
    }

    #[test]
    fn there_are_1_to_1000_steps() {
        refuses("[]", &expect!["it has 0 steps; a transact has 1 to 1000"]);
        let step = r#"{"delete": {"queue": "q", "receipt_handle": "AQ"}}"#;
        let steps = |count| format!("[{}]", vec![step; count].join(","));
        assert_eq!(parse(steps(1000).as_bytes()).map(|steps| steps.len()), Ok(1000));
        refuses(&steps(1001), &expect!["it has 1001 steps; a transact has 1 to 1000"]);
    }
}
