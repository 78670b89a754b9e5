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

/// Whether what may be missing is there.
pub(super) fn presence<T>(out: &mut impl BufMut, value: Option<&T>) {
    out.put_u8(u8::from(value.is_some()));
}
