//! Queue settings as bytes.
//!
//! ```text
//! u64 delay, u64 largest message, u64 retention, u64 receive wait, u64 visibility timeout
//! -- the first version ends here --
//! u8  redrive policy: [text dead-letter queue, u32 most receives]
//! u8  redrive allow policy: 0 all, 1 none, 2 list of texts
//! u8  content deduplication, u8 deduplication scope: 0 queue, 1 message group
//! u8  throughput limit: 0 per queue, 1 per message group
//! u8  retry back-off: [u64 first wait, u8 doubles, u64 longest wait]
//! u16 tags: [text key, text value] each; u16 stored settings: the same
//! ```

use std::collections::BTreeMap;

use bytes::BufMut;

use super::decode::take_name;
use crate::{
    codec::{
        put,
        reader::{DecodeError, Reader},
    },
    types::{
        Backoff, DeduplicationScope, Millis, QueueSettings, RedriveAllow, RedrivePolicy,
        ThroughputLimit,
    },
};

const ALLOW_ALL: u8 = 0;
const ALLOW_NONE: u8 = 1;
const ALLOW_QUEUES: u8 = 2;

pub(in crate::codec) fn put_settings(settings: &QueueSettings, out: &mut Vec<u8>) {
    out.put_u64_le(settings.delay.get());
    out.put_u64_le(settings.message_bytes_max);
    out.put_u64_le(settings.retention.get());
    out.put_u64_le(settings.receive_wait.get());
    out.put_u64_le(settings.visibility_timeout.get());
    put::presence(out, settings.redrive.as_ref());
    if let Some(redrive) = &settings.redrive {
        put::text(out, redrive.dead_letter_queue.as_str());
        out.put_u32_le(redrive.receives_max);
    }
    match &settings.redrive_allow {
        RedriveAllow::All => out.put_u8(ALLOW_ALL),
        RedriveAllow::None => out.put_u8(ALLOW_NONE),
        RedriveAllow::Queues(names) => {
            out.put_u8(ALLOW_QUEUES);
            put::count(out, names.len());
            for name in names {
                put::text(out, name.as_str());
            }
        }
    }
    out.put_u8(u8::from(settings.content_deduplication));
    let in_groups = settings.deduplication_scope == DeduplicationScope::MessageGroup;
    out.put_u8(u8::from(in_groups));
    let per_group = settings.throughput_limit == ThroughputLimit::PerMessageGroup;
    out.put_u8(u8::from(per_group));
    put::presence(out, settings.backoff.as_ref());
    if let Some(backoff) = &settings.backoff {
        out.put_u64_le(backoff.first.get());
        out.put_u8(u8::from(backoff.doubles));
        out.put_u64_le(backoff.max.get());
    }
    put_words(&settings.tags, out);
    put_words(&settings.stored, out);
}

fn put_words(words: &BTreeMap<String, String>, out: &mut Vec<u8>) {
    put::count(out, words.len());
    for (key, value) in words {
        put::text(out, key);
        put::text(out, value);
    }
}

/// The settings of the first version; all others take their defaults.
pub(super) fn take_first_settings(fields: &mut Reader<'_>) -> Result<QueueSettings, DecodeError> {
    let mut next = || fields.u64("a setting");
    Ok(QueueSettings {
        delay: Millis::new(next()?),
        message_bytes_max: next()?,
        retention: Millis::new(next()?),
        receive_wait: Millis::new(next()?),
        visibility_timeout: Millis::new(next()?),
        ..QueueSettings::default()
    })
}

pub(in crate::codec) fn take_settings(
    fields: &mut Reader<'_>,
) -> Result<QueueSettings, DecodeError> {
    let first = take_first_settings(fields)?;
    Ok(QueueSettings {
        redrive: fields.optional("a redrive policy", |fields| {
            let dead_letter_queue = take_name(fields)?;
            Ok(RedrivePolicy { dead_letter_queue, receives_max: fields.u32("most receives")? })
        })?,
        redrive_allow: take_allow(fields)?,
        content_deduplication: fields.flag("content deduplication")?,
        deduplication_scope: if fields.flag("a deduplication scope")? {
            DeduplicationScope::MessageGroup
        } else {
            DeduplicationScope::Queue
        },
        throughput_limit: if fields.flag("a throughput limit")? {
            ThroughputLimit::PerMessageGroup
        } else {
            ThroughputLimit::PerQueue
        },
        backoff: fields.optional("a back-off", |fields| {
            Ok(Backoff {
                first: Millis::new(fields.u64("a wait")?),
                doubles: fields.flag("whether a wait doubles")?,
                max: Millis::new(fields.u64("a wait")?),
            })
        })?,
        tags: take_words(fields)?,
        stored: take_words(fields)?,
        ..first
    })
}

fn take_allow(fields: &mut Reader<'_>) -> Result<RedriveAllow, DecodeError> {
    let (offset, what) = (fields.offset(), "a redrive allow policy");
    Ok(match fields.u8(what)? {
        ALLOW_ALL => RedriveAllow::All,
        ALLOW_NONE => RedriveAllow::None,
        ALLOW_QUEUES => RedriveAllow::Queues(fields.list("source queues", take_name)?),
        value => return Err(DecodeError::Unknown { offset, what, value: u64::from(value) }),
    })
}

fn take_words(fields: &mut Reader<'_>) -> Result<BTreeMap<String, String>, DecodeError> {
    let pair = |fields: &mut Reader<'_>| {
        let key = fields.text("a word")?.to_owned();
        Ok((key, fields.text("a word")?.to_owned()))
    };
    fields.list("words", pair).map(|pairs| pairs.into_iter().collect())
}
