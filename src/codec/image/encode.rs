//! From entries to bytes.

use bytes::BufMut;

use super::{
    ATTEMPT, BASE, DELAYED, GONE, HAS_EXPIRY, HAS_GROUP, HAS_LEASE, HAS_RETAINED_FROM, HAS_SOURCE,
    IN_FLIGHT, IS_CHANGED, IS_REPEATED, MOVE, NAME, QUEUE, READY, TOUCHED,
};
use crate::{
    codec::{
        put,
        record::{
            encode::{put_filter, put_message, put_outcome},
            settings::put_settings,
        },
    },
    types::{
        AttemptImage, BaseImage, DeduplicationScope, ImageEntry, MoveImage, Nonce, PhaseImage,
        QueueId, QueueImage, Timestamp, TouchedImage,
    },
};

/// Appends an entry's bytes.
///
/// # Panics
///
/// If a count or length is beyond the limits that requests are held to.
pub fn encode_image_entry(entry: &ImageEntry, out: &mut Vec<u8>) {
    let kind = match entry {
        ImageEntry::Base(_) => BASE,
        ImageEntry::Queue(_) => QUEUE,
        ImageEntry::Touched(_) => TOUCHED,
        ImageEntry::Attempt(_) => ATTEMPT,
        ImageEntry::Move(_) => MOVE,
        ImageEntry::Gone(_) => GONE,
        ImageEntry::Name(_) => NAME,
    };
    let fields_at = put::prefix(out, kind);
    match entry {
        ImageEntry::Base(base) => put_base(base, out),
        ImageEntry::Queue(queue) => put_queue(queue, out),
        ImageEntry::Touched(touched) => put_touched(touched, out),
        ImageEntry::Attempt(attempt) => put_attempt(attempt, out),
        ImageEntry::Move(task) => put_task(task, out),
        ImageEntry::Gone(seq) => out.put_u64_le(seq.get()),
        ImageEntry::Name(name) => {
            put::text(out, name.name.as_str());
            put_time(name.deleted_at, out);
        }
    }
    put::length(out, fields_at);
}

fn put_base(base: &BaseImage, out: &mut Vec<u8>) {
    out.put_u64_le(base.applied_lsn.get());
    put_time(base.now, out);
    out.put_u64_le(base.next_queue.get());
    out.put_u64_le(base.next_seq.get());
    out.put_u64_le(base.next_task.get());
    put_flag(base.retention_held, out);
}

fn put_queue(queue: &QueueImage, out: &mut Vec<u8>) {
    out.put_u64_le(queue.id.get());
    put::text(out, queue.name.as_str());
    put_settings(&queue.settings, out);
    put_flag(queue.scope == DeduplicationScope::MessageGroup, out);
    put_time(queue.created_at, out);
    put_time(queue.modified_at, out);
    put::presence(out, queue.purged_at.as_ref());
    if let Some(at) = queue.purged_at {
        put_time(at, out);
    }
    out.put_u64_le(queue.purged_below.get());
    put_flag(queue.sends_paused, out);
    put_flag(queue.receives_paused, out);
    put_flag(queue.prefers_returned, out);
}

fn put_touched(touched: &TouchedImage, out: &mut Vec<u8>) {
    put_message(touched.queue, touched.seq, out);
    put_time(touched.sent_at, out);
    out.put_u32_le(touched.size);
    out.put_u8(touched.priority);
    match touched.phase {
        PhaseImage::Delayed { until } => {
            out.put_u8(DELAYED);
            put_time(until, out);
        }
        PhaseImage::InFlight { until } => {
            out.put_u8(IN_FLIGHT);
            put_time(until, out);
        }
        PhaseImage::Ready { turn } => {
            out.put_u8(READY);
            out.put_i64_le(turn);
        }
    }
    let flags = flags(touched);
    out.put_u8(flags);
    if let Some(at) = touched.expires_at {
        put_time(at, out);
    }
    if let Some(group) = &touched.group {
        put::text(out, group.as_str());
    }
    if flags & HAS_RETAINED_FROM != 0 {
        put_time(touched.retained_from, out);
    }
    if flags & HAS_LEASE != 0 {
        out.put_u32_le(touched.receive_count);
        put_time(touched.first_received_at, out);
        put_time(touched.leased_at, out);
        out.put_u64_le(touched.nonce.get());
    }
    if flags & HAS_SOURCE != 0 {
        out.put_u64_le(touched.source.map_or(0, QueueId::get));
        out.put_u32_le(touched.received_elsewhere);
    }
}

fn flags(touched: &TouchedImage) -> u8 {
    let flag = |is_there: bool, flag: u8| if is_there { flag } else { 0 };
    let has_time = touched.first_received_at != Timestamp::ZERO;
    let was_leased = touched.leased_at != Timestamp::ZERO || touched.nonce != Nonce::default();
    let was_received = touched.receive_count > 0 || has_time || was_leased;
    let came = touched.source.is_some() || touched.received_elsewhere > 0;
    flag(touched.expires_at.is_some(), HAS_EXPIRY)
        | flag(touched.group.is_some(), HAS_GROUP)
        | flag(touched.retained_from != touched.sent_at, HAS_RETAINED_FROM)
        | flag(was_received, HAS_LEASE)
        | flag(came, HAS_SOURCE)
        | flag(touched.is_changed, IS_CHANGED)
        | flag(touched.is_repeated, IS_REPEATED)
}

fn put_attempt(attempt: &AttemptImage, out: &mut Vec<u8>) {
    out.put_u64_le(attempt.queue.get());
    out.put_u128_le(attempt.attempt.0);
    out.put_u64_le(attempt.nonce.get());
    put::count(out, attempt.seqs.len());
    for seq in &attempt.seqs {
        out.put_u64_le(seq.get());
    }
    put_time(attempt.ends_at, out);
}

fn put_task(task: &MoveImage, out: &mut Vec<u8>) {
    out.put_u64_le(task.task.get());
    out.put_u64_le(task.source.get());
    put::presence(out, task.target.as_ref());
    if let Some(target) = task.target {
        out.put_u64_le(target.get());
    }
    put::text(out, task.spec.source.as_str());
    put::presence(out, task.spec.target.as_ref());
    if let Some(target) = &task.spec.target {
        put::text(out, target.as_str());
    }
    put::presence(out, task.spec.rate_max.as_ref());
    if let Some(rate) = task.spec.rate_max {
        out.put_u32_le(rate);
    }
    put_filter(&task.spec.filter, out);
    put_time(task.started_at, out);
    out.put_u64_le(task.moved_count);
    out.put_u64_le(task.to_move_count);
    out.put_u64_le(task.cursor.get());
    put_flag(task.cancelling, out);
    put::presence(out, task.outcome.as_ref());
    if let Some(outcome) = &task.outcome {
        put_outcome(outcome, out);
    }
}

fn put_time(at: Timestamp, out: &mut Vec<u8>) {
    out.put_u64_le(at.as_millis());
}

fn put_flag(flag: bool, out: &mut Vec<u8>) {
    out.put_u8(u8::from(flag));
}
