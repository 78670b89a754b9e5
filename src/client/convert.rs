//! Between the generated messages and the crate's own types.

use std::time::Duration;

use super::{Error, Message, Outcomes, Outgoing, Queue, Refusal, Unavailable, UnavailableReason};
use crate::{
    proto::v1,
    types::{
        Attribute, AttributeValue, DeleteOutcome, Millis, QueueCounts, QueueName, QueueSettings,
        SettingsPatch, Timestamp,
    },
};

pub(super) fn settings(patch: &SettingsPatch) -> v1::QueueSettings {
    v1::QueueSettings {
        delay: patch.delay.map(duration),
        max_message_bytes: patch.message_bytes_max,
        retention: patch.retention.map(duration),
        receive_wait: patch.receive_wait.map(duration),
        visibility_timeout: patch.visibility_timeout.map(duration),
        ..v1::QueueSettings::default()
    }
}

pub(super) fn queue(queue: Option<v1::Queue>) -> Result<Queue, Error> {
    let queue = queue.ok_or(Error::Answer("the queue"))?;
    let set = queue.settings.ok_or(Error::Answer("the queue's settings"))?;
    let counts = queue.counts.ok_or(Error::Answer("the queue's counts"))?;
    Ok(Queue {
        name: QueueName::parse(&queue.name).map_err(|_| Error::Answer("the queue's name"))?,
        settings: QueueSettings {
            delay: millis(set.delay, "a delay")?,
            message_bytes_max: set.max_message_bytes.ok_or(Error::Answer("a message size"))?,
            retention: millis(set.retention, "a retention")?,
            receive_wait: millis(set.receive_wait, "a wait")?,
            visibility_timeout: millis(set.visibility_timeout, "a visibility timeout")?,
            ..QueueSettings::default()
        },
        counts: QueueCounts {
            ready: counts.ready,
            delayed: counts.delayed,
            in_flight: counts.in_flight,
            oldest_age: queue
                .oldest_message_age
                .map(|age| millis(Some(age), "an age"))
                .transpose()?,
        },
        created_at: timestamp(queue.created_at, "a time of creation")?,
        modified_at: timestamp(queue.modified_at, "a time of change")?,
    })
}

pub(super) fn send_entry(message: Outgoing) -> v1::SendEntry {
    let attributes = message.attributes.into_iter().map(|attribute| {
        let value = Some(match attribute.value {
            AttributeValue::Text(text) => v1::attribute_value::Value::Text(text),
            AttributeValue::Binary(bytes) => v1::attribute_value::Value::Binary(bytes),
        });
        (attribute.name, v1::AttributeValue { data_type: attribute.data_type, value })
    });
    v1::SendEntry {
        body: message.body,
        attributes: attributes.collect(),
        delay: message.delay.map(duration),
        ..v1::SendEntry::default()
    }
}

pub(super) fn message(message: v1::Message) -> Result<Message, Error> {
    let attributes = message.attributes.into_iter().map(|(name, attribute)| {
        let value = match attribute.value {
            Some(v1::attribute_value::Value::Text(text)) => AttributeValue::Text(text),
            Some(v1::attribute_value::Value::Binary(bytes)) => AttributeValue::Binary(bytes),
            None => return Err(Error::Answer("an attribute's value")),
        };
        Ok(Attribute { name, data_type: attribute.data_type, value })
    });
    Ok(Message {
        message_id: message.message_id,
        receipt_handle: message.receipt_handle,
        body: message.body,
        attributes: attributes.collect::<Result<_, _>>()?,
        sent_at: timestamp(message.sent_at, "a time of sending")?,
        first_received_at: timestamp(message.first_received_at, "a time of receiving")?,
        receive_count: message.receive_count,
        lease_expires_at: timestamp(message.lease_expires_at, "a lease's end")?,
    })
}

pub(super) fn unavailable(message: v1::UnavailableMessage) -> Unavailable {
    let reason = match message.reason() {
        v1::UnavailableReason::ReadFailed => UnavailableReason::ReadFailed,
        v1::UnavailableReason::Damaged => UnavailableReason::Damaged,
        v1::UnavailableReason::Undecodable => UnavailableReason::Undecodable,
        v1::UnavailableReason::Unspecified => UnavailableReason::Other,
    };
    Unavailable {
        reason,
        message_id: message.message_id,
        receipt_handle: message.receipt_handle,
        description: message.description,
    }
}

/// The outcomes of a request of `count` entries.
pub(super) fn outcomes<R, T>(
    results: Vec<R>,
    count: usize,
    read: impl Fn(R) -> Result<Result<T, Refusal>, Error>,
) -> Result<Outcomes<T>, Error> {
    if results.len() != count {
        return Err(Error::Answer("one result for each entry"));
    }
    results.into_iter().map(read).collect()
}

pub(super) fn sent(result: v1::SendResult) -> Result<Result<String, Refusal>, Error> {
    match result.result {
        Some(v1::send_result::Result::Sent(sent)) => Ok(Ok(sent.message_id)),
        Some(v1::send_result::Result::Error(error)) => Ok(Err(Refusal::of_entry(error))),
        None => Err(Error::Answer("the result of an entry")),
    }
}

pub(super) fn deleted(result: v1::DeleteResult) -> Result<Result<DeleteOutcome, Refusal>, Error> {
    match result.result {
        Some(v1::delete_result::Result::Outcome(outcome)) => match outcome.try_into() {
            Ok(v1::DeleteOutcome::Deleted) => Ok(Ok(DeleteOutcome::Deleted)),
            Ok(v1::DeleteOutcome::AlreadyDeleted) => Ok(Ok(DeleteOutcome::AlreadyDeleted)),
            Ok(v1::DeleteOutcome::StaleLease) => Ok(Ok(DeleteOutcome::StaleLease)),
            Ok(v1::DeleteOutcome::Unspecified) | Err(_) => {
                Err(Error::Answer("an outcome of a delete that is known"))
            }
        },
        Some(v1::delete_result::Result::Error(error)) => Ok(Err(Refusal::of_entry(error))),
        None => Err(Error::Answer("the result of an entry")),
    }
}

pub(super) fn visibility_changed(
    result: v1::ChangeVisibilityResult,
) -> Result<Result<Timestamp, Refusal>, Error> {
    use v1::change_visibility_result::Result as Changed;
    match result.result {
        Some(Changed::LeaseExpiresAt(until)) => timestamp(Some(until), "a lease's end").map(Ok),
        Some(Changed::Error(error)) => Ok(Err(Refusal::of_entry(error))),
        None => Err(Error::Answer("the result of an entry")),
    }
}

pub(super) fn duration(millis: Millis) -> prost_types::Duration {
    // Beyond what the message can hold is beyond every limit of the broker as well.
    Duration::from_millis(millis.get())
        .try_into()
        .unwrap_or(prost_types::Duration { seconds: i64::MAX, nanos: 0 })
}

fn millis(duration: Option<prost_types::Duration>, what: &'static str) -> Result<Millis, Error> {
    let duration = duration.and_then(|given| Duration::try_from(given).ok());
    let millis = duration.and_then(|given| u64::try_from(given.as_millis()).ok());
    millis.map(Millis::new).ok_or(Error::Answer(what))
}

fn timestamp(time: Option<prost_types::Timestamp>, what: &'static str) -> Result<Timestamp, Error> {
    let millis = time.and_then(|at| {
        let seconds = u64::try_from(at.seconds).ok()?;
        let part = u64::try_from(at.nanos).ok()? / 1_000_000;
        seconds.checked_mul(1000)?.checked_add(part)
    });
    millis.map(Timestamp::from_millis).ok_or(Error::Answer(what))
}
