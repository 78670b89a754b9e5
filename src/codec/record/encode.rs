//! From records to bytes.

use bytes::BufMut;

use super::{
    ATTEMPT_MADE, ATTEMPT_REPEATED, CANCELLED, COMPACTED, COMPLETED, FAILED, HAS_DEDUPLICATION,
    HAS_EXPIRY, HAS_GROUP, LEASE_RETURNED, MESSAGE_DELETED, MESSAGE_LEASED, MESSAGE_MOVED,
    MESSAGE_REDRIVEN, MESSAGE_SENT, MESSAGE_SENT_PLAIN, MOVE_CANCELLING, MOVE_ENDED, MOVE_STARTED,
    QUEUE_CREATED, QUEUE_DELETED, QUEUE_PAUSED, QUEUE_PURGED, QUEUE_UPDATED, RETENTION_HELD,
    RETENTION_RELEASED, TICK, TRANSACTED, VISIBILITY_CHANGED, settings::put_settings,
};
use crate::{
    codec::put,
    types::{MoveFilter, MoveOutcome, QueueId, Record, Sending, Seq},
};

/// Appends a record's bytes.
///
/// # Panics
///
/// If a record is longer than 4 GiB, which none can be.
pub fn encode_record(record: &Record, out: &mut Vec<u8>) {
    let fields_at = put::prefix(out, record_type(record));
    put_fields(record, out);
    put::length(out, fields_at);
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
        Record::QueuePaused { .. } => QUEUE_PAUSED,
        Record::MessageSent(sending) if sending.is_plain() => MESSAGE_SENT_PLAIN,
        Record::MessageSent(_) => MESSAGE_SENT,
        Record::MessageLeased { .. } => MESSAGE_LEASED,
        Record::VisibilityChanged { .. } => VISIBILITY_CHANGED,
        Record::LeaseReturned { .. } => LEASE_RETURNED,
        Record::MessageDeleted { .. } => MESSAGE_DELETED,
        Record::MessageMoved { .. } => MESSAGE_MOVED,
        Record::AttemptMade { .. } => ATTEMPT_MADE,
        Record::AttemptRepeated { .. } => ATTEMPT_REPEATED,
        Record::Transacted { .. } => TRANSACTED,
        Record::MoveStarted { .. } => MOVE_STARTED,
        Record::MessageRedriven { .. } => MESSAGE_REDRIVEN,
        Record::MoveCancelling { .. } => MOVE_CANCELLING,
        Record::MoveEnded { .. } => MOVE_ENDED,
        Record::Compacted { .. } => COMPACTED,
    }
}

fn put_fields(record: &Record, out: &mut Vec<u8>) {
    match record {
        Record::Tick | Record::RetentionHeld | Record::RetentionReleased => {}
        Record::QueueCreated { queue, name, settings } => {
            out.put_u64_le(queue.get());
            put::text(out, name.as_str());
            put_settings(settings, out);
        }
        Record::QueueUpdated { queue, settings } => {
            out.put_u64_le(queue.get());
            put_settings(settings, out);
        }
        Record::QueueDeleted { queue } => out.put_u64_le(queue.get()),
        Record::QueuePurged { queue, seq_bound } => put_message(*queue, *seq_bound, out),
        Record::QueuePaused { queue, sends, receives } => {
            out.put_u64_le(queue.get());
            out.put_u8(u8::from(*sends));
            out.put_u8(u8::from(*receives));
        }
        Record::MessageSent(sending) if sending.is_plain() => put_plain(sending, out),
        Record::MessageSent(sending) => put_sending(sending, out),
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
        Record::MessageMoved { queue, seq, target } => {
            put_message(*queue, *seq, out);
            out.put_u64_le(target.get());
        }
        Record::AttemptMade { queue, attempt, nonce, seqs } => {
            out.put_u64_le(queue.get());
            out.put_u128_le(attempt.0);
            out.put_u64_le(nonce.get());
            put::count(out, seqs.len());
            for seq in seqs {
                out.put_u64_le(seq.get());
            }
        }
        Record::AttemptRepeated { queue, attempt, until } => {
            out.put_u64_le(queue.get());
            out.put_u128_le(attempt.0);
            out.put_u64_le(until.as_millis());
        }
        Record::Transacted { records } => {
            put::count(out, records.len());
            for record in records {
                encode_record(record, out);
            }
        }
        Record::Compacted { output, salt, length, footer_crc } => {
            out.put_u64_le(output.get());
            out.put_u32_le(*salt);
            out.put_u64_le(*length);
            out.put_u32_le(*footer_crc);
        }
        Record::MoveStarted { .. }
        | Record::MessageRedriven { .. }
        | Record::MoveCancelling { .. }
        | Record::MoveEnded { .. } => put_move(record, out),
    }
}

fn put_move(record: &Record, out: &mut Vec<u8>) {
    match record {
        Record::MoveStarted { task, source, target, rate_max, filter } => {
            out.put_u64_le(task.get());
            out.put_u64_le(source.get());
            put::presence(out, target.as_ref());
            if let Some(target) = target {
                out.put_u64_le(target.get());
            }
            put::presence(out, rate_max.as_ref());
            if let Some(rate) = rate_max {
                out.put_u32_le(*rate);
            }
            put_filter(filter, out);
        }
        Record::MessageRedriven { task, seq, sending } => {
            out.put_u64_le(task.get());
            out.put_u64_le(seq.get());
            put_sending(sending, out);
        }
        Record::MoveEnded { task, outcome } => {
            out.put_u64_le(task.get());
            put_outcome(outcome, out);
        }
        Record::MoveCancelling { task } => out.put_u64_le(task.get()),
        _ => unreachable!("only records of move tasks come here"),
    }
}

pub(in crate::codec) fn put_outcome(outcome: &MoveOutcome, out: &mut Vec<u8>) {
    match outcome {
        MoveOutcome::Completed => out.put_u8(COMPLETED),
        MoveOutcome::Cancelled => out.put_u8(CANCELLED),
        MoveOutcome::Failed { reason } => {
            out.put_u8(FAILED);
            put::text(out, reason);
        }
    }
}

pub(in crate::codec) fn put_filter(filter: &MoveFilter, out: &mut Vec<u8>) {
    put::presence(out, filter.group.as_ref());
    if let Some(group) = &filter.group {
        put::text(out, group.as_str());
    }
    put::presence(out, filter.age_min.as_ref());
    if let Some(age) = &filter.age_min {
        out.put_u64_le(age.get());
    }
    put::presence(out, filter.attribute.as_ref());
    if let Some(attribute) = &filter.attribute {
        put::attribute(out, attribute);
    }
}

pub(in crate::codec) fn put_message(queue: QueueId, seq: Seq, out: &mut Vec<u8>) {
    out.put_u64_le(queue.get());
    out.put_u64_le(seq.get());
}

fn put_plain(sending: &Sending, out: &mut Vec<u8>) {
    put_message(sending.queue, sending.seq, out);
    out.put_u64_le(sending.ready_at.as_millis());
    out.put_u32_le(sending.size);
}

fn put_sending(sending: &Sending, out: &mut Vec<u8>) {
    put_plain(sending, out);
    let flag = |is_there: bool, flag: u8| if is_there { flag } else { 0 };
    let flags = flag(sending.expires_at.is_some(), HAS_EXPIRY)
        | flag(sending.group.is_some(), HAS_GROUP)
        | flag(sending.deduplication.is_some(), HAS_DEDUPLICATION);
    out.put_u8(flags);
    out.put_u8(sending.priority);
    if let Some(at) = &sending.expires_at {
        out.put_u64_le(at.as_millis());
    }
    if let Some(group) = &sending.group {
        put::text(out, group.as_str());
    }
    if let Some(digest) = &sending.deduplication {
        out.put_u128_le(digest.0);
    }
}
