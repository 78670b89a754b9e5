//! Entries of an image as bytes: type, length and fields, as a record has them.

mod decode;
mod encode;

pub use decode::decode_image_entries;
pub use encode::encode_image_entry;

const BASE: u8 = 1;
const QUEUE: u8 = 2;
const TOUCHED: u8 = 3;
const ATTEMPT: u8 = 4;
const MOVE: u8 = 5;
const GONE: u8 = 6;

/// Flags of a touched message: what is not as it is by default. All others have no field.
const HAS_EXPIRY: u8 = 1;
const HAS_GROUP: u8 = 2;
/// Its retention does not count from its send.
const HAS_RETAINED_FROM: u8 = 4;
/// It was received.
const HAS_LEASE: u8 = 8;
/// It came from another queue.
const HAS_SOURCE: u8 = 16;
const IS_CHANGED: u8 = 32;
const IS_REPEATED: u8 = 64;
const TOUCHED_FLAGS: u8 = 127;

/// Where a touched message is in its life.
const DELAYED: u8 = 1;
const IN_FLIGHT: u8 = 2;
const READY: u8 = 3;

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    proptest! {
        #[test]
        fn any_bytes_decode_or_say_why(kind in 0..8_u8, fields in vec(any::<u8>(), 0..200)) {
            let _ = decode_image_entries(&fields, &mut |_| {});
            let length = u32::try_from(fields.len()).expect("they are few").to_le_bytes();
            let entry = [&[kind], &length[..], &fields[..]].concat();
            let _ = decode_image_entries(&entry, &mut |_| {});
        }
    }
}
