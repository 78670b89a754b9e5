//! What a message carries beside its body, and the bytes of both.

use bytes::Bytes;

use super::{
    GroupId, Rejection, Unit, in_range,
    limits::{ATTRIBUTE_NAME_CHARS_MAX, ATTRIBUTES_MAX},
};

/// One attribute of a message: a name, a data type and a value, stored and returned as given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute {
    /// The name: at most 256 of `[A-Za-z0-9_.-]`.
    pub name: String,
    /// `String`, `Number` or `Binary`, with an optional `.label`.
    pub data_type: String,
    /// The value, never empty.
    pub value: AttributeValue,
}

/// The value of an [`Attribute`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AttributeValue {
    /// Of `String` and `Number` types.
    Text(String),
    /// Of `Binary` types.
    Binary(Bytes),
}

impl Attribute {
    /// What the attribute adds to its message's size: name, type and value, in bytes.
    pub fn bytes(&self) -> u64 {
        let value = match &self.value {
            AttributeValue::Text(text) => text.len(),
            AttributeValue::Binary(bytes) => bytes.len(),
        };
        (self.name.len() + self.data_type.len() + value) as u64
    }

    /// Refuses what breaks the rules of names, types and values. The fields that a refusal names
    /// are `attributes` for the name, and `data_type` and `value`.
    pub fn check(&self) -> Result<(), Rejection> {
        check_name(&self.name)?;
        let binary = is_binary(&self.data_type)?;
        let (empty, fits) = match &self.value {
            AttributeValue::Text(text) => (text.is_empty(), !binary),
            AttributeValue::Binary(bytes) => (bytes.is_empty(), binary),
        };
        if !fits {
            let problem = "String and Number need a text value, Binary needs a binary one";
            return Err(Rejection::malformed("data_type", &self.data_type, problem));
        }
        if empty {
            let needed = "an attribute's value has 1 byte at least";
            return Err(Rejection::Missing { field: "value", needed });
        }
        Ok(())
    }
}

/// Refuses more attributes than a message has.
pub fn check_attribute_count(count: usize) -> Result<(), Rejection> {
    in_range("attributes", count as u64, 0, ATTRIBUTES_MAX as u64, Unit::Count)
}

fn check_name(name: &str) -> Result<(), Rejection> {
    let refused = |problem: &str| Err(Rejection::malformed("attributes", name, problem));
    let reserved = |prefix: &str| {
        name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
    };
    if name.is_empty() || name.chars().count() > ATTRIBUTE_NAME_CHARS_MAX {
        let max = ATTRIBUTE_NAME_CHARS_MAX;
        return refused(&format!("an attribute's name has 1 to {max} characters"));
    }
    if !name.chars().all(is_name_char) {
        return refused("an attribute's name has letters, digits, '_', '-' and '.'");
    }
    if name.starts_with('.') || name.ends_with('.') || name.contains("..") {
        return refused("an attribute's name has no dot at its ends and no two in a row");
    }
    if reserved("AWS.") || reserved("Amazon.") {
        return refused("names that begin with AWS. or Amazon. are reserved");
    }
    Ok(())
}

/// Whether a data type is `Binary`, with or without a label, rather than `String` or `Number`.
fn is_binary(data_type: &str) -> Result<bool, Rejection> {
    let refused = |problem: &str| Err(Rejection::malformed("data_type", data_type, problem));
    if data_type.is_empty() {
        let needed = "String, Number or Binary, with a .label or without";
        return Err(Rejection::Missing { field: "data_type", needed });
    }
    if data_type.chars().count() > ATTRIBUTE_NAME_CHARS_MAX {
        return refused(&format!("a data type has at most {ATTRIBUTE_NAME_CHARS_MAX} characters"));
    }
    let (base, label) = match data_type.split_once('.') {
        Some((base, label)) => (base, Some(label)),
        None => (data_type, None),
    };
    if label.is_some_and(|label| label.is_empty() || !label.chars().all(is_name_char)) {
        return refused("the label after the dot has letters, digits, '_', '-' and '.'");
    }
    match base {
        "String" | "Number" => Ok(false),
        "Binary" => Ok(true),
        _ => refused("a data type is String, Number or Binary, with a .label or without"),
    }
}

fn is_name_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.')
}

/// What a message carries beside its body, apart from what the state knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Envelope {
    /// The attributes.
    pub attributes: Vec<Attribute>,
    /// The group it was sent with.
    pub group: Option<GroupId>,
    /// The deduplication id it was sent with, or the digest of its body in its place.
    pub deduplication_id: Option<String>,
    /// The trace header it was sent with.
    pub trace_header: Option<String>,
    /// Who sent it, as the broker knew him.
    pub sender: Option<String>,
}

/// The bytes of one message as they lie in the log: attributes, then body, under one checksum.
///
/// Made at the edge, so that neither the owner nor the log writer touches the bytes again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Payload {
    /// The encoded attributes; never empty, since it says its own length.
    pub head: Bytes,
    /// The body, as the client sent it.
    pub body: Bytes,
    /// CRC-32 (IEEE) of head and body.
    pub crc: u32,
    /// Size by which limits are measured: body and attributes, in bytes.
    pub size: u64,
}

impl Payload {
    /// Bodies of so many bytes or fewer lie in a buffer of their own, or of bodies for the most
    /// part; larger ones can be a slice of any buffer in which they came.
    pub const COPIED_BYTES_MAX: usize = 4096;

    /// Length in the log, in bytes.
    pub fn stored_bytes(&self) -> u64 {
        (self.head.len() + self.body.len()) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(name: &str, data_type: &str, value: &str) -> Attribute {
        let value = AttributeValue::Text(value.into());
        Attribute { name: name.into(), data_type: data_type.into(), value }
    }

    fn binary(data_type: &str, value: &'static [u8]) -> Attribute {
        let value = AttributeValue::Binary(value.into());
        Attribute { name: "b".into(), data_type: data_type.into(), value }
    }

    #[test]
    fn attributes_within_the_rules_are_taken() {
        let longest = "n".repeat(256);
        let taken = [
            text("a", "String", "x"),
            text(&longest, "Number.float", "not looked into"),
            text("A_b-c.d", &format!("String.{}", "l".repeat(249)), "\u{1f980}"),
            text("AWS", "String.a.b", "x"),
            text("Amazonas", "Number", "1"),
            binary("Binary", b"\0"),
            binary("Binary.png", b"\xff"),
        ];
        for attribute in taken {
            assert_eq!(attribute.check(), Ok(()), "{attribute:?}");
        }
    }

    #[test]
    fn attributes_beyond_the_rules_are_refused_by_the_field_that_is_wrong() {
        let (long, longest) = ("n".repeat(257), "n".repeat(1 << 20));
        let mut cases = Vec::new();
        let names =
            ["", ".a", "a.", "a..b", "a b", "\u{e4}", "aws.x", "AMAZON.x", "AWS.", &long, &longest];
        cases.extend(names.map(|name| (text(name, "String", "x"), "attributes")));
        let long_type = format!("String.{}", "l".repeat(250));
        let types = ["", "string", "Text", "String.", "String. ", ".x", "Binary", &long_type];
        cases.extend(types.map(|data_type| (text("a", data_type, "x"), "data_type")));
        cases.push((binary("String", b"x"), "data_type"));
        cases.push((binary("Binary", b""), "value"));
        cases.push((text("a", "Number.x", ""), "value"));
        for (attribute, wrong) in cases {
            match attribute.check() {
                Err(Rejection::Malformed { field, value, .. }) => {
                    assert_eq!(field, wrong);
                    assert!(value.chars().count() <= 64);
                }
                Err(Rejection::Missing { field, .. }) => assert_eq!(field, wrong),
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn a_message_has_ten_attributes_at_most() {
        assert_eq!(check_attribute_count(10), Ok(()));
        for count in [11, usize::MAX] {
            assert!(check_attribute_count(count).is_err(), "{count}");
        }
    }
}
