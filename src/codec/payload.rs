//! A message's payload: the head, which holds what goes with the body, then the body.
//!
//! ```text
//! head   u32 length of the head, itself counted
//!        u8  version: 1, or 2 if the message has more than attributes
//!        version 2 only: u8 flags (1 group, 2 deduplication id, 4 trace header, 8 sender), then
//!              u16 length and text of each that is there, in this order
//!        u8  count of attributes
//!        each: u16 length, name; u16 length, data type; u8 kind (1 text, 2 binary);
//!              u32 length, value
//! body   the rest
//! ```

use bytes::{BufMut, Bytes, BytesMut};

use super::{
    put,
    reader::{DecodeError, Reader},
};
use crate::types::{Envelope, GroupId};

/// Attributes alone.
const VERSION_1: u8 = 1;
/// What else goes with a message too.
const VERSION_2: u8 = 2;
const HEAD_BYTES_MIN: usize = 6;
/// The head of a message without anything beside its body, which is most of them.
const EMPTY_HEAD: [u8; HEAD_BYTES_MIN] = [6, 0, 0, 0, VERSION_1, 0];

const HAS_GROUP: u8 = 1;
const HAS_DEDUPLICATION_ID: u8 = 2;
const HAS_TRACE_HEADER: u8 = 4;
const HAS_SENDER: u8 = 8;

/// The head for what goes with a message.
///
/// # Panics
///
/// If a count or length is beyond the limits that requests are held to.
pub fn encode_head(envelope: &Envelope) -> Bytes {
    let flags = flags(envelope);
    if envelope.attributes.is_empty() && flags == 0 {
        return Bytes::from_static(&EMPTY_HEAD);
    }
    let mut head = BytesMut::new();
    head.put_u32_le(0);
    if flags == 0 {
        head.put_u8(VERSION_1);
    } else {
        head.put_u8(VERSION_2);
        head.put_u8(flags);
        let group = envelope.group.as_ref().map(GroupId::as_str);
        let others = [&envelope.deduplication_id, &envelope.trace_header, &envelope.sender];
        let texts = std::iter::once(group).chain(others.map(Option::as_deref)).flatten();
        texts.for_each(|text| put::text(&mut head, text));
    }
    let count = envelope.attributes.len();
    head.put_u8(u8::try_from(count).expect("attributes are at most 10"));
    envelope.attributes.iter().for_each(|attribute| put::attribute(&mut head, attribute));
    let length = u32::try_from(head.len()).expect("a head is smaller than its message");
    head[..4].copy_from_slice(&length.to_le_bytes());
    head.freeze()
}

fn flags(envelope: &Envelope) -> u8 {
    let flag = |is_there: bool, flag: u8| if is_there { flag } else { 0 };
    flag(envelope.group.is_some(), HAS_GROUP)
        | flag(envelope.deduplication_id.is_some(), HAS_DEDUPLICATION_ID)
        | flag(envelope.trace_header.is_some(), HAS_TRACE_HEADER)
        | flag(envelope.sender.is_some(), HAS_SENDER)
}

/// What goes with the message, and its body, of a stored payload.
pub fn decode_payload(payload: &Bytes) -> Result<(Envelope, Bytes), DecodeError> {
    let length = Reader::new(payload).u32("the head's length")? as usize;
    if length < HEAD_BYTES_MIN || length > payload.len() {
        return Err(DecodeError::Invalid { offset: 0, what: "the head's length" });
    }
    Ok((decode_head(&payload[..length])?, payload.slice(length..)))
}

fn decode_head(head: &[u8]) -> Result<Envelope, DecodeError> {
    let mut reader = Reader::new(head);
    reader.u32("the head's length")?;
    let mut envelope = match reader.u8("the head's version")? {
        VERSION_1 => Envelope::default(),
        VERSION_2 => take_words(&mut reader)?,
        version => {
            let value = u64::from(version);
            return Err(DecodeError::Unknown { offset: 4, what: "the head's version", value });
        }
    };
    let count = reader.u8("the count of attributes")?;
    let attributes = (0..count).map(|_| reader.attribute());
    envelope.attributes = attributes.collect::<Result<_, _>>()?;
    reader.finish()?;
    Ok(envelope)
}

fn take_words(reader: &mut Reader<'_>) -> Result<Envelope, DecodeError> {
    let flags = reader.u8("the head's flags")?;
    let mut take = |flag: u8, what: &'static str| {
        if flags & flag == 0 { Ok(None) } else { reader.text(what).map(|t| Some(t.to_owned())) }
    };
    let (what, offset) = ("a group's id", 6);
    let group = take(HAS_GROUP, what)?.map(|group| GroupId::parse(what, &group)).transpose();
    Ok(Envelope {
        attributes: Vec::new(),
        group: group.map_err(|_| DecodeError::Invalid { offset, what })?,
        deduplication_id: take(HAS_DEDUPLICATION_ID, "a deduplication id")?,
        trace_header: take(HAS_TRACE_HEADER, "a trace header")?,
        sender: take(HAS_SENDER, "a sender")?,
    })
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;
    use crate::types::{Attribute, AttributeValue};

    fn payload(envelope: &Envelope, body: &[u8]) -> Bytes {
        let mut bytes = BytesMut::from(&encode_head(envelope)[..]);
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

    fn envelope() -> impl Strategy<Value = Envelope> {
        let word = || prop::option::of("[a-z]{1,128}");
        (vec(attribute(), 0..=10), word(), word(), word(), word()).prop_map(
            |(attributes, group, deduplication_id, trace_header, sender)| Envelope {
                attributes,
                group: group.map(|id| GroupId::parse("group", &id).expect("a good id")),
                deduplication_id,
                trace_header,
                sender,
            },
        )
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded(envelope in envelope(), body in vec(any::<u8>(), 0..100)) {
            let decoded = decode_payload(&payload(&envelope, &body)).expect("it was just encoded");
            prop_assert_eq!(decoded, (envelope, Bytes::from(body)));
        }

        #[test]
        fn any_bytes_decode_or_say_why(bytes in vec(any::<u8>(), 0..200)) {
            let _ = decode_payload(&bytes.into());
        }
    }

    #[test]
    fn a_head_that_claims_more_than_there_is_is_refused() {
        for length in [0_u32, 5, 7, u32::MAX] {
            let mut bytes = payload(&Envelope::default(), b"").to_vec();
            bytes[..4].copy_from_slice(&length.to_le_bytes());
            assert!(decode_payload(&bytes.into()).is_err(), "{length}");
        }
    }
}
