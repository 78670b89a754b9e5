//! Results as programs read them: the names and shapes of the JSON are part of the interface.

mod status;

use std::collections::BTreeMap;

use base64::{Engine, prelude::BASE64_STANDARD};
use serde::Serialize;

pub(super) use status::{CheckpointObject, ScrubObject, StatusObject};

use super::{
    output::rfc3339,
    redrive::state as move_state,
    values::{scope_word, state_word, throughput_word},
};
use crate::{
    client::{Message, MessageState, Peeked, Queue, Sent, Unavailable, UnavailableReason},
    types::{
        Attribute, AttributeValue, Backoff, DeleteOutcome, GroupId, Millis, MoveOutcome, MoveSpec,
        MoveTaskView, QueueName, RedriveAllow, Timestamp,
    },
};

/// A queue with its settings and counts.
#[derive(Serialize)]
pub(super) struct QueueObject<'a> {
    queue: &'a str,
    ready: u64,
    delayed: u64,
    in_flight: u64,
    oldest_age_ms: Option<u64>,
    visibility_timeout_ms: u64,
    delay_ms: u64,
    retention_ms: u64,
    receive_wait_ms: u64,
    max_message_bytes: u64,
    created_at: String,
    modified_at: String,
    fifo: bool,
    #[serde(flatten)]
    paused: PausedObject,
    dead_letter_queue: Option<&'a str>,
    max_receives: Option<u32>,
    allow_dead_letters_of: AllowObject<'a>,
    content_deduplication: bool,
    deduplication_scope: &'static str,
    throughput_limit: &'static str,
    retry_backoff: Option<BackoffObject>,
    tags: &'a BTreeMap<String, String>,
    /// Settings of the SQS endpoint that have no effect.
    stored: &'a BTreeMap<String, String>,
}

/// What of a queue is refused.
#[derive(Serialize)]
struct PausedObject {
    sends_paused: bool,
    receives_paused: bool,
}

/// Whose dead letters a queue takes: a word, or names.
#[derive(Serialize)]
#[serde(untagged)]
enum AllowObject<'a> {
    Word(&'static str),
    Queues(Vec<&'a str>),
}

/// How long messages that came back wait.
#[derive(Serialize)]
struct BackoffObject {
    kind: &'static str,
    first_ms: u64,
    max_ms: u64,
}

/// A received message; `body_base64` in place of `body` if that is not UTF-8.
#[derive(Serialize)]
pub(super) struct MessageObject<'a> {
    message_id: &'a str,
    receipt_handle: &'a str,
    queue: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body_base64: Option<String>,
    attributes: BTreeMap<&'a str, AttributeObject<'a>>,
    receive_count: u32,
    sent_at: String,
    first_received_at: String,
    lease_expires_at: String,
    sequence_number: u64,
    priority: u32,
    group: Option<&'a str>,
    deduplication_id: Option<&'a str>,
    trace_header: Option<&'a str>,
    dead_letter_source: Option<&'a str>,
}

/// An attribute; `value_base64` in place of `value` if it is binary.
#[derive(Serialize)]
pub(super) struct AttributeObject<'a> {
    data_type: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value_base64: Option<String>,
}

/// A message that was leased and cannot be given.
#[derive(Serialize)]
pub(super) struct UnavailableObject<'a> {
    message_id: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    receipt_handle: &'a str,
    queue: &'a str,
    unavailable: &'static str,
    description: &'a str,
}

/// A sent message, with the number of its line if it was one of many.
#[derive(Serialize)]
pub(super) struct SentObject<'a> {
    message_id: &'a str,
    sequence_number: u64,
    duplicate: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u64>,
}

/// What became of a receipt handle.
#[derive(Serialize)]
pub(super) struct DeletedObject<'a> {
    pub(super) receipt_handle: &'a str,
    pub(super) outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) error: Option<String>,
}

/// What became of a message that was to be cancelled.
#[derive(Serialize)]
pub(super) struct CancelledObject<'a> {
    pub(super) message_id: &'a str,
    pub(super) outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) error: Option<String>,
}

/// A message that was looked at; without `body` and `body_base64` if it was not asked for.
#[derive(Serialize)]
pub(super) struct PeekedObject<'a> {
    message_id: &'a str,
    queue: &'a str,
    state: &'static str,
    ready_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body_base64: Option<String>,
    body_bytes: u64,
    attributes: BTreeMap<&'a str, AttributeObject<'a>>,
    receive_count: u32,
    sent_at: String,
    first_received_at: Option<String>,
    sequence_number: u64,
    priority: u32,
    group: Option<&'a str>,
    deduplication_id: Option<&'a str>,
    trace_header: Option<&'a str>,
    dead_letter_source: Option<&'a str>,
}

/// A move task that was started, or would have been.
#[derive(Serialize)]
pub(super) struct MoveStartedObject {
    pub(super) task_id: Option<u64>,
    pub(super) outcome: &'static str,
    pub(super) to_move_count: u64,
}

/// A move task.
#[derive(Serialize)]
pub(super) struct MoveObject<'a> {
    task_id: u64,
    source: &'a str,
    target: Option<&'a str>,
    state: &'static str,
    failure: Option<&'a str>,
    moved_count: u64,
    to_move_count: u64,
    rate: Option<u32>,
    group: Option<&'a str>,
    min_age_ms: Option<u64>,
    attribute: Option<FilterObject<'a>>,
    started_at: String,
}

/// The attribute that messages of a move task have.
#[derive(Serialize)]
struct FilterObject<'a> {
    name: &'a str,
    #[serde(flatten)]
    value: AttributeObject<'a>,
}

/// What one step of a transact did.
#[derive(Serialize)]
pub(super) struct StepObject<'a> {
    step: usize,
    outcome: &'static str,
    #[serde(flatten)]
    sent: Option<SentObject<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lease_expires_at: Option<String>,
}

/// A queue to which something was done.
#[derive(Serialize)]
pub(super) struct QueueDone<'a> {
    pub(super) queue: &'a str,
    pub(super) outcome: &'static str,
}

impl<'a> SentObject<'a> {
    pub(super) fn new(sent: &'a Sent, line: Option<u64>) -> Self {
        let Sent { message_id, sequence_number, is_duplicate } = sent;
        Self { message_id, sequence_number: *sequence_number, duplicate: *is_duplicate, line }
    }
}

impl<'a> AllowObject<'a> {
    fn new(allow: &'a RedriveAllow) -> Self {
        match allow {
            RedriveAllow::All => Self::Word("all"),
            RedriveAllow::None => Self::Word("none"),
            RedriveAllow::Queues(queues) => {
                Self::Queues(queues.iter().map(QueueName::as_str).collect())
            }
        }
    }
}

impl BackoffObject {
    fn new(backoff: Backoff) -> Self {
        let kind = if backoff.doubles { "exponential" } else { "fixed" };
        Self { kind, first_ms: backoff.first.get(), max_ms: backoff.max.get() }
    }
}

impl<'a> QueueObject<'a> {
    pub(super) fn new(queue: &'a Queue) -> Self {
        let settings = &queue.settings;
        let redrive = settings.redrive.as_ref();
        Self {
            queue: queue.name.as_str(),
            ready: queue.counts.ready,
            delayed: queue.counts.delayed,
            in_flight: queue.counts.in_flight,
            oldest_age_ms: queue.counts.oldest_age.map(Millis::get),
            visibility_timeout_ms: settings.visibility_timeout.get(),
            delay_ms: settings.delay.get(),
            retention_ms: settings.retention.get(),
            receive_wait_ms: settings.receive_wait.get(),
            max_message_bytes: settings.message_bytes_max,
            created_at: rfc3339(queue.created_at),
            modified_at: rfc3339(queue.modified_at),
            fifo: queue.name.is_fifo(),
            paused: PausedObject {
                sends_paused: queue.sends_paused,
                receives_paused: queue.receives_paused,
            },
            dead_letter_queue: redrive.map(|redrive| redrive.dead_letter_queue.as_str()),
            max_receives: redrive.map(|redrive| redrive.receives_max),
            allow_dead_letters_of: AllowObject::new(&settings.redrive_allow),
            content_deduplication: settings.content_deduplication,
            deduplication_scope: scope_word(settings.deduplication_scope),
            throughput_limit: throughput_word(settings.throughput_limit),
            retry_backoff: settings.backoff.map(BackoffObject::new),
            tags: &settings.tags,
            stored: &settings.stored,
        }
    }
}

impl<'a> MessageObject<'a> {
    pub(super) fn new(queue: &'a QueueName, message: &'a Message) -> Self {
        let body = std::str::from_utf8(&message.body).ok();
        Self {
            message_id: &message.message_id,
            receipt_handle: &message.receipt_handle,
            queue: queue.as_str(),
            body,
            body_base64: body.is_none().then(|| BASE64_STANDARD.encode(&message.body)),
            attributes: message.attributes.iter().map(attribute).collect(),
            receive_count: message.receive_count,
            sent_at: rfc3339(message.sent_at),
            first_received_at: rfc3339(message.first_received_at),
            lease_expires_at: rfc3339(message.lease_expires_at),
            sequence_number: message.sequence_number,
            priority: message.priority,
            group: message.group.as_ref().map(GroupId::as_str),
            deduplication_id: message.deduplication_id.as_deref(),
            trace_header: message.trace_header.as_deref(),
            dead_letter_source: message.dead_letter_source.as_deref(),
        }
    }
}

impl<'a> PeekedObject<'a> {
    pub(super) fn new(queue: &'a QueueName, message: &'a Peeked) -> Self {
        let text = message.body.as_ref().and_then(|body| std::str::from_utf8(body).ok());
        let binary = message.body.as_ref().filter(|_| text.is_none());
        let ready_at = match message.state {
            MessageState::Ready => None,
            MessageState::Delayed { until } | MessageState::InFlight { until } => Some(until),
        };
        Self {
            message_id: &message.message_id,
            queue: queue.as_str(),
            state: state_word(message.state),
            ready_at: ready_at.map(rfc3339),
            body: text,
            body_base64: binary.map(|body| BASE64_STANDARD.encode(body)),
            body_bytes: message.body_bytes,
            attributes: message.attributes.iter().map(attribute).collect(),
            receive_count: message.receive_count,
            sent_at: rfc3339(message.sent_at),
            first_received_at: message.first_received_at.map(rfc3339),
            sequence_number: message.sequence_number,
            priority: message.priority,
            group: message.group.as_ref().map(GroupId::as_str),
            deduplication_id: message.deduplication_id.as_deref(),
            trace_header: message.trace_header.as_deref(),
            dead_letter_source: message.dead_letter_source.as_deref(),
        }
    }
}

impl<'a> MoveObject<'a> {
    pub(super) fn new(task: &'a MoveTaskView) -> Self {
        let MoveSpec { source, target, rate_max, filter } = &task.spec;
        let failure = match &task.outcome {
            Some(MoveOutcome::Failed { reason }) => Some(reason.as_str()),
            Some(MoveOutcome::Completed | MoveOutcome::Cancelled) | None => None,
        };
        Self {
            task_id: task.id.get(),
            source: source.as_str(),
            target: target.as_ref().map(QueueName::as_str),
            state: move_state(task),
            failure,
            moved_count: task.moved_count,
            to_move_count: task.to_move_count,
            rate: *rate_max,
            group: filter.group.as_ref().map(GroupId::as_str),
            min_age_ms: filter.age_min.map(Millis::get),
            attribute: filter.attribute.as_ref().map(|filter| {
                let (name, value) = attribute(filter);
                FilterObject { name, value }
            }),
            started_at: rfc3339(task.started_at),
        }
    }
}

impl<'a> StepObject<'a> {
    pub(super) fn sent(step: usize, sent: SentObject<'a>) -> Self {
        Self { step, outcome: "sent", sent: Some(sent), lease_expires_at: None }
    }

    pub(super) fn deleted(step: usize) -> Self {
        Self { step, outcome: "deleted", sent: None, lease_expires_at: None }
    }

    pub(super) fn changed(step: usize, until: Timestamp) -> Self {
        let lease_expires_at = Some(rfc3339(until));
        Self { step, outcome: "visibility_changed", sent: None, lease_expires_at }
    }
}

impl<'a> UnavailableObject<'a> {
    pub(super) fn new(queue: &'a QueueName, message: &'a Unavailable) -> Self {
        Self {
            message_id: &message.message_id,
            receipt_handle: &message.receipt_handle,
            queue: queue.as_str(),
            unavailable: match message.reason {
                UnavailableReason::ReadFailed => "read_failed",
                UnavailableReason::Damaged => "damaged",
                UnavailableReason::Undecodable => "undecodable",
                UnavailableReason::Other => "other",
            },
            description: &message.description,
        }
    }
}

fn attribute(attribute: &Attribute) -> (&str, AttributeObject<'_>) {
    let (value, value_base64) = match &attribute.value {
        AttributeValue::Text(text) => (Some(text.as_str()), None),
        AttributeValue::Binary(bytes) => (None, Some(BASE64_STANDARD.encode(bytes))),
    };
    let data_type = attribute.data_type.as_str();
    (&attribute.name, AttributeObject { data_type, value, value_base64 })
}

/// What a delete did, as programs read it.
pub(super) fn delete_outcome(outcome: DeleteOutcome) -> &'static str {
    match outcome {
        DeleteOutcome::Deleted => "deleted",
        DeleteOutcome::AlreadyDeleted => "already_deleted",
        DeleteOutcome::StaleLease => "stale_lease",
    }
}

#[cfg(test)]
mod tests;
