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
const NAME: u8 = 7;

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
    use crate::types::{ImageEntry, Nonce, PhaseImage, QueueId, Seq, Timestamp, TouchedImage};

    fn untouched() -> TouchedImage {
        TouchedImage {
            queue: QueueId::new(1),
            seq: Seq::new(2),
            group: None,
            priority: 3,
            sent_at: Timestamp::from_millis(4),
            retained_from: Timestamp::from_millis(4),
            expires_at: None,
            size: 5,
            receive_count: 0,
            first_received_at: Timestamp::ZERO,
            leased_at: Timestamp::ZERO,
            nonce: Nonce::default(),
            is_changed: false,
            is_repeated: false,
            received_elsewhere: 0,
            source: None,
            phase: PhaseImage::Ready { turn: -1 },
        }
    }

    /// No field is taken for what it is by default because another one is.
    #[test]
    fn each_field_of_a_touched_message_is_kept_by_itself() {
        let at = Timestamp::from_millis(9);
        let cases = [
            untouched(),
            TouchedImage { retained_from: at, ..untouched() },
            TouchedImage { expires_at: Some(at), ..untouched() },
            TouchedImage { receive_count: 1, ..untouched() },
            TouchedImage { first_received_at: at, ..untouched() },
            TouchedImage { leased_at: at, ..untouched() },
            TouchedImage { nonce: Nonce::new(1), ..untouched() },
            TouchedImage { is_changed: true, ..untouched() },
            TouchedImage { is_repeated: true, ..untouched() },
            TouchedImage { received_elsewhere: 1, ..untouched() },
            TouchedImage { source: Some(QueueId::new(7)), ..untouched() },
        ];
        for touched in cases {
            let (mut bytes, mut found) = (Vec::new(), Vec::new());
            let entry = ImageEntry::Touched(touched.into());
            encode_image_entry(&entry, &mut bytes);
            let outcome = decode_image_entries(&bytes, &mut |entry| found.push(entry));
            assert_eq!((outcome, found), (Ok(()), vec![entry]));
        }
    }

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
