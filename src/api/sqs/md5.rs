//! The MD5 digests by which clients check that their messages arrived whole. They guard against
//! damage on the way, not against anybody.
//!
//! The digest of attributes is over, by ascending name: the name, the data type, one byte (1 for
//! text, 2 for binary) and the value; each of the three with its length before it, a u32 in
//! big-endian order.

use md5::{Digest, Md5};

use crate::types::{Attribute, AttributeValue, push_hex};

/// Of a body, in hex.
pub(super) fn of_body(body: &[u8]) -> String {
    hex(Md5::digest(body).as_slice())
}

/// Of attributes that are sorted by name, in hex; `None` if there are none.
pub(super) fn of_attributes<'a>(
    attributes: impl IntoIterator<Item = &'a Attribute>,
) -> Option<String> {
    let mut hasher = Md5::new();
    let mut is_empty = true;
    for attribute in attributes {
        is_empty = false;
        put(&mut hasher, attribute.name.as_bytes());
        put(&mut hasher, attribute.data_type.as_bytes());
        match &attribute.value {
            AttributeValue::Text(text) => {
                hasher.update([1]);
                put(&mut hasher, text.as_bytes());
            }
            AttributeValue::Binary(bytes) => {
                hasher.update([2]);
                put(&mut hasher, bytes);
            }
        }
    }
    (!is_empty).then(|| hex(hasher.finalize().as_slice()))
}

fn put(hasher: &mut Md5, bytes: &[u8]) {
    // A request is far smaller than what a u32 can count.
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    hasher.update(length.to_be_bytes());
    hasher.update(bytes);
}

/// Bytes in lower-case hex.
pub(super) fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        push_hex(&mut text, *byte);
    }
    text
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn text(name: &str, data_type: &str, value: &str) -> Attribute {
        let value = AttributeValue::Text(value.into());
        Attribute { name: name.into(), data_type: data_type.into(), value }
    }

    #[test]
    fn digests_are_those_of_the_real_service() {
        let string = || text("attribName1", "String", "attribValue 1");
        let number = || {
            text("customNumberTypeAttrib", "Number.float", "4563442423554324324264524243.32543234")
        };
        let binary = || Attribute {
            name: "binaryAttribute".into(),
            data_type: "Binary".into(),
            value: AttributeValue::Binary(Bytes::from("Hello binary world!")),
        };
        let cases = [
            (vec![string()], "19e27d4e946b072f3f58da80d94fd778"),
            (vec![number()], "9fe1b90bbd9965bdf77bac517c7d2495"),
            (vec![binary()], "31a92b15d92f8db860eda32aceb656c3"),
            (vec![string(), binary(), number()], "c932db14a896c663f83c260297d594ff"),
            (vec![text("MyAttribute", "String", "foobar")], "adb59cd4678ea5a855436b949cd07ab6"),
        ];
        for (attributes, digest) in cases {
            assert_eq!(of_attributes(&attributes).as_deref(), Some(digest), "{attributes:?}");
        }
        assert_eq!(of_attributes(&[]), None);
        assert_eq!(of_body(b"msg"), "6e2baaf3b97dbeef01c0043275f9a0e7");
    }
}
