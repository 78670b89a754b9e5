//! Summaries of messages as bytes.
//!
//! ```text
//! those of one frame, whose messages have seqs without a gap:
//!     varint first seq, varint now
//!     each: u8 flags (1 time to live, 2 priority, 4 group)
//!           varint queue, varint size
//!           varint length of the stored payload, from the size; u32 its CRC
//!           of each flag that is set, in this order:
//!           varint time at which it expires, from now; u8 priority; text group
//!
//! one that was kept, when its frame was not:
//!     u8 version: 1; u8 flags as above
//!     varint seq, varint queue, varint now of its frame, varint size
//!     of each flag that is set: the same as above
//! ```
//!
//! A varint has groups of 7 bits, the lowest first; all but the last have the bit 128 (LEB128). A
//! difference is taken modulo 2^64.

use bytes::BufMut;

use super::{
    put,
    reader::{DecodeError, Reader},
    record::decode::take_group,
};
use crate::types::{
    GroupId, QueueId, Sending, Seq, Summary, Timestamp, limits::PRIORITY_DEFAULT, summary_of,
};

const KEPT_VERSION: u8 = 1;
const HAS_EXPIRY: u8 = 1;
const HAS_PRIORITY: u8 = 2;
const HAS_GROUP: u8 = 4;
const FLAGS: u8 = HAS_EXPIRY | HAS_PRIORITY | HAS_GROUP;

/// Appends what stands before the summaries of one frame, whose first message this is.
pub fn encode_summaries_head(first_seq: Seq, frame_now: Timestamp, out: &mut Vec<u8>) {
    put::varint(out, first_seq.get());
    put::varint(out, frame_now.as_millis());
}

/// Appends what a footer says of one message of a frame; `stored_bytes` and `crc` are its payload's
/// length and CRC.
pub fn encode_summary(
    frame_now: Timestamp,
    sending: &Sending,
    stored_bytes: u64,
    crc: u32,
    out: &mut Vec<u8>,
) {
    let summary = summary_of(frame_now, sending);
    out.put_u8(flags(&summary));
    put::varint(out, summary.queue.get());
    put::varint(out, summary.size.into());
    put::varint(out, stored_bytes.wrapping_sub(summary.size.into()));
    out.put_u32_le(crc);
    put_special(&summary, out);
}

/// The summaries of one frame, in order: of each message its length as it is stored, and its CRC.
pub fn decode_summaries(
    bytes: &[u8],
    sink: &mut dyn FnMut(Summary, u32, u32),
) -> Result<(), DecodeError> {
    let mut reader = Reader::new(bytes);
    let mut seq = reader.varint("a frame's first seq")?;
    let sent_at = Timestamp::from_millis(reader.varint("a frame's time")?);
    while !reader.is_at_end() {
        let flags = take_flags(&mut reader)?;
        let queue = QueueId::new(reader.varint("a queue's id")?);
        let size = reader.varint_u32("a message's size")?;
        let (offset, what) = (reader.offset(), "a payload's length");
        let stored_bytes = u64::from(size).wrapping_add(reader.varint(what)?);
        let stored_bytes = u32::try_from(stored_bytes);
        let stored_bytes = stored_bytes.map_err(|_| DecodeError::Invalid { offset, what })?;
        let crc = reader.u32("a payload's CRC")?;
        let (expires_at, priority, group) = take_special(&mut reader, flags, sent_at)?;
        let seq_is = Seq::new(seq);
        seq = seq.checked_add(1).ok_or(DecodeError::Invalid { offset: 0, what: "a seq" })?;
        let summary = Summary { seq: seq_is, queue, sent_at, size, expires_at, priority, group };
        sink(summary, stored_bytes, crc);
    }
    Ok(())
}

/// Appends the summary of one message, complete: for files whose messages are of many frames.
pub fn encode_kept(summary: &Summary, out: &mut Vec<u8>) {
    out.put_u8(KEPT_VERSION);
    out.put_u8(flags(summary));
    put::varint(out, summary.seq.get());
    put::varint(out, summary.queue.get());
    put::varint(out, summary.sent_at.as_millis());
    put::varint(out, summary.size.into());
    put_special(summary, out);
}

/// The kept summaries in `bytes`, in order, each handed to `sink`.
pub fn decode_kept(bytes: &[u8], sink: &mut dyn FnMut(Summary)) -> Result<(), DecodeError> {
    let mut reader = Reader::new(bytes);
    while !reader.is_at_end() {
        reader.version(KEPT_VERSION, "a summary's version")?;
        let flags = take_flags(&mut reader)?;
        let seq = Seq::new(reader.varint("a seq")?);
        let queue = QueueId::new(reader.varint("a queue's id")?);
        let sent_at = Timestamp::from_millis(reader.varint("a time")?);
        let size = reader.varint_u32("a message's size")?;
        let (expires_at, priority, group) = take_special(&mut reader, flags, sent_at)?;
        sink(Summary { seq, queue, sent_at, size, expires_at, priority, group });
    }
    Ok(())
}

fn flags(summary: &Summary) -> u8 {
    let flag = |is_there: bool, flag: u8| if is_there { flag } else { 0 };
    flag(summary.expires_at.is_some(), HAS_EXPIRY)
        | flag(summary.priority != PRIORITY_DEFAULT, HAS_PRIORITY)
        | flag(summary.group.is_some(), HAS_GROUP)
}

fn put_special(summary: &Summary, out: &mut Vec<u8>) {
    if let Some(at) = summary.expires_at {
        put::varint(out, at.as_millis().wrapping_sub(summary.sent_at.as_millis()));
    }
    if summary.priority != PRIORITY_DEFAULT {
        out.put_u8(summary.priority);
    }
    if let Some(group) = &summary.group {
        put::text(out, group.as_str());
    }
}

fn take_flags(reader: &mut Reader<'_>) -> Result<u8, DecodeError> {
    let (offset, what) = (reader.offset(), "a summary's flags");
    let flags = reader.u8(what)?;
    let is_known = flags & !FLAGS == 0;
    is_known.then_some(flags).ok_or(DecodeError::Unknown { offset, what, value: flags.into() })
}

type Special = (Option<Timestamp>, u8, Option<GroupId>);

fn take_special(
    reader: &mut Reader<'_>,
    flags: u8,
    sent_at: Timestamp,
) -> Result<Special, DecodeError> {
    let has = |flag| flags & flag != 0;
    let expires_at = if has(HAS_EXPIRY) {
        let after = reader.varint("a time to live")?;
        Some(Timestamp::from_millis(sent_at.as_millis().wrapping_add(after)))
    } else {
        None
    };
    let priority =
        if has(HAS_PRIORITY) { reader.u8("a message's priority")? } else { PRIORITY_DEFAULT };
    let group = if has(HAS_GROUP) { Some(take_group(reader)?) } else { None };
    Ok((expires_at, priority, group))
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);

    fn sending() -> impl Strategy<Value = Sending> {
        let special = (prop::option::of(any::<u64>()), any::<u8>(), prop::option::of("[a-z]{1,9}"));
        (any::<u64>(), any::<u32>(), special).prop_map(
            |(queue, size, (expires, priority, group))| Sending {
                expires_at: expires.map(Timestamp::from_millis),
                priority,
                group: group.map(|id| GroupId::parse("group", &id).expect("a good id")),
                ..Sending::plain(QueueId::new(queue), Seq::default(), NOW, size)
            },
        )
    }

    proptest! {
        #[test]
        fn summaries_of_a_frame_are_decoded(
            first in 0..u64::MAX / 2,
            sendings in vec((sending(), any::<u32>(), any::<u32>()), 0..20),
        ) {
            let mut bytes = Vec::new();
            encode_summaries_head(Seq::new(first), NOW, &mut bytes);
            let mut expected = Vec::new();
            for (seq, (sending, stored, crc)) in (first..).zip(sendings) {
                encode_summary(NOW, &sending, stored.into(), crc, &mut bytes);
                let summary = Summary { seq: Seq::new(seq), ..summary_of(NOW, &sending) };
                expected.push((summary, stored, crc));
            }
            let mut found = Vec::new();
            let outcome = decode_summaries(&bytes, &mut |summary, stored, crc| {
                found.push((summary, stored, crc));
            });
            prop_assert_eq!((outcome, found), (Ok(()), expected));
            for end in 0..bytes.len() {
                let _ = decode_summaries(&bytes[..end], &mut |_, _, _| {});
            }
        }

        #[test]
        fn kept_summaries_are_decoded(sendings in vec((sending(), any::<u64>()), 0..20)) {
            let mut bytes = Vec::new();
            let kept = |(sending, seq)| Summary { seq: Seq::new(seq), ..summary_of(NOW, &sending) };
            let expected: Vec<Summary> = sendings.into_iter().map(kept).collect();
            for summary in &expected {
                encode_kept(summary, &mut bytes);
            }
            let mut found = Vec::new();
            let outcome = decode_kept(&bytes, &mut |summary| found.push(summary));
            prop_assert_eq!((outcome, &found), (Ok(()), &expected));
            for end in 0..bytes.len() {
                let mut count = 0;
                let whole = decode_kept(&bytes[..end], &mut |_| count += 1).is_ok();
                prop_assert!(count < expected.len() && (whole || count <= expected.len()));
            }
        }

        #[test]
        fn any_bytes_decode_or_say_why(bytes in vec(any::<u8>(), 0..200)) {
            let _ = decode_summaries(&bytes, &mut |_, _, _| {});
            let _ = decode_kept(&bytes, &mut |_| {});
            let _ = decode_kept(&[&[KEPT_VERSION], &bytes[..]].concat(), &mut |_| {});
        }
    }

    #[test]
    fn a_plain_message_takes_eleven_bytes_at_most() {
        let plain = Sending::plain(QueueId::new(16_383), Seq::new(1), NOW, 1_048_576);
        let mut bytes = Vec::new();
        encode_summary(NOW, &plain, 1_048_576 + 6, 7, &mut bytes);
        assert_eq!(bytes.len(), 11);
    }

    #[test]
    fn an_error_says_where_it_is() {
        let mut bytes = Vec::new();
        encode_summaries_head(Seq::new(1), NOW, &mut bytes);
        let offset = bytes.len();
        bytes.push(0xf0);
        let outcome = decode_summaries(&bytes, &mut |_, _, _| {});
        let what = "a summary's flags";
        assert_eq!(outcome, Err(DecodeError::Unknown { offset, what, value: 0xf0 }));
    }

    #[test]
    fn a_frame_without_a_last_seq_is_refused() {
        let mut bytes = Vec::new();
        encode_summaries_head(Seq::new(u64::MAX), NOW, &mut bytes);
        let plain = Sending::plain(QueueId::new(1), Seq::new(1), NOW, 1);
        encode_summary(NOW, &plain, 7, 7, &mut bytes);
        assert!(decode_summaries(&bytes, &mut |_, _, _| {}).is_err());
    }
}
