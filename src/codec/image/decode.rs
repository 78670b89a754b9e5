//! From bytes to entries.

use super::{
    ATTEMPT, BASE, DELAYED, GONE, HAS_EXPIRY, HAS_GROUP, HAS_LEASE, HAS_RETAINED_FROM, HAS_SOURCE,
    IN_FLIGHT, IS_CHANGED, IS_REPEATED, MOVE, NAME, QUEUE, READY, TOUCHED, TOUCHED_FLAGS,
};
use crate::{
    codec::{
        reader::{DecodeError, Reader},
        record::{
            decode::{
                take_digest, take_filter, take_group, take_name, take_nonce, take_outcome,
                take_queue, take_seq, take_time,
            },
            settings::take_settings,
        },
    },
    types::{
        AttemptImage, BaseImage, DeduplicationScope, ImageEntry, Lsn, MoveImage, MoveSpec,
        NameImage, Nonce, PhaseImage, QueueId, QueueImage, TaskId, Timestamp, TouchedImage,
    },
};

/// The entries in `bytes`, in order, each handed to `sink`.
pub fn decode_image_entries(
    bytes: &[u8],
    sink: &mut dyn FnMut(ImageEntry),
) -> Result<(), DecodeError> {
    let mut reader = Reader::new(bytes);
    while !reader.is_at_end() {
        let (offset, what) = (reader.offset(), "an entry's type");
        let kind = reader.u8(what)?;
        let length = reader.u32("an entry's length")? as usize;
        let mut fields = Reader::new(reader.take(length, "an entry")?);
        let fields = &mut fields;
        let entry = match kind {
            BASE => ImageEntry::Base(take_base(fields)?),
            QUEUE => ImageEntry::Queue(take_queue_image(fields)?.into()),
            TOUCHED => ImageEntry::Touched(take_touched(fields)?.into()),
            ATTEMPT => ImageEntry::Attempt(take_attempt(fields)?),
            MOVE => ImageEntry::Move(take_task(fields)?.into()),
            GONE => ImageEntry::Gone(take_seq(fields)?),
            NAME => {
                let (name, deleted_at) = (take_name(fields)?, take_time(fields)?);
                ImageEntry::Name(NameImage { name, deleted_at }.into())
            }
            value => return Err(DecodeError::Unknown { offset, what, value: value.into() }),
        };
        fields.finish()?;
        sink(entry);
    }
    Ok(())
}

fn take_base(fields: &mut Reader<'_>) -> Result<BaseImage, DecodeError> {
    Ok(BaseImage {
        applied_lsn: Lsn::new(fields.u64("an LSN")?),
        now: take_time(fields)?,
        next_queue: take_queue(fields)?,
        next_seq: take_seq(fields)?,
        next_task: TaskId::new(fields.u64("a task's id")?),
        retention_held: fields.flag("whether retention is held")?,
    })
}

fn take_queue_image(fields: &mut Reader<'_>) -> Result<QueueImage, DecodeError> {
    Ok(QueueImage {
        id: take_queue(fields)?,
        name: take_name(fields)?,
        settings: take_settings(fields)?,
        scope: if fields.flag("a deduplication scope")? {
            DeduplicationScope::MessageGroup
        } else {
            DeduplicationScope::Queue
        },
        created_at: take_time(fields)?,
        modified_at: take_time(fields)?,
        purged_at: fields.optional("a time", take_time)?,
        purged_below: take_seq(fields)?,
        sends_paused: fields.flag("whether sends are paused")?,
        receives_paused: fields.flag("whether receives are")?,
        prefers_returned: fields.flag("what comes first")?,
    })
}

fn take_touched(fields: &mut Reader<'_>) -> Result<TouchedImage, DecodeError> {
    let (queue, seq) = (take_queue(fields)?, take_seq(fields)?);
    let sent_at = take_time(fields)?;
    let size = fields.u32("a message's size")?;
    let priority = fields.u8("a message's priority")?;
    let phase = take_phase(fields)?;
    let (offset, what) = (fields.offset(), "a message's flags");
    let flags = fields.u8(what)?;
    if flags & !TOUCHED_FLAGS != 0 {
        return Err(DecodeError::Unknown { offset, what, value: flags.into() });
    }
    let has = |flag| flags & flag != 0;
    let mut touched = TouchedImage {
        queue,
        seq,
        sent_at,
        size,
        priority,
        phase,
        expires_at: if has(HAS_EXPIRY) { Some(take_time(fields)?) } else { None },
        group: if has(HAS_GROUP) { Some(take_group(fields)?) } else { None },
        retained_from: if has(HAS_RETAINED_FROM) { take_time(fields)? } else { sent_at },
        receive_count: 0,
        first_received_at: Timestamp::ZERO,
        leased_at: Timestamp::ZERO,
        nonce: Nonce::default(),
        is_changed: has(IS_CHANGED),
        is_repeated: has(IS_REPEATED),
        received_elsewhere: 0,
        source: None,
    };
    if has(HAS_LEASE) {
        touched.receive_count = fields.u32("a receive count")?;
        touched.first_received_at = take_time(fields)?;
        touched.leased_at = take_time(fields)?;
        touched.nonce = take_nonce(fields)?;
    }
    if has(HAS_SOURCE) {
        // No queue has the id 0.
        touched.source = Some(take_queue(fields)?).filter(|id| *id != QueueId::new(0));
        touched.received_elsewhere = fields.u32("a receive count")?;
    }
    Ok(touched)
}

fn take_phase(fields: &mut Reader<'_>) -> Result<PhaseImage, DecodeError> {
    let (offset, what) = (fields.offset(), "where a message is");
    Ok(match fields.u8(what)? {
        DELAYED => PhaseImage::Delayed { until: take_time(fields)? },
        IN_FLIGHT => PhaseImage::InFlight { until: take_time(fields)? },
        READY => PhaseImage::Ready { turn: fields.u64("a turn")?.cast_signed() },
        value => return Err(DecodeError::Unknown { offset, what, value: value.into() }),
    })
}

fn take_attempt(fields: &mut Reader<'_>) -> Result<AttemptImage, DecodeError> {
    Ok(AttemptImage {
        queue: take_queue(fields)?,
        attempt: take_digest(fields)?,
        nonce: take_nonce(fields)?,
        seqs: fields.list("an attempt's messages", take_seq)?,
        ends_at: take_time(fields)?,
    })
}

fn take_task(fields: &mut Reader<'_>) -> Result<MoveImage, DecodeError> {
    Ok(MoveImage {
        task: TaskId::new(fields.u64("a task's id")?),
        source: take_queue(fields)?,
        target: fields.optional("a target", take_queue)?,
        spec: MoveSpec {
            source: take_name(fields)?,
            target: fields.optional("a target", take_name)?,
            rate_max: fields.optional("a rate", |fields| fields.u32("a rate"))?,
            filter: take_filter(fields)?,
        },
        started_at: take_time(fields)?,
        moved_count: fields.u64("a count of messages")?,
        to_move_count: fields.u64("a count of messages")?,
        cursor: take_seq(fields)?,
        cancelling: fields.flag("whether a task is to end")?,
        outcome: fields.optional("how a task ended", take_outcome)?,
    })
}
