//! From bytes to records.

use super::{
    ATTEMPT_MADE, ATTEMPT_REPEATED, CANCELLED, COMPACTED, COMPLETED, FAILED, HAS_DEDUPLICATION,
    HAS_EXPIRY, HAS_GROUP, LEASE_RETURNED, MESSAGE_DELETED, MESSAGE_LEASED, MESSAGE_MOVED,
    MESSAGE_REDRIVEN, MESSAGE_SENT, MESSAGE_SENT_PLAIN, MOVE_CANCELLING, MOVE_ENDED, MOVE_STARTED,
    QUEUE_CREATED, QUEUE_CREATED_1, QUEUE_DELETED, QUEUE_PAUSED, QUEUE_PURGED, QUEUE_UPDATED,
    QUEUE_UPDATED_1, RETENTION_HELD, RETENTION_RELEASED, TICK, TRANSACTED, VISIBILITY_CHANGED,
    settings::{take_first_settings, take_settings},
};
use crate::{
    codec::reader::{DecodeError, Reader},
    types::{
        Digest, GroupId, Millis, MoveFilter, MoveOutcome, Nonce, OutputId, QueueId, QueueName,
        Record, Sending, Seq, TaskId, Timestamp,
    },
};

/// The records in `bytes`, in order, each handed to `sink`.
pub fn decode_records(bytes: &[u8], sink: &mut dyn FnMut(Record)) -> Result<(), DecodeError> {
    let mut reader = Reader::new(bytes);
    while !reader.is_at_end() {
        sink(take_record(&mut reader, Nesting::Outer)?);
    }
    Ok(())
}

/// Whether a record stands in a transact, where no other transact can.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Nesting {
    Outer,
    Inner,
}

fn take_record(reader: &mut Reader<'_>, nesting: Nesting) -> Result<Record, DecodeError> {
    let offset = reader.offset();
    let kind = reader.u8("a record's type")?;
    let length = reader.u32("a record's length")? as usize;
    let mut fields = Reader::new(reader.take(length, "a record")?);
    if kind == TRANSACTED && nesting == Nesting::Inner {
        return Err(DecodeError::Invalid { offset, what: "a transact within a transact" });
    }
    let record = match kind {
        MOVE_STARTED | MESSAGE_REDRIVEN | MOVE_CANCELLING | MOVE_ENDED => {
            take_move(kind, &mut fields)?
        }
        QUEUE_CREATED_1 | QUEUE_UPDATED_1 | QUEUE_CREATED | QUEUE_UPDATED | QUEUE_DELETED
        | QUEUE_PURGED | QUEUE_PAUSED => take_queue_record(kind, &mut fields)?,
        COMPACTED => Record::Compacted {
            output: OutputId::new(fields.u64("an output's id")?),
            salt: fields.u32("an output's salt")?,
            length: fields.u64("an output's length")?,
            footer_crc: fields.u32("a footer's CRC")?,
        },
        _ => take_other(kind, offset, &mut fields)?,
    };
    fields.finish()?;
    Ok(record)
}

pub(in crate::codec) fn take_queue_record(
    kind: u8,
    fields: &mut Reader<'_>,
) -> Result<Record, DecodeError> {
    let queue = take_queue(fields)?;
    Ok(match kind {
        QUEUE_CREATED_1 => {
            let name = take_name(fields)?;
            Record::QueueCreated { queue, name, settings: take_first_settings(fields)? }
        }
        QUEUE_CREATED => {
            let name = take_name(fields)?;
            Record::QueueCreated { queue, name, settings: take_settings(fields)? }
        }
        QUEUE_UPDATED_1 => Record::QueueUpdated { queue, settings: take_first_settings(fields)? },
        QUEUE_UPDATED => Record::QueueUpdated { queue, settings: take_settings(fields)? },
        QUEUE_DELETED => Record::QueueDeleted { queue },
        QUEUE_PAUSED => {
            let sends = fields.flag("whether sends are paused")?;
            Record::QueuePaused { queue, sends, receives: fields.flag("whether receives are")? }
        }
        _ => Record::QueuePurged { queue, seq_bound: take_seq(fields)? },
    })
}

fn take_other(kind: u8, offset: usize, fields: &mut Reader<'_>) -> Result<Record, DecodeError> {
    Ok(match kind {
        TICK => Record::Tick,
        RETENTION_HELD => Record::RetentionHeld,
        RETENTION_RELEASED => Record::RetentionReleased,
        MESSAGE_SENT_PLAIN => Record::MessageSent(take_plain(fields)?),
        MESSAGE_SENT => Record::MessageSent(take_sending(fields)?),
        MESSAGE_LEASED => Record::MessageLeased {
            queue: take_queue(fields)?,
            seq: take_seq(fields)?,
            nonce: take_nonce(fields)?,
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
        MESSAGE_MOVED => Record::MessageMoved {
            queue: take_queue(fields)?,
            seq: take_seq(fields)?,
            target: take_queue(fields)?,
        },
        ATTEMPT_MADE => Record::AttemptMade {
            queue: take_queue(fields)?,
            attempt: take_digest(fields)?,
            nonce: take_nonce(fields)?,
            seqs: fields.list("an attempt's messages", take_seq)?,
        },
        ATTEMPT_REPEATED => Record::AttemptRepeated {
            queue: take_queue(fields)?,
            attempt: take_digest(fields)?,
            until: take_time(fields)?,
        },
        TRANSACTED => {
            let inner = |fields: &mut Reader<'_>| take_record(fields, Nesting::Inner);
            Record::Transacted { records: fields.list("a transact's records", inner)? }
        }
        _ => {
            let value = u64::from(kind);
            return Err(DecodeError::Unknown { offset, what: "a record's type", value });
        }
    })
}

fn take_move(kind: u8, fields: &mut Reader<'_>) -> Result<Record, DecodeError> {
    let task = TaskId::new(fields.u64("a task's id")?);
    Ok(match kind {
        MOVE_STARTED => Record::MoveStarted {
            task,
            source: take_queue(fields)?,
            target: fields.optional("a target", take_queue)?,
            rate_max: fields.optional("a rate", |fields| fields.u32("a rate"))?,
            filter: take_filter(fields)?,
        },
        MESSAGE_REDRIVEN => {
            let seq = take_seq(fields)?;
            Record::MessageRedriven { task, seq, sending: take_sending(fields)? }
        }
        MOVE_CANCELLING => Record::MoveCancelling { task },
        _ => Record::MoveEnded { task, outcome: take_outcome(fields)? },
    })
}

pub(in crate::codec) fn take_outcome(fields: &mut Reader<'_>) -> Result<MoveOutcome, DecodeError> {
    let (offset, what) = (fields.offset(), "how a task ended");
    Ok(match fields.u8(what)? {
        COMPLETED => MoveOutcome::Completed,
        CANCELLED => MoveOutcome::Cancelled,
        FAILED => MoveOutcome::Failed { reason: fields.text("a reason")?.to_owned() },
        value => return Err(DecodeError::Unknown { offset, what, value: u64::from(value) }),
    })
}

pub(in crate::codec) fn take_filter(fields: &mut Reader<'_>) -> Result<MoveFilter, DecodeError> {
    Ok(MoveFilter {
        group: fields.optional("a group", take_group)?,
        age_min: fields.optional("an age", |fields| fields.u64("an age").map(Millis::new))?,
        attribute: fields.optional("an attribute", Reader::attribute)?,
    })
}

fn take_plain(fields: &mut Reader<'_>) -> Result<Sending, DecodeError> {
    let (queue, seq) = (take_queue(fields)?, take_seq(fields)?);
    let ready_at = take_time(fields)?;
    Ok(Sending::plain(queue, seq, ready_at, fields.u32("a message's size")?))
}

fn take_sending(fields: &mut Reader<'_>) -> Result<Sending, DecodeError> {
    let plain = take_plain(fields)?;
    let flags = fields.u8("a message's flags")?;
    let priority = fields.u8("a message's priority")?;
    let has = |flag| flags & flag != 0;
    Ok(Sending {
        priority,
        expires_at: if has(HAS_EXPIRY) { Some(take_time(fields)?) } else { None },
        group: if has(HAS_GROUP) { Some(take_group(fields)?) } else { None },
        deduplication: if has(HAS_DEDUPLICATION) { Some(take_digest(fields)?) } else { None },
        ..plain
    })
}

pub(in crate::codec) fn take_name(fields: &mut Reader<'_>) -> Result<QueueName, DecodeError> {
    let (offset, what) = (fields.offset(), "a queue's name");
    QueueName::parse(fields.text(what)?).map_err(|_| DecodeError::Invalid { offset, what })
}

pub(in crate::codec) fn take_group(fields: &mut Reader<'_>) -> Result<GroupId, DecodeError> {
    let (offset, what) = (fields.offset(), "a group's id");
    GroupId::parse(what, fields.text(what)?).map_err(|_| DecodeError::Invalid { offset, what })
}

pub(in crate::codec) fn take_queue(fields: &mut Reader<'_>) -> Result<QueueId, DecodeError> {
    fields.u64("a queue's id").map(QueueId::new)
}

pub(in crate::codec) fn take_seq(fields: &mut Reader<'_>) -> Result<Seq, DecodeError> {
    fields.u64("a seq").map(Seq::new)
}

pub(in crate::codec) fn take_nonce(fields: &mut Reader<'_>) -> Result<Nonce, DecodeError> {
    fields.u64("a nonce").map(Nonce::new)
}

pub(in crate::codec) fn take_time(fields: &mut Reader<'_>) -> Result<Timestamp, DecodeError> {
    fields.u64("a time").map(Timestamp::from_millis)
}

pub(in crate::codec) fn take_digest(fields: &mut Reader<'_>) -> Result<Digest, DecodeError> {
    fields.u128("a digest").map(Digest)
}
