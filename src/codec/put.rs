//! Small writers that records and payload heads share.

use bytes::BufMut;

use crate::types::{Attribute, AttributeValue};

/// Kinds of an attribute's value.
pub(super) const TEXT: u8 = 1;
pub(super) const BINARY: u8 = 2;

/// Text behind a `u16` length.
///
/// # Panics
///
/// If the text is longer than 65,535 bytes, which requests are held below.
pub(super) fn text(out: &mut impl BufMut, text: &str) {
    let length = u16::try_from(text.len()).expect("texts are held to their limits at the edge");
    out.put_u16_le(length);
    out.put_slice(text.as_bytes());
}

/// The count before a list.
pub(super) fn count(out: &mut impl BufMut, count: usize) {
    out.put_u16_le(u16::try_from(count).expect("lists are held to their limits at the edge"));
}

/// Name, data type, kind of the value, value.
pub(super) fn attribute(out: &mut impl BufMut, attribute: &Attribute) {
    text(out, &attribute.name);
    text(out, &attribute.data_type);
    let (kind, value) = match &attribute.value {
        AttributeValue::Text(text) => (TEXT, text.as_bytes()),
        AttributeValue::Binary(bytes) => (BINARY, &bytes[..]),
    };
    out.put_u8(kind);
    out.put_u32_le(u32::try_from(value.len()).expect("a value is smaller than its message"));
    out.put_slice(value);
}

/// A number in groups of 7 bits, the lowest first; all but the last have the bit 128 (LEB128).
pub(super) fn varint(out: &mut Vec<u8>, number: u64) {
    let mut rest = number;
    while rest >= 0x80 {
        out.push(rest.to_le_bytes()[0] | 0x80);
        rest >>= 7;
    }
    out.push(rest.to_le_bytes()[0]);
}

/// Room for a type and a length before fields; where they begin.
pub(super) fn prefix(out: &mut Vec<u8>, kind: u8) -> usize {
    out.put_u8(kind);
    out.put_u32_le(0);
    out.len()
}

/// Fills in the length of the fields that begin there.
///
/// # Panics
///
/// If they are longer than 4 GiB, which none can be.
pub(super) fn length(out: &mut [u8], fields_at: usize) {
    let length = out.len() - fields_at;
    let length = u32::try_from(length).expect("a record is far below 4 GiB");
    out[fields_at - 4..fields_at].copy_from_slice(&length.to_le_bytes());
}

/// Whether what may be missing is there.
pub(super) fn presence<T>(out: &mut impl BufMut, value: Option<&T>) {
    out.put_u8(u8::from(value.is_some()));
}
