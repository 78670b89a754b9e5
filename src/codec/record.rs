//! Records as bytes.
//!
//! ```text
//! u8  type, as in the table of `encode_record`; a changed layout is a new type
//! u32 length of what follows
//! the fields of the record in the order of their declaration: ids and times u64, sizes u32,
//! names u16 length and text
//! ```

use bytes::BufMut;

use super::reader::{DecodeError, Reader};
use crate::types::{Millis, Nonce, QueueId, QueueName, QueueSettings, Record, Seq, Timestamp};

const TICK: u8 = 1;
const QUEUE_CREATED: u8 = 2;
const QUEUE_UPDATED: u8 = 3;
const QUEUE_DELETED: u8 = 4;
const QUEUE_PURGED: u8 = 5;
const MESSAGE_SENT: u8 = 6;
const MESSAGE_LEASED: u8 = 7;
const VISIBILITY_CHANGED: u8 = 8;
const LEASE_RETURNED: u8 = 9;
const MESSAGE_DELETED: u8 = 10;
const RETENTION_HELD: u8 = 11;
const RETENTION_RELEASED: u8 = 12;

/// Appends a record's bytes.
///
/// # Panics
///
/// If a record is longer than 4 GiB, which none can be.
pub fn encode_record(record: &Record, out: &mut Vec<u8>) {
    let start = out.len();
    out.put_u8(record_type(record));
    out.put_u32_le(0);
    put_fields(record, out);
    let length = u32::try_from(out.len() - start - 5).expect("a record is far below 4 GiB");
    out[start + 1..start + 5].copy_from_slice(&length.to_le_bytes());
}

fn record_type(record: &Record) -> u8 {
    match record {
        Record::Tick => TICK,
        Record::RetentionHeld => RETENTION_HELD,
        Record::RetentionReleased => RETENTION_RELEASED,
        Record::QueueCreated { .. } => QUEUE_CREATED,
        Record::QueueUpdated { .. } => QUEUE_UPDATED,
        Record::QueueDeleted { .. } => QUEUE_DELETED,
        Record::QueuePurged { .. } => QUEUE_PURGED,
        Record::MessageSent { .. } => MESSAGE_SENT,
        Record::MessageLeased { .. } => MESSAGE_LEASED,
        Record::VisibilityChanged { .. } => VISIBILITY_CHANGED,
        Record::LeaseReturned { .. } => LEASE_RETURNED,
        Record::MessageDeleted { .. } => MESSAGE_DELETED,
    }
}

fn put_fields(record: &Record, out: &mut Vec<u8>) {
    match record {
        Record::Tick | Record::RetentionHeld | Record::RetentionReleased => {}
        Record::QueueCreated { queue, name, settings } => {
            out.put_u64_le(queue.get());
            let length = u16::try_from(name.as_str().len()).expect("a name has at most 80 bytes");
            out.put_u16_le(length);
            out.put_slice(name.as_str().as_bytes());
            put_settings(settings, out);
        }
        Record::QueueUpdated { queue, settings } => {
            out.put_u64_le(queue.get());
            put_settings(settings, out);
        }
        Record::QueueDeleted { queue } => out.put_u64_le(queue.get()),
        Record::QueuePurged { queue, seq_bound } => put_message(*queue, *seq_bound, out),
        Record::MessageSent { queue, seq, ready_at, size } => {
            put_message(*queue, *seq, out);
            out.put_u64_le(ready_at.as_millis());
            out.put_u32_le(*size);
        }
        Record::MessageLeased { queue, seq, nonce, until } => {
            put_message(*queue, *seq, out);
            out.put_u64_le(nonce.get());
            out.put_u64_le(until.as_millis());
        }
        Record::VisibilityChanged { queue, seq, until } => {
            put_message(*queue, *seq, out);
            out.put_u64_le(until.as_millis());
        }
        Record::LeaseReturned { queue, seq } | Record::MessageDeleted { queue, seq } => {
            put_message(*queue, *seq, out);
        }
    }
}

fn put_message(queue: QueueId, seq: Seq, out: &mut Vec<u8>) {
    out.put_u64_le(queue.get());
    out.put_u64_le(seq.get());
}

fn put_settings(settings: &QueueSettings, out: &mut Vec<u8>) {
    out.put_u64_le(settings.delay.get());
    out.put_u64_le(settings.message_bytes_max);
    out.put_u64_le(settings.retention.get());
    out.put_u64_le(settings.receive_wait.get());
    out.put_u64_le(settings.visibility_timeout.get());
}

/// The records in `bytes`, in order, each handed to `sink`.
pub fn decode_records(bytes: &[u8], sink: &mut dyn FnMut(Record)) -> Result<(), DecodeError> {
    let mut reader = Reader::new(bytes);
    while !reader.is_at_end() {
        let offset = reader.offset();
        let kind = reader.u8("a record's type")?;
        let length = reader.u32("a record's length")? as usize;
        let mut fields = Reader::new(reader.take(length, "a record")?);
        let record = take_fields(kind, offset, &mut fields)?;
        fields.finish()?;
        sink(record);
    }
    Ok(())
}

fn take_fields(kind: u8, offset: usize, fields: &mut Reader<'_>) -> Result<Record, DecodeError> {
    Ok(match kind {
        TICK => Record::Tick,
        RETENTION_HELD => Record::RetentionHeld,
        RETENTION_RELEASED => Record::RetentionReleased,
        QUEUE_CREATED => {
            let queue = take_queue(fields)?;
            let what = "a queue's name";
            let name = QueueName::parse(fields.text(what)?)
                .map_err(|_| DecodeError::Invalid { offset, what })?;
            Record::QueueCreated { queue, name, settings: take_settings(fields)? }
        }
        QUEUE_UPDATED => {
            Record::QueueUpdated { queue: take_queue(fields)?, settings: take_settings(fields)? }
        }
        QUEUE_DELETED => Record::QueueDeleted { queue: take_queue(fields)? },
        QUEUE_PURGED => {
            Record::QueuePurged { queue: take_queue(fields)?, seq_bound: take_seq(fields)? }
        }
        MESSAGE_SENT => Record::MessageSent {
            queue: take_queue(fields)?,
            seq: take_seq(fields)?,
            ready_at: take_time(fields)?,
            size: fields.u32("a message's size")?,
        },
        MESSAGE_LEASED => Record::MessageLeased {
            queue: take_queue(fields)?,
            seq: take_seq(fields)?,
            nonce: Nonce::new(fields.u64("a nonce")?),
            until: take_time(fields)?,
        },
        VISIBILITY_CHANGED => Record::VisibilityChanged {
            queue: take_queue(fields)?,
            seq: take_seq(fields)?,
            until: take_time(fields)?,
        },
        LEASE_RETURNED => {
            Record::LeaseReturned { queue: take_queue(fields)?, seq: take_seq(fields)? }
        }
        MESSAGE_DELETED => {
            Record::MessageDeleted { queue: take_queue(fields)?, seq: take_seq(fields)? }
        }
        _ => {
            let value = u64::from(kind);
            return Err(DecodeError::Unknown { offset, what: "a record's type", value });
        }
    })
}

fn take_queue(fields: &mut Reader<'_>) -> Result<QueueId, DecodeError> {
    fields.u64("a queue's id").map(QueueId::new)
}

fn take_seq(fields: &mut Reader<'_>) -> Result<Seq, DecodeError> {
    fields.u64("a seq").map(Seq::new)
}

fn take_time(fields: &mut Reader<'_>) -> Result<Timestamp, DecodeError> {
    fields.u64("a time").map(Timestamp::from_millis)
}

fn take_settings(fields: &mut Reader<'_>) -> Result<QueueSettings, DecodeError> {
    let mut next = || fields.u64("a setting");
    Ok(QueueSettings {
        delay: Millis::new(next()?),
        message_bytes_max: next()?,
        retention: Millis::new(next()?),
        receive_wait: Millis::new(next()?),
        visibility_timeout: Millis::new(next()?),
    })
}
