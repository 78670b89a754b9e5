//! What a message carries beside its body, and the bytes of both.

use bytes::Bytes;

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
    /// Length in the log, in bytes.
    pub fn stored_bytes(&self) -> u64 {
        (self.head.len() + self.body.len()) as u64
    }
}
