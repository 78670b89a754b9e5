//! Deduplication buckets as bytes.
//!
//! ```text
//! u8  version: 1
//! u64 queue, u64 first message, u32 count
//! each: varint time at which it stops counting, varint message, both from those of the one before
//!       (of the first, from 0); u128 digest
//! ```

use std::sync::Arc;

use bytes::BufMut;

use super::{
    put,
    reader::{DecodeError, Reader},
    record::decode::{take_digest, take_queue, take_seq},
};
use crate::types::{DeduplicationBucket, Digest, Seq, Timestamp};

const VERSION: u8 = 1;
/// The shortest entry.
const ENTRY_BYTES_MIN: usize = 18;

/// Appends a bucket's bytes.
///
/// # Panics
///
/// If it has more than `u32::MAX` ids, which none has.
pub fn encode_bucket(bucket: &DeduplicationBucket, out: &mut Vec<u8>) {
    out.put_u8(VERSION);
    out.put_u64_le(bucket.queue.get());
    out.put_u64_le(bucket.first.get());
    out.put_u32_le(u32::try_from(bucket.ids.len()).expect("a bucket has a few thousand ids"));
    let (mut time, mut seq) = (0, 0);
    for (end, message, Digest(digest)) in bucket.ids.iter() {
        put::varint(out, end.as_millis().wrapping_sub(time));
        put::varint(out, message.get().wrapping_sub(seq));
        out.put_u128_le(*digest);
        (time, seq) = (end.as_millis(), message.get());
    }
}

/// The bucket that `bytes` are.
pub fn decode_bucket(bytes: &[u8]) -> Result<DeduplicationBucket, DecodeError> {
    let mut reader = Reader::new(bytes);
    reader.version(VERSION, "a bucket's version")?;
    let (queue, first) = (take_queue(&mut reader)?, take_seq(&mut reader)?);
    let count = reader.u32("a count of ids")? as usize;
    let mut ids = Vec::with_capacity(count.min(bytes.len() / ENTRY_BYTES_MIN));
    let (mut time, mut seq) = (0_u64, 0_u64);
    for _ in 0..count {
        time = time.wrapping_add(reader.varint("a time")?);
        seq = seq.wrapping_add(reader.varint("a seq")?);
        let digest = take_digest(&mut reader)?;
        ids.push((Timestamp::from_millis(time), Seq::new(seq), digest));
    }
    reader.finish()?;
    Ok(DeduplicationBucket { queue, first, ids: Arc::new(ids) })
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;
    use crate::types::QueueId;

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded_and_no_part_of_it_is(
            queue in any::<u64>(),
            ids in vec((any::<u64>(), any::<u64>(), any::<u128>()), 0..20),
        ) {
            let id = |(end, seq, id)| (Timestamp::from_millis(end), Seq::new(seq), Digest(id));
            let ids: Vec<_> = ids.into_iter().map(id).collect();
            let first = ids.first().map_or(Seq::new(7), |(_, seq, _)| *seq);
            let queue = QueueId::new(queue);
            let bucket = DeduplicationBucket { queue, first, ids: Arc::new(ids) };
            let mut bytes = Vec::new();
            encode_bucket(&bucket, &mut bytes);
            for end in 0..bytes.len() {
                prop_assert!(decode_bucket(&bytes[..end]).is_err());
            }
            prop_assert_eq!(decode_bucket(&bytes), Ok(bucket));
            let (offset, count) = (bytes.len(), 2);
            bytes.extend([0; 2]);
            prop_assert_eq!(decode_bucket(&bytes), Err(DecodeError::LeftOver { offset, count }));
        }

        #[test]
        fn any_bytes_decode_or_say_why(bytes in vec(any::<u8>(), 0..200)) {
            let versioned = [&[VERSION], &bytes[..]].concat();
            let _ = (decode_bucket(&bytes), decode_bucket(&versioned));
        }
    }
}
