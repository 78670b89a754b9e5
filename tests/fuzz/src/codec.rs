//! Records, entries of images, buckets, summaries and heads of payloads: any bytes decode or say
//! why, and what was decoded is written so that it decodes to the same.

use std::fmt::Debug;

use bytes::Bytes;
use ledgerq::{
    codec::{self, DecodeError},
    types::{DeduplicationBucket, Envelope, ImageEntry, Record, Sending, Seq, Summary, Timestamp},
};

/// The longest text of an error, in bytes.
const ERROR_BYTES_MAX: usize = 300;

/// How many kinds of bytes there are; the first byte of an input says which it is.
pub const KINDS: u8 = 6;

/// Checks one input.
pub fn check(input: &[u8]) {
    let Some((kind, bytes)) = input.split_first() else { return };
    match kind % KINDS {
        0 => again(bytes, records, |records| write_records(records)),
        1 => again(bytes, entries, |entries| write_entries(entries)),
        2 => again(bytes, codec::decode_bucket, write_bucket),
        3 => again(bytes, summaries, write_summaries),
        4 => again(bytes, kept, |kept| write_kept(kept)),
        _ => again(bytes, payload, write_payload),
    }
}

/// Decodes, encodes and decodes: the second time it is the same, and the bytes stay as they are
/// from then on. An older version's bytes may become others of the same meaning once.
fn again<T: PartialEq + Debug>(
    bytes: &[u8],
    decode: impl Fn(&[u8]) -> Result<T, DecodeError>,
    encode: impl Fn(&T) -> Vec<u8>,
) {
    match decode(bytes) {
        Err(error) => {
            let (offset, text) = (offset_of(&error), error.to_string());
            assert!(offset <= bytes.len(), "it stopped at {offset} of {} bytes", bytes.len());
            assert!(!text.is_empty() && text.len() <= ERROR_BYTES_MAX, "{text}");
        }
        Ok(value) => {
            let written = encode(&value);
            let second = decode(&written).expect("what was written decodes");
            assert_eq!(second, value, "another value was written");
            assert_eq!(encode(&second), written, "the bytes do not stay as they are");
        }
    }
}

fn offset_of(error: &DecodeError) -> usize {
    match error {
        DecodeError::TooShort { offset, .. }
        | DecodeError::Unknown { offset, .. }
        | DecodeError::Invalid { offset, .. }
        | DecodeError::LeftOver { offset, .. } => *offset,
    }
}

fn records(bytes: &[u8]) -> Result<Vec<Record>, DecodeError> {
    let mut found = Vec::new();
    codec::decode_records(bytes, &mut |record| found.push(record)).map(|()| found)
}

fn write_records(records: &[Record]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for record in records {
        codec::encode_record(record, &mut bytes);
    }
    bytes
}

fn entries(bytes: &[u8]) -> Result<Vec<ImageEntry>, DecodeError> {
    let mut found = Vec::new();
    codec::decode_image_entries(bytes, &mut |entry| found.push(entry)).map(|()| found)
}

fn write_entries(entries: &[ImageEntry]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for entry in entries {
        codec::encode_image_entry(entry, &mut bytes);
    }
    bytes
}

fn write_bucket(bucket: &DeduplicationBucket) -> Vec<u8> {
    let mut bytes = Vec::new();
    codec::encode_bucket(bucket, &mut bytes);
    bytes
}

/// Those of one frame, with length and CRC of each payload.
type Summaries = Vec<(Summary, u32, u32)>;

fn summaries(bytes: &[u8]) -> Result<Summaries, DecodeError> {
    let mut found = Vec::new();
    let mut sink = |summary, stored_bytes, crc| found.push((summary, stored_bytes, crc));
    codec::decode_summaries(bytes, &mut sink).map(|()| found)
}

fn write_summaries(summaries: &Summaries) -> Vec<u8> {
    let mut bytes = Vec::new();
    let first = summaries.first().map(|(summary, ..)| (summary.seq, summary.sent_at));
    let (seq, now) = first.unwrap_or((Seq::default(), Timestamp::ZERO));
    codec::encode_summaries_head(seq, now, &mut bytes);
    for (summary, stored_bytes, crc) in summaries {
        let sending = Sending {
            expires_at: summary.expires_at,
            priority: summary.priority,
            group: summary.group.clone(),
            ..Sending::plain(summary.queue, summary.seq, now, summary.size)
        };
        codec::encode_summary(now, &sending, (*stored_bytes).into(), *crc, &mut bytes);
    }
    bytes
}

fn kept(bytes: &[u8]) -> Result<Vec<Summary>, DecodeError> {
    let mut found = Vec::new();
    codec::decode_kept(bytes, &mut |summary| found.push(summary)).map(|()| found)
}

fn write_kept(summaries: &[Summary]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for summary in summaries {
        codec::encode_kept(summary, &mut bytes);
    }
    bytes
}

fn payload(bytes: &[u8]) -> Result<(Envelope, Bytes), DecodeError> {
    codec::decode_payload(&Bytes::copy_from_slice(bytes))
}

fn write_payload((envelope, body): &(Envelope, Bytes)) -> Vec<u8> {
    [codec::encode_head(envelope), body.clone()].concat()
}
