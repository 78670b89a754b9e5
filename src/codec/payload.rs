//! A message's payload: the head, which holds the attributes, then the body.
//!
//! ```text
//! head   u32 length of the head, itself counted
//!        u8  version: 1
//!        u8  count of attributes
//!        each: u16 length, name; u16 length, data type; u8 kind (1 text, 2 binary);
//!              u32 length, value
//! body   the rest
//! ```

use bytes::{BufMut, Bytes, BytesMut};

use super::reader::{DecodeError, Reader};
use crate::types::{Attribute, AttributeValue};

const VERSION: u8 = 1;
const HEAD_BYTES_MIN: usize = 6;
const TEXT: u8 = 1;
const BINARY: u8 = 2;
/// The head of a message without attributes, which is most of them.
const EMPTY_HEAD: [u8; HEAD_BYTES_MIN] = [6, 0, 0, 0, VERSION, 0];

/// The head for these attributes.
///
/// # Panics
///
/// If a count or length is beyond the limits that requests are held to.
pub fn encode_head(attributes: &[Attribute]) -> Bytes {
    if attributes.is_empty() {
        return Bytes::from_static(&EMPTY_HEAD);
    }
    let mut head = BytesMut::new();
    head.put_u32_le(0);
    head.put_u8(VERSION);
    head.put_u8(u8::try_from(attributes.len()).expect("attributes are at most 10"));
    for attribute in attributes {
        put_text(&mut head, &attribute.name);
        put_text(&mut head, &attribute.data_type);
        let (kind, value) = match &attribute.value {
            AttributeValue::Text(text) => (TEXT, text.as_bytes()),
            AttributeValue::Binary(bytes) => (BINARY, &bytes[..]),
        };
        head.put_u8(kind);
        head.put_u32_le(u32::try_from(value.len()).expect("a value is smaller than its message"));
        head.put_slice(value);
    }
    let length = u32::try_from(head.len()).expect("a head is smaller than its message");
    head[..4].copy_from_slice(&length.to_le_bytes());
    head.freeze()
}

fn put_text(head: &mut BytesMut, text: &str) {
    head.put_u16_le(
        u16::try_from(text.len()).expect("names and types have at most 256 characters"),
    );
    head.put_slice(text.as_bytes());
}

/// Attributes and body of a stored payload.
pub fn decode_payload(payload: &Bytes) -> Result<(Vec<Attribute>, Bytes), DecodeError> {
    let length = Reader::new(payload).u32("the head's length")? as usize;
    if length < HEAD_BYTES_MIN || length > payload.len() {
        return Err(DecodeError::Invalid { offset: 0, what: "the head's length" });
    }
    let head = payload.slice(..length);
    Ok((decode_head(&head)?, payload.slice(length..)))
}

fn decode_head(head: &Bytes) -> Result<Vec<Attribute>, DecodeError> {
    let mut reader = Reader::new(head);
    reader.u32("the head's length")?;
    let version = reader.u8("the head's version")?;
    if version != VERSION {
        let value = u64::from(version);
        return Err(DecodeError::Unknown { offset: 4, what: "the head's version", value });
    }
    let count = reader.u8("the count of attributes")?;
    let mut attributes = Vec::with_capacity(usize::from(count));
    for _ in 0..count {
        let name = reader.text("an attribute's name")?.to_owned();
        let data_type = reader.text("an attribute's type")?.to_owned();
        let kind = reader.u8("an attribute's kind")?;
        let length = reader.u32("an attribute's value")? as usize;
        let offset = reader.offset();
        let bytes = reader.take(length, "an attribute's value")?;
        let value = match kind {
            TEXT => std::str::from_utf8(bytes)
                .map(|text| AttributeValue::Text(text.to_owned()))
                .map_err(|_| DecodeError::Invalid { offset, what: "an attribute's value" })?,
            BINARY => AttributeValue::Binary(head.slice(offset..offset + length)),
            _ => {
                let value = u64::from(kind);
                return Err(DecodeError::Unknown { offset, what: "an attribute's kind", value });
            }
        };
        attributes.push(Attribute { name, data_type, value });
    }
    reader.finish()?;
    Ok(attributes)
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    fn payload(attributes: &[Attribute], body: &[u8]) -> Bytes {
        let mut bytes = BytesMut::from(&encode_head(attributes)[..]);
        bytes.put_slice(body);
        bytes.freeze()
    }

    fn attribute() -> impl Strategy<Value = Attribute> {
        let value = prop_oneof![
            "[a-z]{1,20}".prop_map(AttributeValue::Text),
            vec(any::<u8>(), 1..20).prop_map(|bytes| AttributeValue::Binary(bytes.into())),
        ];
        ("[a-zA-Z0-9_.-]{1,256}", "(String|Number|Binary)(\\.[a-z]{1,9})?", value)
            .prop_map(|(name, data_type, value)| Attribute { name, data_type, value })
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded(
            attributes in vec(attribute(), 0..=10),
            body in vec(any::<u8>(), 0..100),
        ) {
            let decoded = decode_payload(&payload(&attributes, &body));
            let decoded = decoded.expect("it was just encoded");
            prop_assert_eq!(decoded, (attributes, Bytes::from(body)));
        }

        #[test]
        fn any_bytes_decode_or_say_why(bytes in vec(any::<u8>(), 0..200)) {
            let _ = decode_payload(&bytes.into());
        }
    }

    #[test]
    fn a_head_that_claims_more_than_there_is_is_refused() {
        for length in [0_u32, 5, 7, u32::MAX] {
            let mut bytes = payload(&[], b"").to_vec();
            bytes[..4].copy_from_slice(&length.to_le_bytes());
            assert!(decode_payload(&bytes.into()).is_err(), "{length}");
        }
    }
}
