//! The broker's words in the words of the proto files.

use bytes::Bytes;

use crate::{
    proto::v1,
    types::{Attribute, AttributeValue, Millis, Timestamp},
};

const MILLIS_PER_SECOND: u64 = 1000;
const NANOS_PER_MILLI: i32 = 1_000_000;
const MICROS_PER_SECOND: u64 = 1_000_000;
const NANOS_PER_MICRO: i32 = 1000;

/// A duration; beyond the end of what the type can say, its end.
pub(super) fn duration(millis: Millis) -> prost_types::Duration {
    let (seconds, nanos) = split(millis.get());
    prost_types::Duration { seconds, nanos }
}

/// A duration of microseconds; beyond the end of what the type can say, its end.
pub(super) fn duration_us(micros: u64) -> prost_types::Duration {
    let seconds = i64::try_from(micros / MICROS_PER_SECOND).unwrap_or(i64::MAX);
    let rest = i32::try_from(micros % MICROS_PER_SECOND).unwrap_or(0);
    prost_types::Duration { seconds, nanos: rest * NANOS_PER_MICRO }
}

/// An instant; beyond the end of what the type can say, its end.
pub(super) fn timestamp(at: Timestamp) -> prost_types::Timestamp {
    let (seconds, nanos) = split(at.as_millis());
    prost_types::Timestamp { seconds, nanos }
}

fn split(millis: u64) -> (i64, i32) {
    let seconds = i64::try_from(millis / MILLIS_PER_SECOND).unwrap_or(i64::MAX);
    let rest = i32::try_from(millis % MILLIS_PER_SECOND).unwrap_or(0);
    (seconds, rest * NANOS_PER_MILLI)
}

/// An attribute, as an entry of the map of attributes.
pub(super) fn attribute(attribute: Attribute) -> (String, v1::AttributeValue) {
    let value = match attribute.value {
        AttributeValue::Text(text) => v1::attribute_value::Value::Text(text),
        AttributeValue::Binary(bytes) => v1::attribute_value::Value::Binary(bytes),
    };
    let data_type = attribute.data_type;
    (attribute.name, v1::AttributeValue { data_type, value: Some(value) })
}

/// The attribute of a map's entry. A value that is not set becomes an empty one, which the rules of
/// attributes refuse.
pub(super) fn from_attribute(name: String, given: v1::AttributeValue) -> Attribute {
    let v1::AttributeValue { data_type, value } = given;
    let value = match value {
        Some(v1::attribute_value::Value::Text(text)) => AttributeValue::Text(text),
        Some(v1::attribute_value::Value::Binary(bytes)) => AttributeValue::Binary(bytes),
        None if data_type.starts_with("Binary") => AttributeValue::Binary(Bytes::new()),
        None => AttributeValue::Text(String::new()),
    };
    Attribute { name, data_type, value }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_split_into_seconds_and_nanoseconds() {
        let cases = [
            (0, 0, 0),
            (1, 0, 1_000_000),
            (999, 0, 999_000_000),
            (1500, 1, 500_000_000),
            (u64::MAX, 18_446_744_073_709_551, 615_000_000),
        ];
        for (millis, seconds, nanos) in cases {
            let duration = duration(Millis::new(millis));
            assert_eq!((duration.seconds, duration.nanos), (seconds, nanos));
            let timestamp = timestamp(Timestamp::from_millis(millis));
            assert_eq!((timestamp.seconds, timestamp.nanos), (seconds, nanos));
        }
    }

    #[test]
    fn an_attribute_comes_back_as_it_was_given() {
        for value in [AttributeValue::Text("x".into()), AttributeValue::Binary(Bytes::from("y"))] {
            let given = Attribute { name: "a".into(), data_type: "any".into(), value };
            let (name, value) = attribute(given.clone());
            assert_eq!(from_attribute(name, value), given);
        }
    }
}
